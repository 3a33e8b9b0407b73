/* test_router_cors.c - the router towards pages of other origins: preflights, and the fields of answers. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "router_rig.h"

#define ONE         "https://one.example"
#define TWO         "http://two.example:8080"
#define EVIL        "https://evil.example"

#define ALLOW       "Access-Control-Allow-Origin: "
#define CREDENTIALS "Access-Control-Allow-Credentials: true\r\n"

/* /gated asks for a token, lets pages of these origins read and keeps its answers if it is to. */
static void
give(struct rig *g, const char *origins, bool is_open, uint64_t cache_ms)
{
	struct snapshot_function f = rig_gated(is_open ? AUTH_NONE : AUTH_BEARER);

	f.cache_ms = cache_ms;
	snprintf(f.origins, sizeof f.origins, "%s", origins);
	rig_gate(g, &f);
}

static int
ask(struct rig *g, const char *method, const char *path, const char *const *params)
{
	int fd = rig_connect(g);

	rig_request(g, fd,
	            &(struct rig_request){ .method = method, .path = path, .id = 1, .params = params });
	return fd;
}

static int
ask_from(struct rig *g, const char *origin)
{
	const char *const params[] = { "HTTP_ORIGIN", origin, NULL };

	return ask(g, "GET", "/gated", origin ? params : NULL);
}

/* The whole answer. */
static void
read_answer(int fd, char *text, size_t size)
{
	struct rig_answer a;

	rig_answer(fd, &a);
	snprintf(text, size, "%.*s", (int)buf_used(&a.text), buf_used(&a.text) ? buf_head(&a.text) : "");
	buf_done(&a.text);
	close(fd);
}

static size_t
count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strcasestr(text, part))) {
		text++;
		n++;
	}
	return n;
}

/* It has the fields for this origin, NULL: for none, each once, and Vary. */
static void
expect_fields(const char *text, const char *origin, bool has_credentials)
{
	char line[200];

	snprintf(line, sizeof line, ALLOW "%s\r\n", origin ? origin : "");
	if (count(text, ALLOW) != (origin != NULL) || (origin && !strstr(text, line)) ||
	    count(text, CREDENTIALS) != has_credentials || count(text, "\r\nVary: Origin") != 1 ||
	    count(text, "\r\nVary:") != 1)
		fail_msg("not for %s: %s", origin ? origin : "nobody", text);
}

static const struct {
	const char *origins, *origin, *allowed;
	bool has_credentials;
} cases[] = {
	{ ONE, ONE, ONE, true },
	{ TWO " " ONE, ONE, ONE, true },
	{ TWO " " ONE, TWO, TWO, true },
	{ TWO " " ONE, EVIL, NULL, false },
	{ ONE, "https://one.example.evil.example", NULL, false },
	{ ONE, "https://one.exampl", NULL, false },
	{ ONE, "https://one.example:443", NULL, false },
	{ ONE, "http://one.example", NULL, false },
	{ ONE, "HTTPS://ONE.EXAMPLE", NULL, false },
	{ TWO " " ONE, TWO " " ONE, NULL, false },
	{ ONE, "*", NULL, false },
	{ ONE, "null", NULL, false },
	{ ONE, "", NULL, false },
	{ ONE, NULL, NULL, false },
	{ "*", ONE, "*", false },
	{ "*", "null", NULL, false },
	{ "*", "", NULL, false },
	{ "*", NULL, NULL, false },
};

static void
answers_may_be_read_by_the_origins_that_are_named(void **state)
{
	struct rig *g = *state;
	char text[4096];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_worker w;
		int fd;

		give(g, cases[i].origins, true, 0);
		rig_lease(g, &w, RIG_GATED);
		fd = ask_from(g, cases[i].origin);
		assert_true(rig_receive(&w));
		rig_reply(g, &w, "Content-Type: text/plain\r\n\r\nhello");
		read_answer(fd, text, sizeof text);
		assert_non_null(strstr(text, "\r\n\r\nhello"));
		expect_fields(text, cases[i].allowed, cases[i].has_credentials);
		rig_worker_done(&w);
	}
}

static void
a_refusal_can_be_read_like_an_answer(void **state)
{
	struct rig *g = *state;
	char text[4096];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		give(g, cases[i].origins, false, 0);
		read_answer(ask_from(g, cases[i].origin), text, sizeof text);
		assert_int_equal(strncmp(text, "Status: 401 ", 12), 0);
		expect_fields(text, cases[i].allowed, cases[i].has_credentials);
	}
}

