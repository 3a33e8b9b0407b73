/* test_lane.c - lanes: the test is the router on one side and the front on the other. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "lane/lane.h"

enum { ID = 0x1234, PARAMS_SIZE = 200 * 1024 };

/* What the front was told, and the answer as the router read it. */
struct rig {
	struct loop loop;
	struct lanes *lanes;
	int router;
	struct lane *lane;
	unsigned n_begun, n_requests, n_gone, n_rooms;
	char path[64], user[64], query[64], address[64], field[64];
	struct buf body, answer;
	void (*serve)(struct rig *rig, struct lane *l);
	bool has_ended, is_closed;
	uint16_t id;
};

static void
on_request(void *context, struct lane *l, const struct lane_request *q)
{
	struct rig *rig = context;
	const char *field = lane_header(l, "x-forwarded-FOR");

	rig->n_requests++;
	rig->lane = l;
	snprintf(rig->path, sizeof rig->path, "%s", q->path);
	snprintf(rig->user, sizeof rig->user, "%s", q->user);
	snprintf(rig->query, sizeof rig->query, "%s", q->query);
	snprintf(rig->address, sizeof rig->address, "%s", q->client);
	snprintf(rig->field, sizeof rig->field, "%s", field ? field : "");
	buf_clear(&rig->body);
	assert_int_equal(buf_append(&rig->body, q->body, q->n_body), 0);
	assert_null(lane_owner(l));
	lane_set_owner(l, rig);
	if (rig->serve)
		rig->serve(rig, l);
}

static void
on_gone(void *context, struct lane *l)
{
	struct rig *rig = context;

	assert_ptr_equal(lane_owner(l), rig);
	rig->n_gone++;
}

static const struct lane_rules rules = { .request = on_request, .gone = on_gone };

static int
set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	struct err e;
	int pair[2];

	*state = rig;
	assert_int_equal(loop_init(&rig->loop, &e), 0);
	assert_int_equal(lanes_open(&rig->lanes, &rig->loop, "/api/run", &rules, &e), 0);
	lanes_set_context(rig->lanes, rig);
	assert_int_equal(message_pair(pair, &e), 0);
	rig->router = pair[0];
	rig->id = ID;
	buf_init(&rig->body, 16 << 20);
	buf_init(&rig->answer, 80 << 20);
	return lane_open(rig->lanes, pair[1], &e);
}

static int
tear_down(void **state)
{
	struct rig *rig = *state;

	lanes_close(rig->lanes);
	loop_done(&rig->loop);
	fd_close(&rig->router);
	buf_done(&rig->body);
	buf_done(&rig->answer);
	free(rig);
	return 0;
}

/* Turns until nothing is due: a timer of its own ends the waiting. */
static void
fired(void *context, void *owner)
{
	(void)context;
	*(bool *)owner = true;
}

static void
settle(struct rig *rig)
{
	bool is_over = false;
	struct timer t = { .fire = fired, .owner = &is_over };
	struct err e;

	timer_arm(&rig->loop, &t, 2000);
	while (!is_over)
		assert_int_equal(loop_turn(&rig->loop, rig, &e), 0);
}

static void
record_take(struct rig *rig, const struct fcgi_header *h, const unsigned char *content)
{
	struct fcgi_end end;

	assert_int_equal(h->version, FCGI_VERSION_1);
	assert_int_equal(h->id, rig->id);
	assert_false(rig->has_ended);
	if (h->type == FCGI_STDOUT) {
		assert_int_equal(buf_append(&rig->answer, content, h->content), 0);
		return;
	}
	assert_int_equal(h->type, FCGI_END_REQUEST);
	assert_int_equal(fcgi_end_read(content, h->content, &end), 0);
	assert_int_equal(end.app_status, 0);
	assert_int_equal(end.protocol_status, FCGI_REQUEST_COMPLETE);
	rig->has_ended = true;
}

/* What has come from the lane; false: nothing. */
static bool
answer_read(struct rig *rig)
{
	unsigned char data[FCGI_MESSAGE_MAX];
	ssize_t n = recv(rig->router, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC);
	const unsigned char *p = data;

	if (n <= 0) {
		rig->is_closed = n == 0 || errno != EAGAIN;
		return false;
	}
	assert_true(n <= FCGI_MESSAGE_MAX);
	while (n > 0) {
		const unsigned char *content;
		struct fcgi_header h;
		size_t size = fcgi_record_read(p, (size_t)n, &h, &content);

		assert_true(size > 0);
		record_take(rig, &h, content);
		p += size;
		n -= (ssize_t)size;
	}
	return true;
}

