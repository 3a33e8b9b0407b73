/* test_route.c - patterns, and the snapshot built, mapped, matched, damaged. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "http/http.h"
#include "route/snapshot.h"

static const char a_31[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void
patterns_are_checked(void **state)
{
	static const struct {
		const char *pattern;
		int rc;
	} cases[] = {
		{ "/", 0 },
		{ "/a", 0 },
		{ "/a/b.c/~d", 0 },
		{ "/:id", 0 },
		{ "/:_9/x/:Z", 0 },
		{ "/*", 0 },
		{ "/a/:b/*", 0 },
		{ "/a:b", 0 },
		{ "/...", 0 },
		{ "/\xc3\xa4 %", 0 },
		{ "/:a/:b/:c/:d/:e/:f/:g/:h", 0 },
		{ "/:a/:b/:c/:d/:e/:f/:g/:h/*", 0 },
		{ "/:a/:b/:c/:d/:e/:f/:g/:h/:i", -EINVAL },
		{ "/:a/:b/:c/:d/:e/:f/:g/:h/x/:i", -EINVAL },
		{ "", -EINVAL },
		{ "a", -EINVAL },
		{ "*", -EINVAL },
		{ "//", -EINVAL },
		{ "/a/", -EINVAL },
		{ "//a", -EINVAL },
		{ "/a//b", -EINVAL },
		{ "/.", -EINVAL },
		{ "/a/../b", -EINVAL },
		{ "/a/.", -EINVAL },
		{ "/a\n", -EINVAL },
		{ "/\x7f", -EINVAL },
		{ "/\xff", -EINVAL },
		{ "/:", -EINVAL },
		{ "/:9a", -EINVAL },
		{ "/:a-b", -EINVAL },
		{ "/:a*", -EINVAL },
		{ "/:\xc3\xa4", -EINVAL },
		{ "/:a/:a", -EINVAL },
		{ "/:a/:ab/:a", -EINVAL },
		{ "/*/a", -EINVAL },
		{ "/*/*", -EINVAL },
		{ "/a*", -EINVAL },
		{ "/*a", -EINVAL },
		{ "/**", -EINVAL },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(route_pattern_check(cases[i].pattern, &e), cases[i].rc);
}

static void
lengths_in_patterns_end_where_they_are_said_to(void **state)
{
	char pattern[ROUTE_PATTERN_MAX + 1] = "/";
	struct err e;

	(void)state;
	snprintf(pattern, sizeof pattern, "/:a%s", a_31);
	assert_int_equal(route_pattern_check(pattern, &e), 0);
	snprintf(pattern, sizeof pattern, "/:aa%s", a_31);
	assert_int_equal(route_pattern_check(pattern, &e), -EINVAL);
	memset(pattern + 1, 'a', sizeof pattern - 2);
	pattern[ROUTE_PATTERN_MAX - 1] = '\0';
	assert_int_equal(route_pattern_check(pattern, &e), 0);
	pattern[ROUTE_PATTERN_MAX - 1] = 'a';
	pattern[ROUTE_PATTERN_MAX] = '\0';
	assert_int_equal(route_pattern_check(pattern, &e), -EINVAL);
}

static void
a_refused_pattern_is_shown_only_when_it_can_be(void **state)
{
	struct err e;

	(void)state;
	route_pattern_check("/a/", &e);
	assert_string_equal(e.text, "route '/a/' has an empty segment");
	route_pattern_check("/\x1b[31m", &e);
	assert_string_equal(e.text, "the route's path holds a control byte");
}