static void
preflights_are_answered_without_a_token(void **state)
{
	struct rig *g = *state;
	char text[4096];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const params[] = { "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "POST",
			                       cases[i].origin ? "HTTP_ORIGIN" : NULL, cases[i].origin,
			                       NULL };

		give(g, cases[i].origins, false, 0);
		read_answer(ask(g, "OPTIONS", "/gated", params), text, sizeof text);
		/* Others' pages learn nothing. */
		if (!cases[i].allowed) {
			assert_int_equal(strncmp(text, "Status: 401 ", 12), 0);
			assert_int_equal(count(text, "Access-Control-"), 0);
			assert_null(strstr(text, "\r\nAllow: "));
			continue;
		}
		assert_int_equal(strncmp(text, "Status: 204 ", 12), 0);
		assert_non_null(strstr(text, "\r\nAllow: GET, HEAD, POST, OPTIONS\r\n"));
		expect_fields(text, cases[i].allowed, cases[i].has_credentials);
		assert_non_null(
		    strstr(text, "\r\nAccess-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n"));
		assert_non_null(strstr(text, "\r\nAccess-Control-Max-Age: 600\r\n"));
		assert_non_null(strstr(text, "\r\nVary: Origin, Access-Control-Request-Headers, "
		                             "Access-Control-Request-Method\r\n"));
		assert_null(strstr(text, "Access-Control-Allow-Headers"));
	}
	assert_null(rig_said(g, MSG_WANT));
}

