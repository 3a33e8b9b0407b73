/* test_router_back.c - the router towards workers: hostile records, deaths, the queue, swaps. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "router_rig.h"

#define HELLO "Content-Type: text/plain\r\n\r\nhello"

/* ---- hostile workers ---- */

/* What a worker says instead of an answer; '\xid' stands for the id of the request. */
struct hostile {
	const char *name;
	uint8_t type;
	int id; /* added to the right one */
	const char *content;
	size_t n, cut; /* bytes that are left out at the end */
};

static const struct hostile hostiles[] = {
	{ "another id", FCGI_STDOUT, 1, "x", 1, 0 },
	{ "another type", FCGI_PARAMS, 0, "x", 1, 0 },
	{ "an unknown type", 77, 0, "x", 1, 0 },
	{ "a management record", FCGI_GET_VALUES, 0, "", 0, 0 },
	{ "half a record", FCGI_STDOUT, 0, "xxxx", 4, 2 },
	{ "half a header", FCGI_STDOUT, 0, "", 0, 3 },
	{ "no header block", FCGI_STDOUT, 0, "no head at all\n\n", 16, 0 },
	{ "a control byte in its head", FCGI_STDOUT, 0, "A: b\001\r\n\r\n", 10, 0 },
	{ "a status that is none", FCGI_STDOUT, 0, "Status: 99\r\n\r\n", 14, 0 },
	{ "an end that is too short", FCGI_END_REQUEST, 0, "\0\0\0\0", 4, 0 },
	{ "an end without an answer", FCGI_END_REQUEST, 0, "\0\0\0\0\0\0\0\0", 8, 0 },
	{ "an end that refuses", FCGI_END_REQUEST, 0, "\0\0\0\0\2\0\0\0", 8, 0 },
};

static void
hostile_try(struct rig *g, const struct hostile *h)
{
	struct rig_worker w;
	struct buf bytes;
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	assert_true(rig_receive(&w));
	buf_init(&bytes, 1000);
	rig_record(&bytes, h->type, (uint16_t)(w.request + h->id), h->content, h->n);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes) - h->cut);
	if (!rig_answers(fd, 500, "bad_response"))
		fail_msg("%s", h->name);
	assert_true(rig_killed_for(g, &w, CAUSE_BAD_RESPONSE));
	rig_ended(g, &w, CAUSE_BAD_RESPONSE);
	buf_done(&bytes);
	rig_worker_done(&w);
	close(fd);
}

static void
a_worker_that_breaks_the_protocol_is_killed_and_its_client_answered(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(hostiles); i++)
		hostile_try(*state, &hostiles[i]);
}

static void
an_answer_longer_or_shorter_than_it_says_is_malformed(void **state)
{
	static const char *const answers[] = { "Content-Length: 4\r\n\r\nhello",
		                               "Content-Length: 6\r\n\r\nhello" };
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct rig_worker w;
		int fd = rig_asked(g);

		rig_lease(g, &w, RIG_FAST);
		rig_receive(&w);
		rig_reply(g, &w, answers[i]);
		assert_true(rig_answers(fd, 500, "bad_response"));
		assert_true(rig_killed_for(g, &w, CAUSE_BAD_RESPONSE));
		close(fd);
		rig_worker_done(&w);
	}
}

static void
bytes_after_an_answer_cost_the_worker_and_not_the_client(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	rig_write(g, &w, "x", 1);
	assert_true(rig_killed_for(g, &w, CAUSE_BAD_RESPONSE));
	close(fd);
	rig_worker_done(&w);
}

static void
a_head_without_end_is_malformed(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	rig_flood(g, &w, 'A', 100000);
	assert_true(rig_answers(fd, 500, "bad_response"));
	close(fd);
	rig_worker_done(&w);
}

static void
an_answer_without_end_meets_the_output_limit(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, "A: b\r\n\r\n", 8);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	rig_flood(g, &w, 'A', 1100000);
	assert_true(rig_answers(fd, 500, "output_limit"));
	assert_true(rig_killed_for(g, &w, CAUSE_OUTPUT_LIMIT));
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
a_worker_is_silent_until_the_wall_limit(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	rig_age(g, &w, 9900);
	rig_tick(g);
	assert_null(rig_said(g, MSG_OVERRUN));
	rig_age(g, &w, 10100);
	rig_tick(g);
	assert_true(rig_answers(fd, 504, "wall_time_limit"));
	assert_true(rig_killed_for(g, &w, CAUSE_WALL_TIME_LIMIT));
	close(fd);
	rig_worker_done(&w);
}

