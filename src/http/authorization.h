/* authorization.h - the value of an Authorization field: RFC 9110 section 11.6.2, RFC 6750, RFC 7617.
 * Pure, of untrusted bytes. */
#pragma once
#include <stddef.h>

enum {
	HTTP_AUTHORIZATION_MAX = 1024, /* bytes of the value */
	HTTP_USER_MAX = 255,           /* bytes of a user's name */
};

enum http_scheme { HTTP_BEARER, HTTP_BASIC };

struct http_credentials {
	char user[HTTP_USER_MAX + 1]; /* of HTTP_BASIC; else empty */
	char secret[HTTP_AUTHORIZATION_MAX + 1];
	size_t n_secret;
};

/* 0: it is of this scheme (named in any case), and what it shows is in c.  -ENOENT: nothing or another scheme
 * is there; -EBADMSG: malformed; -EMSGSIZE.  A user's name and a password are UTF-8 without control bytes,
 * base64 is just as RFC 4648 section 4 writes it. */
int http_authorization_read(const char *value, size_t n, enum http_scheme scheme, struct http_credentials *c);
