/* journal.c - lines of the function's log. */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "function/bounds.h"
#include "function/exchange.h"

static const char *const level_names[] = {
	"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug",
};

/* Whatever the text holds, it stays one line. */
static void
flatten(char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
}

void
cfn_log(cfn_request *q, int level, const char *format, ...)
{
	char line[LOG_LINE_MAX + 1];
	const char *name = level >= 0 && level < (int)ARRAY_SIZE(level_names) ? level_names[level] : "info";
	size_t start = (size_t)snprintf(line, sizeof line, "%s: ", name), n;
	va_list args;
	int need;

	va_start(args, format);
	need = vsnprintf(line + start, sizeof line - start, format, args);
	va_end(args);
	if (need < 0)
		return;
	n = start + (size_t)need < sizeof line ? start + (size_t)need : sizeof line - 1;
	flatten(line, n);
	q->io->log(q->io->context, line, n);
}
