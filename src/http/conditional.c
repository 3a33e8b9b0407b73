/* conditional.c - which part of a representation, and whether at all: RFC 9110 sections 13 and 14. */
#include <errno.h>
#include <string.h>

#include "http/http.h"

static const char *
skip_separators(const char *p)
{
	return p + strspn(p, " \t,");
}

/* etagc: visible, no quote, or not ASCII. */
static bool
is_tag_byte(unsigned char c)
{
	return c == 0x21 || (c >= 0x23 && c != 0x7f);
}

bool
http_is_etag(const char *text)
{
	const char *p = strncmp(text, "W/", 2) == 0 ? text + 2 : text;

	if (*p++ != '"')
		return false;
	while (is_tag_byte((unsigned char)*p))
		p++;
	return p[0] == '"' && p[1] == '\0';
}

/* The length of the entity tag at p, 0 when there is none. */
static size_t
tag_length(const char *p)
{
	const char *start = p;

	if (strncmp(p, "W/", 2) == 0)
		p += 2;
	if (*p++ != '"')
		return 0;
	while (is_tag_byte((unsigned char)*p))
		p++;
	return *p == '"' ? (size_t)(p + 1 - start) : 0;
}

static const char *
opaque(const char *tag)
{
	return strncmp(tag, "W/", 2) == 0 ? tag + 2 : tag;
}

/* One of the list and ours. */
static bool
tags_match(const char *tag, size_t n, const char *ours, enum http_comparison how)
{
	const char *mine = opaque(tag), *other = opaque(ours);

	if (how == HTTP_STRONG && (mine != tag || other != ours))
		return false;
	n -= (size_t)(mine - tag);
	return strlen(other) == n && memcmp(mine, other, n) == 0;
}

bool
http_etag_is_listed(const char *field, const char *etag, enum http_comparison how)
{
	const char *p = skip_separators(field);

	if (*p == '*' && *skip_separators(p + 1) == '\0')
		return true;
	for (size_t n; (n = tag_length(p)) > 0; p = skip_separators(p + n))
		if (tags_match(p, n, etag, how))
			return true;
	return false;
}

/* Digits up to a number that fits; false when there are none. */
static bool
number_take(const char **p, uint64_t *value)
{
	const char *start = *p;

	*value = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++)
		if (__builtin_mul_overflow(*value, 10U, value) ||
		    __builtin_add_overflow(*value, (unsigned)(**p - '0'), value))
			*value = UINT64_MAX;
	return *p > start;
}

/* Behind "bytes=": the last n bytes. */
static int
suffix_read(const char *p, uint64_t size, struct http_range *range)
{
	uint64_t n;

	if (!number_take(&p, &n) || *p)
		return 0;
	if (n == 0 || size == 0)
		return -ERANGE;
	range->first = n < size ? size - n : 0;
	range->last = size - 1;
	return 1;
}

int
http_range_read(const char *field, uint64_t size, struct http_range *range)
{
	const char *p = field + strlen("bytes=");
	uint64_t first, last = UINT64_MAX;

	if (strncasecmp(field, "bytes=", strlen("bytes=")) != 0)
		return 0;
	if (*p == '-')
		return suffix_read(p + 1, size, range);
	if (!number_take(&p, &first) || *p++ != '-')
		return 0;
	if (*p && (!number_take(&p, &last) || *p || last < first))
		return 0;
	if (first >= size)
		return -ERANGE;
	range->first = first;
	range->last = last < size ? last : size - 1;
	return 1;
}
