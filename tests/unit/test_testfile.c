/* test_testfile.c - the pure parts of cfn-deploy test: files of exchanges, cookies, variables, and what an
 * answer is compared with. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "deploy-tool/cookies.h"
#include "deploy-tool/testcheck.h"
#include "deploy-tool/testfile.h"
#include "deploy-tool/variables.h"

static int
parse_bytes(struct testfile *f, const char *bytes, size_t n, struct err *e)
{
	char *copy = malloc(n + 1);

	memcpy(copy, bytes, n);
	return testfile_parse(f, copy, n, e);
}

static int
parse(struct testfile *f, const char *text, struct err *e)
{
	return parse_bytes(f, text, strlen(text), e);
}

static struct testfile
parsed(const char *text)
{
	struct testfile f;
	struct err e;

	if (parse(&f, text, &e) < 0)
		fail_msg("%s", e.text);
	return f;
}

static void
expect_text(struct text got, const char *want)
{
	if (!text_is(got, want))
		fail_msg("'%.*s' is not '%s'", (int)got.n, got.p, want);
}

/* ---- files ---- */

static void
an_exchange_is_a_request_and_an_answer(void **state)
{
	struct testfile f =
	    parsed("# comment\n\nPOST /a?b=c d\nX-One: 1\nX-Two:2\n\nname=Ada\n\nHTTP 303 See Other\n"
	           "Location: /a\nETag: /^\"/\n@id = /id=([0-9]+)/\n@to = Location: /(.*)/\n\nbody\n\n"
	           "# next\nGET {{to}}\nHTTP 200\n");
	const struct test_step *s = f.steps;

	(void)state;
	assert_int_equal(f.n_steps, 2);
	assert_int_equal(s->line, 3);
	expect_text(s->method, "POST");
	expect_text(s->target, "/a?b=c d");
	assert_int_equal(s->n_fields, 2);
	expect_text(s->fields[1].name, "X-Two");
	expect_text(s->fields[1].value, "2");
	expect_text(s->body.text, "name=Ada");
	assert_int_equal(s->body.line, 7);
	assert_int_equal(s->status, 303);
	assert_int_equal(s->answer_line, 9);
	assert_int_equal(s->n_expected, 2);
	assert_false(s->expected[0].is_pattern);
	assert_true(s->expected[1].is_pattern);
	expect_text(s->expected[1].value, "^\"");
	assert_int_equal(s->n_captures, 2);
	expect_text(s->captures[0].pattern, "id=([0-9]+)");
	assert_int_equal(s->captures[0].field.n, 0);
	expect_text(s->captures[1].field, "Location");
	expect_text(s->answer.text, "body");
	assert_int_equal(s->answer.line, 15);
	expect_text(s[1].target, "{{to}}");
	assert_int_equal(s[1].body.text.n, 0);
	assert_int_equal(s[1].answer.text.n, 0);
	testfile_done(&f);
}

