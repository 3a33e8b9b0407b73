/* test_router_back.c - the router towards workers: hostile records, deaths, packing, bodies, streams, swaps.
 */
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "router_rig.h"
#include "sandbox/filter.h"

#define HELLO  "Content-Type: text/plain\r\n\r\nhello"
#define STREAM "Content-Type: text/plain\r\nX-CFN-Stream: 1\r\n\r\n"

static int
setup(void **state)
{
	*state = rig_new(false);
	return *state ? 0 : -1;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* A connection with a GET of /fast on it. */
static int
asked(struct rig *g)
{
	int fd = rig_connect(g);

	rig_get(g, fd, "/fast");
	return fd;
}

static struct pool *
fast(struct rig *g)
{
	return pool_find(&g->router, RIG_FAST);
}

/* The worker's first request began this long ago. */
static void
age(struct rig *g, const struct rig_worker *w, unsigned ms)
{
	struct worker *worker = worker_find(&g->router, w->id);

	worker->since_us = worker->active_us = g->router.now_us - ms * 1000ULL;
}

static void
killed_for(struct rig *g, const struct rig_worker *w, enum cause cause)
{
	const struct rig_message *m = rig_said(g, MSG_OVERRUN);

	assert_non_null(m);
	assert_int_equal(m->overrun.worker, w->id);
	assert_int_equal(m->overrun.cause, cause);
}

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
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	assert_true(rig_receive(&w));
	buf_init(&bytes, 1000);
	rig_record(&bytes, h->type, (uint16_t)(w.request + h->id), h->content, h->n);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes) - h->cut);
	if (!rig_answers(fd, 500, "bad_response"))
		fail_msg("%s", h->name);
	killed_for(g, &w, CAUSE_BAD_RESPONSE);
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
		int fd = asked(g);

		rig_lease(g, &w, RIG_FAST);
		rig_receive(&w);
		rig_reply(g, &w, answers[i]);
		assert_true(rig_answers(fd, 500, "bad_response"));
		killed_for(g, &w, CAUSE_BAD_RESPONSE);
		close(fd);
		rig_worker_done(&w);
	}
}

static void
bytes_after_an_answer_cost_the_worker_and_not_the_client(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	rig_write(g, &w, "x", 1);
	killed_for(g, &w, CAUSE_BAD_RESPONSE);
	close(fd);
	rig_worker_done(&w);
}

/* STDOUT in records of 60,000 bytes until the worker is killed or n bytes were written. */
static void
flood(struct rig *g, struct rig_worker *w, char fill, size_t n)
{
	char content[60000];
	struct buf bytes;

	memset(content, fill, sizeof content);
	buf_init(&bytes, FCGI_MESSAGE_MAX);
	rig_record(&bytes, FCGI_STDOUT, w->request, content, sizeof content);
	for (size_t i = 0; i < n; i += sizeof content)
		rig_write(g, w, buf_head(&bytes), buf_used(&bytes));
	buf_done(&bytes);
}

static void
a_head_without_end_is_malformed(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	flood(g, &w, 'A', 100000);
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
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, "A: b\r\n\r\n", 8);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	flood(g, &w, 'A', 1100000);
	assert_true(rig_answers(fd, 500, "output_limit"));
	killed_for(g, &w, CAUSE_OUTPUT_LIMIT);
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
a_worker_is_silent_until_the_wall_limit(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	age(g, &w, 9900);
	rig_tick(g);
	assert_null(rig_said(g, MSG_OVERRUN));
	age(g, &w, 10100);
	rig_tick(g);
	assert_true(rig_answers(fd, 504, "wall_time_limit"));
	killed_for(g, &w, CAUSE_WALL_TIME_LIMIT);
	close(fd);
	rig_worker_done(&w);
}

static void
a_worker_that_uses_its_cpu_time_is_stopped(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	/* The test is the worker, and has used some since it was started. */
	worker_find(&g->router, w.id)->cpu_start_us = 0;
	rig_tick(g);
	assert_null(rig_said(g, MSG_OVERRUN));
	fast(g)->function.cpu_ms = 0;
	rig_tick(g);
	assert_true(rig_answers(fd, 504, "cpu_time_limit"));
	killed_for(g, &w, CAUSE_CPU_TIME_LIMIT);
	close(fd);
	rig_worker_done(&w);
}

