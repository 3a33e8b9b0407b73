/* test_router_front.c - the router towards web servers: records, gate, limits, connections. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "router_rig.h"

#define HELLO "Content-Type: text/plain\r\n\r\nhello"

static void
what_is_not_to_run_is_answered_by_the_router(void **state)
{
	static const struct {
		const char *method, *path;
		int status;
		const char *part;
	} cases[] = {
		{ "GET", "/nothing", 404, "no_route" },
		{ "DELETE", "/fast", 405, "Allow: GET, HEAD, POST, OPTIONS" },
		{ "BREW", "/fast", 405, "405 Method Not Allowed" },
		{ "OPTIONS", "/fast", 204, "Allow: GET, HEAD, POST, OPTIONS" },
		{ "GET", "/disabled", 503, "Retry-After" },
		{ "GET", "relative", 400, "400 Bad Request" },
		{ "GET", "/../up", 400, "400 Bad Request" },
		{ "GET", "/a\nb", 400, "400 Bad Request" },
		{ "GET", "", 400, "400 Bad Request" },
		{ NULL, "/fast", 400, "400 Bad Request" },
		{ "GET", "/fn/nothing", 404, "no_route" },
		{ "DELETE", "/fn//fast", 405, "405 Method Not Allowed" },
	};
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = rig_connect(g);

		rig_request(g, fd,
		            &(struct rig_request){
				.method = cases[i].method, .path = cases[i].path, .id = 1 });
		assert_true(rig_answers(fd, cases[i].status, cases[i].part));
		close(fd);
	}
}

static void
without_a_snapshot_it_is_not_available(void **state)
{
	struct rig *g = rig_new(true);
	int fd = rig_connect(g);

	(void)state;
	rig_get(g, fd, "/fast");
	assert_true(rig_answers(fd, 503, "unavailable"));
	close(fd);
	rig_free(g);
}

static void
a_request_reaches_a_worker_in_one_message_with_our_params(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);

	rig_lease(g, &w, RIG_SMALL);
	rig_request(
	    g, fd,
	    &(struct rig_request){
		.method = "POST", .path = "/fn/small//x", .id = 1, .body = "0123456789", .n_body = 10 });
	assert_true(rig_receive(&w));
	assert_true(rig_message_has(&w, "CFN_PATH/small/x"));
	assert_true(rig_message_has(&w, "CFN_PARAM_namex"));
	assert_true(rig_message_has(&w, "CFN_ROUTE0"));
	assert_true(rig_message_has(&w, "CFN_BODY_MAX10"));
	assert_true(rig_message_has(&w, "0123456789"));
	assert_false(rig_message_has(&w, "HTTP_PROXY"));
	assert_false(rig_message_has(&w, "CFN_ROUTE7"));
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "Content-Length: 5\r\n"));
	close(fd);
	rig_worker_done(&w);
}

static void
a_body_at_its_limit_passes_and_one_past_it_does_not(void **state)
{
	static const struct {
		const char *length;
		size_t n;
		int status;
	} cases[] = {
		{ "10", 10, 200 },
		{ NULL, 10, 200 },
		{ "", 10, 200 },
		{ "-1", 10, 200 },
		{ "11", 11, 413 },
		{ NULL, 11, 413 },
		{ "-1", 11, 413 },
		{ "9", 10, 400 },
		{ "10", 9, 400 },
		{ "x", 1, 400 },
		{ "9999999999999999999", 1, 413 },
	};
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_worker w;
		int fd = rig_connect(g);

		rig_lease(g, &w, RIG_SMALL);
		rig_request(g, fd,
		            &(struct rig_request){ .method = "POST",
		                                   .path = "/small/x",
		                                   .id = 1,
		                                   .length = cases[i].length,
		                                   .body = "0123456789a",
		                                   .n_body = cases[i].n });
		if (cases[i].status == 200) {
			assert_true(rig_receive(&w));
			rig_reply(g, &w, HELLO);
		}
		assert_true(rig_answers(fd, cases[i].status, ""));
		close(fd);
		rig_say(g, MSG_RETIRE, &(struct process_ref){ w.id }, sizeof(struct process_ref));
		rig_worker_done(&w);
	}
}

/* n pairs with names of this many bytes. */
static void
send_params(struct rig *g, int fd, size_t n_pairs, size_t n_name)
{
	static const unsigned char begin[8] = { 0, FCGI_RESPONDER };
	char name[512];
	struct buf bytes;

	buf_init(&bytes, 1 << 20);
	memset(name, 'X', sizeof name);
	rig_record(&bytes, FCGI_BEGIN_REQUEST, 1, begin, sizeof begin);
	for (size_t i = 0; i < n_pairs; i++) {
		unsigned char pair[600];
		size_t n = fcgi_pair_write(pair, &(struct fcgi_pair){ name, "v", n_name, 1 });

		rig_record(&bytes, FCGI_PARAMS, 1, pair, n);
	}
	rig_record(&bytes, FCGI_PARAMS, 1, NULL, 0);
	rig_record(&bytes, FCGI_STDIN, 1, NULL, 0);
	rig_send(g, fd, buf_head(&bytes), buf_used(&bytes));
	buf_done(&bytes);
}

