/* test_router_cache.c - answers that the router keeps: who gets them, who waits for them, and how many there
 * are. */
#include "unit.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "router_rig.h"

#define HELLO "Content-Type: text/plain\r\n\r\nhello"

static int
asked_as(struct rig *g, const char *method, const char *const *params)
{
	int fd = rig_connect(g);

	rig_request(g, fd,
	            &(struct rig_request){ .method = method, .path = "/kept", .id = 1, .params = params });
	return fd;
}

static int
asked(struct rig *g)
{
	return asked_as(g, "GET", NULL);
}

static struct cache *
cache(struct rig *g)
{
	return &g->router.cache;
}

/* A worker of the function that has got the next request. */
static void
serve(struct rig *g, struct rig_worker *w)
{
	rig_lease(g, w, RIG_KEPT);
	assert_true(rig_receive(w));
}

static bool
is_silent(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static void
answer_is(int fd, int status, const char *part)
{
	if (!rig_answers(fd, status, part))
		fail_msg("not %d with %s", status, part);
	close(fd);
}

static void
an_answer_is_given_again_without_a_worker(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);

	serve(g, &w);
	rig_reply(g, &w, HELLO);
	answer_is(fd, 200, "X-Cache: MISS");
	answer_is(asked(g), 200, "X-Cache: HIT");
	answer_is(asked(g), 200, "hello");
	answer_is(asked_as(g, "HEAD", NULL), 200, "Content-Length: 5");
	assert_false(rig_receive(&w));
	assert_int_equal(g->router.counters.cache_hits, 3);
	assert_int_equal(g->router.counters.requests_active, 0);
	rig_worker_done(&w);
}

static void
what_is_one_clients_own_goes_to_the_function(void **state)
{
	static const char *const own[][3] = {
		{ "HTTP_COOKIE", "a=1" },        { "HTTP_AUTHORIZATION", "x" },
		{ "HTTP_RANGE", "bytes=0-1" },   { "HTTP_CACHE_CONTROL", "max-age=0, no-store" },
		{ "REMOTE_USER", "ada" },        { "HTTP_IF_MATCH", "\"a\"" },
		{ "AUTH_TYPE", "Basic" },        { "HTTP_PROXY_AUTHORIZATION", "x" },
		{ "HTTP_UPGRADE", "websocket" },
	};
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);

	serve(g, &w);
	rig_reply(g, &w, HELLO);
	answer_is(fd, 200, "X-Cache: MISS");
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		fd = asked_as(g, "GET", own[i]);
		if (!rig_receive(&w))
			fail_msg("%s", own[i][0]);
		assert_true(rig_message_has(&w, own[i][1]));
		rig_reply(g, &w, "Content-Type: text/plain\r\n\r\nown");
		answer_is(fd, 200, "own");
	}
	fd = asked_as(g, "POST", NULL);
	assert_true(rig_receive(&w));
	rig_reply(g, &w, HELLO);
	answer_is(fd, 200, "hello");
	answer_is(asked(g), 200, "HIT");
	assert_int_equal(cache(g)->n_entries, 1);
	rig_worker_done(&w);
}

