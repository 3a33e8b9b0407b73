/* time_sigstop.c - stops instead of ending, and all of its children with it. */
#include "attempt.h"

#include <signal.h>
#include <unistd.h>

int
main(void)
{
	if (fork() == 0)
		for (;;)
			raise(SIGSTOP);
	raise(SIGSTOP);
	return escaped("somebody woke it");
}