/* What a body is, in the request and in the answer. */
static void
bodies_end_where_they_should(void **state)
{
	static const struct {
		const char *text;
		size_t n_steps;
		const char *body, *answer;
		bool is_file, answer_is_file, is_patterns;
	} cases[] = {
		{ "GET /\n\nHTTP 200\n", 1, "", "", false, false, false },
		{ "PUT /\n\na\n\nHTTP /1\nHTTP 2000\nHTTP x00\n\n\nHTTP 200\n\nb\n\n\n", 1,
		  "a\n\nHTTP /1\nHTTP 2000\nHTTP x00", "b", false, false, false },
		{ "PUT /\n\n< a b \nHTTP 200\n\n< c\n", 1, "a b", "c", true, true, false },
		{ "PUT /\n\n< a\nb\nHTTP 200\n\n<b>\n", 1, "< a\nb", "<b>", false, false, false },
		{ "GET /\nHTTP 200\n\n/a/\n\n  /b c/ \n", 1, "", "/a/\n\n  /b c/ ", false, false, true },
		{ "GET /\nHTTP 200\n\n/a/\nb\n", 1, "", "/a/\nb", false, false, false },
		/* A request in a body counts only behind an empty line. */
		{ "GET /\nHTTP 200\n\na\nGET /b\n", 1, "", "a\nGET /b", false, false, false },
		{ "GET /\nHTTP 200\n\na\n\nGET /b\nHTTP 200", 2, "", "a", false, false, false },
		{ "GET /\nHTTP 200\n\na\n\nGET b\n\nBREW /c\n", 1, "", "a\n\nGET b\n\nBREW /c", false, false,
		  false },
		{ "GET /\nHTTP 200\nGET /b\nHTTP 200\n", 2, "", "", false, false, false },
		{ "GET /\nHTTP 200\n\nGET /b\nHTTP 200\n", 2, "", "", false, false, false },
		/* Comments are in front of a request, a heading is in a body. */
		{ "GET /\nHTTP 200\n\n# title\n\ntext\n\n# c\n# d\n\nGET /b\nHTTP 200\n", 2, "",
		  "# title\n\ntext", false, false, false },
		{ "GET /\nHTTP 200\n\na\n# b\n\nGET /b\nHTTP 200\n", 2, "", "a\n# b", false, false, false },
		{ "GET /\nHTTP 200\n# c\n\nGET /b\nHTTP 200\n", 2, "", "", false, false, false },
		{ "GET /\nHTTP 200\n\na\n\n# the end\n", 1, "", "a", false, false, false },
		/* CRLF is LF; another CR is itself. */
		{ "PUT /\r\nA: b\r\n\r\nc\rd\r\nHTTP 200\r\n\r\ne\r\nf\r\n", 1, "c\rd", "e\nf", false, false,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct testfile f = parsed(cases[i].text);

		if (f.n_steps != cases[i].n_steps || f.steps[0].body.is_file != cases[i].is_file ||
		    f.steps[0].answer.is_file != cases[i].answer_is_file ||
		    f.steps[0].answer.is_patterns != cases[i].is_patterns)
			fail_msg("case %zu: %s", i, cases[i].text);
		expect_text(f.steps[0].body.text, cases[i].body);
		expect_text(f.steps[0].answer.text, cases[i].answer);
		testfile_done(&f);
	}
}

static void
what_is_malformed_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "\n\nhello\n", "3: a request such as 'GET /path' is expected here: 'hello'" },
		{ "HTTP 200\n", "1: a request such as" },
		{ "get /\nHTTP 200\n", "1: a request such as" },
		{ "GET x\nHTTP 200\n", "1: a request such as" },
		{ "GET /\n", "1: the request has no answer" },
		{ "GET /\nA: b\n\nbody\n", "1: the request has no answer" },
		{ "GET /\nno field\nHTTP 200\n", "2: neither 'Name: value' nor 'HTTP STATUS': 'no field'" },
		{ "GET /\n: b\nHTTP 200\n", "2: neither" },
		{ "GET /\nHTTP 199\n", "2: a status is 200 to 599" },
		{ "GET /\nHTTP 600\n", "2: a status is 200 to 599" },
		{ "GET /\nHTTP 200\nno field\n", "3: neither 'Name: value' nor '@name = /pattern/'" },
		{ "GET /\nHTTP 200\n@a = b\n", "3: neither '@name = /pattern/'" },
		{ "GET /\nHTTP 200\n@1a = /b/\n", "3: neither '@name = /pattern/'" },
		{ "GET /\nHTTP 200\n@a = B: c\n", "3: neither '@name = /pattern/'" },
		{ "GET /\nHTTP 200\n@ = /c/\n", "3: neither '@name = /pattern/'" },
		{ "GET /\nHTTP 200\n@\n", "3: neither '@name = /pattern/'" },
	};
	struct testfile f;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(&f, cases[i].text, &e), -EINVAL);
		if (strncmp(e.text, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("'%s' is not '%s'", e.text, cases[i].want);
		assert_null(f.steps);
	}
	assert_int_equal(parse_bytes(&f, "GET /\0\nHTTP 200\n", 16, &e), -EINVAL);
	assert_int_equal(parse(&f, "", &e), 0);
	assert_int_equal(f.n_steps, 0);
	testfile_done(&f);
}

/* Parses head, n times line, tail. */
static int
parse_many(const char *head, const char *line, unsigned n, const char *tail, size_t *n_steps)
{
	struct testfile f = { 0 };
	struct buf text;
	struct err e;
	int rc;

	buf_init(&text, TESTFILE_SIZE_MAX);
	buf_printf(&text, "%s", head);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&text, "%s", line);
	buf_printf(&text, "%s", tail);
	rc = parse_bytes(&f, buf_head(&text), buf_used(&text), &e);
	*n_steps = f.n_steps;
	testfile_done(&f);
	buf_done(&text);
	return rc;
}

