/* test_request.c - the request of one exchange of a test. */
#include "deploy-tool/test_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/macros.h"
#include "deploy-tool/test_beside.h"

enum { FIELD_TEXT_MAX = 96 * 1024 };

/* What is made, and where it is to tell of an error. */
struct making {
	struct test_request *r;
	unsigned *line;
	struct err *e;
};

bool
test_field_is(const struct test_field *f, const char *name)
{
	return f->name.n == strlen(name) && strncasecmp(f->name.p, name, f->name.n) == 0;
}

static int
expand(struct making *m, struct text t, unsigned line, struct buf *to)
{
	*m->line = line;
	return variables_expand(m->r->variables, t, VARIABLES_PLAIN, to, m->e);
}

/* Where multipart bodies are written as text, their lines still end as RFC 2046 wants it. */
static bool
is_multipart(const struct test_step *s)
{
	static const char type[] = "multipart/";

	for (size_t i = 0; i < s->n_fields; i++)
		if (test_field_is(&s->fields[i], "Content-Type") && s->fields[i].value.n >= sizeof type - 1 &&
		    strncasecmp(s->fields[i].value.p, type, sizeof type - 1) == 0)
			return true;
	return false;
}

static int
expand_lines(struct making *m, const struct test_body *b)
{
	struct text rest = b->text, line;
	int rc = 0;

	while (rc == 0 && text_next_line(&rest, &line)) {
		rc = expand(m, line, b->line, &m->r->body);
		if (rc == 0 && (rc = buf_append(&m->r->body, "\r\n", 2)) < 0)
			err_set(m->e, rc, "the body");
	}
	return rc;
}

static int
make_body(struct making *m)
{
	const struct test_body *b = &m->r->step->body;

	if (b->text.n == 0)
		return 0;
	*m->line = b->line;
	if (b->is_file)
		return test_beside_read(m->r->path, b->text, TEST_FILE_MAX, &m->r->body, m->e);
	return is_multipart(m->r->step) ? expand_lines(m, b) : expand(m, b->text, b->line, &m->r->body);
}

/* Ends one text in the buffer of texts. */
static int
close_text(struct making *m)
{
	if (buf_append(&m->r->fields, "", 1) == 0)
		return 0;
	return err_set(m->e, -EINVAL, "the header fields are too long");
}

static int
make_fields(struct making *m)
{
	const struct test_step *s = m->r->step;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n_fields; i++) {
		const struct test_field *f = &s->fields[i];

		/* One too long is found when it is closed. */
		buf_printf(&m->r->fields, "%.*s: ", (int)f->name.n, f->name.p);
		rc = expand(m, f->value, f->line, &m->r->fields);
		if (rc == 0)
			rc = close_text(m);
	}
	return rc;
}

static bool
has_cookie_field(const struct test_step *s)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (test_field_is(&s->fields[i], "Cookie"))
			return true;
	return false;
}

void
test_request_path(const struct test_request *r, char path[TEST_TARGET_MAX])
{
	const char *target = buf_head(&r->target);

	snprintf(path, TEST_TARGET_MAX, "%.*s", (int)strcspn(target, "?"), target);
}

static int
add_cookies(struct making *m)
{
	static const char name[] = "Cookie: ";
	struct buf *fields = &m->r->fields;
	size_t before = buf_used(fields), after = before + sizeof name - 1;
	char path[TEST_TARGET_MAX];

	if (has_cookie_field(m->r->step))
		return 0;
	*m->line = m->r->step->line;
	test_request_path(m->r, path);
	if (buf_printf(fields, "%s", name) < 0 || cookies_get(m->r->cookies, path, time(NULL), fields) < 0)
		return err_set(m->e, -EINVAL, "the header fields are too long");
	if (buf_used(fields) > after)
		return close_text(m);
	fields->end -= after - before;
	return 0;
}

/* The texts move while they are written: they are pointed to when they are all there. */
static void
list_fields(struct test_request *r)
{
	struct argument_list *list = &r->options.fields;
	const char *p = buf_head(&r->fields), *end = p + buf_used(&r->fields);

	list->n = 0;
	for (; p != NULL && p < end && list->n < ARGUMENTS_MAX; p += strlen(p) + 1)
		list->items[list->n++] = p;
}

static int
compose(struct making *m, struct request *q)
{
	struct test_request *r = m->r;
	const struct test_step *s = r->step;
	char method[16];
	int rc;

	*m->line = s->line;
	snprintf(method, sizeof method, "%.*s", (int)s->method.n, s->method.p);
	r->options.method = method;
	r->options.path = buf_head(&r->target);
	list_fields(r);
	*q = (struct request){ .auth = r->subject->policy.auth,
		               .has_body = s->body.text.n > 0,
		               .n_body = buf_used(&r->body) };
	r->options.user = q->auth != AUTH_NONE ? "test" : NULL;
	rc = request_compose(&r->options, &r->subject->version, q, &r->params, m->e);
	r->options.method = r->options.path = NULL;
	return q->cause != CAUSE_NONE ? 0 : rc;
}

static int
make_target(struct making *m)
{
	const struct test_step *s = m->r->step;
	int rc = expand(m, s->target, s->line, &m->r->target);

	if (rc == 0 && (rc = buf_append(&m->r->target, "", 1)) < 0)
		err_set(m->e, rc, "the target");
	return rc;
}

int
test_request_make(struct test_request *r, struct request *q, unsigned *line, struct err *e)
{
	static int (*const parts[])(struct making *) = { make_target, make_fields, add_cookies, make_body };
	struct making m = { r, line, e };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(parts); i++)
		rc = parts[i](&m);
	return rc == 0 ? compose(&m, q) : rc;
}

void
test_request_init(struct test_request *r)
{
	buf_init(&r->target, TEST_TARGET_MAX);
	buf_init(&r->fields, FIELD_TEXT_MAX);
	buf_init(&r->params, REQUEST_PARAMS_MAX);
	buf_init(&r->body, TEST_FILE_MAX);
}

static void
with_buffers(struct test_request *r, void (*act)(struct buf *))
{
	struct buf *const buffers[] = { &r->target, &r->fields, &r->params, &r->body };

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		act(buffers[i]);
}

void
test_request_clear(struct test_request *r)
{
	with_buffers(r, buf_clear);
}

void
test_request_done(struct test_request *r)
{
	with_buffers(r, buf_done);
}
