/* testcheck.c - an answer beside what a test expects of it. */
#include "deploy-tool/testcheck.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include "base/utf8.h"
#include "deploy-tool/diagnostics.h"

enum { DIFFERENT_MAX = 12, SHOWN_MAX = 160 };

/* ---- words ---- */

static void
wrong(struct testcheck *c, unsigned line, const char *what)
{
	c->n_wrong++;
	buf_printf(c->says, "line %u: %s\n", line, what);
}

static void
show(struct testcheck *c, const char *before, struct text t)
{
	size_t n = t.n < SHOWN_MAX ? t.n : SHOWN_MAX;

	buf_printf(c->says, "%s", before);
	if (n > 0)
		diagnostics_escape(c->says, t.p, n);
	buf_printf(c->says, "%s\n", n < t.n ? "..." : "");
}

/* ---- texts ---- */

/* The text with its variables; false when that was wrong and is said. */
static bool
expand(struct testcheck *c, struct text t, enum variables_use use, unsigned line, struct buf *to)
{
	struct err e;

	buf_init(to, TESTCHECK_EXPANDED_MAX);
	if (variables_expand(c->variables, t, use, to, &e) == 0 && buf_append(to, "", 1) == 0)
		return true;
	wrong(c, line, e.text);
	return false;
}

/* 1, 0, or -1: it is no pattern. */
static int
match(const char *pattern, struct text in, regmatch_t found[2], char why[SHOWN_MAX])
{
	regex_t compiled;
	int rc = regcomp(&compiled, pattern, REG_EXTENDED);

	if (rc != 0) {
		regerror(rc, &compiled, why, SHOWN_MAX);
		return -1;
	}
	found[0] = (regmatch_t){ 0, (regoff_t)(in.n < TESTCHECK_MATCH_MAX ? in.n : TESTCHECK_MATCH_MAX) };
	found[1] = (regmatch_t){ -1, -1 };
	rc = regexec(&compiled, in.p != NULL ? in.p : "", 2, found, REG_STARTEND);
	if (compiled.re_nsub == 0)
		found[1].rm_so = -1;
	regfree(&compiled);
	return rc == 0;
}

/* ---- header fields ---- */

static bool
is_named(const struct http_field *f, struct text name)
{
	return f->name_length == name.n && strncasecmp(f->name, name.p, name.n) == 0;
}

static bool
is_expected(const struct test_field *f, const char *want, size_t n, struct text got, char why[SHOWN_MAX])
{
	regmatch_t found[2];

	if (f->is_pattern)
		return match(want, got, found, why) == 1;
	return got.n == n && (n == 0 || memcmp(got.p, want, n) == 0);
}

static void
say_field(struct testcheck *c, const struct test_field *f, const char *why)
{
	unsigned n = 0;

	wrong(c, f->line, why[0] != '\0' ? why : "the header field is another one:");
	buf_printf(c->says, "  - %.*s:", (int)f->name.n, f->name.p);
	show(c, f->is_pattern ? " /" : " ", f->value);
	for (size_t i = 0; i < c->head->n_fields; i++) {
		const struct http_field *got = &c->head->fields[i];

		if (!is_named(got, f->name))
			continue;
		buf_printf(c->says, "  + %.*s: ", (int)got->name_length, got->name);
		show(c, "", (struct text){ got->value, got->value_length });
		n++;
	}
	if (n == 0)
		buf_printf(c->says, "  + there is none\n");
}

static void
check_field(struct testcheck *c, const struct test_field *f)
{
	char why[SHOWN_MAX] = "";
	struct buf want;
	bool is_there = false;

	if (expand(c, f->value, f->is_pattern ? VARIABLES_IN_PATTERN : VARIABLES_PLAIN, f->line, &want)) {
		for (size_t i = 0; i < c->head->n_fields && !is_there; i++) {
			const struct http_field *got = &c->head->fields[i];

			is_there = is_named(got, f->name) &&
			           is_expected(f, buf_head(&want), buf_used(&want) - 1,
			                       (struct text){ got->value, got->value_length }, why);
		}
		if (!is_there)
			say_field(c, f, why);
	}
	buf_done(&want);
}

/* ---- the body ---- */

static struct text
without_newlines(struct text t)
{
	while (t.n > 0 && t.p[t.n - 1] == '\n')
		t.n--;
	return t;
}

static bool
is_text(struct text t)
{
	return t.n == 0 || (utf8_is_valid(t.p, t.n) && memchr(t.p, '\0', t.n) == NULL);
}

static size_t
first_difference(struct text a, struct text b)
{
	size_t n = a.n < b.n ? a.n : b.n, i = 0;

	while (i < n && a.p[i] == b.p[i])
		i++;
	return i;
}

static void
say_lines(struct testcheck *c, const char *sign, struct text rest)
{
	struct text line;

	for (int i = 0; i < DIFFERENT_MAX; i++) {
		if (!text_next_line(&rest, &line))
			return;
		show(c, sign, line);
	}
	if (rest.n > 0)
		buf_printf(c->says, "%s...\n", sign);
}

