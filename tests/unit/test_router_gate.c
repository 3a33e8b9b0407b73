/* test_router_gate.c - the router towards callers: tokens, who may call, what the function learns. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "router_rig.h"
#include "token/text.h"

#define HELLO "Content-Type: text/plain\r\n\r\nhello"

/* Tokens of a known text: "cfn_" and 64 of one digit. */
#define OF(digits) "cfn_" digits digits digits digits
#define GOOD       OF("aaaaaaaaaaaaaaaa")
#define ELSEWHERE  OF("bbbbbbbbbbbbbbbb") /* good for another function */
#define EVERYWHERE OF("cccccccccccccccc")
#define EXPIRED    OF("dddddddddddddddd")
#define NOT_YET    OF("eeeeeeeeeeeeeeee") /* expires in an hour */
#define NOTHING    OF("ffffffffffffffff") /* good for nothing */
#define RUNS       OF("1111111111111111") /* good for the runner, "gated" as it were its name */
#define UNKNOWN    OF("0123456789abcdef")

static const struct {
	const char *name, *text, *subject;
	int64_t expires_in; /* seconds; 0: never */
	enum token_kind kind;
} tokens[] = {
	{ "good", GOOD, "gated", 0 },          { "elsewhere", ELSEWHERE, "gate", 0 },
	{ "everywhere", EVERYWHERE, "*", 0 },  { "expired", EXPIRED, "gated", -1 },
	{ "not-yet", NOT_YET, "gated", 3600 }, { "nothing", NOTHING, NULL, 0 },
	{ "runs", RUNS, "*", 0, TOKEN_RUN },
};

/* Gives the router the tokens from first on. */
static void
give_tokens(struct rig *g, uint64_t serial, size_t first)
{
	struct token_row rows[ARRAY_SIZE(tokens)] = { 0 };
	struct token_grant grants[ARRAY_SIZE(tokens)] = { 0 };

	for (size_t i = first; i < ARRAY_SIZE(tokens); i++) {
		struct token_row *row = &rows[i - first];

		token_hash(tokens[i].text, &row->hash);
		snprintf(row->name, sizeof row->name, "%s", tokens[i].name);
		row->expires_at = tokens[i].expires_in ? clock_wall_s() + tokens[i].expires_in : 0;
		row->first_grant = (uint32_t)i;
		row->n_grants = tokens[i].subject != NULL;
		grants[i].kind = tokens[i].kind;
		if (tokens[i].subject)
			snprintf(grants[i].subject, sizeof grants[i].subject, "%s", tokens[i].subject);
	}
	rig_tokens(g, serial, rows, ARRAY_SIZE(tokens) - first, grants, ARRAY_SIZE(grants));
}

