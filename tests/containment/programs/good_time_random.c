/* good_time_random.c - clocks, a sleep, random bytes. */
#include "attempt.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

int
main(void)
{
	struct timespec before, after, rest = { 0, 20000000 };
	unsigned char bytes[16];
	char text[64];
	time_t now = time(NULL);

	clock_gettime(CLOCK_MONOTONIC, &before);
	nanosleep(&rest, NULL);
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (now < 1600000000 ||
	    (after.tv_sec == before.tv_sec && after.tv_nsec - before.tv_nsec < rest.tv_nsec) ||
	    getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes ||
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now)) == 0)
		return broken("%s", attempt_error());
	return works("all of it");
}
