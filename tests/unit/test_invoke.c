/* test_invoke.c - the pure parts of cfn-deploy invoke: the request that it makes, the answer that it judges,
 * the advice that it gives. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "deploy-tool/advice.h"
#include "deploy-tool/exchange.h"
#include "deploy-tool/request.h"
#include "deploy-tool/stack.h"

/* ---- requests ---- */

struct asked {
	struct registry_version version;
	struct request_options options;
	struct request request;
	struct buf params;
	struct err e;
	char value[4096];
};

static int
set_up(void **state)
{
	static const struct registry_route routes[] = {
		{ HTTP_GET | HTTP_POST, 0, "/notes" },
		{ HTTP_GET | HTTP_DELETE, 1, "/notes/:id" },
		{ HTTP_GET, 2, "/files/*" },
	};
	struct asked *a = calloc(1, sizeof *a);

	snprintf(a->version.function, sizeof a->version.function, "notes");
	a->version.number = 3;
	a->version.n_routes = ARRAY_SIZE(routes);
	memcpy(a->version.routes, routes, sizeof routes);
	buf_init(&a->params, REQUEST_PARAMS_MAX);
	*state = a;
	return 0;
}

static int
tear_down(void **state)
{
	struct asked *a = *state;

	buf_done(&a->params);
	free(a);
	return 0;
}

static int
compose(struct asked *a)
{
	buf_clear(&a->params);
	return request_compose(&a->options, &a->version, &a->request, &a->params, &a->e);
}

/* The value of a param; "" when it is there and empty, NULL when it is not. */
static const char *
param(struct asked *a, const char *name)
{
	const unsigned char *p = (const unsigned char *)buf_head(&a->params);
	size_t n = buf_used(&a->params);
	struct fcgi_pair pair;

	while (fcgi_pair_next(&p, &n, &pair) == 1) {
		if (pair.name_length != strlen(name) || memcmp(pair.name, name, pair.name_length) != 0)
			continue;
		assert_true(pair.value_length < sizeof a->value);
		snprintf(a->value, sizeof a->value, "%.*s", (int)pair.value_length, pair.value);
		return a->value;
	}
	return NULL;
}

static void
expect_param(struct asked *a, const char *name, const char *want)
{
	const char *got = param(a, name);

	if (want == NULL ? got != NULL : got == NULL || strcmp(got, want) != 0)
		fail_msg("%s is '%s', not '%s'", name, got ? got : "(absent)", want ? want : "(absent)");
}

static void
a_request_without_options_is_a_get_of_the_first_plain_route(void **state)
{
	struct asked *a = *state;

	assert_int_equal(compose(a), 0);
	assert_int_equal(a->request.method, HTTP_GET);
	expect_param(a, "REQUEST_METHOD", "GET");
	expect_param(a, "CFN_PATH", "/notes");
	expect_param(a, "SCRIPT_NAME", "/notes");
	expect_param(a, "REQUEST_URI", "/notes");
	expect_param(a, "QUERY_STRING", "");
	expect_param(a, "CONTENT_LENGTH", "");
	expect_param(a, "CONTENT_TYPE", NULL);
	expect_param(a, "HTTP_ACCEPT", "*/*");
	expect_param(a, "CFN_ROUTE", "0");
	assert_int_equal(strlen(param(a, "CFN_REQUEST_ID")), 32);
	assert_int_equal(request_add_limits(&a->params, 7, 8), 0);
	expect_param(a, "CFN_BODY_MAX", "7");
	expect_param(a, "CFN_OUTPUT_MAX", "8");
}

static void
path_and_query_are_read_as_in_a_url(void **state)
{
	struct asked *a = *state;

	a->options.path = "/notes/./a%20b?x=%41";
	a->options.method = "DELETE";
	a->options.queries.items[a->options.queries.n++] = "name=Ada L";
	a->options.queries.items[a->options.queries.n++] = "k=\xc3\xa9#\n";
	assert_int_equal(compose(a), 0);
	expect_param(a, "CFN_PATH", "/notes/a b");
	expect_param(a, "CFN_PARAM_id", "a b");
	expect_param(a, "CFN_ROUTE", "1");
	expect_param(a, "QUERY_STRING", "x=%41&name=Ada%20L&k=%C3%A9%23%0A");
	expect_param(a, "REQUEST_URI", "/notes/./a%20b?x=%41&name=Ada%20L&k=%C3%A9%23%0A");
	a->options.path = "/files/a/b";
	a->options.method = "HEAD";
	assert_int_equal(compose(a), 0);
	expect_param(a, "CFN_PARAM_*", "a/b");
	assert_int_equal(a->request.method, HTTP_HEAD);
}

