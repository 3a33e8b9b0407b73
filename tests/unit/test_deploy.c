/* test_deploy.c - cfn-deploy's options, names, routes, and what it shows of a compiler's words. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "deploy-tool/arguments.h"
#include "deploy-tool/diagnostics.h"
#include "deploy-tool/limits.h"
#include "deploy-tool/numbers.h"
#include "deploy-tool/routes.h"
#include "deploy-tool/since.h"
#include "http/http.h"

/* What main() gets, from literals. */
#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct target {
	const char *text;
	bool flag;
	struct argument_list list;
};

static const struct argument_row rows[] = {
	{ "text", 't', ARGUMENT_TEXT, offsetof(struct target, text), "TEXT", "a text" },
	{ "flag", 0, ARGUMENT_FLAG, offsetof(struct target, flag), NULL, "a flag" },
	{ "list", 0, ARGUMENT_LIST, offsetof(struct target, list), "ITEM", "a list" },
};

static int
read_arguments(const char *const *arguments, struct target *target, struct argument_list *rest)
{
	const struct argument_table table = { rows, ARRAY_SIZE(rows), target };
	struct err e;

	*target = (struct target){ 0 };
	rest->n = 0;
	return arguments_read(&table, 1, arguments, rest, &e);
}

static void
options_are_taken_in_every_form(void **state)
{
	const char *const *arguments =
	    ARGUMENTS("a", "--text", "one", "--flag", "--list=x", "-", "--list", "--y", "--", "--flag");
	struct argument_list rest;
	struct target target;

	(void)state;
	assert_int_equal(read_arguments(arguments, &target, &rest), 10);
	assert_string_equal(target.text, "one");
	assert_true(target.flag);
	assert_int_equal(target.list.n, 2);
	assert_string_equal(target.list.items[0], "x");
	assert_string_equal(target.list.items[1], "--y");
	assert_int_equal(rest.n, 3);
	assert_string_equal(rest.items[0], "a");
	assert_string_equal(rest.items[1], "-");
	assert_string_equal(rest.items[2], "--flag");
	assert_int_equal(read_arguments(ARGUMENTS("-t", "x"), &target, &rest), 2);
	assert_string_equal(target.text, "x");
}

static void
wrong_options_are_refused(void **state)
{
	static const char *const cases[] = {
		"--unknown", "--tex", "--text", "--flag=1", "-x", "--list", "-tx"
	};
	struct argument_list rest;
	struct target target;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(read_arguments(ARGUMENTS(cases[i]), &target, &rest), -EINVAL);
}

static void
as_many_arguments_as_the_limit_and_not_one_more(void **state)
{
	static const char *arguments[ARGUMENTS_MAX + 2];
	static struct argument_list rest;
	struct target target;

	(void)state;
	for (size_t i = 0; i < ARGUMENTS_MAX; i++)
		arguments[i] = "x";
	assert_int_equal(read_arguments(arguments, &target, &rest), ARGUMENTS_MAX);
	arguments[ARGUMENTS_MAX] = "x";
	assert_int_equal(read_arguments(arguments, &target, &rest), -EINVAL);
}

