/* test_function_request.c - what a handler gets of its request, and what it never sees. */
#include "fake_client.h"

#include <limits.h>
#include <stdlib.h>

#include "function/bounds.h"

static unsigned n_calls; /* of handlers, since a test set it to 0 */

static int
never_called(cfn_request *q, cfn_response *r)
{
	(void)q;
	(void)r;
	n_calls++;
	return 204;
}

static int
print_pair(void *context, const char *name, const char *value)
{
	return cfn_printf(context, "%s=%s|", name, value);
}

static int
print_query(cfn_request *q, cfn_response *r)
{
	return cfn_each(q, CFN_QUERY, print_pair, r);
}

static int
print_cookies(cfn_request *q, cfn_response *r)
{
	return cfn_each(q, CFN_COOKIE, print_pair, r);
}

static int
print_headers(cfn_request *q, cfn_response *r)
{
	return cfn_each(q, CFN_HEADER, print_pair, r);
}

static int
print_form(cfn_request *q, cfn_response *r)
{
	int rc = cfn_each(q, CFN_FORM, print_pair, r);

	return rc < 0 ? cfn_error(r, 422, "%d %d", rc == -EBADMSG, rc == -EMSGSIZE) : 200;
}

static void
queries_are_decoded_in_their_order(void **state)
{
	static const struct {
		const char *param, *pairs;
	} cases[] = {
		{ "QUERY_STRING=", "" },
		{ "QUERY_STRING=a=1&b=2&a=3", "a=1|b=2|a=3|" },
		{ "QUERY_STRING=a&b=", "a=|b=|" },
		{ "QUERY_STRING=&&a=1&", "a=1|" },
		{ "QUERY_STRING==v", "=v|" },
		{ "QUERY_STRING=a=b=c", "a=b=c|" },
		{ "QUERY_STRING=a+b=c+d", "a b=c d|" },
		{ "QUERY_STRING=a%2Bb=c%26d%3De", "a+b=c&d=e|" },
		{ "QUERY_STRING=%c3%A4=%e2%82%ac", "ä=€|" },
		{ "QUERY_STRING=ä=€", "ä=€|" },
		{ "QUERY_STRING=a=%0a", "a=\n|" },
		{ "QUERY_STRING=a;b", "a;b=|" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask(print_query, cases[i].param);
		assert_string_equal(answer_body(), cases[i].pairs);
	}
	ask(print_query);
	assert_string_equal(answer_body(), "");
}

static void
what_is_malformed_is_answered_before_the_handler_runs(void **state)
{
	static const char *const cases[] = {
		"QUERY_STRING=%",
		"QUERY_STRING=a=%4",
		"QUERY_STRING=a=%zz",
		"QUERY_STRING=a=%00",
		"QUERY_STRING=a=%ff",
		"QUERY_STRING=a=%c3",
		"QUERY_STRING=%c3&%a4",
		"QUERY_STRING=%c3=%a4",
		"QUERY_STRING=a=\xc3",
		"QUERY_STRING=a=\xed\xa0\x80",
		"QUERY_STRING=a=\001",
		"QUERY_STRING=a=1234567\x7f",
		"QUERY_STRING=aaaaaaaaaaaaaaaaaaaaaaaa\nb",
		"QUERY_STRING=aaa\naaaabbbbbbbb",
		"QUERY_STRING=aaa\177aaaabbbbbbbb",
		"QUERY_STRING=aaa\377aaaabbbbbbbb",
		"HTTP_X=\x1f",
		"HTTP_X=a\r\nb",
		"HTTP_X=latin1 \xe4",
		"HTTP_ACCEPT=\xff",
		"HTTP_COOKIE=a=\xc0\x80",
		"CFN_PATH=/\xff",
		"CFN_PATH=x",
		"CFN_PATH=",
		"CFN_PARAM_id=\xff",
		"CFN_ROUTE=1",
		"CFN_ROUTE=x",
		"CFN_ROUTE=18446744073709551616",
		"CFN_BODY_MAX=",
		"REQUEST_METHOD=",
		"CONTENT_LENGTH=1x",
		"CONTENT_LENGTH=-2",
		"CONTENT_LENGTH=+1",
		"CONTENT_LENGTH=9223372036854775808",
		"CONTENT_TYPE=\001",
		"CFN_NO_EQUALS_SIGN",
	};

	(void)state;
	n_calls = 0;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask(never_called, cases[i]);
		if (answer_status() != 400)
			fail_msg("%s: %d", cases[i], answer_status());
		assert_non_null(strstr(answer_body(), "400 Bad Request"));
		assert_int_equal(client.n_lines, 1);
	}
	ask(never_called, "QUERY_STRING=a", "QUERY_STRING=b");
	assert_int_equal(answer_status(), 400);
	ask(never_called, "CFN_PATH=/a", "CFN_PATH=/b");
	assert_int_equal(answer_status(), 400);
	ask(never_called, "CFN_REQUEST_ID=r1", "CFN_REQUEST_ID=r2");
	assert_int_equal(answer_status(), 400);
	assert_int_equal(n_calls, 0);
}

