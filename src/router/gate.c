/* gate.c - what may run: the params, the path, the route, the limits, before any worker sees the request. */
#include <errno.h>
#include <string.h>

#include "base/decimal.h"
#include "base/macros.h"
#include "router/pages.h"

/* The params that we read; each may stand there once, or, but for the cookies, again with the same value. */
enum control {
	SCRIPT_NAME,
	PATH_INFO,
	REQUEST_URI,
	REQUEST_METHOD,
	CONTENT_LENGTH,
	REQUEST_ID,
	HTTP_ACCEPT,
	REMOTE_ADDR,
	QUERY_STRING,
	HTTP_COOKIE,
	HTTP_ORIGIN,
	ASKED_METHOD,
	ASKED_FIELDS,
	N_CONTROLS
};

#define NAME(text)                                                                                           \
	{                                                                                                    \
		text, sizeof(text) - 1                                                                       \
	}
static const struct span controls[N_CONTROLS] = {
	[SCRIPT_NAME] = NAME("SCRIPT_NAME"),
	[PATH_INFO] = NAME("PATH_INFO"),
	[REQUEST_URI] = NAME("REQUEST_URI"),
	[REQUEST_METHOD] = NAME("REQUEST_METHOD"),
	[CONTENT_LENGTH] = NAME("CONTENT_LENGTH"),
	[REQUEST_ID] = NAME("REQUEST_ID"),
	[HTTP_ACCEPT] = NAME("HTTP_ACCEPT"),
	[REMOTE_ADDR] = NAME("REMOTE_ADDR"),
	[QUERY_STRING] = NAME("QUERY_STRING"),
	[HTTP_COOKIE] = NAME("HTTP_COOKIE"),
	[HTTP_ORIGIN] = NAME("HTTP_ORIGIN"),
	[ASKED_METHOD] = NAME("HTTP_ACCESS_CONTROL_REQUEST_METHOD"),
	[ASKED_FIELDS] = NAME("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
};

static bool
span_is(const char *p, size_t n, struct span s)
{
	return n == s.n && memcmp(p, s.p, n) == 0;
}

/* Names that never reach a worker: HTTP_PROXY would steer HTTP clients in it (CVE-2016-5385), CFN_* is ours.
 */
static bool
is_dropped(const struct fcgi_pair *pair)
{
	static const struct span proxy = NAME("HTTP_PROXY");

	return span_is(pair->name, pair->name_length, proxy) ||
	       (pair->name_length >= 4 && memcmp(pair->name, "CFN_", 4) == 0);
}

/* Kept apart: not every function may see it.  The second is Apache's after a rewriting of the path. */
static bool
is_authorization(const struct fcgi_pair *pair)
{
	static const struct span names[] = { NAME("HTTP_AUTHORIZATION"),
		                             NAME("REDIRECT_HTTP_AUTHORIZATION") };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (span_is(pair->name, pair->name_length, names[i]))
			return true;
	return false;
}

/* The worker makes "NAME=value" texts of them. */
static enum cause
pair_check(const struct fcgi_pair *pair)
{
	if (pair->name_length > PARAM_NAME_MAX)
		return CAUSE_PARAMS_TOO_LARGE;
	/* Name and value lie side by side: one search for both. */
	if (pair->name_length == 0 || memchr(pair->name, '=', pair->name_length) ||
	    memchr(pair->name, '\0', pair->name_length + pair->value_length))
		return CAUSE_BAD_REQUEST;
	return CAUSE_NONE;
}

/* A list may stand in several fields (RFC 9110 section 5.3), and some web servers hand on each of them; the
 * first tells enough. */
static bool
is_list(size_t control)
{
	return control == HTTP_ACCEPT || control == ASKED_FIELDS;
}

static enum cause
control_note(struct span found[N_CONTROLS], const struct fcgi_pair *pair)
{
	for (size_t i = 0; i < N_CONTROLS; i++) {
		if (!span_is(pair->name, pair->name_length, controls[i]))
			continue;
		if (found[i].p && is_list(i))
			break;
		/* Of two the second one would not be looked at: a session could hide in it. */
		if (found[i].p && (i == HTTP_COOKIE || !span_is(pair->value, pair->value_length, found[i])))
			return CAUSE_BAD_REQUEST;
		found[i] = (struct span){ pair->value, pair->value_length };
		break;
	}
	return CAUSE_NONE;
}

/* Web servers say it in one way or the other, and a site's own line may stand beside the usual ones; "off" is
 * IIS's. */
static bool
says_https(const struct fcgi_pair *pair)
{
	static const struct span switched = NAME("HTTPS"), off = NAME("off"), scheme = NAME("REQUEST_SCHEME"),
				 https = NAME("https");

	if (span_is(pair->name, pair->name_length, switched))
		return pair->value_length > 0 && !span_is(pair->value, pair->value_length, off);
	return span_is(pair->name, pair->name_length, scheme) &&
	       span_is(pair->value, pair->value_length, https);
}

/* Goes through all pairs once, closing the gaps of those that are dropped or kept apart. */
static enum cause
params_scan(struct router *r, struct request *q, struct span found[N_CONTROLS])
{
	struct buf *params = &q->params;
	unsigned char *to = (unsigned char *)buf_head(params);
	const unsigned char *at = to, *pair_start = to;
	size_t left = buf_used(params), count = 0;
	struct fcgi_pair pair;
	int got;

	if (!to)
		return CAUSE_NONE;
	while ((got = fcgi_pair_next(&at, &left, &pair)) > 0) {
		size_t size = (size_t)(at - pair_start), shift = (size_t)(pair_start - to);
		enum cause cause = count++ == PARAMS_COUNT_MAX ? CAUSE_PARAMS_TOO_LARGE : pair_check(&pair);

		pair_start = at;
		if (cause == CAUSE_NONE && is_dropped(&pair))
			continue;
		if (cause == CAUSE_NONE && is_authorization(&pair)) {
			if (buffers_append(r, &q->authorization, to + shift, size) < 0)
				return CAUSE_OVERLOADED;
			continue;
		}
		if (shift > 0)
			memmove(to, to + shift, size);
		pair.name -= shift;
		pair.value -= shift;
		to += size;
		q->is_secure |= says_https(&pair);
		if (cause == CAUSE_NONE)
			cause = control_note(found, &pair);
		if (cause != CAUSE_NONE)
			return cause;
	}
	params->end = params->start + (size_t)(to - (unsigned char *)buf_head(params));
	return got < 0 ? CAUSE_BAD_REQUEST : CAUSE_NONE;
}

/* Empty or -1 on bodies of unknown length. */
static enum cause
announced_read(struct span text, int64_t *announced)
{
	enum { DIGITS_MAX = 18 };
	int64_t n = 0;

	*announced = -1;
	if (text.n == 0 || (text.n == 2 && memcmp(text.p, "-1", 2) == 0))
		return CAUSE_NONE;
	if (text.n > DIGITS_MAX)
		return CAUSE_BODY_TOO_LARGE;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return CAUSE_BAD_REQUEST;
		n = n * 10 + (text.p[i] - '0');
	}
	*announced = n;
	return CAUSE_NONE;
}

