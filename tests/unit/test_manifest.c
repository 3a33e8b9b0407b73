/* test_manifest.c - cfn.ini: what it may say, and where it is wrong. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "deploy-tool/manifest.h"

static struct manifest manifest;
static struct err e;

static int
read_text(const char *text)
{
	e = (struct err){ 0 };
	return manifest_read(&manifest, "cfn.ini", text, strlen(text), &e);
}

static void
keys_are_the_options_of_deploy(void **state)
{
	const struct manifest_function *f;
	const struct argument_row *rows;
	size_t memory = 0, n = limits_options(&rows);

	(void)state;
	assert_int_equal(read_text("; a comment\n[function shop]\nsource = a.c  lib/b.cpp ; two\n  x.h\n"
	                           "route = GET /shop\nroute = /shop/:id\nmethod: GET,POST\nentry = list\n"
	                           "env.WHO = the world\nenv = A=b\nshared = data:ro\nmemory = 64M\n"
	                           "pm.max_children = 2\n\n[function api]\nsource = api\nwall-time = 2s"),
	                 0);
	assert_int_equal(manifest.n, 2);
	f = manifest.functions[0];
	assert_string_equal(f->name, "shop");
	assert_int_equal(f->sources.n, 3);
	assert_string_equal(f->sources.items[1], "lib/b.cpp");
	assert_string_equal(f->sources.items[2], "x.h");
	assert_int_equal(f->options.routes.n, 2);
	assert_string_equal(f->options.routes.items[0], "GET /shop");
	assert_string_equal(f->options.methods.items[0], "GET,POST");
	assert_string_equal(f->options.entry, "list");
	assert_string_equal(f->options.env.items[0], "WHO=the world");
	assert_string_equal(f->options.env.items[1], "A=b");
	assert_string_equal(f->options.shared, "data:ro");
	while (memory < n && strcmp(rows[memory].name, "memory") != 0)
		memory++;
	assert_string_equal(f->limits.values[memory], "64M");
	assert_null(manifest.functions[1]->limits.values[memory]);
	assert_string_equal(manifest.functions[1]->name, "api");
	manifest_done(&manifest);
}

/* One table: whatever deploy learns, a manifest may say, but for what is of one call. */
static void
every_option_of_deploy_is_a_key(void **state)
{
	const struct argument_row *limits;
	size_t n = limits_options(&limits) + deploy_n_options;
	char text[256];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct argument_row *row =
		    i < deploy_n_options ? &deploy_options[i] : &limits[i - deploy_n_options];

		snprintf(text, sizeof text, "[function f]\nsource = f.c\n%s = %s\n", row->name,
		         row->kind == ARGUMENT_FLAG ? "yes" : "x");
		assert_int_equal(read_text(text), i < DEPLOY_CALL_OPTIONS ? -EINVAL : 0);
		manifest_done(&manifest);
	}
	for (size_t i = 0; i < DEPLOY_CALL_OPTIONS; i++)
		assert_true(strstr("function replace-routes defaults source-fd", deploy_options[i].name) !=
		            NULL);
}