/* ---- deaths ---- */

static void
a_death_waits_for_its_verdict(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);
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
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	rig_worker_done(&w);
	rig_run(g);
	age(g, &w, HANG_UP_WAIT_MS + 1);
	rig_tick(g);
	/* It may have closed its descriptor and live on. */
	killed_for(g, &w, CAUSE_CRASH);
	age(g, &w, ENDING_WAIT_MS + 1);
	rig_tick(g);
	assert_true(rig_answers(fd, 500, "crash"));
	close(fd);
}

static void
the_last_answer_of_a_dead_worker_is_not_lost(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);
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

/* ---- packing ---- */

static void
requests_of_a_fast_function_are_packed_and_of_a_slow_one_not(void **state)
{
	static const struct {
		uint64_t service_us;
		unsigned packed; /* of 3 */
	} cases[] = { { 10, 3 }, { 100, 2 }, { 251, 1 }, { 100000, 1 } };
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_worker w[2];
		int fd[3];
		unsigned n = 0;

		rig_lease(g, &w[0], RIG_FAST);
		rig_lease(g, &w[1], RIG_FAST);
		fast(g)->service_ns = cases[i].service_us * 1000;
		for (size_t k = 0; k < 3; k++)
			fd[k] = rig_connect(g);
		fast(g)->service_ns = cases[i].service_us * 1000;
		for (size_t k = 0; k < 3; k++) {
			struct worker *worker = worker_find(&g->router, w[1].id);

			worker->since_us = g->router.now_us + 1000000; /* as if it had only begun */
			rig_get(g, fd[k], "/fast");
		}
		while (rig_receive(&w[1]))
			n++;
		assert_int_equal(n, cases[i].packed);
		for (size_t k = 0; k < 3; k++)
			close(fd[k]);
		rig_worker_done(&w[0]);
		rig_worker_done(&w[1]);
		rig_run(g);
		rig_ended(g, &w[0], CAUSE_CRASH);
		rig_ended(g, &w[1], CAUSE_CRASH);
	}
}

/* Three requests in one worker, which has read n of them. */
static void
pack_three_read(struct rig *g, struct rig_worker *w, int fd[3], uint16_t ids[3], size_t n)
{
	rig_lease(g, w, RIG_FAST);
	for (size_t i = 0; i < 3; i++)
		fd[i] = rig_connect(g);
	for (size_t i = 0; i < 3; i++) {
		struct worker *worker = worker_find(&g->router, w->id);

		fast(g)->service_ns = 1000;
		worker->since_us = g->router.now_us + 1000000; /* as if it had only begun */
		rig_get(g, fd[i], "/fast");
	}
	for (size_t i = 0; i < n; i++) {
		assert_true(rig_receive(w));
		ids[i] = w->request;
	}
}

static void
pack_three(struct rig *g, struct rig_worker *w, int fd[3], uint16_t ids[3])
{
	pack_three_read(g, w, fd, ids, 3);
}

static void
packed_requests_have_ids_of_their_own_and_are_answered_in_order(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	uint16_t ids[3];
	int fd[3];

	pack_three(g, &w, fd, ids);
	for (size_t i = 0; i < 3; i++) {
		rig_reply_id(g, &w, ids[i], HELLO);
		assert_true(rig_answers(fd[i], 200, "hello"));
		close(fd[i]);
	}
	rig_worker_done(&w);
}

/* As if all were sent at one time: nothing runs in between. */
static void
send_together(struct rig *g, struct rig_worker *w, const int *fd, size_t n, size_t n_body)
{
	static char body[BODY_SMALL_MAX];
	struct buf bytes;

	buf_init(&bytes, 4 << 20);
	rig_request_put(&bytes,
	                &(struct rig_request){
			    .method = "POST", .path = "/fast", .id = 1, .body = body, .n_body = n_body });
	for (size_t i = 0; i < n; i++)
		assert_int_equal(send(fd[i], buf_head(&bytes), buf_used(&bytes), 0), buf_used(&bytes));
	buf_done(&bytes);
	fast(g)->service_ns = 1000;
	worker_find(&g->router, w->id)->since_us = g->router.now_us + 1000000; /* as if it had only begun */
	rig_run(g);
}

