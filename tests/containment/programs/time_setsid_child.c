/* time_setsid_child.c - waits for a child that is in a session of its own and ignores every signal. */
#include "attempt.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return contained("%s", attempt_error());
	if (pid > 0) {
		waitpid(pid, NULL, 0);
		return 0;
	}
	setsid();
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_IGN);
	for (int i = 0; i < 60; i++)
		sleep(1);
	return escaped("lived for a minute");
}
