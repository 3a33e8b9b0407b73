/* mem_run_own_file.c - maps a file of its own making to be run. */
#include "attempt.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int
main(void)
{
	static char page[4096];
	int fd = open("/tmp/cfn_code", O_CREAT | O_RDWR | O_CLOEXEC, 0700);

	if (fd < 0 || write(fd, page, sizeof page) < 0)
		return broken("%s", attempt_error());
	if (mmap(NULL, sizeof page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		return contained("%s", attempt_error());
	return escaped("mapped");
}