static void
answer_await(struct rig *rig)
{
	settle(rig);
	while (answer_read(rig) || (!rig->has_ended && !rig->is_closed))
		settle(rig);
	assert_int_equal(buf_append(&rig->answer, "", 1), 0);
}

static size_t
param_put(char *to, const char *name, const char *value)
{
	const struct fcgi_pair pair = { name, value, strlen(name), strlen(value) };

	return fcgi_pair_write((unsigned char *)to, &pair);
}

static size_t
usual_params(char *to, const char *method, const char *path)
{
	size_t n = param_put(to, "REQUEST_METHOD", method);

	n += param_put(to + n, "CFN_PATH", path);
	n += param_put(to + n, "QUERY_STRING", "async=1");
	n += param_put(to + n, "REMOTE_ADDR", "192.0.2.7");
	n += param_put(to + n, "CFN_USER", "ci");
	n += param_put(to + n, "HTTP_X_FORWARDED_FOR", "198.51.100.9");
	return n;
}

/* As a router sends it, turn by turn; stops when the lane takes no more. */
static void
request_send(struct rig *rig, const struct fcgi_request *q)
{
	struct fcgi_progress at = { 0 }, next;
	unsigned char message[FCGI_MESSAGE_MAX];

	while (!at.is_done && !rig->is_closed) {
		size_t n = fcgi_request_message(q, &at, message, &next);
		ssize_t sent = send(rig->router, message, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent == (ssize_t)n)
			at = next;
		else if (errno != EAGAIN || rig->has_ended)
			return;
		settle(rig);
		while (answer_read(rig))
			;
	}
}

/* A request whose body has these bytes, and is complete or goes on. */
static void
ask_body(struct rig *rig, const char *body, size_t n, bool is_complete)
{
	char params[1024];
	const struct fcgi_request q = { .id = rig->id,
		                        .is_complete = is_complete,
		                        .params = { { params, usual_params(params, "POST", "/api/run") } },
		                        .body = body,
		                        .n_body = n };
	struct fcgi_progress at = { 0 }, next;
	unsigned char message[FCGI_MESSAGE_MAX];
	size_t size;

	while ((size = fcgi_request_message(&q, &at, message, &next)) > 0) {
		assert_int_equal(send(rig->router, message, size, MSG_NOSIGNAL), size);
		at = next;
	}
	settle(rig);
}

static void
ask(struct rig *rig, const char *method, const char *path, const char *body, size_t n)
{
	char params[1024];
	const struct fcgi_request q = { .id = rig->id,
		                        .is_complete = true,
		                        .params = { { params, usual_params(params, method, path) } },
		                        .body = body,
		                        .n_body = n };

	request_send(rig, &q);
	settle(rig);
}

static void
serve_hello(struct rig *rig, struct lane *l)
{
	(void)rig;
	lane_answer(l, 200, "X-Own: 1\r\n", "text/plain", "hello", 5);
}

static void
a_request_comes_with_its_params_and_body(void **state)
{
	struct rig *rig = *state;

	ask(rig, "POST", "/api/run/languages", "{}", 2);
	assert_int_equal(rig->n_requests, 1);
	assert_string_equal(rig->path, "/languages");
	assert_string_equal(rig->user, "ci");
	assert_string_equal(rig->query, "async=1");
	assert_string_equal(rig->address, "192.0.2.7");
	assert_string_equal(rig->field, "198.51.100.9");
	assert_int_equal(buf_used(&rig->body), 2);
	assert_memory_equal(buf_head(&rig->body), "{}", 2);
	assert_int_equal(lanes_busy(rig->lanes), 1);
}

static void
an_answer_has_the_id_of_its_dispatch_and_the_next_request_another(void **state)
{
	struct rig *rig = *state;

	rig->serve = serve_hello;
	for (unsigned i = 0; i < 3; i++, rig->id = (uint16_t)(rig->id * 7 + 1)) {
		rig->has_ended = false;
		buf_clear(&rig->answer);
		ask(rig, "GET", "/api/run", NULL, 0);
		answer_await(rig);
		assert_string_equal(buf_head(&rig->answer),
		                    "Status: 200 OK\r\nX-Own: 1\r\nContent-Type: text/plain\r\n"
		                    "X-Content-Type-Options: nosniff\r\nContent-Length: 5\r\n\r\nhello");
		assert_int_equal(lanes_busy(rig->lanes), 0);
	}
	assert_int_equal(rig->n_requests, 3);
	assert_int_equal(rig->n_gone, 0);
	assert_false(rig->is_closed);
}