static void
counts_have_limits(void **state)
{
	size_t n;

	(void)state;
	assert_int_equal(parse_many("", "GET /\nHTTP 200\n", TESTFILE_STEPS_MAX, "", &n), 0);
	assert_int_equal(n, TESTFILE_STEPS_MAX);
	assert_int_equal(parse_many("", "GET /\nHTTP 200\n", TESTFILE_STEPS_MAX + 1, "", &n), -E2BIG);
	assert_int_equal(parse_many("GET /\n", "A: b\n", TESTFILE_LINES_MAX, "HTTP 200\n", &n), 0);
	assert_int_equal(parse_many("GET /\n", "A: b\n", TESTFILE_LINES_MAX + 1, "HTTP 200\n", &n), -EINVAL);
	assert_int_equal(parse_many("GET /\nHTTP 200\n", "A: b\n", TESTFILE_LINES_MAX, "", &n), 0);
	assert_int_equal(parse_many("GET /\nHTTP 200\n", "A: b\n", TESTFILE_LINES_MAX + 1, "", &n), -EINVAL);
	assert_int_equal(parse_many("GET /\nHTTP 200\n", "@a = /b/\n", TESTFILE_LINES_MAX, "", &n), 0);
	assert_int_equal(parse_many("GET /\nHTTP 200\n", "@a = /b/\n", TESTFILE_LINES_MAX + 1, "", &n),
	                 -EINVAL);
	assert_int_equal(parse_many("GET /\nHTTP 200\n@", "a", TESTFILE_NAME_MAX, " = /b/\n", &n), 0);
	assert_int_equal(parse_many("GET /\nHTTP 200\n@", "a", TESTFILE_NAME_MAX + 1, " = /b/\n", &n),
	                 -EINVAL);
}

/* ---- variables ---- */

static void
variables_stand_where_they_are_named(void **state)
{
	static const struct {
		const char *text, *want;
		enum variables_use use;
		int rc;
	} cases[] = {
		{ "a{{x}}b{{y_2}}", "a1.2b", VARIABLES_PLAIN, 0 },
		{ "{{x}}", "1\\.2", VARIABLES_IN_PATTERN, 0 },
		{ "{{x", "{{x", VARIABLES_PLAIN, 0 },
		{ "{{ x }} {{}} {x} {{1}} {", "{{ x }} {{}} {x} {{1}} {", VARIABLES_PLAIN, 0 },
		{ "{{{x}}}", "{1.2}", VARIABLES_PLAIN, 0 },
		{ "{{z}}", NULL, VARIABLES_PLAIN, -ENOENT },
		{ "{{xx}}", NULL, VARIABLES_PLAIN, -ENOENT },
	};
	struct variables v = { 0 };
	struct buf to;
	struct err e;

	(void)state;
	assert_int_equal(variables_set(&v, (struct text){ "x", 1 }, (struct text){ "old", 3 }, &e), 0);
	assert_int_equal(variables_set(&v, (struct text){ "x", 1 }, (struct text){ "1.2", 3 }, &e), 0);
	assert_int_equal(variables_set(&v, (struct text){ "y_2", 3 }, (struct text){ NULL, 0 }, &e), 0);
	assert_int_equal(v.n, 2);
	buf_init(&to, 100);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct text text = { cases[i].text, strlen(cases[i].text) };

		buf_clear(&to);
		assert_int_equal(variables_expand(&v, text, cases[i].use, &to, &e), cases[i].rc);
		if (cases[i].want != NULL)
			expect_text((struct text){ buf_head(&to), buf_used(&to) }, cases[i].want);
	}
	buf_done(&to);
	buf_init(&to, 5);
	assert_int_equal(variables_expand(&v, (struct text){ "{{x}}ab", 7 }, VARIABLES_PLAIN, &to, &e), 0);
	assert_int_equal(variables_expand(&v, (struct text){ "a", 1 }, VARIABLES_PLAIN, &to, &e), -ENOSPC);
	buf_done(&to);
	variables_done(&v);
}

static void
variables_have_limits(void **state)
{
	struct variables v = { 0 };
	AUTO_FREE char *large = calloc(1, VARIABLE_VALUE_MAX + 1);
	char name[8];
	struct err e;

	(void)state;
	for (int i = 0; i <= VARIABLES_MAX; i++) {
		int n = snprintf(name, sizeof name, "v%d", i);

		assert_int_equal(variables_set(&v, (struct text){ name, (size_t)n }, (struct text){ "x", 1 },
		                               &e),
		                 i < VARIABLES_MAX ? 0 : -E2BIG);
	}
	assert_int_equal(variables_set(&v, (struct text){ "v0", 2 },
	                               (struct text){ large, VARIABLE_VALUE_MAX }, &e),
	                 0);
	assert_int_equal(variables_set(&v, (struct text){ "v0", 2 },
	                               (struct text){ large, VARIABLE_VALUE_MAX + 1 }, &e),
	                 -E2BIG);
	variables_done(&v);
}

