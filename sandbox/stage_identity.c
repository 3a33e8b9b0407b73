/* stage_identity.c - who the process is in its user namespace, and that there is no further one. */
#include "sandbox/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "base/fd.h"

static bool
groups_are_denied(void)
{
	AUTO_FD fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
	char text[8] = "";

	return fd >= 0 && read(fd, text, sizeof text - 1) >= 4 && strncmp(text, "deny", 4) == 0;
}

/* An ordinary user's supplementary groups cannot be given up in a user namespace; root's can and must. */
static int
groups_drop(struct err *e)
{
	if (getgroups(0, NULL) == 0 || setgroups(0, NULL) == 0)
		return 0;
	if (errno == EPERM && groups_are_denied())
		return 0;
	return err_set(e, errno, "setgroups");
}

/* Away from the terminal of whoever started us. */
int
session_enter(struct sandbox *s, struct err *e)
{
	(void)s;
	if (setsid() < 0)
		return err_set(e, errno, "setsid");
	return 0;
}

int
identity_enter(struct sandbox *s, struct err *e)
{
	(void)s;
	if (groups_drop(e) < 0)
		return -e->code;
	if (setresgid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID) < 0)
		return err_set(e, errno, "setresgid");
	if (setresuid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID) < 0)
		return err_set(e, errno, "setresuid");
	return 0;
}

/* user_namespaces(7): the number is the one of the namespace of whoever opens the file. */
int
nested_namespaces_enter(struct sandbox *s, struct err *e)
{
	static const char path[] = "/proc/sys/user/max_user_namespaces";
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	(void)s;
	if (fd < 0)
		return err_set(e, errno, "open '%s'", path);
	if (write(fd, "0", 1) != 1)
		return err_set(e, errno, "write to '%s'", path);
	return 0;
}

static int
ambient_raise_all(cap_t caps)
{
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		cap_flag_value_t is_permitted = CAP_CLEAR;

		if (cap_get_flag(caps, cap, CAP_PERMITTED, &is_permitted) < 0)
			return -1;
		if (is_permitted == CAP_SET && cap_set_ambient(cap, CAP_SET) < 0)
			return -1;
	}
	return 0;
}

/* capabilities(7): a uid other than 0 loses everything at exec but the ambient set, which needs the
 * inheritable one. */
int
inherited_capabilities_enter(struct sandbox *s, struct err *e)
{
	cap_t caps;
	int rc = 0;

	if (!s->profile->is_execed)
		return 0;
	caps = cap_get_proc();
	if (!caps || cap_fill(caps, CAP_INHERITABLE, CAP_PERMITTED) < 0 || cap_set_proc(caps) < 0 ||
	    ambient_raise_all(caps) < 0)
		rc = err_set(e, errno, "keep over exec");
	cap_free(caps);
	return rc;
}
