/* box_files.c - files into a box before its payload runs, and out of it afterwards, when nothing of it is
 * trusted. */
#include "sandbox/box_parts.h"

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
#include "sandbox/mounts.h"

static int
open_below(int folder, const char *path, uint64_t flags, uint64_t mode)
{
	struct open_how how = {
		.flags = flags | O_NOFOLLOW | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

static int
folders_make(int folder, const char *path, struct err *e)
{
	char prefix[PATH_MAX];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(prefix, sizeof prefix, "%.*s", (int)(p - path), path);
		if (mkdirat(folder, prefix, 0700) < 0 && errno != EEXIST)
			return err_set(e, errno, "mkdir '%s'", prefix);
	}
	return 0;
}

static int
file_write(int folder, const struct box_file *f, mode_t mode, struct err *e)
{
	AUTO_FD fd = -1;
	int rc = folders_make(folder, f->path, e);

	if (rc < 0)
		return rc;
	fd = open_below(folder, f->path, O_CREAT | O_EXCL | O_WRONLY, mode);
	if (fd < 0)
		return err_set(e, errno, "create '%s'", f->path);
	rc = fd_write_all(fd, f->data, f->size);
	return rc < 0 ? err_set(e, -rc, "write '%s'", f->path) : 0;
}

static int
program_write(const struct box_plan *plan, struct err *e)
{
	AUTO_FD folder = open(SANDBOX_PROGRAM, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return err_set(e, errno, "open '%s'", SANDBOX_PROGRAM);
	for (size_t i = 0; i < plan->n_program; i++)
		if (file_write(folder, &plan->program[i], 0500, e) < 0)
			return -e->code;
	return mount_restrict(folder, MOUNT_ATTR_RDONLY, false, e);
}

/* The working folder is /work. */
int
box_files_write(const struct box_plan *plan, struct err *e)
{
	for (size_t i = 0; i < plan->n_files; i++)
		if (file_write(AT_FDCWD, &plan->files[i], 0600, e) < 0)
			return -e->code;
	return plan->n_program > 0 ? program_write(plan, e) : 0;
}

int
box_file_open(const char *path)
{
	return open_below(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

int
box_file_read(int fd, uint64_t max, char **data, size_t *n)
{
	struct stat st;
	struct err e;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || (uint64_t)st.st_size > max)
		return -1;
	return fd_read_file(fd, max, data, n, &e) < 0 ? -1 : 0;
}

int
box_file_take(int fd, uint64_t max)
{
	AUTO_FREE char *data = NULL;
	struct err e;
	size_t n;
	int sealed;

	if (box_file_read(fd, max, &data, &n) < 0)
		return -1;
	sealed = fd_sealed_memory("cfn-collected", data, n, &e);
	return sealed < 0 ? -1 : sealed;
}
