/* testfile.c - a file of exchanges: what is asked and what is to be answered. */
#include "deploy-tool/testfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "http/http.h"

enum { STEPS_FIRST = 8, SHOWN = 60 };

struct reader {
	struct text rest;
	unsigned line; /* of the last one read */
	struct err *e;
};

bool
text_is(struct text t, const char *word)
{
	return t.n == strlen(word) && (t.n == 0 || memcmp(t.p, word, t.n) == 0);
}

bool
text_next_line(struct text *rest, struct text *line)
{
	const char *newline = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = newline != NULL ? (size_t)(newline - rest->p) : rest->n;

	*line = (struct text){ rest->p, n };
	if (rest->n == 0)
		return false;
	n += newline != NULL;
	rest->p += n;
	rest->n -= n;
	return true;
}

static bool
next(struct reader *r, struct text *line)
{
	r->line += r->rest.n > 0;
	return text_next_line(&r->rest, line);
}

static int
fail(const struct reader *r, unsigned line, const char *what, struct text text)
{
	return err_set(r->e, -EINVAL, "%u: %s%s%.*s%s", line, what, text.n > 0 ? ": '" : "",
	               (int)(text.n < SHOWN ? text.n : SHOWN), text.n > 0 ? text.p : "",
	               text.n > 0 ? "'" : "");
}

