/* fs_dir_fd_leak.c - a descriptor of a directory outside would be a way out, and so would a working
 * directory. */
#include "attempt.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

int
main(void)
{
	char cwd[PATH_MAX];
	struct stat st;

	for (int fd = 0; fd < 4096; fd++)
		if (openat(fd, "..", O_RDONLY | O_CLOEXEC) >= 0 ||
		    (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)))
			return escaped("descriptor %d", fd);
	if (!getcwd(cwd, sizeof cwd) || cwd[0] != '/')
		return escaped("the working directory is outside");
	return contained("none");
}
