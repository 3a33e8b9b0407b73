/* cookies.h - the cookies of one client: kept as answers set them, sent back as a browser does.  Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { COOKIES_MAX = 50, COOKIE_SIZE_MAX = 4096, COOKIE_PATH_MAX = 1024 };

struct cookie {
	char text[COOKIE_SIZE_MAX + 1]; /* "name=value" */
	char path[COOKIE_PATH_MAX];
	int64_t expires; /* seconds of the clock that is asked with; INT64_MAX: with the client */
};

struct cookies {
	size_t n;
	struct cookie of[COOKIES_MAX];
};

/* The value of a Set-Cookie field in the answer to this path (RFC 6265 sections 5.2, 5.3).  Domain is of no
 * meaning to a client of one host; Secure is, as browsers take localhost, always given.  What is malformed,
 * too large or one too many is not kept. */
void cookies_set(struct cookies *c, const char *field, size_t n, const char *path, int64_t now);

/* Appends "a=b; c=d" for this path, longer paths first; nothing when there is none.  0 or an error of buf.h.
 */
int cookies_get(const struct cookies *c, const char *path, int64_t now, struct buf *to);