static int
setup(void **state)
{
	const struct snapshot_function gated = rig_gated(AUTH_BEARER);
	struct rig *g = rig_new(true);

	if (!g)
		return -1;
	give_tokens(g, 1, 0);
	rig_gate(g, &gated);
	*state = g;
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* Asks for /gated with this Authorization; NULL: none. */
static int
ask(struct rig *g, const char *value)
{
	const char *const params[] = { "HTTP_AUTHORIZATION", value, NULL };
	int fd = rig_connect(g);

	rig_request(g, fd,
	            &(struct rig_request){
			.method = "GET", .path = "/gated", .id = 1, .params = value ? params : NULL });
	return fd;
}

/* The request is with a worker, as this user's; answers it. */
static void
expect_passed(struct rig *g, struct rig_worker *w, int fd, const char *user)
{
	char param[100];

	snprintf(param, sizeof param, "CFN_USER%s", user);
	if (!rig_receive(w) || !rig_message_has(w, param))
		fail_msg("not passed as %s", user);
	assert_false(rig_message_has(w, "AUTHORIZATION"));
	assert_false(rig_message_has(w, "cfn_"));
	rig_reply(g, w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	close(fd);
}

static void
expect_refused(struct rig *g, int fd, int status, const char *challenge)
{
	char part[200];

	snprintf(part, sizeof part, "WWW-Authenticate: %s\r\n", challenge);
	if (!rig_answers(fd, status, part))
		fail_msg("not %d with %s", status, challenge);
	assert_null(rig_said(g, MSG_WANT));
	close(fd);
}

#define REALM     "Bearer realm=\"gated\""
#define INVALID   REALM ", error=\"invalid_token\""
#define RUN_SCOPE "Bearer realm=\"run\", error=\"insufficient_scope\", scope=\"run\""
#define SCOPE     REALM ", error=\"insufficient_scope\", scope=\"call:gated\""

static void
who_shows_a_token_that_is_good_is_let_in_and_named(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;

	rig_lease(g, &w, RIG_GATED);
	expect_passed(g, &w, ask(g, "Bearer " GOOD), "good");
	expect_passed(g, &w, ask(g, "bearer " GOOD), "good");
	expect_passed(g, &w, ask(g, "BEARER   " GOOD), "good");
	expect_passed(g, &w, ask(g, "Bearer " EVERYWHERE), "everywhere");
	expect_passed(g, &w, ask(g, "Bearer " NOT_YET), "not-yet");
	rig_worker_done(&w);
}

static void
nobody_else_is(void **state)
{
	static const struct {
		const char *value;
		int status;
		const char *challenge;
	} cases[] = {
		{ NULL, 401, REALM },
		{ "", 401, REALM },
		{ "Basic Z29vZDpY", 401, REALM },
		{ "Digest username=\"x\"", 401, REALM },
		{ "Bearer", 401, INVALID },
		{ "Bearer ", 401, INVALID },
		{ "Bearer" GOOD, 401, REALM },
		{ "Bearer\t" GOOD, 401, REALM },
		{ " Bearer " GOOD, 401, REALM },
		{ GOOD, 401, REALM },
		{ "Bearer " UNKNOWN, 401, INVALID },
		{ "Bearer " EXPIRED, 401, INVALID },
		{ "Bearer " ELSEWHERE, 403, SCOPE },
		{ "Bearer " NOTHING, 403, SCOPE },
		{ "Bearer " GOOD " ", 401, INVALID },
		{ "Bearer " GOOD ",", 401, INVALID },
		{ "Bearer " GOOD "a", 401, INVALID },
		{ "Bearer " GOOD "=", 401, INVALID },
		{ "Bearer " GOOD ", Bearer " GOOD, 401, INVALID },
		{ "Bearer cfn_", 401, INVALID },
		{ "Bearer CFN_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 401,
		  INVALID },
		{ "Bearer cfn_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 401,
		  INVALID },
		{ "Bearer \xc3\xa9", 401, INVALID },
		{ "Bearer \x01", 401, INVALID },
	};
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused(g, ask(g, cases[i].value), cases[i].status, cases[i].challenge);
}

static void
a_value_that_is_too_long_is_refused(void **state)
{
	struct rig *g = *state;
	char value[20000];

	memset(value, 'a', sizeof value);
	memcpy(value, "Bearer ", 7);
	for (size_t n = 1023; n <= 1025; n++) {
		char cut[1026];

		snprintf(cut, sizeof cut, "%.*s", (int)n, value);
		expect_refused(g, ask(g, cut), 401, INVALID);
	}
	value[sizeof value - 1] = '\0';
	expect_refused(g, ask(g, value), 401, INVALID);
}

/* Nobody knows which of them the web server, or a proxy before it, has looked at. */
static void
two_values_are_refused_even_when_they_are_equal(void **state)
{
	static const char *const params[] = { "HTTP_AUTHORIZATION", "Bearer " GOOD, "HTTP_AUTHORIZATION",
		                              "Bearer " GOOD, NULL };
	struct rig *g = *state;
	int fd = rig_connect(g);

	rig_request(g, fd,
	            &(struct rig_request){ .method = "GET", .path = "/gated", .id = 1, .params = params });
	expect_refused(g, fd, 401, INVALID);
}

/* In base64: the name, a colon, the token. */
#define AS_GO                                                                                                \
	"Basic "                                                                                             \
	"Z286Y2ZuX2FhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"                   \
	"YWFhYWFhYWFhYWE="
#define AS_GOOD_AND_NUL                                                                                      \
	"Basic "                                                                                             \
	"Z29vZAA6Y2ZuX2FhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"                   \
	"YWFhYWFhYWFhYWFhYWE="
#define AS_ELSEWHERE                                                                                         \
	"Basic "                                                                                             \
	"ZWxzZXdoZXJlOmNmbl9iYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi"                   \
	"YmJiYmJiYmJiYmJiYmJiYmJi"
#define AS_GOOD                                                                                              \
	"Basic "                                                                                             \
	"Z29vZDpjZm5fYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"                   \
	"YWFhYWFhYWFhYWFhYQ=="

static void
basic_takes_the_token_as_the_password_of_its_name(void **state)
{
	static const struct {
		const char *value;
		int status;
	} cases[] = {
		{ "Basic Og==", 401 },     /* : */
		{ "Basic Z29vZDo=", 401 }, /* good: */
		{ "Basic Z29vZA==", 401 }, /* good */
		{ "Basic !!!!", 401 },     { "Basic Z29vZDo", 401 }, { "Basic", 401 },
		{ "Bearer " GOOD, 401 },   { AS_GO, 401 },           { AS_GOOD_AND_NUL, 401 },
		{ AS_ELSEWHERE, 403 },
	};
	const struct snapshot_function gated = rig_gated(AUTH_BASIC);
	struct rig *g = *state;
	struct rig_worker w;
	int fd;

	rig_gate(g, &gated);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fd = ask(g, cases[i].value);
		if (cases[i].status == 401) {
			expect_refused(g, fd, 401, "Basic realm=\"gated\", charset=\"UTF-8\"");
			continue;
		}
		assert_true(rig_answers(fd, cases[i].status, "403 Forbidden"));
		close(fd);
	}
	rig_lease(g, &w, RIG_GATED);
	expect_passed(g, &w, ask(g, AS_GOOD), "good");
	rig_worker_done(&w);
}

/* Which are good, to whom nothing was said: neither a body's limit nor that the function is disabled. */
static void
who_may_not_call_learns_nothing_more(void **state)
{
	struct snapshot_function gated = rig_gated(AUTH_BEARER);
	struct rig *g = *state;
	int fd = rig_connect(g);

	rig_request(g, fd,
	            &(struct rig_request){
			.method = "POST", .path = "/gated", .id = 1, .length = "99999999" });
	expect_refused(g, fd, 401, REALM);
	gated.is_enabled = false;
	rig_gate(g, &gated);
	expect_refused(g, ask(g, NULL), 401, REALM);
	fd = ask(g, "Bearer " GOOD);
	assert_true(rig_answers(fd, 503, "disabled"));
	close(fd);
}

/* Which paths there are is no secret; what they take is. */
static void
methods_are_for_who_may_use_one(void **state)
{
	static const struct {
		const char *method, *path, *token;
		int status;
	} cases[] = { { "GET", "/gated/x", NULL, 404 },
		      { "DELETE", "/gated", NULL, 401 },
		      { "OPTIONS", "/gated", NULL, 401 },
		      { "OPTIONS", "/gated", "Bearer " ELSEWHERE, 403 },
		      { "DELETE", "/gated", "Bearer " GOOD, 405 },
		      { "OPTIONS", "/gated", "Bearer " GOOD, 204 } };
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const params[] = { "HTTP_AUTHORIZATION", cases[i].token, NULL };
		int fd = rig_connect(g);

		rig_request(g, fd,
		            &(struct rig_request){ .method = cases[i].method,
		                                   .path = cases[i].path,
		                                   .id = 1,
		                                   .params = cases[i].token ? params : NULL });
		if (!rig_answers(fd, cases[i].status, ""))
			fail_msg("%s %s: not %d", cases[i].method, cases[i].path, cases[i].status);
		close(fd);
	}
}

