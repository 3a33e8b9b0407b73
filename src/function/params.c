/* params.c - reads the CGI environment of a request once, and refuses what a handler must not see. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "function/bounds.h"
#include "function/exchange.h"
#include "http/http.h"

#define AT(member)  offsetof(struct cfn_request, member)
#define NAMED(text) text, sizeof text - 1

/* is_ours: the router or the web server makes it, so a second one is nobody's honest request. */
static const struct {
	const char *name;
	size_t length;
	size_t offset; /* of a const char * */
	bool is_ours;
} texts[] = {
	{ NAMED("REQUEST_METHOD"), AT(method), true },
	{ NAMED("CFN_PATH"), AT(path), true },
	{ NAMED("CFN_REQUEST_ID"), AT(id), true },
	{ NAMED("QUERY_STRING"), AT(query_text), true },
	{ NAMED("CONTENT_TYPE"), AT(type), true },
	{ NAMED("HTTP_COOKIE"), AT(cookie_field), false },
	{ NAMED("HTTP_ACCEPT"), AT(accept), false },
	{ NAMED("CFN_SESSION"), AT(session_text), true },
	{ NAMED("CFN_SESSION_DUE"), AT(session_due), true },
	{ NAMED("CFN_USER"), AT(user), true },
};

static const struct {
	const char *name;
	size_t length;
	size_t offset; /* of a 64-bit number */
} numbers[] = {
	{ NAMED("CONTENT_LENGTH"), AT(length) },
	{ NAMED("CFN_BODY_MAX"), AT(body_max) },
	{ NAMED("CFN_OUTPUT_MAX"), AT(output_max) },
	{ NAMED("CFN_ROUTE"), AT(route) },
};

_Static_assert(sizeof(size_t) == sizeof(int64_t), "the route is read as the other numbers are");

/* An empty or negative CONTENT_LENGTH is what web servers send for a chunked body. */
static int
number_read(struct cfn_request *q, const char *param, size_t n)
{
	const char *text = param + n + 1;
	long long value;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (n != numbers[i].length || memcmp(param, numbers[i].name, n) != 0)
			continue;
		if (numbers[i].offset == AT(length) && (!*text || strcmp(text, "-1") == 0))
			return 0;
		if (text_to_number(text, &value) < 0)
			return -EBADMSG;
		memcpy((char *)q + numbers[i].offset, &value, sizeof value);
		return 0;
	}
	return 0;
}

static int
text_read(struct cfn_request *q, const char *param, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char **slot = (const char **)((char *)q + texts[i].offset);

		if (n != texts[i].length || memcmp(param, texts[i].name, n) != 0)
			continue;
		if (*slot)
			return texts[i].is_ours ? -EBADMSG : 0;
		*slot = param + n + 1;
		return 0;
	}
	return 0;
}

/* Only what a handler can get is checked: the names below and the header fields. */
static int
param_read(struct cfn_request *q, const char *param)
{
	const char *equals = strchr(param, '=');
	bool is_field = strncmp(param, "HTTP_", 5) == 0;
	size_t n;

	if (!equals)
		return -EBADMSG;
	if (!is_field && !strchr("CQR", param[0]))
		return 0;
	if (!text_is_clean(equals + 1, strlen(equals + 1)))
		return -EBADMSG;
	q->n_headers += is_field;
	n = (size_t)(equals - param);
	if (text_read(q, param, n) < 0)
		return -EBADMSG;
	return number_read(q, param, n);
}

static enum cause
cookie_check(const struct cfn_request *q)
{
	size_t n = q->cookie_field ? strlen(q->cookie_field) : 0;

	if (n > REQUEST_COOKIE_MAX || (n > 0 && text_count(q->cookie_field, n, ';') >= REQUEST_PAIRS_MAX))
		return CAUSE_PARAMS_TOO_LARGE;
	return CAUSE_NONE;
}

/* Plain text cannot be malformed, so it is taken apart when a handler asks. */
static int
query_check(struct cfn_request *q)
{
	size_t n = q->query_text ? strlen(q->query_text) : 0;

	if (n > 0 && memchr(q->query_text, '%', n))
		return pairs_read_urlencoded(&q->query, q->query_text, n, &q->arena);
	return n > 0 && text_count(q->query_text, n, '&') >= REQUEST_PAIRS_MAX ? -EMSGSIZE : 0;
}

/* The id stands in answers of ours, so it must be one. */
static void
id_settle(struct cfn_request *q)
{
	size_t n = q->id ? strnlen(q->id, HTTP_REQUEST_ID_MAX + 1) : 0;

	if (n == 0 || n > HTTP_REQUEST_ID_MAX || !http_is_token(q->id, n))
		q->id = "-";
}

/* Reads all of them even when one is malformed: the refusal needs the id and what the client accepts. */
static int
params_read(struct cfn_request *q, char **params, const char **what)
{
	int rc = 0;

	q->params = params;
	for (char **param = params; *param; param++)
		if (param_read(q, *param) < 0 && rc == 0) {
			*what = *param;
			rc = -EBADMSG;
		}
	id_settle(q);
	return rc;
}

enum cause
request_open(struct cfn_request *q, char **params, const char **what)
{
	if (params_read(q, params, what) < 0)
		return CAUSE_BAD_REQUEST;
	*what = "REQUEST_METHOD or CFN_PATH";
	if (!q->method || !*q->method || !q->path || q->path[0] != '/')
		return CAUSE_BAD_REQUEST;
	*what = "number of header fields";
	if (q->n_headers > REQUEST_HEADERS_MAX)
		return CAUSE_PARAMS_TOO_LARGE;
	*what = "HTTP_COOKIE";
	if (cookie_check(q) != CAUSE_NONE)
		return CAUSE_PARAMS_TOO_LARGE;
	*what = "QUERY_STRING";
	return query_check(q) < 0 ? CAUSE_BAD_REQUEST : CAUSE_NONE;
}

const char *
param_find(const struct cfn_request *q, const char *name)
{
	size_t n = strlen(name);

	for (char **param = q->params; *param; param++)
		if (strncmp(*param, name, n) == 0 && (*param)[n] == '=')
			return *param + n + 1;
	return NULL;
}
