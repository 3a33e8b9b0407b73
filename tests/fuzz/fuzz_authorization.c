/* fuzz_authorization.c - values of Authorization: what is read lies in its bounds, is clean, and is read
 * again as it was. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "http/authorization.h"

static void
check_clean(const char *p, size_t n)
{
	REQUIRE(utf8_is_valid(p, n));
	for (size_t i = 0; i < n; i++)
		REQUIRE((unsigned char)p[i] >= 0x20 && p[i] != 0x7f);
}

static void
check_again(const struct http_credentials *c)
{
	char text[HTTP_AUTHORIZATION_MAX + 16];
	struct http_credentials again;
	int n = snprintf(text, sizeof text, "bEaReR  %s", c->secret);

	if (n > HTTP_AUTHORIZATION_MAX)
		return;
	REQUIRE(http_authorization_read(text, (size_t)n, HTTP_BEARER, &again) == 0);
	REQUIRE(again.n_secret == c->n_secret && memcmp(again.secret, c->secret, c->n_secret) == 0);
}

static void
try(const char *value, size_t n, enum http_scheme scheme)
{
	struct http_credentials c;
	int rc = http_authorization_read(value, n, scheme, &c);

	REQUIRE(rc == 0 || rc == -ENOENT || rc == -EBADMSG || rc == -EMSGSIZE);
	if (rc < 0)
		return;
	REQUIRE(n <= HTTP_AUTHORIZATION_MAX && c.n_secret <= n && c.secret[c.n_secret] == '\0');
	REQUIRE(strlen(c.user) <= HTTP_USER_MAX && !strchr(c.user, ':'));
	check_clean(c.user, strlen(c.user));
	check_clean(c.secret, c.n_secret);
	if (scheme == HTTP_BEARER)
		check_again(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	/* Of just these bytes, so that reading on is seen. */
	char *copy = malloc(n ? n : 1);

	REQUIRE(copy);
	if (n > 0)
		memcpy(copy, data, n);
	try(copy, n, HTTP_BEARER);
	try(copy, n, HTTP_BASIC);
	free(copy);
	return 0;
}
