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
#include "base/macros.h"

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

/* What the stages behind the exec need: the ids; mounts, host name and pivot_root; bounding set and
 * securebits. */
static const cap_value_t needed[] = { CAP_SETUID, CAP_SETGID, CAP_SYS_ADMIN, CAP_SETPCAP };

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
	if (!caps || cap_set_flag(caps, CAP_INHERITABLE, ARRAY_SIZE(needed), needed, CAP_SET) < 0 ||
	    cap_set_proc(caps) < 0)
		rc = err_set(e, errno, "make inheritable");
	for (size_t i = 0; i < ARRAY_SIZE(needed) && rc == 0; i++)
		if (cap_set_ambient(needed[i], CAP_SET) < 0)
			rc = err_set(e, errno, "keep over exec");
	cap_free(caps);
	return rc;
}
