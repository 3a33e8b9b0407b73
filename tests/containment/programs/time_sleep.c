/* time_sleep.c - does nothing, for ever. */
#include "attempt.h"

#include <unistd.h>

int
main(void)
{
	for (int i = 0; i < 60; i++)
		sleep(1);
	return escaped("slept for a minute");
}