/* Whole lines that are equal are left out at both ends. */
static void
say_difference(struct testcheck *c, struct text want, struct text got)
{
	size_t at = first_difference(want, got);
	unsigned line = 1;

	if (!is_text(want) || !is_text(got)) {
		buf_printf(c->says, "  %zu bytes and not %zu; byte %zu differs\n", got.n, want.n, at);
		return;
	}
	for (size_t i = 0; i < at; i++)
		line += want.p[i] == '\n';
	while (at > 0 && want.p[at - 1] != '\n')
		at--;
	want = (struct text){ want.p + at, want.n - at };
	got = (struct text){ got.p + at, got.n - at };
	while (want.n > 0 && got.n > 0 && want.p[want.n - 1] == got.p[got.n - 1] &&
	       memchr(want.p, '\n', want.n - 1) != NULL && memchr(got.p, '\n', got.n - 1) != NULL) {
		want.n--;
		got.n--;
	}
	buf_printf(c->says, "  from its line %u on:\n", line);
	say_lines(c, "  - ", want);
	say_lines(c, "  + ", got);
}

static void
check_literal(struct testcheck *c, struct text want, struct text got)
{
	if (want.n == got.n && (want.n == 0 || memcmp(want.p, got.p, want.n) == 0))
		return;
	wrong(c, c->step->answer.line, "the body is another one");
	say_difference(c, want, got);
}

static void
check_pattern(struct testcheck *c, struct text pattern, unsigned line)
{
	char why[SHOWN_MAX] = "";
	regmatch_t found[2];
	struct buf want;

	if (expand(c, pattern, VARIABLES_IN_PATTERN, line, &want) &&
	    match(buf_head(&want), c->body, found, why) != 1) {
		wrong(c, line, why[0] != '\0' ? why : "the body has no match for the pattern");
		show(c, "  - ", pattern);
		say_lines(c, "  + ", is_text(c->body) ? c->body : (struct text){ 0 });
	}
	buf_done(&want);
}

static struct text
pattern_of(struct text line)
{
	while (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t')) {
		line.p++;
		line.n--;
	}
	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	return line.n > 2 ? (struct text){ line.p + 1, line.n - 2 } : (struct text){ 0 };
}

static void
check_patterns(struct testcheck *c)
{
	struct text rest = c->step->answer.text, line;
	unsigned number = c->step->answer.line;

	for (; text_next_line(&rest, &line); number++)
		if (pattern_of(line).n > 0)
			check_pattern(c, pattern_of(line), number);
}

static void
check_body(struct testcheck *c)
{
	const struct test_body *b = &c->step->answer;
	struct buf want;

	if (b->text.n == 0)
		return;
	if (b->is_file) {
		check_literal(c, c->file, c->body);
		return;
	}
	if (b->is_patterns) {
		check_patterns(c);
		return;
	}
	if (expand(c, b->text, VARIABLES_PLAIN, b->line, &want))
		check_literal(c, (struct text){ buf_head(&want), buf_used(&want) - 1 },
		              without_newlines(c->body));
	buf_done(&want);
}

bool
testcheck_has_patterns(const struct testcheck *c)
{
	struct buf unheard;
	struct testcheck quiet = *c;

	if (!c->step->answer.is_patterns)
		return false;
	buf_init(&unheard, TESTCHECK_SAYS_MAX);
	quiet.says = &unheard;
	quiet.n_wrong = 0;
	check_patterns(&quiet);
	buf_done(&unheard);
	return quiet.n_wrong == 0;
}

/* ---- captures ---- */

static bool
take_from(struct testcheck *c, const struct test_capture *k, const char *pattern, struct text in)
{
	char why[SHOWN_MAX];
	regmatch_t found[2];
	struct err e;

	if (match(pattern, in, found, why) != 1 || found[1].rm_so < 0)
		return false;
	if (variables_set(c->variables, k->variable,
	                  (struct text){ in.p + found[1].rm_so, (size_t)(found[1].rm_eo - found[1].rm_so) },
	                  &e) < 0)
		wrong(c, k->line, e.text);
	return true;
}

static bool
take_from_fields(struct testcheck *c, const struct test_capture *k, const char *pattern)
{
	for (size_t i = 0; i < c->head->n_fields; i++) {
		const struct http_field *f = &c->head->fields[i];

		if (is_named(f, k->field) &&
		    take_from(c, k, pattern, (struct text){ f->value, f->value_length }))
			return true;
	}
	return false;
}

static void
capture(struct testcheck *c, const struct test_capture *k)
{
	struct buf pattern;

	if (expand(c, k->pattern, VARIABLES_IN_PATTERN, k->line, &pattern) &&
	    !(k->field.n > 0 ? take_from_fields(c, k, buf_head(&pattern))
	                     : take_from(c, k, buf_head(&pattern), c->body))) {
		wrong(c, k->line, "there is nothing to capture: the pattern has no match, or no group");
		show(c, "  - ", k->pattern);
	}
	buf_done(&pattern);
}

/* ---- all of it ---- */

void
testcheck_run(struct testcheck *c)
{
	const struct test_step *s = c->step;

	if (c->head->status != s->status) {
		wrong(c, s->answer_line, "the status is another one");
		buf_printf(c->says, "  - HTTP %d\n  + HTTP %d\n", s->status, c->head->status);
		/* Most often the body says why. */
		if (s->answer.text.n == 0 && is_text(c->body))
			say_lines(c, "  + ", c->body);
	}
	for (size_t i = 0; i < s->n_expected; i++)
		check_field(c, &s->expected[i]);
	check_body(c);
	for (size_t i = 0; i < s->n_captures; i++)
		capture(c, &s->captures[i]);
}