static void
patterns_collide_when_only_names_differ(void **state)
{
	static const struct {
		const char *a, *b;
		bool collides;
	} cases[] = {
		{ "/", "/", true },      { "/a", "/a", true },
		{ "/:a", "/:b", true },  { "/x/:a/y/*", "/x/:b/y/*", true },
		{ "/", "/a", false },    { "/", "/*", false },
		{ "/a", "/b", false },   { "/a", "/ab", false },
		{ "/a", "/:a", false },  { "/:a", "/*", false },
		{ "/a", "/a/b", false }, { "/a/:b", "/a", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(route_pattern_collides(cases[i].a, cases[i].b), cases[i].collides);
		assert_int_equal(route_pattern_collides(cases[i].b, cases[i].a), cases[i].collides);
	}
}

static void
a_pattern_covers_what_it_always_matches(void **state)
{
	static const struct {
		const char *wide, *narrow;
		bool covers;
	} cases[] = {
		{ "/", "/", true },           { "/", "/a", false },          { "/a", "/a", true },
		{ "/a", "/ab", false },       { "/a", "/a/b", false },       { "/a/b", "/a", false },
		{ "/*", "/", true },          { "/*", "/a", true },          { "/*", "/:x/y/*", true },
		{ "/*", "/*", true },         { "/a/*", "/a", false },       { "/a/*", "/a/b/c", true },
		{ "/a/*", "/a/:x", true },    { "/a/*", "/b/c", false },     { "/a/*", "/:x/c", false },
		{ "/a/*", "/*", false },      { "/:x", "/a", true },         { "/:x", "/:y", true },
		{ "/:x", "/", false },        { "/:x", "/*", false },        { "/:x", "/a/b", false },
		{ "/a", "/:x", false },       { "/:x/b", "/a/b", true },     { "/:x/b", "/a/c", false },
		{ "/a/:x/*", "/a/*", false }, { "/a/:x/*", "/a/b/*", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (route_pattern_covers(cases[i].wide, cases[i].narrow) != cases[i].covers)
			fail_msg("%s and %s", cases[i].wide, cases[i].narrow);
}

static const struct snapshot_function functions[] = {
	{ .version_id = 11, .version = 1, .name = "first" },
	{ .version_id = 22, .version = 2, .name = "second", .is_enabled = 1, .body_max = 1 << 20 },
};

static struct snapshot *
snapshot_of(const struct snapshot_route *routes, size_t n_routes)
{
	struct snapshot *s = NULL;
	struct err e = { 0 };
	AUTO_FD fd = snapshot_build(7, functions, ARRAY_SIZE(functions), routes, n_routes, &e);

	assert_true(fd >= 0);
	assert_int_equal(snapshot_map(fd, &s, &e), 0);
	return s;
}

static void
a_snapshot_holds_what_it_was_built_from(void **state)
{
	struct snapshot *s = snapshot_of(NULL, 0);
	struct route_match m;

	(void)state;
	assert_int_equal(snapshot_generation(s), 7);
	assert_int_equal(snapshot_n_functions(s), 2);
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		struct snapshot_function copy;

		memset(&copy, 'x', sizeof copy);
		snapshot_function_copy(&copy, snapshot_function_at(s, i));
		assert_memory_equal(&copy, &functions[i], sizeof copy);
		assert_int_equal(snapshot_function_index(s, snapshot_function_at(s, i)), i);
	}
	assert_null(snapshot_function_at(s, 2));
	snapshot_match(s, "/", HTTP_GET, &m);
	assert_null(m.function);
	assert_int_equal(m.methods, 0);
	snapshot_unmap(s);
	snapshot_unmap(NULL);
}

/* The rows' indices name them in the cases below. */
static const struct snapshot_route routes[] = {
	{ "/", HTTP_GET, 0, 0 },
	{ "/users", HTTP_GET | HTTP_POST, 0, 1 },
	{ "/users/:id", HTTP_GET, 1, 2 },
	{ "/users/me", HTTP_GET, 1, 3 },
	{ "/users/:user/posts/:post", HTTP_GET, 1, 4 },
	{ "/users/me/posts/:post", HTTP_DELETE, 1, 5 },
	{ "/files/*", HTTP_GET, 0, 6 },
	{ "/files/index", HTTP_PUT, 0, 7 },
	{ "/files/:name", HTTP_PATCH, 0, 8 },
	{ "/users/:name", HTTP_DELETE, 0, 9 },
	{ "/head", HTTP_GET, 0, 10 },
	{ "/head", HTTP_HEAD, 1, 11 },
	{ "/a/*", HTTP_GET, 0, 12 },
	{ "/:x/b/c", HTTP_GET | HTTP_POST, 1, 13 },
	{ "/:x/:y/*", HTTP_OPTIONS, 1, 14 },
	{ "/only/post", HTTP_POST, 1, 15 },
};

enum { NONE = -1 };

static void
the_most_specific_pattern_that_takes_the_method_serves(void **state)
{
	static const struct {
		const char *path;
		unsigned method;
		int index; /* NONE: no route */
		unsigned methods;
	} cases[] = {
		{ "/", HTTP_GET, 0, HTTP_GET | HTTP_HEAD },
		{ "/", HTTP_HEAD, 0, HTTP_GET | HTTP_HEAD },
		{ "/", HTTP_POST, NONE, HTTP_GET | HTTP_HEAD },
		{ "/", 0, NONE, HTTP_GET | HTTP_HEAD },
		{ "/nothing", HTTP_GET, NONE, 0 },
		{ "/user", HTTP_GET, NONE, 0 },
		{ "/userss", HTTP_GET, NONE, 0 },
		{ "/users", HTTP_POST, 1, HTTP_GET | HTTP_HEAD | HTTP_POST },
		{ "/users/", HTTP_GET, NONE, 0 },
		{ "/users/7", HTTP_GET, 2, HTTP_GET | HTTP_HEAD | HTTP_DELETE },
		{ "/users/7", HTTP_DELETE, 9, HTTP_GET | HTTP_HEAD | HTTP_DELETE },
		{ "/users/me", HTTP_GET, 3, HTTP_GET | HTTP_HEAD | HTTP_DELETE },
		/* The exact one lacks the method: the parameter serves it. */
		{ "/users/me", HTTP_DELETE, 9, HTTP_GET | HTTP_HEAD | HTTP_DELETE },
		{ "/users/me/posts/1", HTTP_GET, 4, HTTP_GET | HTTP_HEAD | HTTP_DELETE | HTTP_OPTIONS },
		{ "/users/me/posts/1", HTTP_DELETE, 5, HTTP_GET | HTTP_HEAD | HTTP_DELETE | HTTP_OPTIONS },
		{ "/users/me/posts", HTTP_GET, NONE, HTTP_OPTIONS },
		{ "/users/me/posts/1/2", HTTP_GET, NONE, HTTP_OPTIONS },
		{ "/files", HTTP_GET, NONE, 0 },
		{ "/files/", HTTP_GET, 6, HTTP_GET | HTTP_HEAD },
		{ "/files/a", HTTP_GET, 6, HTTP_GET | HTTP_HEAD | HTTP_PATCH },
		{ "/files/a", HTTP_PATCH, 8, HTTP_GET | HTTP_HEAD | HTTP_PATCH },
		{ "/files/index", HTTP_GET, 6, HTTP_GET | HTTP_HEAD | HTTP_PUT | HTTP_PATCH },
		{ "/files/index", HTTP_PUT, 7, HTTP_GET | HTTP_HEAD | HTTP_PUT | HTTP_PATCH },
		{ "/files/a/b/", HTTP_GET, 6, HTTP_GET | HTTP_HEAD | HTTP_OPTIONS },
		{ "/head", HTTP_GET, 10, HTTP_GET | HTTP_HEAD },
		{ "/head", HTTP_HEAD, 11, HTTP_GET | HTTP_HEAD },
		/* From the left: "a" before ":x", whatever follows. */
		{ "/a/b/c", HTTP_GET, 12, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_OPTIONS },
		{ "/a/b/c", HTTP_POST, 13, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_OPTIONS },
		{ "/z/b/c", HTTP_HEAD, 13, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_OPTIONS },
		{ "/z/b/", HTTP_OPTIONS, 14, HTTP_OPTIONS },
		{ "/only/post", HTTP_HEAD, NONE, HTTP_POST },
		{ "", HTTP_GET, NONE, 0 },
		{ "users", HTTP_GET, NONE, 0 },
	};
	struct snapshot *s = snapshot_of(routes, ARRAY_SIZE(routes));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct route_match m;

		snapshot_match(s, cases[i].path, cases[i].method, &m);
		assert_int_equal(m.methods, cases[i].methods);
		if (cases[i].index == NONE) {
			assert_null(m.function);
			assert_int_equal(m.n_params, 0);
			continue;
		}
		assert_int_equal(m.index, cases[i].index);
		assert_string_equal(m.function->name, functions[routes[m.index].function].name);
	}
	snapshot_unmap(s);
}

static void
parameters_are_named_by_the_route_that_serves(void **state)
{
	static const struct {
		const char *path;
		unsigned method;
		const char *params; /* "name=value," ... */
	} cases[] = {
		{ "/users", HTTP_GET, "" },
		{ "/users/7", HTTP_GET, "id=7," },
		{ "/users/7", HTTP_DELETE, "name=7," },
		{ "/users/me", HTTP_DELETE, "name=me," },
		{ "/users/me/posts/1", HTTP_GET, "user=me,post=1," },
		{ "/users/me/posts/1", HTTP_DELETE, "post=1," },
		{ "/files/", HTTP_GET, "*=," },
		{ "/files/a/b/", HTTP_GET, "*=a/b/," },
		{ "/z/b/", HTTP_OPTIONS, "x=z,y=b,*=," },
	};
	struct snapshot *s = snapshot_of(routes, ARRAY_SIZE(routes));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct route_match m;
		char text[128] = "";

		snapshot_match(s, cases[i].path, cases[i].method, &m);
		for (size_t k = 0; k < m.n_params; k++)
			snprintf(text + strlen(text), sizeof text - strlen(text), "%s=%.*s,",
			         m.params[k].name, (int)m.params[k].value_length, m.params[k].value);
		assert_string_equal(text, cases[i].params);
	}
	snapshot_unmap(s);
}

