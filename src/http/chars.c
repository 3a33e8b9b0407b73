/* chars.c - tokens and field values. */
#include "http/chars.h"

#include <string.h>

#include "http/http.h"

enum { VALUE = CHAR_VALUE, BOTH = CHAR_TOKEN | CHAR_VALUE };

const unsigned char http_chars[256] = {
	['\t'] = VALUE,        [' '] = VALUE,         ['!'] = BOTH,         ['"'] = VALUE,
	['#' ... '\''] = BOTH, ['(' ... ')'] = VALUE, ['*' ... '+'] = BOTH, [','] = VALUE,
	['-' ... '.'] = BOTH,  ['/'] = VALUE,         ['0' ... '9'] = BOTH, [':' ... '@'] = VALUE,
	['A' ... 'Z'] = BOTH,  ['[' ... ']'] = VALUE, ['^' ... 'z'] = BOTH, ['{'] = VALUE,
	['|'] = BOTH,          ['}'] = VALUE,         ['~'] = BOTH,         [0x80 ... 0xff] = VALUE,
};

static bool
all_are(const char *p, size_t n, unsigned class)
{
	for (size_t i = 0; i < n; i++)
		if (!(http_chars[(unsigned char)p[i]] & class))
			return false;
	return true;
}

bool
http_is_token(const char *p, size_t n)
{
	return n > 0 && all_are(p, n, CHAR_TOKEN);
}

bool
http_is_field_value(const char *p, size_t n)
{
	return all_are(p, n, CHAR_VALUE);
}

bool
http_field_is(const struct http_field *f, const char *name)
{
	return strlen(name) == f->name_length && strncasecmp(f->name, name, f->name_length) == 0;
}