static void
a_refusal_is_json_for_who_prefers_it_and_has_no_body_for_head(void **state)
{
	(void)state;
	ask(never_called, "QUERY_STRING=%", "HTTP_ACCEPT=application/json");
	assert_string_equal(answer_field("Content-Type"), "application/problem+json");
	assert_non_null(strstr(answer_body(), "\"request_id\":\"r1\""));
	ask(never_called, "QUERY_STRING=%", "REQUEST_METHOD=HEAD");
	assert_int_equal(answer_status(), 400);
	assert_string_equal(answer_body(), "");
	ask(never_called, "QUERY_STRING=%", "CFN_REQUEST_ID=not a token");
	assert_int_equal(answer_status(), 400);
}

/* "QUERY_STRING=a&a&..." with n pairs. */
static const char *
many(const char *param, const char *piece, size_t n)
{
	static char text[64 << 10];
	size_t used = (size_t)snprintf(text, sizeof text, "%s", param);

	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s", piece + (i + 1 == n));
	return text;
}

static void
the_number_of_query_pairs_has_a_limit(void **state)
{
	(void)state;
	n_calls = 0;
	/* many() leaves the first byte of the last piece out. */
	ask(never_called, many("QUERY_STRING=", "&a", REQUEST_PAIRS_MAX));
	assert_int_equal(answer_status(), 204);
	ask(never_called, many("QUERY_STRING=", "&a", REQUEST_PAIRS_MAX + 1));
	assert_int_equal(answer_status(), 400);
	ask(never_called, many("QUERY_STRING=%41", "&a", REQUEST_PAIRS_MAX));
	assert_int_equal(answer_status(), 204);
	ask(never_called, many("QUERY_STRING=%41", "&a", REQUEST_PAIRS_MAX + 1));
	assert_int_equal(answer_status(), 400);
	assert_int_equal(n_calls, 2);
}

static void
the_number_of_header_fields_has_a_limit(void **state)
{
	const char *params[REQUEST_HEADERS_MAX + 2] = { 0 };

	(void)state;
	for (size_t i = 0; i < REQUEST_HEADERS_MAX; i++)
		params[i] = "HTTP_X=1";
	ask_with(never_called, params);
	assert_int_equal(answer_status(), 204);
	params[REQUEST_HEADERS_MAX] = "HTTP_Y=1";
	ask_with(never_called, params);
	assert_int_equal(answer_status(), 431);
	assert_non_null(strstr(answer_body(), "params_too_large"));
}

static void
the_cookie_field_has_a_limit_in_bytes_and_in_cookies(void **state)
{
	static char field[sizeof "HTTP_COOKIE=" + REQUEST_COOKIE_MAX + 1] = "HTTP_COOKIE=";
	size_t start = strlen(field);

	(void)state;
	memset(field + start, 'x', REQUEST_COOKIE_MAX);
	ask(never_called, field);
	assert_int_equal(answer_status(), 204);
	field[start + REQUEST_COOKIE_MAX] = 'x';
	ask(never_called, field);
	assert_int_equal(answer_status(), 431);
	ask(never_called, many("HTTP_COOKIE=a", "; a=1", REQUEST_PAIRS_MAX - 1));
	assert_int_equal(answer_status(), 204);
	ask(never_called, many("HTTP_COOKIE=a;", "; a=1", REQUEST_PAIRS_MAX));
	assert_int_equal(answer_status(), 431);
}

