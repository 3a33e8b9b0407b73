/* test_spawn.c - the spawner and its workers for real, the test being master and router. */
#include "spawn_pool.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void
isolation_is_proved_at_the_start(void **state)
{
	struct pool *p = *state;

	assert_true(p->spawner.ready.level >= ISOLATION_STRONG);
	assert_non_null(strstr(p->spawner.ready.layers, "seccomp"));
}

static void
a_worker_gets_ready_and_answers(void **state)
{
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "hello");
	assert_true(w.pid > 1);
	assert_true(w.listener >= 0);
	assert_string_equal(ask(&w, "name=Ada"), "Hello, Ada!\n");
	assert_string_equal(ask(&w, ""), "Hello, world!\n");
	worker_done(&w);
	assert_int_equal(pool_expect_ended(*state, w.start.id)->ending.code, CLD_EXITED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolation_is_proved_at_the_start),
		cmocka_unit_test(a_worker_gets_ready_and_answers),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
