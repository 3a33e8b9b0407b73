/* test_function_load.c - artifacts made by the compiler, loaded and served. */
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "function/bounds.h"
#include "function/cfn.h"
#include "function/exports.h"
#include "function/function.h"

#define FUNCTIONS "tests/functions/"

struct client {
	const char *body;
	char answer[4096];
	size_t n;
};

static ssize_t
client_read(void *context, void *data, size_t n)
{
	struct client *c = context;
	size_t left = strlen(c->body);

	n = n < left ? n : left;
	memcpy(data, c->body, n);
	c->body += n;
	return (ssize_t)n;
}

static ssize_t
client_write(void *context, const void *data, size_t n)
{
	struct client *c = context;

	assert_true(c->n + n < sizeof c->answer);
	memcpy(c->answer + c->n, data, n);
	c->n += n;
	return (ssize_t)n;
}

static int
client_flush(void *context)
{
	(void)context;
	return 0;
}

static void
client_log(void *context, const char *line, size_t n)
{
	(void)context;
	(void)line;
	(void)n;
}

static const char *
ask(struct function *f, const char *route, const char *body, const char *const *more)
{
	static struct client c;
	struct function_io io = { &c, client_read, client_write, client_flush, client_log };
	char route_param[32];
	const char *params[8] = { "REQUEST_METHOD=GET", "CFN_PATH=/x", "CFN_REQUEST_ID=r1" };
	const char *end;
	size_t n = 3;

	snprintf(route_param, sizeof route_param, "CFN_ROUTE=%s", route);
	params[n++] = route_param;
	while (more && *more)
		params[n++] = *more++;
	c = (struct client){ .body = body };
	assert_int_equal(function_serve(f, &io, (char **)params), 0);
	end = strstr(c.answer, "\r\n\r\n");
	assert_non_null(end);
	return end + 4;
}

static struct function *
loaded(const char *path, const char *entry)
{
	struct function *f;
	struct err e;

	if (function_load(path, entry, &f, &e) < 0 || function_start(f, &e) < 0)
		fail_msg("%s", e.text);
	return f;
}

static void
a_plain_entry_is_found_and_answers(void **state)
{
	struct function *f = loaded(FUNCTIONS "plain.fn", "hello");
	const char *query[] = { "QUERY_STRING=name=Ada", NULL };

	(void)state;
	assert_int_equal(function_n_routes(f), 0);
	assert_string_equal(ask(f, "0", "", query), "Hello, Ada!\n");
	assert_string_equal(ask(f, "0", "", NULL), "Hello, world!\n");
	function_unload(f);
}

static void
init_runs_at_load_and_fini_at_unload(void **state)
{
	void *artifact = dlopen(FUNCTIONS "plain.fn", RTLD_NOW);
	int *(*counter_of)(int) = (int *(*)(int))dlsym(artifact, "counter_of");
	int inits = *counter_of(0), finis = *counter_of(1);
	struct function *f = loaded(FUNCTIONS "plain.fn", "hello");

	(void)state;
	assert_int_equal(*counter_of(0), inits + 1);
	function_unload(f);
	assert_int_equal(*counter_of(1), finis + 1);
}

static void
a_table_tells_its_routes_and_serves_each(void **state)
{
	struct function *f = loaded(FUNCTIONS "table.fn", "");
	const char *id[] = { "CFN_PARAM_id=17", NULL }, *rest[] = { "CFN_PARAM_*=a/b", NULL };
	const char *methods, *path;

	(void)state;
	assert_int_equal(function_n_routes(f), 3);
	function_route(f, 1, &methods, &path);
	assert_string_equal(methods, "GET DELETE");
	assert_string_equal(path, "/notes/:id");
	assert_string_equal(ask(f, "0", "", NULL), "list GET");
	assert_string_equal(ask(f, "1", "", id), "note 17");
	assert_string_equal(ask(f, "2", "", rest), "file a/b");
	assert_non_null(strstr(ask(f, "3", "", NULL), "400 Bad Request"));
	function_unload(f);
}

