/* sig_everybody.c - signals to everybody and to init, which must not end anything but itself. */
#include "attempt.h"

#include <signal.h>
#include <unistd.h>

int
main(void)
{
	static const int signals[] = { SIGTERM, SIGSTOP, SIGKILL, SIGHUP };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		kill(1, signals[i]);
		kill(getppid(), signals[i]);
		kill(-1, signals[i]);
	}
	return contained("alive");
}