static void
requests_that_come_together_go_to_a_worker_in_as_few_messages_as_hold_them(void **state)
{
	enum { N = 8 };
	static const struct {
		size_t n_body, n, n_messages;
	} cases[] = { { 0, N, 1 }, { 20000, N, 3 }, { 40000, 4, 4 }, { BODY_SMALL_MAX, 2, 4 } };
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_worker w;
		size_t n_messages = 0;
		int fd[N];

		rig_lease(g, &w, RIG_FAST);
		for (size_t k = 0; k < cases[i].n; k++)
			fd[k] = rig_connect(g);
		send_together(g, &w, fd, cases[i].n, cases[i].n_body);
		for (size_t k = 0; k < cases[i].n; k++) {
			bool is_whole = cases[i].n_body < FCGI_MESSAGE_MAX;

			n_messages += w.n_rest == 0;
			assert_true(rig_receive(&w));
			assert_int_equal(w.message[1], FCGI_BEGIN_REQUEST);
			if (!is_whole) {
				n_messages += w.n_rest == 0;
				assert_true(rig_receive(&w));
			}
			rig_reply(g, &w, HELLO);
			assert_true(rig_answers(fd[k], 200, "hello"));
			close(fd[k]);
		}
		assert_false(rig_receive(&w));
		assert_int_equal(n_messages, cases[i].n_messages);
		rig_worker_done(&w);
		rig_run(g);
		rig_ended(g, &w, CAUSE_CRASH);
	}
}

static void
an_answer_out_of_order_is_hostile(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	uint16_t ids[3];
	int fd[3];

	pack_three(g, &w, fd, ids);
	if (ids[0] != ids[1]) {
		rig_reply_id(g, &w, ids[1], HELLO);
		assert_true(rig_answers(fd[0], 500, "bad_response"));
		killed_for(g, &w, CAUSE_BAD_RESPONSE);
	}
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
	rig_worker_done(&w);
}

static void
when_a_packed_worker_dies_the_first_is_the_culprit_and_the_others_go_to_another(void **state)
{
	struct rig *g = *state;
	struct rig_worker w, other;
	uint16_t ids[3];
	int fd[3];

	pack_three(g, &w, fd, ids);
	rig_reply_id(g, &w, ids[0], HELLO);
	assert_true(rig_answers(fd[0], 200, "hello"));
	rig_worker_done(&w);
	rig_run(g);
	rig_ended(g, &w, CAUSE_CRASH);
	assert_true(rig_answers(fd[1], 500, "crash"));
	rig_lease(g, &other, RIG_FAST);
	assert_true(rig_receive(&other));
	rig_reply(g, &other, HELLO);
	assert_true(rig_answers(fd[2], 200, "hello"));
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
	rig_worker_done(&other);
}

/* All of it lies in the socket when the router looks, and the kernel says first that something was unread. */
static void
what_a_packed_worker_answered_before_it_died_counts_and_its_culprit_is_not_served_again(void **state)
{
	static const unsigned char end[8];
	struct rig *g = *state;
	struct rig_worker w, other;
	struct buf bytes;
	uint16_t ids[3];
	int fd[3];

	buf_init(&bytes, 1 << 20);
	pack_three_read(g, &w, fd, ids, 2);
	rig_record(&bytes, FCGI_STDOUT, ids[0], HELLO, strlen(HELLO));
	rig_record(&bytes, FCGI_STDOUT, ids[0], NULL, 0);
	rig_record(&bytes, FCGI_END_REQUEST, ids[0], end, sizeof end);
	assert_int_equal(send(w.requests, buf_head(&bytes), buf_used(&bytes), 0), buf_used(&bytes));
	buf_done(&bytes);
	rig_worker_done(&w);
	rig_run(g);
	rig_ended(g, &w, CAUSE_CRASH);
	assert_true(rig_answers(fd[0], 200, "hello"));
	assert_true(rig_answers(fd[1], 500, "crash"));
	rig_lease(g, &other, RIG_FAST);
	assert_true(rig_receive(&other));
	rig_reply(g, &other, HELLO);
	assert_true(rig_answers(fd[2], 200, "hello"));
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
	rig_worker_done(&other);
}