static void
several_files_may_include_the_interface_and_hide_the_rest(void **state)
{
	struct function *f = loaded(FUNCTIONS "twofiles.fn", "");

	(void)state;
	assert_int_equal(function_n_routes(f), 3);
	assert_string_equal(ask(f, "0", "", NULL), "list GET");
	function_unload(f);
}

static void
functions_in_cplusplus_are_found_by_table_and_by_entry(void **state)
{
	struct function *by_table = loaded(FUNCTIONS "cplusplus.fn", "");
	struct function *by_entry = loaded(FUNCTIONS "cplusplus.fn", "entry");

	(void)state;
	assert_string_equal(ask(by_table, "0", "b a b", NULL), "a=1 b=2 ");
	assert_string_equal(ask(by_entry, "0", "c", NULL), "c=1 ");
	function_unload(by_table);
	function_unload(by_entry);
}

static void
what_cannot_be_served_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *path, *entry;
		int rc;
		const char *words;
	} cases[] = {
		{ "tests/functions/absent.fn", "x", -ENOEXEC, "absent.fn" },
		{ "libcfn.list", "x", -ENOEXEC, "libcfn.list" },
		{ FUNCTIONS "noabi.fn", "handle", -EPROTO, "does not include <cfn.h>" },
		{ FUNCTIONS "otherabi.fn", "", -EPROTO, "version 2" },
		{ FUNCTIONS "plain.fn", "helo", -ENOENT, "no handler 'helo'" },
		{ FUNCTIONS "plain.fn", "", -ENOENT, "neither routes" },
		{ FUNCTIONS "emptytable.fn", "", -ENOENT, "neither routes" },
		{ FUNCTIONS "table.fn", "note", -ENOENT, "static" },
		{ FUNCTIONS "cplusplus.fn", "mangled", -ENOENT, "write CFN_C" },
		{ FUNCTIONS "badtable.fn", "", -EINVAL, "'/nowhere' has no handler" },
		{ FUNCTIONS "longtable.fn", "", -E2BIG, "more than 256 routes" },
	};
	struct function *f = NULL;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(function_load(cases[i].path, cases[i].entry, &f, &e), cases[i].rc);
		if (!strstr(e.text, cases[i].words))
			fail_msg("'%s' does not say '%s'", e.text, cases[i].words);
		assert_null(f);
	}
}

static void
a_function_may_refuse_to_start(void **state)
{
	struct function *f;
	struct err e;

	(void)state;
	assert_int_equal(function_load(FUNCTIONS "refuses.fn", "", &f, &e), 0);
	assert_int_equal(function_start(f, &e), -ECANCELED);
	assert_non_null(strstr(e.text, "returned -5"));
	function_unload(f);
}

static void
a_table_of_the_largest_size_is_taken(void **state)
{
	struct function *f = loaded(FUNCTIONS "fulltable.fn", "");

	(void)state;
	assert_int_equal(function_n_routes(f), FUNCTION_ROUTES_MAX);
	assert_string_equal(ask(f, "255", "", NULL), "full");
	function_unload(f);
}

static void
an_artifact_gets_the_workers_functions_and_not_the_stubs(void **state)
{
	struct function *f = loaded(FUNCTIONS "everything.fn", "everything");
	void *artifact = dlopen(FUNCTIONS "everything.fn", RTLD_NOW);
	void *stub = dlopen("./libcfn.so.1", RTLD_NOW | RTLD_NOLOAD);
	void (*const *names)(void) = (void (*const *)(void))dlsym(artifact, "names");

	(void)state;
	assert_non_null(stub);
	assert_non_null(names);
	for (size_t i = 0; i < function_n_exports; i++) {
		assert_ptr_equal((void *)names[i], (void *)function_exports[i].function);
		assert_non_null(dlsym(stub, function_exports[i].name));
		assert_ptr_not_equal(dlsym(stub, function_exports[i].name), (void *)names[i]);
	}
	assert_null(names[function_n_exports]);
	assert_string_equal(ask(f, "0", "", NULL), "everything");
	function_unload(f);
}

