/* test_router_pack.c - who sleeps in a request now and then gets no other behind it. */
#include "unit.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "router_rig.h"

#define HELLO "Content-Type: text/plain\r\n\r\nhello"

enum { REQUESTS = 3 };

static int
setup(void **state)
{
	*state = rig_new(false);
	return *state ? 0 : -1;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static struct pool *
fast(struct rig *g)
{
	return pool_find(&g->router, RIG_FAST);
}

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
		fast(g)->service_ns = 1000;
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
		fast(g)->n_apart = 0;
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
	assert_int_equal(fast(g)->n_apart, 0);
	close(fd);
}

static void
who_has_not_slept_for_long_is_packed_again(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;

	rig_lease(g, &w, RIG_FAST);
	run_one(g, &w, TICK_MS + 10, 0);
	assert_int_equal(fast(g)->n_apart, AWAKE_MAX - 1);
	fast(g)->n_apart = 2;
	run_one(g, &w, 0, 0);
	assert_int_equal(packed(g, &w), 1);
	fast(g)->n_apart = 1;
	rig_lease(g, &w, RIG_FAST);
	run_one(g, &w, 0, 0);
	assert_int_equal(packed(g, &w), 3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_slept_for_a_tick_has_no_other_request_behind_the_next_ones),
		TEST(a_tick_that_is_late_says_nothing_of_sleep),
		TEST(who_has_not_slept_for_long_is_packed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
