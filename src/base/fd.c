/* fd.c - descriptors: closing, whole reads and writes, sealed memory files. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

void
free_pointer(void *pointer_to_pointer)
{
	void **p = pointer_to_pointer;

	free(*p);
	*p = NULL;
}

int
fd_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

ssize_t
fd_read_all(int fd, void *data, size_t n)
{
	char *p = data;
	size_t got = 0;

	while (got < n) {
		ssize_t done = read(fd, p + got, n - got);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			break;
		got += (size_t)done;
	}
	return (ssize_t)got;
}

int
fd_read_file(int fd, size_t max, char **data, size_t *n, struct err *e)
{
	AUTO_FREE char *bytes = NULL;
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat");
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "not a regular file");
	if ((size_t)st.st_size > max)
		return err_set(e, -EFBIG, "larger than %zu bytes", max);
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return err_set(e, ENOMEM, "read");
	got = pread(fd, bytes, (size_t)st.st_size, 0);
	if (got < 0)
		return err_set(e, errno, "read");
	bytes[got] = '\0';
	*data = bytes;
	*n = (size_t)got;
	bytes = NULL;
	return 0;
}

static int
seal(int fd, struct err *e)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_set(e, errno, "seal memory file");
	return 0;
}

int
fd_sealed_memory(const char *name, const void *data, size_t n, struct err *e)
{
	AUTO_FD fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc, sealed;

	if (fd < 0)
		return err_set(e, errno, "memfd_create");
	rc = fd_write_all(fd, data, n);
	if (rc < 0)
		return err_set(e, -rc, "write to memory file");
	if (seal(fd, e) < 0)
		return -e->code;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "rewind memory file");
	sealed = fd;
	fd = -1;
	return sealed;
}

int
fd_memory_open(const char *name, size_t n, void **data, struct err *e)
{
	AUTO_FD fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *mapped;
	int opened;

	/* All of it now: a page that is missing later is a SIGBUS. */
	if (fd < 0 || fallocate(fd, 0, 0, (off_t)n) < 0)
		return err_set(e, errno, "memfd_create");
	mapped = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (mapped == MAP_FAILED)
		return err_set(e, errno, "map memory file");
	*data = mapped;
	opened = fd;
	fd = -1;
	return opened;
}

/* A mapping that can be written keeps the seal off. */
int
fd_memory_seal(int fd, void *data, size_t n, struct err *e)
{
	munmap(data, n);
	return seal(fd, e);
}

int
fd_check_sealed(int fd)
{
	const int want = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & want) == want ? 0 : -EPERM;
}

int
fd_check_own_folder(int folder, struct err *e)
{
	struct stat st;

	if (fstat(folder, &st) < 0)
		return err_set(e, errno, "stat");
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, -EPERM, "it must belong to uid %u and be written by nobody else",
		               geteuid());
	return 0;
}

int
fd_set_blocking(int fd, int blocking)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int
fd_set_cloexec(int fd, int cloexec)
{
	return fcntl(fd, F_SETFD, cloexec ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int
fd_close_from(int first, int except)
{
	if (except > first && close_range((unsigned)first, (unsigned)except - 1, 0) < 0)
		return -errno;
	return close_range((unsigned)except + 1, ~0U, 0) < 0 ? -errno : 0;
}

int
fd_place(const int *fds, size_t n, int first)
{
	enum { PLACE_MAX = 32 };
	int safe[PLACE_MAX];

	if (n > PLACE_MAX)
		return -EINVAL;
	/* Two passes: a source may stand where another one has to go. */
	for (size_t i = 0; i < n; i++) {
		safe[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, first + (int)n);
		if (safe[i] < 0 && fds[i] >= 0)
			return -errno;
	}
	for (size_t i = 0; i < n; i++) {
		if (safe[i] < 0) {
			close(first + (int)i);
			continue;
		}
		if (dup2(safe[i], first + (int)i) < 0)
			return -errno;
		close(safe[i]);
	}
	return 0;
}