static void
params_at_their_limits_pass_and_one_past_them_is_a_431(void **state)
{
	static const struct {
		size_t n_pairs, n_name;
		int status; /* 400: they passed, and had no method */
	} cases[] = {
		{ PARAMS_COUNT_MAX, 4, 400 }, { PARAMS_COUNT_MAX + 1, 4, 431 },
		{ 1, PARAM_NAME_MAX, 400 },   { 1, PARAM_NAME_MAX + 1, 431 },
		{ 255, PARAM_NAME_MAX, 400 }, { 400, PARAM_NAME_MAX, 431 }, /* over PARAMS_MAX */
	};
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = rig_connect(g);

		send_params(g, fd, cases[i].n_pairs, cases[i].n_name);
		assert_true(rig_answers(fd, cases[i].status, ""));
		close(fd);
	}
}

static void
records_that_break_the_protocol_close_the_connection(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
#define BYTES(text) { text, sizeof(text) - 1 }
		BYTES("\2\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"),                 /* version */
		BYTES("\1\1\0\0\0\10\0\0\0\1\0\0\0\0\0\0"),                 /* BEGIN of request 0 */
		BYTES("\1\1\0\1\0\3\0\0\0\1\0"),                            /* BEGIN too short */
		BYTES("\1\6\0\1\0\0\0\0"),                                  /* STDOUT from a web server */
		BYTES("\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\5\0\1\0\0\0\0"), /* STDIN before PARAMS ended */
		BYTES("\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"), /* BEGIN twice */
		BYTES("\1\11\0\0\0\2\0\0\177\177"), /* GET_VALUES past its end */
		BYTES("GET / HTTP/1.1\r\n\r\n"),
	};
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = rig_connect(g);
		struct rig_answer a;

		rig_send(g, fd, cases[i].bytes, cases[i].n);
		rig_answer(fd, &a);
		assert_true(a.is_closed);
		assert_int_equal(a.ended, -1);
		buf_done(&a.text);
		close(fd);
	}
}

static void
management_records_are_answered(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int type, ended;
	} cases[] = {
		{ "\1\11\0\0\0\20\0\0\16\0FCGI_MAX_CONNS", 24, FCGI_GET_VALUES_RESULT, -1 },
		{ "\1\143\0\0\0\0\0\0", 8, FCGI_UNKNOWN_TYPE, -1 },
		{ "\1\1\0\1\0\10\0\0\0\2\1\0\0\0\0\0", 16, 0, FCGI_UNKNOWN_ROLE },
	};
	struct rig *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = rig_connect(g);
		struct rig_answer a;

		rig_send(g, fd, cases[i].bytes, cases[i].n);
		rig_answer(fd, &a);
		assert_int_equal(a.other, cases[i].type);
		assert_int_equal(a.ended, cases[i].ended);
		assert_false(a.is_closed);
		buf_done(&a.text);
		close(fd);
	}
}