static void
want_of_a_processor_does_not_stop_packing_and_sleep_does(void **state)
{
	static const struct {
		unsigned cpu_us, wall_us, low_us, high_us;
	} cases[] = {
		{ 10, 20, 9, 12 },          /* fast */
		{ 10, 80, 9, 12 },          /* fast, and other processes too */
		{ 10, 8000, 900, 1000 },    /* sleeps */
		{ 3000, 3000, 2900, 3000 }, /* computes */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pool p = { .cpu_ns = 1000000, .wall_ns = 1000000 };

		for (int k = 0; k < 200; k++) {
			service_learn_wall(&p, cases[i].wall_us * 4, 4);
			service_learn_cpu(&p, cases[i].cpu_us * 4, 4);
		}
		assert_in_range(p.service_ns, cases[i].low_us * 1000, cases[i].high_us * 1000);
	}
}

/* ---- the queue ---- */

static void
a_full_queue_refuses_at_once_and_asks_for_workers(void **state)
{
	struct rig *g = *state;
	int fd[3];
	const struct rig_message *m;

	for (size_t i = 0; i < 3; i++)
		fd[i] = asked(g);
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
	int fd = asked(g);

	rig_say(g, MSG_START_REFUSED, &refused, sizeof refused);
	assert_true(rig_answers(fd, 500, "start_failed"));
	close(fd);
}

static void
who_waits_too_long_for_a_worker_is_told_so(void **state)
{
	struct rig *g = *state;
	int fd = asked(g);

	TAILQ_FIRST(&fast(g)->queue)->queued_us = g->router.now_us - QUEUE_WAIT_MS * 1000ULL - 1000;
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
	asked(g);
	rig_receive(&w);
	rig_reply(g, &w, HELLO);
	rig_tick(g);
	assert_null(rig_said(g, MSG_IDLE));
	age(g, &w, 60001);
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
	running = asked(g);
	assert_true(rig_receive(&old));
	age(g, &old, 100);
	waiting = asked(g);
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
	assert_null(fast(g));
	close(running);
	close(waiting);
	rig_worker_done(&old);
	rig_worker_done(&new);
}

static void
a_swap_that_drops_the_function_answers_its_queue(void **state)
{
	struct rig *g = *state;
	int fd = asked(g);

	rig_swap(g, false);
	assert_true(rig_answers(fd, 404, "no_route"));
	close(fd);
}

static void
a_lease_of_a_replaced_version_is_given_back(void **state)
{
	struct rig *g = *state;
	struct rig_worker running, late;
	int fd = asked(g);

	rig_lease(g, &running, RIG_FAST);
	rig_swap(g, true);
	rig_lease(g, &late, RIG_FAST);
	assert_int_equal(rig_said(g, MSG_RELEASED)->ref.id, late.id);
	close(fd);
	rig_worker_done(&running);
	rig_worker_done(&late);
}

/* ---- bodies and streams ---- */

/* Compares the STDIN of the worker's message with the body from *got on. */
static void
body_check(const struct rig_worker *w, const char *body, size_t *got)
{
	const unsigned char *p = w->message, *content;
	size_t n = w->n_message, size;
	struct fcgi_header h;

	while ((size = fcgi_record_read(p, n, &h, &content)) > 0) {
		if (h.type == FCGI_STDIN) {
			assert_memory_equal(content, body + *got, h.content);
			*got += h.content;
		}
		p += size;
		n -= size;
	}
	assert_int_equal(n, 0);
}

static void
a_large_body_streams_with_backpressure_and_arrives_whole(void **state)
{
	enum { SIZE = 900000 };
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);
	char *body = malloc(SIZE);
	struct buf bytes;
	size_t got = 0, sent;

	for (size_t i = 0; i < SIZE; i++)
		body[i] = (char)(i * 7 + i / 1000);
	buf_init(&bytes, 4 << 20);
	rig_request_put(&bytes, &(struct rig_request){ .method = "POST",
	                                               .path = "/fast",
	                                               .id = 1,
	                                               .length = "900000",
	                                               .body = body,
	                                               .n_body = SIZE });
	rig_lease(g, &w, RIG_FAST);
	/* While the worker reads nothing, what waits here is bounded. */
	sent = rig_send(g, fd, buf_head(&bytes), buf_used(&bytes));
	assert_true(sent < SIZE);
	assert_true(buf_used(&TAILQ_FIRST(&worker_find(&g->router, w.id)->in_flight)->body) <=
	            BODY_SMALL_MAX);
	for (int i = 0; i < 1000 && got < SIZE; i++) {
		while (rig_receive(&w))
			body_check(&w, body, &got);
		sent += rig_send(g, fd, buf_head(&bytes) + sent, buf_used(&bytes) - sent);
		rig_run(g);
	}
	assert_int_equal(got, SIZE);
	while (rig_receive(&w))
		;
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	buf_done(&bytes);
	close(fd);
	free(body);
	rig_worker_done(&w);
}