static struct text
trim(struct text t)
{
	while (t.n > 0 && (t.p[0] == ' ' || t.p[0] == '\t')) {
		t.p++;
		t.n--;
	}
	while (t.n > 0 && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
		t.n--;
	return t;
}

static bool
is_blank(struct text t)
{
	return trim(t).n == 0;
}

static bool
is_comment(struct text t)
{
	return t.n > 0 && t.p[0] == '#';
}

static bool
begins(struct text t, const char *word)
{
	return t.n >= strlen(word) && memcmp(t.p, word, strlen(word)) == 0;
}

/* ---- lines ---- */

/* "METHOD /path" or "METHOD {{variable}}...". */
static bool
is_request(struct text line, struct test_step *s)
{
	const char *space = line.n > 0 ? memchr(line.p, ' ', line.n) : NULL;
	size_t n = space != NULL ? (size_t)(space - line.p) : 0;
	struct text target = { line.p + n + 1, n > 0 ? line.n - n - 1 : 0 };

	if (n == 0 || http_method_parse(line.p, n) == 0)
		return false;
	if (!begins(target, "/") && !begins(target, "{{"))
		return false;
	if (s != NULL) {
		s->method = (struct text){ line.p, n };
		s->target = trim(target);
	}
	return true;
}

/* "HTTP 200", maybe with words behind it. */
static bool
is_status(struct text line, int *status)
{
	static const char word[] = "HTTP ";
	size_t at = sizeof word - 1;

	if (!begins(line, word) || line.n < at + 3 || (line.n > at + 3 && line.p[at + 3] != ' '))
		return false;
	*status = 0;
	for (size_t i = at; i < at + 3; i++) {
		if (!isdigit((unsigned char)line.p[i]))
			return false;
		*status = *status * 10 + (line.p[i] - '0');
	}
	return true;
}

/* Takes the slashes off. */
static bool
is_pattern(struct text *t)
{
	if (t->n < 2 || t->p[0] != '/' || t->p[t->n - 1] != '/')
		return false;
	t->p++;
	t->n -= 2;
	return true;
}

static bool
read_field(struct text line, struct test_field *f)
{
	const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
	size_t n = colon != NULL ? (size_t)(colon - line.p) : 0;

	if (n == 0 || !http_is_token(line.p, n))
		return false;
	f->name = (struct text){ line.p, n };
	f->value = trim((struct text){ colon + 1, line.n - n - 1 });
	return true;
}

static bool
is_variable(struct text t)
{
	if (t.n == 0 || t.n > TESTFILE_NAME_MAX || isdigit((unsigned char)t.p[0]))
		return false;
	for (size_t i = 0; i < t.n; i++)
		if (!isalnum((unsigned char)t.p[i]) && t.p[i] != '_')
			return false;
	return true;
}

/* Behind the '@'. */
static bool
read_capture(struct text line, struct test_capture *c)
{
	const char *equals = line.n > 0 ? memchr(line.p, '=', line.n) : NULL;
	size_t n = equals != NULL ? (size_t)(equals - line.p) : 0;
	struct test_field field = { 0 };

	c->variable = trim((struct text){ line.p, n });
	if (equals == NULL || !is_variable(c->variable))
		return false;
	c->pattern = trim((struct text){ equals + 1, line.n - n - 1 });
	if (is_pattern(&c->pattern))
		return true;
	if (!read_field(c->pattern, &field))
		return false;
	c->field = field.name;
	c->pattern = field.value;
	return is_pattern(&c->pattern);
}

/* ---- a request ---- */

static int
add_request_field(struct reader *r, struct test_step *s, struct text line)
{
	struct test_field *f = &s->fields[s->n_fields];

	if (s->n_fields == TESTFILE_LINES_MAX)
		return fail(r, r->line, "more than 64 header fields", (struct text){ 0 });
	if (!read_field(line, f))
		return fail(r, r->line, "neither 'Name: value' nor 'HTTP STATUS'", line);
	f->line = r->line;
	s->n_fields++;
	return 0;
}

static struct text
without_newlines(const char *from, const char *to)
{
	while (to > from && to[-1] == '\n')
		to--;
	return (struct text){ from, (size_t)(to - from) };
}

static void
settle_body(struct test_body *b, struct text text)
{
	b->text = text;
	b->is_file = begins(text, "< ") && memchr(text.p, '\n', text.n) == NULL;
	if (b->is_file)
		b->text = trim((struct text){ text.p + 2, text.n - 2 });
}

/* Until the line of the status. */
static int
read_request_body(struct reader *r, struct test_step *s)
{
	const char *from = r->rest.p;
	struct text line;

	s->body.line = r->line + 1;
	while (next(r, &line))
		if (is_status(line, &s->status)) {
			settle_body(&s->body, without_newlines(from, line.p));
			return 0;
		}
	return fail(r, s->line, "the request has no answer: 'HTTP STATUS' is missing", (struct text){ 0 });
}

static int
read_request(struct reader *r, struct test_step *s)
{
	struct text line;

	while (next(r, &line)) {
		int rc;

		if (is_status(line, &s->status))
			return 0;
		if (is_blank(line))
			return read_request_body(r, s);
		rc = add_request_field(r, s, line);
		if (rc < 0)
			return rc;
	}
	return fail(r, s->line, "the request has no answer: 'HTTP STATUS' is missing", (struct text){ 0 });
}

/* ---- an answer ---- */

static int
add_capture(struct reader *r, struct test_step *s, struct text line)
{
	struct test_capture *c = &s->captures[s->n_captures];

	if (s->n_captures == TESTFILE_LINES_MAX)
		return fail(r, r->line, "more than 64 captures", (struct text){ 0 });
	if (!read_capture((struct text){ line.p + 1, line.n - 1 }, c))
		return fail(r, r->line, "neither '@name = /pattern/' nor '@name = Field: /pattern/'", line);
	c->line = r->line;
	s->n_captures++;
	return 0;
}

static int
add_expected(struct reader *r, struct test_step *s, struct text line)
{
	struct test_field *f = &s->expected[s->n_expected];

	if (line.p[0] == '@')
		return add_capture(r, s, line);
	if (s->n_expected == TESTFILE_LINES_MAX)
		return fail(r, r->line, "more than 64 header fields", (struct text){ 0 });
	if (!read_field(line, f))
		return fail(r, r->line, "neither 'Name: value' nor '@name = /pattern/'", line);
	f->is_pattern = is_pattern(&f->value);
	f->line = r->line;
	s->n_expected++;
	return 0;
}

static bool
is_only_patterns(struct text body)
{
	struct text line;

	while (text_next_line(&body, &line)) {
		line = trim(line);
		if (line.n > 0 && !is_pattern(&line))
			return false;
	}
	return true;
}

/* What it may end with: comments behind an empty line, which belong to what follows. */
struct tail {
	const char *end; /* NULL: the last line was the body's own */
	bool is_behind_blank;
};

static void
tail_see(struct tail *t, struct text line)
{
	bool is_part = is_blank(line) || (is_comment(line) && t->is_behind_blank);

	if (!is_part)
		t->end = NULL;
	else if (t->end == NULL)
		t->end = line.p;
	t->is_behind_blank = is_part;
}

/* Until a request behind an empty line, which stays unread, or the end of the file. */
static void
read_answer_body(struct reader *r, struct test_step *s)
{
	const char *from = r->rest.p;
	struct tail tail = { from, true };
	struct text line;

	s->answer.line = r->line + 1;
	for (struct reader before = *r; next(r, &line); before = *r) {
		if (tail.is_behind_blank && is_request(line, NULL)) {
			*r = before;
			break;
		}
		tail_see(&tail, line);
	}
	if (from == NULL)
		return;
	settle_body(&s->answer, without_newlines(from, tail.end != NULL ? tail.end : r->rest.p));
	s->answer.is_patterns =
	    s->answer.text.n > 0 && !s->answer.is_file && is_only_patterns(s->answer.text);
}

static int
read_answer(struct reader *r, struct test_step *s)
{
	struct text line;

	s->answer_line = r->line;
	if (s->status < 200 || s->status > 599)
		return fail(r, r->line, "a status is 200 to 599", (struct text){ 0 });
	for (struct reader before = *r; next(r, &line); before = *r) {
		int rc;

		if (is_blank(line)) {
			read_answer_body(r, s);
			return 0;
		}
		if (is_comment(line) || is_request(line, NULL)) {
			*r = before;
			return 0;
		}
		rc = add_expected(r, s, line);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- the file ---- */

static struct test_step *
add_step(struct testfile *f, struct reader *r)
{
	size_t size = f->n_steps < STEPS_FIRST ? STEPS_FIRST : f->n_steps;
	struct test_step *more;

	if (f->n_steps == TESTFILE_STEPS_MAX) {
		err_set(r->e, -E2BIG, "%u: more than %d exchanges", r->line, TESTFILE_STEPS_MAX);
		return NULL;
	}
	/* It doubles at powers of two. */
	if (f->n_steps == 0 || (f->n_steps >= STEPS_FIRST && (f->n_steps & (f->n_steps - 1)) == 0)) {
		more = reallocarray(f->steps, f->n_steps == 0 ? size : 2 * size, sizeof *more);
		if (more == NULL) {
			err_set(r->e, ENOMEM, "%u: exchanges", r->line);
			return NULL;
		}
		f->steps = more;
	}
	memset(&f->steps[f->n_steps], 0, sizeof *f->steps);
	return &f->steps[f->n_steps++];
}

static int
read_steps(struct testfile *f, struct reader *r)
{
	struct test_step request = { 0 }, *s;
	struct text line;

	while (next(r, &line)) {
		if (is_blank(line) || is_comment(line))
			continue;
		if (!is_request(line, &request))
			return fail(r, r->line, "a request such as 'GET /path' is expected here", line);
		s = add_step(f, r);
		if (s == NULL)
			return -r->e->code;
		s->line = r->line;
		s->method = request.method;
		s->target = request.target;
		if (read_request(r, s) < 0 || read_answer(r, s) < 0)
			return -r->e->code;
	}
	return 0;
}

/* Lines end with LF or CRLF. */
static size_t
drop_returns(char *bytes, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++)
		if (bytes[i] != '\r' || i + 1 == n || bytes[i + 1] != '\n')
			bytes[to++] = bytes[i];
	return to;
}

int
testfile_parse(struct testfile *f, char *bytes, size_t n, struct err *e)
{
	struct reader r = { .e = e };
	int rc;

	*f = (struct testfile){ .bytes = bytes };
	n = drop_returns(bytes, n);
	r.rest = (struct text){ bytes, n };
	if (n > 0 && memchr(bytes, '\0', n) != NULL)
		rc = err_set(e, -EINVAL, "1: it is no text: there is a NUL in it");
	else
		rc = read_steps(f, &r);
	if (rc < 0)
		testfile_done(f);
	return rc;
}

void
testfile_done(struct testfile *f)
{
	free_pointer(&f->bytes);
	free(f->steps);
	f->steps = NULL;
	f->n_steps = 0;
}
