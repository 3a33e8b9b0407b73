/* proc_daemon.c - a grandchild in a session of its own, which ignores signals and keeps the streams open. */
#include "attempt.h"

#include <signal.h>
#include <unistd.h>

static void
proc_daemon_stay(void)
{
	setsid();
	if (fork() != 0)
		_exit(0);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_IGN);
	for (int i = 0; i < 60; i++)
		sleep(1);
	escaped("it lived for a minute");
	_exit(0);
}

int
main(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return contained("%s", attempt_error());
	if (pid == 0)
		proc_daemon_stay();
	return contained("left behind");
}
