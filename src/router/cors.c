/* cors.c - whose pages may read an answer, beside those of its own origin: what browsers ask before they send
 * a request of another origin's page (a preflight), and the fields that let that page see the answer.
 *
 * Nothing of it is kept: the fields are made for each answer when it leaves. */
#include <string.h>
#include <strings.h>

#include "base/words.h"
#include "router/answer.h"

enum { FIELDS_MAX = 512, MAX_AGE_S = 600 };

static bool
has_origins(const struct snapshot_function *f)
{
	return f->origins[0] != '\0';
}

static bool
is_for_all(const struct snapshot_function *f)
{
	return strcmp(f->origins, "*") == 0;
}

/* "null" is what every page says that has no origin, or hides it. */
static bool
is_allowed(const struct request *q, const struct snapshot_function *f)
{
	const struct span o = q->origin;

	if (o.n == 0 || (o.n == 4 && memcmp(o.p, "null", 4) == 0))
		return false;
	return is_for_all(f) || words_have(f->origins, o.p, o.n);
}

/* Lines, each with its end, that are the same for every answer to this request; Vary is not among them. */
static void
allow_put(struct text *t, const struct request *q, const struct snapshot_function *f)
{
	if (!is_allowed(q, f))
		return;
	text_line(t, "Access-Control-Allow-Origin: ");
	if (is_for_all(f))
		text_line(t, "*");
	else
		text_put(t, q->origin.p, q->origin.n);
	text_line(t, is_for_all(f) ? "\r\n" : "\r\nAccess-Control-Allow-Credentials: true\r\n");
}

/* ---- before the request ---- */

static const struct snapshot_function *
function_of(const struct router *r, const struct request *q, unsigned method)
{
	struct route_match m;

	snapshot_match(r->snapshot, q->below, method, &m);
	return m.function;
}

/* A browser remembers all methods that it is told, so those of functions on the same path that do not let
 * this origin in are not among them. */
static unsigned
methods_for(const struct router *r, const struct request *q)
{
	unsigned methods = 0;

	for (unsigned method = HTTP_GET; method <= HTTP_OPTIONS; method <<= 1) {
		const struct snapshot_function *f = function_of(r, q, method);

		if (f && is_allowed(q, f))
			methods |= method;
	}
	return methods;
}

bool
cors_is_preflight(const struct router *r, const struct request *q, struct preflight *p)
{
	unsigned method = q->asked_method.p ? http_method_parse(q->asked_method.p, q->asked_method.n) : 0;

	p->function = method ? function_of(r, q, method) : NULL;
	if (!p->function || !is_allowed(q, p->function))
		return false;
	p->methods = methods_for(r, q);
	return true;
}

/* Names of fields with commas between them. */
static bool
is_list(struct span s)
{
	const char *p = s.p, *end = p + s.n;

	if (s.n == 0 || s.n > FIELDS_MAX)
		return false;
	for (;;) {
		size_t n = 0;

		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		while (p + n < end && !memchr(" \t,", p[n], 3))
			n++;
		if (!http_is_token(p, n))
			return false;
		p += n;
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (p == end)
			return true;
		if (*p++ != ',')
			return false;
	}
}

void
cors_preflight_put(struct text *t, const struct request *q, unsigned methods, const struct preflight *p)
{
	/* What is told of names of fields holds for the path, whatever the method. */
	bool is_whole = p->methods == methods;
	char text[HTTP_METHODS_TEXT_SIZE];

	http_methods_format(p->methods | (~methods & HTTP_OPTIONS), text);
	allow_put(t, q, p->function);
	text_line(t, "Access-Control-Allow-Methods: ");
	text_line(t, text);
	if (q->asked_fields.p && is_list(q->asked_fields)) {
		text_line(t, "\r\nAccess-Control-Allow-Headers: ");
		text_put(t, q->asked_fields.p, q->asked_fields.n);
	}
	text_line(t, "\r\nAccess-Control-Max-Age: ");
	text_number(t, is_whole ? MAX_AGE_S : 0);
	text_line(t, "\r\nVary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method\r\n");
}

/* ---- with the answer ---- */

static bool
is_access_control(const struct http_field *f)
{
	static const char prefix[] = "Access-Control-";
	const size_t n = sizeof prefix - 1;

	return f->name_length >= n && strncasecmp(f->name, prefix, n) == 0;
}

bool
cors_drops(const struct request *q, const struct http_field *f)
{
	return has_origins(&q->pool->function) && (is_access_control(f) || http_field_is(f, "Vary"));
}

/* One Vary, for those who look at the first one alone. */
void
cors_head_put(struct text *t, const struct request *q, const struct http_answer_head *head)
{
	const struct snapshot_function *f = &q->pool->function;

	if (!has_origins(f))
		return;
	allow_put(t, q, f);
	text_line(t, "Vary: Origin");
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *vary = &head->fields[i];

		if (!http_field_is(vary, "Vary") || vary->value_length == 0)
			continue;
		text_line(t, ", ");
		text_put(t, vary->value, vary->value_length);
	}
	text_line(t, "\r\n");
}

const char *
cors_problem_fields(const struct request *q, char text[CORS_FIELDS_SIZE])
{
	struct text t = { text, 0 };

	if (!q->pool || !has_origins(&q->pool->function))
		return NULL;
	allow_put(&t, q, &q->pool->function);
	text_line(&t, "Vary: Origin\r\n");
	text[t.n] = '\0';
	return text;
}