static void
diagnostics_show_the_authors_path_and_no_control_byte(void **state)
{
	static const struct {
		const char *from, *to;
		bool is_colored;
	} cases[] = {
		{ "hello.c:3:5: error: x\n", "sub/hello.c:3:5: error: x\n", false },
		{ "./hello.c:3: undefined", "sub/hello.c:3: undefined\n", false },
		{ "/work/hello.c:3: y\n", "sub/hello.c:3: y\n", false },
		{ "In file included from hello.c:1:\n", "In file included from sub/hello.c:1:\n", false },
		{ "                 from hello.c:1:\n", "                 from sub/hello.c:1:\n", false },
		{ "/usr/bin/ld: hello.c:1: x\n", "/usr/bin/ld: sub/hello.c:1: x\n", false },
		{ "././hello.c:1: z\n", "sub/hello.c:1: z\n", false },
		{ "In file included from ./a/x.h:1,\n", "In file included from ../a/x.h:1,\n", false },
		{ "                 from a/x.h:1:\n", "                 from ../a/x.h:1:\n", false },
		{ "a/x.h:1: m `f'; /tmp/cc012345.o:./hello.c:2: first\n",
		  "../a/x.h:1: m `f'; sub/hello.c:2: first\n", false },
		{ "hello.c:1: m; /tmp/cc012345.o:./other.c:2: first\n",
		  "sub/hello.c:1: m; /tmp/cc012345.o:./other.c:2: first\n", false },
		{ "m; /tmp/cc01234", "m; /tmp/cc01234\n", false },
		{ "xhello.c:3:\n", "xhello.c:3:\n", false },
		{ "hello.cc:3:\n", "hello.cc:3:\n", false },
		{ "hello.c", "hello.c\n", false },
		{ "a\x1b[31mb\r\x7f\xc2\x9b\n", "a\\x1b[31mb\\x0d\\x7f\\xc2\\x9b\n", false },
		{ "\xc3\xa9\t\xff\xe2\x80\xae\n", "\xc3\xa9\t\\xff\\xe2\\x80\\xae\n", false },
		{ "hello.c:1:2: error: x\n", "sub/hello.c:1:2: \033[1;31merror:\033[0m x\n", true },
		{ "hello.c:1:2: warning: x\n", "sub/hello.c:1:2: \033[1;35mwarning:\033[0m x\n", true },
		{ "hello.c:1: error: a\x1b[0m\n", "sub/hello.c:1: \033[1;31merror:\033[0m a\\x1b[0m\n",
		  true },
		{ "", "", false },
	};
	static const struct diagnostics_name files[] = { { "a/x.h", "../a/x.h" },
		                                         { "hello.c", "sub/hello.c" } };
	static const struct diagnostics_names names = { ARRAY_SIZE(files), files };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf b;

		buf_init(&b, 4096);
		assert_int_equal(diagnostics_format(&b, cases[i].from, strlen(cases[i].from), &names,
		                                    cases[i].is_colored),
		                 0);
		assert_int_equal(buf_used(&b), strlen(cases[i].to));
		if (buf_used(&b) > 0)
			assert_memory_equal(buf_head(&b), cases[i].to, buf_used(&b));
		buf_done(&b);
	}
}

static void
diagnostics_stay_within_their_buffer(void **state)
{
	static const struct diagnostics_name files[] = { { "a/x.h", "../a/x.h" },
		                                         { "hello.c", "sub/hello.c" } };
	static const struct diagnostics_names names = { ARRAY_SIZE(files), files };
	struct buf b;

	(void)state;
	for (size_t max = 0; max < 40; max++) {
		buf_init(&b, max);
		diagnostics_format(&b, "hello.c:1: error: \x1b\n", 20, &names, true);
		assert_true(buf_used(&b) <= max);
		buf_done(&b);
	}
}

