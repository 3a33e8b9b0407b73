/* stage_root.c - the file system of a sandbox: the artifact's mount, the new root, leaving the old one. */
#include "sandbox/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/mounts.h"

#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif

enum {
	PAGE = 4096,
	ARTIFACT_INODES = 4,
	EMPTY_ROOT_SIZE = 16 * PAGE,
	EMPTY_ROOT_INODES = 8,
	RUN_INODES = 256, /* the components of four paths */
};

int
propagation_enter(struct sandbox *s, struct err *e)
{
	(void)s;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, errno, "make '/' private");
	return 0;
}

static int
artifact_copy(int from, int folder, uint64_t size, struct err *e)
{
	AUTO_FD to = openat(folder, SANDBOX_ARTIFACT, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0500);
	off_t offset = 0;

	if (to < 0)
		return err_set(e, errno, "create");
	while ((uint64_t)offset < size) {
		ssize_t n = sendfile(to, from, &offset, size - (uint64_t)offset);

		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "copy");
		if (n == 0)
			return err_set(e, EIO, "copy: it is shorter than it was");
	}
	return 0;
}

/* The artifact lives in a tmpfs that no path leads to: dlopen needs a file system that allows to execute, and
 * nothing that the function can name may be one. */
int
artifact_enter(struct sandbox *s, struct err *e)
{
	struct tmpfs t = {
		.inodes = ARTIFACT_INODES,
		.mode = "0700",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	};
	struct stat st;
	int folder;

	if (s->artifact < 0)
		return 0;
	if (fd_check_sealed(s->artifact) < 0)
		return err_set(e, -EPERM, "it is not sealed");
	if (fstat(s->artifact, &st) < 0)
		return err_set(e, errno, "stat");
	s->artifact_size = (uint64_t)st.st_size;
	t.size = s->artifact_size + 2ULL * PAGE;
	folder = mount_tmpfs(&t, e);
	if (folder < 0)
		return folder;
	s->artifact_folder = folder;
	if (artifact_copy(s->artifact, folder, s->artifact_size, e) < 0)
		return -e->code;
	return mount_restrict(folder, MOUNT_ATTR_RDONLY, false, e);
}

/* The folder was opened by somebody else; what it must be is checked where it matters. */
static int
folder_check(const struct sandbox *s, struct err *e)
{
	const unsigned long want =
	    ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOSYMFOLLOW | (s->is_folder_read_only ? ST_RDONLY : 0);
	struct statvfs fs;

	if (fstatvfs(s->folder, &fs) < 0)
		return err_set(e, errno, "shared folder: statvfs");
	if ((fs.f_flag & want) != want)
		return err_set(e, -EINVAL, "shared folder: its mount allows too much (0x%lx)", fs.f_flag);
	return 0;
}

/* A new mount to become the root; its descriptor. */
static int
root_open(const struct sandbox *s, struct err *e)
{
	const struct tmpfs empty = {
		.size = EMPTY_ROOT_SIZE,
		.inodes = EMPTY_ROOT_INODES,
		.mode = "0755",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};

	if (s->folder < 0)
		return s->profile->root == ROOT_SYSTEM ? root_system_open(s, e) : mount_tmpfs(&empty, e);
	if (folder_check(s, e) < 0)
		return -e->code;
	return s->folder;
}

static int
private_tmp_attach(const struct sandbox *s, int root, struct err *e)
{
	const struct tmpfs t = {
		.size = s->limits.tmp_size,
		.inodes = s->limits.tmp_inodes,
		.mode = "0700",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};
	AUTO_FD point = -1, tmp = mount_tmpfs(&t, e);

	if (tmp < 0)
		return err_wrap(e, "/tmp");
	if (s->folder < 0 && mkdirat(root, "tmp", 0700) < 0)
		return err_set(e, errno, "mkdir tmp");
	point = mount_point_open(root, "tmp", e);
	if (point < 0)
		return point;
	return mount_attach(tmp, point, "", e);
}

