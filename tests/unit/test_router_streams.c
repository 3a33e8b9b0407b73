/* test_router_streams.c - streams in the router: asked for, refused, told to end, and who waits behind them.
 */
#include "unit.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "router_rig.h"

#define STREAM "Content-Type: text/plain\r\nX-CFN-Stream: 1\r\n\r\n"
#define HELLO  "Content-Type: text/plain\r\n\r\nhello"

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

static void
say(struct rig *g, struct rig_worker *w, const char *text, bool is_end)
{
	struct buf bytes;

	buf_init(&bytes, 10000);
	rig_record(&bytes, FCGI_STDOUT, w->request, text, strlen(text));
	if (is_end) {
		rig_record(&bytes, FCGI_STDOUT, w->request, NULL, 0);
		rig_record(&bytes, FCGI_END_REQUEST, w->request, "\0\0\0\0\0\0\0\0", 8);
	}
	rig_write(g, w, buf_head(&bytes), buf_used(&bytes));
	buf_done(&bytes);
}

static void
end(struct rig *g, struct rig_worker *w)
{
	struct buf bytes;

	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w->request, NULL, 0);
	rig_record(&bytes, FCGI_END_REQUEST, w->request, "\0\0\0\0\0\0\0\0", 8);
	rig_write(g, w, buf_head(&bytes), buf_used(&bytes));
	buf_done(&bytes);
}

/* A client whose answer is an open stream. */
static int
open_stream(struct rig *g, struct rig_worker *w)
{
	int fd = asked(g);

	rig_lease(g, w, RIG_FAST);
	assert_true(rig_receive(w));
	say(g, w, STREAM "one", false);
	return fd;
}

static bool
is_silent(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static void
answer(struct rig *g, const struct rig_worker *w, bool is_granted)
{
	const struct stream_answer a = { w->id, is_granted };

	rig_say(g, MSG_STREAM_ANSWER, &a, sizeof a);
}

/* What the worker sees of its socket while it serves: nothing, told to end, its client gone. */
enum word { NOTHING, TOLD, GONE };

static enum word
word_of(const struct rig_worker *w)
{
	struct pollfd p = { .fd = w->requests, .events = POLLRDHUP };
	int n = 0;

	if (poll(&p, 1, 0) == 0)
		return NOTHING;
	assert_int_equal(ioctl(w->requests, FIONREAD, &n), 0);
	return n == FCGI_HEADER_SIZE ? GONE : TOLD;
}

static void
text_is(int fd, const char *part, bool is_ended)
{
	struct rig_answer a;

	rig_answer(fd, &a);
	if (!a.text.data || !strstr(buf_head(&a.text), part))
		fail_msg("not there: %s", part);
	assert_int_equal(a.ended, is_ended ? 0 : -1);
	buf_done(&a.text);
}

static void
no_byte_of_a_stream_leaves_before_the_master_allows_it(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd;

	g->holds_streams = true;
	fd = open_stream(g, &w);
	assert_int_equal(rig_said(g, MSG_STREAM)->ref.id, w.id);
	say(g, &w, "two", false);
	assert_true(is_silent(fd));
	answer(g, &w, true);
	text_is(fd, "\r\n\r\nonetwo", false);
	assert_int_equal(fast(g)->n_streams, 1);
	assert_int_equal(g->router.counters.streams_active, 1);
	close(fd);
	rig_worker_done(&w);
}

static void
a_stream_too_many_is_a_503_and_its_function_hears_that_nobody_listens(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd;

	g->holds_streams = true;
	fd = open_stream(g, &w);
	answer(g, &w, false);
	assert_true(rig_answers(fd, 503, "Retry-After: 5"));
	assert_int_equal(word_of(&w), GONE);
	assert_int_equal(fast(g)->n_streams, 0);
	end(g, &w);
	assert_int_equal(rig_said(g, MSG_RELEASED)->ref.id, w.id);
	close(fd);
	rig_worker_done(&w);
}

static void
a_stream_that_ends_by_itself_goes_back_to_the_master_with_its_count(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = open_stream(g, &w);
	const struct rig_message *m;

	end(g, &w);
	text_is(fd, "\r\n\r\none", true);
	m = rig_said(g, MSG_STREAM_ENDED);
	assert_non_null(m);
	assert_int_equal(m->stream_ended.worker, w.id);
	assert_int_equal(m->stream_ended.n_served, 1);
	assert_null(worker_find(&g->router, w.id));
	assert_null(rig_said(g, MSG_RELEASED));
	assert_int_equal(fast(g)->n_streams, 0);
	assert_int_equal(g->router.counters.streams_active, 0);
	close(fd);
	rig_worker_done(&w);
}

/* All of it was there before the master had spoken: then it is an answer like any other. */
static void
a_stream_that_is_over_before_it_is_allowed_is_a_whole_answer(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	int fd = asked(g);

	g->holds_streams = true;
	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, STREAM "one", strlen(STREAM) + 3);
	/* Both are in the socket when the router looks. */
	assert_true(send(w.requests, buf_head(&bytes), buf_used(&bytes), 0) > 0);
	buf_clear(&bytes);
	rig_record(&bytes, FCGI_STDOUT, w.request, NULL, 0);
	rig_record(&bytes, FCGI_END_REQUEST, w.request, "\0\0\0\0\0\0\0\0", 8);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	text_is(fd, "Content-Length: 3", true);
	assert_non_null(rig_said(g, MSG_STREAM_ENDED));
	answer(g, &w, true);
	assert_int_equal(fast(g)->n_streams, 0);
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
a_client_that_leaves_before_the_answer_of_the_master_is_no_stream(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd;

	g->holds_streams = true;
	fd = open_stream(g, &w);
	close(fd);
	rig_run(g);
	assert_int_equal(word_of(&w), GONE);
	answer(g, &w, true);
	assert_int_equal(fast(g)->n_streams, 0);
	end(g, &w);
	assert_non_null(rig_said(g, MSG_RELEASED));
	rig_worker_done(&w);
}

static void
retire(struct rig *g, const struct rig_worker *w)
{
	rig_say(g, MSG_RETIRE, &(struct process_ref){ w->id }, sizeof(struct process_ref));
}

static void
swap(struct rig *g, const struct rig_worker *w)
{
	(void)w;
	rig_swap(g, true);
}

static void
drain(struct rig *g, const struct rig_worker *w)
{
	(void)w;
	rig_say(g, MSG_DRAIN, NULL, 0);
}

static void
a_stream_is_told_that_it_is_to_end_and_says_goodbye(void **state)
{
	void (*const ways[])(struct rig *, const struct rig_worker *) = { retire, swap, drain };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct rig *g = rig_new(false);
		struct rig_worker w;
		int fd = open_stream(g, &w);

		assert_int_equal(word_of(&w), NOTHING);
		ways[i](g, &w);
		assert_int_equal(word_of(&w), TOLD);
		say(g, &w, "bye", true);
		text_is(fd, "bye", true);
		assert_non_null(rig_said(g, MSG_RELEASED));
		close(fd);
		rig_worker_done(&w);
		rig_free(g);
	}
}