static int
first_of_each(cfn_request *q, cfn_response *r)
{
	assert_string_equal(cfn_method(q), "POST");
	assert_string_equal(cfn_path(q), "/a b");
	assert_string_equal(cfn_id(q), "id-1");
	assert_string_equal(cfn_param(q, "id"), "17");
	assert_string_equal(cfn_param(q, "*"), "x/y");
	assert_null(cfn_param(q, "i"));
	assert_string_equal(cfn_query(q, "a"), "1");
	assert_string_equal(cfn_query(q, "empty"), "");
	errno = 0;
	assert_null(cfn_query(q, "A"));
	assert_int_equal(errno, ENOENT);
	assert_string_equal(cfn_header(q, "user-agent"), "t/1");
	assert_string_equal(cfn_header(q, "User-Agent"), "t/1");
	assert_string_equal(cfn_header(q, "X-Two"), "first");
	assert_string_equal(cfn_header(q, "content-type"), "text/x");
	assert_string_equal(cfn_header(q, "Content-Length"), "3");
	assert_null(cfn_header(q, "Agent"));
	assert_null(cfn_header(q, "CFN-Path"));
	assert_null(cfn_header(q, "Request-Method"));
	assert_string_equal(cfn_cookie(q, "c"), "d");
	assert_null(cfn_cookie(q, "d"));
	assert_null(cfn_form(q, "f"));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(cfn_length(q), 3);
	return cfn_status(r, 201);
}

static void
a_handler_finds_the_first_of_each_name(void **state)
{
	(void)state;
	ask(first_of_each, "REQUEST_METHOD=POST", "CFN_PATH=/a b", "CFN_REQUEST_ID=id-1", "CFN_PARAM_id=17",
	    "CFN_PARAM_*=x/y", "QUERY_STRING=a=1&a=2&empty", "HTTP_USER_AGENT=t/1", "HTTP_X_TWO=first",
	    "HTTP_X_TWO=second", "CONTENT_TYPE=text/x", "CONTENT_LENGTH=3", "HTTP_COOKIE=c=d; c=e",
	    "SERVER_NAME=\xff");
	assert_int_equal(answer_status(), 201);
}

static const struct {
	const char *params[4];
	const char *client, *scheme, *host; /* client, host: NULL: absent */
} connections[] = {
	{ { "A=b" }, NULL, "http", NULL },
	{ { "REMOTE_ADDR=192.0.2.7", "HTTPS=on", "HTTP_HOST=a.example:81", "SERVER_NAME=b" },
	  "192.0.2.7",
	  "https",
	  "a.example:81" },
	{ { "REMOTE_ADDR=", "HTTPS=off", "HTTP_HOST=", "SERVER_NAME=b" }, NULL, "http", "b" },
	{ { "REMOTE_ADDR=::1", "HTTPS=", "REQUEST_SCHEME=https", "SERVER_NAME=\xff" }, "::1", "https", NULL },
	{ { "REMOTE_HOST=x", "REQUEST_SCHEME=http", "HTTP_X_FORWARDED_FOR=1.1.1.1", "HTTP_HTTPS=on" },
	  NULL,
	  "http",
	  NULL },
};

static int
says_connection(cfn_request *q, cfn_response *r)
{
	const char *address = cfn_client(q), *host = cfn_host(q);

	return cfn_send(r, 200, 0, "%s %s %s", address ? address : "-", cfn_scheme(q), host ? host : "-");
}

static void
client_scheme_and_host_are_the_web_servers_word(void **state)
{
	char expected[80];

	(void)state;
	for (size_t i = 0; i < sizeof connections / sizeof connections[0]; i++) {
		const char *const *p = connections[i].params, *address = connections[i].client,
				  *host = connections[i].host;

		snprintf(expected, sizeof expected, "%s %s %s", address ? address : "-",
		         connections[i].scheme, host ? host : "-");
		ask_with(says_connection, (const char *const[]){ p[0], p[1], p[2], p[3], NULL });
		assert_string_equal(answer_body(), expected);
	}
}

static int
forged(cfn_request *q, cfn_response *r)
{
	assert_string_equal(cfn_path(q), "/real");
	assert_string_equal(cfn_id(q), "r1");
	assert_null(cfn_param(q, "id"));
	assert_string_equal(cfn_header(q, "CFN-Path"), "/forged");
	return cfn_status(r, 200);
}

static int
without_body(cfn_request *q, cfn_response *r)
{
	errno = 0;
	assert_null(cfn_header(q, "Content-Type"));
	assert_int_equal(errno, ENOENT);
	assert_null(cfn_header(q, "Content-Length"));
	assert_int_equal(cfn_length(q), -1);
	return cfn_status(r, 200);
}

static void
what_a_web_server_leaves_empty_is_absent(void **state)
{
	(void)state;
	ask(without_body, "CONTENT_TYPE=", "CONTENT_LENGTH=");
	assert_int_equal(answer_status(), 200);
}

