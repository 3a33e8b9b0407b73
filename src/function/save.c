/* save.c - what arrives into a file, which is there as a whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "function/exchange.h"

typedef ssize_t read_next(cfn_request *, void *data, size_t size);

static int64_t
copy_all(cfn_request *q, read_next *next, int fd, int64_t max)
{
	char piece[16 << 10];
	int64_t total = 0;
	ssize_t n;

	while ((n = next(q, piece, sizeof piece)) > 0) {
		total += n;
		if (total > max)
			return -EFBIG;
		n = fd_write_all(fd, piece, (size_t)n);
		if (n < 0)
			return n;
	}
	if (n < 0)
		return n;
	return fsync(fd) < 0 ? -errno : total;
}

/* Beside the file, hidden, so that a rename puts it in place. */
static char *
name_beside(cfn_request *q, const char *path)
{
	const char *slash = strrchr(path, '/');

	return cfn_sprintf(q, "%.*s.cfn-XXXXXX", slash ? (int)(slash + 1 - path) : 0, path);
}

static int64_t
save(cfn_request *q, read_next *next, const char *path, int64_t max)
{
	AUTO_FD fd = -1;
	int64_t rc;
	char *name;

	if (!path || !*path || max < 0)
		return -EINVAL;
	name = name_beside(q, path);
	if (!name)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = copy_all(q, next, fd, max);
	if (rc >= 0 && rename(name, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(name);
	return rc;
}

int64_t
cfn_part_save(cfn_request *q, const char *path, int64_t max)
{
	return q->parts ? save(q, cfn_part_read, path, max) : -EINVAL;
}

int64_t
cfn_save(cfn_request *q, const char *path, int64_t max)
{
	/* What is announced as too large need not be read. */
	if (q->length > max)
		return -EFBIG;
	return save(q, cfn_read, path, max);
}
