/* err.c - bounded error texts. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strerrordesc_np, not strerror: no allocation and no locale, so usable after fork. */
static const char *
errno_text(int code)
{
	const char *text = strerrordesc_np(code);

	return text ? text : "unknown error";
}

int
err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list args;
	size_t used;

	e->code = abs(code);
	va_start(args, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, args);
	va_end(args);
	used = strlen(e->text);
	if (code > 0)
		snprintf(e->text + used, sizeof e->text - used, ": %s", errno_text(code));
	return -e->code;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[sizeof e->text];
	va_list args;
	size_t used;

	memcpy(inner, e->text, sizeof inner);
	va_start(args, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, args);
	va_end(args);
	used = strlen(e->text);
	snprintf(e->text + used, sizeof e->text - used, ": %s", inner);
	return -e->code;
}
