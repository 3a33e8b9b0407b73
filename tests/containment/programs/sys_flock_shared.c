/* sys_flock_shared.c - locks a file that other sandboxes see too. */
#include "attempt.h"

#include <fcntl.h>
#include <sys/file.h>

int
main(void)
{
	int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return contained("%s", attempt_error());
	return flock(fd, LOCK_EX | LOCK_NB) == 0 ? attempt_say("ALLOWED", "it")
	                                         : contained("%s", attempt_error());
}