static void
it_is_refused_before_its_body_is_read(void **state)
{
	struct rig *g = *state;
	int fd = rig_connect(g);

	rig_request(g, fd,
	            &(struct rig_request){
			.method = "POST", .path = "/gated", .id = 1, .length = "1000", .is_open = true });
	expect_refused(g, fd, 401, REALM);
}

static void
a_client_cannot_name_itself(void **state)
{
	static const char *const params[] = { "HTTP_AUTHORIZATION",
		                              "Bearer " GOOD,
		                              "CFN_USER",
		                              "root",
		                              "HTTP_CFN_USER",
		                              "other",
		                              "CFN_USER",
		                              "admin",
		                              "REMOTE_USER",
		                              "other",
		                              "CFN_USER_",
		                              "root",
		                              "REDIRECT_HTTP_AUTHORIZATION",
		                              "Bearer " GOOD,
		                              NULL };
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);

	rig_lease(g, &w, RIG_GATED);
	rig_request(g, fd,
	            &(struct rig_request){ .method = "GET", .path = "/gated", .id = 1, .params = params });
	assert_true(rig_receive(&w));
	assert_true(rig_message_has(&w, "CFN_USERgood"));
	assert_false(rig_message_has(&w, "CFN_USERroot"));
	assert_false(rig_message_has(&w, "CFN_USERadmin"));
	assert_false(rig_message_has(&w, "CFN_USER_"));
	assert_false(rig_message_has(&w, GOOD));
	rig_reply(g, &w, HELLO);
	close(fd);
	rig_worker_done(&w);
}

