/* proc_fork.c - as many processes as it gets, all there at once. */
#include "attempt.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROC_FORK_MAX = 200, PROC_FORK_LIMIT = 64 };

int
main(void)
{
	pid_t children[PROC_FORK_MAX];
	int n = 0, error = 0;

	while (n < PROC_FORK_MAX && error == 0) {
		children[n] = fork();
		if (children[n] == 0)
			for (;;)
				pause();
		if (children[n] < 0)
			error = errno;
		else
			n++;
	}
	for (int i = 0; i < n; i++)
		kill(children[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	errno = error;
	return n > PROC_FORK_LIMIT ? escaped("%d processes", n) : contained("%s", attempt_error());
}