static void
a_client_that_leaves_an_upload_aborts_it(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);
	char *body = calloc(1, 100000);
	bool is_aborted = false;

	rig_lease(g, &w, RIG_FAST);
	rig_request(g, fd,
	            &(struct rig_request){ .method = "POST",
	                                   .path = "/fast",
	                                   .id = 1,
	                                   .body = body,
	                                   .n_body = 100000,
	                                   .is_open = true });
	while (rig_receive(&w))
		rig_run(g);
	close(fd);
	rig_run(g);
	while (rig_receive(&w))
		is_aborted = w.message[1] == FCGI_ABORT_REQUEST;
	assert_true(is_aborted);
	rig_reply(g, &w, HELLO);
	assert_non_null(rig_said(g, MSG_RELEASED));
	free(body);
	rig_worker_done(&w);
}

static void
a_large_answer_arrives_whole_at_a_slow_reader(void **state)
{
	enum { SIZE = 960000 };
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes, all;
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, "Content-Type: a/b\r\n\r\n", 21);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	flood(g, &w, 'z', SIZE);
	buf_clear(&bytes);
	rig_record(&bytes, FCGI_END_REQUEST, w.request, "\0\0\0\0\0\0\0\0", 8);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	/* The worker is free although its client has not taken anything. */
	assert_int_equal(worker_find(&g->router, w.id)->stage, WORKER_IDLE);
	buf_init(&all, 2 << 20);
	for (int i = 0; i < 1000; i++) {
		struct rig_answer a;

		rig_answer(fd, &a);
		buf_append(&all, buf_head(&a.text), buf_used(&a.text) - 1);
		buf_done(&a.text);
		rig_run(g);
		if (a.ended >= 0)
			break;
	}
	buf_append(&all, "", 1);
	assert_non_null(strstr(buf_head(&all), "Content-Length: 960000\r\n"));
	assert_int_equal(strspn(strstr(buf_head(&all), "\r\n\r\n") + 4, "z"), SIZE);
	buf_done(&all);
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
a_stream_leaves_as_it_comes_and_presses_back(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	int fd = asked(g);
	struct rig_answer a;

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, STREAM "one", strlen(STREAM) + 3);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	rig_answer(fd, &a);
	assert_non_null(strstr(buf_head(&a.text), "X-Accel-Buffering: no\r\n\r\none"));
	assert_null(strstr(buf_head(&a.text), "Content-Length"));
	buf_done(&a.text);
	/* Nobody reads: the router stops reading, and holds a bounded part. */
	flood(g, &w, 'y', 8 << 20);
	assert_true(worker_find(&g->router, w.id)->is_paused);
	assert_true(buf_used(&TAILQ_FIRST(&g->router.fronts[FRONT_BUSY])->out) <
	            STREAM_BUFFER_MAX + FCGI_MESSAGE_MAX);
	while (rig_answer(fd, &a), buf_used(&a.text) > 1) {
		buf_done(&a.text);
		rig_run(g);
	}
	buf_done(&a.text);
	assert_false(worker_find(&g->router, w.id)->is_paused);
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
a_stream_whose_worker_dies_is_cut(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	int fd = asked(g);
	struct rig_answer a;

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, STREAM "one", strlen(STREAM) + 3);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	rig_worker_done(&w);
	rig_run(g);
	rig_ended(g, &w, CAUSE_CRASH);
	rig_answer(fd, &a);
	assert_int_equal(a.ended, -1);
	assert_true(a.is_broken);
	buf_done(&a.text);
	buf_done(&bytes);
	close(fd);
}