static void
eight_parameters_and_the_rest_are_all_given(void **state)
{
	static const struct snapshot_route route = { "/:a/:b/:c/:d/:e/:f/:g/:h/*", HTTP_GET, 0, 0 };
	struct snapshot *s = snapshot_of(&route, 1);
	struct route_match m;

	(void)state;
	snapshot_match(s, "/1/2/3/4/5/6/7/8/9/10", HTTP_GET, &m);
	assert_int_equal(m.n_params, ROUTE_PARAMS_MAX + 1);
	assert_string_equal(m.params[0].name, "a");
	assert_string_equal(m.params[7].name, "h");
	assert_int_equal(m.params[7].value_length, 1);
	assert_string_equal(m.params[8].value, "9/10");
	snapshot_unmap(s);
}

static void
a_pattern_and_a_segment_of_the_longest_length_match(void **state)
{
	char longest[ROUTE_PATTERN_MAX + 1] = "/";
	struct snapshot_route route = { longest, HTTP_GET, 0, 0 };
	struct route_match m;
	struct snapshot *s;

	(void)state;
	memset(longest + 1, 'a', ROUTE_PATTERN_MAX - 2);
	s = snapshot_of(&route, 1);
	snapshot_match(s, longest, HTTP_GET, &m);
	assert_non_null(m.function);
	longest[ROUTE_PATTERN_MAX - 1] = 'a';
	snapshot_match(s, longest, HTTP_GET, &m);
	assert_null(m.function);
	snapshot_unmap(s);
	/* As many segments as there can be. */
	for (size_t i = 0; i < ROUTE_PATTERN_MAX - 1; i++)
		longest[i] = i % 2 ? 'a' : '/';
	longest[ROUTE_PATTERN_MAX - 2] = '\0';
	s = snapshot_of(&route, 1);
	snapshot_match(s, longest, HTTP_GET, &m);
	assert_non_null(m.function);
	snapshot_unmap(s);
}