static void
a_second_begin_is_refused_while_the_first_is_busy(void **state)
{
	static const char second[] = "\1\1\0\2\0\10\0\0\0\1\1\0\0\0\0\0";
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);
	struct rig_answer a;

	rig_lease(g, &w, RIG_FAST);
	rig_request(g, fd, &(struct rig_request){ .method = "GET", .path = "/fast", .id = 1, .keeps = true });
	rig_send(g, fd, second, sizeof second - 1);
	rig_answer(fd, &a);
	assert_int_equal(a.ended, FCGI_CANT_MPX_CONN);
	assert_int_equal(a.end_id, 2);
	buf_done(&a.text);
	rig_receive(&w);
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	close(fd);
	rig_worker_done(&w);
}

static void
requests_sent_ahead_are_answered_in_order(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);

	rig_lease(g, &w, RIG_FAST);
	for (int i = 0; i < 3; i++)
		rig_request(g, fd,
		            &(struct rig_request){ .method = "GET",
		                                   .path = i == 1 ? "/nothing" : "/fast",
		                                   .id = 1,
		                                   .keeps = i < 2 });
	assert_true(rig_receive(&w));
	assert_false(rig_receive(&w));
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	assert_true(rig_answers(fd, 404, ""));
	assert_true(rig_receive(&w));
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	close(fd);
	rig_worker_done(&w);
}

static void
a_request_in_single_bytes_is_the_same_request(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int pair[2], fd = rig_connect(g);
	char bytes[4096];
	ssize_t n;

	rig_lease(g, &w, RIG_FAST);
	/* Made by sending it to ourselves first. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	rig_get(g, pair[0], "/fast");
	n = read(pair[1], bytes, sizeof bytes);
	for (ssize_t i = 0; i < n; i++)
		rig_send(g, fd, bytes + i, 1);
	assert_true(rig_receive(&w));
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	close(fd);
	close(pair[0]);
	close(pair[1]);
	rig_worker_done(&w);
}

static void
an_aborted_request_ends_and_the_connection_serves_the_next(void **state)
{
	static const char abort_record[] = "\1\2\0\1\0\0\0\0";
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);
	struct rig_answer a;

	rig_lease(g, &w, RIG_FAST);
	rig_request(g, fd, &(struct rig_request){ .method = "GET", .path = "/fast", .id = 1, .keeps = true });
	rig_send(g, fd, abort_record, sizeof abort_record - 1);
	rig_answer(fd, &a);
	assert_int_equal(a.ended, FCGI_REQUEST_COMPLETE);
	assert_int_equal(buf_used(&a.text), 1);
	buf_done(&a.text);
	/* What its worker answers goes nowhere. */
	rig_receive(&w);
	rig_reply(g, &w, HELLO);
	rig_request(g, fd, &(struct rig_request){ .method = "GET", .path = "/nothing", .id = 1 });
	assert_true(rig_answers(fd, 404, ""));
	assert_null(rig_said(g, MSG_OVERRUN));
	close(fd);
	rig_worker_done(&w);
}

static void
a_client_that_leaves_the_queue_is_forgotten(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);

	rig_get(g, fd, "/fast");
	assert_int_equal(g->router.counters.requests_queued, 1);
	close(fd);
	rig_run(g);
	assert_int_equal(g->router.counters.requests_queued, 0);
	assert_int_equal(g->router.counters.requests_active, 0);
	rig_lease(g, &w, RIG_FAST);
	assert_false(rig_receive(&w));
	rig_worker_done(&w);
}

static void
params_that_come_too_slowly_are_a_408(void **state)
{
	static const char begin[] = "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0\1\4\0\1\0\11\0\0";
	struct rig *g = *state;
	int fd = rig_connect(g);
	struct front *f;

	rig_send(g, fd, begin, sizeof begin - 1);
	f = TAILQ_FIRST(&g->router.fronts[FRONT_PARAMS]);
	assert_non_null(f);
	f->since_us = g->router.now_us - PARAMS_WAIT_MS * 1000ULL + 100000;
	rig_tick(g);
	assert_int_equal(f->stage, FRONT_PARAMS);
	f->since_us -= 200000;
	rig_tick(g);
	assert_true(rig_answers(fd, 408, "408 Request Timeout"));
	close(fd);
}