static enum cause
extra_add(struct router *r, struct request *q, struct span prefix, struct span name, struct span value)
{
	struct fcgi_pair pair = { NULL, value.p, prefix.n + name.n, value.n };
	char full[PARAM_NAME_MAX];
	unsigned char bytes[HTTP_PATH_MAX + PARAM_NAME_MAX + 16];

	if (pair.name_length > sizeof full || value.n > HTTP_PATH_MAX)
		return CAUSE_PARAMS_TOO_LARGE;
	memcpy(full, prefix.p, prefix.n);
	if (name.n > 0)
		memcpy(full + prefix.n, name.p, name.n);
	pair.name = full;
	if (buffers_append(r, &q->extra, bytes, fcgi_pair_write(bytes, &pair)) < 0)
		return CAUSE_OVERLOADED;
	return CAUSE_NONE;
}

static struct span
number_text(char text[DECIMAL_MAX], uint64_t n)
{
	return (struct span){ text, decimal_write(text, n) };
}

/* SCRIPT_NAME and PATH_INFO together are the path that every web server has decoded; REQUEST_URI is raw. */
static enum cause
path_read(struct router *r, struct request *q, const struct span found[N_CONTROLS])
{
	char raw[HTTP_PATH_MAX + 1], path[HTTP_PATH_MAX];
	size_t n = found[SCRIPT_NAME].n + found[PATH_INFO].n;
	const char *query;
	int rc;

	if (n == 0 && found[REQUEST_URI].n > 0) {
		query = memchr(found[REQUEST_URI].p, '?', found[REQUEST_URI].n);
		n = query ? (size_t)(query - found[REQUEST_URI].p) : found[REQUEST_URI].n;
		if (n >= HTTP_PATH_MAX)
			return CAUSE_BAD_REQUEST;
		rc = http_percent_decode(found[REQUEST_URI].p, n, raw);
	} else {
		if (n >= HTTP_PATH_MAX)
			return CAUSE_BAD_REQUEST;
		if (found[SCRIPT_NAME].n > 0)
			memcpy(raw, found[SCRIPT_NAME].p, found[SCRIPT_NAME].n);
		if (found[PATH_INFO].n > 0)
			memcpy(raw + found[SCRIPT_NAME].n, found[PATH_INFO].p, found[PATH_INFO].n);
		rc = (int)n;
	}
	if (rc >= 0)
		rc = http_path_normalise(raw, (size_t)rc, path);
	if (rc < 0)
		return CAUSE_BAD_REQUEST;
	if (buffers_append(r, &q->path_text, path, (size_t)rc + 1) < 0)
		return CAUSE_OVERLOADED;
	q->path = (struct span){ buf_head(&q->path_text), (size_t)rc };
	q->below = http_path_below(q->path.p, r->start.mount_prefix);
	return CAUSE_NONE;
}

