/* smoke.c - requests that a version must answer before it is activated. */
#include "config/smoke.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { STATUS_DIGITS = 3 };

static bool
is_method(const char *text, size_t n)
{
	return n > 0 && n < sizeof((struct smoke *)0)->method &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

/* What a URL may have as it is: the request is made of it byte by byte. */
static bool
is_target(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f || text[i] == '#')
			return false;
	return n > 0 && text[0] == '/';
}

static bool
is_status(const char *text)
{
	return strspn(text, "0123456789") == STATUS_DIGITS && text[STATUS_DIGITS] == '\0' && text[0] >= '1' &&
	       text[0] <= '5';
}

int
smoke_parse(const char *text, struct smoke *smoke, struct err *e)
{
	const char *space = strchr(text, ' '), *equals = strrchr(text, '=');
	const char *target = space != NULL ? space + 1 : text;
	char shown[96];

	log_escape(shown, sizeof shown, text, strlen(text));
	if (strlen(text) >= SMOKE_SIZE)
		return err_set(e, -EINVAL, "a smoke request is over %d bytes", SMOKE_SIZE - 1);
	if (space == NULL || equals == NULL || equals < target || !is_method(text, (size_t)(space - text)) ||
	    !is_target(target, (size_t)(equals - target)) || !is_status(equals + 1))
		return err_set(e, -EINVAL, "smoke request '%s' is not 'METHOD /path=STATUS'", shown);
	snprintf(smoke->method, sizeof smoke->method, "%.*s", (int)(space - text), text);
	snprintf(smoke->target, sizeof smoke->target, "%.*s", (int)(equals - target), target);
	smoke->status = atoi(equals + 1);
	return 0;
}

int
policy_add_smoke(struct function_policy *p, const char *text, struct err *e)
{
	size_t n = 0, size = strlen(text) + 1;
	struct smoke smoke;
	int rc = smoke_parse(text, &smoke, e);

	if (rc < 0)
		return rc;
	for (size_t at = 0; at < p->smokes_size; at += strlen(p->smokes + at) + 1)
		n++;
	if (n == SMOKES_MAX)
		return err_set(e, -E2BIG, "more than %d smoke requests", SMOKES_MAX);
	memcpy(p->smokes + p->smokes_size, text, size);
	p->smokes_size += size;
	return 0;
}