/* A stream that announced three bytes and has these, then its end. */
static void
stream_of_three(struct rig *g, const char *body, bool is_whole)
{
	static const char head[] = "Content-Length: 3\r\n" STREAM;
	struct rig_worker w;
	struct buf bytes;
	int fd = asked(g);
	struct rig_answer a;

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, head, strlen(head));
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	buf_clear(&bytes);
	rig_record(&bytes, FCGI_STDOUT, w.request, body, strlen(body));
	rig_record(&bytes, FCGI_STDOUT, w.request, NULL, 0);
	rig_record(&bytes, FCGI_END_REQUEST, w.request, "\0\0\0\0\0\0\0\0", 8);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	if (!is_whole) {
		killed_for(g, &w, CAUSE_BAD_RESPONSE);
		rig_ended(g, &w, CAUSE_BAD_RESPONSE);
	}
	rig_answer(fd, &a);
	assert_non_null(strstr(buf_head(&a.text), "Content-Length: 3\r\n"));
	assert_int_equal(a.is_broken, !is_whole);
	assert_int_equal(a.ended, is_whole ? 0 : -1);
	buf_done(&a.text);
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
a_stream_has_the_length_that_it_announced(void **state)
{
	stream_of_three(*state, "one", true);
}

static void
a_stream_shorter_than_announced_is_cut(void **state)
{
	stream_of_three(*state, "on", false);
}

static void
a_stream_longer_than_announced_is_cut(void **state)
{
	stream_of_three(*state, "four", false);
}

static void
an_idle_stream_meets_its_limit(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, STREAM, strlen(STREAM));
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	age(g, &w, 59000);
	rig_tick(g);
	assert_null(rig_said(g, MSG_OVERRUN));
	age(g, &w, 60001);
	rig_tick(g);
	killed_for(g, &w, CAUSE_WALL_TIME_LIMIT);
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
head_gets_the_length_and_no_body(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);
	struct rig_answer a;

	rig_lease(g, &w, RIG_FAST);
	rig_request(g, fd, &(struct rig_request){ .method = "HEAD", .path = "/fast", .id = 1 });
	rig_receive(&w);
	rig_reply(g, &w, HELLO);
	rig_answer(fd, &a);
	assert_non_null(strstr(buf_head(&a.text), "Content-Length: 5\r\n"));
	assert_null(strstr(buf_head(&a.text), "hello"));
	buf_done(&a.text);
	close(fd);
	rig_worker_done(&w);
}

/* ---- what functions say ---- */