static void
the_oldest_idle_connection_makes_room(void **state)
{
	struct rig *g = *state;
	int fds[41];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = rig_connect(g);
	assert_int_equal(g->router.n_fronts, 40);
	rig_get(g, fds[40], "/nothing");
	assert_true(rig_answers(fds[40], 404, ""));
	assert_int_equal(recv(fds[0], &(char){ 0 }, 1, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void
half_a_connection_closed_still_gets_its_answer(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int fd = rig_connect(g);

	rig_get(g, fd, "/fast");
	shutdown(fd, SHUT_WR);
	rig_run(g);
	rig_lease(g, &w, RIG_FAST);
	assert_true(rig_receive(&w));
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	close(fd);
	rig_worker_done(&w);
}

static void
an_answer_before_the_end_of_the_input_is_not_lost(void **state)
{
	struct rig *g = *state;
	int fd = rig_connect(g);
	char *body = calloc(1, 200000);
	struct rig_answer a;

	rig_request(g, fd,
	            &(struct rig_request){ .method = "POST",
	                                   .path = "/nothing",
	                                   .id = 1,
	                                   .body = body,
	                                   .n_body = 200000,
	                                   .is_open = true });
	assert_true(rig_answers(fd, 404, ""));
	rig_answer(fd, &a);
	assert_true(a.is_closed);
	buf_done(&a.text);
	close(fd);
	rig_run(g);
	assert_int_equal(g->router.n_fronts, 0);
	free(body);
}

static void
a_draining_router_finishes_and_says_so(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	int idle = rig_connect(g), fd = rig_connect(g);
	struct rig_answer a;

	rig_lease(g, &w, RIG_FAST);
	rig_request(g, fd, &(struct rig_request){ .method = "GET", .path = "/fast", .id = 1, .keeps = true });
	rig_say(g, MSG_DRAIN, NULL, 0);
	rig_answer(idle, &a);
	assert_true(a.is_closed);
	buf_done(&a.text);
	assert_null(rig_said(g, MSG_DRAINED));
	rig_receive(&w);
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	assert_non_null(rig_said(g, MSG_DRAINED));
	close(fd);
	close(idle);
	rig_worker_done(&w);
}

static void
every_request_has_its_line_in_the_log(void **state)
{
	struct rig *g = *state;
	int fd = rig_connect(g);
	char line[2048] = "";

	rig_request(g, fd, &(struct rig_request){ .method = "GET", .path = "/no\"thing", .id = 1 });
	assert_true(rig_answers(fd, 404, ""));
	assert_true(pread(g->logs[0], line, sizeof line - 1, 0) > 0);
	assert_non_null(strstr(line, "\"path\":\"/no\\\"thing\",\"status\":404,\"cause\":\"no_route\""));
	assert_non_null(strstr(line, "}\n"));
	close(fd);
}

static void
the_log_may_have_php_fpms_letters(void **state)
{
	struct rig *g = *state;
	int fd = rig_connect(g);
	char line[2048] = "";

	g->router.is_json = false;
	strcpy(g->router.start.access_format, "%m %r%Q%q %s %n %{mili}dms %% %z");
	rig_get(g, fd, "/nothing");
	assert_true(rig_answers(fd, 404, ""));
	assert_true(pread(g->logs[0], line, sizeof line - 1, 0) > 0);
	assert_int_equal(strncmp(line, "GET /nothing 404 - ", 19), 0);
	assert_non_null(strstr(line, "ms % -\n"));
	close(fd);
}

static void
only_allowed_clients_are_served_over_tcp(void **state)
{
	static const struct {
		const char *allowed;
		bool is_served;
	} cases[] = {
		{ "", true },
		{ "127.0.0.1", true },
		{ "10.0.0.1, 127.0.0.1", true },
		{ "::ffff:127.0.0.1", true },
		{ "127.0.0.2", false },
		{ "::1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig *g = rig_new_tcp(cases[i].allowed);
		int fd = rig_connect(g);
		struct rig_answer a;

		rig_get(g, fd, "/fast");
		rig_answer(fd, &a);
		assert_int_equal(a.ended, cases[i].is_served ? FCGI_REQUEST_COMPLETE : -1);
		assert_true(a.is_closed || cases[i].is_served);
		buf_done(&a.text);
		close(fd);
		rig_free(g);
	}
	assert_null(rig_new_tcp("localhost"));
}

static void
without_descriptors_it_waits_and_goes_on(void **state)
{
	struct rig *g = *state;
	struct rlimit before, none;
	int fd, spare = dup(0);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ (rlim_t)spare, before.rlim_max };
	close(spare);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)g->address, (socklen_t)g->n_address), 0);
	rig_run(g);
	assert_false(g->router.is_accepting);
	assert_int_equal(g->router.n_fronts, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	g->router.accept_again_us = 1;
	rig_tick(g);
	assert_true(g->router.is_accepting);
	assert_int_equal(g->router.n_fronts, 1);
	close(fd);
}

static void
reopened_logs_are_used_and_figures_are_told(void **state)
{
	struct rig *g = *state;
	int fd = rig_connect(g), logs[3];
	const struct router_counters *counters;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++)
		logs[i] = memfd_create("new", MFD_CLOEXEC);
	message_send(g->master, MSG_LOGS, &(struct log_kinds){ 0 }, sizeof(struct log_kinds), logs, 3, &e);
	rig_run(g);
	rig_get(g, fd, "/nothing");
	assert_true(rig_answers(fd, 404, ""));
	assert_int_equal(lseek(g->logs[0], 0, SEEK_END), 0);
	assert_true(lseek(logs[0], 0, SEEK_END) > 0);
	rig_say(g, MSG_ASK_COUNTERS, NULL, 0);
	assert_non_null(rig_said(g, MSG_COUNTERS));
	counters = &g->router.board->counters;
	assert_int_equal(counters->requests, 1);
	assert_int_equal(counters->answers[4], 1);
	assert_int_equal(counters->connections_accepted, 1);
	assert_int_equal(counters->generation, 1);
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++)
		close(logs[i]);
	close(fd);
}

