/* test_http.c - methods, statuses, paths, header blocks, problem documents. */
#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

static const unsigned all_methods =
    HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE | HTTP_OPTIONS;

static void
every_method_has_its_bit_and_its_name(void **state)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
	char text[HTTP_METHODS_TEXT_SIZE];
	unsigned all = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		unsigned bit = http_method_parse(names[i], strlen(names[i]));

		assert_int_equal(bit & all, 0);
		http_methods_format(bit, text);
		assert_string_equal(text, names[i]);
		all |= bit;
	}
	assert_int_equal(all, all_methods);
}

static void
what_is_no_method_of_ours_has_no_bit(void **state)
{
	static const char *const texts[] = { "", "get", "GE", "GETS", "TRACE", "CONNECT", "GET " };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(http_method_parse(texts[i], strlen(texts[i])), 0);
}

static void
sets_of_methods_are_written_in_order(void **state)
{
	static const struct {
		unsigned methods;
		const char *text;
	} cases[] = {
		{ 0, "" },
		{ HTTP_POST, "POST" },
		{ HTTP_POST | HTTP_GET | HTTP_HEAD, "GET, HEAD, POST" },
		{ ~0U, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
	};
	char text[HTTP_METHODS_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		http_methods_format(cases[i].methods, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void
lists_of_methods_are_read(void **state)
{
	static const struct {
		const char *text;
		int rc;
		unsigned methods;
	} cases[] = {
		{ "GET", 0, HTTP_GET },
		{ "GET POST", 0, HTTP_GET | HTTP_POST },
		{ "GET,POST", 0, HTTP_GET | HTTP_POST },
		{ " GET, , POST ", 0, HTTP_GET | HTTP_POST },
		{ "GET GET", 0, HTTP_GET },
		{ "", -EINVAL, 0 },
		{ " ,", -EINVAL, 0 },
		{ "GET;POST", -EINVAL, 0 },
		{ "GET post", -EINVAL, 0 },
		{ "*", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned methods = 0;

		assert_int_equal(http_methods_parse(cases[i].text, &methods), cases[i].rc);
		assert_int_equal(methods, cases[i].methods);
	}
}

static void
statuses_have_the_names_of_the_registry(void **state)
{
	static const struct {
		int status;
		const char *text;
	} cases[] = {
		{ -1, "" },    { 0, "" },
		{ 99, "" },    { 100, "Continue" },
		{ 200, "OK" }, { 299, "" },
		{ 306, "" },   { 404, "Not Found" },
		{ 499, "" },   { 503, "Service Unavailable" },
		{ 512, "" },   { 511, "Network Authentication Required" },
		{ 600, "" },   { 1000000, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(http_status_text(cases[i].status), cases[i].text);
}

static void
paths_are_normalised(void **state)
{
	static const struct {
		const char *from, *to; /* NULL: refused */
	} cases[] = {
		{ "/", "/" },
		{ "/a", "/a" },
		{ "/a/", "/a/" },
		{ "//", "/" },
		{ "//a///b//", "/a/b/" },
		{ "/.", "/" },
		{ "/./", "/" },
		{ "/a/.", "/a/" },
		{ "/a/./b", "/a/b" },
		{ "/a/..", "/" },
		{ "/a/../", "/" },
		{ "/a/b/..", "/a/" },
		{ "/a/b/../c", "/a/c" },
		{ "/a//../b", "/b" },
		{ "/...", "/..." },
		{ "/.a/..b/c..", "/.a/..b/c.." },
		{ "/ a%2f\\?#", "/ a%2f\\?#" },
		{ "/\xc3\xa4", "/\xc3\xa4" },
		{ "", NULL },
		{ "a", NULL },
		{ "*", NULL },
		{ "http://a/", NULL },
		{ "/..", NULL },
		{ "/../a", NULL },
		{ "/a/../..", NULL },
		{ "/a/../../b", NULL },
		{ "/a\n", NULL },
		{ "/\x1f", NULL },
		{ "/\x7f", NULL },
		{ "/a\tb", NULL },
		{ "/\xff", NULL },
		{ "/\xc3", NULL },
		{ "/\xc0\xaf", NULL },
	};
	char to[HTTP_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int rc = http_path_normalise(cases[i].from, strlen(cases[i].from), to);

		if (!cases[i].to) {
			assert_int_equal(rc, -EINVAL);
			continue;
		}
		assert_int_equal(rc, strlen(cases[i].to));
		assert_string_equal(to, cases[i].to);
	}
	assert_int_equal(http_path_normalise("/a\0b", 4, to), -EINVAL);
}

static void
a_path_of_the_longest_length_passes_and_one_byte_more_does_not(void **state)
{
	char from[HTTP_PATH_MAX], to[HTTP_PATH_MAX];

	(void)state;
	memset(from, 'a', sizeof from);
	from[0] = '/';
	assert_int_equal(http_path_normalise(from, HTTP_PATH_MAX - 1, to), HTTP_PATH_MAX - 1);
	assert_int_equal(strlen(to), HTTP_PATH_MAX - 1);
	assert_int_equal(http_path_normalise(from, HTTP_PATH_MAX, to), -ENAMETOOLONG);
}

static void
percent_signs_are_decoded_once(void **state)
{
	static const struct {
		const char *from, *to; /* NULL: refused */
	} cases[] = {
		{ "", "" },
		{ "a+b", "a+b" },
		{ "%2f%2F", "//" },
		{ "%2541", "%41" },
		{ "%c3%A4", "\xc3\xa4" },
		{ "%ff", "\xff" },
		{ "%0a", "\n" },
		{ "%", NULL },
		{ "%4", NULL },
		{ "a%4", NULL },
		{ "%zz", NULL },
		{ "%4g", NULL },
		{ "%00", NULL },
		{ "%-1", NULL },
		{ "% 1", NULL },
		{ "%01", "\x01" },
		{ "%10", "\x10" },
	};
	char to[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = strlen(cases[i].from);
		char *copy = memcpy(malloc(n ? n : 1), cases[i].from, n); /* without NUL */
		int rc = http_percent_decode(copy, n, to);

		free(copy);
		assert_int_equal(rc, cases[i].to ? (int)strlen(cases[i].to) : -EINVAL);
		if (cases[i].to)
			assert_string_equal(to, cases[i].to);
	}
}

static void
text_may_be_decoded_where_it_stands(void **state)
{
	char text[] = "%41b%43";

	(void)state;
	assert_int_equal(http_percent_decode(text, strlen(text), text), 3);
	assert_string_equal(text, "AbC");
}

static void
a_mount_prefix_is_removed_at_a_slash_or_the_end(void **state)
{
	static const struct {
		const char *path, *prefix, *below;
	} cases[] = {
		{ "/app/x", "", "/app/x" },     { "/app/x", "/app", "/x" },     { "/app/", "/app", "/" },
		{ "/app", "/app", "/" },        { "/apple", "/app", "/apple" }, { "/ap", "/app", "/ap" },
		{ "/x/app", "/app", "/x/app" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(http_path_below(cases[i].path, cases[i].prefix), cases[i].below);
}

static void
tokens_and_field_values_are_told_from_other_bytes(void **state)
{
	static const char token[] = "!#$%&'*+-.^_`|~"
				    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	(void)state;
	assert_true(http_is_token(token, strlen(token)));
	assert_false(http_is_token("", 0));
	assert_true(http_is_field_value("", 0));
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;

		assert_int_equal(http_is_token(&byte, 1), c != 0 && strchr(token, c) != NULL);
		assert_int_equal(http_is_field_value(&byte, 1), c == '\t' || (c >= 0x20 && c != 0x7f));
	}
}

static void
names_of_fields_are_compared_without_case(void **state)
{
	const struct http_field f = { "Content-TYPE: x", "x", 12, 1 };

	(void)state;
	assert_true(http_field_is(&f, "content-type"));
	assert_true(http_field_is(&f, "Content-Type"));
	assert_false(http_field_is(&f, "Content-Typ"));
	assert_false(http_field_is(&f, "Content-Type:"));
}

/* Reads a copy of exactly n bytes, so that a sanitizer sees a read beyond; the head is of use while it lives.
 */
static int
head_read(const char *p, size_t n, struct http_answer_head *head)
{
	char *copy = malloc(n > 0 ? n : 1);
	int rc;

	memcpy(copy, p, n);
	rc = http_answer_head_read(copy, n, head);
	free(copy);
	return rc;
}

static void
a_header_block_is_read(void **state)
{
	static const char block[] = "Status: 404 Not Found\r\n"
				    "content-type:text/plain\n"
				    "X-Long: \t a b\tc \xc3\xa4 \t\r\n"
				    "X-Empty:\n"
				    "CONTENT-LENGTH: 12\r\n"
				    "\r\n";
	struct http_answer_head head;
	char text[sizeof block + 4];

	(void)state;
	snprintf(text, sizeof text, "%sbody", block);
	assert_int_equal(http_answer_head_read(text, strlen(text), &head), 1);
	assert_int_equal(head.status, 404);
	assert_int_equal(head.content_length, 12);
	assert_true(head.has_content_type);
	assert_false(head.is_stream);
	assert_int_equal(head.size, sizeof block - 1);
	assert_int_equal(head.n_fields, 4);
	assert_true(http_field_is(&head.fields[0], "Content-Type"));
	assert_int_equal(head.fields[1].value_length, strlen("a b\tc \xc3\xa4"));
	assert_memory_equal(head.fields[1].value, "a b\tc \xc3\xa4", head.fields[1].value_length);
	assert_int_equal(head.fields[2].value_length, 0);
	assert_true(http_field_is(&head.fields[3], "Content-Length"));
	/* Cut anywhere, it is not whole yet. */
	for (size_t n = 0; n < sizeof block - 1; n++)
		assert_int_equal(head_read(block, n, &head), 0);
	assert_int_equal(head_read(block, sizeof block - 1, &head), 1);
}

static void
fields_that_are_not_the_functions_to_set_are_left_out(void **state)
{
	static const char *const dropped[] = {
		"Connection",
		"keep-alive",
		"Proxy-Authenticate",
		"PROXY-Connection",
		"TE",
		"Trailer",
		"Transfer-Encoding",
		"Upgrade",
		"X-Accel-Redirect",
		"x-accel-*y",
		"X-ACCEL-",
		"X-Sendfile",
		"X-Sendfile2",
		"X-SENDFILE-Temporary",
		"X-LIGHTTPD-send-file",
		"X-CFN-Worker",
		"X-Cfn-",
		"X-Request-ID",
	};
	static const char *const kept[] = {
		"Connections",
		"Keep-Aliv",
		"Proxy",
		"T",
		"Trailers",
		"Upgrade-Insecure-Requests",
		"X-Accel",
		"X-Sendfil",
		"X-CFN",
		"X-Request-I",
		"X-Request-Ids",
		"Set-Cookie",
		"Date",
		"1",
		"~",
		"Statu",
		"Content-Typ",
		"XX-Accel-Redirect",
		"X_Accel_Redirect",
	};
	struct http_answer_head head;
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
		snprintf(text, sizeof text, "%s: v\n\n", dropped[i]);
		assert_int_equal(http_answer_head_read(text, strlen(text), &head), 1);
		assert_int_equal(head.n_fields, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		snprintf(text, sizeof text, "%s: v\n\n", kept[i]);
		assert_int_equal(http_answer_head_read(text, strlen(text), &head), 1);
		assert_int_equal(head.n_fields, 1);
	}
}

static void
a_malformed_header_block_is_refused(void **state)
{
	static const char *const blocks[] = {
		"\n",
		"\r\n",
		"\r\r\n",
		"Name\n\n",
		": value\n\n",
		"Na me: v\n\n",
		"Name : v\n\n",
		" Name: v\n\n",
		"N\xc3\xa4me: v\n\n",
		"HTTP/1.1 200 OK\n\n",
		"<html>",
		"A: v\n folded\n\n",
		"A: v\r\n\tfolded\r\n\r\n",
		"A: v\rB: w\n\n",
		"A: v\r\r\n\n",
		"A: v\n\rB",
		"A: \x01\n\n",
		"A: \x1b[31m\n\n",
		"A: \x7f\n\n",
		"Status:\n\n",
		"Status: 20\n\n",
		"Status: 2000\n\n",
		"Status: 199\n\n",
		"Status: 100 Continue\n\n",
		"Status: 600\n\n",
		"Status: 200OK\n\n",
		"Status: +20\n\n",
		"Status: -20\n\n",
		"Status: OK\n\n",
		"Status: 200\nStatus: 200\n\n",
		"Content-Length:\n\n",
		"Content-Length: -1\n\n",
		"Content-Length: +1\n\n",
		"Content-Length: 1, 1\n\n",
		"Content-Length: 0x1\n\n",
		"Content-Length: 1 \t2\n\n",
		"Content-Length: 1000000000000000000\n\n",
		"Content-Length: 1\nContent-Length: 1\n\n",
		"Location: /a\nLocation: /b\n\n",
	};
	struct http_answer_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		assert_int_equal(head_read(blocks[i], strlen(blocks[i]), &head), -EBADMSG);
	assert_int_equal(head_read("A: \0\n\n", 6, &head), -EBADMSG);
}

static void
numbers_pass_at_their_limits(void **state)
{
	struct http_answer_head head;

	(void)state;
	assert_int_equal(head_read("Status: 200\n\n", 13, &head), 1);
	assert_int_equal(head.status, 200);
	assert_int_equal(head_read("Status: 599 \n\n", 14, &head), 1);
	assert_int_equal(head.status, 599);
	assert_int_equal(head_read("Content-Length: 999999999999999999\n\n", 36, &head), 1);
	assert_true(head.content_length == 999999999999999999);
}

/* A block of n fields, in all size bytes with the empty line. */
static char *
block_of(size_t n, size_t size)
{
	char *block = test_malloc(size), *to = block;

	for (size_t i = 0; i < n; i++)
		to = stpcpy(to, "A:\n");
	/* What is left goes into the last value. */
	memset(to - 1, 'v', (size_t)(block + size - to));
	block[size - 2] = block[size - 1] = '\n';
	return block;
}

static void
a_block_passes_at_its_limits_and_not_beyond(void **state)
{
	static const struct {
		size_t n, size;
		int rc;
	} cases[] = {
		{ HTTP_HEADERS_MAX, 3 * HTTP_HEADERS_MAX + 1, 1 },
		{ HTTP_HEADERS_MAX + 1, 3 * HTTP_HEADERS_MAX + 4, -EMSGSIZE },
		{ 1, HTTP_HEADER_BLOCK_MAX, 1 },
		{ 1, HTTP_HEADER_BLOCK_MAX + 1, -EMSGSIZE },
	};
	struct http_answer_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *block = block_of(cases[i].n, cases[i].size);

		assert_int_equal(http_answer_head_read(block, cases[i].size, &head), cases[i].rc);
		test_free(block);
	}
}

static void
a_block_without_end_is_too_long_once_the_limit_is_there(void **state)
{
	char *block = block_of(1, HTTP_HEADER_BLOCK_MAX + 1);
	struct http_answer_head head;

	(void)state;
	assert_int_equal(http_answer_head_read(block, HTTP_HEADER_BLOCK_MAX - 1, &head), 0);
	assert_int_equal(http_answer_head_read(block, HTTP_HEADER_BLOCK_MAX, &head), -EMSGSIZE);
	test_free(block);
}

static void
fields_that_are_left_out_count_too(void **state)
{
	struct http_answer_head head;
	char block[8 * (HTTP_HEADERS_MAX + 1) + 2] = "", *to = block;

	(void)state;
	for (size_t i = 0; i < HTTP_HEADERS_MAX + 1; i++)
		to = stpcpy(to, "TE: a\n");
	stpcpy(to, "\n");
	assert_int_equal(http_answer_head_read(block, strlen(block), &head), -EMSGSIZE);
}

static void
a_stream_is_announced_and_the_field_not_kept(void **state)
{
	static const struct {
		const char *block;
		bool is_stream;
	} cases[] = {
		{ "X-CFN-Stream: 1\n\n", true },   { "x-cfn-stream:1\r\n\r\n", true },
		{ "X-CFN-Stream: 0\n\n", false },  { "X-CFN-Stream: 11\n\n", false },
		{ "X-CFN-Streams: 1\n\n", false },
	};
	struct http_answer_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(http_answer_head_read(cases[i].block, strlen(cases[i].block), &head), 1);
		assert_int_equal(head.is_stream, cases[i].is_stream);
		assert_int_equal(head.n_fields, 0);
	}
}

static void
a_location_never_becomes_an_internal_redirect(void **state)
{
	static const struct {
		const char *block;
		int status;
		size_t n_fields;
	} cases[] = {
		{ "A: 1\nLocation: /secret\nB: 2\n\n", 302, 3 },
		{ "Location: https://example.org/\n\n", 302, 1 },
		{ "A: 1\nlocation: /secret\nStatus: 200\nB: 2\n\n", 200, 2 },
		{ "Status: 200 OK\nLocation: /secret\n\n", 200, 0 },
		{ "Status: 201\nLocation: /made\n\n", 201, 1 },
		{ "Status: 303\nLocation: /made\n\n", 303, 1 },
	};
	struct http_answer_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(http_answer_head_read(cases[i].block, strlen(cases[i].block), &head), 1);
		assert_int_equal(head.status, cases[i].status);
		assert_int_equal(head.n_fields, cases[i].n_fields);
		for (size_t k = 0; k < head.n_fields && head.status == 200; k++)
			assert_false(http_field_is(&head.fields[k], "Location"));
	}
}

static void
json_is_written_for_those_who_prefer_it(void **state)
{
	static const struct {
		const char *accept;
		bool is_json;
	} cases[] = {
		{ "", false },
		{ "*/*", false },
		{ "text/*, application/*", false },
		{ "image/png", false },
		{ "application/json", true },
		{ "application/problem+json", true },
		{ "APPLICATION/JSON", true },
		{ "application/*", true },
		{ "application/json, text/plain, */*", true },
		{ "text/plain, application/json", false },
		{ "*/*, application/json", true },
		{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false },
		{ "text/html;q=0.5 , application/json ; q=0.9", true },
		{ "text/html;q=0.9, application/json;q=0.5", false },
		{ "text/html;q=0.899, application/json;level=1;q=0.9", true },
		{ "application/json;q=0", false },
		{ "application/json;q=0, */*", false },
		{ "text/*;q=0, */*", true },
		{ "application/json;q=0.001", true },
		{ "application/json;q=", true },
		{ "application/json;q", true },
		{ ",,;;,application/json", true },
		{ "application/jsonp", false },
		{ "application/json;q=0.2, text/plain;q=0.5, application/json", false },
		{ "application", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(http_prefers_json(cases[i].accept, strlen(cases[i].accept)),
		                 cases[i].is_json);
}

static void
of_two_types_the_one_with_more_weight_is_preferred(void **state)
{
	static const struct {
		const char *accept;
		int order; /* of a/x to b/y: -1, 0, 1 */
	} cases[] = {
		{ "a/x, b/y;q=0.9", 1 }, { "a/x;q=0.1, b/y", -1 }, { "*/*", 0 },      { "", 0 },
		{ "b/*, */*", -1 },      { "a/x;q=0, */*", -1 },   { "a/x, b/y", 1 }, { "b/y, a/x", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned a = http_accept_rank(cases[i].accept, strlen(cases[i].accept), "a/x");
		unsigned b = http_accept_rank(cases[i].accept, strlen(cases[i].accept), "b/y");

		assert_int_equal((a > b) - (a < b), cases[i].order);
	}
	assert_int_equal(http_accept_rank("a/x;q=0, */*", 12, "a/x"), 0);
	assert_int_not_equal(http_accept_rank("*/*", 3, "a/x"), 0);
}

static bool
has_answer(enum cause cause)
{
	return cause != CAUSE_NONE && cause != CAUSE_CLIENT_GONE;
}

/* The problem's answer as text, and its head. */
static char *
problem_read(const struct http_problem *problem, struct buf *b, struct http_answer_head *head)
{
	buf_clear(b);
	assert_int_equal(http_problem_write(b, problem), 0);
	assert_int_equal(buf_append(b, "", 1), 0);
	assert_int_equal(http_answer_head_read(buf_head(b), buf_used(b), head), 1);
	return buf_head(b) + head->size;
}

static void
every_cause_has_a_problem_document(void **state)
{
	struct http_answer_head head;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (enum cause cause = 0; cause < CAUSE_COUNT; cause++) {
		struct http_problem problem = { .cause = cause, .request_id = "0a-1", .is_json = true };
		const char *body;
		json_t *json;

		if (!has_answer(cause))
			continue;
		body = problem_read(&problem, &b, &head);
		assert_int_equal(head.status, cause_status(cause));
		assert_int_equal(head.content_length, strlen(body));
		json = json_loads(body, 0, NULL);
		assert_non_null(json);
		assert_int_equal(json_object_size(json), 6);
		assert_string_equal(json_string_value(json_object_get(json, "type")), "about:blank");
		assert_string_equal(json_string_value(json_object_get(json, "title")),
		                    http_status_text(head.status));
		assert_int_equal(json_integer_value(json_object_get(json, "status")), head.status);
		assert_string_equal(json_string_value(json_object_get(json, "detail")),
		                    cause_sentence(cause));
		assert_string_equal(json_string_value(json_object_get(json, "cause")), cause_word(cause));
		assert_string_equal(json_string_value(json_object_get(json, "request_id")), "0a-1");
		json_decref(json);
	}
	buf_done(&b);
}

static void
a_problem_has_its_header_fields(void **state)
{
	const struct http_problem problem = {
		.cause = CAUSE_OVERLOADED, .request_id = "id1", .retry_after_s = 7, .allow = "GET, HEAD"
	};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(http_problem_write(&b, &problem), 0);
	assert_int_equal(buf_append(&b, "", 1), 0);
	assert_string_equal(buf_head(&b), "Status: 503 Service Unavailable\r\n"
	                                  "Content-Type: text/plain; charset=utf-8\r\n"
	                                  "Content-Length: 97\r\n"
	                                  "X-Content-Type-Options: nosniff\r\n"
	                                  "Cache-Control: no-store\r\n"
	                                  "X-Request-Id: id1\r\n"
	                                  "Retry-After: 7\r\n"
	                                  "Allow: GET, HEAD\r\n"
	                                  "\r\n"
	                                  "503 Service Unavailable: overloaded\n"
	                                  "Too many requests are waiting for this function. Request id1\n");
	buf_done(&b);
}

static void
a_problem_does_not_say_its_word_twice(void **state)
{
	static const struct {
		enum cause cause;
		const char *line;
	} cases[] = {
		{ CAUSE_UNAUTHORIZED, "401 Unauthorized\n" },
		{ CAUSE_METHOD_NOT_ALLOWED, "405 Method Not Allowed\n" },
		{ CAUSE_NO_ROUTE, "404 Not Found: no_route\n" },
		{ CAUSE_CRASH, "500 Internal Server Error: crash\n" },
	};
	struct http_answer_head head;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct http_problem problem = { .cause = cases[i].cause, .request_id = "id1" };

		assert_memory_equal(problem_read(&problem, &b, &head), cases[i].line, strlen(cases[i].line));
	}
	buf_done(&b);
}

static void
the_answer_to_head_has_the_length_but_no_body(void **state)
{
	struct http_problem problem = { .cause = CAUSE_NO_ROUTE, .request_id = "x" };
	struct http_answer_head head;
	int64_t length;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	problem_read(&problem, &b, &head);
	length = head.content_length;
	problem.is_head = true;
	assert_string_equal(problem_read(&problem, &b, &head), "");
	assert_int_equal(head.content_length, length);
	buf_done(&b);
}

static void
a_problem_that_could_break_its_answer_is_not_written(void **state)
{
	char longest[HTTP_REQUEST_ID_MAX + 2] = "";
	const struct http_problem refused[] = {
		{ .cause = CAUSE_NONE, .request_id = "x" },
		{ .cause = CAUSE_CLIENT_GONE, .request_id = "x" },
		{ .cause = CAUSE_CRASH, .request_id = "" },
		{ .cause = CAUSE_CRASH, .request_id = "a\r\nB: c" },
		{ .cause = CAUSE_CRASH, .request_id = "a\"" },
		{ .cause = CAUSE_CRASH, .request_id = longest },
		{ .cause = CAUSE_CRASH, .request_id = "x", .allow = "GET\r\nA: b" },
	};
	const struct http_problem taken = { .cause = CAUSE_CRASH, .request_id = longest + 1 };
	struct buf b;

	(void)state;
	memset(longest, 'i', sizeof longest - 1);
	buf_init(&b, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_int_equal(http_problem_write(&b, &refused[i]), -EINVAL);
	assert_int_equal(buf_used(&b), 0);
	assert_int_equal(http_problem_write(&b, &taken), 0);
	buf_done(&b);
	/* All or nothing. */
	buf_init(&b, 64);
	assert_int_equal(http_problem_write(&b, &taken), -ENOSPC);
	assert_int_equal(buf_used(&b), 0);
	buf_done(&b);
}

static void
cache_control_is_read(void **state)
{
	static const struct {
		const char *field;
		struct http_cache_control want;
	} cases[] = {
		{ "", { false, false, false, -1, -1 } },
		{ "public, must-revalidate,,", { false, false, false, -1, -1 } },
		{ "No-Store", { true, false, false, -1, -1 } },
		{ "no-cache=\"a, b\"", { false, true, false, -1, -1 } },
		{ "private, max-age=5", { false, false, true, 5, -1 } },
		{ "max-age=\"5\"\t, s-maxage=6", { false, false, false, 5, 6 } },
		{ "max-age=5, max-age=3, max-age=9", { false, false, false, 3, -1 } },
		{ "max-age=2147483648", { false, false, false, HTTP_AGE_MAX, -1 } },
		{ "max-age=99999999999999999999999", { false, false, false, HTTP_AGE_MAX, -1 } },
		{ "max-age=-1", { false, false, false, 0, -1 } },
		{ "max-age=1s", { false, false, false, 0, -1 } },
		{ "max-age", { false, false, false, 0, -1 } },
		{ "x-max-age=1, no-stor, no-store2", { false, false, false, -1, -1 } },
		{ "\"no-store\"", { true, false, false, -1, -1 } },
		{ "a=\"no-store", { true, false, false, -1, -1 } },
		{ "a=\"\\", { true, false, false, -1, -1 } },
		{ "a b", { true, false, false, -1, -1 } },
		{ "=1", { true, false, false, -1, -1 } },
		{ "a=\"max-age=1, no-store\"", { false, false, false, -1, -1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_cache_control c;

		http_cache_control_init(&c);
		http_cache_control_read(&c, cases[i].field, strlen(cases[i].field));
		if (c.no_store != cases[i].want.no_store || c.no_cache != cases[i].want.no_cache ||
		    c.is_private != cases[i].want.is_private || c.max_age != cases[i].want.max_age ||
		    c.s_maxage != cases[i].want.s_maxage)
			fail_msg("%s", cases[i].field);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cache_control_is_read),
		cmocka_unit_test(every_method_has_its_bit_and_its_name),
		cmocka_unit_test(what_is_no_method_of_ours_has_no_bit),
		cmocka_unit_test(sets_of_methods_are_written_in_order),
		cmocka_unit_test(lists_of_methods_are_read),
		cmocka_unit_test(statuses_have_the_names_of_the_registry),
		cmocka_unit_test(paths_are_normalised),
		cmocka_unit_test(a_path_of_the_longest_length_passes_and_one_byte_more_does_not),
		cmocka_unit_test(percent_signs_are_decoded_once),
		cmocka_unit_test(text_may_be_decoded_where_it_stands),
		cmocka_unit_test(a_mount_prefix_is_removed_at_a_slash_or_the_end),
		cmocka_unit_test(tokens_and_field_values_are_told_from_other_bytes),
		cmocka_unit_test(names_of_fields_are_compared_without_case),
		cmocka_unit_test(a_header_block_is_read),
		cmocka_unit_test(fields_that_are_not_the_functions_to_set_are_left_out),
		cmocka_unit_test(a_malformed_header_block_is_refused),
		cmocka_unit_test(numbers_pass_at_their_limits),
		cmocka_unit_test(a_block_passes_at_its_limits_and_not_beyond),
		cmocka_unit_test(a_block_without_end_is_too_long_once_the_limit_is_there),
		cmocka_unit_test(fields_that_are_left_out_count_too),
		cmocka_unit_test(a_stream_is_announced_and_the_field_not_kept),
		cmocka_unit_test(a_location_never_becomes_an_internal_redirect),
		cmocka_unit_test(json_is_written_for_those_who_prefer_it),
		cmocka_unit_test(of_two_types_the_one_with_more_weight_is_preferred),
		cmocka_unit_test(every_cause_has_a_problem_document),
		cmocka_unit_test(a_problem_has_its_header_fields),
		cmocka_unit_test(a_problem_does_not_say_its_word_twice),
		cmocka_unit_test(the_answer_to_head_has_the_length_but_no_body),
		cmocka_unit_test(a_problem_that_could_break_its_answer_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