enum cause
gate_params(struct router *r, struct request *q)
{
	struct span found[N_CONTROLS] = { 0 };
	enum cause cause = params_scan(r, q, found), length;

	request_name(r, q, found[REQUEST_ID]);
	q->wants_json =
	    http_prefers_json(found[HTTP_ACCEPT].p ? found[HTTP_ACCEPT].p : "", found[HTTP_ACCEPT].n);
	q->method_text = found[REQUEST_METHOD];
	q->remote = found[REMOTE_ADDR];
	q->query = found[QUERY_STRING];
	q->cookie = found[HTTP_COOKIE];
	q->origin = found[HTTP_ORIGIN];
	q->asked_method = found[ASKED_METHOD];
	q->asked_fields = found[ASKED_FIELDS];
	q->method = http_method_parse(q->method_text.p ? q->method_text.p : "", q->method_text.n);
	q->is_head = q->method == HTTP_HEAD;
	length = announced_read(found[CONTENT_LENGTH], &q->announced);
	if (cause == CAUSE_NONE && q->method_text.n == 0)
		cause = CAUSE_BAD_REQUEST;
	if (cause == CAUSE_NONE)
		cause = path_read(r, q, found);
	return cause == CAUSE_NONE ? length : cause;
}

static const struct span no_name = { "", 0 };

enum cause
gate_add(struct router *r, struct request *q, const char *name, struct span value)
{
	return extra_add(r, q, (struct span){ name, strlen(name) }, no_name, value);
}

/* Whoever was let in is named, by us alone; the token itself is for the functions that ask us for nothing. */
static enum cause
caller_add(struct router *r, struct request *q, const struct snapshot_function *f)
{
	if (f->auth != AUTH_NONE)
		return gate_add(r, q, "CFN_USER", (struct span){ q->user, strlen(q->user) });
	return buffers_append(r, &q->extra, buf_head(&q->authorization), buf_used(&q->authorization)) < 0
	           ? CAUSE_OVERLOADED
	           : CAUSE_NONE;
}

/* What function.h says that the router adds. */
static enum cause
extra_fill(struct router *r, struct request *q, const struct route_match *m)
{
	static const struct span param = NAME("CFN_PARAM_");
	char route[DECIMAL_MAX], output[DECIMAL_MAX], body[DECIMAL_MAX];
	const struct {
		struct span name, value;
	} rows[] = {
		{ NAME("CFN_REQUEST_ID"), { q->id, strlen(q->id) } },
		{ NAME("CFN_PATH"), { q->below, strlen(q->below) } },
		{ NAME("CFN_ROUTE"), number_text(route, m->index) },
		{ NAME("CFN_OUTPUT_MAX"), number_text(output, m->function->output_max) },
		{ NAME("CFN_BODY_MAX"), number_text(body, m->function->body_max) },
	};
	enum cause cause = CAUSE_NONE;

	q->route = m->index;
	q->is_shared = false;
	q->cache = CACHE_NONE;
	buf_clear(&q->extra);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && cause == CAUSE_NONE; i++)
		cause = extra_add(r, q, rows[i].name, no_name, rows[i].value);
	for (size_t i = 0; i < m->n_params && cause == CAUSE_NONE; i++)
		cause = extra_add(r, q, param, (struct span){ m->params[i].name, strlen(m->params[i].name) },
		                  (struct span){ m->params[i].value, m->params[i].value_length });
	return cause == CAUSE_NONE ? caller_add(r, q, m->function) : cause;
}

