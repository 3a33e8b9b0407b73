/* test_backoff.c - how many starts a crash loop has, and that kills from outside are none. */
#include "unit.h"

#include <stdlib.h>

#include "pool/backoff.h"

static const uint64_t MS = 1000, START = 1000000;

/* How many are started within a minute when each lives so long after it was ready; 0: it never is. */
static unsigned
starts_in_a_minute(uint64_t life_us)
{
	struct backoff b = { 0 };
	uint64_t now = START;
	unsigned n = 0;

	while (now < START + 60000 * MS) {
		uint64_t ready = now;

		n++;
		now += life_us;
		backoff_failed(&b, now, life_us > 0 ? ready : 0);
		now += backoff_left(&b, now);
		assert_int_equal(backoff_left(&b, now), 0);
	}
	return n;
}

static void
a_loop_has_its_credit_and_then_few_starts(void **state)
{
	static const struct {
		uint64_t life_us;
		unsigned first, cost_ms;
	} cases[] = {
		{ 0, BACKOFF_CREDIT_MS / BACKOFF_USELESS_MS, BACKOFF_USELESS_MS },
		{ 1, BACKOFF_CREDIT_MS / BACKOFF_USELESS_MS, BACKOFF_USELESS_MS },
		{ BACKOFF_LIFE_MS * 1000 - 1, BACKOFF_CREDIT_MS / BACKOFF_USELESS_MS, BACKOFF_USELESS_MS },
		{ BACKOFF_LIFE_MS * 1000, BACKOFF_CREDIT_MS / BACKOFF_SERVED_MS, BACKOFF_SERVED_MS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned n = starts_in_a_minute(cases[i].life_us), most = 60000 / cases[i].cost_ms;

		assert_in_range(n, most, most + cases[i].first + 1);
	}
	/* The promise of the manual: four in a second, and that only of what serves in between. */
	assert_true(1000 / BACKOFF_SERVED_MS <= 4);
}

static void
the_first_failures_cost_no_delay(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	for (int i = 0; i < BACKOFF_CREDIT_MS / BACKOFF_USELESS_MS; i++) {
		assert_false(backoff_is_wary(&b, START));
		backoff_failed(&b, START, 0);
		assert_int_equal(backoff_left(&b, START), 0);
	}
	assert_true(backoff_is_wary(&b, START));
	backoff_failed(&b, START, 0);
	assert_int_equal(backoff_left(&b, START), BACKOFF_USELESS_MS * MS);
}

static void
time_pays_and_what_is_paid_is_forgotten(void **state)
{
	struct backoff b = { 0 };
	uint64_t paid = START + (BACKOFF_CREDIT_MS + BACKOFF_MAX_MS) * MS;

	(void)state;
	for (int i = 0; i < 1000; i++)
		backoff_failed(&b, START, START - BACKOFF_LIFE_MS * MS);
	assert_int_equal(backoff_left(&b, START), BACKOFF_MAX_MS * MS);
	assert_int_equal(backoff_left(&b, START + 1000 * MS), (BACKOFF_MAX_MS - 1000) * MS);
	assert_true(backoff_is_wary(&b, START + BACKOFF_MAX_MS * MS));
	assert_false(backoff_is_wary(&b, paid));
	backoff_failed(&b, paid, 0);
	assert_int_equal(b.paid_us, paid + BACKOFF_USELESS_MS * MS);
}

/* One of two workers each 0.1 to 1 s, of which a new one is ready after 20 ms. */
static void
two_hundred_kills_in_a_row_cost_no_delay(void **state)
{
	struct backoff b = { 0 };
	uint64_t now = START, ready[2] = { START, START };

	(void)state;
	srandom(1);
	for (int i = 0; i < 200; i++) {
		uint64_t *killed = &ready[random() % 2];

		now += (uint64_t)(100 + random() % 900) * MS;
		backoff_failed(&b, now, *killed);
		assert_int_equal(backoff_left(&b, now), 0);
		*killed = now + 20 * MS;
	}
}

/* As many as have their turns within the longest delay. */
enum { LOOPS = BACKOFF_MAX_MS / BACKOFF_SHARED_MS - 10 };

/* How many of so many loops, each of which fails so long after it was started, are started within a minute.
 */
static unsigned
starts_of_loops(unsigned n, uint64_t life_us, struct backoff *all)
{
	struct backoff b[LOOPS] = { { 0 } };
	uint64_t fails[LOOPS];
	unsigned starts = n;

	for (unsigned i = 0; i < n; i++)
		fails[i] = START + i * MS + life_us;
	for (;;) {
		unsigned next = 0;

		for (unsigned i = 1; i < n; i++)
			if (fails[i] < fails[next])
				next = i;
		if (fails[next] >= START + 60000 * MS)
			return starts;
		backoff_failed_among(&b[next], all, fails[next], fails[next] - life_us);
		fails[next] += backoff_left(&b[next], fails[next]);
		starts += fails[next] < START + 60000 * MS;
		fails[next] += life_us;
	}
}

static void
many_loops_together_are_no_more_than_ten_starts_a_second(void **state)
{
	static const uint64_t lives_ms[] = { 1, 20, 120, 260, 1000 };
	const unsigned credit = LOOPS * 2 + BACKOFF_CREDIT_MS / BACKOFF_SHARED_MS;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lives_ms); i++) {
		struct backoff all = { 0 };

		assert_in_range(starts_of_loops(LOOPS, lives_ms[i] * MS, &all), 500,
		                credit + 60000 / BACKOFF_SHARED_MS);
	}
}

static void
a_loop_alone_pays_for_itself_alone(void **state)
{
	struct backoff all = { 0 };

	(void)state;
	assert_int_equal(starts_of_loops(1, MS, &all), starts_in_a_minute(MS));
	assert_int_equal(backoff_left(&all, START + 60000 * MS), 0);
}

static void
what_fails_once_in_a_while_does_not_wait_for_loops(void **state)
{
	struct backoff all = { 0 }, b = { 0 };
	uint64_t now = START + 60000 * MS, left;

	(void)state;
	starts_of_loops(LOOPS, 120 * MS, &all);
	left = backoff_left(&all, now);
	assert_true(left > 0);
	backoff_failed_among(&b, &all, now, now - BACKOFF_LIFE_MS * MS);
	assert_int_equal(backoff_left(&b, now), 0);
	assert_int_equal(backoff_left(&all, now), left);
	backoff_failed_among(&b, &all, now, now - BACKOFF_LIFE_MS * MS);
	assert_in_range(backoff_left(&b, now), left, BACKOFF_MAX_MS * MS);
	now += (BACKOFF_MAX_MS + BACKOFF_CREDIT_MS) * MS;
	backoff_failed_among(&b, &all, now, 0);
	assert_int_equal(backoff_left(&b, now), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_has_its_credit_and_then_few_starts),
		cmocka_unit_test(the_first_failures_cost_no_delay),
		cmocka_unit_test(time_pays_and_what_is_paid_is_forgotten),
		cmocka_unit_test(two_hundred_kills_in_a_row_cost_no_delay),
		cmocka_unit_test(many_loops_together_are_no_more_than_ten_starts_a_second),
		cmocka_unit_test(a_loop_alone_pays_for_itself_alone),
		cmocka_unit_test(what_fails_once_in_a_while_does_not_wait_for_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
