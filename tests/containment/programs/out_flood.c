/* out_flood.c - prints 64 MiB. */
#include "attempt.h"

#include <signal.h>
#include <unistd.h>

int
main(void)
{
	static char bytes[65536];

	memset(bytes, '\n', sizeof bytes);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 1024; i++)
		if (write(1, bytes, sizeof bytes) <= 0)
			return contained("%s", attempt_error());
	return escaped("all of it was taken");
}