static void
what_a_function_writes_reaches_its_log_in_lines(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	char log[4096] = "";
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDERR, w.request, "warning: on\x1b purpose\n", 21);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	assert_int_equal(write(w.output, "half a", 6), 6);
	assert_int_equal(write(w.output, " line\n", 6), 6);
	rig_run(g);
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	assert_true(pread(g->logs[1], log, sizeof log - 1, 0) > 0);
	assert_non_null(strstr(log, "\"level\":\"warning\",\"text\":\"on\\u001b purpose\"}"));
	assert_non_null(strstr(log, "\"function\":\"fast\",\"version\":1,\"request_id\":\""));
	assert_non_null(strstr(log, "\"level\":\"notice\",\"text\":\"half a line\"}"));
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
the_log_of_a_request_is_bounded(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	char text[1000];
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	memset(text, 'l', sizeof text);
	buf_init(&bytes, 2000);
	rig_record(&bytes, FCGI_STDERR, w.request, text, sizeof text);
	for (int i = 0; i < 500; i++)
		rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	assert_in_range(lseek(g->logs[1], 0, SEEK_END), STDERR_REQUEST_MAX, STDERR_REQUEST_MAX * 2);
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

/* ---- refused system calls ---- */

/* A process under a function's filter that makes the calls, in order; its listener comes here.  It ends with
 * how many of them were not refused. */
static pid_t
caller_start(const int *calls, size_t n_calls, int *listener)
{
	struct err e = { 0 };
	struct message m;
	int pair[2];
	pid_t pid;

	assert_int_equal(message_pair(pair, &e), 0);
	pid = fork();
	if (pid == 0) {
		const struct sandbox_filters *filters = NULL;
		int given = 0, sealed = sandbox_filters_seal(FILTER_BIT(FILTER_FUNCTION_LOAD), &e);

		if (sandbox_filters_map(sealed, &filters, &e) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			_exit(100);
		sealed = sandbox_filter_load(filters, FILTER_FUNCTION_LOAD, &e);
		message_send(pair[1], 1, NULL, 0, &sealed, 1, &e);
		close(sealed);
		for (size_t i = 0; i < n_calls; i++)
			given += syscall(calls[i], -1, 0, 0, 0, 0, 0) >= 0;
		_exit(given);
	}
	close(pair[1]);
	assert_int_equal(message_receive(pair[0], &m, &e), 1);
	*listener = message_take_fd(&m, 0);
	message_done(&m);
	close(pair[0]);
	return pid;
}

static void
caller_await(struct rig *g, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0)
		rig_run(g);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What the log holds: its size, and the text with a NUL behind it. */
static void
log_read(int log, char *text, size_t size)
{
	ssize_t n = pread(log, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

static unsigned
count_of(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

static void
a_call_refused_again_and_again_is_one_line_of_its_request(void **state)
{
	static const int calls[] = { SYS_ptrace, SYS_ptrace, SYS_mount, SYS_ptrace };
	struct rig *g = *state;
	struct rig_worker w;
	char log[4096];
	int listener, fd = asked(g);
	pid_t pid = caller_start(calls, ARRAY_SIZE(calls), &listener);

	rig_lease_listened(g, &w, RIG_FAST, listener);
	assert_true(rig_receive(&w));
	caller_await(g, pid);
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	log_read(g->logs[1], log, sizeof log);
	assert_int_equal(count_of(log, "\n"), 2);
	assert_int_equal(count_of(log, "\"request_id\":"), 2);
	assert_non_null(
	    strstr(log, "\"level\":\"warning\",\"text\":\"system call refused: ptrace, 3 times\""));
	assert_non_null(strstr(log, "\"text\":\"system call refused: mount\""));
	log_read(g->logs[0], log, sizeof log);
	assert_null(strstr(log, "\"syscall\""));
	close(fd);
	rig_worker_done(&w);
}

static void
refused_calls_beyond_the_names_that_are_kept_are_counted_together(void **state)
{
	static const int calls[] = { SYS_ptrace, SYS_mount,  SYS_bpf,  SYS_keyctl, SYS_unshare, SYS_setns,
		                     SYS_chroot, SYS_reboot, SYS_acct, SYS_swapon, SYS_acct };
	const struct rig_message *report;
	struct rig *g = *state;
	struct rig_worker w;
	char log[8192];
	int listener, fd = asked(g);
	pid_t pid = caller_start(calls, ARRAY_SIZE(calls), &listener);

	rig_lease_listened(g, &w, RIG_FAST, listener);
	assert_true(rig_receive(&w));
	caller_await(g, pid);
	rig_reply(g, &w, HELLO);
	log_read(g->logs[1], log, sizeof log);
	assert_int_equal(count_of(log, "\n"), DENIED_CALLS_MAX + 1);
	assert_non_null(strstr(log, "system call refused: reboot\""));
	assert_non_null(strstr(log, "system call refused: others, 3 times\""));
	/* The master hears of all of them at once. */
	rig_tick(g);
	report = rig_said(g, MSG_DENIED);
	assert_non_null(report);
	assert_int_equal(report->denied.version, RIG_FAST);
	assert_int_equal(report->denied.n, ARRAY_SIZE(calls));
	assert_int_equal(report->denied.n_kinds, DENIED_KINDS_MAX);
	assert_string_equal(report->denied.kinds[0].name, "ptrace");
	assert_int_equal(report->denied.kinds[0].n, 1);
	assert_true(strlen(report->denied.request) == 32);
	assert_null(rig_said(g, MSG_DENIED));
	close(fd);
	rig_worker_done(&w);
}

/* One call of another kind comes last: that is the one that the access log names. */
static void
refused_calls_up_to(struct rig *g, unsigned n, char *log, size_t size)
{
	int calls[DENIED_MAX + 1], listener, fd = asked(g);
	struct rig_worker w;
	pid_t pid;

	for (unsigned i = 0; i < n; i++)
		calls[i] = i + 1 < n ? SYS_mount : SYS_ptrace;
	pid = caller_start(calls, n, &listener);
	rig_lease_listened(g, &w, RIG_FAST, listener);
	assert_true(rig_receive(&w));
	caller_await(g, pid);
	if (n > DENIED_MAX) {
		assert_true(rig_answers(fd, 500, "was stopped"));
		killed_for(g, &w, CAUSE_SYSCALL_DENIED);
		rig_ended(g, &w, CAUSE_SYSCALL_DENIED);
	} else {
		rig_reply(g, &w, HELLO);
		assert_true(rig_answers(fd, 200, "hello"));
		assert_null(rig_said(g, MSG_OVERRUN));
	}
	log_read(g->logs[0], log, size);
	close(fd);
	rig_worker_done(&w);
}

static void
a_request_may_try_so_many_refused_calls(void **state)
{
	char log[4096];

	refused_calls_up_to(*state, DENIED_MAX, log, sizeof log);
	assert_null(strstr(log, "syscall"));
}

static void
one_refused_call_more_ends_the_worker_and_is_named(void **state)
{
	struct rig *g = *state;
	char log[4096];

	refused_calls_up_to(g, DENIED_MAX + 1, log, sizeof log);
	assert_non_null(strstr(log, "\"cause\":\"syscall_denied\",\"syscall\":\"ptrace\""));
	log_read(g->logs[1], log, sizeof log);
	assert_non_null(strstr(log, "system call refused: mount, 64 times\""));
	assert_int_equal(count_of(log, "\n"), 2);
}

static void
calls_that_are_refused_between_requests_belong_to_none(void **state)
{
	static const int calls[] = { SYS_ptrace, SYS_ptrace };
	struct rig *g = *state;
	struct rig_worker w;
	char log[4096];
	int listener;
	pid_t pid = caller_start(calls, ARRAY_SIZE(calls), &listener);

	rig_lease_listened(g, &w, RIG_FAST, listener);
	caller_await(g, pid);
	rig_tick(g);
	log_read(g->logs[1], log, sizeof log);
	assert_int_equal(count_of(log, "\n"), 1);
	assert_non_null(strstr(log, "ptrace, 2 times"));
	assert_null(strstr(log, "request_id"));
	rig_worker_done(&w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(requests_of_a_fast_function_are_packed_and_of_a_slow_one_not),
		TEST(packed_requests_have_ids_of_their_own_and_are_answered_in_order),
		TEST(requests_that_come_together_go_to_a_worker_in_as_few_messages_as_hold_them),
		TEST(an_answer_out_of_order_is_hostile),
		TEST(when_a_packed_worker_dies_the_first_is_the_culprit_and_the_others_go_to_another),
		TEST(what_a_packed_worker_answered_before_it_died_counts_and_its_culprit_is_not_served_again),
		cmocka_unit_test(want_of_a_processor_does_not_stop_packing_and_sleep_does),
		TEST(a_full_queue_refuses_at_once_and_asks_for_workers),
		TEST(a_version_that_cannot_start_answers_its_queue),
		TEST(who_waits_too_long_for_a_worker_is_told_so),
		TEST(a_worker_is_released_after_its_requests),
		TEST(an_idle_worker_is_reported_once),
		TEST(a_swap_takes_the_queue_along_and_lets_the_old_version_finish),
		TEST(a_swap_that_drops_the_function_answers_its_queue),
		TEST(a_lease_of_a_replaced_version_is_given_back),
		TEST(a_large_body_streams_with_backpressure_and_arrives_whole),
		TEST(a_client_that_leaves_an_upload_aborts_it),
		TEST(a_large_answer_arrives_whole_at_a_slow_reader),
		TEST(a_stream_leaves_as_it_comes_and_presses_back),
		TEST(a_stream_whose_worker_dies_is_cut),
		TEST(a_stream_has_the_length_that_it_announced),
		TEST(a_stream_shorter_than_announced_is_cut),
		TEST(a_stream_longer_than_announced_is_cut),
		TEST(an_idle_stream_meets_its_limit),
		TEST(head_gets_the_length_and_no_body),
		TEST(what_a_function_writes_reaches_its_log_in_lines),
		TEST(the_log_of_a_request_is_bounded),
		TEST(a_call_refused_again_and_again_is_one_line_of_its_request),
		TEST(refused_calls_beyond_the_names_that_are_kept_are_counted_together),
		TEST(a_request_may_try_so_many_refused_calls),
		TEST(one_refused_call_more_ends_the_worker_and_is_named),
		TEST(calls_that_are_refused_between_requests_belong_to_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
