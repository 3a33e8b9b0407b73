/* test_function_answer.c - what leaves of what a handler sets, writes, streams and returns. */
#include "fake_client.h"

#include "function/bounds.h"
#include "http/http.h"

/* What a handler of a table of cases is to do. */
static struct {
	int number;
	const char *text, *more;
	unsigned flags;
	long age;
} given;

static int got; /* what it was told */

static int
return_it(cfn_request *q, cfn_response *r)
{
	(void)q;
	if (given.text)
		cfn_printf(r, "%s", given.text);
	return given.number;
}

static int
set_then_return(cfn_request *q, cfn_response *r)
{
	(void)q;
	assert_int_equal(cfn_status(r, 418), 0);
	return given.number;
}

static void
the_status_is_returned_else_set_else_200(void **state)
{
	static const struct {
		cfn_handler *handler;
		int returned, status;
		const char *word;
	} cases[] = {
		{ return_it, 0, 200, "" },
		{ return_it, 200, 200, "" },
		{ return_it, 599, 599, "" },
		{ return_it, 600, 500, "bad_response" },
		{ return_it, 199, 500, "bad_response" },
		{ return_it, 1, 500, "bad_response" },
		{ return_it, -1, 500, "The function failed." },
		{ set_then_return, 0, 418, "" },
		{ set_then_return, 201, 201, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		given.number = cases[i].returned;
		given.text = "body";
		ask(cases[i].handler);
		assert_int_equal(answer_status(), cases[i].status);
		assert_non_null(strstr(answer_body(), cases[i].word));
		assert_int_equal(client.result, 0);
	}
}

static void
a_small_answer_is_one_write_with_its_length_and_the_usual_fields(void **state)
{
	(void)state;
	given.number = 0;
	given.text = "four";
	ask(return_it);
	assert_string_equal(client.answer, "Status: 200 OK\r\n"
	                                   "Content-Type: text/plain; charset=utf-8\r\n"
	                                   "X-Content-Type-Options: nosniff\r\n"
	                                   "Content-Length: 4\r\n\r\nfour");
	assert_int_equal(client.n_writes, 1);
	given.text = NULL;
	ask(return_it);
	assert_string_equal(answer_field("Content-Length"), "0");
}

static void
head_gets_the_fields_and_204_and_304_no_body(void **state)
{
	(void)state;
	given.text = "four";
	given.number = 200;
	ask(return_it, "REQUEST_METHOD=HEAD");
	assert_string_equal(answer_field("Content-Length"), "4");
	assert_string_equal(answer_body(), "");
	given.number = 204;
	ask(return_it);
	assert_string_equal(client.answer, "Status: 204 No Content\r\n\r\n");
	given.number = 304;
	ask(return_it);
	assert_string_equal(client.answer, "Status: 304 Not Modified\r\n\r\n");
}

static int
write_n(cfn_request *q, cfn_response *r)
{
	char *p = cfn_alloc(q, (size_t)given.number + 1);

	memset(p, 'x', (size_t)given.number);
	if (given.flags == 1)
		got = cfn_printf(r, "%s", p);
	else if (given.flags == 2)
		got = cfn_escape(r, p);
	else
		got = cfn_write(r, p, (size_t)given.number);
	return 0;
}

static void
the_output_takes_its_limit_and_not_a_byte_more(void **state)
{
	(void)state;
	for (given.flags = 0; given.flags < 3; given.flags++)
		for (int size = 1; size <= 100000; size *= 10) {
			char limit[64];

			snprintf(limit, sizeof limit, "CFN_OUTPUT_MAX=%d", size);
			given.number = size;
			ask(write_n, limit);
			assert_int_equal(got, 0);
			assert_int_equal(answer_status(), 200);
			assert_int_equal(strlen(answer_body()), size);
			given.number = size + 1;
			ask(write_n, limit);
			assert_int_equal(got, -EFBIG);
			assert_int_equal(answer_status(), 500);
			assert_non_null(strstr(answer_body(), "output_limit"));
		}
	assert_string_equal(answer_field("Content-Type"), "text/plain; charset=utf-8");
}

static void
a_large_answer_is_two_writes_and_its_memory_is_given_back(void **state)
{
	(void)state;
	given.flags = 0;
	given.number = ANSWER_JOINED;
	ask(write_n);
	assert_int_equal(client.n_writes, 1);
	given.number = ANSWER_JOINED + 1;
	ask(write_n);
	assert_int_equal(client.n_writes, 2);
	assert_int_equal(strlen(answer_body()), ANSWER_JOINED + 1);
	given.number = KEPT_BUFFER;
	ask(write_n);
	assert_non_null(under_test.exchange.response.output.data);
	given.number = KEPT_BUFFER + 1;
	ask(write_n);
	assert_null(under_test.exchange.response.output.data);
	given.number = 3;
	given.flags = 1;
	ask(write_n);
	assert_string_equal(answer_body(), "xxx");
}

static int
overrun_then_more(cfn_request *q, cfn_response *r)
{
	const char *p = cfn_sprintf(q, "%0200d", 0);

	assert_int_equal(cfn_escape(r, p), -EFBIG);
	assert_int_equal(cfn_write(r, "x", 1), -EFBIG);
	assert_int_equal(cfn_escape(r, "x"), -EFBIG);
	assert_int_equal(cfn_printf(r, "x"), -EFBIG);
	return cfn_send(r, 200, NULL, "x");
}

static void
what_follows_a_failed_write_fails_too(void **state)
{
	(void)state;
	ask(overrun_then_more, "CFN_OUTPUT_MAX=100");
	assert_int_equal(answer_status(), 200);
	assert_string_equal(answer_body(), "x");
}

static int
overrun_then_error(cfn_request *q, cfn_response *r)
{
	char *p = cfn_alloc(q, 200);

	assert_int_equal(cfn_write(r, p, 200), -EFBIG);
	return cfn_error(r, 507, "too much");
}

static void
a_handler_may_recover_from_the_output_limit(void **state)
{
	(void)state;
	ask(overrun_then_error, "CFN_OUTPUT_MAX=100");
	assert_int_equal(answer_status(), 507);
	assert_string_equal(answer_body(), "507 Insufficient Storage\ntoo much\nRequest r1\n");
}

static void
short_writes_are_continued_and_a_broken_one_ends_the_answer(void **state)
{
	(void)state;
	given.number = ANSWER_JOINED + 1;
	given.flags = 0;
	client.write_piece = 1000;
	ask(write_n);
	assert_int_equal(strlen(answer_body()), ANSWER_JOINED + 1);
	client.writes_left = 1;
	ask(write_n);
	assert_int_equal(strlen(answer_body()), 0);
	assert_int_equal(client.n_writes, 2);
	assert_int_equal(client.result, 0);
	client.writes_left = 0;
	ask(write_n);
	assert_int_equal(client.n_writes, 1);
}

static int
set_field(cfn_request *q, cfn_response *r)
{
	(void)q;
	got = given.flags ? cfn_add(r, given.text, given.more) : cfn_set(r, given.text, given.more);
	return 0;
}

static void
fields_that_could_break_the_answer_are_refused(void **state)
{
	static const struct {
		const char *name, *value;
		int rc;
	} cases[] = {
		{ "X-A", "value", 0 },
		{ "X-A", "", 0 },
		{ "X-A", "a\tb", 0 },
		{ "X-A", "ä", 0 },
		{ "x!#$%&'*+-.^_`|~9", "v", 0 },
		{ "X-A", "a\r\nSet-Cookie: b", -EINVAL },
		{ "X-A", "a\n", -EINVAL },
		{ "X-A", "a\r", -EINVAL },
		{ "X-A", "\001", -EINVAL },
		{ "X-A", "\x7f", -EINVAL },
		{ "X A", "v", -EINVAL },
		{ "X-A:", "v", -EINVAL },
		{ "X-A\r\nB", "v", -EINVAL },
		{ "", "v", -EINVAL },
		{ NULL, "v", -EINVAL },
		{ "\xc3\xa4", "v", -EINVAL },
		{ "Status", "200", -EPERM },
		{ "content-length", "5", -EPERM },
		{ "Transfer-Encoding", "chunked", -EPERM },
		{ "Connection", "close", -EPERM },
		{ "Keep-Alive", "1", -EPERM },
		{ "Trailer", "x", -EPERM },
		{ "TE", "x", -EPERM },
		{ "Upgrade", "x", -EPERM },
		{ "Proxy-Authenticate", "x", -EPERM },
		{ "X-Request-Id", "x", -EPERM },
		{ "X-CFN-Stream", "1", -EPERM },
		{ "x-accel-redirect", "/etc", -EPERM },
		{ "X-Sendfile", "/etc", -EPERM },
		{ "X-Sendfile2", "/etc", -EPERM },
		{ "X-LIGHTTPD-send-file", "/etc", -EPERM },
		{ "Statuses", "x", 0 },
		{ "X-Requests-Id", "x", 0 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		given.flags = i % 2;
		given.text = cases[i / 2].name;
		given.more = cases[i / 2].value;
		ask(set_field);
		if (got != cases[i / 2].rc)
			fail_msg("%s: %s: %d", given.text, given.more, got);
		if (got == 0)
			assert_string_equal(answer_field(given.text), given.more);
		assert_int_equal(client.n_lines, got < 0);
		assert_null(strstr(client.answer, "\r\nSet-Cookie"));
	}
}

static int
set_and_add(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_set(r, "X-First", "1");
	cfn_set(r, "X-A", "old");
	cfn_add(r, "X-A", "older");
	cfn_set(r, "X-Last", "9");
	cfn_set(r, "x-a", "new");
	cfn_add(r, "X-A", "second");
	cfn_set(r, "X-First", NULL);
	cfn_set(r, "X-Absent", NULL);
	assert_int_equal(cfn_add(r, "X-A", NULL), -EINVAL);
	cfn_set(r, "Content-Type", "image/png");
	cfn_set(r, "X-Content-Type-Options", "other");
	return 200;
}

static void
set_replaces_add_adds_and_null_removes(void **state)
{
	(void)state;
	ask(set_and_add);
	assert_string_equal(client.answer, "Status: 200 OK\r\n"
	                                   "X-Last: 9\r\n"
	                                   "x-a: new\r\n"
	                                   "X-A: second\r\n"
	                                   "Content-Type: image/png\r\n"
	                                   "X-Content-Type-Options: other\r\n"
	                                   "Content-Length: 0\r\n\r\n");
}

static int
add_many(cfn_request *q, cfn_response *r)
{
	(void)q;
	for (int i = 0; i < given.number; i++)
		got = cfn_add(r, "X-A", "v");
	return 0;
}

static int
add_long(cfn_request *q, cfn_response *r)
{
	/* "X: " and CRLF */
	size_t n = (size_t)given.number - 5;
	char *value = memset(cfn_alloc(q, n + 1), 'x', n);

	got = cfn_set(r, "X", value);
	return 0;
}

static void
the_fields_of_an_answer_have_limits(void **state)
{
	struct http_answer_head head;

	(void)state;
	given.number = ANSWER_HEADERS_MAX;
	ask(add_many);
	assert_int_equal(got, 0);
	assert_int_equal(answer_count("X-A"), ANSWER_HEADERS_MAX);
	assert_int_equal(http_answer_head_read(client.answer, client.n, &head), 1);
	given.number = ANSWER_HEADERS_MAX + 1;
	ask(add_many);
	assert_int_equal(got, -E2BIG);
	given.number = ANSWER_HEAD_MAX;
	ask(add_long);
	assert_int_equal(got, 0);
	assert_int_equal(http_answer_head_read(client.answer, client.n, &head), 1);
	given.number = ANSWER_HEAD_MAX + 1;
	ask(add_long);
	assert_int_equal(got, -E2BIG);
	assert_int_equal(answer_count("X"), 0);
}

static int
bake(cfn_request *q, cfn_response *r)
{
	(void)q;
	got = cfn_set_cookie(r, given.text, given.more, given.age, given.flags);
	return 0;
}

static void
cookies_are_safe_unless_told_otherwise(void **state)
{
	static const struct {
		const char *name, *value;
		long age;
		unsigned flags;
		const char *field;
	} cases[] = {
		{ "a", "1", -1, 0, "a=1; Path=/; Secure; HttpOnly; SameSite=Lax" },
		{ "a", "", 0, 0, "a=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax" },
		{ "a", "1", 60, CFN_COOKIE_HTTP, "a=1; Path=/; Max-Age=60; HttpOnly; SameSite=Lax" },
		{ "a", "1", -5, CFN_COOKIE_SCRIPT, "a=1; Path=/; Secure; SameSite=Lax" },
		{ "a", "1", -1, CFN_COOKIE_STRICT, "a=1; Path=/; Secure; HttpOnly; SameSite=Strict" },
		{ "a", "1", -1, CFN_COOKIE_CROSS, "a=1; Path=/; Secure; HttpOnly; SameSite=None" },
		{ "a", "1", COOKIE_AGE_MAX, 0,
		  "a=1; Path=/; Max-Age=34560000; Secure; HttpOnly; SameSite=Lax" },
		{ "a", "1", COOKIE_AGE_MAX + 1L, 0,
		  "a=1; Path=/; Max-Age=34560000; Secure; HttpOnly; SameSite=Lax" },
		{ "__Host-a", "1", -1, 0, "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax" },
		{ "a", "x y;\"%\\,ä", -1, 0,
		  "a=x%20y%3B%22%25%5C%2C%C3%A4; Path=/; Secure; HttpOnly; SameSite=Lax" },
		{ "a", "b=c", -1, 0, "a=b=c; Path=/; Secure; HttpOnly; SameSite=Lax" },
		{ "a", "x\r\ny", -1, 0, NULL },
		{ "a", "\001", -1, 0, NULL },
		{ "a", "\xff", -1, 0, NULL },
		{ "a", NULL, -1, 0, NULL },
		{ "a b", "1", -1, 0, NULL },
		{ "", "1", -1, 0, NULL },
		{ "a=b", "1", -1, 0, NULL },
		{ "a;", "1", -1, 0, NULL },
		{ "a", "1", -1, 16, NULL },
		{ "a", "1", -1, CFN_COOKIE_CROSS | CFN_COOKIE_HTTP, NULL },
		{ "a", "1", -1, CFN_COOKIE_CROSS | CFN_COOKIE_STRICT, NULL },
		{ "__Host-a", "1", -1, CFN_COOKIE_HTTP, NULL },
		{ "__secure-a", "1", -1, CFN_COOKIE_HTTP, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		given.text = cases[i].name;
		given.more = cases[i].value;
		given.age = cases[i].age;
		given.flags = cases[i].flags;
		ask(bake);
		assert_int_equal(got, cases[i].field ? 0 : -EINVAL);
		assert_string_equal(answer_field("Set-Cookie"), cases[i].field ? cases[i].field : "");
	}
}

static int
bake_long(cfn_request *q, cfn_response *r)
{
	char *value = cfn_sprintf(q, "%0*d", given.number, 0);

	if (given.flags)
		value[0] = ' ';
	got = cfn_set_cookie(r, "abc", value, -1, 0);
	return 0;
}

static void
a_cookie_takes_its_limit_and_not_a_byte_more(void **state)
{
	(void)state;
	for (given.flags = 0; given.flags < 2; given.flags++) {
		/* A space takes three bytes. */
		given.number = ANSWER_COOKIE_MAX - 3 - 2 * (int)given.flags;
		ask(bake_long);
		assert_int_equal(got, 0);
		given.number++;
		ask(bake_long);
		assert_int_equal(got, -E2BIG);
		assert_int_equal(answer_count("Set-Cookie"), 0);
	}
}

static int
bake_three(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_set_cookie(r, "a", "1", -1, 0);
	cfn_set_cookie(r, "aa", "1", -1, 0);
	cfn_set_cookie(r, "a", "2", -1, 0);
	return 0;
}

static void
a_cookie_is_set_once_in_an_answer(void **state)
{
	(void)state;
	ask(bake_three);
	assert_int_equal(answer_count("Set-Cookie"), 2);
	assert_non_null(strstr(client.answer, "Set-Cookie: aa=1;"));
	assert_non_null(strstr(client.answer, "Set-Cookie: a=2;"));
}

static int
echo_cookie(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, 200, NULL, "%s", cfn_cookie(q, "a"));
}

static void
what_was_set_in_a_cookie_comes_back(void **state)
{
	char param[256];

	(void)state;
	given.text = "a";
	given.more = "100% \"Ada\"; a=b, \\ ü+";
	given.flags = 0;
	ask(bake);
	snprintf(param, sizeof param, "HTTP_COOKIE=%.*s", (int)strcspn(answer_field("Set-Cookie"), ";"),
	         answer_field("Set-Cookie"));
	ask(echo_cookie, param);
	assert_string_equal(answer_body(), given.more);
}

static int
send_it(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_printf(r, "discarded");
	got = cfn_send(r, given.number, given.text, "%s", given.more);
	return got;
}

static void
send_sets_status_type_and_text(void **state)
{
	static char long_type[ANSWER_TYPE_MAX + 2];
	static const struct {
		int status;
		const char *type, *field;
	} cases[] = {
		{ 200, NULL, "text/plain; charset=utf-8" },
		{ 200, "text/html", "text/html; charset=utf-8" },
		{ 201, "text/csv; header=present", "text/csv; header=present" },
		{ 200, "application/json", "application/json" },
		{ 200, long_type, long_type },
	};

	(void)state;
	memset(long_type, 'x', ANSWER_TYPE_MAX);
	given.more = "text";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		given.number = cases[i].status;
		given.text = cases[i].type;
		ask(send_it);
		assert_int_equal(answer_status(), cases[i].status);
		assert_string_equal(answer_field("Content-Type"), cases[i].field);
		assert_string_equal(answer_body(), "text");
	}
	long_type[ANSWER_TYPE_MAX] = 'x';
	ask(send_it);
	assert_int_equal(got, -EINVAL);
	assert_int_equal(answer_status(), 500);
	given.text = "a\nb";
	ask(send_it);
	assert_int_equal(got, -EINVAL);
	given.text = NULL;
	for (int status = 0; status < 3; status++) {
		given.number = (int[]){ 199, 600, 0 }[status];
		ask(send_it);
		assert_int_equal(got, -EINVAL);
		assert_int_equal(answer_status(), 500);
	}
}

static int
fail_it(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_printf(r, "discarded");
	cfn_set(r, "Retry-After", "5");
	cfn_set(r, "Content-Type", "text/html");
	return cfn_error(r, given.number, "%s", given.text);
}

static void
errors_are_problem_documents_or_text(void **state)
{
	(void)state;
	given.number = 404;
	given.text = "no \"note\" 7\n";
	ask(fail_it, "HTTP_ACCEPT=application/json");
	assert_int_equal(answer_status(), 404);
	assert_string_equal(answer_field("Content-Type"), "application/problem+json");
	assert_int_equal(answer_count("Content-Type"), 1);
	assert_string_equal(answer_field("Retry-After"), "5");
	assert_string_equal(answer_body(),
	                    "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
	                    "\"detail\":\"no \\\"note\\\" 7\\u000a\",\"request_id\":\"r1\"}\n");
	ask(fail_it, "HTTP_ACCEPT=text/html");
	assert_string_equal(answer_field("Content-Type"), "text/plain; charset=utf-8");
	assert_string_equal(answer_body(), "404 Not Found\nno \"note\" 7\n\nRequest r1\n");
	for (int i = 0; i < 2; i++) {
		given.number = (int[]){ 399, 600 }[i];
		ask(fail_it);
		assert_int_equal(answer_status(), 500);
	}
}

static int
fail_long(cfn_request *q, cfn_response *r)
{
	char *text = cfn_alloc(q, (size_t)given.number + 1);

	return cfn_error(r, 400, "%s", (char *)memset(text, 1, (size_t)given.number));
}

static void
a_long_error_text_is_cut(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		given.number = ANSWER_DETAIL_MAX + i;
		ask(fail_long);
		assert_int_equal(strlen(answer_body()),
		                 strlen("400 Bad Request\n\nRequest r1\n") + ANSWER_DETAIL_MAX);
		ask(fail_long, "HTTP_ACCEPT=application/json");
		assert_non_null(strstr(answer_body(), "\\u0001\",\"request_id\""));
	}
}

