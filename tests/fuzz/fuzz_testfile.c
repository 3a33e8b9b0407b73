/* fuzz_testfile.c - files of exchanges: every text lies in the file, every count is bounded, and an answer is
 * compared with whatever they expect.
 *
 * The input is a file; what is behind its last NUL is the body that is answered. */
#include <stdlib.h>
#include <string.h>

#include "deploy-tool/testcheck.h"
#include "deploy-tool/testfile.h"
#include "deploy-tool/variables.h"
#include "fuzz.h"

static const char head_text[] = "Status: 200\r\nLocation: /a?b\r\nSet-Cookie: c=d\r\n\r\n";

static void
is_inside(const char *from, size_t n, struct text t)
{
	if (t.n > 0)
		REQUIRE(t.p >= from && t.p + t.n <= from + n);
}

static void
step_holds(const char *from, size_t n, const struct test_step *s)
{
	REQUIRE(s->line > 0 && s->answer_line > s->line && s->status >= 200 && s->status <= 599);
	REQUIRE(s->n_fields <= TESTFILE_LINES_MAX && s->n_expected <= TESTFILE_LINES_MAX &&
	        s->n_captures <= TESTFILE_LINES_MAX);
	REQUIRE(s->method.n > 0 && s->target.n > 0);
	is_inside(from, n, s->method);
	is_inside(from, n, s->target);
	is_inside(from, n, s->body.text);
	is_inside(from, n, s->answer.text);
	for (size_t i = 0; i < s->n_fields; i++)
		is_inside(from, n, s->fields[i].value);
	for (size_t i = 0; i < s->n_expected; i++)
		is_inside(from, n, s->expected[i].value);
	for (size_t i = 0; i < s->n_captures; i++)
		is_inside(from, n, s->captures[i].pattern);
}

/* Patterns are the author's own, and may take as long as they like: they are not run. */
static bool
has_patterns(const struct test_step *s)
{
	for (size_t i = 0; i < s->n_expected; i++)
		if (s->expected[i].is_pattern)
			return true;
	return s->answer.is_patterns || s->n_captures > 0;
}

static void
answer(const struct test_step *s, struct text body, struct variables *v)
{
	struct http_answer_head head;
	struct buf says;
	struct testcheck c = { .step = s, .head = &head, .body = body, .variables = v, .says = &says };

	if (has_patterns(s))
		return;
	REQUIRE(http_answer_head_read(head_text, sizeof head_text - 1, &head) == 1);
	buf_init(&says, TESTCHECK_SAYS_MAX);
	testcheck_run(&c);
	REQUIRE((c.n_wrong == 0) == (buf_used(&says) == 0));
	for (size_t i = 0; i < buf_used(&says); i++)
		REQUIRE(buf_head(&says)[i] == '\n' || buf_head(&says)[i] == '\t' ||
		        (unsigned char)buf_head(&says)[i] >= ' ');
	buf_done(&says);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *nul = n > 0 ? memrchr(data, '\0', n) : NULL;
	size_t size = nul != NULL ? (size_t)(nul - data) : n;
	struct text body = { (const char *)data + size, n - size };
	struct variables v = { 0 };
	struct testfile f;
	struct err e;
	char *copy = malloc(size + 1);

	REQUIRE(copy != NULL);
	memcpy(copy, data, size);
	if (testfile_parse(&f, copy, size, &e) < 0)
		return 0;
	REQUIRE(f.n_steps <= TESTFILE_STEPS_MAX);
	REQUIRE(variables_set(&v, (struct text){ "a", 1 }, (struct text){ "b\x01", 2 }, &e) == 0);
	for (size_t i = 0; i < f.n_steps; i++) {
		step_holds(f.bytes, size, &f.steps[i]);
		answer(&f.steps[i], body, &v);
	}
	variables_done(&v);
	testfile_done(&f);
	return 0;
}