/* X-Forwarded-For and X_Forwarded_For are one param's name: the second may be anybody's, and so may the
 * first. */
static void
a_field_that_is_there_in_two_forms_is_none(void **state)
{
	struct rig *rig = *state;
	char params[1024];
	size_t n = usual_params(params, "GET", "/api/run");
	const struct fcgi_request q = {
		.id = rig->id,
		.is_complete = true,
		.params = { { params, n + param_put(params + n, "HTTP_X_FORWARDED_FOR", "203.0.113.5") } },
	};

	rig->serve = serve_hello;
	request_send(rig, &q);
	settle(rig);
	answer_await(rig);
	assert_int_equal(rig->n_requests, 1);
	assert_string_equal(rig->field, "");
}

static void
the_answer_to_head_has_no_body(void **state)
{
	struct rig *rig = *state;

	rig->serve = serve_hello;
	ask(rig, "HEAD", "/api/run", NULL, 0);
	answer_await(rig);
	assert_non_null(strstr(buf_head(&rig->answer), "Content-Length: 5\r\n\r\n"));
	assert_null(strstr(buf_head(&rig->answer), "hello"));
}

static void
a_body_of_the_maximum_is_taken_and_a_byte_more_is_413(void **state)
{
	struct rig *rig = *state;
	char *body = calloc(1, LANE_BODY_MAX + 1);

	rig->serve = serve_hello;
	ask(rig, "POST", "/api/run", body, LANE_BODY_MAX);
	answer_await(rig);
	assert_int_equal(rig->n_requests, 1);
	assert_int_equal(buf_used(&rig->body), LANE_BODY_MAX);
	rig->has_ended = false;
	buf_clear(&rig->answer);
	ask(rig, "POST", "/api/run", body, LANE_BODY_MAX + 1);
	answer_await(rig);
	assert_int_equal(rig->n_requests, 1);
	assert_non_null(strstr(buf_head(&rig->answer), "Status: 413"));
	settle(rig);
	answer_read(rig);
	assert_true(rig->is_closed);
	assert_int_equal(lanes_count(rig->lanes), 0);
	free(body);
}

static bool
begin_and_take(void *context, struct lane *l, const struct lane_request *q)
{
	struct rig *rig = context;

	rig->n_begun++;
	assert_int_equal(q->n_body, 0);
	assert_string_equal(q->user, "ci");
	assert_null(lane_owner(l));
	lane_set_owner(l, rig);
	return true;
}

static bool
begin_and_refuse(void *context, struct lane *l, const struct lane_request *q)
{
	struct rig *rig = context;

	(void)q;
	rig->n_begun++;
	lane_answer(l, 401, "", "text/plain", "no", 2);
	return false;
}

static void
on_request_of_owner(void *context, struct lane *l, const struct lane_request *q)
{
	assert_ptr_equal(lane_owner(l), context);
	lane_set_owner(l, NULL);
	on_request(context, l, q);
}

/* Only with `begun`. */
static void
rules_set(struct rig *rig, bool (*begun)(void *, struct lane *, const struct lane_request *))
{
	static struct lane_rules own;
	struct err e;
	int pair[2];

	own = (struct lane_rules){ begun, on_request_of_owner, on_gone };
	lanes_close(rig->lanes);
	fd_close(&rig->router);
	assert_int_equal(lanes_open(&rig->lanes, &rig->loop, "/api/run", &own, &e), 0);
	lanes_set_context(rig->lanes, rig);
	assert_int_equal(message_pair(pair, &e), 0);
	rig->router = pair[0];
	assert_int_equal(lane_open(rig->lanes, pair[1], &e), 0);
}

static void
who_asks_is_known_before_the_body_is_read(void **state)
{
	struct rig *rig = *state;

	rig->serve = serve_hello;
	rules_set(rig, begin_and_take);
	ask_body(rig, "half", 4, false);
	assert_int_equal(rig->n_begun, 1);
	assert_int_equal(rig->n_requests, 0);
	fd_close(&rig->router);
	settle(rig);
	assert_int_equal(rig->n_gone, 1);
	assert_int_equal(lanes_count(rig->lanes), 0);
	rules_set(rig, begin_and_take);
	ask_body(rig, "whole", 5, true);
	answer_await(rig);
	assert_int_equal(rig->n_begun, 2);
	assert_int_equal(rig->n_requests, 1);
	assert_int_equal(rig->n_gone, 1);
}