/* In this order: who may not call learns nothing more of the function, and costs nothing more. */
static enum cause
function_check(struct router *r, struct request *q, const struct route_match *m)
{
	struct pool *pool = pool_of(r, m->function);
	enum cause cause;

	if (!pool)
		return CAUSE_OVERLOADED;
	request_set_pool(r, q, pool);
	cause = auth_check(r, q, m->function);
	if (cause != CAUSE_NONE)
		return cause;
	if (!m->function->is_enabled)
		return CAUSE_DISABLED;
	if (q->announced > 0 && (uint64_t)q->announced > m->function->body_max)
		return CAUSE_BODY_TOO_LARGE;
	if (q->received > m->function->body_max)
		return CAUSE_BODY_TOO_LARGE;
	cause = extra_fill(r, q, m);
	return cause == CAUSE_NONE ? session_take(r, q, m->function) : cause;
}

/* By a method that the path does take. */
static bool
is_path_of_lane(struct router *r, const struct request *q, unsigned methods)
{
	struct route_match m;

	snapshot_match(r->snapshot, q->below, methods & (~methods + 1), &m);
	return m.function && m.function->is_run;
}

/* Which methods a path takes is for who may use one of them.  A preflight never shows a token, and has its
 * own answer. */
static enum cause
methods_check(struct router *r, struct request *q, unsigned methods)
{
	enum cause cause = CAUSE_NONE;

	for (; methods != 0; methods &= methods - 1) {
		struct route_match m;
		struct pool *pool;

		snapshot_match(r->snapshot, q->below, methods & (~methods + 1), &m);
		pool = m.function ? pool_of(r, m.function) : NULL;
		if (!pool)
			continue;
		request_set_pool(r, q, pool);
		cause = auth_check(r, q, m.function);
		if (cause == CAUSE_NONE)
			break;
	}
	if (cause == CAUSE_NONE)
		request_set_pool(r, q, NULL);
	return cause;
}

static void
refuse_method(struct router *r, const struct request *q, struct verdict *v)
{
	v->cause = CAUSE_METHOD_NOT_ALLOWED;
	v->is_of_lane = is_path_of_lane(r, q, v->methods);
}

/* In front of all functions: nobody can take a page's path away by a route. */
static bool
page_check(struct router *r, struct request *q, struct verdict *v)
{
	if (!pages_find(r, q->query, q->below, &q->page.page))
		return false;
	v->methods = HTTP_GET | HTTP_HEAD;
	v->is_options = q->method == HTTP_OPTIONS;
	q->is_page = (q->method & v->methods) != 0;
	if (!q->is_page && !v->is_options)
		v->cause = CAUSE_METHOD_NOT_ALLOWED;
	return true;
}

static void
route_check(struct router *r, struct request *q, struct verdict *v)
{
	struct route_match m;

	if (r->has_pages && page_check(r, q, v))
		return;
	if (!r->snapshot) {
		v->cause = CAUSE_UNAVAILABLE;
		return;
	}
	snapshot_match(r->snapshot, q->below, q->method, &m);
	v->methods = m.methods;
	if (m.methods == 0)
		v->cause = CAUSE_NO_ROUTE;
	else if (q->method == HTTP_OPTIONS && cors_is_preflight(r, q, &v->preflight))
		v->is_preflight = true;
	else if (m.function)
		v->cause = function_check(r, q, &m);
	else if ((v->cause = methods_check(r, q, m.methods)) != CAUSE_NONE)
		return;
	else if (q->method == HTTP_OPTIONS)
		v->is_options = true;
	else
		refuse_method(r, q, v);
}

bool
gate_passes(struct router *r, struct request *q)
{
	struct verdict v = { 0 };

	route_check(r, q, &v);
	if (v.is_preflight)
		answer_preflight(r, q, v.methods, &v.preflight);
	else if (v.is_options)
		answer_options(r, q, v.methods);
	else if (v.cause != CAUSE_NONE)
		answer_problem(r, q, v.cause, &v);
	return !v.is_preflight && !v.is_options && v.cause == CAUSE_NONE;
}