static void
other_requests_for_options_are_no_preflights(void **state)
{
	static const struct {
		const char *path, *params[5];
	} others[] = {
		{ "/gated", { "HTTP_ORIGIN", ONE } },
		{ "/gated", { "HTTP_ORIGIN", ONE, "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "DELETE" } },
		{ "/gated", { "HTTP_ORIGIN", ONE, "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "PROPFIND" } },
		{ "/gated", { "HTTP_ORIGIN", ONE, "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "" } },
		{ "/fast", { "HTTP_ORIGIN", ONE, "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "GET" } },
	};
	const size_t n_gated = ARRAY_SIZE(others) - 1;
	struct rig *g = *state;
	char text[4096];

	give(g, ONE, false, 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		read_answer(ask(g, "OPTIONS", others[i].path, others[i].params), text, sizeof text);
		assert_int_equal(strncmp(text, i < n_gated ? "Status: 401 " : "Status: 204 ", 12), 0);
		assert_int_equal(strstr(text, "\r\nAllow: ") != NULL, i == n_gated);
		if (count(text, "Access-Control-Allow-Methods") > 0)
			fail_msg("case %zu: %s", i, text);
	}
}

static void
fields_that_are_asked_for_are_echoed_when_they_are_a_list_of_names(void **state)
{
	static char longest[513], longer[514];
	const struct {
		const char *fields;
		bool is_echoed;
	} lists[] = {
		{ "content-type", true },
		{ "content-type,x-a , x-b", true },
		{ longest, true },
		{ longer, false },
		{ "", false },
		{ ",", false },
		{ "a,", false },
		{ "a,,b", false },
		{ "a b", false },
		{ "a;b", false },
		{ "a\r\nX-Evil: 1", false },
		{ "\xc3\xa9", false },
	};
	struct rig *g = *state;
	char text[4096], line[700];

	memset(longest, 'a', sizeof longest - 1);
	memset(longer, 'a', sizeof longer - 1);
	give(g, ONE, false, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const char *const params[] = { "HTTP_ORIGIN",
			                       ONE,
			                       "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
			                       "GET",
			                       "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
			                       lists[i].fields,
			                       NULL };

		read_answer(ask(g, "OPTIONS", "/gated", params), text, sizeof text);
		snprintf(line, sizeof line, "\r\nAccess-Control-Allow-Headers: %s\r\n", lists[i].fields);
		if (count(text, "Access-Control-Allow-Headers") != lists[i].is_echoed ||
		    (lists[i].is_echoed && !strstr(text, line)))
			fail_msg("%s: %s", lists[i].fields, text);
		expect_fields(text, ONE, true);
	}
}

/* A browser keeps what it was told for the whole path. */
static void
a_preflight_says_nothing_for_another_function_of_its_path(void **state)
{
	static const char *const params[] = { "HTTP_ORIGIN", ONE, "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "PUT",
		                              NULL };
	struct snapshot_function f[2] = { rig_gated(AUTH_NONE), rig_gated(AUTH_NONE) };
	const struct snapshot_route routes[] = { { "/gated", HTTP_PUT, 0, 0 },
		                                 { "/gated", HTTP_POST, 1, 0 } };
	struct rig *g = *state;
	struct err e = { 0 };
	char text[4096];
	int fd;

	snprintf(f[0].origins, sizeof f[0].origins, "%s", ONE);
	f[1].version_id++;
	fd = snapshot_build(9, f, 2, routes, 2, &e);
	message_send(g->master, MSG_SNAPSHOT, NULL, 0, &fd, 1, &e);
	close(fd);
	rig_run(g);
	read_answer(ask(g, "OPTIONS", "/gated", params), text, sizeof text);
	expect_fields(text, ONE, true);
	assert_non_null(strstr(text, "\r\nAccess-Control-Allow-Methods: PUT, OPTIONS\r\n"));
	assert_non_null(strstr(text, "\r\nAccess-Control-Max-Age: 0\r\n"));
}

#define OWN                                                                                                  \
	"Content-Type: text/plain\r\naccess-control-allow-origin: " EVIL                                     \
	"\r\nAccess-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: x\r\n"                 \
	"Vary: Accept\r\nX-A: 1\r\n\r\nhello"

static void
what_a_function_says_of_origins_itself_counts_only_without(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	char text[4096];
	int fd;

	give(g, ONE, true, 0);
	rig_lease(g, &w, RIG_GATED);
	fd = ask_from(g, EVIL);
	assert_true(rig_receive(&w));
	rig_reply(g, &w, OWN);
	read_answer(fd, text, sizeof text);
	assert_int_equal(count(text, "Access-Control-"), 0);
	expect_fields(text, NULL, false);
	assert_non_null(strstr(text, "\r\nVary: Origin, Accept\r\n"));
	assert_non_null(strstr(text, "\r\nX-A: 1\r\n"));
	give(g, "", true, 0);
	fd = ask_from(g, EVIL);
	assert_true(rig_receive(&w));
	rig_reply(g, &w, OWN);
	read_answer(fd, text, sizeof text);
	assert_non_null(strstr(text, "access-control-allow-origin: " EVIL "\r\n"));
	assert_non_null(strstr(text, "\r\nVary: Accept\r\n"));
	rig_worker_done(&w);
}

static void
what_is_kept_has_no_origin_in_it(void **state)
{
	static const struct {
		const char *origin, *allowed;
	} askers[] = { { ONE, ONE }, { TWO, TWO }, { EVIL, NULL }, { NULL, NULL }, { "null", NULL } };
	struct rig *g = *state;
	struct rig_worker w;
	struct entry *e;
	char text[4096];
	int fd;

	give(g, TWO " " ONE, true, 60000);
	rig_lease(g, &w, RIG_GATED);
	for (size_t turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < ARRAY_SIZE(askers); i++) {
			fd = ask_from(g, askers[i].origin);
			assert_int_equal(rig_receive(&w), turn == 0);
			if (turn == 0)
				rig_reply(g, &w, "Content-Type: text/plain\r\n\r\nhello");
			read_answer(fd, text, sizeof text);
			assert_non_null(strstr(text, turn == 0 ? "X-Cache: MISS" : "X-Cache: HIT"));
			expect_fields(text, askers[i].allowed, askers[i].allowed != NULL);
		}
	TAILQ_FOREACH (e, &g->router.cache.recent, use_link)
		assert_null(memmem(e->answer, e->n_answer, "Origin", 6));
	/* And what is kept for one is given as the list is then. */
	give(g, "*", true, 60000);
	read_answer(ask_from(g, EVIL), text, sizeof text);
	assert_non_null(strstr(text, "X-Cache: HIT"));
	expect_fields(text, "*", false);
	rig_worker_done(&w);
}

static void
two_origins_in_one_request_are_refused(void **state)
{
	static const char *const params[] = { "HTTP_ORIGIN", ONE, "HTTP_ORIGIN", EVIL, NULL };
	struct rig *g = *state;
	int fd;

	give(g, ONE, true, 0);
	fd = ask(g, "GET", "/gated", params);
	assert_true(rig_answers(fd, 400, ""));
	close(fd);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(answers_may_be_read_by_the_origins_that_are_named),
		TEST(a_refusal_can_be_read_like_an_answer),
		TEST(preflights_are_answered_without_a_token),
		TEST(other_requests_for_options_are_no_preflights),
		TEST(fields_that_are_asked_for_are_echoed_when_they_are_a_list_of_names),
		TEST(a_preflight_says_nothing_for_another_function_of_its_path),
		TEST(what_a_function_says_of_origins_itself_counts_only_without),
		TEST(what_is_kept_has_no_origin_in_it),
		TEST(two_origins_in_one_request_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