static void
a_body_makes_it_a_post_with_a_type(void **state)
{
	struct asked *a = *state;

	a->request = (struct request){ .has_body = true, .n_body = 12 };
	assert_int_equal(compose(a), 0);
	expect_param(a, "REQUEST_METHOD", "POST");
	expect_param(a, "CONTENT_LENGTH", "12");
	expect_param(a, "CONTENT_TYPE", "application/x-www-form-urlencoded");
	a->options.fields.items[a->options.fields.n++] = "content-type:  application/json";
	assert_int_equal(compose(a), 0);
	expect_param(a, "CONTENT_TYPE", "application/json");
}

static void
fields_get_their_cgi_names_and_replace_ours(void **state)
{
	struct asked *a = *state;

	a->options.fields.items[a->options.fields.n++] = "X-Own-Thing: a b";
	a->options.fields.items[a->options.fields.n++] = "accept: text/html";
	a->options.fields.items[a->options.fields.n++] = "X-Empty:";
	assert_int_equal(compose(a), 0);
	expect_param(a, "HTTP_X_OWN_THING", "a b");
	expect_param(a, "HTTP_ACCEPT", "text/html");
	expect_param(a, "HTTP_X_EMPTY", "");
}

static void
what_is_wrong_is_said_before_anything_runs(void **state)
{
	static const struct {
		const char *path, *method, *field, *says;
	} cases[] = {
		{ "/elsewhere", NULL, NULL, "no route for '/elsewhere'; it has: GET, POST /notes" },
		{ "/notes", "PUT", NULL, "takes no PUT" },
		{ "/notes", "BREW", NULL, "--method 'BREW'" },
		{ "notes", NULL, NULL, "no path of a URL" },
		{ "/notes/%zz", NULL, NULL, "no path of a URL" },
		{ "/../up", NULL, NULL, "no path of a URL" },
		{ "/no%00tes", NULL, NULL, "no path of a URL" },
		{ NULL, NULL, "no colon", "is not 'Name: value'" },
		{ NULL, NULL, ": no name", "is not 'Name: value'" },
		{ NULL, NULL, "X Y: blank", "is not 'Name: value'" },
		{ NULL, NULL, "X: a\r\nY: b", "is not 'Name: value'" },
		{ NULL, NULL, "Content-Length: 3", "it is counted" },
		{ NULL, NULL, "proxy: http://x", "no web server" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct asked *a = *state;

		a->options = (struct request_options){ .path = cases[i].path, .method = cases[i].method };
		if (cases[i].field)
			a->options.fields.items[a->options.fields.n++] = cases[i].field;
		assert_int_equal(compose(a), -EINVAL);
		if (!strstr(a->e.text, cases[i].says))
			fail_msg("'%s' is not in '%s'", cases[i].says, a->e.text);
	}
}

static void
a_version_with_parameters_alone_needs_a_path(void **state)
{
	struct asked *a = *state;

	a->version.routes[0] = a->version.routes[1];
	a->version.n_routes = 1;
	assert_int_equal(compose(a), -EINVAL);
	assert_non_null(strstr(a->e.text, "--path"));
}

static void
params_of_the_largest_size_pass_and_more_are_refused(void **state)
{
	struct asked *a = *state;
	char *large = malloc(2 * REQUEST_PARAMS_MAX);
	size_t used;

	assert_int_equal(compose(a), 0);
	used = buf_used(&a->params);
	memset(large, 'x', 2 * REQUEST_PARAMS_MAX);
	memcpy(large, "X: ", 3);
	a->options.fields.items[a->options.fields.n++] = large;
	/* "HTTP_X" and the two lengths, of one and of four bytes. */
	large[3 + REQUEST_PARAMS_MAX - used - 6 - 1 - 4] = '\0';
	assert_int_equal(compose(a), 0);
	assert_int_equal(buf_used(&a->params), REQUEST_PARAMS_MAX);
	large[3 + REQUEST_PARAMS_MAX - used - 6 - 1 - 4] = 'x';
	large[3 + REQUEST_PARAMS_MAX - used - 6 - 1 - 4 + 1] = '\0';
	assert_int_equal(compose(a), -E2BIG);
	free(large);
}

/* ---- answers ---- */

enum { ID = 0x1234, OUTPUT_MAX = 100 };

struct said {
	struct exchange exchange;
	struct exchange_sink sink;
	unsigned n_streams;
	char body[256], log[256];
	unsigned char message[FCGI_MESSAGE_MAX];
	size_t n;
};

static void
take_stream(void *context, const struct http_answer_head *head)
{
	((struct said *)context)->n_streams += head->status == 200;
}

static void
take_body(void *context, const char *p, size_t n)
{
	strncat(((struct said *)context)->body, p, n);
}

static void
take_log(void *context, const char *p, size_t n)
{
	strncat(((struct said *)context)->log, p, n);
}

static void
open_exchange(struct said *s)
{
	memset(s, 0, sizeof *s);
	s->sink = (struct exchange_sink){ s, take_stream, take_body, take_log };
	exchange_init(&s->exchange, ID, OUTPUT_MAX, &s->sink);
	s->exchange.sent.has_begun = true;
}

static void
say(struct said *s, uint8_t type, uint16_t id, const char *text, size_t n)
{
	struct fcgi_header h = { FCGI_VERSION_1, type, id, (uint16_t)n, 0 };

	fcgi_header_write(s->message + s->n, &h);
	memcpy(s->message + s->n + FCGI_HEADER_SIZE, text, n);
	s->n += FCGI_HEADER_SIZE + n;
}

static void
say_text(struct said *s, uint8_t type, const char *text)
{
	say(s, type, ID, text, strlen(text));
}

static void
say_end(struct said *s, uint32_t app_status, uint8_t protocol_status)
{
	unsigned char content[8];

	fcgi_end_write(content, &(struct fcgi_end){ app_status, protocol_status });
	say(s, FCGI_END_REQUEST, ID, (const char *)content, sizeof content);
}

static enum cause
tell(struct said *s)
{
	size_t n = s->n;

	s->n = 0;
	return exchange_message(&s->exchange, s->message, n);
}

static void
an_answer_in_pieces_is_put_together(void **state)
{
	struct http_answer_head head;
	const char *body;
	struct said s;
	size_t n;

	(void)state;
	open_exchange(&s);
	say_text(&s, FCGI_STDERR, "a line");
	say_text(&s, FCGI_STDOUT, "Status: 201 Cre");
	assert_int_equal(tell(&s), CAUSE_NONE);
	say_text(&s, FCGI_STDOUT, "ated\r\nX: y\r\n\r\nbo");
	say_text(&s, FCGI_STDOUT, "dy");
	say_text(&s, FCGI_STDOUT, "");
	say_end(&s, 0, FCGI_REQUEST_COMPLETE);
	assert_int_equal(tell(&s), CAUSE_NONE);
	assert_true(s.exchange.is_over);
	assert_int_equal(exchange_answer(&s.exchange, &head, &body, &n), CAUSE_NONE);
	assert_int_equal(head.status, 201);
	assert_int_equal(n, 4);
	assert_memory_equal(body, "body", 4);
	assert_string_equal(s.log, "a line");
	assert_string_equal(s.body, "");
	exchange_done(&s.exchange);
}

static void
a_stream_leaves_piece_by_piece(void **state)
{
	struct said s;

	(void)state;
	open_exchange(&s);
	say_text(&s, FCGI_STDOUT, "Status: 200 OK\r\nX-CFN-Stream: 1\r\n\r\none ");
	assert_int_equal(tell(&s), CAUSE_NONE);
	assert_int_equal(s.n_streams, 1);
	assert_string_equal(s.body, "one ");
	/* No limit of a whole answer holds for it. */
	for (int i = 0; i < 20; i++) {
		say_text(&s, FCGI_STDOUT, "two two ");
		assert_int_equal(tell(&s), CAUSE_NONE);
	}
	assert_int_equal(strlen(s.body), 4 + 20 * 8);
	exchange_done(&s.exchange);
}

static void
a_body_of_the_largest_size_passes_and_one_byte_more_does_not(void **state)
{
	static const char head[] = "X: y\r\n\r\n";
	char bytes[HTTP_HEADER_BLOCK_MAX + OUTPUT_MAX];
	struct said s;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	memcpy(bytes, head, sizeof head - 1);
	for (int i = 0; i < 2; i++) {
		size_t left = sizeof bytes, at = 0;

		open_exchange(&s);
		while (left > 0) {
			size_t n = left < 4096 ? left : 4096;

			say(&s, FCGI_STDOUT, ID, bytes + at, n);
			assert_int_equal(tell(&s), CAUSE_NONE);
			at += n;
			left -= n;
		}
		if (i == 1) {
			say_text(&s, FCGI_STDOUT, "x");
			assert_int_equal(tell(&s), CAUSE_OUTPUT_LIMIT);
		}
		exchange_done(&s.exchange);
	}
}

static void
head_of_method_head_and_of_no_content_has_no_body(void **state)
{
	struct http_answer_head head;
	const char *body;
	struct said s;
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		open_exchange(&s);
		s.exchange.drops_body = i == 0;
		say_text(&s, FCGI_STDOUT,
		         i == 0 ? "Status: 200 OK\r\n\r\nbody" : "Status: 204 No\r\n\r\nbody");
		say_end(&s, 0, FCGI_REQUEST_COMPLETE);
		assert_int_equal(tell(&s), CAUSE_NONE);
		assert_int_equal(exchange_answer(&s.exchange, &head, &body, &n), CAUSE_NONE);
		assert_int_equal(n, 0);
		exchange_done(&s.exchange);
	}
}