/* What is not in the name of an answer does not reach who makes it, and what reaches him is in the name. */
static void
a_function_sees_what_names_its_answer_and_nothing_else(void **state)
{
	static const char *const unseen[] = { "HTTP_X_FORWARDED_HOST",
		                              "evil",
		                              "HTTP_X_FORWARDED_FOR",
		                              "evil",
		                              "HTTP_USER_AGENT",
		                              "evil",
		                              "REMOTE_ADDR",
		                              "evil",
		                              "UNIQUE_ID",
		                              "evil",
		                              "HTTP_X_ORIGINAL_URL",
		                              "evil",
		                              "HTTP_IF_NONE_MATCH",
		                              "evil",
		                              "HTTP_CACHE_CONTROL",
		                              "no-cache",
		                              NULL };
	static const char *const seen[][3] = {
		{ "HTTP_HOST", "one" },        { "HTTPS", "on" },
		{ "REQUEST_SCHEME", "https" }, { "QUERY_STRING", "a=1" },
		{ "HTTP_ACCEPT", "x/y" },      { "HTTP_ACCEPT_ENCODING", "br" },
		{ "HTTP_ORIGIN", "o" },        { "HTTP_ACCEPT_LANGUAGE", "eo" },
		{ "TENANT", "seven" },         { "SERVER_PORT", "444" },
	};
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked_as(g, "GET", unseen);

	serve(g, &w);
	assert_false(rig_message_has(&w, "evil"));
	rig_reply(g, &w, HELLO);
	answer_is(fd, 200, "MISS");
	answer_is(asked(g), 200, "HIT");
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		fd = asked_as(g, "GET", seen[i]);
		if (!rig_receive(&w))
			fail_msg("%s", seen[i][0]);
		assert_true(rig_message_has(&w, seen[i][1]));
		rig_reply(g, &w, HELLO);
		answer_is(fd, 200, "MISS");
	}
	rig_worker_done(&w);
}

