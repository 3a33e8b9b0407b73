/* time_destructor.c - ends, but not in its destructors. */
#include "attempt.h"

#include <stdlib.h>
#include <unistd.h>

static void
time_destructor_stay(void)
{
	for (int i = 0; i < 60; i++)
		sleep(1);
	escaped("stayed for a minute");
}

int
main(void)
{
	if (atexit(time_destructor_stay) != 0)
		return broken("atexit");
	exit(0);
}
