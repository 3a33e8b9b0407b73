/* test_spares.c - sandboxes that wait for anybody: what comes out of one is what comes out of a new one, and
 * what ends while it waits costs nobody anything; the test is the master. */
#include "spawn_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "confinement.h"

static void
want(struct pool *p, uint32_t n)
{
	const struct spares wanted = { n };
	struct err e;

	assert_int_equal(message_send(p->spawner.channel, MSG_SPARES, &wanted, sizeof wanted, NULL, 0, &e),
	                 0);
}

static void
expect_waiting(struct pool *p, uint32_t n)
{
	pool_expect(p, MSG_SPARES_WAIT);
	assert_int_equal(((const struct spares *)p->m.body)->n, n);
}

/* What the last start is to be, and of which file. */
struct start_case {
	const char *name, *file, *entry, *shared, *libraries;
	uint32_t is_fresh;
};

static void
ask_for(struct pool *p, struct worker *w, const struct start_case *c)
{
	worker_init(p, w, c->entry);
	w->start.is_fresh = c->is_fresh;
	snprintf(w->start.shared, sizeof w->start.shared, "%s", c->shared);
	snprintf(w->start.libraries, sizeof w->start.libraries, "%s", c->libraries);
	worker_ask(p, w, c->file);
}

static void
take_ready(struct pool *p, struct worker *w, bool was_spare)
{
	const struct process_ready *ready = (const struct process_ready *)p->m.body;

	pool_expect(p, MSG_PROCESS_READY);
	assert_int_equal(ready->was_spare, was_spare);
	w->pid = ready->pid;
	w->listener = message_take_fd(&p->m, 0);
}

static void
start_new(struct pool *p, struct worker *w, const struct start_case *c)
{
	ask_for(p, w, c);
	take_ready(p, w, false);
}

/* None is made in its place. */
static void
start_of_spare(struct pool *p, struct worker *w, const struct start_case *c)
{
	want(p, 1);
	expect_waiting(p, 1);
	ask_for(p, w, c);
	want(p, 0);
	expect_waiting(p, 0);
	take_ready(p, w, true);
}

static void
end(struct pool *p, struct worker *w)
{
	worker_done(w);
	pool_expect_ended(p, w->start.id);
}

static const struct start_case plain = { "plain", "behaves", "hello", "", "", 0 };

static const struct start_case cases[] = {
	{ "plain", "behaves", "hello", "", "", 0 },
	{ "with a shared folder", "behaves", "hello", "files", "", 0 },
	{ "a process for each request", "behaves", "hello", "", "", 1 },
	{ "C++", "cplusplus", "entry", "", "", 0 },
	{ "linked with a library", "behaves", "hello", "", "libcrypto.so.3", 0 },
};

/* READY may be here before init and worker have closed what they said it on; a zygote's descriptors are
 * others with each process that it makes. */
static void
read_settled(struct pool *p, const struct start_case *c, char text[CONFINEMENT_SIZE])
{
	enum { TRIES = 2000, WAIT_US = 5000 };

	for (int i = 0; i < TRIES; i++) {
		text[0] = '\0';
		confinement_read(p->spawner.pid, !c->is_fresh, text);
		if (!strstr(text, "fd 4: socket:"))
			return;
		usleep(WAIT_US);
	}
	fail_msg("the report is still open");
}

/* The first line that is another one. */
static void
print_difference(const char *name, const char *as_new, const char *as_spare)
{
	size_t a, b;

	for (;; as_new += a + 1, as_spare += b + 1) {
		a = strcspn(as_new, "\n");
		b = strcspn(as_spare, "\n");
		if (a != b || memcmp(as_new, as_spare, a) != 0 || as_new[a] == '\0')
			break;
	}
	print_error("%s: new '%.*s', spare '%.*s'\n", name, (int)a, as_new, (int)b, as_spare);
}

static void
what_was_a_spare_is_confined_as_what_was_none(void **state)
{
	static char as_new[CONFINEMENT_SIZE], as_spare[CONFINEMENT_SIZE];
	struct pool *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct worker w;

		start_new(p, &w, &cases[i]);
		read_settled(p, &cases[i], as_new);
		end(p, &w);
		start_of_spare(p, &w, &cases[i]);
		read_settled(p, &cases[i], as_spare);
		end(p, &w);
		assert_non_null(strstr(as_new, "Seccomp_filters:\t3"));
		if (strcmp(as_new, as_spare) != 0)
			print_difference(cases[i].name, as_new, as_spare);
		assert_int_equal(strcmp(as_new, as_spare), 0);
	}
}

static void
what_was_a_spare_serves(void **state)
{
	struct pool *p = *state;
	struct worker w;

	start_of_spare(p, &w, &plain);
	assert_non_null(ask(&w, "hello"));
	end(p, &w);
}

/* Whose descriptors they are is said by the kernel; only root sees them. */
static void
a_spare_holds_what_belongs_to_nobody(void **state)
{
	static char text[CONFINEMENT_SIZE];
	struct pool *p = *state;

	text[0] = '\0';
	want(p, 1);
	expect_waiting(p, 1);
	confinement_read(p->spawner.pid, true, text);
	assert_non_null(strstr(text, "comm: cfn-spare\n"));
	assert_non_null(strstr(text, "environ: \n"));
	assert_non_null(strstr(text, "uid_map: \n"));
	assert_null(strstr(text, "memfd"));
	if (test_is_root())
		assert_non_null(strstr(text, "fd 0: pipe:\nfd 1: /dev/null\n"));
	assert_null(strstr(text, "fd 3:"));
	assert_null(strstr(text, "fd 5:"));
	assert_null(strstr(text, "fd 7:"));
	assert_null(strstr(text, "fd 8:"));
	assert_null(strstr(text, "fd 10:"));
	want(p, 0);
	expect_waiting(p, 0);
}

