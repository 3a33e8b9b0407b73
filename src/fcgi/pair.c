/* pair.c - FastCGI name-value pairs.  Section 3.4 of the specification. */
#include "fcgi/fcgi.h"

#include <errno.h>
#include <string.h>

enum { LENGTH_SHORT_MAX = 127, LENGTH_MAX = 0x7fffffff };

/* The length at *p, which moves behind it; -1 when its bytes are not all there. */
static int64_t
length_read(const unsigned char **p, const unsigned char *end)
{
	const unsigned char *at = *p;

	if (at == end)
		return -1;
	if (at[0] <= LENGTH_SHORT_MAX) {
		*p = at + 1;
		return at[0];
	}
	if (end - at < 4)
		return -1;
	*p = at + 4;
	return (int64_t)(at[0] & 0x7f) << 24 | (int64_t)at[1] << 16 | (int64_t)at[2] << 8 | at[3];
}

int
fcgi_pair_next(const unsigned char **p, size_t *n, struct fcgi_pair *pair)
{
	const unsigned char *at = *p, *end;
	int64_t name, value;

	if (*n == 0) /* *p may be NULL then */
		return 0;
	end = at + *n;
	name = length_read(&at, end);
	if (name < 0)
		return -EBADMSG;
	value = length_read(&at, end);
	/* Two comparisons: the sum of two lengths would not fit in 32 bits. */
	if (value < 0 || name > end - at || value > end - at - name)
		return -EBADMSG;
	*pair = (struct fcgi_pair){ (const char *)at, (const char *)at + name, (size_t)name, (size_t)value };
	*p = at + name + value;
	*n = (size_t)(end - *p);
	return 1;
}

int
fcgi_pair_to_text(unsigned char **p, size_t *n, char **text)
{
	const unsigned char *at = *p;
	char *to = (char *)*p;
	struct fcgi_pair pair;
	int got = fcgi_pair_next(&at, n, &pair);

	if (got <= 0)
		return got;
	/* The two lengths took at least the room of '=' and NUL, and the first of them lies before both. */
	memmove(to, pair.name, pair.name_length);
	to[pair.name_length] = '=';
	memmove(to + pair.name_length + 1, pair.value, pair.value_length);
	to[pair.name_length + 1 + pair.value_length] = '\0';
	*text = to;
	*p = (unsigned char *)(uintptr_t)at;
	return 1;
}

static size_t
length_size(size_t length)
{
	return length <= LENGTH_SHORT_MAX ? 1 : 4;
}

size_t
fcgi_pair_size(size_t name_length, size_t value_length)
{
	if (name_length > LENGTH_MAX || value_length > LENGTH_MAX)
		return 0;
	return length_size(name_length) + length_size(value_length) + name_length + value_length;
}

static unsigned char *
length_write(unsigned char *p, size_t length)
{
	if (length <= LENGTH_SHORT_MAX) {
		*p = (unsigned char)length;
		return p + 1;
	}
	p[0] = (unsigned char)(length >> 24 | 0x80);
	p[1] = (unsigned char)(length >> 16);
	p[2] = (unsigned char)(length >> 8);
	p[3] = (unsigned char)length;
	return p + 4;
}

size_t
fcgi_pair_write(unsigned char *p, const struct fcgi_pair *pair)
{
	unsigned char *at = length_write(length_write(p, pair->name_length), pair->value_length);

	/* An empty text may be NULL, which memcpy must not get. */
	if (pair->name_length > 0)
		memcpy(at, pair->name, pair->name_length);
	at += pair->name_length;
	if (pair->value_length > 0)
		memcpy(at, pair->value, pair->value_length);
	return (size_t)(at - p) + pair->value_length;
}
