/* good_fork_wait.c - a child, a pipe, and how the child ended. */
#include "attempt.h"

#include <sys/wait.h>
#include <unistd.h>

int
main(void)
{
	int ends[2], status;
	char text[16] = "";
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0)
		return broken("%s", attempt_error());
	if (pid == 0)
		_exit(write(ends[1], "child", 6) == 6 ? 7 : 8);
	if (read(ends[0], text, sizeof text) != 6 || waitpid(pid, &status, 0) != pid ||
	    WEXITSTATUS(status) != 7)
		return broken("%s", attempt_error());
	return works("%s", text);
}