static void
what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "cfn.ini: no [function NAME]" },
		{ "; nothing\n", "cfn.ini: no [function NAME]" },
		{ "memory = 1M\n", "cfn.ini:1: 'memory' is in no section" },
		{ "[global]\nmemory = 1M\n", "cfn.ini:2: 'memory' is in no section" },
		{ "[function f]\nsource = f.c\nunknown = 1\n", "cfn.ini:3: unknown key 'unknown'" },
		{ "[function f]\nsource = f.c\nfunction = g\n", "cfn.ini:3: unknown key 'function'" },
		{ "[function f]\nsource = f.c\nentry = a\nentry = b\n", "cfn.ini:4: entry: is there twice" },
		{ "[function f]\nsource = f.c\njust words\n", "cfn.ini:3: not a line" },
		{ "[function F]\nsource = f.c\n", "cfn.ini:2: " },
		{ "[function ../f]\nsource = f.c\n", "cfn.ini:2: " },
		{ "[function f]\nmemory = 1M\n", "cfn.ini:1: [function f] has no source" },
		{ "[function f]\nsource =\n", "cfn.ini:1: [function f] has no source" },
		{ "[function f]\n[function g]\nsource = g.c\n", "cfn.ini:1: a section without keys" },
		{ "[function g]\nsource = g.c\n[function f]\n", "cfn.ini:3: a section without keys" },
		{ "[function f]\nsource = f.c\n[function g]\nsource = g.c\n\n[function f]\nmemory = 1M\n",
		  "cfn.ini:7: [function f] is there twice; first in line 1" },
		{ "[function f]\nsource = f.c\n[function f]\nmemory = 1M\n",
		  "cfn.ini:4: [function f] is there" },
		{ "[function f\nsource = f.c\n", "cfn.ini:1: " },
		{ " [function f]\nsource = f.c\n", "cfn.ini:1: a section begins its line" },
		{ "[function f]\n\t[function g]\nsource = g.c\n", "cfn.ini:2: a section begins its line" },
		{ "\xef\xbb\xbf[function f]\nsource = f.c\n", "cfn.ini:1: a byte order mark" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(read_text(cases[i].text) < 0);
		if (strncmp(e.text, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("'%s', not '%s'", e.text, cases[i].want);
		manifest_done(&manifest);
	}
	assert_int_equal(manifest_read(&manifest, "x", "[function f]\nsource = a\0b\n", 26, &e), -EINVAL);
	assert_non_null(strstr(e.text, "x:2: a NUL byte"));
	manifest_done(&manifest);
}

/* Where libinih would cut and go on. */
static void
lines_and_names_have_their_longest_length_and_no_more(void **state)
{
	char text[512];

	(void)state;
	for (int more = 0; more < 2; more++) {
		snprintf(text, sizeof text, "[function f]\nsource = f.c\nenv.A = %0*d\n",
		         MANIFEST_LINE_MAX - 8 + more, 0);
		assert_int_equal(read_text(text), more ? -EINVAL : 0);
		if (!more)
			assert_int_equal(strlen(manifest.functions[0]->options.env.items[0]),
			                 2 + MANIFEST_LINE_MAX - 8);
		manifest_done(&manifest);
		snprintf(text, sizeof text, "[function %0*d]\nsource = f.c\n", MANIFEST_WORD_MAX - 9 + more,
		         0);
		assert_int_equal(read_text(text), more ? -EINVAL : 0);
		manifest_done(&manifest);
		snprintf(text, sizeof text, "[function f]\nsource = f.c\nenv.A%0*d = 1\n",
		         MANIFEST_WORD_MAX - 5 + more, 0);
		assert_int_equal(read_text(text), more ? -EINVAL : 0);
		manifest_done(&manifest);
	}
}

static void
as_many_functions_and_bytes_as_the_limit_and_not_one_more(void **state)
{
	AUTO_FREE char *text = malloc(MANIFEST_SIZE_MAX + 2);
	size_t n = 0;

	(void)state;
	for (int i = 0; i < MANIFEST_FUNCTIONS_MAX; i++)
		n += (size_t)sprintf(text + n, "[function f%d]\nsource = f.c\n", i);
	assert_int_equal(read_text(text), 0);
	assert_int_equal(manifest.n, MANIFEST_FUNCTIONS_MAX);
	manifest_done(&manifest);
	sprintf(text + n, "[function more]\nsource = f.c\n");
	assert_true(read_text(text) < 0);
	manifest_done(&manifest);
	while (n < MANIFEST_SIZE_MAX)
		text[n++] = '\n';
	assert_int_equal(manifest_read(&manifest, "x", text, n, &e), 0);
	manifest_done(&manifest);
	text[n++] = '\n';
	assert_int_equal(manifest_read(&manifest, "x", text, n, &e), -EFBIG);
	manifest_done(&manifest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_the_options_of_deploy),
		cmocka_unit_test(every_option_of_deploy_is_a_key),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(lines_and_names_have_their_longest_length_and_no_more),
		cmocka_unit_test(as_many_functions_and_bytes_as_the_limit_and_not_one_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
