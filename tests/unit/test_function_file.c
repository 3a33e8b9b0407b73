/* test_function_file.c - files as answers: type, conditions, ranges; entity tags and caching of other
 * answers. */
#include "fake_client.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "function/bounds.h"

#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define TAG      "\"2ebc98a1-3-a\""

static char folder[] = "/tmp/cfn-file.XXXXXX", path[PATH_MAX];

/* Under path from now on: ten bytes, or so many. */
static void
make_file(const char *name, off_t size)
{
	const struct timespec times[2] = { { 784111777, 3 }, { 784111777, 3 } };
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	if (size == 10)
		assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static int
send_it(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send_file(r, path);
}

static int
send_typed(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_printf(r, "this is discarded");
	cfn_set(r, "Content-Type", "x/y");
	return cfn_send_file(r, path);
}

static void
a_file_has_its_type_by_its_ending(void **state)
{
	static const struct {
		const char *name, *type;
	} cases[] = {
		{ "a.html", "text/html; charset=utf-8" },    { "a.PNG", "image/png" },
		{ "a.tar.gz", "application/gzip" },          { "html", "application/octet-stream" },
		{ "a.unknown", "application/octet-stream" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_file(cases[i].name, 10);
		ask(send_it);
		assert_int_equal(answer_status(), 200);
		assert_string_equal(answer_field("Content-Type"), cases[i].type);
		assert_string_equal(answer_body(), "0123456789");
		assert_string_equal(answer_field("X-Content-Type-Options"), "nosniff");
		unlink(path);
	}
}

static void
a_file_is_the_whole_answer(void **state)
{
	(void)state;
	make_file("a.txt", 10);
	ask(send_typed);
	assert_string_equal(answer_field("Content-Type"), "x/y");
	assert_string_equal(answer_field("ETag"), TAG);
	assert_string_equal(answer_field("Last-Modified"), MODIFIED);
	assert_string_equal(answer_field("Accept-Ranges"), "bytes");
	assert_string_equal(answer_field("Content-Length"), "10");
	assert_string_equal(answer_body(), "0123456789");
	unlink(path);
}

static void
conditions_and_ranges_are_those_of_rfc_9110(void **state)
{
	static const struct {
		const char *params[3];
		int status;
		const char *range, *body; /* range NULL: no such field */
	} cases[] = {
		{ { "HTTP_IF_NONE_MATCH=" TAG }, 304, NULL, "" },
		{ { "HTTP_IF_NONE_MATCH=\"x\", W/" TAG }, 304, NULL, "" },
		{ { "HTTP_IF_NONE_MATCH=*" }, 304, NULL, "" },
		{ { "HTTP_IF_NONE_MATCH=\"x\"" }, 200, NULL, "0123456789" },
		{ { "HTTP_IF_NONE_MATCH=\"x\"", "HTTP_IF_MODIFIED_SINCE=" MODIFIED },
		  200,
		  NULL,
		  "0123456789" },
		{ { "HTTP_IF_MODIFIED_SINCE=" MODIFIED }, 304, NULL, "" },
		{ { "HTTP_IF_MODIFIED_SINCE=Sun, 06 Nov 1994 08:49:36 GMT" }, 200, NULL, "0123456789" },
		{ { "HTTP_IF_MATCH=" TAG }, 200, NULL, "0123456789" },
		{ { "HTTP_IF_MATCH=*" }, 200, NULL, "0123456789" },
		{ { "HTTP_IF_MATCH=W/" TAG }, 412, NULL, NULL },
		{ { "HTTP_IF_MATCH=\"x\"" }, 412, NULL, NULL },
		{ { "HTTP_RANGE=bytes=0-0" }, 206, "bytes 0-0/10", "0" },
		{ { "HTTP_RANGE=bytes=3-5" }, 206, "bytes 3-5/10", "345" },
		{ { "HTTP_RANGE=bytes=8-" }, 206, "bytes 8-9/10", "89" },
		{ { "HTTP_RANGE=bytes=8-99" }, 206, "bytes 8-9/10", "89" },
		{ { "HTTP_RANGE=bytes=-3" }, 206, "bytes 7-9/10", "789" },
		{ { "HTTP_RANGE=bytes=-30" }, 206, "bytes 0-9/10", "0123456789" },
		{ { "HTTP_RANGE=bytes=10-" }, 416, "bytes */10", NULL },
		{ { "HTTP_RANGE=bytes=-0" }, 416, "bytes */10", NULL },
		{ { "HTTP_RANGE=bytes=99999999999999999999999-" }, 416, "bytes */10", NULL },
		{ { "HTTP_RANGE=bytes=0-1,3-4" }, 200, NULL, "0123456789" },
		{ { "HTTP_RANGE=bytes=5-3" }, 200, NULL, "0123456789" },
		{ { "HTTP_RANGE=lines=0-1" }, 200, NULL, "0123456789" },
		{ { "HTTP_RANGE=bytes=0-1", "HTTP_IF_RANGE=" TAG }, 206, "bytes 0-1/10", "01" },
		{ { "HTTP_RANGE=bytes=0-1", "HTTP_IF_RANGE=" MODIFIED }, 206, "bytes 0-1/10", "01" },
		{ { "HTTP_RANGE=bytes=0-1", "HTTP_IF_RANGE=\"x\"" }, 200, NULL, "0123456789" },
		{ { "HTTP_RANGE=bytes=0-1", "HTTP_IF_NONE_MATCH=" TAG }, 304, NULL, "" },
		{ { "HTTP_RANGE=bytes=0-1", "REQUEST_METHOD=POST" }, 200, NULL, "0123456789" },
		{ { "HTTP_IF_NONE_MATCH=*", "REQUEST_METHOD=POST" }, 200, NULL, "0123456789" },
	};

	(void)state;
	make_file("a.txt", 10);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask_with(send_it, cases[i].params);
		assert_int_equal(answer_status(), cases[i].status);
		assert_string_equal(answer_field("Content-Range"), cases[i].range ? cases[i].range : "");
		if (cases[i].body)
			assert_string_equal(answer_body(), cases[i].body);
		if (cases[i].status == 304)
			assert_string_equal(answer_field("ETag"), TAG);
	}
	unlink(path);
}

static void
an_empty_file_has_no_ranges(void **state)
{
	(void)state;
	make_file("empty", 0);
	ask(send_it);
	assert_int_equal(answer_status(), 200);
	assert_string_equal(answer_field("Content-Length"), "0");
	ask(send_it, "HTTP_RANGE=bytes=0-0");
	assert_int_equal(answer_status(), 416);
	assert_string_equal(answer_field("Content-Range"), "bytes */0");
	unlink(path);
}

static void
the_answer_to_head_has_the_fields_alone(void **state)
{
	(void)state;
	make_file("a.txt", 10);
	ask(send_it, "REQUEST_METHOD=HEAD", "HTTP_RANGE=bytes=1-2");
	assert_int_equal(answer_status(), 206);
	assert_string_equal(answer_field("Content-Length"), "2");
	assert_string_equal(answer_body(), "");
	unlink(path);
}

static void
a_file_past_the_output_limit_is_a_stream_of_known_length(void **state)
{
	(void)state;
	for (int past = 0; past <= 1; past++) {
		make_file("large", 100000 + past);
		ask(send_it, "CFN_OUTPUT_MAX=100000");
		assert_int_equal(answer_status(), 200);
		assert_int_equal(atoi(answer_field("Content-Length")), 100000 + past);
		assert_int_equal(answer_count("X-CFN-Stream"), past);
		assert_int_equal(client.answer + client.n - answer_body(), 100000 + past);
		assert_int_equal(client.result, 0);
	}
	unlink(path);
}

static void
what_is_no_file_is_absent(void **state)
{
	static const char *const names[] = { "", "none", "none/none", "link", "pipe" };

	(void)state;
	snprintf(path, sizeof path, "%s/link", folder);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof path, "%s/pipe", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		ask(send_it);
		assert_int_equal(answer_status(), 404);
		assert_null(strstr(client.answer, folder));
		unlink(path);
	}
}

