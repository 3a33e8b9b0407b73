/* fs_reopen_stdio.c - a standard stream that is a file could be read back, cut, or opened again with more
 * rights. */
#include "attempt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int
main(void)
{
	struct stat st;
	char path[40];

	for (int fd = 0; fd < 3; fd++) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode)))
			return escaped("descriptor %d is a file or a socket", fd);
		if (open(path, O_RDWR | O_CLOEXEC) >= 0)
			return escaped("descriptor %d opens again", fd);
	}
	return contained("%s", attempt_error());
}