static void
who_is_refused_is_answered_before_the_body_has_come(void **state)
{
	struct rig *rig = *state;

	rules_set(rig, begin_and_refuse);
	ask_body(rig, "whole", 5, true);
	answer_await(rig);
	assert_non_null(strstr(buf_head(&rig->answer), "Status: 401"));
	assert_int_equal(lanes_count(rig->lanes), 1); /* nothing of it is still to come */
	rig->has_ended = false;
	buf_clear(&rig->answer);
	ask_body(rig, "half", 4, false);
	answer_await(rig);
	assert_non_null(strstr(buf_head(&rig->answer), "Status: 401"));
	settle(rig);
	assert_int_equal(lanes_count(rig->lanes), 0);
	assert_int_equal(rig->n_begun, 2);
	assert_int_equal(rig->n_requests + rig->n_gone, 0);
}

static void
a_body_that_comes_too_slowly_is_408(void **state)
{
	struct rig *rig = *state;

	rules_set(rig, begin_and_take);
	lanes_set_body_time(rig->lanes, 1);
	ask_body(rig, "half", 4, false);
	answer_await(rig);
	assert_non_null(strstr(buf_head(&rig->answer), "Status: 408"));
	assert_int_equal(rig->n_gone, 1);
	assert_int_equal(lanes_count(rig->lanes), 0);
}

static void
a_body_that_is_here_is_late_no_more(void **state)
{
	struct rig *rig = *state;

	lanes_set_body_time(rig->lanes, 1);
	ask_body(rig, "whole", 5, true);
	settle(rig);
	assert_int_equal(rig->n_requests, 1);
	assert_int_equal(rig->n_gone, 0);
	serve_hello(rig, rig->lane);
	answer_await(rig);
	assert_non_null(strstr(buf_head(&rig->answer), "hello"));
	assert_int_equal(lanes_count(rig->lanes), 1);
}

static void
params_over_their_maximum_end_the_lane(void **state)
{
	struct rig *rig = *state;
	char *params = calloc(1, PARAMS_SIZE), *value = calloc(1, LANE_PARAMS_MAX);
	struct fcgi_request q = { .id = ID, .is_complete = true };
	size_t n = usual_params(params, "GET", "/api/run");

	rig->serve = serve_hello;
	memset(value, 'x', LANE_PARAMS_MAX - n - 9); /* two lengths, a name of four */
	n += param_put(params + n, "LONG", value);
	assert_int_equal(n, LANE_PARAMS_MAX);
	q.params[0].p = params;
	q.params[0].n = n;
	request_send(rig, &q);
	answer_await(rig);
	assert_int_equal(rig->n_requests, 1);
	q.params[0].n = n + 1;
	rig->has_ended = false;
	request_send(rig, &q);
	settle(rig);
	answer_read(rig);
	assert_true(rig->is_closed);
	assert_int_equal(rig->n_requests, 1);
	free(params);
	free(value);
}

/* Records as {type, id, content}: what a router never says. */
static const struct {
	const char *name;
	unsigned char bytes[48];
	size_t n;
} broken[] = {
#define BEGIN   1, 1, 0, 7, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0
#define PARAMS0 1, 4, 0, 7, 0, 0, 0, 0
	{ "half a header", { 1, 1, 0 }, 3 },
	{ "a content that is not there", { 1, 4, 0, 7, 0, 9, 0, 0, 1 }, 9 },
	{ "another version", { 9, 1, 0, 7, 0, 8, 0, 0, 0, 1, 1 }, 16 },
	{ "no id", { 1, 1, 0, 0, 0, 8, 0, 0, 0, 1, 1 }, 16 },
	{ "another role", { 1, 1, 0, 7, 0, 8, 0, 0, 0, 2, 1 }, 16 },
	{ "params before the beginning", { PARAMS0 }, 8 },
	{ "params of another request", { BEGIN, 1, 4, 0, 8, 0, 0, 0, 0 }, 24 },
	{ "a body before the end of params", { BEGIN, 1, 5, 0, 7, 0, 0, 0, 0 }, 24 },
	{ "params behind their end", { BEGIN, PARAMS0, PARAMS0 }, 32 },
	{ "two beginnings in a message", { BEGIN, BEGIN }, 32 },
	{ "a pair that is longer than all", { BEGIN, 1, 4, 0, 7, 0, 2, 0, 0, 9, 9, PARAMS0 }, 34 },
	{ "a name with a NUL", { BEGIN, 1, 4, 0, 7, 0, 3, 0, 0, 1, 0, 0, PARAMS0 }, 35 },
	{ "an unknown type", { BEGIN, 1, 9, 0, 7, 0, 0, 0, 0 }, 24 },
	{ "a path that is none of ours", { BEGIN, PARAMS0, 1, 5, 0, 7, 0, 0, 0, 0 }, 32 },
};