/* ---- entity tags and caching of what is made ---- */

static const char *tag;

static int
send_tagged(cfn_request *q, cfn_response *r)
{
	int rc = cfn_etag(r, tag);

	(void)q;
	if (rc < 0)
		return cfn_error(r, 500, "no tag");
	return rc == 1 ? 304 : cfn_send(r, 200, NULL, "made");
}

static void
an_answer_that_the_client_has_is_not_sent_again(void **state)
{
	(void)state;
	tag = "v1";
	ask(send_tagged);
	assert_string_equal(answer_field("ETag"), "\"v1\"");
	assert_string_equal(answer_body(), "made");
	ask(send_tagged, "HTTP_IF_NONE_MATCH=\"v0\", \"v1\"");
	assert_int_equal(answer_status(), 304);
	assert_string_equal(answer_field("ETag"), "\"v1\"");
	assert_string_equal(answer_body(), "");
	ask(send_tagged, "HTTP_IF_NONE_MATCH=\"v1\"", "REQUEST_METHOD=PUT");
	assert_int_equal(answer_status(), 200);
}

static void
tags_that_are_none_are_refused(void **state)
{
	static char long_tag[ANSWER_TAG_MAX + 2];

	(void)state;
	memset(long_tag, 'x', ANSWER_TAG_MAX);
	tag = long_tag;
	ask(send_tagged);
	assert_int_equal(answer_status(), 200);
	long_tag[ANSWER_TAG_MAX] = 'x';
	ask(send_tagged);
	assert_int_equal(answer_status(), 500);
	tag = "a\"b";
	ask(send_tagged);
	assert_int_equal(answer_status(), 500);
	tag = "a b";
	ask(send_tagged);
	assert_int_equal(answer_status(), 500);
}

