/* mounts.c - detached mounts. */
#include <stdbool.h>

#include "sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/sandbox.h"

static int
tmpfs_number(int fs, const char *key, uint64_t value, struct err *e)
{
	char text[32];

	if (value == 0)
		return err_set(e, EINVAL, "tmpfs: %s is 0", key);
	snprintf(text, sizeof text, "%" PRIu64, value);
	if (fsconfig(fs, FSCONFIG_SET_STRING, key, text, 0) < 0)
		return err_set(e, errno, "tmpfs: %s=%s", key, text);
	return 0;
}

static int
tmpfs_bound(int fs, const struct tmpfs *t, struct err *e)
{
	int rc = tmpfs_number(fs, "size", t->size, e);

	return rc < 0 ? rc : tmpfs_number(fs, "nr_inodes", t->inodes, e);
}

int
mount_tmpfs(const struct tmpfs *t, struct err *e)
{
	AUTO_FD fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0)
		return err_set(e, errno, "fsopen tmpfs");
	if (tmpfs_bound(fs, t, e) < 0)
		return -e->code;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "mode", t->mode, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(e, errno, "create tmpfs");
	mount = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)t->attributes);
	if (mount < 0)
		return err_set(e, errno, "fsmount");
	return mount;
}

int
mount_tmpfs_resize(const struct tmpfs *t, const char *path, struct err *e)
{
	AUTO_FD fs = fspick(AT_FDCWD, path, FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT);

	if (fs < 0)
		return err_set(e, errno, "fspick '%s'", path);
	if (tmpfs_bound(fs, t, e) < 0)
		return -e->code;
	if (fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return err_set(e, errno, "resize tmpfs");
	return 0;
}

int
mount_restrict(int mount, uint64_t attributes, bool is_recursive, struct err *e)
{
	struct mount_attr attr = { .attr_set = attributes };
	unsigned flags = AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0U);

	if (mount_setattr(mount, "", flags, &attr, sizeof attr) < 0)
		return err_set(e, errno, "mount_setattr");
	return 0;
}

int
mount_copy(int fd, uint64_t attributes, struct err *e)
{
	AUTO_FD tree = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
	int made;

	if (tree < 0)
		return err_set(e, errno, "open_tree");
	if (mount_restrict(tree, attributes, true, e) < 0)
		return -e->code;
	made = tree;
	tree = -1;
	return made;
}

int
mount_attach(int mount, int folder, const char *path, struct err *e)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0U : MOVE_MOUNT_T_EMPTY_PATH);

	if (move_mount(mount, "", folder, path, flags) < 0)
		return err_set(e, errno, "move_mount to '%s'", path);
	return 0;
}

static int
open_below(int folder, const char *name, uint64_t resolve, struct err *e)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve,
	};
	int fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof how);

	if (fd < 0)
		return err_set(e, errno, "open folder '%s'", name);
	return fd;
}

int
mount_point_open(int folder, const char *name, struct err *e)
{
	return open_below(folder, name, RESOLVE_NO_XDEV, e);
}

int
sandbox_folder_open(int dirfd, const char *name, bool is_read_only, struct err *e)
{
	const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
	                            MOUNT_ATTR_NOSYMFOLLOW | (is_read_only ? MOUNT_ATTR_RDONLY : 0);
	AUTO_FD folder = open_below(dirfd, name, 0, e);
	AUTO_FD point = -1, tree = -1;
	int made;

	if (folder < 0)
		return folder;
	point = mount_point_open(folder, "tmp", e);
	if (point < 0)
		return err_wrap(e, "shared folder '%s'", name);
	/* Not recursive: folders are never nested, and nothing may be mounted in them. */
	tree = open_tree(folder, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_set(e, errno, "shared folder '%s': open_tree", name);
	if (mount_restrict(tree, attributes, false, e) < 0)
		return err_wrap(e, "shared folder '%s'", name);
	made = tree;
	tree = -1;
	return made;
}

static int
socket_open(const char *path, struct err *e)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		                .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
	struct stat st;

	if (fd < 0)
		return err_set(e, errno, "socket %s%s", path,
		               errno == ELOOP ? " (a link is not followed)" : "");
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
		return fd;
	close(fd);
	return err_set(e, ENOTSOCK, "socket %s", path);
}

int
sandbox_socket_open(const char *path, struct err *e)
{
	const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
	                            MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_RDONLY;
	AUTO_FD fd = socket_open(path, e);
	AUTO_FD tree = -1;
	int made;

	if (fd < 0)
		return fd;
	tree = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_set(e, errno, "socket %s: open_tree", path);
	if (mount_restrict(tree, attributes, false, e) < 0)
		return err_wrap(e, "socket %s", path);
	made = tree;
	tree = -1;
	return made;
}