static void
what_no_router_says_ends_the_lane(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct rig *rig;

		tear_down(state);
		assert_int_equal(set_up(state), 0);
		rig = *state;
		assert_int_equal(send(rig->router, broken[i].bytes, broken[i].n, 0), broken[i].n);
		settle(rig);
		answer_read(rig);
		if (!rig->is_closed || rig->n_requests || lanes_count(rig->lanes))
			fail_msg("%s is taken", broken[i].name);
	}
}

static void
abort_send(struct rig *rig)
{
	unsigned char message[FCGI_MESSAGE_MAX];
	size_t n = fcgi_abort_message(rig->id, message);

	assert_int_equal(send(rig->router, message, n, 0), n);
	settle(rig);
}

static void
a_request_that_is_taken_back_is_gone_once_and_so_is_its_lane(void **state)
{
	struct rig *rig = *state;

	ask(rig, "GET", "/api/run", NULL, 0);
	abort_send(rig);
	assert_int_equal(rig->n_gone, 1);
	answer_read(rig);
	assert_true(rig->is_closed);
	assert_int_equal(lanes_count(rig->lanes), 0);
}

static void
taking_back_what_is_answered_changes_nothing(void **state)
{
	struct rig *rig = *state;

	rig->serve = serve_hello;
	ask(rig, "GET", "/api/run", NULL, 0);
	answer_await(rig);
	abort_send(rig);
	assert_int_equal(rig->n_gone, 0);
	assert_int_equal(lanes_count(rig->lanes), 1);
}

static void
a_router_that_goes_takes_its_request_with_it(void **state)
{
	struct rig *rig = *state;

	ask(rig, "GET", "/api/run", NULL, 0);
	fd_close(&rig->router);
	settle(rig);
	assert_int_equal(rig->n_gone, 1);
	assert_int_equal(lanes_count(rig->lanes), 0);
}

static void
behind_the_last_request_the_answer_is_still_read(void **state)
{
	struct rig *rig = *state;

	ask(rig, "GET", "/api/run", NULL, 0);
	assert_int_equal(shutdown(rig->router, SHUT_WR), 0);
	settle(rig);
	assert_int_equal(rig->n_gone, 0);
	serve_hello(rig, rig->lane);
	answer_await(rig);
	assert_non_null(strstr(buf_head(&rig->answer), "hello"));
	settle(rig);
	assert_int_equal(lanes_count(rig->lanes), 0);
}

static void
an_idle_lane_ends_with_its_requests(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(shutdown(rig->router, SHUT_WR), 0);
	settle(rig);
	assert_int_equal(lanes_count(rig->lanes), 0);
	assert_int_equal(rig->n_gone, 0);
}

static void
serve_much(struct rig *rig, struct lane *l)
{
	const size_t n = 20 << 20;
	char *body = malloc(n);

	(void)rig;
	for (size_t i = 0; i < n; i++)
		body[i] = (char)(i % 251);
	lane_answer(l, 200, "", "application/octet-stream", body, n);
	free(body);
}

static void
a_large_answer_waits_for_its_reader_and_comes_whole(void **state)
{
	struct rig *rig = *state;
	const char *body;

	rig->serve = serve_much;
	ask(rig, "GET", "/api/run", NULL, 0);
	answer_await(rig);
	body = strstr(buf_head(&rig->answer), "\r\n\r\n") + 4;
	assert_int_equal(buf_head(&rig->answer) + buf_used(&rig->answer) - 1 - body, 20 << 20);
	for (size_t i = 0; i < 20 << 20; i++)
		if (body[i] != (char)(i % 251))
			fail_msg("byte %zu", i);
}

