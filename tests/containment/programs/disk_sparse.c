/* disk_sparse.c - a file that claims a terabyte, for whoever copies it. */
#include "attempt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int
main(void)
{
	int fd = open("out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	signal(SIGXFSZ, SIG_IGN);
	if (fd < 0 || ftruncate(fd, 1L << 40) == 0 || fallocate(fd, 0, 0, 1L << 30) == 0)
		return escaped("made");
	return contained("%s", attempt_error());
}