static void
segments_of_every_length_are_told_apart(void **state)
{
	enum { N = 64 };
	static char patterns[N][N + 2];
	struct snapshot_route rows[N];
	struct snapshot *s;

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		memset(patterns[i], 'x', i + 1);
		patterns[i][0] = '/';
		rows[i] = (struct snapshot_route){ patterns[i], HTTP_GET, 0, i };
	}
	s = snapshot_of(rows, N);
	for (uint32_t i = 0; i < N; i++) {
		struct route_match m;
		char other[N + 2];

		snapshot_match(s, patterns[i], HTTP_GET, &m);
		assert_non_null(m.function);
		assert_int_equal(m.index, i);
		for (size_t k = 1; k <= i; k++) {
			strcpy(other, patterns[i]);
			other[k] = 'y';
			snapshot_match(s, other, HTTP_GET, &m);
			assert_null(m.function);
		}
	}
	snapshot_unmap(s);
}

static void
patterns_that_branch_everywhere_are_walked_in_bounded_steps(void **state)
{
	enum { N = 1 << ROUTE_PARAMS_MAX, DEPTH = ROUTE_PARAMS_MAX };
	static char patterns[N][64];
	struct snapshot_route rows[N];
	char path[4 * 2048] = "";
	struct route_match m;
	struct snapshot *s;

	(void)state;
	/* Each segment "a" or a parameter, in every combination; none takes GET but the least specific. */
	for (uint32_t i = 0; i < N; i++) {
		char *to = patterns[i];

		for (uint32_t k = 0; k < DEPTH; k++)
			to += sprintf(to, i & 1U << (DEPTH - 1 - k) ? "/:p%u" : "/a", k);
		rows[i] = (struct snapshot_route){ patterns[i], i == N - 1 ? HTTP_GET : HTTP_POST, 0, i };
	}
	s = snapshot_of(rows, N);
	snapshot_match(s, "/a/a/a/a/a/a/a/a", HTTP_GET, &m);
	assert_int_equal(m.index, N - 1);
	assert_int_equal(m.n_params, DEPTH);
	snapshot_match(s, "/a/a/a/a/a/a/a/a", HTTP_POST, &m);
	assert_int_equal(m.index, 0);
	for (size_t i = 0; i < 2040; i++)
		strcpy(path + 2 * i, "/a");
	for (size_t i = 0; i < 1000; i++)
		snapshot_match(s, path, HTTP_GET, &m);
	assert_int_equal(m.methods, 0);
	snapshot_unmap(s);
}