static void
a_worker_that_uses_its_cpu_time_is_stopped(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	/* The test is the worker, and has used some since it was started. */
	worker_find(&g->router, w.id)->cpu_start_us = 0;
	rig_tick(g);
	assert_null(rig_said(g, MSG_OVERRUN));
	rig_fast(g)->function.cpu_ms = 0;
	rig_tick(g);
	assert_true(rig_answers(fd, 504, "cpu_time_limit"));
	assert_true(rig_killed_for(g, &w, CAUSE_CPU_TIME_LIMIT));
	close(fd);
	rig_worker_done(&w);
}

/* ---- deaths ---- */

static void
a_death_waits_for_its_verdict(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_asked(g);
	struct rig_answer a;
	char line[2048] = "";

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	rig_worker_done(&w);
	rig_run(g);
	rig_answer(fd, &a);
	assert_int_equal(a.ended, -1);
	buf_done(&a.text);
	rig_ended(g, &w, CAUSE_MEMORY_LIMIT);
	assert_true(rig_answers(fd, 500, "memory_limit"));
	assert_true(pread(g->logs[0], line, sizeof line - 1, 0) > 0);
	assert_non_null(strstr(line, "\"cause\":\"memory_limit\",\"ending\":\"signal SEGV\""));
	close(fd);
}

static void
a_death_without_a_verdict_is_a_crash_after_a_while(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	rig_worker_done(&w);
	rig_run(g);
	rig_age(g, &w, HANG_UP_WAIT_MS + 1);
	rig_tick(g);
	/* It may have closed its descriptor and live on. */
	assert_true(rig_killed_for(g, &w, CAUSE_CRASH));
	rig_age(g, &w, ENDING_WAIT_MS + 1);
	rig_tick(g);
	assert_true(rig_answers(fd, 500, "crash"));
	close(fd);
}

static void
the_last_answer_of_a_dead_worker_is_not_lost(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_asked(g);
	static const unsigned char end[8];
	struct worker_ended ended;
	struct buf bytes;
	struct err e;

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, HELLO, strlen(HELLO));
	rig_record(&bytes, FCGI_END_REQUEST, w.request, end, sizeof end);
	/* The master's word and the worker's come in the same turn. */
	ended = (struct worker_ended){ .worker = w.id, .cause = CAUSE_CRASH };
	message_send(g->master, MSG_WORKER_ENDED, &ended, sizeof ended, NULL, 0, &e);
	send(w.requests, buf_head(&bytes), buf_used(&bytes), 0);
	rig_worker_done(&w);
	rig_run(g);
	assert_true(rig_answers(fd, 200, "hello"));
	buf_done(&bytes);
	close(fd);
}

/* ---- the queue ---- */

static void
a_full_queue_refuses_at_once_and_asks_for_workers(void **state)
{
	struct rig *g = *state;
	int fd[3];
	const struct rig_message *m;

	for (size_t i = 0; i < 3; i++)
		fd[i] = rig_asked(g);
	assert_true(rig_answers(fd[2], 503, "Retry-After: 1\r\n"));
	m = rig_said(g, MSG_WANT);
	assert_non_null(m);
	assert_int_equal(m->want.version, RIG_FAST);
	assert_int_equal(m->want.waiting, 1);
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
}

static void
a_version_that_cannot_start_answers_its_queue(void **state)
{
	struct start_refused refused = { RIG_FAST, CAUSE_START_FAILED, 0 };
	struct rig *g = *state;
	int fd = rig_asked(g);

	rig_say(g, MSG_START_REFUSED, &refused, sizeof refused);
	assert_true(rig_answers(fd, 500, "start_failed"));
	close(fd);
}

static void
who_waits_too_long_for_a_worker_is_told_so(void **state)
{
	struct rig *g = *state;
	int fd = rig_asked(g);

	TAILQ_FIRST(&rig_fast(g)->queue)->queued_us = g->router.now_us - QUEUE_WAIT_MS * 1000ULL - 1000;
	rig_tick(g);
	assert_true(rig_answers(fd, 503, "unavailable"));
	close(fd);
}

