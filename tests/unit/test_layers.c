/* test_layers.c - the loop that tries layers: what an attempt says, how it ends, what follows for the others.
 */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy-tool/attempts.h"

enum { SHORT_MS = 50, LONG_MS = 60000 };

static const struct layer_advice advice[] = { { EPERM, "of EPERM" }, { 0, "of any other" } };

static ATTEMPT(works)
{
	(void)options;
	(void)e;
	strcpy(result->detail, "well");
	return 0;
}

static ATTEMPT(fails_with_eperm)
{
	(void)options;
	(void)result;
	return err_set(e, EPERM, "call");
}

static ATTEMPT(fails_with_eio)
{
	(void)options;
	(void)result;
	return err_set(e, EIO, "call");
}

static ATTEMPT(hangs)
{
	(void)options;
	(void)result;
	(void)e;
	return pause();
}

static ATTEMPT(dies)
{
	(void)options;
	(void)result;
	(void)e;
	return raise(SIGKILL);
}

static void
try(int (*attempt)(const struct spawner_options *, struct layer_result *, struct err *), int timeout_ms,
    struct layer_result *result)
{
	const struct layer row = { "row", attempt, advice, true, LAYER_OUTSIDE, timeout_ms };
	const struct spawner_options options = { .shared_dir = "/" };

	layers_try(&row, 1, &options, result);
	/* No attempt is left behind. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_string_equal(layer_advise(&row, result), result->state == LAYER_WORKS ? ""
	                                                : result->why.code == EPERM  ? "of EPERM"
	                                                                             : "of any other");
}

static void
a_layer_that_works_says_how(void **state)
{
	struct layer_result r;

	(void)state;
	try(works, LONG_MS, &r);
	assert_int_equal(r.state, LAYER_WORKS);
	assert_string_equal(r.detail, "well");
}

static void
a_layer_that_fails_says_why_and_what_to_do(void **state)
{
	struct layer_result r;

	(void)state;
	try(fails_with_eperm, LONG_MS, &r);
	assert_int_equal(r.state, LAYER_FAILS);
	assert_int_equal(r.why.code, EPERM);
	assert_string_equal(r.why.text, "call: Operation not permitted");
	try(fails_with_eio, LONG_MS, &r);
	assert_int_equal(r.why.code, EIO);
}

static void
an_attempt_that_hangs_is_ended_at_its_timeout(void **state)
{
	struct layer_result r;

	(void)state;
	try(hangs, SHORT_MS, &r);
	assert_int_equal(r.state, LAYER_FAILS);
	assert_int_equal(r.why.code, ETIMEDOUT);
	assert_string_equal(r.why.text, "no answer within 50 ms");
}

static void
an_attempt_that_is_killed_fails(void **state)
{
	struct layer_result r;

	(void)state;
	try(dies, LONG_MS, &r);
	assert_int_equal(r.state, LAYER_FAILS);
	assert_int_equal(r.why.code, EPROTO);
}

static void
what_needs_a_failing_layer_is_not_tried(void **state)
{
	static const struct layer rows[] = {
		{ "first", works, advice, true, LAYER_BASE, LONG_MS },
		{ "second", fails_with_eperm, advice, true, LAYER_BASE, LONG_MS },
		{ "third", works, advice, true, LAYER_BASE, LONG_MS },
		{ "inside", works, advice, true, LAYER_INSIDE, LONG_MS },
		{ "outside", works, advice, true, LAYER_OUTSIDE, LONG_MS },
	};
	static const enum layer_state want[] = { LAYER_WORKS, LAYER_FAILS, LAYER_UNTRIED, LAYER_UNTRIED,
		                                 LAYER_WORKS };
	const struct spawner_options options = { .shared_dir = "/" };
	struct layer_result results[ARRAY_SIZE(rows)];

	(void)state;
	layers_try(rows, ARRAY_SIZE(rows), &options, results);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(results[i].state, want[i]);
	assert_string_equal(results[3].why.text, "not tried: it needs second");
	assert_string_equal(layer_advise(&rows[3], &results[3]), "");
}

static void
every_layer_has_a_timeout_and_advice_for_any_error(void **state)
{
	(void)state;
	assert_in_range(n_layers, 1, LAYERS_MAX);
	for (size_t i = 0; i < n_layers; i++) {
		struct layer_result r = { .state = LAYER_FAILS, .why = { .code = EHWPOISON } };

		assert_in_range(layers[i].timeout_ms, 1, LONG_MS);
		assert_true(strlen(layer_advise(&layers[i], &r)) > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_layer_that_works_says_how),
		cmocka_unit_test(a_layer_that_fails_says_why_and_what_to_do),
		cmocka_unit_test(an_attempt_that_hangs_is_ended_at_its_timeout),
		cmocka_unit_test(an_attempt_that_is_killed_fails),
		cmocka_unit_test(what_needs_a_failing_layer_is_not_tried),
		cmocka_unit_test(every_layer_has_a_timeout_and_advice_for_any_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