static void
ten_thousand_routes_are_all_found(void **state)
{
	enum { N = 10000 };
	char(*patterns)[32] = test_calloc(N, sizeof *patterns);
	struct snapshot_route *rows = test_calloc(N, sizeof *rows);
	struct snapshot *s;

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		snprintf(patterns[i], sizeof patterns[i], i % 2 ? "/r%u/:id" : "/deep/r%u/x", i);
		rows[i] = (struct snapshot_route){ patterns[i], HTTP_GET, i % 2, i };
	}
	s = snapshot_of(rows, N);
	for (uint32_t i = 0; i < N; i++) {
		struct route_match m;

		snapshot_match(s, patterns[i], HTTP_GET, &m);
		assert_non_null(m.function);
		assert_int_equal(m.index, i);
	}
	snapshot_unmap(s);
	test_free(rows);
	test_free(patterns);
}

static void
what_cannot_be_built_is_refused(void **state)
{
	static const struct {
		struct snapshot_route routes[3];
		size_t n;
		int rc;
	} cases[] = {
		{ { { "/a/", HTTP_GET, 0, 0 } }, 1, -EINVAL },
		{ { { "/a", 0, 0, 0 } }, 1, -EINVAL },
		{ { { "/a", 1 << 7, 0, 0 } }, 1, -EINVAL },
		{ { { "/a", HTTP_GET, 2, 0 } }, 1, -EINVAL },
		{ { { "/a", HTTP_GET, 0, 0 }, { "/a", HTTP_GET, 1, 0 } }, 2, -EEXIST },
		{ { { "/:a", HTTP_GET, 0, 0 }, { "/:b", HTTP_GET | HTTP_PUT, 1, 0 } }, 2, -EEXIST },
		{ { { "/*", HTTP_GET, 0, 0 }, { "/*", HTTP_PUT, 0, 0 }, { "/*", HTTP_PUT, 1, 0 } },
		  3,
		  -EEXIST },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(snapshot_build(1, functions, 2, cases[i].routes, cases[i].n, &e),
		                 cases[i].rc);
	assert_string_equal(e.text, "route '/*' of second and route '/*' of first both take PUT");
}

static void
origins_of_any_length_come_back(void **state)
{
	static const size_t lengths[] = { 0, 1, 7, 8, SNAPSHOT_ORIGINS_SIZE - 1 };
	struct snapshot_function all[] = { { .name = "a" }, { .name = "b" }, { .name = "c" } }, copy;
	struct snapshot *s = NULL;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		AUTO_FD fd = -1;

		memset(all[i % ARRAY_SIZE(all)].origins, 'o', lengths[i]);
		fd = snapshot_build(1, all, ARRAY_SIZE(all), NULL, 0, &e);
		assert_int_equal(snapshot_map(fd, &s, &e), 0);
		for (size_t k = 0; k < ARRAY_SIZE(all); k++) {
			snapshot_function_copy(&copy, snapshot_function_at(s, k));
			assert_memory_equal(&copy, &all[k], sizeof copy);
			assert_int_equal(snapshot_function_index(s, snapshot_function_at(s, k)), k);
		}
		snapshot_unmap(s);
	}
}