static void
a_client_cannot_forge_what_the_router_says(void **state)
{
	(void)state;
	ask(forged, "HTTP_CFN_PATH=/forged", "HTTP_CFN_REQUEST_ID=forged", "HTTP_CFN_PARAM_id=forged",
	    "CFN_PATH=/real", "HTTP_CFN_ROUTE=9", "HTTP_CONTENT_LENGTH=7", "HTTP_REQUEST_METHOD=PUT");
	assert_int_equal(answer_status(), 200);
}

static int
long_names(cfn_request *q, cfn_response *r)
{
	char name[512];

	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_null(cfn_header(q, name));
	assert_null(cfn_param(q, name));
	name[128] = '\0';
	assert_string_equal(cfn_param(q, name), "long");
	assert_null(cfn_header(q, ""));
	return cfn_status(r, 200);
}

static void
names_of_any_length_may_be_asked_for(void **state)
{
	char param[200] = "CFN_PARAM_";

	(void)state;
	memset(param + 10, 'x', 128);
	strcpy(param + 138, "=long");
	ask(long_names, param);
	assert_int_equal(answer_status(), 200);
}

static void
header_names_are_given_in_lower_case(void **state)
{
	(void)state;
	ask(print_headers, "HTTP_USER_AGENT=t/1", "CONTENT_TYPE=", "CONTENT_LENGTH=0", "HTTP_X_A=\tv",
	    "HTTP_CONTENT_LENGTH=0", "HTTP_CONTENT_TYPE=text/x", "HTTP_CONTENT=c", "SERVER_NAME=x");
	assert_string_equal(answer_body(), "user-agent=t/1|content-length=0|x-a=\tv|content=c|");
}

