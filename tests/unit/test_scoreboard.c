/* test_scoreboard.c - what routers count, what a master believes of it, and how it is written for others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"
#include "scoreboard/exposition.h"

/* A board as master and router have it. */
struct boards {
	const struct scoreboard *read;
	struct scoreboard *written;
	int fd;
};

static struct boards
boards_open(void)
{
	struct boards b = { 0 };
	struct err e;

	b.fd = scoreboard_make(&b.read, &e);
	assert_true(b.fd >= 0);
	assert_int_equal(scoreboard_write(b.fd, &b.written, &e), 0);
	return b;
}

static void
boards_close(struct boards *b)
{
	munmap((void *)(uintptr_t)b->read, sizeof *b->read);
	scoreboard_done(b->written);
	close(b->fd);
}

static void
a_value_goes_into_the_first_cell_that_takes_it(void **state)
{
	static const struct {
		uint64_t value;
		size_t cell;
	} cases[] = { { 0, 0 },
		      { 100, 0 },
		      { 101, 1 },
		      { 1000, 3 },
		      { 1001, 4 },
		      { 10000000, SCORE_BOUNDS - 1 },
		      { 10000001, SCORE_BOUNDS },
		      { UINT64_MAX, SCORE_BOUNDS } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct score_histogram h = { 0 };

		score_observe(&h, score_time_bounds_us, cases[i].value, 1);
		if (h.n[cases[i].cell] != 1)
			fail_msg("%llu is not in cell %zu", (unsigned long long)cases[i].value,
			         cases[i].cell);
		assert_int_equal(score_count(&h), 1);
	}
}

static void
bounds_only_grow(void **state)
{
	(void)state;
	for (size_t i = 1; i < SCORE_BOUNDS; i++) {
		assert_true(score_time_bounds_us[i] > score_time_bounds_us[i - 1]);
		assert_true(score_memory_bounds_kb[i] > score_memory_bounds_kb[i - 1]);
	}
}

static void
a_quantile_is_the_bound_of_its_cell(void **state)
{
	struct score_histogram h = { 0 };

	(void)state;
	assert_int_equal(score_quantile(&h, score_time_bounds_us, 0.5), 0);
	score_observe(&h, score_time_bounds_us, 90, 98);
	score_observe(&h, score_time_bounds_us, 40000, 2);
	assert_int_equal(score_quantile(&h, score_time_bounds_us, 0.5), 100);
	assert_int_equal(score_quantile(&h, score_time_bounds_us, 0.99), 50000);
}

static void
counts_outlive_the_router_and_gauges_do_not(void **state)
{
	struct boards b = boards_open();
	struct router_counters c;
	struct score_row *rows;
	struct err e;

	(void)state;
	b.written->counters = (struct router_counters){ .requests = 7, .requests_active = 3 };
	score_answer(scoreboard_row(b.written, "hello"), 200, CAUSE_NONE);
	scoreboard_done(b.written);
	assert_int_equal(scoreboard_write(b.fd, &b.written, &e), 0);
	score_answer(scoreboard_row(b.written, "hello"), 200, CAUSE_NONE);
	scoreboard_counters(b.read, &c);
	assert_int_equal(c.requests, 7);
	assert_int_equal(c.requests_active, 0);
	assert_int_equal(scoreboard_sum(&b.read, 1, &rows, &e), 2);
	assert_string_equal(rows[1].function, "hello");
	assert_int_equal(score_requests(&rows[1]), 2);
	free(rows);
	boards_close(&b);
}