static void
an_artifacts_route_table_is_checked(void **state)
{
	static const struct {
		const char *text;
		size_t n_rows, n;
		int rc;
	} cases[] = {
		{ "GET /a\nPOST,PUT /b/:id\n", 2, 2, 0 },
		{ "GET POST /a\n", 1, 1, 0 },
		{ "", 0, 0, 0 },
		{ "GET /a\n", 2, 0, -EBADMSG },
		{ "GET /a", 1, 0, -EBADMSG },
		{ "GET a\n", 1, 0, -EBADMSG },
		{ "BREW /a\n", 1, 0, -EBADMSG },
		{ " /a\n", 1, 0, -EBADMSG },
		{ "GET /a/../b\n", 1, 0, -EINVAL },
		{ "GET /a\x01\n", 1, 0, -EINVAL },
		{ "GET /\xff\n", 1, 0, -EINVAL },
		{ "GET /a\nGET /a\n", 2, 0, -EEXIST },
		{ "GET /:x\nGET,POST /:y\n", 2, 0, -EEXIST },
		{ "GET /:x\nPOST /:y\n", 2, 2, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct routes routes;
		struct err e;

		routes.n = 0;
		assert_int_equal(routes_parse(&routes, cases[i].text, strlen(cases[i].text), cases[i].n_rows,
		                              &e),
		                 cases[i].rc);
		if (cases[i].rc == 0)
			assert_int_equal(routes.n, cases[i].n);
	}
	static struct routes routes;
	struct err e;

	assert_int_equal(routes_parse(&routes, "GET /a\0b\n", 9, 1, &e), -EBADMSG);
}

static void
as_many_routes_as_the_limit_and_not_one_more(void **state)
{
	static struct routes routes;
	char pattern[32];
	struct err e;

	(void)state;
	routes.n = 0;
	for (int i = 0; i < REGISTRY_ROUTES_MAX; i++) {
		snprintf(pattern, sizeof pattern, "/r%d", i);
		assert_int_equal(routes_add(&routes, pattern, HTTP_GET, 0, &e), 0);
	}
	assert_int_equal(routes_add(&routes, "/more", HTTP_GET, 0, &e), -E2BIG);
}

static void
routes_are_shown_as_far_as_there_is_room(void **state)
{
	static struct routes routes;
	char text[24];
	struct err e;

	(void)state;
	routes.n = 0;
	routes_add(&routes, "/a", HTTP_GET | HTTP_HEAD, 0, &e);
	routes_format(routes.rows, routes.n, text, sizeof text);
	assert_string_equal(text, "GET, HEAD /a");
	routes_add(&routes, "/bbbbbbbbbbbb", HTTP_POST, 0, &e);
	routes_format(routes.rows, routes.n, text, sizeof text);
	assert_int_equal(strlen(text), sizeof text - 1);
	assert_string_equal(text + sizeof text - 4, "...");
}

static void
methods_are_read_together_or_have_a_default(void **state)
{
	struct argument_list list = { 0 };
	unsigned methods = 0;
	struct err e;

	(void)state;
	assert_int_equal(routes_methods(&list, &methods, &e), 0);
	assert_int_equal(methods, HTTP_GET | HTTP_HEAD | HTTP_POST);
	list = (struct argument_list){ 2, { "GET,PUT", "DELETE" } };
	assert_int_equal(routes_methods(&list, &methods, &e), 0);
	assert_int_equal(methods, HTTP_GET | HTTP_PUT | HTTP_DELETE);
	list = (struct argument_list){ 1, { "get" } };
	assert_int_equal(routes_methods(&list, &methods, &e), -EINVAL);
}

static void
every_row_of_the_policy_table_is_an_option(void **state)
{
	const struct argument_row *options;
	size_t n = limits_options(&options);
	struct limits given = { 0 };
	struct function_policy p;
	struct argument_list rest = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(n, policy_n_version_rows);
	policy_init(&p);
	assert_int_equal(arguments_read(&(struct argument_table){ options, n, &given }, 1,
	                                ARGUMENTS("--memory", "64M", "--pm-max-children=7"), &rest, &e),
	                 3);
	assert_int_equal(limits_apply(&given, &p, &e), 0);
	assert_int_equal(p.memory, 64 << 20);
	assert_int_equal(p.max_children, 7);
	given.values[0] = "1K";
	assert_int_equal(limits_apply(&given, &p, &e), -ERANGE);
	given.values[0] = "much";
	assert_int_equal(limits_apply(&given, &p, &e), -EINVAL);
}

static void
versions_are_numbers_from_one(void **state)
{
	uint32_t number = 0;

	(void)state;
	assert_int_equal(numbers_version("3", &number), 0);
	assert_int_equal(number, 3);
	assert_int_equal(numbers_version("v4294967295", &number), 0);
	assert_int_equal(number, UINT32_MAX);
	assert_int_equal(numbers_version("4294967296", &number), -EINVAL);
	assert_int_equal(numbers_version("0", &number), -EINVAL);
	assert_int_equal(numbers_version("v", &number), -EINVAL);
	assert_int_equal(numbers_version("3x", &number), -EINVAL);
}

static void
moments_are_told_from_now_or_in_utc(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
	} cases[] = {
		{ "10m", 1000000 - 600 },
		{ "2h", 1000000 - 7200 },
		{ "90", 1000000 - 90 },
		{ "99999999d", 0 },
		{ "999999999999d", -1 },
		{ "1970-01-02", 86400 },
		{ "1970-01-02Z", 86400 },
		{ "1970-01-02T01:01", 86400 + 3660 },
		{ "1970-01-02T01:01:01", 86400 + 3661 },
		{ "2026-11-22T08:30:15Z", 1795336215 },
		{ "1970-01-02T01:01:01+01:00", -1 },
		{ "1970-13-01", -1 },
		{ "yesterday", -1 },
		{ "-10m", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t seconds = -1;
		struct err e;

		assert_int_equal(since_parse(cases[i].text, 1000000, &seconds, &e),
		                 cases[i].seconds < 0 ? -EINVAL : 0);
		assert_int_equal(seconds, cases[i].seconds);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_are_told_from_now_or_in_utc),
		cmocka_unit_test(options_are_taken_in_every_form),
		cmocka_unit_test(wrong_options_are_refused),
		cmocka_unit_test(as_many_arguments_as_the_limit_and_not_one_more),
		cmocka_unit_test(diagnostics_show_the_authors_path_and_no_control_byte),
		cmocka_unit_test(diagnostics_stay_within_their_buffer),
		cmocka_unit_test(an_artifacts_route_table_is_checked),
		cmocka_unit_test(as_many_routes_as_the_limit_and_not_one_more),
		cmocka_unit_test(routes_are_shown_as_far_as_there_is_room),
		cmocka_unit_test(methods_are_read_together_or_have_a_default),
		cmocka_unit_test(every_row_of_the_policy_table_is_an_option),
		cmocka_unit_test(versions_are_numbers_from_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