/* What a hostile worker may say, as one message each. */
static void
what_is_no_answer_is_a_bad_response(void **state)
{
	struct said s;

	(void)state;
	for (int i = 0; i <= 13; i++) {
		open_exchange(&s);
		switch (i) {
		case 0: /* another request's */
			say(&s, FCGI_STDOUT, ID + 1, "x", 1);
			break;
		case 1: /* a record that ends beyond its message */
			say_text(&s, FCGI_STDOUT, "Status: 200 OK\r\n\r\n");
			s.n--;
			break;
		case 2: /* half a header */
			s.n = 4;
			break;
		case 3: /* a type that a worker does not send */
			say_text(&s, FCGI_STDIN, "x");
			break;
		case 4:
			say_text(&s, FCGI_GET_VALUES, "");
			break;
		case 5: /* another version */
			say_text(&s, FCGI_STDOUT, "x");
			s.message[0] = 2;
			break;
		case 6: /* a malformed head, before its end */
			say_text(&s, FCGI_STDOUT, "no head\n");
			break;
		case 7: /* more after the end of STDOUT */
			say_text(&s, FCGI_STDOUT, "");
			say_text(&s, FCGI_STDOUT, "x");
			break;
		case 8: /* more after the end of all */
			say_end(&s, 0, FCGI_REQUEST_COMPLETE);
			say_text(&s, FCGI_STDOUT, "x");
			break;
		case 9: /* a stream that was broken off */
			say_end(&s, 1, FCGI_REQUEST_COMPLETE);
			break;
		case 10:
			say_end(&s, 0, FCGI_OVERLOADED);
			break;
		case 11: /* an end that is too short */
			say_text(&s, FCGI_END_REQUEST, "short");
			break;
		case 12: /* of a request that it has not seen */
			s.exchange.sent.has_begun = false;
			say_text(&s, FCGI_STDOUT, "Status: 200 OK\r\n\r\n");
			break;
		case 13: /* a header field with a control byte */
			say_text(&s, FCGI_STDOUT, "X: a\x01\r\n");
			break;
		}
		if (tell(&s) != CAUSE_BAD_RESPONSE)
			fail_msg("case %d passed", i);
		exchange_done(&s.exchange);
	}
}

