/* test_router_session.c - sessions between web servers' cookies and workers' texts, which both may lie. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "router_rig.h"

enum { COOKIE_SIZE = 4096 };

static int
setup(void **state)
{
	struct rig *g = rig_new(false);
	struct session_keys keys;

	*state = g;
	if (!g)
		return -1;
	session_keys_make(&keys);
	rig_say(g, MSG_SESSION_KEYS, &keys, sizeof keys);
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* One GET of /fast that the worker answers with this head and a body; all of what comes back. */
static void
exchange(struct rig *g, struct rig_worker *w, const struct rig_request *how, const char *head, char *answer)
{
	struct rig_request q = *how;
	struct rig_answer a;
	char text[20000];
	int fd = rig_connect(g);

	q.method = q.method ? q.method : "GET";
	q.path = q.path ? q.path : "/fast";
	q.id = 1;
	rig_request(g, fd, &q);
	assert_true(rig_receive(w));
	snprintf(text, sizeof text, "Content-Type: text/plain\r\n%s\r\nhello", head);
	rig_reply(g, w, text);
	rig_answer(fd, &a);
	assert_int_equal(a.ended, FCGI_REQUEST_COMPLETE);
	snprintf(answer, COOKIE_SIZE, "%.*s", (int)buf_used(&a.text), buf_head(&a.text));
	buf_done(&a.text);
	close(fd);
}

/* Name and value of the Set-Cookie in an answer, as a browser sends them back. */
static bool
cookie_in(const char *answer, char cookie[COOKIE_SIZE])
{
	const char *field = strstr(answer, "Set-Cookie: ");

	if (!field)
		return false;
	field += strlen("Set-Cookie: ");
	snprintf(cookie, COOKIE_SIZE, "%.*s", (int)strcspn(field, ";\r"), field);
	return true;
}

/* Whether the worker got a session: the rig's web server sends HTTP_CFN_SESSION with every request. */
static bool
has_session(const struct rig_worker *w)
{
	const char *at = (const char *)w->message, *end = at + w->n_message;

	while ((at = memmem(at, (size_t)(end - at), "CFN_SESSION", 11))) {
		if (memcmp(at - 5, "HTTP_", 5) != 0)
			return true;
		at++;
	}
	return false;
}

static void
a_session_goes_to_the_browser_sealed_and_comes_back_open(void **state)
{
	static const struct rig_request plain = { 0 };
	struct rig *g = *state;
	struct rig_worker w;
	char answer[COOKIE_SIZE], cookie[COOKIE_SIZE], field[COOKIE_SIZE + 16];

	rig_lease(g, &w, RIG_FAST);
	exchange(g, &w, &plain, "X-CFN-Session: " RIG_SESSION "&user=ada\r\n", answer);
	assert_null(strcasestr(answer, "X-CFN-"));
	assert_null(strstr(answer, "ada"));
	assert_true(cookie_in(answer, cookie));
	assert_memory_equal(cookie, "cfn-fast=", 9);
	snprintf(field, sizeof field, "a=b; %s; c=d", cookie);
	exchange(g, &w, &(struct rig_request){ .cookie = field }, "", answer);
	assert_true(rig_message_has(&w, "CFN_SESSION" RIG_SESSION "&user=ada"));
	assert_true(rig_message_has(&w, "HTTP_COOKIEa=b;  "));
	assert_true(rig_message_has(&w, "; c=d"));
	assert_false(rig_message_has(&w, "CFN_SESSION_DUE"));
	assert_false(rig_message_has(&w, cookie + 9));
	/* Nothing was changed, so nothing is set. */
	assert_null(strstr(answer, "Set-Cookie"));
	rig_worker_done(&w);
}

static void
what_a_client_says_of_its_session_is_nothing(void **state)
{
	static const char *const cookies[] = {
		NULL,
		"",
		"cfn-fast",
		"cfn-fast=",
		"cfn-fast=AQAAAAE",
		"cfn-fast=" RIG_SESSION "&user=evil",
		"cfn-fast=x; cfn-fast=y; cfn-fast=z; cfn-fast=1; cfn-fast=2",
	};
	struct rig *g = *state;
	struct rig_worker w;
	char answer[COOKIE_SIZE];

	rig_lease(g, &w, RIG_FAST);
	for (size_t i = 0; i < ARRAY_SIZE(cookies); i++) {
		exchange(g, &w, &(struct rig_request){ .cookie = cookies[i] }, "", answer);
		/* The rig's web server sends a param CFN_SESSION in every request. */
		assert_false(has_session(&w));
		assert_true(rig_message_has(&w, "HTTP_CFN_SESSION" RIG_SESSION));
		assert_false(rig_message_has(&w, "cfn-fast"));
		assert_null(strstr(answer, "Set-Cookie"));
	}
	rig_worker_done(&w);
}