/* The folders on the way, and a file for the socket to lie on. */
static int
socket_point_make(int run, const char *place, struct err *e)
{
	char path[sizeof((struct sandbox_socket *)0)->place];
	AUTO_FD file = -1;

	snprintf(path, sizeof path, "%s", place);
	for (char *slash = path; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (mkdirat(run, path, 0755) < 0 && errno != EEXIST)
			return err_set(e, errno, "mkdir run/%s", path);
	}
	file = openat(run, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	return file < 0 ? err_set(e, errno, "make run/%s", path) : 0;
}

static int
sockets_fill(const struct sandbox *s, int run, struct err *e)
{
	for (size_t i = 0; i < s->n_sockets; i++) {
		const char *place = s->sockets[i].place + strlen("run/");

		if (socket_point_make(run, place, e) < 0 ||
		    mount_attach(s->sockets[i].mount, run, place, e) < 0)
			return -e->code;
	}
	return mount_restrict(run, MOUNT_ATTR_RDONLY, false, e);
}

/* A folder of their own, which nothing else is in and nothing is added to: who may connect finds these by
 * path and no others. */
static int
sockets_attach(const struct sandbox *s, int root, struct err *e)
{
	const struct tmpfs t = {
		.size = EMPTY_ROOT_SIZE,
		.inodes = RUN_INODES,
		.mode = "0755",
		.attributes =
		    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW,
	};
	AUTO_FD point = -1, run = -1;

	if (s->n_sockets == 0)
		return 0;
	run = mount_tmpfs(&t, e);
	if (run < 0)
		return err_wrap(e, "/run");
	if (s->folder < 0 && mkdirat(root, "run", 0755) < 0)
		return err_set(e, errno, "mkdir run");
	point = mount_point_open(root, "run", e);
	if (point < 0 || mount_attach(run, point, "", e) < 0)
		return -e->code;
	return sockets_fill(s, run, e);
}

static int
root_fill(struct sandbox *s, int root, struct err *e)
{
	switch (s->profile->root) {
	case ROOT_FOLDER:
		return private_tmp_attach(s, root, e) < 0 || sockets_attach(s, root, e) < 0 ? -e->code : 0;
	case ROOT_EMPTY:
		return 0;
	case ROOT_SYSTEM:
		return root_system_build(s, root, e);
	}
	return err_set(e, EINVAL, "root %d", (int)s->profile->root);
}

/* pivot_root(2): with both arguments "." the old root lies over the new one and is taken off by its path. */
static int
root_change(int root, struct err *e)
{
	if (fchdir(root) < 0)
		return err_set(e, errno, "chdir");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(e, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_set(e, errno, "leave the old root");
	if (chdir("/") < 0)
		return err_set(e, errno, "chdir");
	return 0;
}

static const char *
working_folder(enum root_kind root)
{
	switch (root) {
	case ROOT_FOLDER:
		return "/tmp";
	case ROOT_EMPTY:
		return "/";
	case ROOT_SYSTEM:
		return "/work";
	}
	return "/";
}

int
root_enter(struct sandbox *s, struct err *e)
{
	int root = root_open(s, e), rc;
	AUTO_FD own = s->folder < 0 ? root : -1;

	if (root < 0)
		return root;
	/* Any folder does: it is covered in this mount namespace alone, and left. */
	if (s->profile->root != ROOT_SYSTEM) {
		rc = mount_attach(root, AT_FDCWD, "/tmp", e);
		if (rc < 0)
			return rc;
	}
	rc = root_fill(s, root, e);
	if (rc < 0)
		return rc;
	rc = root_change(root, e);
	if (rc < 0)
		return rc;
	rc = proc_self_exe_make(s, e);
	if (rc < 0)
		return rc;
	if (own >= 0 && mount_restrict(own, MOUNT_ATTR_RDONLY, false, e) < 0)
		return -e->code;
	if (chdir(working_folder(s->profile->root)) < 0)
		return err_set(e, errno, "chdir '%s'", working_folder(s->profile->root));
	umask(077);
	return 0;
}

int
host_name_enter(struct sandbox *s, struct err *e)
{
	(void)s;
	if (sethostname("cfn", 3) < 0)
		return err_set(e, errno, "sethostname");
	return 0;
}

int
environment_enter(struct sandbox *s, struct err *e)
{
	if (clearenv() != 0)
		return err_set(e, ENOMEM, "clear");
	for (const char *const *line = s->profile->environment; *line; line++)
		if (putenv((char *)*line) != 0)
			return err_set(e, errno, "set");
	return 0;
}

int
artifact_folder_enter(struct sandbox *s, struct err *e)
{
	if (s->artifact_folder >= 0 && fchdir(s->artifact_folder) < 0)
		return err_set(e, errno, "chdir");
	return 0;
}

int
artifact_folder_leave(struct sandbox *s, struct err *e)
{
	fd_close(&s->artifact_folder);
	if (chdir("/tmp") < 0)
		return err_set(e, errno, "chdir '/tmp'");
	return 0;
}
