/* clone.c - the birth of a sandboxed process: clone3, id maps, the start handshake. */
#include "sandbox/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* What to do about a kernel that refuses user namespaces. */
static const char *
clone_advice(int code)
{
	switch (code) {
	case EPERM:
		return " (user namespaces are forbidden here: sysctl kernel.unprivileged_userns_clone=1, or "
		       "an "
		       "AppArmor profile with 'userns,')";
	case ENOSPC:
		return " (no further user namespace: raise sysctl user.max_user_namespaces)";
	case EUSERS:
		return " (user namespaces are nested too deeply)";
	default:
		return "";
	}
}

pid_t
sandbox_clone(const struct sandbox_profile *profile, int cgroup, struct sandbox_process *p, struct err *e)
{
	struct sandbox_process made = { .pidfd = -1, .start = -1 };
	struct clone_args args = {
		.flags = CLONE_PIDFD | profile->namespaces | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uintptr_t)&made.pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup >= 0 ? (unsigned)cgroup : 0,
	};
	int ends[2], code;
	long pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	pid = syscall(SYS_clone3, &args, sizeof args);
	code = errno;
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return err_set(e, code, "new namespaces%s%s", cgroup >= 0 ? " in a cgroup" : "",
		               clone_advice(code));
	}
	made.pid = (pid_t)pid;
	made.start = ends[pid == 0 ? 0 : 1];
	close(ends[pid == 0 ? 1 : 0]);
	if (pid == 0)
		made.pidfd = -1;
	*p = made;
	return made.pid;
}

static int
map_write(int folder, const char *name, const char *text, struct err *e)
{
	AUTO_FD fd = openat(folder, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "open %s", name);
	if (write(fd, text, strlen(text)) < 0)
		return err_set(e, errno, "write '%s' to %s", text, name);
	return 0;
}

/* user_namespaces(7).  setgroups is denied unless the child has groups to give up, which only a privileged
 * parent's child can. */
static int
maps_write(int folder, uid_t uid, gid_t gid, struct err *e)
{
	bool child_drops_groups = geteuid() == 0 && getgroups(0, NULL) > 0;
	char text[64];
	int rc = 0;

	if (!child_drops_groups)
		rc = map_write(folder, "setgroups", "deny", e);
	snprintf(text, sizeof text, "%d %u 1", SANDBOX_ID, uid);
	if (rc == 0)
		rc = map_write(folder, "uid_map", text, e);
	snprintf(text, sizeof text, "%d %u 1", SANDBOX_ID, gid);
	if (rc == 0)
		rc = map_write(folder, "gid_map", text, e);
	return rc;
}

int
sandbox_map(pid_t pid, int proc, uid_t outside_uid, gid_t outside_gid, struct err *e)
{
	AUTO_FD folder = -1;
	char path[32];
	int rc;

	snprintf(path, sizeof path, "%s%d", proc < 0 ? "/proc/" : "", (int)pid);
	folder = openat(proc < 0 ? AT_FDCWD : proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return err_set(e, errno, "open %s of /proc", path);
	rc = maps_write(folder, outside_uid, outside_gid, e);
	return rc < 0 ? err_wrap(e, "id maps") : 0;
}

int
sandbox_release(struct sandbox_process *p, int proc, uid_t outside_uid, gid_t outside_gid, struct err *e)
{
	int rc = sandbox_map(p->pid, proc, outside_uid, outside_gid, e);

	if (rc < 0)
		return rc;
	rc = fd_write_all(p->start, "g", 1);
	if (rc < 0)
		return err_set(e, -rc, "wake the new process");
	fd_close(&p->start);
	return 0;
}

int
sandbox_await(struct sandbox_process *p, struct err *e)
{
	char byte;
	ssize_t n = fd_read_all(p->start, &byte, 1);

	fd_close(&p->start);
	if (n < 0)
		return err_set(e, (int)-n, "wait for the id maps");
	return n == 1 ? 0 : err_set(e, -ECANCELED, "the parent gave up before the id maps were written");
}

void
sandbox_process_done(struct sandbox_process *p)
{
	fd_close(&p->pidfd);
	fd_close(&p->start);
}