/* ---- cookies ---- */

enum { NOW = 1000000000 };

static void
set_cookie(struct cookies *c, const char *field, const char *path)
{
	cookies_set(c, field, strlen(field), path, NOW);
}

static void
expect_cookies(const struct cookies *c, const char *path, int64_t now, const char *want)
{
	struct buf to;

	buf_init(&to, 8192);
	assert_int_equal(cookies_get(c, path, now, &to), 0);
	expect_text((struct text){ buf_head(&to), buf_used(&to) }, want);
	buf_done(&to);
}

static void
cookies_are_sent_as_a_browser_sends_them(void **state)
{
	AUTO_FREE struct cookies *c = calloc(1, sizeof *c);

	(void)state;
	set_cookie(c, "a=1; Path=/; Secure; HttpOnly; SameSite=Lax", "/x");
	set_cookie(c, " b = 2 ", "/deep/er");
	set_cookie(c, "c=3;path=/deep/;max-age=60", "/");
	set_cookie(c, "a=4; Path=/", "/other");
	expect_cookies(c, "/", NOW, "a=4");
	expect_cookies(c, "/deep", NOW, "b=2; a=4");
	expect_cookies(c, "/deeper", NOW, "a=4");
	expect_cookies(c, "/deep/x", NOW, "c=3; b=2; a=4");
	expect_cookies(c, "/deep/x", NOW + 59, "c=3; b=2; a=4");
	expect_cookies(c, "/deep/x", NOW + 60, "b=2; a=4");
	set_cookie(c, "b=; Max-Age=0", "/deep/x");
	set_cookie(c, "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/");
	expect_cookies(c, "/deep/x", NOW, "c=3");
	set_cookie(c, "d=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5", "/");
	set_cookie(c, "e=1; Max-Age=99999999999999999999; Path=relative", "/");
	set_cookie(c, "f=1; Max-Age=soon; Expires=soon", "/");
	set_cookie(c, "g=1; Max-Age=-1", "/");
	expect_cookies(c, "/", NOW, "d=1; e=1; f=1");
	set_cookie(c, "no pair", "/");
	set_cookie(c, " =1", "/");
	set_cookie(c, "", "/");
	set_cookie(c, ";;;", "/");
	expect_cookies(c, "/", NOW, "d=1; e=1; f=1");
}

static void
cookies_have_limits(void **state)
{
	AUTO_FREE struct cookies *c = calloc(1, sizeof *c);
	char large[COOKIE_SIZE_MAX + 2];
	char field[32];

	(void)state;
	memset(large, 'x', sizeof large);
	large[1] = '=';
	cookies_set(c, large, COOKIE_SIZE_MAX + 1, "/", NOW);
	assert_int_equal(c->n, 0);
	cookies_set(c, large, COOKIE_SIZE_MAX, "/", NOW);
	assert_int_equal(c->n, 1);
	for (int i = 0; i < COOKIES_MAX; i++) {
		snprintf(field, sizeof field, "c%d=1", i);
		set_cookie(c, field, "/");
	}
	assert_int_equal(c->n, COOKIES_MAX);
	/* One that is there can be replaced still. */
	set_cookie(c, "c1=2", "/");
	assert_int_equal(c->n, COOKIES_MAX);
	assert_string_equal(c->of[2].text, "c1=2");
}

/* ---- answers ---- */

static const char answer_head[] =
    "Status: 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    "X-Empty:\r\n\r\n";

/* What is said of an answer with that head; the first word of it in *word. */
static unsigned
check(const char *answer, const char *body, size_t n_body, struct variables *v, char *says, size_t size)
{
	char text[2048];
	struct http_answer_head head;
	struct testfile f;
	struct testcheck c = { .head = &head, .variables = v, .body = { body, n_body } };
	struct buf lines;

	assert_int_equal(http_answer_head_read(answer_head, sizeof answer_head - 1, &head), 1);
	snprintf(text, sizeof text, "GET /\n%s", answer);
	f = parsed(text);
	buf_init(&lines, TESTCHECK_SAYS_MAX);
	c.step = f.steps;
	c.says = &lines;
	testcheck_run(&c);
	snprintf(says, size, "%.*s", (int)buf_used(&lines), buf_head(&lines) != NULL ? buf_head(&lines) : "");
	buf_done(&lines);
	testfile_done(&f);
	return c.n_wrong;
}