static void
head_is_answered_by_what_get_got_and_not_the_other_way_round(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked_as(g, "HEAD", NULL);

	serve(g, &w);
	assert_true(rig_message_has(&w, "HEAD"));
	rig_reply(g, &w, "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
	answer_is(fd, 200, "Content-Length: 5");
	assert_int_equal(cache(g)->n_entries, 0);
	fd = asked(g);
	assert_true(rig_receive(&w));
	assert_true(rig_message_has(&w, "GET"));
	rig_reply(g, &w, HELLO);
	answer_is(fd, 200, "hello");
	rig_worker_done(&w);
}

/* ---- what is kept ---- */

static void
answers_are_kept_as_they_say(void **state)
{
	static const struct {
		const char *answer;
		bool is_kept;
	} cases[] = {
		{ HELLO, true },
		{ "Cache-Control: public\r\n" HELLO, true },
		{ "Cache-Control: max-age=1\r\n" HELLO, true },
		{ "Cache-Control: max-age=0\r\n" HELLO, false },
		{ "Cache-Control: max-age=9, s-maxage=0\r\n" HELLO, false },
		{ "Cache-Control: max-age=0, s-maxage=9\r\n" HELLO, true },
		{ "Cache-Control: max-age=9\r\nCache-Control: no-store\r\n" HELLO, false },
		{ "Cache-Control: PRIVATE\r\n" HELLO, false },
		{ "Cache-Control: private=\"x\"\r\n" HELLO, false },
		{ "Cache-Control: no-cache\r\n" HELLO, false },
		{ "Cache-Control: max-age=\"\r\n" HELLO, false },
		{ "Expires: Thu, 01 Jan 2099 00:00:00 GMT\r\n" HELLO, false },
		{ "Expires: 0\r\nCache-Control: max-age=9\r\n" HELLO, true },
		{ "Pragma: no-cache\r\n" HELLO, false },
		{ "Set-Cookie: a=1\r\n" HELLO, false },
		{ "X-CFN-Session: user=ada\r\n" HELLO, false },
		{ "Vary: Accept-Encoding, origin\r\n" HELLO, true },
		{ "Vary: *\r\n" HELLO, false },
		{ "Vary: Accept\r\nVary: Cookie\r\n" HELLO, false },
		{ "Vary: Accept-Enc\r\n" HELLO, false },
		{ "Status: 201 Created\r\n" HELLO, false },
		{ "Status: 302 Found\r\nLocation: /x\r\n\r\n", false },
		{ "Status: 301 Moved\r\nLocation: /x\r\n\r\n", true },
		{ "Status: 204 No Content\r\nA: b\r\n\r\n", true },
		{ "Status: 206 Partial\r\nContent-Range: bytes 0-1/2\r\n" HELLO, false },
		{ "Content-Range: bytes 0-1/2\r\n" HELLO, false },
		{ "Status: 404 Not Found\r\n" HELLO, true },
		{ "Status: 500 Oops\r\n" HELLO, false },
		{ "X-CFN-Stream: 1\r\n" HELLO, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig *g = rig_new(false);
		struct rig_worker w;
		int fd = asked(g);

		serve(g, &w);
		rig_reply(g, &w, cases[i].answer);
		close(fd);
		fd = asked(g);
		if (g->router.counters.cache_hits != (cases[i].is_kept ? 1 : 0))
			fail_msg("%s", cases[i].answer);
		close(fd);
		rig_worker_done(&w);
		rig_free(g);
	}
}

static void
an_answer_is_kept_for_its_time(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);
	struct entry *e;

	serve(g, &w);
	rig_reply(g, &w, "Cache-Control: max-age=7\r\n" HELLO);
	close(fd);
	e = TAILQ_FIRST(&cache(g)->recent);
	assert_int_equal(e->until_us - e->stored_us, 7000000);
	e->stored_us -= 5000000;
	answer_is(asked(g), 200, "Age: 5\r\n");
	e->until_us = g->router.now_us;
	fd = asked(g);
	assert_true(rig_receive(&w));
	rig_reply(g, &w, HELLO);
	answer_is(fd, 200, "MISS");
	e = TAILQ_FIRST(&cache(g)->recent);
	assert_int_equal(e->until_us - e->stored_us, 60000000); /* the function's cache */
	rig_worker_done(&w);
}

static void
a_client_that_has_it_gets_a_304(void **state)
{
	static const struct {
		const char *params[3];
		int status;
	} cases[] = {
		{ { "HTTP_IF_NONE_MATCH", "\"x\", W/\"tag\"" }, 304 },
		{ { "HTTP_IF_NONE_MATCH", "*" }, 304 },
		{ { "HTTP_IF_NONE_MATCH", "\"other\"" }, 200 },
		{ { "HTTP_IF_MODIFIED_SINCE", "Sun, 06 Nov 1994 08:49:37 GMT" }, 304 },
		{ { "HTTP_IF_MODIFIED_SINCE", "Sun, 06 Nov 1994 08:49:38 GMT" }, 200 },
	};
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked_as(g, "GET", cases[0].params);

	serve(g, &w);
	rig_reply(g, &w, "ETag: \"tag\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n" HELLO);
	answer_is(fd, 304, "MISS");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		answer_is(asked_as(g, "GET", cases[i].params), cases[i].status, "ETag: \"tag\"");
	rig_worker_done(&w);
}

/* ---- many at once ---- */

enum { CROWD = 5 };

static void
crowd(struct rig *g, int fds[CROWD])
{
	for (int i = 0; i < CROWD; i++)
		fds[i] = asked(g);
}

static void
all_get(int fds[CROWD], int first, int status, const char *part)
{
	for (int i = first; i < CROWD; i++)
		answer_is(fds[i], status, part);
}

static void
of_many_one_asks_and_all_get_its_answer(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fds[CROWD];

	crowd(g, fds);
	serve(g, &w);
	assert_false(rig_receive(&w));
	assert_true(is_silent(fds[CROWD - 1]));
	rig_reply(g, &w, HELLO);
	assert_false(rig_receive(&w));
	answer_is(fds[0], 200, "MISS");
	all_get(fds, 1, 200, "HIT");
	assert_int_equal(g->router.counters.requests_active, 0);
	rig_worker_done(&w);
}

static void
when_the_answer_may_not_be_kept_the_others_are_sent_on(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fds[CROWD];

	crowd(g, fds);
	serve(g, &w);
	rig_reply(g, &w, "Cache-Control: no-store\r\n" HELLO);
	answer_is(fds[0], 200, "hello");
	/* A queue of two, and one that the worker has: the last one is too many. */
	answer_is(fds[CROWD - 1], 503, "overloaded");
	for (int i = 1; i < CROWD - 1; i++) {
		assert_true(rig_receive(&w));
		rig_reply(g, &w, "Cache-Control: no-store\r\n" HELLO);
		answer_is(fds[i], 200, "hello");
	}
	assert_int_equal(g->router.counters.requests_active, 0);
	rig_worker_done(&w);
}

static void
when_the_worker_of_the_first_dies_another_leads(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fds[CROWD];

	crowd(g, fds);
	serve(g, &w);
	rig_worker_done(&w);
	rig_run(g);
	rig_ended(g, &w, CAUSE_CRASH);
	answer_is(fds[0], 500, "crash");
	serve(g, &w);
	assert_false(rig_receive(&w));
	rig_reply(g, &w, HELLO);
	all_get(fds, 1, 200, "hello");
	assert_int_equal(g->router.counters.requests_active, 0);
	rig_worker_done(&w);
}

static void
who_has_waited_for_three_failures_asks_by_himself(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fds[CROWD];

	crowd(g, fds);
	for (int i = 0; i < CACHE_JOINS_MAX; i++) {
		serve(g, &w);
		rig_worker_done(&w);
		rig_run(g);
		rig_ended(g, &w, CAUSE_CRASH);
		answer_is(fds[i], 500, "crash");
	}
	assert_int_equal(cache(g)->n_entries, 0);
	serve(g, &w);
	for (int i = CACHE_JOINS_MAX; i < CROWD; i++) {
		rig_reply(g, &w, HELLO);
		answer_is(fds[i], 200, "hello");
		rig_receive(&w);
	}
	rig_worker_done(&w);
}

static void
clients_that_leave_keep_nobody_waiting(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fds[CROWD];

	crowd(g, fds);
	serve(g, &w);
	/* Who leads and one who waits: the answer is made all the same. */
	close(fds[0]);
	close(fds[1]);
	rig_run(g);
	assert_true(is_silent(fds[2]));
	rig_reply(g, &w, HELLO);
	all_get(fds, 2, 200, "HIT");
	assert_int_equal(g->router.counters.requests_active, 0);
	rig_worker_done(&w);
}

static void
who_leaves_before_he_has_a_worker_leaves_the_lead_to_another(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fds[CROWD];

	crowd(g, fds);
	close(fds[0]);
	rig_run(g);
	serve(g, &w);
	rig_reply(g, &w, HELLO);
	all_get(fds, 1, 200, "hello");
	assert_int_equal(g->router.counters.requests_active, 0);
	rig_worker_done(&w);
}

static void
who_waits_too_long_for_another_asks_by_himself(void **state)
{
	struct rig *g = *state;
	struct rig_worker w, other;
	int fds[2];

	fds[0] = asked(g);
	serve(g, &w);
	fds[1] = asked(g);
	TAILQ_FIRST(&TAILQ_FIRST(&cache(g)->filling)->waiting)->queued_us -= QUEUE_WAIT_MS * 1000ULL + 1000;
	rig_tick(g);
	serve(g, &other);
	rig_reply(g, &other, HELLO);
	answer_is(fds[1], 200, "hello");
	rig_reply(g, &w, HELLO);
	answer_is(fds[0], 200, "hello");
	rig_worker_done(&other);
	rig_worker_done(&w);
}

/* The linker puts this in place of dispatch_request() (router.am): what a request brings about may end
 * another. */
static struct request *ended_by_the_next;

void __real_dispatch_request(struct router *r, struct request *q);
void __wrap_dispatch_request(struct router *r, struct request *q);

void
__wrap_dispatch_request(struct router *r, struct request *q)
{
	struct request *victim = ended_by_the_next;

	ended_by_the_next = NULL;
	if (victim)
		front_close(r, victim->front);
	__real_dispatch_request(r, q);
}

static void
one_that_is_sent_on_may_end_another_of_them(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fds[CROWD];

	crowd(g, fds);
	serve(g, &w);
	ended_by_the_next = TAILQ_LAST(&TAILQ_FIRST(&cache(g)->filling)->waiting, requests);
	rig_reply(g, &w, HELLO);
	for (int i = 0; i < CROWD - 1; i++)
		answer_is(fds[i], 200, "hello");
	close(fds[CROWD - 1]);
	assert_true(TAILQ_EMPTY(&g->router.released));
	cached_purge(&g->router, RIG_KEPT);
	/* Nobody is lost of those who are released later. */
	crowd(g, fds);
	assert_true(rig_receive(&w));
	rig_reply(g, &w, HELLO);
	all_get(fds, 0, 200, "hello");
	assert_int_equal(g->router.counters.requests_active, 0);
	rig_worker_done(&w);
}

static void
a_deploy_forgets_all_and_those_who_wait_ask_the_new_version(void **state)
{
	struct rig *g = *state;
	struct rig_worker w, next;
	int fds[CROWD];

	crowd(g, fds);
	serve(g, &w);
	rig_swap(g, true);
	assert_int_equal(cache(g)->n_entries, 1); /* of the new version */
	rig_reply(g, &w, "Content-Type: text/plain\r\n\r\nold");
	answer_is(fds[0], 200, "old");
	rig_lease(g, &next, RIG_KEPT_NEXT);
	assert_true(rig_receive(&next));
	rig_reply(g, &next, "Content-Type: text/plain\r\n\r\nnew");
	all_get(fds, 1, 200, "new");
	answer_is(asked(g), 200, "new");
	rig_worker_done(&next);
	rig_worker_done(&w);
}

static void
what_workers_answered_until_they_are_replaced_is_forgotten(void **state)
{
	struct rig *g = *state;
	struct rig_worker w, next;
	int fds[CROWD];

	crowd(g, fds);
	serve(g, &w);
	rig_say(g, MSG_REPLACED, &(struct version_ref){ RIG_FAST }, sizeof(struct version_ref));
	assert_int_equal(cache(g)->n_entries, 1);
	rig_say(g, MSG_RETIRE, &(struct process_ref){ w.id }, sizeof(struct process_ref));
	rig_say(g, MSG_REPLACED, &(struct version_ref){ RIG_KEPT }, sizeof(struct version_ref));
	rig_reply(g, &w, "Content-Type: text/plain\r\n\r\nold");
	answer_is(fds[0], 200, "old");
	rig_lease(g, &next, RIG_KEPT);
	assert_true(rig_receive(&next));
	rig_reply(g, &next, "Content-Type: text/plain\r\n\r\nnew");
	all_get(fds, 1, 200, "new");
	answer_is(asked(g), 200, "new");
	assert_int_equal(cache(g)->n_entries, 1);
	rig_say(g, MSG_REPLACED, &(struct version_ref){ RIG_KEPT }, sizeof(struct version_ref));
	assert_int_equal(cache(g)->n_entries, 0);
	rig_worker_done(&next);
	rig_worker_done(&w);
}

/* ---- bounds ---- */

static struct cache_key
key_of(const char *text)
{
	return (struct cache_key){ 1, text, strlen(text) };
}

static bool
keep(struct cache *c, const char *text, size_t n)
{
	const struct cache_key key = key_of(text);
	struct entry *e = cache_add(c, &key);
	char *to = e ? cache_reserve(c, e, n) : NULL;

	if (!to) {
		if (e)
			cache_drop(c, e);
		return false;
	}
	memset(to, 'x', n);
	cache_keep(c, e, ENTRY_KEPT, UINT64_MAX);
	return true;
}

static bool
has(struct cache *c, const char *text)
{
	const struct cache_key key = key_of(text);

	return cache_find(c, &key, 0) != NULL;
}

static void
the_least_recently_used_makes_room_and_no_more_is_held(void **state)
{
	static const struct siphash_key seed = { { 1, 2 } };
	const struct cache_key old = key_of("0");
	struct cache c;
	char name[16];

	(void)state;
	assert_int_equal(cache_open(&c, 40000, &seed), 0);
	assert_true(keep(&c, "0", 10000));
	assert_true(keep(&c, "1", 9000));
	assert_true(keep(&c, "2", 9000));
	cache_touch(&c, cache_find(&c, &old, 0));
	assert_false(keep(&c, "a", 10001)); /* a quarter at most */
	assert_true(keep(&c, "3", 10000));
	assert_true(keep(&c, "4", 10000));
	assert_true(has(&c, "0") && has(&c, "3") && has(&c, "4"));
	assert_false(has(&c, "1"));
	assert_true(c.used <= c.max);
	cache_done(&c);
	assert_int_equal(c.used, 0);
	assert_int_equal(cache_open(&c, 64 << 20, &seed), 0);
	for (int i = 0; i < CACHE_ENTRIES_MAX + 10; i++) {
		snprintf(name, sizeof name, "n%d", i);
		assert_true(keep(&c, name, 10));
	}
	assert_int_equal(c.n_entries, CACHE_ENTRIES_MAX);
	assert_false(has(&c, "n0"));
	assert_true(has(&c, name));
	cache_done(&c);
}

static void
a_question_and_an_answer_have_a_longest(void **state)
{
	static const struct siphash_key seed = { { 1, 2 } };
	static char text[CACHE_KEY_MAX + 2];
	struct cache c;

	(void)state;
	assert_int_equal(cache_open(&c, 64 << 20, &seed), 0);
	memset(text, 'q', CACHE_KEY_MAX);
	assert_true(keep(&c, text, 1));
	text[CACHE_KEY_MAX] = 'q';
	assert_false(keep(&c, text, 1));
	assert_true(keep(&c, "a", CACHE_ANSWER_MAX));
	assert_false(keep(&c, "b", CACHE_ANSWER_MAX + 1));
	cache_done(&c);
}

/* What is being filled is no room for others. */
static void
a_flood_of_questions_without_answers_is_bounded(void **state)
{
	static const struct siphash_key seed = { { 1, 2 } };
	struct cache c;
	size_t n = 0;
	char name[16];

	(void)state;
	assert_int_equal(cache_open(&c, 10000, &seed), 0);
	for (int i = 0; i < 1000; i++) {
		struct cache_key key;

		snprintf(name, sizeof name, "n%d", i);
		key = key_of(name);
		n += cache_add(&c, &key) != NULL;
	}
	assert_true(n > 0 && n < 1000);
	assert_true(c.used <= c.max);
	cache_done(&c);
}

static void
without_a_size_nothing_is_kept(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd;

	cache_done(cache(g));
	fd = asked(g);
	serve(g, &w);
	rig_reply(g, &w, HELLO);
	answer_is(fd, 200, "hello");
	fd = asked(g);
	assert_true(rig_receive(&w));
	close(fd);
	rig_worker_done(&w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_given_again_without_a_worker),
		TEST(what_is_one_clients_own_goes_to_the_function),
		TEST(a_function_sees_what_names_its_answer_and_nothing_else),
		TEST(head_is_answered_by_what_get_got_and_not_the_other_way_round),
		cmocka_unit_test(answers_are_kept_as_they_say),
		TEST(an_answer_is_kept_for_its_time),
		TEST(a_client_that_has_it_gets_a_304),
		TEST(of_many_one_asks_and_all_get_its_answer),
		TEST(when_the_answer_may_not_be_kept_the_others_are_sent_on),
		TEST(when_the_worker_of_the_first_dies_another_leads),
		TEST(who_has_waited_for_three_failures_asks_by_himself),
		TEST(clients_that_leave_keep_nobody_waiting),
		TEST(who_leaves_before_he_has_a_worker_leaves_the_lead_to_another),
		TEST(who_waits_too_long_for_another_asks_by_himself),
		TEST(one_that_is_sent_on_may_end_another_of_them),
		TEST(a_deploy_forgets_all_and_those_who_wait_ask_the_new_version),
		TEST(what_workers_answered_until_they_are_replaced_is_forgotten),
		cmocka_unit_test(the_least_recently_used_makes_room_and_no_more_is_held),
		cmocka_unit_test(a_question_and_an_answer_have_a_longest),
		cmocka_unit_test(a_flood_of_questions_without_answers_is_bounded),
		TEST(without_a_size_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