static size_t
count_children(pid_t pid)
{
	char path[64], text[1024] = "";
	size_t n = 0;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof text - 1) >= 0);
	for (const char *c = text; (c = strchr(c, ' ')); c++)
		n++;
	return n;
}

/* One of the test before may still be on its way out. */
static void
expect_children(const struct pool *p, size_t n)
{
	enum { TRIES = 2000, WAIT_US = 5000 };

	for (int i = 0; i < TRIES && count_children(p->spawner.pid) != n; i++)
		usleep(WAIT_US);
	assert_int_equal(count_children(p->spawner.pid), n);
}

static pid_t
only_spare(const struct pool *p)
{
	expect_children(p, 1);
	return confinement_child_of(p->spawner.pid);
}

static void
a_spare_that_is_killed_is_replaced_and_costs_no_start(void **state)
{
	struct pool *p = *state;
	struct worker w;
	pid_t first;

	want(p, 1);
	expect_waiting(p, 1);
	first = only_spare(p);
	assert_int_equal(kill(first, SIGKILL), 0);
	expect_waiting(p, 0);
	expect_waiting(p, 1);
	assert_int_not_equal(confinement_child_of(p->spawner.pid), first);
	ask_for(p, &w, &plain);
	want(p, 0);
	expect_waiting(p, 0);
	take_ready(p, &w, true);
	end(p, &w);
}

/* It was told whom it is for, and did not live to hear it: the master asks again. */
static void
a_spare_that_is_killed_when_it_is_taken_is_no_failed_start(void **state)
{
	struct pool *p = *state;
	const struct process_ended *ended;
	struct worker w;
	pid_t spare;

	want(p, 1);
	expect_waiting(p, 1);
	spare = only_spare(p);
	assert_int_equal(kill(spare, SIGSTOP), 0);
	ask_for(p, &w, &plain);
	want(p, 0);
	expect_waiting(p, 0);
	assert_int_equal(kill(spare, SIGKILL), 0);
	ended = pool_expect_ended(p, w.start.id);
	assert_true(ended->is_lost);
	assert_string_equal(ended->reason, "");
	worker_done(&w);
}

static void
a_spare_that_the_master_kills_is_not_lost(void **state)
{
	struct pool *p = *state;
	struct process_ref ref;
	struct worker w;
	struct err e;

	want(p, 1);
	expect_waiting(p, 1);
	assert_int_equal(kill(only_spare(p), SIGSTOP), 0);
	ask_for(p, &w, &plain);
	want(p, 0);
	expect_waiting(p, 0);
	ref.id = w.start.id;
	assert_int_equal(message_send(p->spawner.channel, MSG_KILL, &ref, sizeof ref, NULL, 0, &e), 0);
	assert_false(pool_expect_ended(p, w.start.id)->is_lost);
	worker_done(&w);
}

static void
none_waits_unless_the_master_wants_it(void **state)
{
	struct pool *p = *state;
	struct worker w;

	start_new(p, &w, &plain);
	end(p, &w);
	assert_int_equal(confinement_child_of(p->spawner.pid), 0);
}

static void
there_are_as_many_as_are_wanted(void **state)
{
	struct pool *p = *state;

	want(p, 3);
	for (uint32_t n = 1; n <= 3; n++)
		expect_waiting(p, n);
	expect_children(p, 3);
	want(p, 1);
	expect_waiting(p, 1);
	want(p, 0);
	expect_waiting(p, 0);
}

static void
more_than_the_most_end_the_spawner(void **state)
{
	static const uint32_t numbers[] = { SPARES_MAX, SPARES_MAX + 1 };
	struct pool p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int rc = 1;

		pool_prepare(&p);
		assert_int_equal(spawner_start(&p.options, &p.spawner, &e), 0);
		want(&p, numbers[i]);
		while (rc == 1 && !(p.m.type == MSG_SPARES_WAIT && ((struct spares *)p.m.body)->n == 1))
			rc = message_receive(p.spawner.channel, &p.m, &e);
		assert_int_equal(rc, numbers[i] <= SPARES_MAX);
		pool_clean(&p);
		memset(&p, 0, sizeof p);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_waits_unless_the_master_wants_it),
		cmocka_unit_test(what_was_a_spare_is_confined_as_what_was_none),
		cmocka_unit_test(what_was_a_spare_serves),
		cmocka_unit_test(a_spare_holds_what_belongs_to_nobody),
		cmocka_unit_test(a_spare_that_is_killed_is_replaced_and_costs_no_start),
		cmocka_unit_test(a_spare_that_is_killed_when_it_is_taken_is_no_failed_start),
		cmocka_unit_test(a_spare_that_the_master_kills_is_not_lost),
		cmocka_unit_test(there_are_as_many_as_are_wanted),
		cmocka_unit_test(more_than_the_most_end_the_spawner),
	};

	/* The pool's cfn-router is this program. */
	if (argc > 0 && strcmp(argv[0], "cfn-router") == 0)
		return router_main();
	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