static void
an_end_without_a_head_is_no_answer(void **state)
{
	struct http_answer_head head;
	const char *body;
	struct said s;
	size_t n;

	(void)state;
	open_exchange(&s);
	say_end(&s, 0, FCGI_REQUEST_COMPLETE);
	assert_int_equal(tell(&s), CAUSE_NONE);
	assert_int_equal(exchange_answer(&s.exchange, &head, &body, &n), CAUSE_BAD_RESPONSE);
	exchange_done(&s.exchange);
}

/* ---- advice ---- */

static void
advice_is_for_whole_names(void **state)
{
	(void)state;
	assert_non_null(strstr(advice_for("socket"), "no network"));
	assert_non_null(strstr(advice_for("clone3"), "Harmless"));
	assert_string_equal(advice_for("sock"), "");
	assert_string_equal(advice_for("ocket"), "");
	assert_string_equal(advice_for("syscall 1999"), "");
	assert_string_equal(advice_for(""), "");
	assert_string_equal(advice_for("socket connect"), "");
}

/* ---- crashes ---- */

static void
a_crash_line_is_read_as_far_as_it_is_one(void **state)
{
	static const struct {
		const char *line, *what; /* NULL: it is none */
		size_t n;
		const char *file; /* of the last frame */
		uint64_t at;
	} cases[] = {
		{ "cfn: crashed by SEGV at 0x8: fn.so+0x12 libc.so.6+0xab 0x7f", "SEGV at 0x8", 3, "", 0x7f },
		{ "cfn: crashed by ABRT: fn.so+0x12", "ABRT", 1, "fn.so", 0x12 },
		{ "cfn: crashed by ABRT: libstdc++.so.6+0x12", "ABRT", 1, "libstdc++.so.6", 0x12 },
		{ "cfn: crashed by ABRT: fn.so+0x12 fn.so", "ABRT", 1, "fn.so", 0x12 },
		{ "cfn: crashed by ABRT: fn.so+0x12 fn.so+0x", "ABRT", 1, "fn.so", 0x12 },
		{ "cfn: crashed by ABRT: fn.so+0x12 fn.so+0x1ffffffffffffffff", "ABRT", 1, "fn.so", 0x12 },
		{ "cfn: crashed by ABRT: fn.so+0x12  fn.so+0x1", "ABRT", 1, "fn.so", 0x12 },
		{ "cfn: crashed by ABRT: fn.so+0x12 f/n.so+0x1", "ABRT", 1, "fn.so", 0x12 },
		{ "cfn: crashed by ABRT: fn.so+0x12 -0x1", "ABRT", 1, "fn.so", 0x12 },
		{ "cfn: crashed by ABRT:", "ABRT", 0, NULL, 0 },
		{ "cfn: crashed by ABRT", NULL, 0, NULL, 0 },
		{ "cfn: crashed by : fn.so+0x1", NULL, 0, NULL, 0 },
		{ "cfn: crashed by \033: fn.so+0x1", NULL, 0, NULL, 0 },
		{ "cfn: crashed by 0123456789012345678901234567890123456789012345678: fn.so+0x1", NULL, 0,
		  NULL, 0 },
		{ " cfn: crashed by ABRT: fn.so+0x1", NULL, 0, NULL, 0 },
		{ "", NULL, 0, NULL, 0 },
	};
	struct stack s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (stack_read(cases[i].line, strlen(cases[i].line), &s) != (cases[i].what != NULL))
			fail_msg("%s", cases[i].line);
		if (cases[i].what == NULL)
			continue;
		assert_string_equal(s.what, cases[i].what);
		if (s.n != cases[i].n)
			fail_msg("%s: %zu frames", cases[i].line, s.n);
		if (s.n > 0) {
			assert_string_equal(s.frames[s.n - 1].file, cases[i].file);
			assert_true(s.frames[s.n - 1].at == cases[i].at);
		}
	}
}

