/* test_router_pack.c - requests behind each other at one worker: which, how many, and not behind who sleeps.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "router_rig.h"

#define HELLO "Content-Type: text/plain\r\n\r\nhello"

static void
requests_of_a_fast_function_are_packed_and_of_a_slow_one_not(void **state)
{
	static const struct {
		uint64_t service_us;
		unsigned packed; /* of 3 */
	} cases[] = { { 10, 3 }, { 100, 2 }, { 251, 1 }, { 100000, 1 } };
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_worker w[2];
		int fd[3];
		unsigned n = 0;

		rig_lease(g, &w[0], RIG_FAST);
		rig_lease(g, &w[1], RIG_FAST);
		rig_fast(g)->service_ns = cases[i].service_us * 1000;
		for (size_t k = 0; k < 3; k++)
			fd[k] = rig_connect(g);
		rig_fast(g)->service_ns = cases[i].service_us * 1000;
		for (size_t k = 0; k < 3; k++) {
			struct worker *worker = worker_find(&g->router, w[1].id);

			worker->since_us = g->router.now_us + 1000000; /* as if it had only begun */
			rig_get(g, fd[k], "/fast");
		}
		while (rig_receive(&w[1]))
			n++;
		assert_int_equal(n, cases[i].packed);
		for (size_t k = 0; k < 3; k++)
			close(fd[k]);
		rig_worker_done(&w[0]);
		rig_worker_done(&w[1]);
		rig_run(g);
		rig_ended(g, &w[0], CAUSE_CRASH);
		rig_ended(g, &w[1], CAUSE_CRASH);
	}
}

/* Three requests in one worker, which has read n of them. */
static void
pack_three_read(struct rig *g, struct rig_worker *w, int fd[3], uint16_t ids[3], size_t n)
{
	rig_lease(g, w, RIG_FAST);
	for (size_t i = 0; i < 3; i++)
		fd[i] = rig_connect(g);
	for (size_t i = 0; i < 3; i++) {
		struct worker *worker = worker_find(&g->router, w->id);

		rig_fast(g)->service_ns = 1000;
		worker->since_us = g->router.now_us + 1000000; /* as if it had only begun */
		rig_get(g, fd[i], "/fast");
	}
	for (size_t i = 0; i < n; i++) {
		assert_true(rig_receive(w));
		ids[i] = w->request;
	}
}

static void
pack_three(struct rig *g, struct rig_worker *w, int fd[3], uint16_t ids[3])
{
	pack_three_read(g, w, fd, ids, 3);
}

static void
packed_requests_have_ids_of_their_own_and_are_answered_in_order(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	uint16_t ids[3];
	int fd[3];

	pack_three(g, &w, fd, ids);
	for (size_t i = 0; i < 3; i++) {
		rig_reply_id(g, &w, ids[i], HELLO);
		assert_true(rig_answers(fd[i], 200, "hello"));
		close(fd[i]);
	}
	rig_worker_done(&w);
}

/* As if all were sent at one time: nothing runs in between. */
static void
send_together(struct rig *g, struct rig_worker *w, const int *fd, size_t n, size_t n_body)
{
	static char body[BODY_SMALL_MAX];
	struct buf bytes;

	buf_init(&bytes, 4 << 20);
	rig_request_put(&bytes,
	                &(struct rig_request){
			    .method = "POST", .path = "/fast", .id = 1, .body = body, .n_body = n_body });
	for (size_t i = 0; i < n; i++)
		assert_int_equal(send(fd[i], buf_head(&bytes), buf_used(&bytes), 0), buf_used(&bytes));
	buf_done(&bytes);
	rig_fast(g)->service_ns = 1000;
	worker_find(&g->router, w->id)->since_us = g->router.now_us + 1000000; /* as if it had only begun */
	rig_run(g);
}

