/* root_system.c - the root of a box: paths of the host, or of a root made for it, read-only; devices, a
 * working folder. */
#include "sandbox/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/mounts.h"

enum {
	PROGRAM_FILE_MIN = 4096, /* an inode for so many bytes */
	ROOT_INODES = 4,         /* itself, /work, /tmp and the program's folder */
};

/* What is mapped of the last one and shared is memory of FILTER_UNCOUNTED's kind. */
static const char *const counted_devices[] = { "/dev/null", "/dev/urandom", "/dev/zero", NULL };
static const char *const uncounted_devices[] = { "/dev/null", "/dev/urandom", NULL };

const char *const *
sandbox_devices(const struct sandbox_profile *profile)
{
	return profile->is_uncounted ? uncounted_devices : counted_devices;
}

/* Path below the new root: without the leading '/'. */
static const char *
below(const char *path)
{
	while (*path == '/')
		path++;
	return path;
}

/* A folder below the new root, whose links lead nowhere else: until it is entered they would lead into the
 * old one. */
static int
folder_open(int root, const char *path, struct err *e)
{
	const struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		                      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);

	return fd < 0 ? err_set(e, errno, "open '/%s' below the new root", path) : fd;
}

/* The folder that the last name of path is in, made where it is missing; one that exists is fine. */
static int
parent_open(int root, const char *path, const char **name, struct err *e)
{
	char prefix[PATH_MAX];
	int at = folder_open(root, ".", e);

	*name = path;
	for (const char *p = strchr(path, '/'); at >= 0 && p; p = strchr(p + 1, '/')) {
		AUTO_FD above = at;

		snprintf(prefix, sizeof prefix, "%.*s", (int)(p - path), path);
		if (mkdirat(above, prefix + (*name - path), 0755) < 0 && errno != EEXIST)
			return err_set(e, errno, "mkdir '/%s'", prefix);
		at = folder_open(root, prefix, e);
		*name = p + 1;
	}
	return at;
}

static int
link_place(int folder, const char *name, int link, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(link, "", target, sizeof target - 1);

	if (n < 0)
		return err_set(e, errno, "readlink '%s'", name);
	target[n] = '\0';
	if (symlinkat(target, folder, name) < 0 && errno != EEXIST)
		return err_set(e, errno, "symlink '%s'", name);
	return 0;
}

/* What a mount is attached to: a folder for a folder, else an empty file. */
static int
point_make(int folder, const char *name, mode_t mode, struct err *e)
{
	AUTO_FD file = -1;

	if (S_ISDIR(mode)) {
		if (mkdirat(folder, name, 0755) < 0 && errno != EEXIST)
			return err_set(e, errno, "mkdir '%s'", name);
		return 0;
	}
	file = openat(folder, name, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
	/* Read-only when a folder above it is already there. */
	if (file < 0 && errno != EROFS)
		return err_set(e, errno, "create '%s'", name);
	return 0;
}

/* What is at path below from, whose links lead nowhere else; -1 when there is nothing. */
static int
path_open(int from, const char *path, int *fd, struct err *e)
{
	const struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		                      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	*fd = (int)syscall(SYS_openat2, from, path, &how, sizeof how);
	return *fd >= 0 || errno == ENOENT || errno == ENOTDIR ? 0 : err_set(e, errno, "open '%s'", path);
}

/* A link as it is, anything else as a mount that is attached nowhere; -1 when there is nothing. */
static int
copy_open(int from, const char *path, uint64_t attributes, int *copy, struct err *e)
{
	AUTO_FD fd = -1;
	struct stat st;
	int rc = path_open(from, path, &fd, e);

	if (rc < 0 || fd < 0)
		return rc;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat '%s'", path);
	if (S_ISLNK(st.st_mode)) {
		*copy = fd;
		fd = -1;
		return 0;
	}
	*copy = mount_copy(fd, attributes, e);
	return *copy < 0 ? err_wrap(e, "'%s'", path) : 0;
}

/* The copies are taken before the new root covers /tmp, where a build tree may be. */
static int
copies_open(const char *folder, const char *const *paths, uint64_t attributes, int copies[SANDBOX_SYSTEM_MAX],
            struct err *e)
{
	AUTO_FD from = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (from < 0)
		return err_set(e, errno, "root '%s'", folder);
	for (size_t i = 0; paths && paths[i]; i++) {
		if (i == SANDBOX_SYSTEM_MAX)
			return err_set(e, E2BIG, "more than %d paths", SANDBOX_SYSTEM_MAX);
		if (copy_open(from, paths[i], attributes, &copies[i], e) < 0)
			return -e->code;
	}
	return 0;
}

static int
copy_place(int root, const char *path, int copy, struct err *e)
{
	AUTO_FD folder = -1;
	const char *name;
	struct stat st;

	if (copy < 0)
		return 0;
	folder = parent_open(root, below(path), &name, e);
	if (folder < 0)
		return folder;
	if (fstat(copy, &st) < 0)
		return err_set(e, errno, "stat '%s'", path);
	if (S_ISLNK(st.st_mode))
		return link_place(folder, name, copy, e);
	if (point_make(folder, name, st.st_mode, e) < 0)
		return err_wrap(e, "'%s'", path);
	return mount_attach(copy, folder, name, e);
}

static int
copies_place(int root, const char *const *paths, const int *copies, struct err *e)
{
	for (size_t i = 0; paths && paths[i]; i++)
		if (copy_place(root, paths[i], copies[i], e) < 0)
			return -e->code;
	return 0;
}

/* A folder of the root as a mount of its own: it stays writable when the root is not. */
static int
folder_bind(int root, const char *name, struct err *e)
{
	AUTO_FD tree = -1;

	if (mkdirat(root, name, 0700) < 0)
		return err_set(e, errno, "mkdir '/%s'", name);
	tree = open_tree(root, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_set(e, errno, "open_tree '%s'", name);
	return mount_attach(tree, root, name, e);
}

/* Writable until init has put the program there. */
static int
program_bind(int root, struct err *e)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_NOEXEC };
	const char *name = below(SANDBOX_PROGRAM);
	int rc = folder_bind(root, name, e);

	if (rc == 0 && mount_setattr(root, name, 0, &attr, sizeof attr) < 0)
		rc = err_set(e, errno, "mount_setattr '%s'", SANDBOX_PROGRAM);
	return rc;
}

