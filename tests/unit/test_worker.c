/* test_worker.c - workers for real: ready, answers, endings, what they hold; the test is master and router.
 */
#include "spawn_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/filter.h"

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

static void
a_function_in_cplusplus_answers(void **state)
{
	struct worker w = { 0 };

	worker_start(*state, &w, "cplusplus", "entry");
	assert_non_null(ask(&w, ""));
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static void
packed_requests_are_answered_in_their_order(void **state)
{
	enum { DEPTH = 16 };
	struct worker w = { 0 };
	char query[16], want[32];

	worker_start(*state, &w, "behaves", "hello");
	for (uint16_t i = 1; i <= DEPTH; i++) {
		snprintf(query, sizeof query, "name=%u", i);
		request_send(&w, i, query, "");
	}
	for (uint16_t i = 1; i <= DEPTH; i++) {
		snprintf(want, sizeof want, "Hello, %u!\n", i);
		assert_string_equal(answer_read(&w, i), want);
	}
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static void
a_body_is_read_and_one_that_is_left_does_not_reach_the_next_request(void **state)
{
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "echo");
	request_send(&w, 1, "", "a body");
	assert_string_equal(answer_read(&w, 1), "a body");
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);

	w = (struct worker){ 0 };
	worker_start(*state, &w, "behaves", "hello");
	request_send(&w, 1, "", "never read");
	assert_string_equal(answer_read(&w, 1), "Hello, world!\n");
	request_send(&w, 2, "name=B", "");
	assert_string_equal(answer_read(&w, 2), "Hello, B!\n");
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static void
how_a_worker_ended_is_the_kernels_word(void **state)
{
	static const struct {
		const char *query;
		int code, status;
	} cases[] = {
		{ "how=exit", CLD_EXITED, 3 },
		{ "how=abort", CLD_KILLED, SIGABRT },
		{ "how=segv", CLD_KILLED, SIGSEGV },
		{ "how=close", CLD_EXITED, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct process_ended *ended;
		struct worker w = { 0 };

		worker_start(*state, &w, "behaves", "ends");
		assert_null(ask(&w, cases[i].query));
		ended = pool_expect_ended(*state, w.start.id);
		assert_int_equal(ended->was_ready, 1);
		assert_int_equal(ended->ending.status, cases[i].status);
		/* With a core_pattern that is a pipe it says dumped. */
		assert_true(ended->ending.code == cases[i].code || ended->ending.code == CLD_DUMPED);
		assert_true(ended->ending.max_rss_kb > 0);
		worker_done(&w);
	}
}

static void
the_end_of_the_requests_is_a_good_end(void **state)
{
	const struct process_ended *ended;
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "hello");
	assert_non_null(ask(&w, ""));
	/* The listener stays open, unanswered: no call of the end is one that is reported. */
	fd_close(&w.requests);
	fd_close(&w.output);
	ended = pool_expect_ended(*state, w.start.id);
	assert_int_equal(ended->ending.code, CLD_EXITED);
	assert_int_equal(ended->ending.status, 0);
	assert_string_equal(ended->reason, "");
	worker_done(&w);
}

static void
send_ref(struct pool *p, uint32_t id)
{
	const struct process_ref ref = { id };
	struct err e;

	assert_int_equal(message_send(p->spawner.channel, MSG_KILL, &ref, sizeof ref, NULL, 0, &e), 0);
}

static void
a_worker_is_killed_whatever_it_does(void **state)
{
	const struct process_ended *ended;
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "hello");
	send_ref(*state, w.start.id);
	send_ref(*state, 4000000000U); /* nobody: ended a moment ago */
	ended = pool_expect_ended(*state, w.start.id);
	assert_int_equal(ended->ending.code, CLD_KILLED);
	assert_int_equal(ended->ending.status, SIGKILL);
	worker_done(&w);
}

