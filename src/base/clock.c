/* clock.c - time: monotonic for limits, wall clock for records. */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST_MS INT64_C(253402300799999) /* of the year 9999 */

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

int64_t
clock_wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
clock_format(int64_t ms, char text[CLOCK_TEXT_SIZE])
{
	int64_t shown = ms < 0 ? 0 : ms > LAST_MS ? LAST_MS : ms;
	time_t s = (time_t)(shown / 1000);
	struct tm tm;
	char date[24];

	gmtime_r(&s, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, CLOCK_TEXT_SIZE, "%s.%03dZ", date, (int)(shown % 1000));
}

void
clock_format_now(char text[CLOCK_TEXT_SIZE])
{
	clock_format(clock_wall_ms(), text);
}

int
clock_parse(const char *text, int64_t *ms)
{
	struct tm tm = { 0 };
	char again[CLOCK_TEXT_SIZE];
	unsigned milli = 0;
	int64_t value;

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3uZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
	                    &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &milli) != 7)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	value = (int64_t)timegm(&tm) * 1000 + milli;
	/* There and back: signs, blanks, a 31st of February and what stands behind are all no time. */
	clock_format(value, again);
	if (strcmp(again, text) != 0)
		return -EINVAL;
	*ms = value;
	return 0;
}
