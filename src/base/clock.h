/* clock.h - time: monotonic for limits, wall clock for records. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t clock_now_us(void);

/* Seconds, milliseconds since 1970. */
int64_t clock_wall_s(void);
int64_t clock_wall_ms(void);

/* CPU time in microseconds that the process used, all its threads summed, by its process CPU clock: no
 * permission is needed, across uids and pid namespaces.  -1 when there is no such process. */
int64_t clock_cpu_us(pid_t pid);

enum { CLOCK_TEXT_SIZE = 32 };

/* RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z */
void clock_format_now(char text[CLOCK_TEXT_SIZE]);

/* The same of so many milliseconds since 1970, and back: of this form alone, -EINVAL for any other (NULL
 * too). What lies before 1970 or behind 9999 is written as the end of the range. */
void clock_format(int64_t ms, char text[CLOCK_TEXT_SIZE]);
int clock_parse(const char *text, int64_t *ms);