static int
redirect_it(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_printf(r, "discarded");
	got = cfn_redirect(r, given.number, given.text);
	return got;
}

static void
redirects_go_to_plain_addresses_only(void **state)
{
	static const struct {
		int status;
		const char *to;
		bool is_fine;
	} cases[] = {
		{ 301, "/a", true },    { 302, "/a?b=c%20d", true },  { 303, "https://x.example/", true },
		{ 307, "/a", true },    { 308, "/a", true },          { 300, "/a", false },
		{ 304, "/a", false },   { 306, "/a", false },         { 309, "/a", false },
		{ 200, "/a", false },   { 303, "", false },           { 303, NULL, false },
		{ 303, "/a b", false }, { 303, "/a\r\nX: y", false }, { 303, "/ä", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		given.number = cases[i].status;
		given.text = cases[i].to;
		ask(redirect_it);
		assert_int_equal(answer_status(), cases[i].is_fine ? cases[i].status : 500);
		assert_string_equal(answer_field("Location"), cases[i].is_fine ? cases[i].to : "");
		assert_int_equal(got, cases[i].is_fine ? cases[i].status : -EINVAL);
		if (cases[i].is_fine)
			assert_string_equal(answer_body(), "");
	}
}

static int
escape_it(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_escape(r, given.text);
}

static void
html_is_escaped(void **state)
{
	static const struct {
		const char *text, *html;
	} cases[] = {
		{ "", "" },
		{ "plain ä", "plain ä" },
		{ "<a href=\"x\">'&'</a>", "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;" },
		{ "&&", "&amp;&amp;" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		given.text = cases[i].text;
		ask(escape_it);
		assert_string_equal(answer_body(), cases[i].html);
	}
}

static int
print_in_pieces(cfn_request *q, cfn_response *r)
{
	for (int i = 0; i < 2000; i++)
		if (cfn_printf(r, "%d,%s", i, i % 100 ? "" : cfn_sprintf(q, "%0*d", i * 5 + 1, 0)) < 0)
			return -1;
	return 0;
}

static void
printed_pieces_are_joined_whatever_their_size(void **state)
{
	size_t want = 0;

	(void)state;
	for (int i = 0; i < 2000; i++)
		want +=
		    (size_t)snprintf(NULL, 0, "%d,%0*d", i, i % 100 ? 0 : i * 5 + 1, 0) - (i % 100 ? 1 : 0);
	ask(print_in_pieces);
	assert_int_equal(strlen(answer_body()), want);
	assert_int_equal(strncmp(answer_body(), "0,01,2,3,", 9), 0);
}

static int
stream_three(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_set(r, "X-A", "1");
	cfn_printf(r, "before|");
	assert_int_equal(cfn_flush(r), -EINVAL);
	assert_int_equal(cfn_stream(r, 201, "text/event-stream"), 0);
	assert_int_equal(client.n_flushes, 1);
	assert_int_equal(cfn_set(r, "X-B", "1"), -EALREADY);
	assert_int_equal(cfn_add(r, "X-B", "1"), -EALREADY);
	assert_int_equal(cfn_set_cookie(r, "b", "1", 0, 0), -EALREADY);
	assert_int_equal(cfn_status(r, 500), -EALREADY);
	assert_int_equal(cfn_stream(r, 200, NULL), -EALREADY);
	assert_int_equal(cfn_send(r, 200, NULL, "x"), -EALREADY);
	assert_int_equal(cfn_redirect(r, 303, "/"), -EALREADY);
	cfn_write(r, "one|", 4);
	cfn_printf(r, "%s|", "two");
	assert_null(strstr(client.answer, "one"));
	assert_int_equal(cfn_flush(r), 0);
	assert_non_null(strstr(client.answer, "one|two|"));
	cfn_escape(r, "<");
	return given.number;
}

static void
a_stream_leaves_piece_by_piece(void **state)
{
	(void)state;
	given.number = 0;
	ask(stream_three);
	assert_string_equal(client.answer, "Status: 201 Created\r\n"
	                                   "X-A: 1\r\n"
	                                   "Content-Type: text/event-stream; charset=utf-8\r\n"
	                                   "X-Content-Type-Options: nosniff\r\n"
	                                   "X-CFN-Stream: 1\r\n\r\n"
	                                   "before|one|two|&lt;");
	assert_int_equal(client.result, 0);
	assert_int_equal(client.n_flushes, 2);
	given.number = 200;
	ask(stream_three);
	assert_int_equal(client.result, 0);
}

static int
stream_then_error(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_stream(r, 200, NULL);
	cfn_printf(r, "half");
	return cfn_error(r, 500, "disk full");
}

static void
a_stream_that_fails_is_told_to_the_caller(void **state)
{
	(void)state;
	given.number = -1;
	ask(stream_three);
	assert_int_equal(client.result, -ECANCELED);
	ask(stream_then_error);
	assert_int_equal(client.result, -ECANCELED);
	assert_string_equal(answer_body(), "half");
	assert_non_null(strstr(client.log, "stream broken off: 500 disk full"));
}

static int
stream_much(cfn_request *q, cfn_response *r)
{
	char *piece = memset(cfn_alloc(q, 20001), 'x', 20000);

	cfn_stream(r, 200, NULL);
	for (int i = 0; i < 100; i++)
		assert_int_equal(cfn_write(r, piece, 81), 0);
	assert_int_equal(strlen(answer_body()), 0);
	assert_int_equal(cfn_write(r, piece, 92), 0);
	assert_int_equal(strlen(answer_body()), 8100);
	assert_int_equal(cfn_write(r, piece, 20000), 0);
	assert_int_equal(strlen(answer_body()), 28192);
	assert_int_equal(cfn_printf(r, "%.9000s", piece), 0);
	assert_int_equal(strlen(answer_body()), 37192);
	return 0;
}

static void
a_stream_has_no_length_limit_and_gathers_small_pieces(void **state)
{
	(void)state;
	ask(stream_much, "CFN_OUTPUT_MAX=2");
	assert_int_equal(strlen(answer_body()), 37192);
	assert_int_equal(client.result, 0);
}

static int
stream_piece(cfn_request *q, cfn_response *r)
{
	char *piece = memset(cfn_alloc(q, STREAM_PIECE_MAX + 2), 'x', (size_t)given.number);

	client.is_deaf = true;
	cfn_stream(r, 200, NULL);
	got = cfn_printf(r, "%s", piece);
	return 0;
}

static void
a_printed_piece_of_a_stream_takes_its_limit_and_not_a_byte_more(void **state)
{
	(void)state;
	given.number = STREAM_PIECE_MAX;
	ask(stream_piece);
	assert_int_equal(got, 0);
	assert_int_equal(client.result, 0);
	given.number = STREAM_PIECE_MAX + 1;
	ask(stream_piece);
	assert_int_equal(got, -EFBIG);
	assert_int_equal(client.result, -ECANCELED);
}

static int
overrun_then_stream(cfn_request *q, cfn_response *r)
{
	cfn_write(r, cfn_alloc(q, 200), 200);
	return cfn_stream(r, 200, NULL);
}

static void
a_stream_that_lacks_its_first_bytes_is_told_to_the_caller(void **state)
{
	(void)state;
	ask(overrun_then_stream, "CFN_OUTPUT_MAX=100");
	assert_int_equal(client.result, -ECANCELED);
}

static int
stream_until_gone(cfn_request *q, cfn_response *r)
{
	got = cfn_stream(r, 200, NULL);
	for (int i = 0; i < 5; i++) {
		int rc = cfn_printf(r, "tick");

		rc = rc < 0 ? rc : cfn_flush(r);
		if (rc < 0) {
			assert_int_equal(rc, -EPIPE);
			assert_int_equal(cfn_write(r, "x", 1), -EPIPE);
			assert_int_equal(cfn_printf(r, "x"), -EPIPE);
			assert_int_equal(cfn_escape(r, "<"), -EPIPE);
			assert_int_equal(cfn_event(r, NULL, "x"), -EPIPE);
			assert_int_equal(cfn_wait(q, 0), -EPIPE);
			given.number = i;
			return 0;
		}
	}
	given.number = 5;
	return 0;
}

static void
a_stream_hears_that_its_client_has_gone(void **state)
{
	(void)state;
	client.writes_left = 3;
	ask(stream_until_gone);
	assert_int_equal(got, 0);
	/* Flushing finds out, right behind the last write that still worked. */
	assert_int_equal(given.number, 1);
	assert_int_equal(client.result, 0);
	client.writes_left = 0;
	ask(stream_until_gone);
	assert_int_equal(got, -EPIPE);
	assert_int_equal(given.number, 0);
	ask(stream_until_gone, "REQUEST_METHOD=HEAD");
	assert_int_equal(got, 0);
	assert_int_equal(given.number, 0);
	assert_string_equal(answer_body(), "");
	assert_string_equal(answer_field("X-CFN-Stream"), "1");
}

static int
send_event(cfn_request *q, cfn_response *r)
{
	(void)q;
	assert_int_equal(cfn_event(r, NULL, "not yet"), -EINVAL);
	cfn_stream(r, 200, "text/event-stream");
	client.n_flushes = 0;
	got = cfn_event(r, given.text, given.more);
	return 0;
}

static void
events_cannot_be_forged_by_their_data(void **state)
{
	static char name[EVENT_NAME_MAX + 2];
	static const struct {
		const char *event, *data, *bytes;
	} cases[] = {
		{ "tick", "1", "event: tick\ndata: 1\n\n" },
		{ NULL, "1", "data: 1\n\n" },
		{ NULL, "", "data: \n\n" },
		{ NULL, "a\nb", "data: a\ndata: b\n\n" },
		{ NULL, "a\r\nevent: x\r\rb\n", "data: a\ndata: event: x\ndata: \ndata: b\ndata: \n\n" },
		{ "a\nb", "1", NULL },
		{ "a\rb", "1", NULL },
		{ "a", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		given.text = cases[i].event;
		given.more = cases[i].data;
		ask(send_event);
		assert_int_equal(got, cases[i].bytes ? 0 : -EINVAL);
		assert_string_equal(answer_body(), cases[i].bytes ? cases[i].bytes : "");
		assert_int_equal(client.n_flushes, cases[i].bytes ? 1 : 0);
	}
	memset(name, 'n', EVENT_NAME_MAX);
	given.text = name;
	given.more = "";
	ask(send_event);
	assert_int_equal(got, 0);
	name[EVENT_NAME_MAX] = 'n';
	ask(send_event);
	assert_int_equal(got, -EINVAL);
}

static int
wait_a_little(cfn_request *q, cfn_response *r)
{
	assert_int_equal(cfn_wait(q, -1), -EINVAL);
	assert_int_equal(cfn_wait(q, WAIT_MAX_MS + 1), -EINVAL);
	assert_int_equal(cfn_wait(q, 1), 0);
	assert_int_equal(client.n_flushes, 0);
	cfn_stream(r, 200, NULL);
	cfn_printf(r, "before the wait");
	assert_int_equal(cfn_wait(q, 0), 0);
	assert_string_equal(answer_body(), "before the wait");
	return 0;
}

static void
waiting_flushes_a_stream_and_has_a_limit(void **state)
{
	(void)state;
	ask(wait_a_little);
	assert_int_equal(client.result, 0);
}

static void
no_answer_leaves_anything_to_the_next(void **state)
{
	(void)state;
	given.number = 0;
	ask(stream_three);
	ask(set_and_add);
	ask(overrun_then_error, "CFN_OUTPUT_MAX=100");
	given.text = "x";
	ask(return_it);
	assert_string_equal(client.answer, "Status: 200 OK\r\n"
	                                   "Content-Type: text/plain; charset=utf-8\r\n"
	                                   "X-Content-Type-Options: nosniff\r\n"
	                                   "Content-Length: 1\r\n\r\nx");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_status_is_returned_else_set_else_200),
		cmocka_unit_test(a_small_answer_is_one_write_with_its_length_and_the_usual_fields),
		cmocka_unit_test(head_gets_the_fields_and_204_and_304_no_body),
		cmocka_unit_test(the_output_takes_its_limit_and_not_a_byte_more),
		cmocka_unit_test(a_large_answer_is_two_writes_and_its_memory_is_given_back),
		cmocka_unit_test(a_handler_may_recover_from_the_output_limit),
		cmocka_unit_test(what_follows_a_failed_write_fails_too),
		cmocka_unit_test(short_writes_are_continued_and_a_broken_one_ends_the_answer),
		cmocka_unit_test(fields_that_could_break_the_answer_are_refused),
		cmocka_unit_test(set_replaces_add_adds_and_null_removes),
		cmocka_unit_test(the_fields_of_an_answer_have_limits),
		cmocka_unit_test(cookies_are_safe_unless_told_otherwise),
		cmocka_unit_test(a_cookie_takes_its_limit_and_not_a_byte_more),
		cmocka_unit_test(a_cookie_is_set_once_in_an_answer),
		cmocka_unit_test(what_was_set_in_a_cookie_comes_back),
		cmocka_unit_test(send_sets_status_type_and_text),
		cmocka_unit_test(errors_are_problem_documents_or_text),
		cmocka_unit_test(a_long_error_text_is_cut),
		cmocka_unit_test(redirects_go_to_plain_addresses_only),
		cmocka_unit_test(html_is_escaped),
		cmocka_unit_test(printed_pieces_are_joined_whatever_their_size),
		cmocka_unit_test(a_stream_leaves_piece_by_piece),
		cmocka_unit_test(a_stream_that_fails_is_told_to_the_caller),
		cmocka_unit_test(a_stream_has_no_length_limit_and_gathers_small_pieces),
		cmocka_unit_test(a_printed_piece_of_a_stream_takes_its_limit_and_not_a_byte_more),
		cmocka_unit_test(a_stream_that_lacks_its_first_bytes_is_told_to_the_caller),
		cmocka_unit_test(a_stream_hears_that_its_client_has_gone),
		cmocka_unit_test(events_cannot_be_forged_by_their_data),
		cmocka_unit_test(waiting_flushes_a_stream_and_has_a_limit),
		cmocka_unit_test(no_answer_leaves_anything_to_the_next),
	};

	return cmocka_run_group_tests(tests, fake_begin, fake_end);
}