static void
a_function_that_asks_for_nothing_sees_what_is_shown(void **state)
{
	static const char *const params[] = { "HTTP_AUTHORIZATION", "Custom x", "CFN_USER", "root", NULL };
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);

	rig_lease(g, &w, RIG_FAST);
	rig_request(g, fd,
	            &(struct rig_request){ .method = "GET", .path = "/fast", .id = 1, .params = params });
	assert_true(rig_receive(&w));
	assert_true(rig_message_has(&w, "HTTP_AUTHORIZATIONCustom x"));
	assert_false(rig_message_has(&w, "CFN_USER"));
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	close(fd);
	rig_worker_done(&w);
}

/* ---- revocation ---- */

static void
a_token_that_is_revoked_is_refused_from_then_on(void **state)
{
	struct rig *g = *state;
	const struct rig_message *taken;
	struct rig_worker w;

	rig_lease(g, &w, RIG_GATED);
	expect_passed(g, &w, ask(g, "Bearer " GOOD), "good");
	while (rig_said(g, MSG_TOKENS_TAKEN))
		;
	give_tokens(g, 7, 1);
	taken = rig_said(g, MSG_TOKENS_TAKEN);
	assert_non_null(taken);
	assert_int_equal(taken->tokens.serial, 7);
	expect_refused(g, ask(g, "Bearer " GOOD), 401, INVALID);
	expect_passed(g, &w, ask(g, "Bearer " EVERYWHERE), "everywhere");
	rig_worker_done(&w);
}

static void
requests_that_wait_when_their_token_is_revoked_are_not_begun(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int first = ask(g, "Bearer " GOOD), second = ask(g, "Bearer " EVERYWHERE), open = rig_connect(g);
	static const char *const params[] = { "HTTP_AUTHORIZATION", "Bearer " GOOD, NULL };
	struct buf rest;

	/* One more whose body is not complete. */
	rig_request(g, open,
	            &(struct rig_request){ .method = "POST",
	                                   .path = "/gated",
	                                   .id = 1,
	                                   .length = "4",
	                                   .body = "ab",
	                                   .n_body = 2,
	                                   .is_open = true,
	                                   .params = params });
	assert_int_equal(g->router.counters.requests_active, 3);
	while (rig_said(g, MSG_WANT))
		;
	give_tokens(g, 2, 1);
	assert_true(rig_answers(first, 401, INVALID));
	close(first);
	buf_init(&rest, 100);
	rig_record(&rest, FCGI_STDIN, 1, "cd", 2);
	rig_record(&rest, FCGI_STDIN, 1, NULL, 0);
	rig_send(g, open, buf_head(&rest), buf_used(&rest));
	buf_done(&rest);
	assert_true(rig_answers(open, 401, INVALID));
	close(open);
	rig_lease(g, &w, RIG_GATED);
	expect_passed(g, &w, second, "everywhere");
	rig_worker_done(&w);
}

/* Nothing takes back what lies in a worker's socket. */
static void
nobody_waits_behind_another_in_a_worker(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int first, second;

	rig_lease(g, &w, RIG_GATED);
	first = ask(g, "Bearer " EVERYWHERE);
	/* As of a function that is known to be quick. */
	pool_find(&g->router, RIG_GATED)->service_ns = 1;
	second = ask(g, "Bearer " GOOD);
	assert_true(rig_receive(&w));
	assert_int_equal(g->router.counters.requests_queued, 1);
	give_tokens(g, 2, 1);
	assert_true(rig_answers(second, 401, INVALID));
	rig_reply(g, &w, "Content-Type: text/plain\r\n\r\nhello");
	assert_true(rig_answers(first, 200, "hello"));
	assert_false(rig_receive(&w));
	close(first);
	close(second);
	rig_worker_done(&w);
}

/* Or whoever changes tokens all the time would hold up for ever who waits. */
static void
who_is_judged_anew_has_waited_already(void **state)
{
	struct rig *g = *state;
	int fd = ask(g, "Bearer " EVERYWHERE);
	struct request *q = TAILQ_FIRST(&pool_find(&g->router, RIG_GATED)->queue);
	uint64_t since;

	assert_non_null(q);
	since = q->queued_us -= 1000 * 1000;
	give_tokens(g, 2, 1);
	assert_ptr_equal(TAILQ_FIRST(&pool_find(&g->router, RIG_GATED)->queue), q);
	assert_int_equal(q->queued_us, since);
	close(fd);
}

static void
a_list_that_cannot_be_read_leaves_no_token(void **state)
{
	const struct tokens_serial body = { 9 };
	struct rig *g = *state;
	struct err e = { 0 };
	int fd = memfd_create("open", MFD_CLOEXEC);

	assert_int_equal(message_send(g->master, MSG_TOKENS, &body, sizeof body, &fd, 1, &e), 0);
	close(fd);
	rig_run(g);
	expect_refused(g, ask(g, "Bearer " GOOD), 401, INVALID);
}

