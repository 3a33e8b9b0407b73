/* test_router_logs.c - the router's files for single functions: asked for, bounded, opened again. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include "router_rig.h"

static int
setup(void **state)
{
	struct rig *g = rig_new(false);

	if (g)
		g->router.start.syslog.is_each = 1;
	*state = g;
	return g ? 0 : -1;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* The function of number i says its name. */
static void
speak(struct rig *g, unsigned i)
{
	struct pool p = { .function = { .version_id = 1000 + i, .version = 1 } };
	char text[16];

	snprintf(p.function.name, sizeof p.function.name, "f%u", i);
	snprintf(text, sizeof text, "by %u.", i);
	logs_function(&g->router, &p, NULL, LOG_INFO, (struct span){ text, strlen(text) });
	rig_run(g);
}

/* The master's answer to what was asked for it; the file, or -1 for a refusal. */
static void
answer(struct rig *g, unsigned i, int fd)
{
	const struct rig_message *asked = rig_said(g, MSG_ASK_LOG);
	struct version_ref ref = { 1000 + i };
	struct err e;

	assert_non_null(asked);
	assert_int_equal(asked->version.id, ref.id);
	message_send(g->master, MSG_FUNCTION_LOG, &ref, sizeof ref, &fd, fd < 0 ? 0 : 1, &e);
	rig_run(g);
}

static bool
has(int fd, const char *text)
{
	char all[16384];
	ssize_t n = pread(fd, all, sizeof all - 1, 0);

	all[n < 0 ? 0 : n] = '\0';
	return strstr(all, text) != NULL;
}

static void
a_line_waits_for_the_file_of_its_function(void **state)
{
	struct rig *g = *state;
	int one = memfd_create("one", MFD_CLOEXEC), two = memfd_create("two", MFD_CLOEXEC);

	speak(g, 1);
	speak(g, 2);
	speak(g, 1);
	answer(g, 1, one);
	answer(g, 2, two);
	speak(g, 2);
	assert_null(rig_said(g, MSG_ASK_LOG));
	assert_true(has(one, "\"function\":\"f1\""));
	assert_true(has(two, "by 2.") && !has(two, "by 1.") && !has(one, "by 2."));
	assert_int_equal(lseek(g->logs[1], 0, SEEK_END), 0);
	close(one);
	close(two);
}

static void
what_the_master_cannot_open_goes_where_all_would(void **state)
{
	struct rig *g = *state;

	speak(g, 1);
	answer(g, 1, -1);
	assert_true(has(g->logs[1], "by 1."));
	speak(g, 1);
	assert_null(rig_said(g, MSG_ASK_LOG));
}

static void
one_past_the_bound_takes_the_place_of_who_was_silent_longest(void **state)
{
	struct rig *g = *state;
	int fd = memfd_create("all", MFD_CLOEXEC);
	unsigned n_open = 0;

	for (unsigned i = 0; i < FUNCTION_LOGS_MAX; i++) {
		speak(g, i);
		answer(g, i, fd);
	}
	speak(g, 0);
	assert_null(rig_said(g, MSG_ASK_LOG));
	speak(g, FUNCTION_LOGS_MAX);
	answer(g, FUNCTION_LOGS_MAX, fd);
	speak(g, 0);
	assert_null(rig_said(g, MSG_ASK_LOG));
	speak(g, 1);
	answer(g, 1, fd);
	for (size_t i = 0; i < FUNCTION_LOGS_MAX; i++)
		n_open += g->router.function_logs[i].file.fd >= 0;
	assert_int_equal(n_open, FUNCTION_LOGS_MAX);
	assert_true(has(fd, "by 64."));
	assert_int_equal(lseek(g->logs[1], 0, SEEK_END), 0);
	close(fd);
}

static void
where_all_places_wait_a_line_goes_where_all_would(void **state)
{
	struct rig *g = *state;

	for (unsigned i = 0; i <= FUNCTION_LOGS_MAX; i++) {
		speak(g, i);
		if (i < FUNCTION_LOGS_MAX)
			assert_non_null(rig_said(g, MSG_ASK_LOG));
	}
	assert_null(rig_said(g, MSG_ASK_LOG));
	assert_true(has(g->logs[1], "by 64.") && !has(g->logs[1], "by 63."));
	/* And with its end what waits is not lost. */
	function_logs_done(&g->router);
	assert_true(has(g->logs[1], "by 63."));
}

static void
they_are_asked_for_again_when_logs_are_opened_again(void **state)
{
	struct rig *g = *state;
	int before = memfd_create("before", MFD_CLOEXEC), after = memfd_create("after", MFD_CLOEXEC);
	struct log_kinds kinds = { .is_each = 1 };
	struct err e;

	speak(g, 1);
	answer(g, 1, before);
	speak(g, 2);
	message_send(g->master, MSG_LOGS, &kinds, sizeof kinds, (int[]){ before, before, before }, 3, &e);
	rig_run(g);
	answer(g, 2, after);
	assert_true(has(after, "by 2."));
	speak(g, 1);
	answer(g, 1, after);
	assert_true(has(after, "by 1."));
	/* And not at all when there is one for all of them again. */
	kinds.is_each = 0;
	message_send(g->master, MSG_LOGS, &kinds, sizeof kinds, (int[]){ before, before, before }, 3, &e);
	rig_run(g);
	speak(g, 3);
	speak(g, 1);
	assert_null(rig_said(g, MSG_ASK_LOG));
	close(before);
	close(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_waits_for_the_file_of_its_function),
		TEST(what_the_master_cannot_open_goes_where_all_would),
		TEST(one_past_the_bound_takes_the_place_of_who_was_silent_longest),
		TEST(where_all_places_wait_a_line_goes_where_all_would),
		TEST(they_are_asked_for_again_when_logs_are_opened_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