static uint64_t
inodes_count(const char *const *paths)
{
	uint64_t n = 0;

	for (; paths && *paths; paths++)
		for (const char *p = *paths; *p; p++)
			n += *p == '/';
	return n;
}

/* One tmpfs is the root, which becomes read-only, and /work and /tmp, which share one limit: what the root
 * itself takes is added to it, and so is the program. */
static struct tmpfs
root_tmpfs(const struct sandbox *s)
{
	const struct sandbox_limits *l = &s->limits;

	return (struct tmpfs){
		.size = l->tmp_size + l->program_size,
		.inodes = l->tmp_inodes + l->program_size / PROGRAM_FILE_MIN + ROOT_INODES +
		          inodes_count(s->system) + inodes_count(sandbox_devices(s->profile)),
		.mode = "0755",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};
}

int
root_system_open(const struct sandbox *s, struct err *e)
{
	const struct tmpfs t = root_tmpfs(s);

	return mount_tmpfs(&t, e);
}

int
root_size_enter(struct sandbox *s, struct err *e)
{
	const struct tmpfs t = root_tmpfs(s);

	return mount_tmpfs_resize(&t, "/", e);
}

static void
copies_close(int copies[SANDBOX_SYSTEM_MAX])
{
	for (size_t i = 0; i < SANDBOX_SYSTEM_MAX; i++)
		fd_close(&copies[i]);
}

static int
root_system_fill(struct sandbox *s, int root, const int *system, const int *devices, struct err *e)
{
	int rc = mount_attach(root, AT_FDCWD, "/tmp", e);

	if (rc < 0)
		return rc;
	if (fchdir(root) < 0)
		return err_set(e, errno, "chdir");
	rc = folder_bind(root, "work", e);
	if (rc == 0)
		rc = folder_bind(root, "tmp", e);
	if (rc == 0 && s->limits.program_size > 0)
		rc = program_bind(root, e);
	if (rc == 0)
		rc = copies_place(root, sandbox_devices(s->profile), devices, e);
	if (rc == 0)
		rc = copies_place(root, s->system, system, e);
	return rc;
}

int
root_system_build(struct sandbox *s, int root, struct err *e)
{
	const char *from = s->system_root ? s->system_root : "/";
	int system[SANDBOX_SYSTEM_MAX], devices[SANDBOX_SYSTEM_MAX], rc;

	memset(system, -1, sizeof system);
	memset(devices, -1, sizeof devices);
	rc =
	    copies_open(from, s->system, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, system, e);
	if (rc == 0)
		rc = copies_open("/", sandbox_devices(s->profile), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
		                 devices, e);
	if (rc == 0)
		rc = root_system_fill(s, root, system, devices, e);
	copies_close(system);
	copies_close(devices);
	return rc;
}

/* There is no proc in a box.  But ld.so, and so whatever is found beside a program, and some compilers read
 * this link and nothing else of it.  It is what the kernel would say of the program that is started, and
 * still that in what this one starts: only for whoever asks. */
int
proc_self_exe_make(const struct sandbox *s, struct err *e)
{
	char path[PATH_MAX];

	if (!s->proc_self_exe)
		return 0;
	if (!realpath(s->proc_self_exe, path))
		snprintf(path, sizeof path, "%s", s->proc_self_exe);
	if (mkdir("/proc", 0755) < 0 || mkdir("/proc/self", 0755) < 0 || symlink(path, "/proc/self/exe") < 0)
		return err_set(e, errno, "/proc/self/exe");
	return 0;
}