static void
without_a_list_nobody_is_let_in(void **state)
{
	const struct snapshot_function gated = rig_gated(AUTH_BEARER);
	struct rig *g = rig_new(false);

	(void)state;
	rig_gate(g, &gated);
	expect_refused(g, ask(g, "Bearer " GOOD), 401, INVALID);
	rig_free(g);
}

/* Neither is good for the other's. */
static void
the_runner_takes_its_own_scope_and_no_functions(void **state)
{
	struct snapshot_function gated = rig_gated(AUTH_BEARER);
	struct rig *g = *state;
	struct rig_worker w;

	expect_refused(g, ask(g, "Bearer " RUNS), 403, SCOPE);
	gated.is_run = 1;
	rig_gate(g, &gated);
	expect_refused(g, ask(g, "Bearer " GOOD), 403, RUN_SCOPE);
	expect_refused(g, ask(g, "Bearer " EVERYWHERE), 403, RUN_SCOPE);
	rig_lease(g, &w, RIG_GATED);
	expect_passed(g, &w, ask(g, "Bearer " RUNS), "runs");
}

/* Who asks for runs reads documents, and knows of no function. */
static void
a_method_that_runs_do_not_take_is_refused_by_a_document(void **state)
{
	static const char *const methods[] = { "PUT", "PATCH", "DELETE", "BREW" };
	struct snapshot_function gated = rig_gated(AUTH_BEARER);
	struct rig *g = *state;

	gated.is_run = 1;
	rig_gate(g, &gated);
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		const char *const params[] = { "HTTP_AUTHORIZATION", "Bearer " RUNS, NULL };
		const struct rig_request q = {
			.method = methods[i], .path = "/gated", .id = 1, .params = params
		};
		int fd = rig_connect(g);

		rig_request(g, fd, &q);
		assert_true(rig_answers(fd, 405, "\"detail\":\"This path does not take this method.\""));
		close(fd);
	}
}

/* What a newer program may say is no reason to let everybody in. */
static void
a_gate_that_is_not_known_is_closed(void **state)
{
	struct snapshot_function gated = rig_gated(AUTH_BEARER);
	struct rig *g = *state;
	int fd;

	gated.auth = 77;
	rig_gate(g, &gated);
	fd = ask(g, NULL);
	assert_true(rig_answers(fd, 401, "401 Unauthorized"));
	close(fd);
}

static void
the_access_log_says_who_and_why_not(void **state)
{
	struct rig *g = *state;
	char text[4096] = "";
	int fd;

	fd = ask(g, "Bearer " UNKNOWN);
	assert_true(rig_answers(fd, 401, ""));
	close(fd);
	fd = ask(g, "Bearer " ELSEWHERE);
	assert_true(rig_answers(fd, 403, ""));
	close(fd);
	assert_true(pread(g->logs[0], text, sizeof text - 1, 0) > 0);
	assert_non_null(strstr(text, "\"status\":401,\"cause\":\"unauthorized\",\"function\":\"gated\""));
	assert_non_null(strstr(text, "\"status\":403,\"cause\":\"forbidden\",\"function\":\"gated\""));
	assert_non_null(strstr(text, "\"user\":\"elsewhere\""));
	assert_null(strstr(text, "cfn_"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_shows_a_token_that_is_good_is_let_in_and_named),
		TEST(nobody_else_is),
		TEST(a_value_that_is_too_long_is_refused),
		TEST(two_values_are_refused_even_when_they_are_equal),
		TEST(basic_takes_the_token_as_the_password_of_its_name),
		TEST(who_may_not_call_learns_nothing_more),
		TEST(methods_are_for_who_may_use_one),
		TEST(it_is_refused_before_its_body_is_read),
		TEST(a_client_cannot_name_itself),
		TEST(a_function_that_asks_for_nothing_sees_what_is_shown),
		TEST(a_token_that_is_revoked_is_refused_from_then_on),
		TEST(requests_that_wait_when_their_token_is_revoked_are_not_begun),
		TEST(nobody_waits_behind_another_in_a_worker),
		TEST(who_is_judged_anew_has_waited_already),
		TEST(a_list_that_cannot_be_read_leaves_no_token),
		TEST(without_a_list_nobody_is_let_in),
		TEST(the_runner_takes_its_own_scope_and_no_functions),
		TEST(a_method_that_runs_do_not_take_is_refused_by_a_document),
		TEST(a_gate_that_is_not_known_is_closed),
		TEST(the_access_log_says_who_and_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
