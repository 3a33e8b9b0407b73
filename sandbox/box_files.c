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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

static int
open_below(const char *path, uint64_t flags, uint64_t mode)
{
	struct open_how how = {
		.flags = flags | O_NOFOLLOW | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	/* The working folder is /work. */
	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

static int
folders_make(const char *path, struct err *e)
{
	char prefix[PATH_MAX];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(prefix, sizeof prefix, "%.*s", (int)(p - path), path);
		if (mkdir(prefix, 0700) < 0 && errno != EEXIST)
			return err_set(e, errno, "mkdir '%s'", prefix);
	}
	return 0;
}

int
box_files_write(const struct box_plan *plan, struct err *e)
{
	for (size_t i = 0; i < plan->n_files; i++) {
		const struct box_file *f = &plan->files[i];
		AUTO_FD fd = -1;
		int rc = folders_make(f->path, e);

		if (rc < 0)
			return rc;
		fd = open_below(f->path, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0)
			return err_set(e, errno, "create '%s'", f->path);
		rc = fd_write_all(fd, f->data, f->size);
		if (rc < 0)
			return err_set(e, -rc, "write '%s'", f->path);
	}
	return 0;
}

int
box_file_open(const char *path)
{
	return open_below(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

int
box_file_take(int fd, uint64_t max)
{
	AUTO_FREE char *data = NULL;
	struct stat st;
	struct err e;
	size_t n;
	int sealed;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || (uint64_t)st.st_size > max)
		return -1;
	if (fd_read_file(fd, max, &data, &n, &e) < 0)
		return -1;
	sealed = fd_sealed_memory("cfn-collected", data, n, &e);
	return sealed < 0 ? -1 : sealed;
}