static void
cookies_are_decoded_where_that_gives_a_text(void **state)
{
	static const struct {
		const char *param, *pairs;
	} cases[] = {
		{ "HTTP_COOKIE=a=1; b=2", "a=1|b=2|" },
		{ "HTTP_COOKIE=a=1;b=2 ; \t c=3", "a=1|b=2|c=3|" },
		{ "HTTP_COOKIE=;; novalue; =x; a=", "a=|" },
		{ "HTTP_COOKIE=a=Ada%20Lovelace%3b", "a=Ada Lovelace;|" },
		{ "HTTP_COOKIE=a=100%; b=%ff; c=%00", "a=100%|b=%ff|c=%00|" },
		{ "HTTP_COOKIE=a=b=c", "a=b=c|" },
		{ "HTTP_COOKIE=a=1+1", "a=1+1|" },
		{ "HTTP_COOKIE=a=\"q\"", "a=\"q\"|" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask(print_cookies, cases[i].param);
		assert_string_equal(answer_body(), cases[i].pairs);
	}
}

static int
print_number(cfn_request *q, cfn_response *r)
{
	long n = 77;
	int rc = cfn_query_int(q, "n", -10, 10, &n);

	return cfn_send(r, 200, NULL, "%s %ld", rc ? strerrorname_np(-rc) : "0", n);
}

static void
numbers_are_read_whole_and_within_their_range(void **state)
{
	static const struct {
		const char *param, *answer;
	} cases[] = {
		{ "QUERY_STRING=n=10", "0 10" },
		{ "QUERY_STRING=n=11", "ERANGE 77" },
		{ "QUERY_STRING=n=-10", "0 -10" },
		{ "QUERY_STRING=n=-11", "ERANGE 77" },
		{ "QUERY_STRING=n=007", "0 7" },
		{ "QUERY_STRING=n=99999999999999999999", "ERANGE 77" },
		{ "QUERY_STRING=n=", "EINVAL 77" },
		{ "QUERY_STRING=n", "EINVAL 77" },
		{ "QUERY_STRING=n=-", "EINVAL 77" },
		{ "QUERY_STRING=n=%201", "EINVAL 77" },
		{ "QUERY_STRING=n=%2B1", "EINVAL 77" },
		{ "QUERY_STRING=n=1x", "EINVAL 77" },
		{ "QUERY_STRING=n=0x1", "EINVAL 77" },
		{ "QUERY_STRING=m=1", "ENOENT 77" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask(print_number, cases[i].param);
		assert_string_equal(answer_body(), cases[i].answer);
	}
}

static int
stop_at_b(void *context, const char *name, const char *value)
{
	(void)value;
	++*(int *)context;
	return *name == 'b' ? 42 : 0;
}

static int
stop_early(cfn_request *q, cfn_response *r)
{
	int n = 0;

	assert_int_equal(cfn_each(q, CFN_QUERY, stop_at_b, &n), 42);
	assert_int_equal(n, 2);
	assert_int_equal(cfn_each(q, CFN_HEADER, stop_at_b, &n), 42);
	assert_int_equal(cfn_each(q, (enum cfn_from)99, stop_at_b, &n), -EINVAL);
	return cfn_status(r, 200);
}

static void
each_ends_where_it_is_told_to(void **state)
{
	(void)state;
	ask(stop_early, "QUERY_STRING=a&b&c", "HTTP_B=1", "HTTP_C=1");
	assert_int_equal(answer_status(), 200);
}

static int
take_whole(cfn_request *q, cfn_response *r)
{
	size_t n = 99;
	const char *body = cfn_body(q, &n);
	char piece[4];
	ssize_t got;

	if (!body)
		return cfn_send(r, 422, NULL, "%s", strerrorname_np(errno));
	assert_int_equal(body[n], 0);
	assert_ptr_equal(cfn_body(q, NULL), body);
	cfn_write(r, body, n);
	cfn_write(r, "|", 1);
	while ((got = cfn_read(q, piece, sizeof piece)) > 0)
		cfn_write(r, piece, (size_t)got);
	return got < 0 ? (int)got : 200;
}

static int
take_pieces(cfn_request *q, cfn_response *r)
{
	char piece[4];
	ssize_t got;

	assert_int_equal(cfn_read(q, piece, 0), 0);
	while ((got = cfn_read(q, piece, sizeof piece)) > 0)
		cfn_write(r, piece, (size_t)got);
	errno = 0;
	assert_null(cfn_body(q, NULL));
	assert_int_equal(errno, EALREADY);
	assert_int_equal(cfn_read(q, piece, sizeof piece), got);
	return got < 0 ? cfn_send(r, 422, NULL, "%s", strerrorname_np((int)-got)) : 200;
}

static void
a_body_is_taken_whole_or_in_pieces(void **state)
{
	static const struct {
		const char *body, *param;
		size_t piece;
		bool breaks;
		const char *whole, *pieces;
	} cases[] = {
		{ "hello", "CONTENT_LENGTH=5", 0, false, "hello|hello", "hello" },
		{ "hello", "CONTENT_LENGTH=5", 1, false, "hello|hello", "hello" },
		{ "hello", "CONTENT_LENGTH=", 2, false, "hello|hello", "hello" },
		{ "hello", "CONTENT_LENGTH=-1", 0, false, "hello|hello", "hello" },
		{ "", "CONTENT_LENGTH=0", 0, false, "|", "" },
		{ "", "CONTENT_LENGTH=", 0, false, "|", "" },
		{ "hell", "CONTENT_LENGTH=5", 0, false, "ECONNRESET", "ECONNRESET" },
		{ "hello", "CONTENT_LENGTH=", 0, true, "ECONNRESET", "ECONNRESET" },
		{ "12345678", "CONTENT_LENGTH=8", 0, false, "12345678|12345678", "12345678" },
		{ "12345678", "CONTENT_LENGTH=", 0, false, "12345678|12345678", "12345678" },
		{ "123456789", "CONTENT_LENGTH=9", 0, false, "EFBIG", "EFBIG" },
		{ "123456789", "CONTENT_LENGTH=", 0, false, "EFBIG", "EFBIG" },
		{ "123456789", "CONTENT_LENGTH=", 1, false, "EFBIG", "EFBIG" },
		{ "123456789", "CONTENT_LENGTH=1", 0, false, "EFBIG", "EFBIG" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		bool is_whole = i % 2;

		send_body(cases[i / 2].body);
		client.body_piece = cases[i / 2].piece;
		client.body_breaks = cases[i / 2].breaks;
		ask(is_whole ? take_whole : take_pieces, cases[i / 2].param, "CFN_BODY_MAX=8");
		assert_string_equal(answer_body(), is_whole ? cases[i / 2].whole : cases[i / 2].pieces);
	}
}

static int
measure(cfn_request *q, cfn_response *r)
{
	size_t n = 0;
	const char *body = cfn_body(q, &n);

	return cfn_send(r, 200, NULL, "%s %zu", body ? "ok" : strerrorname_np(errno), n);
}

static void
a_large_body_comes_whole_in_pieces_of_any_size(void **state)
{
	static const size_t pieces[] = { 0, 4096, 8191, 8193 };
	const size_t n = 3 << 20;
	char *body = test_malloc(n + 1), want[32];

	(void)state;
	memset(body, 'x', n);
	body[n] = '\0';
	snprintf(want, sizeof want, "ok %zu", n);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		send_body(body);
		client.body_piece = pieces[i];
		ask(measure);
		assert_string_equal(answer_body(), want);
		assert_null(under_test.exchange.request.body.data);
	}
	test_free(body);
}

static int
ignore_body(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, NULL, "fine");
}

static void
a_body_may_stay_unread(void **state)
{
	(void)state;
	send_body("not wanted");
	ask(ignore_body, "CONTENT_LENGTH=10");
	assert_string_equal(answer_body(), "fine");
	send_body("second");
	ask(take_whole, "CONTENT_LENGTH=6");
	assert_string_equal(answer_body(), "second|second");
}

#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"

static void
forms_are_decoded_and_malformed_ones_are_told(void **state)
{
	static const struct {
		const char *type, *body;
		int status;
		const char *pairs;
	} cases[] = {
		{ FORM, "a=1&b=x+y%21&a=2", 200, "a=1|b=x y!|a=2|" },
		{ FORM "; charset=utf-8", "a=1", 200, "a=1|" },
		{ "CONTENT_TYPE=Application/X-WWW-Form-UrlEncoded", "a=1", 200, "a=1|" },
		{ FORM, "", 200, "" },
		{ FORM "x", "a=1", 200, "" },
		{ "CONTENT_TYPE=text/plain", "a=%", 200, "" },
		{ "CONTENT_TYPE=", "a=1", 200, "" },
		{ FORM, "a=line%0d%0atwo", 200, "a=line\r\ntwo|" },
		{ FORM, "a=%", 422, "1 0" },
		{ FORM, "a=%00", 422, "1 0" },
		{ FORM, "a=\xff", 422, "1 0" },
		{ FORM, "a=\x80%80", 422, "1 0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		send_body(cases[i].body);
		ask(print_form, cases[i].type);
		assert_int_equal(answer_status(), cases[i].status);
		if (cases[i].status == 200)
			assert_string_equal(answer_body(), cases[i].pairs);
		else
			assert_non_null(strstr(answer_body(), cases[i].pairs));
	}
}

static void
a_nul_in_a_form_is_malformed(void **state)
{
	(void)state;
	client.body = "a=1\0b";
	client.body_size = 5;
	ask(print_form, FORM);
	assert_int_equal(answer_status(), 422);
}

struct sum {
	int n;
	size_t bytes;
};

static int
add_name(void *context, const char *name, const char *value)
{
	struct sum *sum = context;

	sum->n++;
	sum->bytes += strlen(name) + strlen(value);
	return 0;
}

static int
count_form(cfn_request *q, cfn_response *r)
{
	struct sum sum = { 0 };

	assert_int_equal(cfn_each(q, CFN_FORM, add_name, &sum), 0);
	return cfn_send(r, 200, NULL, "%d %zu", sum.n, sum.bytes);
}

static void
forms_have_limits_in_pairs_and_in_bytes(void **state)
{
	char *body = test_malloc(REQUEST_FORM_MAX + 2);

	(void)state;
	send_body(many("", "&a", REQUEST_PAIRS_MAX));
	ask(print_form, FORM);
	assert_int_equal(answer_status(), 200);
	send_body(many("", "&a", REQUEST_PAIRS_MAX + 1));
	ask(print_form, FORM);
	assert_non_null(strstr(answer_body(), "0 1"));

	memset(body, 'x', REQUEST_FORM_MAX + 1);
	body[REQUEST_FORM_MAX] = '\0';
	send_body(body);
	ask(count_form, FORM);
	assert_string_equal(answer_body(), "1 1048576");
	body[REQUEST_FORM_MAX] = 'x';
	body[REQUEST_FORM_MAX + 1] = '\0';
	send_body(body);
	ask(print_form, FORM);
	assert_non_null(strstr(answer_body(), "0 1"));
	send_body(body);
	ask(print_form, FORM, "CONTENT_LENGTH=1048577");
	assert_non_null(strstr(answer_body(), "0 1"));
	assert_int_equal(client.n_reads, 0);
	test_free(body);
}

static int
form_twice(cfn_request *q, cfn_response *r)
{
	size_t n;

	assert_string_equal(cfn_form(q, "a"), "1");
	assert_string_equal(cfn_form(q, "b"), "2");
	errno = 0;
	assert_null(cfn_form(q, "c"));
	assert_int_equal(errno, ENOENT);
	assert_string_equal(cfn_body(q, &n), "a=1&b=%32");
	return cfn_status(r, 200);
}

static void
a_form_may_be_asked_again_and_its_body_taken_raw(void **state)
{
	(void)state;
	send_body("a=1&b=%32");
	ask(form_twice, FORM);
	assert_int_equal(answer_status(), 200);
}

static int
allocate(cfn_request *q, cfn_response *r)
{
	char *small = cfn_alloc(q, 1), *text;

	assert_int_equal((uintptr_t)small % _Alignof(max_align_t), 0);
	assert_int_equal(*small, 0);
	*small = 'x';
	text = cfn_sprintf(q, "%0*d", ARENA_CHUNK, 7);
	assert_int_equal(strlen(text), ARENA_CHUNK);
	assert_non_null(cfn_alloc(q, 0));
	errno = 0;
	assert_null(cfn_alloc(q, SIZE_MAX));
	assert_int_equal(errno, ENOMEM);
	assert_null(cfn_alloc(q, ARENA_MAX + 1));
	return cfn_status(r, 200);
}

static void
memory_of_a_request_is_cleared_aligned_and_given_back(void **state)
{
	const struct arena *arena = &under_test.exchange.request.arena;

	(void)state;
	for (int i = 0; i < 3; i++) {
		ask(allocate);
		assert_int_equal(answer_status(), 200);
		assert_int_equal(arena->total, ARENA_CHUNK);
	}
}

static char order[8]; /* of what was deferred; "h": the handler has returned */

static void
note(void *what)
{
	size_t n = strlen(order);

	order[n] = *(char *)what;
	order[n + 1] = '\0';
}

static cfn_request *again;
static char names[] = "abch";

static void
note_and_defer(void *what)
{
	note(what);
	assert_int_equal(cfn_defer(again, note, &names[2]), 0);
}

static int
defer(cfn_request *q, cfn_response *r)
{
	again = q;
	assert_int_equal(cfn_defer(q, note, &names[0]), 0);
	assert_int_equal(cfn_defer(q, note_and_defer, &names[1]), 0);
	note(&names[3]);
	return cfn_status(r, 204);
}

static void
what_is_deferred_is_done_after_the_handler_the_last_first(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		order[0] = '\0';
		ask(defer);
		assert_string_equal(order, "hbca");
	}
}

static int
defer_without_memory(cfn_request *q, cfn_response *r)
{
	while (cfn_alloc(q, 1 << 10))
		;
	while (cfn_alloc(q, 1))
		;
	assert_int_equal(cfn_defer(q, note, &names[0]), -ENOMEM);
	return cfn_status(r, 204);
}

static void
nothing_is_deferred_without_memory(void **state)
{
	(void)state;
	order[0] = '\0';
	ask(defer_without_memory);
	assert_string_equal(order, "");
}

static int
allocate_everything(cfn_request *q, cfn_response *r)
{
	size_t left = ARENA_MAX - ARENA_CHUNK;

	/* The chunk that is always there takes none of these. */
	assert_non_null(cfn_alloc(q, left - ARENA_CHUNK));
	assert_null(cfn_alloc(q, ARENA_CHUNK + 1));
	assert_non_null(cfn_alloc(q, ARENA_CHUNK));
	return cfn_status(r, 200);
}

static void
memory_of_a_request_ends_at_its_limit(void **state)
{
	(void)state;
	ask(allocate_everything);
	assert_int_equal(answer_status(), 200);
}

static int
print_environment(cfn_request *q, cfn_response *r)
{
	const char *a = cfn_env("A"), *b = cfn_env("AB");

	(void)q;
	errno = 0;
	assert_null(cfn_env("B"));
	assert_int_equal(errno, ENOENT);
	return cfn_send(r, 200, NULL, "%s|%s", a ? a : "-", b ? b : "-");
}

static void
the_environment_is_what_was_set_for_the_function(void **state)
{
	static const char env[] = "AB=2\0A=1=1";

	(void)state;
	function_set_environment(env, sizeof env);
	ask(print_environment);
	assert_string_equal(answer_body(), "1=1|2");
	function_set_environment(NULL, 0);
	ask(print_environment);
	assert_string_equal(answer_body(), "-|-");
}

static int
log_lines(cfn_request *q, cfn_response *r)
{
	cfn_log(q, CFN_ERROR, "disk %s\nfull\033", "is");
	cfn_log(q, 99, "x");
	cfn_log(q, CFN_DEBUG, "%0*d", LOG_LINE_MAX - 7, 1);
	cfn_log(q, CFN_DEBUG, "%0*d", LOG_LINE_MAX, 1);
	return cfn_status(r, 200);
}

static void
a_log_line_stays_one_line_within_its_length(void **state)
{
	char *third;

	(void)state;
	ask(log_lines);
	assert_int_equal(client.n_lines, 4);
	assert_int_equal(strncmp(client.log, "error: disk is full \ninfo: x\ndebug: 000", 39), 0);
	third = strstr(client.log, "debug");
	assert_int_equal(strcspn(third, "\n"), LOG_LINE_MAX);
	assert_int_equal(third[LOG_LINE_MAX - 1], '1');
	assert_int_equal(strcspn(third + LOG_LINE_MAX + 1, "\n"), LOG_LINE_MAX);
	assert_int_equal(third[2 * LOG_LINE_MAX], '0');
}

static void
one_request_leaves_nothing_to_the_next(void **state)
{
	(void)state;
	send_body("a=1");
	ask(print_form, FORM, "QUERY_STRING=q=%41", "HTTP_COOKIE=c=1");
	ask(print_query);
	assert_string_equal(answer_body(), "");
	ask(print_cookies);
	assert_string_equal(answer_body(), "");
	ask(print_form, FORM);
	assert_string_equal(answer_body(), "");
	assert_int_equal(answer_count("Content-Type"), 1);
}

static int
encode_query(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, 200, NULL, "%s", cfn_url_encode(q, cfn_query(q, "x")));
}

