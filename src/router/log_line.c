/* log_line.c - one line of a log: its parts. */
#include "router/log_line.h"

#include <stdio.h>
#include <time.h>

#include "base/decimal.h"
#include "base/log.h"

void
line_put(struct line *l, const char *p, size_t n)
{
	if (n == 0 || n > sizeof l->text - l->n)
		return;
	memcpy(l->text + l->n, p, n);
	l->n += n;
}

void
line_put_text(struct line *l, const char *text)
{
	line_put(l, text, strlen(text));
}

void
line_put_number(struct line *l, uint64_t n)
{
	char digits[DECIMAL_MAX];

	line_put(l, digits, decimal_write(digits, n));
}

static bool
is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == '"' || c == '\\' || c >= 0x7f)
			return false;
	}
	return true;
}

void
line_put_escaped(struct line *l, struct span s)
{
	if (is_plain(s))
		line_put(l, s.p, s.n);
	else
		l->n += log_escape_json(l->text + l->n, sizeof l->text - l->n, s.p, s.n);
}

/* ---- "key":value ---- */

static void
line_put_key(struct line *l, const char *key)
{
	line_put_text(l, l->n > 0 ? ",\"" : "{\"");
	line_put_text(l, key);
	line_put_text(l, "\":");
}

void
line_put_string(struct line *l, const char *key, struct span value)
{
	line_put_key(l, key);
	line_put_text(l, "\"");
	line_put_escaped(l, value);
	line_put_text(l, "\"");
}

void
line_put_count(struct line *l, const char *key, uint64_t n)
{
	line_put_key(l, key);
	line_put_number(l, n);
}

/* RFC 3339 in UTC; made anew once a millisecond. */
struct span
line_time(struct router *r)
{
	struct timespec t;
	struct tm tm;
	uint64_t ms;

	clock_gettime(CLOCK_REALTIME, &t);
	ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	if (ms != r->log_ms) {
		size_t n;

		gmtime_r(&t.tv_sec, &tm);
		n = strftime(r->log_time, sizeof r->log_time, "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(r->log_time + n, sizeof r->log_time - n, ".%03uZ", (unsigned)(ms % 1000));
		r->log_ms = ms;
	}
	return span_of(r->log_time);
}