static void
https_has_a_cookie_of_its_own(void **state)
{
	static const struct {
		struct rig_request q;
		bool is_secure;
	} cases[] = {
		{ { .scheme = "http" }, false },   { { .scheme = "https" }, true },
		{ { .https = "on" }, true },       { { .https = "1" }, true },
		{ { .https = "off" }, false },     { { .https = "" }, false },
		{ { .scheme = "httpsx" }, false }, { { .scheme = "http", .https = "on" }, true },
	};
	struct rig *g = *state;
	struct rig_worker w;
	char answer[COOKIE_SIZE], cookie[COOKIE_SIZE];

	rig_lease(g, &w, RIG_FAST);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_request back = cases[i].q, other = { 0 };

		exchange(g, &w, &cases[i].q, "X-CFN-Session: " RIG_SESSION "\r\n", answer);
		assert_true(cookie_in(answer, cookie));
		assert_int_equal(strncmp(cookie, "__Host-", 7) == 0, cases[i].is_secure);
		assert_int_equal(strstr(answer, "; Secure") != NULL, cases[i].is_secure);
		back.cookie = other.cookie = cookie;
		exchange(g, &w, &back, "", answer);
		assert_true(rig_message_has(&w, "CFN_SESSION" RIG_SESSION));
		other.https = cases[i].is_secure ? NULL : "on";
		exchange(g, &w, &other, "", answer);
		assert_false(has_session(&w));
	}
	rig_worker_done(&w);
}

static void
a_session_of_another_function_is_hidden_too(void **state)
{
	struct rig *g = *state;
	struct rig_worker fast, small;
	char answer[COOKIE_SIZE], cookie[COOKIE_SIZE];

	rig_lease(g, &fast, RIG_FAST);
	exchange(g, &fast, &(struct rig_request){ 0 }, "X-CFN-Session: " RIG_SESSION "\r\n", answer);
	assert_true(cookie_in(answer, cookie));
	rig_lease(g, &small, RIG_SMALL);
	exchange(g, &small, &(struct rig_request){ .method = "POST", .path = "/small/x", .cookie = cookie },
	         "X-CFN-Session: " RIG_SESSION "\r\n", answer);
	assert_false(rig_message_has(&small, cookie));
	assert_false(rig_message_has(&small, "cfn-fast"));
	/* Its artifact names no session, so its answer makes none. */
	assert_null(strstr(answer, "Set-Cookie"));
	assert_null(strcasestr(answer, "X-CFN-"));
	rig_worker_done(&fast);
	rig_worker_done(&small);
}

static void
a_second_field_of_cookies_is_a_bad_request(void **state)
{
	struct rig *g = *state;
	int fd = rig_connect(g);

	rig_request(
	    g, fd,
	    &(struct rig_request){
		.method = "GET", .path = "/fast", .id = 1, .cookie = "a=b", .is_cookie_twice = true });
	assert_true(rig_answers(fd, 400, "400 Bad Request"));
}

/* 100 fields, one too long, and such as are no session. */
static void
a_worker_that_lies_about_its_session_is_killed(void **state)
{
	static char many[8000], longer[SESSION_TEXT_MAX + 64];
	const char *const heads[] = {
		many,
		longer,
		"X-CFN-Session: " RIG_SESSION "\r\nx-cfn-session: " RIG_SESSION "\r\n",
		"X-CFN-Session: \r\n",
		"X-CFN-Session: user=ada\r\n",
		"X-CFN-Session: " RIG_SESSION "x\r\n",
		"X-CFN-Session: 00112233445566778899AABBCCDDEEFF\r\n",
		"X-CFN-Session: " RIG_SESSION "&a=\xff\r\n",
		"X-CFN-Session: " RIG_SESSION "&a\tb\r\n",
	};
	struct rig *g = *state;

	for (int i = 0; i < 100; i++)
		strcat(many, "X-CFN-Session: " RIG_SESSION "\r\n");
	snprintf(longer, sizeof longer, "X-CFN-Session: %s&%0*d\r\n", RIG_SESSION, SESSION_DATA_MAX, 0);
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		struct rig_worker w;
		char answer[COOKIE_SIZE];
		const struct rig_message *m;

		rig_lease(g, &w, RIG_FAST);
		exchange(g, &w, &(struct rig_request){ 0 }, heads[i], answer);
		assert_non_null(strstr(answer, "bad_response"));
		assert_null(strstr(answer, "Set-Cookie"));
		m = rig_said(g, MSG_OVERRUN);
		assert_non_null(m);
		assert_int_equal(m->overrun.cause, CAUSE_BAD_RESPONSE);
		rig_ended(g, &w, CAUSE_BAD_RESPONSE);
		rig_worker_done(&w);
	}
}

static void
no_function_sets_a_session_by_itself(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	char answer[COOKIE_SIZE];

	rig_lease(g, &w, RIG_FAST);
	exchange(g, &w, &(struct rig_request){ 0 },
	         "Set-Cookie: cfn-other=x\r\nset-cookie: __Host-cfn-fast=x; Secure; Path=/\r\n"
	         "Set-Cookie: =cfn-other=y\r\nSet-Cookie: mine=1\r\n",
	         answer);
	assert_null(strstr(answer, "cfn-"));
	assert_non_null(strstr(answer, "Set-Cookie: mine=1\r\n"));
	rig_worker_done(&w);
}

