/* keeps.c - what cfn_init opened and set, in /tmp, belongs to the worker, not to a request. */
#define _GNU_SOURCE
#include <cfn.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

CFN_EXPORT cfn_handler keeps;

static int file;

static void
on_signal(int number)
{
	(void)number;
}

int
cfn_init(void)
{
	file = open("kept", O_RDWR | O_CREAT, 0600);
	signal(SIGUSR2, on_signal);
	return file < 0 ? -1 : 0;
}

int
keeps(cfn_request *q, cfn_response *r)
{
	struct sigaction action;

	(void)q;
	sigaction(SIGUSR2, NULL, &action);
	signal(SIGUSR2, SIG_IGN);
	return cfn_send(r, 200, "text/plain", "%s, %s\n", write(file, "x", 1) == 1 ? "open" : "closed",
	                action.sa_handler == on_signal ? "handled" : "not handled");
}
