/* files.c - the files of a cgroup, by the descriptor of its folder. */
#include "cgroup/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

static int
open_below(int folder, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_NOFOLLOW | O_CLOEXEC,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };
	int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);

	return fd < 0 ? -errno : fd;
}

int
files_open(int folder, const char *path)
{
	return open_below(folder, path, O_RDONLY | O_DIRECTORY);
}

int
files_read(int folder, const char *name, char text[FILE_TEXT_SIZE])
{
	AUTO_FD fd = open_below(folder, name, O_RDONLY);
	ssize_t n = fd < 0 ? fd : fd_read_all(fd, text, FILE_TEXT_SIZE - 1);

	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return 0;
}

int
files_write(int folder, const char *name, const char *text)
{
	AUTO_FD fd = open_below(folder, name, O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}
