/* attempt.h - what an attempt says: one line, "VERDICT NAME DETAIL".
 *
 * An attempt is a program that tries one forbidden thing, without harm, and tells what came of it. `assemble`
 * puts all of them into one source, each main() under its own name, for a function or for a program. */
#ifndef ATTEMPT_H
#define ATTEMPT_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { ATTEMPT_LINE_SIZE = 512 };

static const char *attempt_name;

/* Where a line goes: to the function's answer, or to standard output. */
static void attempt_line(const char *line);

__attribute__((format(printf, 2, 3))) static int
attempt_say(const char *verdict, const char *format, ...)
{
	char detail[ATTEMPT_LINE_SIZE - 64], line[ATTEMPT_LINE_SIZE];
	va_list values;

	va_start(values, format);
	vsnprintf(detail, sizeof detail, format, values);
	va_end(values);
	snprintf(line, sizeof line, "%s %.40s %s\n", verdict, attempt_name, detail);
	attempt_line(line);
	return 0;
}

static const char *
attempt_error(void)
{
	const char *name = strerrorname_np(errno);

	return name ? name : "unknown";
}

/* A line that begins with ESCAPED, whenever it comes, is a hole. */
#define escaped(...)   attempt_say("ESCAPED", __VA_ARGS__)
#define contained(...) attempt_say("CONTAINED", __VA_ARGS__)
/* Well-behaved programs must go on working. */
#define works(...)  attempt_say("OK", __VA_ARGS__)
#define broken(...) attempt_say("BAD", __VA_ARGS__)
#endif