static void
what_cannot_be_loaded_says_why(void **state)
{
	static const struct {
		const char *file, *entry, *reason;
	} cases[] = {
		{ "behaves", "missing", "no handler 'missing'" },
		{ "refuses", "", "cfn_init" },
		{ "otherabi", "", "version 2" },
		{ "insists", "hello", "refused system calls while it was loaded, the last one: ptrace" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct process_ended *ended;
		struct worker w;

		worker_init(*state, &w, cases[i].entry);
		worker_ask(*state, &w, cases[i].file);
		ended = pool_expect_ended(*state, w.start.id);
		assert_int_equal(ended->was_ready, 0);
		if (!strstr(ended->reason, cases[i].reason))
			fail_msg("'%s' is not in '%s'", cases[i].reason, ended->reason);
		worker_done(&w);
	}
}

static void
a_trial_reports_its_routes_and_ends(void **state)
{
	struct pool *p = *state;
	struct process_ready ready;
	struct worker w;

	worker_init(p, &w, "");
	w.start.is_trial = 1;
	worker_start(p, &w, "table", "");
	memcpy(&ready, p->m.body, sizeof ready);
	assert_true(ready.n_routes > 0);
	p->m.body[p->m.length] = '\0';
	assert_non_null(strstr((char *)p->m.body + sizeof ready, " /"));
	assert_int_equal(pool_expect_ended(p, w.start.id)->ending.status, 0);
	worker_done(&w);
}

static void
refused_calls_reach_the_listener_that_came_with_ready(void **state)
{
	struct sandbox_denied denied = { 0 };
	char name[SYSCALL_NAME_SIZE];
	struct pollfd ready;
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "calls_socket");
	request_send(&w, 1, "", "");
	ready = (struct pollfd){ .fd = w.listener, .events = POLLIN };
	assert_int_equal(poll(&ready, 1, 20000), 1);
	assert_int_equal(sandbox_denied_receive(w.listener, &denied), 1);
	sandbox_syscall_name(denied.nr, name);
	assert_string_equal(name, "socket");
	assert_int_equal(sandbox_denied_answer(w.listener, &denied), 0);
	assert_string_equal(answer_read(&w, 1), "EACCES\n");
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static void
a_worker_holds_its_own_descriptors_alone(void **state)
{
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "holds");
	assert_string_equal(ask(&w, ""), "0 1 2 3 ");
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static void
the_next_request_finds_nothing_that_the_last_one_left(void **state)
{
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "leaves_or_finds");
	/* More often than a worker may have timers. */
	for (int i = 0; i < 40; i++)
		assert_string_equal(ask(&w, "leave=1"), "left\n");
	assert_string_equal(ask(&w, ""), "umask 077, in /tmp, no timer, not blocked, default: 0 1 2 3 ");
	worker_done(&w);
	assert_int_equal(pool_expect_ended(*state, w.start.id)->ending.status, 0);
}

static void
files_are_removed_in_whatever_folder_a_handler_left_the_worker(void **state)
{
	struct worker w = { 0 };

	worker_start(*state, &w, "behaves", "leaves_or_finds");
	for (int i = 0; i < 3; i++) {
		assert_string_equal(ask(&w, "leave=unseen"), "left\n");
		assert_memory_equal(ask(&w, ""), "umask 077, in ", 14);
	}
	worker_done(&w);
	assert_int_equal(pool_expect_ended(*state, w.start.id)->ending.status, 0);
}