static void
a_stream_begins_with_its_head_and_ends_when_it_is_told(void **state)
{
	struct rig *rig = *state;

	ask(rig, "GET", "/api/run", NULL, 0);
	lane_stream(rig->lane, 200, "", "text/event-stream");
	assert_true(answer_read(rig));
	assert_int_equal(buf_append(&rig->answer, "", 1), 0);
	assert_non_null(strstr(buf_head(&rig->answer), "X-CFN-Stream: 1\r\n\r\n"));
	buf_clear(&rig->answer);
	lane_say(rig->lane, "one", 3);
	lane_say(rig->lane, "two", 3);
	assert_int_equal(lane_room(rig->lane), LANE_STREAM_MAX);
	lane_end(rig->lane);
	answer_await(rig);
	assert_string_equal(buf_head(&rig->answer), "onetwo");
	assert_int_equal(lanes_count(rig->lanes), 1);
}

static void
on_room(void *context, struct lane *l)
{
	struct rig *rig = context;

	assert_true(lane_room(l) >= LANE_STREAM_MAX / 2);
	rig->n_rooms++;
}

static void
fill(struct rig *rig)
{
	static const char piece[4096];

	while (lane_room(rig->lane) >= sizeof piece)
		lane_say(rig->lane, piece, sizeof piece);
}

static void
a_stream_whose_client_is_slow_waits_for_room(void **state)
{
	struct rig *rig = *state;

	ask(rig, "GET", "/api/run", NULL, 0);
	lane_stream(rig->lane, 200, "", "text/event-stream");
	fill(rig);
	lane_await_room(rig->lane, on_room);
	settle(rig);
	assert_int_equal(rig->n_rooms, 0);
	for (int i = 0; i < 10000 && rig->n_rooms == 0; i++) {
		answer_read(rig);
		settle(rig);
	}
	assert_int_equal(rig->n_rooms, 1);
}

static void
saying_more_than_there_is_room_for_breaks_a_stream_off(void **state)
{
	static const char piece[8192];
	struct rig *rig = *state;

	ask(rig, "GET", "/api/run", NULL, 0);
	lane_stream(rig->lane, 200, "", "text/event-stream");
	fill(rig);
	lane_say(rig->lane, piece, sizeof piece);
	lane_say(rig->lane, piece, sizeof piece);
	settle(rig);
	while (answer_read(rig))
		;
	assert_true(rig->is_closed);
	assert_false(rig->has_ended);
	assert_int_equal(rig->n_gone, 0);
}

static void
lanes_have_a_maximum(void **state)
{
	struct rig *rig = *state;
	int *ends = calloc(LANES_MAX, sizeof *ends), pair[2];
	struct err e;

	for (size_t i = 0; i < LANES_MAX; i++) {
		assert_int_equal(message_pair(pair, &e), 0);
		ends[i] = pair[0];
		assert_int_equal(lane_open(rig->lanes, pair[1], &e), i == LANES_MAX - 1 ? -EMFILE : 0);
	}
	assert_int_equal(lanes_count(rig->lanes), LANES_MAX);
	for (size_t i = 0; i < LANES_MAX; i++)
		close(ends[i]);
	while (lanes_count(rig->lanes) > 1)
		settle(rig);
	assert_int_equal(lanes_count(rig->lanes), 1);
	free(ends);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_comes_with_its_params_and_body),
		TEST(an_answer_has_the_id_of_its_dispatch_and_the_next_request_another),
		TEST(a_field_that_is_there_in_two_forms_is_none),
		TEST(the_answer_to_head_has_no_body),
		TEST(a_body_of_the_maximum_is_taken_and_a_byte_more_is_413),
		TEST(who_asks_is_known_before_the_body_is_read),
		TEST(who_is_refused_is_answered_before_the_body_has_come),
		TEST(a_body_that_comes_too_slowly_is_408),
		TEST(a_body_that_is_here_is_late_no_more),
		TEST(params_over_their_maximum_end_the_lane),
		TEST(what_no_router_says_ends_the_lane),
		TEST(a_request_that_is_taken_back_is_gone_once_and_so_is_its_lane),
		TEST(taking_back_what_is_answered_changes_nothing),
		TEST(a_router_that_goes_takes_its_request_with_it),
		TEST(behind_the_last_request_the_answer_is_still_read),
		TEST(an_idle_lane_ends_with_its_requests),
		TEST(a_large_answer_waits_for_its_reader_and_comes_whole),
		TEST(a_stream_begins_with_its_head_and_ends_when_it_is_told),
		TEST(a_stream_whose_client_is_slow_waits_for_room),
		TEST(saying_more_than_there_is_room_for_breaks_a_stream_off),
		TEST(lanes_have_a_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