static void
a_worker_is_released_after_its_requests(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;

	rig_lease(g, &w, RIG_SMALL);
	for (int i = 0; i < 2; i++) {
		int fd = rig_connect(g);

		assert_null(rig_said(g, MSG_RELEASED));
		rig_request(g, fd, &(struct rig_request){ .method = "POST", .path = "/small/x", .id = 1 });
		assert_true(rig_receive(&w));
		rig_reply(g, &w, HELLO);
		assert_true(rig_answers(fd, 200, "hello"));
		close(fd);
	}
	assert_non_null(rig_said(g, MSG_RELEASED));
	assert_int_equal(recv(w.requests, w.message, 1, 0), 0);
	rig_worker_done(&w);
}

static void
an_idle_worker_is_reported_once(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;

	rig_lease(g, &w, RIG_FAST);
	rig_asked(g);
	rig_receive(&w);
	rig_reply(g, &w, HELLO);
	rig_tick(g);
	assert_null(rig_said(g, MSG_IDLE));
	rig_age(g, &w, 60001);
	rig_tick(g);
	assert_non_null(rig_said(g, MSG_IDLE));
	rig_tick(g);
	assert_null(rig_said(g, MSG_IDLE));
	rig_say(g, MSG_RETIRE, &(struct process_ref){ w.id }, sizeof(struct process_ref));
	assert_non_null(rig_said(g, MSG_RELEASED));
	rig_worker_done(&w);
}

/* ---- swaps ---- */

static void
a_swap_takes_the_queue_along_and_lets_the_old_version_finish(void **state)
{
	struct rig *g = *state;
	struct rig_worker old, new;
	int running, waiting;

	rig_lease(g, &old, RIG_FAST);
	running = rig_asked(g);
	assert_true(rig_receive(&old));
	rig_age(g, &old, 100);
	waiting = rig_asked(g);
	assert_int_equal(g->router.counters.requests_queued, 1);
	rig_lease(g, &new, RIG_FAST_NEXT);
	rig_swap(g, true);
	assert_true(rig_receive(&new));
	assert_false(rig_receive(&old));
	rig_reply(g, &new, HELLO);
	assert_true(rig_answers(waiting, 200, "hello"));
	rig_reply(g, &old, HELLO);
	assert_true(rig_answers(running, 200, "hello"));
	assert_int_equal(rig_said(g, MSG_RELEASED)->ref.id, old.id);
	assert_null(rig_fast(g));
	close(running);
	close(waiting);
	rig_worker_done(&old);
	rig_worker_done(&new);
}

static void
a_swap_that_drops_the_function_answers_its_queue(void **state)
{
	struct rig *g = *state;
	int fd = rig_asked(g);

	rig_swap(g, false);
	assert_true(rig_answers(fd, 404, "no_route"));
	close(fd);
}

static void
a_lease_of_a_replaced_version_is_given_back(void **state)
{
	struct rig *g = *state;
	struct rig_worker running, late;
	int fd = rig_asked(g);

	rig_lease(g, &running, RIG_FAST);
	rig_swap(g, true);
	rig_lease(g, &late, RIG_FAST);
	assert_int_equal(rig_said(g, MSG_RELEASED)->ref.id, late.id);
	close(fd);
	rig_worker_done(&running);
	rig_worker_done(&late);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_worker_that_breaks_the_protocol_is_killed_and_its_client_answered),
		TEST(an_answer_longer_or_shorter_than_it_says_is_malformed),
		TEST(bytes_after_an_answer_cost_the_worker_and_not_the_client),
		TEST(a_head_without_end_is_malformed),
		TEST(an_answer_without_end_meets_the_output_limit),
		TEST(a_worker_is_silent_until_the_wall_limit),
		TEST(a_worker_that_uses_its_cpu_time_is_stopped),
		TEST(a_death_waits_for_its_verdict),
		TEST(a_death_without_a_verdict_is_a_crash_after_a_while),
		TEST(the_last_answer_of_a_dead_worker_is_not_lost),
		TEST(a_full_queue_refuses_at_once_and_asks_for_workers),
		TEST(a_version_that_cannot_start_answers_its_queue),
		TEST(who_waits_too_long_for_a_worker_is_told_so),
		TEST(a_worker_is_released_after_its_requests),
		TEST(an_idle_worker_is_reported_once),
		TEST(a_swap_takes_the_queue_along_and_lets_the_old_version_finish),
		TEST(a_swap_that_drops_the_function_answers_its_queue),
		TEST(a_lease_of_a_replaced_version_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
