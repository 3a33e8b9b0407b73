/* test_router_flow.c - bodies, answers and streams of any length: back pressure, aborts, cuts. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "router_rig.h"

#define HELLO  "Content-Type: text/plain\r\n\r\nhello"
#define STREAM "Content-Type: text/plain\r\nX-CFN-Stream: 1\r\n\r\n"

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
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, "Content-Type: a/b\r\n\r\n", 21);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	rig_flood(g, &w, 'z', SIZE);
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
	int fd = rig_asked(g);
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
	rig_flood(g, &w, 'y', 8 << 20);
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
	int fd = rig_asked(g);
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
	int fd = rig_asked(g);
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
		assert_true(rig_killed_for(g, &w, CAUSE_BAD_RESPONSE));
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
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDOUT, w.request, STREAM, strlen(STREAM));
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	rig_age(g, &w, 59000);
	rig_tick(g);
	assert_null(rig_said(g, MSG_OVERRUN));
	rig_age(g, &w, 60001);
	rig_tick(g);
	assert_true(rig_killed_for(g, &w, CAUSE_WALL_TIME_LIMIT));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