static long age;
static unsigned flags;

static int
send_cached(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_cache(r, age, flags) < 0 ? 500 : 204;
}

static void
caching_is_said_in_one_field(void **state)
{
	static const struct {
		long age;
		unsigned flags;
		const char *field;
	} cases[] = {
		{ 60, 0, "public, max-age=60" },
		{ 0, CFN_CACHE_PRIVATE, "private, max-age=0" },
		{ 31536000, CFN_CACHE_IMMUTABLE, "public, max-age=31536000, immutable" },
		{ -1, 0, "no-store" },
		{ 60, 4, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		age = cases[i].age;
		flags = cases[i].flags;
		ask(send_cached);
		assert_string_equal(answer_field("Cache-Control"), cases[i].field);
		assert_int_equal(answer_status(), *cases[i].field ? 204 : 500);
	}
}

static int
send_as_404(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_status(r, 404);
	return cfn_send_file(r, path);
}

static void
a_file_leaves_with_the_status_that_was_set(void **state)
{
	(void)state;
	make_file("404.html", 10);
	ask(send_as_404, "HTTP_RANGE=bytes=0-1", "HTTP_IF_NONE_MATCH=*");
	assert_int_equal(answer_status(), 404);
	assert_string_equal(answer_body(), "0123456789");
	assert_string_equal(answer_field("Content-Type"), "text/html; charset=utf-8");
	assert_string_equal(answer_field("ETag"), "");
	ask(send_as_404, "REQUEST_METHOD=HEAD");
	assert_int_equal(answer_status(), 404);
	assert_string_equal(answer_field("Content-Length"), "10");
	unlink(path);
	ask(send_as_404);
	assert_int_equal(answer_status(), 404);
	assert_non_null(strstr(answer_body(), "no such file"));
}

static int
begin(void **state)
{
	return mkdtemp(folder) ? fake_begin(state) : -1;
}

static int
end(void **state)
{
	return rmdir(folder) == 0 ? fake_end(state) : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_has_its_type_by_its_ending),
		cmocka_unit_test(a_file_is_the_whole_answer),
		cmocka_unit_test(conditions_and_ranges_are_those_of_rfc_9110),
		cmocka_unit_test(an_empty_file_has_no_ranges),
		cmocka_unit_test(the_answer_to_head_has_the_fields_alone),
		cmocka_unit_test(a_file_past_the_output_limit_is_a_stream_of_known_length),
		cmocka_unit_test(what_is_no_file_is_absent),
		cmocka_unit_test(a_file_leaves_with_the_status_that_was_set),
		cmocka_unit_test(an_answer_that_the_client_has_is_not_sent_again),
		cmocka_unit_test(tags_that_are_none_are_refused),
		cmocka_unit_test(caching_is_said_in_one_field),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
