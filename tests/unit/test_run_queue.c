/* test_run_queue.c - runs that wait: bounds, shares, whose turn it is. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runner/queue.h"

enum { MAX = 6, SHARE = 4, MANY = 1000 };

struct waiting {
	struct queue_entry entry;
	char name; /* of the client in capitals, or the place of it in a text */
};

static void
begin(struct queue *q)
{
	static const struct siphash_key key = { { 1, 2 } };

	queue_init(q, &key, MAX, SHARE);
}

/* Puts one entry for each letter, which is its client's name. */
static void
put_all(struct queue *q, struct waiting *waiting, const char *clients)
{
	for (size_t i = 0; clients[i]; i++) {
		const char name[2] = { clients[i], '\0' };

		waiting[i].name = clients[i];
		assert_int_equal(queue_put(q, &waiting[i].entry, name), 0);
	}
}

static void
take_all(struct queue *q, char *order)
{
	struct queue_entry *entry;

	while ((entry = queue_take(q)))
		*order++ = CONTAINER_OF(entry, struct waiting, entry)->name;
	*order = '\0';
	queue_done(q);
}

static void
clients_take_turns(void **state)
{
	static const struct {
		const char *came, *order;
	} cases[] = {
		{ "", "" },           { "a", "a" },           { "aaa", "aaa" },
		{ "aaab", "abaa" },   { "aaabbc", "abcaba" }, { "abcabc", "abcabc" },
		{ "caaab", "cabaa" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct waiting waiting[8] = { 0 };
		char order[9];
		struct queue q;

		begin(&q);
		put_all(&q, waiting, cases[i].came);
		take_all(&q, order);
		assert_string_equal(order, cases[i].order);
	}
}

static void
of_one_client_the_first_that_came_is_taken_first(void **state)
{
	struct waiting waiting[3] = { 0 };
	struct queue q;

	(void)state;
	begin(&q);
	put_all(&q, waiting, "aaa");
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(queue_take(&q), &waiting[i].entry);
	assert_null(queue_take(&q));
	queue_done(&q);
}

/* Somebody who comes later is not behind all that another one has here already. */
static void
a_client_that_comes_later_waits_for_one_run_of_each_other(void **state)
{
	struct waiting waiting[5] = { 0 };
	struct queue q;

	(void)state;
	begin(&q);
	put_all(&q, waiting, "aaaa");
	assert_ptr_equal(queue_take(&q), &waiting[0].entry);
	put_all(&q, waiting + 4, "b");
	assert_int_equal(queue_position(&q, &waiting[4].entry), 2);
	assert_ptr_equal(queue_take(&q), &waiting[1].entry);
	assert_ptr_equal(queue_take(&q), &waiting[4].entry);
	while (queue_take(&q))
		;
	queue_done(&q);
}

static void
a_client_has_a_share_and_all_have_a_bound(void **state)
{
	struct waiting waiting[MAX] = { 0 };
	struct queue q;

	(void)state;
	begin(&q);
	put_all(&q, waiting, "aaa");
	assert_int_equal(queue_admits(&q, "a", 0), 0);
	put_all(&q, waiting + 3, "a");
	assert_int_equal(queue_admits(&q, "a", 0), -EDQUOT);
	assert_int_equal(queue_admits(&q, "b", 0), 0);
	put_all(&q, waiting + 4, "bc");
	assert_int_equal(queue_admits(&q, "b", 0), -ENOSPC);
	assert_int_equal(queue_admits(&q, "a", 0), -EDQUOT);
	queue_remove(&q, &waiting[1].entry);
	assert_int_equal(queue_admits(&q, "a", 0), 0);
	while (queue_take(&q))
		;
	queue_done(&q);
}

/* Bodies wait in memory that all share. */
static void
large_requests_of_one_client_leave_room_for_others(void **state)
{
	struct waiting waiting[2] = { { .entry.n_bytes = QUEUE_SHARE_BYTES - 8 }, { .entry.n_bytes = 8 } };
	struct queue q;

	(void)state;
	begin(&q);
	assert_int_equal(queue_admits(&q, "a", QUEUE_SHARE_BYTES + 1), 0);
	put_all(&q, waiting, "aa");
	assert_int_equal(queue_admits(&q, "a", 0), 0);
	assert_int_equal(queue_admits(&q, "a", 1), -EDQUOT);
	assert_int_equal(queue_admits(&q, "b", 8 << 20), 0);
	queue_remove(&q, &waiting[1].entry);
	assert_int_equal(queue_admits(&q, "a", 8), 0);
	assert_int_equal(queue_admits(&q, "a", 9), -EDQUOT);
	while (queue_take(&q))
		;
	queue_done(&q);
}

static void
what_was_accepted_before_is_put_behind_the_bounds(void **state)
{
	static struct waiting waiting[MAX * 2];
	struct queue q;

	(void)state;
	begin(&q);
	put_all(&q, waiting, "aaaaaaaaaaaa");
	assert_int_equal(q.n, MAX * 2);
	assert_int_equal(queue_admits(&q, "b", 0), -ENOSPC);
	while (queue_take(&q))
		;
	queue_done(&q);
}

static void
a_place_in_the_middle_is_given_up(void **state)
{
	struct waiting waiting[6] = { 0 };
	char order[9];
	struct queue q;

	(void)state;
	begin(&q);
	put_all(&q, waiting, "aabbcc");
	queue_remove(&q, &waiting[2].entry);
	queue_remove(&q, &waiting[3].entry);
	queue_remove(&q, &waiting[3].entry);
	assert_false(queue_holds(&waiting[2].entry));
	assert_int_equal(queue_position(&q, &waiting[2].entry), 0);
	take_all(&q, order);
	assert_string_equal(order, "acac");
}

/* Whatever was put: the positions that are told are the order in which they are taken. */
static void
a_position_is_the_number_of_turns(void **state)
{
	static const char *const cases[] = { "a", "aaaa", "abab", "aaabbc", "cbaaac", "bbbbaa" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct waiting waiting[6] = { 0 };
		size_t told[6], n = strlen(cases[i]);
		struct queue_entry *entry;
		struct queue q;

		begin(&q);
		put_all(&q, waiting, cases[i]);
		for (size_t k = 0; k < n; k++)
			told[k] = queue_position(&q, &waiting[k].entry);
		for (size_t turn = 1; (entry = queue_take(&q)); turn++)
			assert_int_equal(told[CONTAINER_OF(entry, struct waiting, entry) - waiting], turn);
		queue_done(&q);
	}
}

static void
a_thousand_clients_leave_nothing(void **state)
{
	static struct waiting waiting[MANY];
	struct queue q;

	(void)state;
	begin(&q);
	for (size_t i = 0; i < MANY; i++) {
		char name[8];

		snprintf(name, sizeof name, "%zu", i);
		assert_int_equal(queue_put(&q, &waiting[i].entry, name), 0);
	}
	assert_int_equal(q.table.n, MANY);
	for (size_t i = 0; i < MANY; i++)
		queue_remove(&q, &waiting[MANY - 1 - i].entry);
	assert_int_equal(q.table.n, 0);
	assert_int_equal(q.n, 0);
	assert_true(TAILQ_EMPTY(&q.ring));
	queue_done(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_take_turns),
		cmocka_unit_test(of_one_client_the_first_that_came_is_taken_first),
		cmocka_unit_test(a_client_that_comes_later_waits_for_one_run_of_each_other),
		cmocka_unit_test(a_client_has_a_share_and_all_have_a_bound),
		cmocka_unit_test(large_requests_of_one_client_leave_room_for_others),
		cmocka_unit_test(what_was_accepted_before_is_put_behind_the_bounds),
		cmocka_unit_test(a_place_in_the_middle_is_given_up),
		cmocka_unit_test(a_position_is_the_number_of_turns),
		cmocka_unit_test(a_thousand_clients_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