static void
a_stream_that_begins_when_its_worker_is_to_go_is_told_at_once(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	retire(g, &w);
	assert_int_equal(word_of(&w), NOTHING);
	say(g, &w, STREAM "one", false);
	text_is(fd, "one", false);
	assert_int_equal(word_of(&w), TOLD);
	close(fd);
	rig_worker_done(&w);
}

static void
a_client_that_leaves_its_stream_is_heard_of(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = open_stream(g, &w);

	close(fd);
	rig_run(g);
	assert_int_equal(word_of(&w), GONE);
	end(g, &w);
	assert_int_equal(rig_said(g, MSG_RELEASED)->ref.id, w.id);
	rig_worker_done(&w);
}

/* Requests that were packed behind what turned out to be a stream: it is told to end, and they are served. */
static void
who_waits_behind_a_stream_is_served_after_it(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	uint16_t ids[2];
	int fds[2];

	rig_lease(g, &w, RIG_FAST);
	fast(g)->service_ns = 1;
	for (int i = 0; i < 2; i++) {
		fds[i] = asked(g);
		assert_true(rig_receive(&w));
		ids[i] = w.request;
	}
	w.request = ids[0];
	say(g, &w, STREAM "one", false);
	assert_int_equal(word_of(&w), TOLD);
	end(g, &w);
	rig_reply_id(g, &w, ids[1], HELLO);
	text_is(fds[0], "one", true);
	text_is(fds[1], "hello", true);
	assert_non_null(rig_said(g, MSG_RELEASED));
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	rig_worker_done(&w);
}

/* The worker does not look at its socket before its stream has ended, and then finds the rest of a body: a
 * record that takes another request back would break that one off. */
