/* test_invoked.c - invoked workers for real: their listener stays at the spawner, which tells what it refused
 * and bounds their CPU time; the test is the master and the caller. */
#include "spawn_pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

static void
start(struct pool *p, struct worker *w, bool is_explained, const char *entry)
{
	worker_init(p, w, entry);
	w->start.is_invoked = 1;
	w->start.is_explained = is_explained;
	worker_start(p, w, "refused", entry);
	/* Its holder could let the calls through. */
	assert_int_equal(w->listener, -1);
}

/* Of the last message; all zero when there is none of that name. */
static struct refused_call
refused(const struct pool *p, const char *name)
{
	const struct process_ended *ended = (const struct process_ended *)p->m.body;
	struct refused_call call;

	assert_int_equal(p->m.length, sizeof *ended + ended->n_kinds * sizeof call);
	for (uint32_t i = 0; i < ended->n_kinds; i++) {
		memcpy(&call, p->m.body + sizeof *ended + i * sizeof call, sizeof call);
		if (strcmp(call.name, name) == 0)
			return call;
	}
	return (struct refused_call){ 0 };
}

static void
expect_refused(const struct pool *p, const char *name, unsigned n, int error)
{
	struct refused_call call = refused(p, name);

	if (call.n != n || call.error != error)
		fail_msg("%s: %u times %s", name, call.n, call.error ? strerrorname_np(call.error) : "-");
}

static void
dangerous_calls_are_counted_from_the_first_constructor_on(void **state)
{
	const struct process_ended *ended;
	struct worker w;

	start(*state, &w, false, "refused");
	assert_string_equal(ask(&w, "dangerous=3&unknown=2"), "EACCES ENOSYS ENOSYS\n");
	worker_done(&w);
	ended = pool_expect_ended(*state, w.start.id);
	assert_int_equal(ended->cause, CAUSE_NONE);
	assert_int_equal(ended->ending.status, 0);
	assert_int_equal(ended->n_refused, 6);
	assert_int_equal(ended->n_kinds, 4);
	expect_refused(*state, "keyctl", 1, EPERM);
	expect_refused(*state, "kexec_load", 1, EPERM);
	expect_refused(*state, "acct", 1, EPERM);
	expect_refused(*state, "socket", 3, EACCES);
}

static void
every_refused_call_of_an_explained_worker_is_named_with_what_it_got(void **state)
{
	const struct process_ended *ended;
	struct worker w;

	start(*state, &w, true, "refused");
	assert_string_equal(ask(&w, "dangerous=3&unknown=200"), "EACCES ENOSYS ENOSYS\n");
	worker_done(&w);
	ended = pool_expect_ended(*state, w.start.id);
	assert_int_equal(ended->cause, CAUSE_NONE);
	expect_refused(*state, "keyctl", 1, EPERM);
	expect_refused(*state, "socket", 3, EACCES);
	expect_refused(*state, "pidfd_open", 200, ENOSYS);
	expect_refused(*state, "fcntl", 1, ENOSYS);
	assert_int_equal(ended->n_refused, 3 + 3 + 200 + 1);
}

/* The budget, one more, and how many are told then. */
static void
a_worker_is_killed_one_call_past_its_budget(void **state)
{
	static const struct {
		bool is_explained;
		const char *query, *answer;
		unsigned n_refused;
	} cases[] = {
		{ false, "dangerous=64", "EACCES none ENOSYS\n", 3 + 64 },
		{ false, "dangerous=65", NULL, 3 + 65 },
		{ true, "unknown=9996", "none ENOSYS ENOSYS\n", 3 + 9996 + 1 },
		{ true, "unknown=9997", NULL, 3 + 9997 + 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct process_ended *ended;
		const char *answer;
		struct worker w;

		start(*state, &w, cases[i].is_explained, "refused");
		answer = ask(&w, cases[i].query);
		if (cases[i].answer)
			assert_string_equal(answer, cases[i].answer);
		else
			assert_null(answer);
		worker_done(&w);
		ended = pool_expect_ended(*state, w.start.id);
		assert_int_equal(ended->cause, cases[i].answer ? CAUSE_NONE : CAUSE_SYSCALL_DENIED);
		assert_int_equal(ended->n_refused, cases[i].n_refused);
		assert_int_equal(ended->reason[0] == '\0', cases[i].answer != NULL);
	}
}

static void
an_invoked_worker_is_killed_for_its_cpu_time(void **state)
{
	const struct process_ended *ended;
	struct worker w;

	worker_init(*state, &w, "burns");
	w.start.is_invoked = 1;
	w.start.cpu_ms = 100;
	worker_start(*state, &w, "refused", "burns");
	assert_null(ask(&w, ""));
	ended = pool_expect_ended(*state, w.start.id);
	assert_int_equal(ended->cause, CAUSE_CPU_TIME_LIMIT);
	assert_true(ended->cpu_us > 100 * 1000);
	assert_true(ended->cpu_us < ended->ending.cpu_us);
	worker_done(&w);
}

static void
a_worker_that_is_not_invoked_tells_nothing_of_it(void **state)
{
	const struct process_ended *ended;
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "hello");
	assert_true(w.listener >= 0);
	worker_done(&w);
	ended = pool_expect_ended(*state, w.start.id);
	assert_int_equal(ended->n_kinds, 0);
	assert_int_equal(ended->n_refused, 0);
}

static void
an_ordinary_function_is_refused_nothing_when_it_is_explained(void **state)
{
	const struct process_ended *ended;
	struct worker w;

	worker_init(*state, &w, "hello");
	w.start.is_invoked = w.start.is_explained = 1;
	worker_start(*state, &w, "behaves", "hello");
	assert_string_equal(ask(&w, "name=Ada"), "Hello, Ada!\n");
	worker_done(&w);
	ended = pool_expect_ended(*state, w.start.id);
	for (uint32_t i = 0; i < ended->n_kinds; i++) {
		struct refused_call call;

		memcpy(&call, ((struct pool *)*state)->m.body + sizeof *ended + i * sizeof call, sizeof call);
		print_error("%s %u\n", call.name, call.n);
	}
	assert_int_equal(ended->n_refused, 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_calls_are_counted_from_the_first_constructor_on),
		cmocka_unit_test(every_refused_call_of_an_explained_worker_is_named_with_what_it_got),
		cmocka_unit_test(a_worker_is_killed_one_call_past_its_budget),
		cmocka_unit_test(an_invoked_worker_is_killed_for_its_cpu_time),
		cmocka_unit_test(a_worker_that_is_not_invoked_tells_nothing_of_it),
		cmocka_unit_test(an_ordinary_function_is_refused_nothing_when_it_is_explained),
	};

	/* The pool's cfn-router is this program. */
	if (argc > 0 && strcmp(argv[0], "cfn-router") == 0)
		return router_main();
	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