static void
a_board_can_neither_grow_nor_shrink(void **state)
{
	struct boards b = boards_open();

	(void)state;
	assert_int_equal(ftruncate(b.fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(b.fd, 2 * sizeof(struct scoreboard)), -1);
	boards_close(&b);
}

static void
functions_beyond_the_last_row_share_one(void **state)
{
	struct boards b = boards_open();
	struct score_row *rows;
	struct err e;
	char name[16];
	int n;

	(void)state;
	for (int i = 0; i < SCORE_ROWS + 10; i++) {
		snprintf(name, sizeof name, "f%d", i);
		score_answer(scoreboard_row(b.written, name), 200, CAUSE_NONE);
	}
	n = scoreboard_sum(&b.read, 1, &rows, &e);
	assert_int_equal(n, SCORE_ROWS);
	assert_string_equal(rows[1].function, SCORE_OTHERS);
	assert_int_equal(score_requests(&rows[1]), 12); /* all but "" and the SCORE_ROWS - 2 that have one */
	free(rows);
	boards_close(&b);
}

static void
further_pairs_of_status_and_cause_share_a_row(void **state)
{
	struct score_row row = { 0 };

	(void)state;
	for (unsigned status = 200; status < 300; status++)
		score_answer(&row, status, CAUSE_NONE);
	assert_int_equal(score_requests(&row), 100);
	assert_int_equal(row.answers[0].status, 200);
	assert_int_equal(row.answers[SCORE_ANSWERS - 1].status, 0);
	assert_int_equal(row.answers[SCORE_ANSWERS - 1].n, 100 - (SCORE_ANSWERS - 1));
}

static void
rows_of_several_routers_are_added_up(void **state)
{
	struct boards a = boards_open(), b = boards_open();
	const struct scoreboard *both[] = { a.read, b.read };
	struct score_row *rows;
	struct err e;

	(void)state;
	score_answer(scoreboard_row(a.written, "x"), 200, CAUSE_NONE);
	score_answer(scoreboard_row(b.written, "y"), 200, CAUSE_NONE);
	score_answer(scoreboard_row(b.written, "x"), 500, CAUSE_CRASH);
	assert_int_equal(scoreboard_sum(both, 2, &rows, &e), 3);
	assert_string_equal(rows[1].function, "x");
	assert_int_equal(score_requests(&rows[1]), 2);
	assert_int_equal(score_requests(&rows[2]), 1);
	free(rows);
	boards_close(&a);
	boards_close(&b);
}

/* Whatever a router has become: numbers that are bounded, words that are known, each once. */
static void
a_board_of_nothing_but_ones_is_bounded(void **state)
{
	struct boards b = boards_open();
	struct router_counters c;
	struct score_worker w;
	struct score_row *rows;
	struct err e;

	(void)state;
	memset(b.written, 0xff, sizeof *b.written);
	scoreboard_counters(b.read, &c);
	assert_int_equal(c.requests, SCORE_NUMBER_MAX);
	assert_int_equal(scoreboard_sum(&b.read, 1, &rows, &e), 0); /* no name ends */
	free(rows);
	assert_int_equal(scoreboard_n_workers(b.read), SCORE_WORKERS);
	scoreboard_worker(b.read, SCORE_WORKERS - 1, &w);
	assert_string_equal(w.function, "");
	assert_int_equal(strlen(w.path), SCORE_PATH_SIZE - 1);
	assert_int_equal(w.n_served, SCORE_NUMBER_MAX);
	for (size_t i = 0; i < SCORE_ROWS; i++)
		strcpy(b.written->rows[i].function, "same");
	assert_int_equal(scoreboard_sum(&b.read, 1, &rows, &e), 1);
	assert_int_equal(rows[0].answers[0].status, 0);
	assert_int_equal(rows[0].answers[0].cause, CAUSE_NONE);
	assert_int_equal(rows[0].answers[1].n, 0);
	free(rows);
	boards_close(&b);
}

static void
a_router_goes_on_with_a_board_of_nothing_but_ones(void **state)
{
	struct boards b = boards_open();
	struct err e;

	(void)state;
	memset(b.written, 0xff, sizeof *b.written);
	scoreboard_done(b.written);
	assert_int_equal(scoreboard_write(b.fd, &b.written, &e), 0);
	score_answer(scoreboard_row(b.written, "hello"), 200, CAUSE_NONE);
	assert_true(b.written->n_rows <= SCORE_ROWS);
	boards_close(&b);
}

static bool
is_hello(const void *context, const char *name)
{
	assert_ptr_equal(context, is_hello);
	return strcmp(name, "hello") == 0;
}

static void
a_name_that_the_master_does_not_know_is_left_out(void **state)
{
	static const char *const names[] = { "made-up", "hello", "@run", "zzz", SCORE_OTHERS };
	static const char *const kept[] = { "", "@run", SCORE_OTHERS, "hello" };
	struct boards b = boards_open();
	struct score_row *rows;
	struct err e;
	int n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		score_answer(scoreboard_row(b.written, names[i]), 200, CAUSE_NONE);
	n = scoreboard_sum(&b.read, 1, &rows, &e);
	assert_int_equal(n, ARRAY_SIZE(names) + 1);
	assert_int_equal(scoreboard_keep(rows, (size_t)n, is_hello, is_hello), ARRAY_SIZE(kept));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		assert_string_equal(rows[i].function, kept[i]);
	free(rows);
	boards_close(&b);
}

static void
a_name_that_no_function_has_is_left_out(void **state)
{
	static const char *const names[] = { "a\"b", "a\nb", "a b", "A", "ä", "a@b", "@@a", "@A" };
	struct boards b = boards_open();
	struct score_row *rows;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		score_answer(scoreboard_row(b.written, names[i]), 200, CAUSE_NONE);
	assert_int_equal(scoreboard_sum(&b.read, 1, &rows, &e), 1);
	assert_string_equal(rows[0].function, "");
	free(rows);
	boards_close(&b);
}

static void
functions_of_the_pool_and_of_others_are_counted(void **state)
{
	static const char *const names[] = { "", "@mgnt", "@run", SCORE_OTHERS, "a-b_1" };
	struct boards b = boards_open();
	struct score_row *rows;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		score_answer(scoreboard_row(b.written, names[i]), 200, CAUSE_NONE);
	assert_int_equal(scoreboard_sum(&b.read, 1, &rows, &e), ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_string_equal(rows[i].function, names[i]);
		assert_int_equal(score_requests(&rows[i]), 1);
	}
	free(rows);
	boards_close(&b);
}

/* ---- exposition ---- */

static void
write_all(struct exposition *x, const struct score_histogram *h)
{
	const struct metric_label odd[] = { { "a", "q\"b\\n\n\x01\xff" }, { NULL, NULL } };

	exposition_family(x, "cfn_x", METRIC_COUNTER, "Xs.");
	exposition_counter(x, "cfn_x", odd, 3);
	exposition_family(x, "cfn_y", METRIC_GAUGE, "Ys.");
	exposition_gauge(x, "cfn_y", NULL, 0.25);
	exposition_family(x, "cfn_z_seconds", METRIC_HISTOGRAM, "Zs.");
	exposition_histogram(x, "cfn_z_seconds", "f", h, &metric_seconds);
}

static void
metrics_are_written_in_either_format(void **state)
{
	static const struct {
		bool is_openmetrics;
		const char *parts[8];
	} cases[] = {
		{ false,
		  { "# HELP cfn_x_total Xs.\n# TYPE cfn_x_total counter\ncfn_x_total{a=\"q\\\"b\\\\n\\n??\"} "
		    "3\n",
		    "# TYPE cfn_y gauge\ncfn_y 0.25\n",
		    "cfn_z_seconds_bucket{function=\"f\",le=\"0.0001\"} 0\n", "le=\"0.001\"} 1\n",
		    "le=\"1.0\"} 2\n", "le=\"+Inf\"} 3\ncfn_z_seconds_sum{function=\"f\"} 21.001\n",
		    "cfn_z_seconds_count{function=\"f\"} 3\n" } },
		{ true, { "# TYPE cfn_x counter\ncfn_x_total{", "_count{function=\"f\"} 3\n# EOF\n" } },
	};
	struct score_histogram h = { 0 };

	(void)state;
	score_observe(&h, score_time_bounds_us, 1000, 1);
	score_observe(&h, score_time_bounds_us, 1000000, 1);
	score_observe(&h, score_time_bounds_us, 20000000, 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf text;
		struct exposition x = { .text = &text, .is_openmetrics = cases[i].is_openmetrics };

		buf_init(&text, 1 << 16);
		write_all(&x, &h);
		assert_int_equal(exposition_end(&x), 0);
		buf_append(&text, "", 1);
		for (size_t j = 0; cases[i].parts[j]; j++)
			if (!strstr(buf_head(&text), cases[i].parts[j]))
				fail_msg("no %s in %s", cases[i].parts[j], buf_head(&text));
		assert_int_equal(strstr(buf_head(&text), "# EOF") != NULL, cases[i].is_openmetrics);
		buf_done(&text);
	}
}

static void
text_that_does_not_fit_is_an_error(void **state)
{
	struct score_histogram h = { 0 };
	struct buf text;
	struct exposition x = { .text = &text };

	(void)state;
	buf_init(&text, 100);
	write_all(&x, &h);
	assert_int_equal(exposition_end(&x), -ENOSPC);
	buf_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_goes_into_the_first_cell_that_takes_it),
		cmocka_unit_test(bounds_only_grow),
		cmocka_unit_test(a_quantile_is_the_bound_of_its_cell),
		cmocka_unit_test(counts_outlive_the_router_and_gauges_do_not),
		cmocka_unit_test(a_board_can_neither_grow_nor_shrink),
		cmocka_unit_test(functions_beyond_the_last_row_share_one),
		cmocka_unit_test(further_pairs_of_status_and_cause_share_a_row),
		cmocka_unit_test(rows_of_several_routers_are_added_up),
		cmocka_unit_test(a_board_of_nothing_but_ones_is_bounded),
		cmocka_unit_test(a_router_goes_on_with_a_board_of_nothing_but_ones),
		cmocka_unit_test(a_name_that_no_function_has_is_left_out),
		cmocka_unit_test(functions_of_the_pool_and_of_others_are_counted),
		cmocka_unit_test(a_name_that_the_master_does_not_know_is_left_out),
		cmocka_unit_test(metrics_are_written_in_either_format),
		cmocka_unit_test(text_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