static void
an_answer_is_compared_with_what_is_expected(void **state)
{
	static const struct {
		const char *answer, *body, *says; /* says: NULL: it is right */
	} cases[] = {
		{ "HTTP 200\n", "any", NULL },
		{ "HTTP 404\n", "why",
		  "line 2: the status is another one\n  - HTTP 404\n  + HTTP 200\n  + why\n" },
		{ "HTTP 200\ncontent-type: text/html\nSet-Cookie: b=2\nSet-Cookie: /^a=[0-9]$/\nX-Empty:\n",
		  "", NULL },
		{ "HTTP 200\nContent-Type: text\n", "",
		  "line 3: the header field is another one:\n  - Content-Type: text\n  + Content-Type: "
		  "text/html\n" },
		{ "HTTP 200\nETag: /./\n", "",
		  "line 3: the header field is another one:\n  - ETag: /.\n  + there is none\n" },
		{ "HTTP 200\n\na\nb\n", "a\nb", NULL },
		{ "HTTP 200\n\na\nb\n", "a\nb\n\n", NULL },
		{ "HTTP 200\n\na\nb\nc\nd\n", "a\nb\nX\nd\n",
		  "line 4: the body is another one\n  from its line 3 on:\n  - c\n  + X\n" },
		{ "HTTP 200\n\na\n", "\033[1m",
		  "line 4: the body is another one\n  from its line 1 on:\n  - a\n  + \\x1b[1m\n" },
		{ "HTTP 200\n\nabc\n", "ab\xff",
		  "line 4: the body is another one\n  3 bytes and not 3; byte 2 differs\n" },
		{ "HTTP 200\n\n/^a.b$/\n/^b/\n", "a\nb",
		  "line 5: the body has no match for the pattern\n  - ^b\n  + a\n  + b\n" },
		{ "HTTP 200\n\n/^b$/\n/A\nB/\n", "A\nB", "line 4: the body is another one\n" },
		{ "HTTP 200\n\n/(/\n", "a", "line 4: Unmatched ( or \\(\n" },
		{ "HTTP 200\n@a = /x=(.)/\n\n/{{a}}/\n", "x=?", NULL },
		{ "HTTP 200\n@a = /x=./\n", "x=1", "line 3: there is nothing to capture" },
		{ "HTTP 200\n@a = /y=(.)/\n", "x=1", "line 3: there is nothing to capture" },
		{ "HTTP 200\n@a = Set-Cookie: /^b=(.)/\n", "", NULL },
		{ "HTTP 200\n@a = ETag: /(.)/\n", "", "line 3: there is nothing to capture" },
		{ "HTTP 200\n\n{{none}}\n", "", "line 4: {{none}} has not been captured\n" },
	};
	struct variables v = { 0 };
	char says[1024];
	struct err e;

	(void)state;
	variables_set(&v, (struct text){ "a", 1 }, (struct text){ "?", 1 }, &e);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *want = cases[i].says;
		unsigned n =
		    check(cases[i].answer, cases[i].body, strlen(cases[i].body), &v, says, sizeof says);

		if (n != (want != NULL) || (want != NULL && strncmp(says, want, strlen(want)) != 0))
			fail_msg("%s: %u wrong: %s", cases[i].answer, n, says);
	}
	assert_string_equal(v.of[0].value, "2");
	variables_done(&v);
}

static void
patterns_see_bytes_behind_a_nul_and_the_first_megabyte(void **state)
{
	AUTO_FREE char *body = calloc(1, TESTCHECK_MATCH_MAX + 1);
	struct variables v = { 0 };
	char says[1024];

	(void)state;
	body[TESTCHECK_MATCH_MAX - 1] = 'x';
	assert_int_equal(check("HTTP 200\n\n/x/\n", body, TESTCHECK_MATCH_MAX, &v, says, sizeof says), 0);
	body[TESTCHECK_MATCH_MAX] = 'y';
	assert_int_equal(check("HTTP 200\n\n/y/\n", body, TESTCHECK_MATCH_MAX + 1, &v, says, sizeof says), 1);
	variables_done(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exchange_is_a_request_and_an_answer),
		cmocka_unit_test(bodies_end_where_they_should),
		cmocka_unit_test(what_is_malformed_is_named_with_its_line),
		cmocka_unit_test(counts_have_limits),
		cmocka_unit_test(variables_stand_where_they_are_named),
		cmocka_unit_test(variables_have_limits),
		cmocka_unit_test(cookies_are_sent_as_a_browser_sends_them),
		cmocka_unit_test(cookies_have_limits),
		cmocka_unit_test(an_answer_is_compared_with_what_is_expected),
		cmocka_unit_test(patterns_see_bytes_behind_a_nul_and_the_first_megabyte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
