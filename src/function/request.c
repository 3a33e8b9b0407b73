/* request.c - what a handler asks of its request, but the body. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "function/bounds.h"
#include "function/exchange.h"

enum { PARAM_NAME_MAX = 128 }; /* bytes of a header's or a route parameter's name */

static struct {
	const char *text;
	size_t size;
} environment;

void
function_set_environment(const char *env, size_t size)
{
	environment.text = env;
	environment.size = size;
}

const char *
cfn_env(const char *name)
{
	size_t n = strlen(name);

	for (size_t at = 0; at < environment.size; at += strlen(environment.text + at) + 1)
		if (strncmp(environment.text + at, name, n) == 0 && environment.text[at + n] == '=')
			return environment.text + at + n + 1;
	errno = ENOENT;
	return NULL;
}

void *
cfn_alloc(cfn_request *q, size_t size)
{
	void *p = arena_take(&q->arena, size);

	return p ? memset(p, 0, size) : NULL;
}

char *
cfn_sprintf(cfn_request *q, const char *format, ...)
{
	va_list args, again;
	char *text = NULL;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	if (n >= 0)
		text = arena_take(&q->arena, (size_t)n + 1);
	if (text)
		vsnprintf(text, (size_t)n + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}

/* RFC 3986 section 2.3 */
static bool
is_unreserved(unsigned char c)
{
	/* A function may have chosen a locale in which more bytes are letters. */
	return c < 0x80 && (isalnum(c) || strchr("-._~", c));
}

char *
cfn_url_encode(cfn_request *q, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	char *encoded = arena_take(&q->arena, 3 * strlen(text) + 1), *to = encoded;

	for (const char *p = text; encoded && *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (is_unreserved(c)) {
			*to++ = *p;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	if (encoded)
		*to = '\0';
	return encoded;
}

const char *
cfn_method(cfn_request *q)
{
	return q->method;
}

const char *
cfn_path(cfn_request *q)
{
	return q->path;
}

const char *
cfn_id(cfn_request *q)
{
	return q->id;
}

const char *
cfn_user(cfn_request *q)
{
	if (!q->user)
		errno = ENOENT;
	return q->user;
}

/* What the web server says in a param, which it may also leave empty; ENOENT. */
static const char *
server_word(cfn_request *q, const char *param)
{
	const char *value = param_find(q, param);

	if (value && *value && text_is_clean(value, strlen(value)))
		return value;
	errno = ENOENT;
	return NULL;
}

const char *
cfn_client(cfn_request *q)
{
	return server_word(q, "REMOTE_ADDR");
}

const char *
cfn_scheme(cfn_request *q)
{
	const char *https = server_word(q, "HTTPS"), *scheme = server_word(q, "REQUEST_SCHEME");
	bool is_secure = (https && strcmp(https, "off") != 0) || (scheme && strcmp(scheme, "https") == 0);

	return is_secure ? "https" : "http";
}

const char *
cfn_host(cfn_request *q)
{
	const char *host = server_word(q, "HTTP_HOST");

	return host ? host : server_word(q, "SERVER_NAME");
}

/* The name of a param: prefix and name, for a header in CGI's way (RFC 3875 section 4.1.18). */
static const char *
prefixed_find(cfn_request *q, const char *prefix, const char *name, int (*convert)(int))
{
	char param[PARAM_NAME_MAX + 16];
	char *to = stpcpy(param, prefix);
	size_t n = strlen(name);
	const char *value = NULL;

	if (n <= PARAM_NAME_MAX) {
		for (size_t i = 0; i <= n; i++)
			to[i] = (char)convert((unsigned char)name[i]);
		value = param_find(q, param);
	}
	if (!value)
		errno = ENOENT;
	return value;
}

static int
keep(int c)
{
	return c;
}

static int
header_to_cgi(int c)
{
	return c == '-' ? '_' : toupper(c);
}

static int
cgi_to_header(int c)
{
	return c == '_' ? '-' : tolower(c);
}

const char *
cfn_param(cfn_request *q, const char *name)
{
	return prefixed_find(q, "CFN_PARAM_", name, keep);
}

const char *
cfn_header(cfn_request *q, const char *name)
{
	bool is_content = strcasecmp(name, "Content-Type") == 0 || strcasecmp(name, "Content-Length") == 0;
	const char *value = prefixed_find(q, is_content ? "" : "HTTP_", name, header_to_cgi);

	if (value && is_content && !*value) {
		errno = ENOENT;
		return NULL;
	}
	return value;
}

static int
query_read(cfn_request *q)
{
	if (q->query.is_read || !q->query_text)
		return 0;
	return pairs_read_urlencoded(&q->query, q->query_text, strlen(q->query_text), &q->arena);
}

static int
cookies_read(cfn_request *q)
{
	if (q->cookies.is_read || !q->cookie_field)
		return 0;
	return pairs_read_cookies(&q->cookies, q->cookie_field, strlen(q->cookie_field), &q->arena);
}

/* The first of that name once the pairs are there; rc tells how reading them went. */
static const char *
pairs_answer(const struct pairs *pairs, int rc, const char *name)
{
	if (rc == 0)
		return pairs_find(pairs, name);
	errno = -rc;
	return NULL;
}

const char *
cfn_query(cfn_request *q, const char *name)
{
	return pairs_answer(&q->query, query_read(q), name);
}

const char *
cfn_cookie(cfn_request *q, const char *name)
{
	return pairs_answer(&q->cookies, cookies_read(q), name);
}

const char *
cfn_form(cfn_request *q, const char *name)
{
	return pairs_answer(&q->form, form_read(q), name);
}

int
cfn_query_int(cfn_request *q, const char *name, long min, long max, long *value)
{
	const char *text = cfn_query(q, name);
	const char *digits;
	char *end;
	long n;

	if (!text)
		return -errno;
	digits = text + (*text == '-');
	if (!isdigit((unsigned char)*digits))
		return -EINVAL;
	errno = 0;
	n = strtol(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno == ERANGE || n < min || n > max)
		return -ERANGE;
	*value = n;
	return 0;
}

typedef int each_pair(void *context, const char *name, const char *value);

static int
each_of_pairs(const struct pairs *pairs, int rc, each_pair *each, void *context)
{
	for (size_t i = 0; rc == 0 && i < pairs->n; i++)
		rc = each(context, pairs->rows[i].name, pairs->rows[i].value);
	return rc;
}

/* The length of the field's name in a param, which begins at *name; 0: it is not a field of the request.  Web
 * servers give the two CONTENT_ ones again among the others, nginx for one. */
static size_t
field_name(const char *param, const char **name)
{
	size_t n = strcspn(param, "=");
	bool is_http = strncmp(param, "HTTP_", 5) == 0;

	*name = is_http ? param + 5 : param;
	n -= is_http ? 5 : 0;
	if (!param_is(*name, n, "CONTENT_LENGTH") && !param_is(*name, n, "CONTENT_TYPE"))
		return is_http ? n : 0;
	return is_http || !(*name)[n + 1] ? 0 : n;
}

static int
each_header(cfn_request *q, each_pair *each, void *context)
{
	const char *start;
	char *name;
	int rc = 0;

	for (char **param = q->params; rc == 0 && *param; param++) {
		size_t n = field_name(*param, &start);

		if (n == 0)
			continue;
		name = arena_copy(&q->arena, start, n);
		if (!name)
			return -ENOMEM;
		for (size_t i = 0; i < n; i++)
			name[i] = (char)cgi_to_header((unsigned char)name[i]);
		rc = each(context, name, start + n + 1);
	}
	return rc;
}

int
cfn_each(cfn_request *q, enum cfn_from from, each_pair *each, void *context)
{
	switch (from) {
	case CFN_QUERY:
		return each_of_pairs(&q->query, query_read(q), each, context);
	case CFN_HEADER:
		return each_header(q, each, context);
	case CFN_COOKIE:
		return each_of_pairs(&q->cookies, cookies_read(q), each, context);
	case CFN_FORM:
		return each_of_pairs(&q->form, form_read(q), each, context);
	}
	return -EINVAL;
}