static void
requests_that_come_together_go_to_a_worker_in_as_few_messages_as_hold_them(void **state)
{
	enum { N = 8 };
	static const struct {
		size_t n_body, n, n_messages;
	} cases[] = { { 0, N, 1 }, { 20000, N, 3 }, { 40000, 4, 4 }, { BODY_SMALL_MAX, 2, 4 } };
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_worker w;
		size_t n_messages = 0;
		int fd[N];

		rig_lease(g, &w, RIG_FAST);
		for (size_t k = 0; k < cases[i].n; k++)
			fd[k] = rig_connect(g);
		send_together(g, &w, fd, cases[i].n, cases[i].n_body);
		for (size_t k = 0; k < cases[i].n; k++) {
			bool is_whole = cases[i].n_body < FCGI_MESSAGE_MAX;

			n_messages += w.n_rest == 0;
			assert_true(rig_receive(&w));
			assert_int_equal(w.message[1], FCGI_BEGIN_REQUEST);
			if (!is_whole) {
				n_messages += w.n_rest == 0;
				assert_true(rig_receive(&w));
			}
			rig_reply(g, &w, HELLO);
			assert_true(rig_answers(fd[k], 200, "hello"));
			close(fd[k]);
		}
		assert_false(rig_receive(&w));
		assert_int_equal(n_messages, cases[i].n_messages);
		rig_worker_done(&w);
		rig_run(g);
		rig_ended(g, &w, CAUSE_CRASH);
	}
}

static void
an_answer_out_of_order_is_hostile(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	uint16_t ids[3];
	int fd[3];

	pack_three(g, &w, fd, ids);
	if (ids[0] != ids[1]) {
		rig_reply_id(g, &w, ids[1], HELLO);
		assert_true(rig_answers(fd[0], 500, "bad_response"));
		assert_true(rig_killed_for(g, &w, CAUSE_BAD_RESPONSE));
	}
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
	rig_worker_done(&w);
}

static void
when_a_packed_worker_dies_the_first_is_the_culprit_and_the_others_go_to_another(void **state)
{
	struct rig *g = *state;
	struct rig_worker w, other;
	uint16_t ids[3];
	int fd[3];

	pack_three(g, &w, fd, ids);
	rig_reply_id(g, &w, ids[0], HELLO);
	assert_true(rig_answers(fd[0], 200, "hello"));
	rig_worker_done(&w);
	rig_run(g);
	rig_ended(g, &w, CAUSE_CRASH);
	assert_true(rig_answers(fd[1], 500, "crash"));
	rig_lease(g, &other, RIG_FAST);
	assert_true(rig_receive(&other));
	rig_reply(g, &other, HELLO);
	assert_true(rig_answers(fd[2], 200, "hello"));
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
	rig_worker_done(&other);
}

/* All of it lies in the socket when the router looks, and the kernel says first that something was unread. */
static void
what_a_packed_worker_answered_before_it_died_counts_and_its_culprit_is_not_served_again(void **state)
{
	static const unsigned char end[8];
	struct rig *g = *state;
	struct rig_worker w, other;
	struct buf bytes;
	uint16_t ids[3];
	int fd[3];

	buf_init(&bytes, 1 << 20);
	pack_three_read(g, &w, fd, ids, 2);
	rig_record(&bytes, FCGI_STDOUT, ids[0], HELLO, strlen(HELLO));
	rig_record(&bytes, FCGI_STDOUT, ids[0], NULL, 0);
	rig_record(&bytes, FCGI_END_REQUEST, ids[0], end, sizeof end);
	assert_int_equal(send(w.requests, buf_head(&bytes), buf_used(&bytes), 0), buf_used(&bytes));
	buf_done(&bytes);
	rig_worker_done(&w);
	rig_run(g);
	rig_ended(g, &w, CAUSE_CRASH);
	assert_true(rig_answers(fd[0], 200, "hello"));
	assert_true(rig_answers(fd[1], 500, "crash"));
	rig_lease(g, &other, RIG_FAST);
	assert_true(rig_receive(&other));
	rig_reply(g, &other, HELLO);
	assert_true(rig_answers(fd[2], 200, "hello"));
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
	rig_worker_done(&other);
}

static void
want_of_a_processor_does_not_stop_packing_and_sleep_does(void **state)
{
	static const struct {
		unsigned cpu_us, wall_us, low_us, high_us;
	} cases[] = {
		{ 10, 20, 9, 12 },          /* fast */
		{ 10, 80, 9, 12 },          /* fast, and other processes too */
		{ 10, 8000, 900, 1000 },    /* sleeps */
		{ 3000, 3000, 2900, 3000 }, /* computes */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pool p = { .cpu_ns = 1000000, .wall_ns = 1000000 };

		for (int k = 0; k < 200; k++) {
			service_learn_wall(&p, cases[i].wall_us * 4, 4);
			service_learn_cpu(&p, cases[i].cpu_us * 4, 4);
		}
		assert_in_range(p.service_ns, cases[i].low_us * 1000, cases[i].high_us * 1000);
	}
}

/* ---- who sleeps ---- */