static void
a_function_name_without_end_is_refused(void **state)
{
	struct snapshot_function function = { .version_id = 1 };
	struct err e;

	(void)state;
	memset(function.name, 'a', sizeof function.name);
	assert_int_equal(snapshot_build(1, &function, 1, NULL, 0, &e), -EINVAL);
}

static void
counts_pass_at_their_limits_and_not_beyond(void **state)
{
	struct snapshot_function *many = test_calloc(SNAPSHOT_FUNCTIONS_MAX + 1, sizeof *many);
	struct snapshot *s = NULL;
	struct err e;
	int fd;

	(void)state;
	fd = snapshot_build(1, many, SNAPSHOT_FUNCTIONS_MAX, NULL, 0, &e);
	assert_true(fd >= 0);
	assert_int_equal(snapshot_map(fd, &s, &e), 0);
	assert_int_equal(snapshot_n_functions(s), SNAPSHOT_FUNCTIONS_MAX);
	snapshot_unmap(s);
	fd_close(&fd);
	assert_int_equal(snapshot_build(1, many, SNAPSHOT_FUNCTIONS_MAX + 1, NULL, 0, &e), -E2BIG);
	test_free(many);
}

/* As many routes as may be, with n_segments in each. */
static int
build_largest(size_t n_routes, size_t n_segments, const char *last)
{
	char(*patterns)[40] = test_calloc(n_routes, sizeof *patterns);
	struct snapshot_route *rows = test_calloc(n_routes, sizeof *rows);
	struct snapshot *s = NULL;
	struct err e;
	int fd;

	for (size_t i = 0; i < n_routes; i++) {
		char *to = patterns[i];

		for (size_t k = 1; k < n_segments; k++)
			to = stpcpy(to, "/a");
		sprintf(to, "/%zu%s", i, i == 0 ? last : "");
		rows[i] = (struct snapshot_route){ patterns[i], HTTP_GET, 0, (uint32_t)i };
	}
	fd = snapshot_build(1, functions, 1, rows, n_routes, &e);
	if (fd >= 0) {
		assert_int_equal(snapshot_map(fd, &s, &e), 0);
		snapshot_unmap(s);
	}
	test_free(rows);
	test_free(patterns);
	return fd < 0 ? fd : (fd_close(&fd), 0);
}

static void
routes_and_segments_pass_at_their_limits_and_not_beyond(void **state)
{
	const size_t most = SNAPSHOT_ROUTES_MAX, segments = SNAPSHOT_SEGMENTS_MAX / SNAPSHOT_ROUTES_MAX;

	(void)state;
	assert_int_equal(build_largest(most, segments, ""), 0);
	assert_int_equal(build_largest(most, segments, "/b"), -E2BIG);
	assert_int_equal(build_largest(most + 1, 1, ""), -E2BIG);
}

static void
what_is_not_sealed_is_not_mapped(void **state)
{
	AUTO_FD fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct snapshot *s = NULL;
	struct err e;

	(void)state;
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(snapshot_map(fd, &s, &e), -EPERM);
	assert_int_equal(snapshot_map(-1, &s, &e), -EPERM);
	assert_null(s);
}