static void
nothing_comes_between_the_messages_of_a_request_behind_a_stream(void **state)
{
	enum { BEHIND_MAX = 12, BODY = BODY_SMALL_MAX }; /* a message and a bit */
	const int room =
	    FCGI_MESSAGE_MAX / 2 + 32; /* twice that: a message, and what the kernel adds is too much */
	static char body[BODY];
	struct rig *g = *state;
	struct rig_worker w;
	const struct worker *seen;
	int first = asked(g), fds[BEHIND_MAX];
	size_t n = 0, n_begun = 0, n_ended = 0;

	g->holds_streams = true;
	rig_lease(g, &w, RIG_FAST);
	assert_true(rig_receive(&w));
	seen = worker_find(&g->router, w.id);
	assert_int_equal(setsockopt(seen->requests.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
	while (n < BEHIND_MAX && !seen->is_blocked) {
		const struct rig_request q = {
			.method = "POST", .path = "/fast", .id = 1, .body = body, .n_body = BODY
		};

		fast(g)->service_ns = 1;
		worker_find(&g->router, w.id)->since_us = g->router.now_us + 1000000;
		fds[n] = rig_connect(g);
		rig_request(g, fds[n++], &q);
	}
	assert_true(seen->is_blocked && seen->unsent && seen->unsent->sent.has_begun);
	say(g, &w, STREAM "one", false);
	assert_non_null(rig_said(g, MSG_STREAM));
	close(first);
	rig_run(g);
	for (; rig_receive(&w); rig_run(g)) {
		if (w.message[1] == FCGI_ABORT_REQUEST)
			assert_int_equal(n_begun, n_ended);
		n_begun += w.message[1] == FCGI_BEGIN_REQUEST;
		/* An empty STDIN is the last that a message has. */
		n_ended += w.message[w.n_message - 7] == FCGI_STDIN && w.message[w.n_message - 4] == 0 &&
		           w.message[w.n_message - 3] == 0;
	}
	assert_true(n_begun > 0 && n_begun == n_ended);
	while (n > 0)
		close(fds[--n]);
	rig_worker_done(&w);
}

static void
who_waits_behind_a_stream_that_does_not_end_goes_to_another_worker(void **state)
{
	struct rig *g = *state;
	struct rig_worker w, other;
	uint16_t first;
	int fds[2];

	rig_lease(g, &w, RIG_FAST);
	fast(g)->service_ns = 1;
	fds[0] = asked(g);
	rig_receive(&w);
	first = w.request;
	fds[1] = asked(g);
	rig_receive(&w);
	w.request = first;
	say(g, &w, STREAM "one", false);
	rig_tick(g);
	assert_null(rig_said(g, MSG_OVERRUN));
	TAILQ_LAST(&worker_find(&g->router, w.id)->in_flight, requests)->dispatched_us -=
	    (BEHIND_STREAM_MS + 1) * 1000ULL;
	rig_tick(g);
	assert_int_equal(rig_said(g, MSG_OVERRUN)->overrun.cause, CAUSE_UNAVAILABLE);
	rig_lease(g, &other, RIG_FAST);
	assert_true(rig_receive(&other));
	rig_reply(g, &other, HELLO);
	text_is(fds[1], "hello", true);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	rig_worker_done(&other);
	rig_worker_done(&w);
}

static void
nothing_is_packed_behind_a_route_that_has_streamed(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = open_stream(g, &w), fds[2];

	end(g, &w);
	rig_worker_done(&w);
	rig_lease(g, &w, RIG_FAST);
	fast(g)->service_ns = 1;
	for (int i = 0; i < 2; i++)
		fds[i] = asked(g);
	assert_true(rig_receive(&w));
	assert_false(rig_receive(&w));
	assert_int_equal(fast(g)->n_queued, 1);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(fd);
	rig_worker_done(&w);
}

/* Its workers with streams are none of those that pm.max_children counts. */
static void
ordinary_requests_ask_for_workers_beside_streams(void **state)
{
	struct rig *g = *state;
	struct rig_worker w[4];
	int fds[4], fd;

	for (int i = 0; i < 4; i++)
		fds[i] = open_stream(g, &w[i]);
	while (rig_said(g, MSG_WANT))
		;
	fd = asked(g);
	assert_int_equal(rig_said(g, MSG_WANT)->want.waiting, 1);
	for (int i = 0; i < 4; i++) {
		close(fds[i]);
		rig_worker_done(&w[i]);
	}
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_byte_of_a_stream_leaves_before_the_master_allows_it),
		TEST(a_stream_too_many_is_a_503_and_its_function_hears_that_nobody_listens),
		TEST(a_stream_that_ends_by_itself_goes_back_to_the_master_with_its_count),
		TEST(a_stream_that_is_over_before_it_is_allowed_is_a_whole_answer),
		TEST(a_client_that_leaves_before_the_answer_of_the_master_is_no_stream),
		TEST(a_stream_is_told_that_it_is_to_end_and_says_goodbye),
		TEST(a_stream_that_begins_when_its_worker_is_to_go_is_told_at_once),
		TEST(a_client_that_leaves_its_stream_is_heard_of),
		TEST(who_waits_behind_a_stream_is_served_after_it),
		TEST(nothing_comes_between_the_messages_of_a_request_behind_a_stream),
		TEST(who_waits_behind_a_stream_that_does_not_end_goes_to_another_worker),
		TEST(nothing_is_packed_behind_a_route_that_has_streamed),
		TEST(ordinary_requests_ask_for_workers_beside_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