enum { REQUESTS = 3 };

static struct worker *
worker(struct rig *g, const struct rig_worker *w)
{
	return worker_find(&g->router, w->id);
}

/* A tick finds a request that has run for so long, and its worker with so much CPU time more than at the last
 * one; then it is answered.  The router judges no tick that comes late, which this machine may make it. */
static void
run_one(struct rig *g, struct rig_worker *w, unsigned ms, int64_t used_us)
{
	int fd = rig_connect(g), tries = 0;

	rig_get(g, fd, "/fast");
	assert_true(rig_receive(w));
	do {
		worker(g, w)->since_us = clock_now_us() - ms * 1000ULL;
		worker(g, w)->cpu_last_us = clock_cpu_us(getpid()) - used_us;
		g->router.tick_us = clock_now_us();
		rig_run(g);
	} while (g->router.is_late && tries++ < 1000);
	rig_reply(g, w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	close(fd);
}

/* How many of three requests are handed to the worker at once.  It ends then. */
static unsigned
packed(struct rig *g, struct rig_worker *w)
{
	int fd[REQUESTS];
	unsigned n;

	for (size_t i = 0; i < REQUESTS; i++) {
		fd[i] = rig_connect(g);
		rig_fast(g)->service_ns = 1000;
		worker(g, w)->since_us = g->router.now_us + 1000000; /* as if it had only begun */
		rig_get(g, fd[i], "/fast");
	}
	n = worker(g, w)->n_in_flight;
	for (size_t i = 0; i < REQUESTS; i++)
		close(fd[i]);
	rig_worker_done(w);
	rig_run(g);
	rig_ended(g, w, CAUSE_CRASH);
	return n;
}

static void
who_slept_for_a_tick_has_no_other_request_behind_the_next_ones(void **state)
{
	static const struct {
		unsigned ms;
		int64_t used_us;
		unsigned packed;
	} cases[] = {
		{ TICK_MS + 10, 0, 1 },             /* asleep */
		{ TICK_MS + 10, ASLEEP_CPU_US, 3 }, /* at work */
		{ TICK_MS - 10, 0, 3 },             /* it may have begun just now */
	};
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_worker w;

		rig_lease(g, &w, RIG_FAST);
		rig_fast(g)->n_apart = 0;
		run_one(g, &w, cases[i].ms, cases[i].used_us);
		assert_int_equal(packed(g, &w), cases[i].packed);
	}
}

static void
a_tick_that_is_late_says_nothing_of_sleep(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);

	rig_lease(g, &w, RIG_FAST);
	rig_get(g, fd, "/fast");
	worker(g, &w)->since_us = clock_now_us() - 1000ULL * 10 * TICK_MS;
	worker(g, &w)->cpu_last_us = clock_cpu_us(getpid());
	g->router.tick_us = clock_now_us() - TICK_LATE_US - 1;
	rig_run(g);
	assert_int_equal(rig_fast(g)->n_apart, 0);
	close(fd);
}

static void
who_has_not_slept_for_long_is_packed_again(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;

	rig_lease(g, &w, RIG_FAST);
	run_one(g, &w, TICK_MS + 10, 0);
	assert_int_equal(rig_fast(g)->n_apart, AWAKE_MAX - 1);
	rig_fast(g)->n_apart = 2;
	run_one(g, &w, 0, 0);
	assert_int_equal(packed(g, &w), 1);
	rig_fast(g)->n_apart = 1;
	rig_lease(g, &w, RIG_FAST);
	run_one(g, &w, 0, 0);
	assert_int_equal(packed(g, &w), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_of_a_fast_function_are_packed_and_of_a_slow_one_not),
		TEST(packed_requests_have_ids_of_their_own_and_are_answered_in_order),
		TEST(requests_that_come_together_go_to_a_worker_in_as_few_messages_as_hold_them),
		TEST(an_answer_out_of_order_is_hostile),
		TEST(when_a_packed_worker_dies_the_first_is_the_culprit_and_the_others_go_to_another),
		TEST(what_a_packed_worker_answered_before_it_died_counts_and_its_culprit_is_not_served_again),
		cmocka_unit_test(want_of_a_processor_does_not_stop_packing_and_sleep_does),
		TEST(who_slept_for_a_tick_has_no_other_request_behind_the_next_ones),
		TEST(a_tick_that_is_late_says_nothing_of_sleep),
		TEST(who_has_not_slept_for_long_is_packed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
