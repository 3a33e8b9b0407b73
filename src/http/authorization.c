/* authorization.c - the value of an Authorization field. */
#include "http/authorization.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/macros.h"
#include "base/utf8.h"

static const char *const schemes[] = { [HTTP_BEARER] = "Bearer", [HTTP_BASIC] = "Basic" };

static bool
is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* "token68" of RFC 9110 section 11.2. */
static bool
is_token68(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (is_alphanumeric(p[i]) || (p[i] != '\0' && strchr("-._~+/", p[i]))))
		i++;
	if (i == 0)
		return false;
	while (i < n && p[i] == '=')
		i++;
	return i == n;
}

static int
read_bearer(const char *p, size_t n, struct http_credentials *c)
{
	memcpy(c->secret, p, n);
	c->secret[n] = '\0';
	c->n_secret = n;
	return 0;
}

static bool
is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return utf8_is_valid(p, n);
}

static int
read_basic(const char *p, size_t n, struct http_credentials *c)
{
	char text[HTTP_AUTHORIZATION_MAX];
	int length = base64_decode(BASE64_PLAIN, p, n, text, sizeof text);
	const char *colon = length > 0 ? memchr(text, ':', (size_t)length) : NULL;
	size_t n_user = colon ? (size_t)(colon - text) : 0;

	if (!colon || !is_plain(text, (size_t)length) || n_user > HTTP_USER_MAX)
		return -EBADMSG;
	memcpy(c->user, text, n_user);
	c->user[n_user] = '\0';
	return read_bearer(colon + 1, (size_t)length - n_user - 1, c);
}

int
http_authorization_read(const char *value, size_t n, enum http_scheme scheme, struct http_credentials *c)
{
	size_t word = strlen(schemes[scheme]), at = word;

	if (n < word || strncasecmp(value, schemes[scheme], word) != 0 || (n > word && value[word] != ' '))
		return -ENOENT;
	if (n > HTTP_AUTHORIZATION_MAX)
		return -EMSGSIZE;
	while (at < n && value[at] == ' ')
		at++;
	if (!is_token68(value + at, n - at))
		return -EBADMSG;
	c->user[0] = '\0';
	return scheme == HTTP_BEARER ? read_bearer(value + at, n - at, c) : read_basic(value + at, n - at, c);
}