static bool
is_name_byte(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_export(const char *name, size_t n)
{
	for (size_t i = 0; i < function_n_exports; i++)
		if (strlen(function_exports[i].name) == n && strncmp(function_exports[i].name, name, n) == 0)
			return true;
	return false;
}

static const char *
text_of(const char *path)
{
	static char text[64 << 10];
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof text - 1, file);
	assert_true(n < sizeof text - 1);
	text[n] = '\0';
	fclose(file);
	return text;
}

/* "cfn_name(" with a parameter list declares a function, but for the hooks that the artifact defines. */
static void
every_function_of_the_header_is_exported(void **state)
{
	const char *text = text_of(TEST_SOURCE "/src/function/cfn.h");
	size_t n_found = 0;

	(void)state;
	for (const char *p = strstr(text, "CFN_EXPORT int cfn_init"); (p = strstr(p, "cfn_")); p++) {
		size_t n = 0;

		while (is_name_byte(p[n]))
			n++;
		if (p[n] != '(' || is_name_byte(p[-1]) || strncmp(p, "cfn_init(", 9) == 0 ||
		    strncmp(p, "cfn_fini(", 9) == 0)
			continue;
		if (!is_export(p, n))
			fail_msg("%.*s is in cfn.h and not in symbols.h", (int)n, p);
		n_found++;
		p += n;
	}
	assert_int_equal(n_found, function_n_exports);
}

static void
every_function_is_in_the_manual(void **state)
{
	const char *text = text_of(TEST_SOURCE "/man/cfn.3");

	(void)state;
	for (size_t i = 0; i < function_n_exports; i++) {
		char synopsis[64];

		snprintf(synopsis, sizeof synopsis, ".Fn %s \"", function_exports[i].name);
		if (!strstr(text, synopsis))
			fail_msg("cfn(3) has no synopsis of %s", function_exports[i].name);
	}
}

static void
what_a_handler_prints_goes_to_standard_output_with_its_request(void **state)
{
	struct function *f = loaded(FUNCTIONS "plain.fn", "hello");
	int saved = dup(STDOUT_FILENO), ends[2];
	char text[64] = "";

	(void)state;
	fflush(stdout);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	ask(f, "0", "", NULL);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(ends[1]);
	assert_true(read(ends[0], text, sizeof text - 1) > 0);
	close(ends[0]);
	assert_string_equal(text, "asked for nobody");
	function_unload(f);
}

static int
load_the_stub(void **state)
{
	(void)state;
	return dlopen("./libcfn.so.1", RTLD_NOW | RTLD_LOCAL) ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_entry_is_found_and_answers),
		cmocka_unit_test(init_runs_at_load_and_fini_at_unload),
		cmocka_unit_test(a_table_tells_its_routes_and_serves_each),
		cmocka_unit_test(several_files_may_include_the_interface_and_hide_the_rest),
		cmocka_unit_test(functions_in_cplusplus_are_found_by_table_and_by_entry),
		cmocka_unit_test(what_cannot_be_served_is_refused_with_its_reason),
		cmocka_unit_test(a_function_may_refuse_to_start),
		cmocka_unit_test(a_table_of_the_largest_size_is_taken),
		cmocka_unit_test(an_artifact_gets_the_workers_functions_and_not_the_stubs),
		cmocka_unit_test(every_function_of_the_header_is_exported),
		cmocka_unit_test(every_function_is_in_the_manual),
		cmocka_unit_test(what_a_handler_prints_goes_to_standard_output_with_its_request),
	};

	return cmocka_run_group_tests(tests, load_the_stub, NULL);
}