/* As the supervisor does, or the pool that it comes from. */
static void
a_given_connection_that_somebody_else_holds_as_well_is_none_when_it_is_closed(void **state)
{
	struct rig *g = *state;
	int pair[2], held, next;
	struct err e;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	held = dup(pair[1]);
	message_send(g->master, MSG_GIVEN, "", 0, &pair[1], 1, &e);
	close(pair[1]);
	rig_run(g);
	rig_get(g, pair[0], "/nothing");
	assert_true(rig_answers(pair[0], 404, ""));
	shutdown(pair[0], SHUT_WR);
	rig_run(g);
	/* It has the memory of the one that was closed. */
	next = rig_connect(g);
	rig_run(g);
	close(pair[0]);
	rig_run(g);
	rig_get(g, next, "/nothing");
	assert_true(rig_answers(next, 404, ""));
	close(next);
	close(held);
}

static void
a_master_that_is_gone_ends_it(void **state)
{
	struct rig *g = *state;

	shutdown(g->master, SHUT_RDWR);
	rig_run(g);
	assert_true(g->router.is_done);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_to_run_is_answered_by_the_router),
		cmocka_unit_test(without_a_snapshot_it_is_not_available),
		TEST(a_request_reaches_a_worker_in_one_message_with_our_params),
		TEST(a_body_at_its_limit_passes_and_one_past_it_does_not),
		TEST(params_at_their_limits_pass_and_one_past_them_is_a_431),
		TEST(records_that_break_the_protocol_close_the_connection),
		TEST(management_records_are_answered),
		TEST(a_second_begin_is_refused_while_the_first_is_busy),
		TEST(requests_sent_ahead_are_answered_in_order),
		TEST(a_request_in_single_bytes_is_the_same_request),
		TEST(an_aborted_request_ends_and_the_connection_serves_the_next),
		TEST(a_client_that_leaves_the_queue_is_forgotten),
		TEST(params_that_come_too_slowly_are_a_408),
		TEST(the_oldest_idle_connection_makes_room),
		TEST(half_a_connection_closed_still_gets_its_answer),
		TEST(an_answer_before_the_end_of_the_input_is_not_lost),
		TEST(a_draining_router_finishes_and_says_so),
		TEST(every_request_has_its_line_in_the_log),
		TEST(the_log_may_have_php_fpms_letters),
		cmocka_unit_test(only_allowed_clients_are_served_over_tcp),
		TEST(without_descriptors_it_waits_and_goes_on),
		TEST(reopened_logs_are_used_and_figures_are_told),
		TEST(a_given_connection_that_somebody_else_holds_as_well_is_none_when_it_is_closed),
		TEST(a_master_that_is_gone_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