/* Maps these bytes and, when they pass, uses all of them. */
static int
map_bytes(const void *bytes, size_t n)
{
	static const char *const paths[] = { "/", "/users/me/posts/1", "/files/a/b", "/a/b/c", "/a/b/c/d/e" };
	struct snapshot *s = NULL;
	struct err e;
	AUTO_FD fd = fd_sealed_memory("x", bytes, n, &e);
	int rc = snapshot_map(fd, &s, &e);

	for (size_t i = 0; s && i < ARRAY_SIZE(paths) * 2; i++) {
		struct route_match m;

		snapshot_match(s, paths[i / 2], i % 2 ? HTTP_GET : HTTP_DELETE, &m);
		for (size_t k = 0; k < m.n_params; k++)
			assert_true(strlen(m.params[k].name) <= 32);
		assert_true(!m.function || m.function == snapshot_function_at(s, 0) ||
		            m.function == snapshot_function_at(s, 1));
	}
	snapshot_unmap(s);
	return rc;
}

static void
a_damaged_snapshot_is_refused_or_harmless(void **state)
{
	static const unsigned char values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	struct err e;
	AUTO_FD fd = snapshot_build(1, functions, 2, routes, ARRAY_SIZE(routes), &e);
	AUTO_FREE char *bytes = NULL;
	size_t n, n_refused = 0;

	(void)state;
	assert_int_equal(fd_read_file(fd, 1 << 20, &bytes, &n, &e), 0);
	assert_int_equal(map_bytes(bytes, n), 0);
	for (size_t i = 0; i < n * ARRAY_SIZE(values); i++) {
		char saved = bytes[i / ARRAY_SIZE(values)];

		bytes[i / ARRAY_SIZE(values)] = (char)values[i % ARRAY_SIZE(values)];
		n_refused += map_bytes(bytes, n) == -EBADMSG;
		bytes[i / ARRAY_SIZE(values)] = saved;
	}
	assert_true(n_refused > 1000);
}

static void
a_snapshot_of_another_size_is_refused(void **state)
{
	struct err e;
	AUTO_FD fd = snapshot_build(1, functions, 2, routes, ARRAY_SIZE(routes), &e);
	AUTO_FREE char *bytes = NULL;
	AUTO_FREE char *longer = NULL;
	size_t n;

	(void)state;
	assert_int_equal(fd_read_file(fd, 1 << 20, &bytes, &n, &e), 0);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(map_bytes(bytes, cut), -EBADMSG);
	longer = calloc(1, n + 1);
	memcpy(longer, bytes, n);
	assert_int_equal(map_bytes(longer, n + 1), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_are_checked),
		cmocka_unit_test(lengths_in_patterns_end_where_they_are_said_to),
		cmocka_unit_test(a_refused_pattern_is_shown_only_when_it_can_be),
		cmocka_unit_test(patterns_collide_when_only_names_differ),
		cmocka_unit_test(a_pattern_covers_what_it_always_matches),
		cmocka_unit_test(a_snapshot_holds_what_it_was_built_from),
		cmocka_unit_test(the_most_specific_pattern_that_takes_the_method_serves),
		cmocka_unit_test(parameters_are_named_by_the_route_that_serves),
		cmocka_unit_test(eight_parameters_and_the_rest_are_all_given),
		cmocka_unit_test(a_pattern_and_a_segment_of_the_longest_length_match),
		cmocka_unit_test(segments_of_every_length_are_told_apart),
		cmocka_unit_test(patterns_that_branch_everywhere_are_walked_in_bounded_steps),
		cmocka_unit_test(ten_thousand_routes_are_all_found),
		cmocka_unit_test(what_cannot_be_built_is_refused),
		cmocka_unit_test(origins_of_any_length_come_back),
		cmocka_unit_test(a_function_name_without_end_is_refused),
		cmocka_unit_test(counts_pass_at_their_limits_and_not_beyond),
		cmocka_unit_test(routes_and_segments_pass_at_their_limits_and_not_beyond),
		cmocka_unit_test(what_is_not_sealed_is_not_mapped),
		cmocka_unit_test(a_damaged_snapshot_is_refused_or_harmless),
		cmocka_unit_test(a_snapshot_of_another_size_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
