/* priv_capabilities.c - what it may, beside its own: capabilities, now or by a program that it would run. */
#include "attempt.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int
main(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct now[2] = { { 0 } };
	int bounding = 0;

	if (syscall(SYS_capget, &head, now) < 0)
		return broken("%s", attempt_error());
	for (int i = 0; i <= CAP_LAST_CAP; i++)
		bounding += prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1;
	if (now[0].effective || now[0].permitted || now[0].inheritable || now[1].effective ||
	    now[1].permitted || now[1].inheritable || bounding)
		return escaped("%x %x, bounding set of %d", now[1].permitted, now[0].permitted, bounding);
	return contained("none, no_new_privs %d, seccomp %d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
	                 prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}