static void
what_was_made_at_the_start_stays(void **state)
{
	struct worker w = { 0 };

	worker_start(*state, &w, "keeps", "keeps");
	for (int i = 0; i < 3; i++)
		assert_string_equal(ask(&w, ""), "open, handled\n");
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static void
output_and_log_reach_the_router(void **state)
{
	struct worker w = { 0 };
	char text[64] = "";

	worker_start(*state, &w, "behaves", "says");
	assert_string_equal(ask(&w, ""), "2\n"); /* init is 1 */
	assert_true(read(w.output, text, sizeof text - 1) > 0);
	assert_string_equal(text, "on stdout\n");
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);

	w = (struct worker){ 0 };
	worker_start(*state, &w, "behaves", "logs");
	assert_non_null(ask(&w, ""));
	assert_non_null(answer_errors());
	assert_non_null(strstr(answer_errors(), "a line of the log\n"));
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static void
folder_worker(struct pool *p, struct worker *w, const char *entry, bool is_read_only)
{
	*w = (struct worker){ 0 };
	worker_init(p, w, entry);
	snprintf(w->start.shared, sizeof w->start.shared, "notes");
	w->start.shared_read_only = is_read_only;
	worker_start(p, w, "behaves", entry);
}

static void
workers_of_a_shared_folder_see_the_same_files(void **state)
{
	struct worker writer, reader;

	folder_worker(*state, &writer, "writes_file", false);
	folder_worker(*state, &reader, "reads_file", true);
	assert_string_equal(ask(&writer, "path=/kept"), "ok\n");
	assert_string_equal(ask(&reader, "path=/kept"), "written\n");
	/* /tmp is each worker's own. */
	assert_string_equal(ask(&writer, "path=/tmp/own"), "ok\n");
	assert_string_equal(ask(&reader, "path=/tmp/own"), "ENOENT\n");
	worker_done(&writer);
	pool_expect_ended(*state, writer.start.id);
	worker_done(&reader);
	pool_expect_ended(*state, reader.start.id);

	folder_worker(*state, &writer, "writes_file", true);
	assert_non_null(strstr("EACCES\nEROFS\n", ask(&writer, "path=/other")));
	worker_done(&writer);
	pool_expect_ended(*state, writer.start.id);
}

/* ---- fresh mode ---- */

static void
fresh_start(struct pool *p, struct worker *w, const char *file, const char *entry)
{
	worker_init(p, w, entry);
	w->start.is_fresh = 1;
	worker_start(p, w, file, entry);
}

/* One request as a router gives it; its answer. */
static const char *
fresh_ask(const struct worker *w, uint32_t number, const char *query)
{
	static struct worker request;
	const char *answer;

	fresh_begin(w, &request, number);
	answer = ask(&request, query);
	worker_done(&request);
	return answer;
}

static void
fresh_end(struct pool *p, struct worker *w)
{
	worker_done(w);
	assert_int_equal(pool_expect_ended(p, w->start.id)->ending.status, 0);
}

static void
a_fresh_worker_makes_a_process_for_each_request(void **state)
{
	struct worker w;

	fresh_start(*state, &w, "behaves", "hello");
	for (uint32_t number = 1; number <= 20; number++) {
		struct fresh_ended ended;
		struct worker request;

		fresh_begin(&w, &request, number);
		assert_true(request.pid > 1 && request.pid != w.pid);
		assert_string_equal(ask(&request, "name=Ada"), "Hello, Ada!\n");
		ended = fresh_expect_ended(&w);
		assert_int_equal(ended.number, number);
		assert_int_equal(ended.ending.code, CLD_EXITED);
		assert_int_equal(ended.ending.status, 0);
		assert_true(ended.ending.max_rss_kb > 0);
		/* And no second one. */
		assert_null(answer_read(&request, 2));
		worker_done(&request);
	}
	fresh_end(*state, &w);
}

static void
in_fresh_mode_nothing_of_a_request_is_found_by_the_next(void **state)
{
	struct worker w;

	fresh_start(*state, &w, "leaks", "leaks");
	assert_string_equal(fresh_ask(&w, 1, ""), ".\n");
	fresh_expect_ended(&w);
	for (uint32_t number = 2; number < 8; number += 2) {
		assert_string_equal(fresh_ask(&w, number, "leave=1"), "left\n");
		assert_int_equal(fresh_expect_ended(&w).ending.status, 0);
		assert_string_equal(fresh_ask(&w, number + 1, ""), ".\n");
		fresh_expect_ended(&w);
	}
	fresh_end(*state, &w);
}

static void
in_reuse_mode_what_survives_is_what_the_manual_says(void **state)
{
	struct worker w = { 0 };
	char expected[256];

	worker_start(*state, &w, "leaks", "leaks");
	assert_string_equal(ask(&w, ""), ".\n");
	assert_string_equal(ask(&w, "leave=1"), "left\n");
	/* The pipes behind 0 to 2 belong to the user who started the pool, and so to a function of an
	 * ordinary one. */
	snprintf(expected, sizeof expected,
	         "static heap environment limit limit_of_loaded signal_to_loaded flags lock %sname "
	         "pipe event offset shared_file private_file .\n",
	         geteuid() == 0 ? "" : "input output ");
	assert_string_equal(ask(&w, ""), expected);
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static void
how_a_requests_process_ended_is_inits_word_and_the_next_is_served(void **state)
{
	static const struct {
		const char *query;
		int code, status;
	} cases[] = {
		{ "how=exit", CLD_EXITED, 3 },
		{ "how=abort", CLD_KILLED, SIGABRT },
		{ "how=segv", CLD_KILLED, SIGSEGV },
		{ "how=close", CLD_EXITED, 0 },
	};
	struct worker w;

	fresh_start(*state, &w, "behaves", "ends");
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fresh_ended ended;

		assert_null(fresh_ask(&w, i + 1, cases[i].query));
		ended = fresh_expect_ended(&w);
		assert_int_equal(ended.number, i + 1);
		assert_int_equal(ended.ending.status, cases[i].status);
		assert_true(ended.ending.code == cases[i].code || ended.ending.code == CLD_DUMPED);
	}
	assert_string_equal(fresh_ask(&w, 9, "how=well"), "still here\n");
	fresh_expect_ended(&w);
	fresh_end(*state, &w);
}

static void
init_kills_the_process_of_the_request_that_is_named_and_no_other(void **state)
{
	struct fresh_kill kill_it = { 1 };
	struct fresh_ended ended;
	struct worker w, request;

	fresh_start(*state, &w, "behaves", "hello");
	assert_non_null(fresh_ask(&w, 1, ""));
	assert_int_equal(fresh_expect_ended(&w).number, 1);

	fresh_begin(&w, &request, 2);
	/* Of one that has ended already. */
	assert_int_equal(send(w.init, &kill_it, sizeof kill_it, 0), sizeof kill_it);
	assert_string_equal(ask(&request, ""), "Hello, world!\n");
	worker_done(&request);
	assert_int_equal(fresh_expect_ended(&w).ending.code, CLD_EXITED);

	fresh_begin(&w, &request, 3);
	kill_it.number = 3;
	assert_int_equal(send(w.init, &kill_it, sizeof kill_it, 0), sizeof kill_it);
	ended = fresh_expect_ended(&w);
	assert_int_equal(ended.number, 3);
	assert_int_equal(ended.ending.code, CLD_KILLED);
	assert_int_equal(ended.ending.status, SIGKILL);
	worker_done(&request);
	assert_non_null(fresh_ask(&w, 4, ""));
	fresh_expect_ended(&w);
	fresh_end(*state, &w);
}

#define OTHERS_ARE_OUT_OF_REACH                                                                              \
	"loaded EPERM\ninit EPERM\ngroup EPERM\nall EPERM\nthread_of_loaded EPERM\nany_thread EPERM\n"       \
	"high_bits EPERM\nown -\nlimit EPERM\nprogram EPERM\nmessage EPERM\n"

/* One that names no call that makes threads has none; and where it may, the rest is refused all the same. */
static void
a_requests_process_makes_no_other_and_reaches_none(void **state)
{
	static const struct {
		const char *file, *answer;
	} cases[] = {
		{ "makes", "own_limit EPERM\nthread EAGAIN\nsibling EAGAIN\n" OTHERS_ARE_OUT_OF_REACH },
		{ "threads", "own_limit EPERM\nthread -\nsibling EPERM\n" OTHERS_ARE_OUT_OF_REACH },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct worker w;

		fresh_start(*state, &w, cases[i].file, "makes");
		for (uint32_t number = 1; number <= 2; number++) {
			assert_string_equal(fresh_ask(&w, number, ""), cases[i].answer);
			assert_int_equal(fresh_expect_ended(&w).ending.status, 0);
		}
		fresh_end(*state, &w);
	}
}

static void
a_requests_process_holds_its_own_descriptors_alone(void **state)
{
	struct worker w;

	fresh_start(*state, &w, "behaves", "holds");
	assert_string_equal(fresh_ask(&w, 1, ""), "0 1 2 3 ");
	fresh_expect_ended(&w);
	fresh_end(*state, &w);
}

static void
a_fresh_trial_reports_its_routes_and_ends(void **state)
{
	struct worker w;

	worker_init(*state, &w, "");
	w.start.is_trial = w.start.is_fresh = 1;
	worker_start(*state, &w, "table", "");
	fresh_end(*state, &w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_gets_ready_and_answers),
		cmocka_unit_test(a_function_in_cplusplus_answers),
		cmocka_unit_test(packed_requests_are_answered_in_their_order),
		cmocka_unit_test(a_body_is_read_and_one_that_is_left_does_not_reach_the_next_request),
		cmocka_unit_test(how_a_worker_ended_is_the_kernels_word),
		cmocka_unit_test(the_end_of_the_requests_is_a_good_end),
		cmocka_unit_test(a_worker_is_killed_whatever_it_does),
		cmocka_unit_test(what_cannot_be_loaded_says_why),
		cmocka_unit_test(a_trial_reports_its_routes_and_ends),
		cmocka_unit_test(refused_calls_reach_the_listener_that_came_with_ready),
		cmocka_unit_test(a_worker_holds_its_own_descriptors_alone),
		cmocka_unit_test(the_next_request_finds_nothing_that_the_last_one_left),
		cmocka_unit_test(files_are_removed_in_whatever_folder_a_handler_left_the_worker),
		cmocka_unit_test(what_was_made_at_the_start_stays),
		cmocka_unit_test(output_and_log_reach_the_router),
		cmocka_unit_test(workers_of_a_shared_folder_see_the_same_files),
		cmocka_unit_test(a_fresh_worker_makes_a_process_for_each_request),
		cmocka_unit_test(in_fresh_mode_nothing_of_a_request_is_found_by_the_next),
		cmocka_unit_test(in_reuse_mode_what_survives_is_what_the_manual_says),
		cmocka_unit_test(how_a_requests_process_ended_is_inits_word_and_the_next_is_served),
		cmocka_unit_test(init_kills_the_process_of_the_request_that_is_named_and_no_other),
		cmocka_unit_test(a_requests_process_makes_no_other_and_reaches_none),
		cmocka_unit_test(a_requests_process_holds_its_own_descriptors_alone),
		cmocka_unit_test(a_fresh_trial_reports_its_routes_and_ends),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
