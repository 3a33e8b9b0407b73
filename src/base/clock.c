/* clock.c - time: monotonic for limits, wall clock for records. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t
timespec_us(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_nsec / 1000;
}

uint64_t
clock_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return timespec_us(&t);
}

int64_t
clock_wall_s(void)
{
	return time(NULL);
}

int64_t
clock_cpu_us(pid_t pid)
{
	/* The kernel's encoding of "process CPU clock of pid" (CPUCLOCK_SCHED), as in
	 * clock_getcpuclockid(3), without that function's check of its own. */
	clockid_t clock = (clockid_t)((~(unsigned)pid << 3) | 2);
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		return -1;
	return (int64_t)timespec_us(&t);
}

void
clock_format_now(char text[CLOCK_TEXT_SIZE])
{
	struct timespec t;
	struct tm tm;
	char date[24];

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, CLOCK_TEXT_SIZE, "%s.%03dZ", date, (int)(t.tv_nsec / 1000000 % 1000));
}