static void
a_crash_line_has_a_bounded_number_of_frames(void **state)
{
	struct buf line;
	struct stack s;

	(void)state;
	buf_init(&line, 4096);
	buf_printf(&line, "cfn: crashed by SEGV:");
	for (int i = 0; i < CRASH_FRAMES_MAX + 2; i++)
		buf_printf(&line, " fn.so+0x%x", i);
	assert_true(stack_read(buf_head(&line), buf_used(&line), &s));
	assert_int_equal(s.n, CRASH_FRAMES_MAX + 1);
	buf_done(&line);
}

int
main(void)
{
#define REQUEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		REQUEST(a_request_without_options_is_a_get_of_the_first_plain_route),
		REQUEST(path_and_query_are_read_as_in_a_url),
		REQUEST(a_body_makes_it_a_post_with_a_type),
		REQUEST(fields_get_their_cgi_names_and_replace_ours),
		REQUEST(what_is_wrong_is_said_before_anything_runs),
		REQUEST(a_version_with_parameters_alone_needs_a_path),
		REQUEST(params_of_the_largest_size_pass_and_more_are_refused),
		cmocka_unit_test(an_answer_in_pieces_is_put_together),
		cmocka_unit_test(a_stream_leaves_piece_by_piece),
		cmocka_unit_test(a_body_of_the_largest_size_passes_and_one_byte_more_does_not),
		cmocka_unit_test(head_of_method_head_and_of_no_content_has_no_body),
		cmocka_unit_test(what_is_no_answer_is_a_bad_response),
		cmocka_unit_test(an_end_without_a_head_is_no_answer),
		cmocka_unit_test(advice_is_for_whole_names),
		cmocka_unit_test(a_crash_line_is_read_as_far_as_it_is_one),
		cmocka_unit_test(a_crash_line_has_a_bounded_number_of_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
