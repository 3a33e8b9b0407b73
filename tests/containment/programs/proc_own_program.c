/* proc_own_program.c - runs a program of its own making. */
#include "attempt.h"

#include <fcntl.h>
#include <unistd.h>

int
main(void)
{
	static const char script[] = "#!/bin/sh\necho ESCAPED proc_own_program it ran\n";
	static char *const arguments[] = { (char *)"script", NULL };
	static const char *const names[] = { "cfn_script", "/tmp/cfn_script" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int fd = open(names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0700);

		if (fd < 0 || write(fd, script, sizeof script - 1) < 0 || close(fd) < 0)
			return broken("%s", attempt_error());
		execv(names[i], arguments);
	}
	return contained("%s", attempt_error());
}
