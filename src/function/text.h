/* text.h - is a text fit for a handler, and decoding names and values. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "function/arena.h"

/* True for UTF-8 without control bytes but HTAB. */
bool text_is_clean(const char *text, size_t n);

/* Decimal digits alone, as in CONTENT_LENGTH; -EINVAL, -ERANGE past INT64_MAX. */
int text_to_number(const char *text, long long *value);

size_t text_count(const char *text, size_t n, char byte);

struct pair {
	const char *name, *value;
};

struct pairs {
	bool is_read;
	size_t n;
	struct pair *rows; /* in the arena */
};

/* application/x-www-form-urlencoded, of a query or a form (URL Standard, section 5.1): "&" separates, "+" is
 * a space, a name without "=" has an empty value.  What decodes to something that is not UTF-8, or holds NUL,
 * or a "%" without two digits: -EBADMSG; -EMSGSIZE past REQUEST_PAIRS_MAX; -ENOMEM. */
int pairs_read_urlencoded(struct pairs *pairs, const char *text, size_t n, struct arena *a);

/* A Cookie field (RFC 6265 section 4.2).  A value that is percent-encoded UTF-8 is decoded, any other is
 * taken as it stands: other applications of the site set cookies too.  -EMSGSIZE, -ENOMEM. */
int pairs_read_cookies(struct pairs *pairs, const char *field, size_t n, struct arena *a);

/* The first of that name, else NULL with ENOENT. */
const char *pairs_find(const struct pairs *pairs, const char *name);
