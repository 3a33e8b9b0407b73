/* cookies.c - the cookies of one client: kept as answers set them, sent back as a browser does. */
#include "deploy-tool/cookies.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { VALUE_MAX = 64, AGE_DIGITS_MAX = 18 };

struct span {
	const char *p;
	size_t n;
};

static struct span
trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Up to the next ';', which goes. */
static struct span
take_part(struct span *rest)
{
	const char *end = memchr(rest->p, ';', rest->n);
	struct span part = { rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n };

	rest->p += part.n + (end != NULL);
	rest->n -= part.n + (end != NULL);
	return trim(part);
}

/* Section 5.1.4. */
static void
default_path(struct cookie *k, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL && slash > path ? (size_t)(slash - path) : 0;

	if (n == 0 || n >= sizeof k->path)
		snprintf(k->path, sizeof k->path, "/");
	else
		snprintf(k->path, sizeof k->path, "%.*s", (int)n, path);
}

static void
set_path(struct cookie *k, struct span value)
{
	if (value.n > 0 && value.n < sizeof k->path && value.p[0] == '/')
		snprintf(k->path, sizeof k->path, "%.*s", (int)value.n, value.p);
}

/* Section 5.2.2; beyond 18 digits it is for ever. */
static bool
read_age(struct span value, int64_t now, int64_t *expires)
{
	bool is_negative = value.n > 0 && value.p[0] == '-';
	size_t n = value.n - is_negative;
	int64_t age = 0;

	if (n == 0)
		return false;
	for (size_t i = is_negative; i < value.n; i++) {
		if (!isdigit((unsigned char)value.p[i]))
			return false;
		if (n <= AGE_DIGITS_MAX)
			age = age * 10 + (value.p[i] - '0');
	}
	if (is_negative || age == 0)
		*expires = n > AGE_DIGITS_MAX && !is_negative ? INT64_MAX : INT64_MIN;
	else
		*expires = age < INT64_MAX - now ? now + age : INT64_MAX;
	return true;
}

/* The form that servers send; another one is as if it were not there. */
static bool
read_date(struct span value, int64_t *expires)
{
	char text[VALUE_MAX];
	struct tm tm = { 0 };

	if (value.n >= sizeof text)
		return false;
	snprintf(text, sizeof text, "%.*s", (int)value.n, value.p);
	if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL &&
	    strptime(text, "%a, %d-%b-%Y %H:%M:%S GMT", &tm) == NULL)
		return false;
	*expires = timegm(&tm);
	return true;
}

static bool
is_name(struct span s, const char *name)
{
	return s.n == strlen(name) && strncasecmp(s.p, name, s.n) == 0;
}

static void
read_attributes(struct cookie *k, struct span rest, int64_t now)
{
	bool has_age = false;

	while (rest.n > 0) {
		struct span part = take_part(&rest);
		const char *equals = part.n > 0 ? memchr(part.p, '=', part.n) : NULL;
		size_t n = equals != NULL ? (size_t)(equals - part.p) : part.n;
		struct span name = trim((struct span){ part.p, n });
		struct span value = { part.p + n, 0 };

		if (equals != NULL)
			value = trim((struct span){ equals + 1, part.n - n - 1 });
		if (is_name(name, "Path"))
			set_path(k, value);
		else if (is_name(name, "Max-Age"))
			has_age |= read_age(value, now, &k->expires);
		else if (is_name(name, "Expires") && !has_age)
			read_date(value, &k->expires);
	}
}

static bool
is_same(const struct cookie *a, const struct cookie *b)
{
	size_t n = strcspn(a->text, "=") + 1;

	return strncmp(a->text, b->text, n) == 0 && strcmp(a->path, b->path) == 0;
}

static void
remove_same(struct cookies *c, const struct cookie *k)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_same(&c->of[i], k)) {
			memmove(&c->of[i], &c->of[i + 1], (c->n - i - 1) * sizeof c->of[0]);
			c->n--;
			return;
		}
}

void
cookies_set(struct cookies *c, const char *field, size_t n, const char *path, int64_t now)
{
	struct span rest = { field, n };
	struct span pair = take_part(&rest), name, value;
	const char *equals = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;
	struct cookie k = { .expires = INT64_MAX };
	size_t at = c->n;

	if (equals == NULL || pair.n > COOKIE_SIZE_MAX || memchr(pair.p, '\0', pair.n) != NULL)
		return;
	name = trim((struct span){ pair.p, (size_t)(equals - pair.p) });
	value = trim((struct span){ equals + 1, pair.n - (size_t)(equals - pair.p) - 1 });
	if (name.n == 0)
		return;
	snprintf(k.text, sizeof k.text, "%.*s=%.*s", (int)name.n, name.p, (int)value.n, value.p);
	default_path(&k, path);
	read_attributes(&k, rest, now);
	for (size_t i = 0; i < c->n; i++)
		if (is_same(&c->of[i], &k))
			at = i;
	if (k.expires <= now) {
		remove_same(c, &k);
		return;
	}
	if (at == COOKIES_MAX)
		return;
	c->of[at] = k;
	c->n += at == c->n;
}

/* Section 5.1.4: "/a" is of "/a" and "/a/b", not of "/ab". */
static bool
is_of_path(const struct cookie *k, const char *path)
{
	size_t n = strlen(k->path);

	return strncmp(path, k->path, n) == 0 && (k->path[n - 1] == '/' || path[n] == '\0' || path[n] == '/');
}

/* The next one that is sent: of a path that is not longer than the last one's, and that was set after it. */
static const struct cookie *
next(const struct cookies *c, const char *path, int64_t now, const struct cookie *last)
{
	const struct cookie *best = NULL;

	for (size_t i = 0; i < c->n; i++) {
		const struct cookie *k = &c->of[i];
		size_t n = strlen(k->path);

		if (k->expires <= now || !is_of_path(k, path))
			continue;
		if (last != NULL && (n > strlen(last->path) || (n == strlen(last->path) && k <= last)))
			continue;
		if (best == NULL || n > strlen(best->path))
			best = k;
	}
	return best;
}

int
cookies_get(const struct cookies *c, const char *path, int64_t now, struct buf *to)
{
	const struct cookie *k = NULL;
	const char *between = "";
	int rc = 0;

	while (rc == 0 && (k = next(c, path, now, k)) != NULL) {
		rc = buf_printf(to, "%s%s", between, k->text);
		between = "; ";
	}
	return rc;
}