/* Somebody's session in a shared cache would be everybody's. */
static void
a_session_stays_when_its_function_is_replaced_while_it_waits(void **state)
{
	struct rig *g = *state;
	struct rig_worker old, next;
	char answer[COOKIE_SIZE], cookie[COOKIE_SIZE];
	int fd = rig_connect(g);

	rig_lease(g, &old, RIG_FAST);
	exchange(g, &old, &(struct rig_request){ 0 }, "X-CFN-Session: " RIG_SESSION "&user=ada\r\n", answer);
	assert_true(cookie_in(answer, cookie));
	rig_say(g, MSG_RETIRE, &(struct process_ref){ old.id }, sizeof(struct process_ref));
	assert_non_null(rig_said(g, MSG_RELEASED));
	rig_request(g, fd,
	            &(struct rig_request){ .method = "GET", .path = "/fast", .id = 1, .cookie = cookie });
	assert_int_equal(g->router.counters.requests_queued, 1);
	rig_lease(g, &next, RIG_FAST_NEXT);
	rig_swap(g, true);
	assert_true(rig_receive(&next));
	assert_true(rig_message_has(&next, "CFN_SESSION" RIG_SESSION "&user=ada"));
	assert_false(rig_message_has(&next, cookie + 9));
	rig_worker_done(&old);
	rig_worker_done(&next);
	close(fd);
}

static void
an_answer_with_a_session_is_private_whatever_its_function_says(void **state)
{
	static const char *const heads[] = {
		"",
		"Cache-Control: public, max-age=60\r\n",
		"Cache-Control: private=\"X-Name\", max-age=60\r\n",
		"Cache-Control: public, no-store=\"x\"\r\n",
		"Expires: Thu, 01 Jan 2099 00:00:00 GMT\r\n",
		"CDN-Cache-Control: max-age=60\r\nSurrogate-Control: max-age=60\r\n",
	};
	struct rig *g = *state;
	struct rig_worker w;

	rig_lease(g, &w, RIG_FAST);
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		char answer[COOKIE_SIZE], head[256];

		snprintf(head, sizeof head, "%sX-CFN-Session: " RIG_SESSION "\r\n", heads[i]);
		exchange(g, &w, &(struct rig_request){ 0 }, head, answer);
		assert_non_null(strstr(answer, "Cache-Control: private\r\n"));
		assert_null(strstr(answer, "-Control: max-age"));
		assert_null(strstr(answer, "Cache-Control: public, max-age"));
	}
	rig_worker_done(&w);
}

static void
an_answer_with_a_session_is_not_stored_by_others(void **state)
{
	static const struct {
		const char *head;
		bool is_kept;
	} cases[] = {
		{ "Cache-Control: public, max-age=60\r\n", false },
		{ "cache-control: max-age=60\r\n", false },
		{ "Cache-Control: private, no-store\r\n", true },
		{ "Cache-Control: private, max-age=60\r\n", true },
	};
	struct rig *g = *state;
	struct rig_worker w;

	rig_lease(g, &w, RIG_FAST);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char answer[COOKIE_SIZE], head[256];

		snprintf(head, sizeof head, "%sX-CFN-Session: " RIG_SESSION "\r\n", cases[i].head);
		exchange(g, &w, &(struct rig_request){ 0 }, head, answer);
		assert_int_equal(strstr(answer, cases[i].head) != NULL, cases[i].is_kept);
		exchange(g, &w, &(struct rig_request){ 0 }, cases[i].head, answer);
		assert_non_null(strstr(answer, cases[i].head));
	}
	rig_worker_done(&w);
}

static void
without_keys_there_are_no_sessions(void **state)
{
	struct rig *g = *state;
	struct session_keys none = { 0 };
	struct rig_worker w;
	char answer[COOKIE_SIZE];

	rig_say(g, MSG_SESSION_KEYS, &none, sizeof none);
	rig_lease(g, &w, RIG_FAST);
	exchange(g, &w, &(struct rig_request){ 0 }, "X-CFN-Session: " RIG_SESSION "\r\n", answer);
	assert_non_null(strstr(answer, "hello"));
	assert_null(strstr(answer, "Set-Cookie"));
	rig_worker_done(&w);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_session_goes_to_the_browser_sealed_and_comes_back_open),
		TEST(what_a_client_says_of_its_session_is_nothing),
		TEST(https_has_a_cookie_of_its_own),
		TEST(a_session_of_another_function_is_hidden_too),
		TEST(a_second_field_of_cookies_is_a_bad_request),
		TEST(a_worker_that_lies_about_its_session_is_killed),
		TEST(no_function_sets_a_session_by_itself),
		TEST(a_session_stays_when_its_function_is_replaced_while_it_waits),
		TEST(an_answer_with_a_session_is_private_whatever_its_function_says),
		TEST(an_answer_with_a_session_is_not_stored_by_others),
		TEST(without_keys_there_are_no_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