static void
a_text_is_encoded_for_an_address(void **state)
{
	static const struct {
		const char *query, *encoded;
	} cases[] = {
		{ "QUERY_STRING=x=", "" },
		{ "QUERY_STRING=x=aZ09-._~", "aZ09-._~" },
		{ "QUERY_STRING=x=%2F%3F%23%26%3D%2B+%25%0A", "%2F%3F%23%26%3D%2B%20%25%0A" },
		{ "QUERY_STRING=x=%C3%A4%22%3C", "%C3%A4%22%3C" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask(encode_query, cases[i].query);
		assert_string_equal(answer_body(), cases[i].encoded);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_are_decoded_in_their_order),
		cmocka_unit_test(client_scheme_and_host_are_the_web_servers_word),
		cmocka_unit_test(what_is_malformed_is_answered_before_the_handler_runs),
		cmocka_unit_test(a_refusal_is_json_for_who_prefers_it_and_has_no_body_for_head),
		cmocka_unit_test(the_number_of_query_pairs_has_a_limit),
		cmocka_unit_test(the_number_of_header_fields_has_a_limit),
		cmocka_unit_test(the_cookie_field_has_a_limit_in_bytes_and_in_cookies),
		cmocka_unit_test(a_handler_finds_the_first_of_each_name),
		cmocka_unit_test(what_a_web_server_leaves_empty_is_absent),
		cmocka_unit_test(a_client_cannot_forge_what_the_router_says),
		cmocka_unit_test(names_of_any_length_may_be_asked_for),
		cmocka_unit_test(header_names_are_given_in_lower_case),
		cmocka_unit_test(cookies_are_decoded_where_that_gives_a_text),
		cmocka_unit_test(numbers_are_read_whole_and_within_their_range),
		cmocka_unit_test(each_ends_where_it_is_told_to),
		cmocka_unit_test(a_body_is_taken_whole_or_in_pieces),
		cmocka_unit_test(a_large_body_comes_whole_in_pieces_of_any_size),
		cmocka_unit_test(a_body_may_stay_unread),
		cmocka_unit_test(forms_are_decoded_and_malformed_ones_are_told),
		cmocka_unit_test(a_nul_in_a_form_is_malformed),
		cmocka_unit_test(forms_have_limits_in_pairs_and_in_bytes),
		cmocka_unit_test(a_form_may_be_asked_again_and_its_body_taken_raw),
		cmocka_unit_test(memory_of_a_request_is_cleared_aligned_and_given_back),
		cmocka_unit_test(memory_of_a_request_ends_at_its_limit),
		cmocka_unit_test(what_is_deferred_is_done_after_the_handler_the_last_first),
		cmocka_unit_test(nothing_is_deferred_without_memory),
		cmocka_unit_test(the_environment_is_what_was_set_for_the_function),
		cmocka_unit_test(a_log_line_stays_one_line_within_its_length),
		cmocka_unit_test(one_request_leaves_nothing_to_the_next),
		cmocka_unit_test(a_text_is_encoded_for_an_address),
	};

	return cmocka_run_group_tests(tests, fake_begin, fake_end);
}
