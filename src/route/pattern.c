/* pattern.c - what a route pattern may be, and when two of them are the same. */
#include "route/pattern.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "route/snapshot.h"

enum { PARAM_NAME_MAX = 32 };

bool
segment_next(const char **p, struct segment *segment)
{
	if (**p != '/')
		return false;
	segment->text = *p + 1;
	segment->length = strcspn(segment->text, "/");
	*p = segment->text + segment->length;
	segment->kind = SEGMENT_EXACT;
	if (segment->length == 1 && *segment->text == '*')
		segment->kind = SEGMENT_REST;
	if (segment->length > 0 && *segment->text == ':') {
		segment->kind = SEGMENT_PARAM;
		segment->text++;
		segment->length--;
	}
	return true;
}

static bool
same_text(const struct segment *a, const struct segment *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static bool
is_name(const struct segment *s)
{
	if (s->length == 0 || s->length > PARAM_NAME_MAX)
		return false;
	for (size_t i = 0; i < s->length; i++) {
		char c = s->text[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!is_letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return true;
}

/* Why an exact segment is none; NULL when it is one. */
static const char *
exact_fault(const struct segment *s)
{
	if (s->length == 0)
		return "has an empty segment";
	if (memchr(s->text, '*', s->length))
		return "has a '*' that is not the whole last segment";
	if (s->text[0] == '.' && (s->length == 1 || (s->length == 2 && s->text[1] == '.')))
		return "has a '.' or '..' segment";
	return NULL;
}

static const char *
param_fault(const struct segment *s, struct segment *seen, size_t *n_seen)
{
	if (!is_name(s))
		return "has a parameter that is not ':' and a name of [a-zA-Z_][a-zA-Z0-9_]{0,31}";
	for (size_t i = 0; i < *n_seen; i++)
		if (same_text(&seen[i], s))
			return "names a parameter twice";
	if (*n_seen == ROUTE_PARAMS_MAX)
		return "has more than 8 parameters";
	seen[(*n_seen)++] = *s;
	return NULL;
}

static const char *
pattern_fault(const char *pattern)
{
	struct segment seen[ROUTE_PARAMS_MAX], s;
	const char *fault = NULL;
	size_t n_seen = 0;

	if (*pattern != '/')
		return "does not begin with '/'";
	if (pattern[1] == '\0')
		return NULL;
	while (!fault && segment_next(&pattern, &s)) {
		if (s.kind == SEGMENT_EXACT)
			fault = exact_fault(&s);
		else if (s.kind == SEGMENT_PARAM)
			fault = param_fault(&s, seen, &n_seen);
		else if (*pattern)
			fault = "has a '*' that is not the whole last segment";
	}
	return fault;
}

/* What keeps a pattern from even being shown. */
static const char *
text_fault(const char *pattern, size_t n)
{
	if (n == ROUTE_PATTERN_MAX)
		return "is longer than 255 bytes";
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)pattern[i] < 0x20 || pattern[i] == 0x7f)
			return "holds a control byte";
	return utf8_is_valid(pattern, n) ? NULL : "is not UTF-8";
}

int
route_pattern_check(const char *pattern, struct err *e)
{
	const char *fault = text_fault(pattern, strnlen(pattern, ROUTE_PATTERN_MAX));

	if (fault)
		return err_set(e, -EINVAL, "the route's path %s", fault);
	fault = pattern_fault(pattern);
	return fault ? err_set(e, -EINVAL, "route '%s' %s", pattern, fault) : 0;
}

bool
route_pattern_collides(const char *a, const char *b)
{
	struct segment from_a, from_b;

	for (;;) {
		bool has_a = segment_next(&a, &from_a), has_b = segment_next(&b, &from_b);

		if (!has_a || !has_b)
			return has_a == has_b;
		if (from_a.kind != from_b.kind)
			return false;
		if (from_a.kind == SEGMENT_EXACT && !same_text(&from_a, &from_b))
			return false;
	}
}

/* ":name" takes any one segment but the empty one of "/", as when a path is looked up. */
static bool
segment_covers(const struct segment *wide, const struct segment *narrow)
{
	if (wide->kind == SEGMENT_EXACT)
		return narrow->kind == SEGMENT_EXACT && same_text(wide, narrow);
	return narrow->kind == SEGMENT_PARAM || (narrow->kind == SEGMENT_EXACT && narrow->length > 0);
}

bool
route_pattern_covers(const char *wide, const char *narrow)
{
	struct segment from_wide, from_narrow;

	for (;;) {
		bool has_wide = segment_next(&wide, &from_wide),
		     has_narrow = segment_next(&narrow, &from_narrow);

		if (!has_wide || !has_narrow)
			return has_wide == has_narrow;
		if (from_wide.kind == SEGMENT_REST)
			return true;
		if (!segment_covers(&from_wide, &from_narrow))
			return false;
	}
}
