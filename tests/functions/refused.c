/* refused.c - makes calls that are refused: one while it is loaded, others for each request. */
#define _GNU_SOURCE
#include <cfn.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

CFN_EXPORT cfn_handler refused, burns;

__attribute__((constructor)) static void
loaded(void)
{
	syscall(SYS_keyctl, 0, -3, 1);
	syscall(SYS_kexec_load, 0, 0, 0, 0);
	syscall(SYS_acct, 0);
}

static const char *
name_of(long rc)
{
	return rc < 0 ? strerrorname_np(errno) : "ALLOWED";
}

/* ?dangerous=N times socket, ?unknown=N times pidfd_open, and once what depends on an argument. */
int
refused(cfn_request *q, cfn_response *r)
{
	const char *a = "none", *b = "none", *c;
	long n = 0;

	if (cfn_query_int(q, "dangerous", 0, 100000, &n) == 0)
		while (n-- > 0)
			a = name_of(socket(AF_INET, SOCK_STREAM, 0));
	if (cfn_query_int(q, "unknown", 0, 100000, &n) == 0)
		while (n-- > 0)
			b = name_of(syscall(SYS_pidfd_open, 1, 0));
	c = name_of(fcntl(1, F_SETPIPE_SZ, 4096));
	return cfn_send(r, 200, "text/plain", "%s %s %s\n", a, b, c);
}

int
burns(cfn_request *q, cfn_response *r)
{
	(void)q;
	(void)r;
	for (volatile int i = 0;; i++)
		;
}
