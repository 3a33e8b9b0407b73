/* utf8.c - UTF-8 as in RFC 3629, section 4. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/macros.h"

/* One row a line of the RFC's syntax: range of the first byte, of the second, and the length. */
static const struct {
	unsigned char first_low, first_high, second_low, second_high, length;
} forms[] = {
	{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t
utf8_sequence(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;

	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(forms); i++) {
		if (u[0] < forms[i].first_low || u[0] > forms[i].first_high)
			continue;
		if (n < forms[i].length)
			return 0;
		if (forms[i].length > 1 && (u[1] < forms[i].second_low || u[1] > forms[i].second_high))
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if (u[k] < 0x80 || u[k] > 0xbf)
				return 0;
		return forms[i].length;
	}
	return 0;
}

bool
utf8_is_valid(const char *p, size_t n)
{
	while (n > 0) {
		size_t length = utf8_sequence(p, n);

		if (length == 0)
			return false;
		p += length;
		n -= length;
	}
	return true;
}

void
utf8_copy(char *to, size_t size, const char *from)
{
	size_t left = strlen(from), length;

	while (size > 1 && (length = utf8_sequence(from, left)) > 0 && length < size) {
		memcpy(to, from, length);
		to += length;
		from += length;
		left -= length;
		size -= length;
	}
	*to = '\0';
}

/* Whether n bytes are the beginning of a longer sequence. */
static bool
is_beginning(const unsigned char *u, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (u[0] >= forms[i].first_low && u[0] <= forms[i].first_high)
			return n < forms[i].length &&
			       (n < 2 || (u[1] >= forms[i].second_low && u[1] <= forms[i].second_high)) &&
			       (n < 3 || (u[2] & 0xc0) == 0x80);
	return false;
}

size_t
utf8_unfinished(const char *p, size_t n)
{
	for (size_t k = 1; k <= 3 && k <= n; k++)
		if (is_beginning((const unsigned char *)p + n - k, k))
			return k;
	return 0;
}
