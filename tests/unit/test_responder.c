/* test_responder.c - a worker's side of FastCGI: what a router may send, in one message or in many; the test
 * is the router. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/fcgi.h"
#include "worker/responder.h"

enum { ID = 0x1234, BODY_MAX = 40000 };

struct rig {
	int router;
	struct responder responder;
	unsigned char message[FCGI_MESSAGE_MAX];
	size_t n_message;
};

static int
rig_open(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	rig->router = pair[0];
	responder_open(&rig->responder, pair[1]);
	*state = rig;
	return 0;
}

static int
rig_close(void **state)
{
	struct rig *rig = *state;

	close(rig->router);
	if (rig->responder.fd >= 0)
		close(rig->responder.fd);
	buf_done(&rig->responder.pairs);
	free(rig->responder.params);
	free(rig);
	return 0;
}

static void
message_send(struct rig *rig)
{
	assert_int_equal(send(rig->router, rig->message, rig->n_message, 0), rig->n_message);
	rig->n_message = 0;
}

static void
record_put(struct rig *rig, enum fcgi_type type, uint16_t id, const void *content, size_t n)
{
	struct fcgi_header h = {
		.version = FCGI_VERSION_1, .type = (uint8_t)type, .id = id, .content = (uint16_t)n
	};

	assert_true(rig->n_message + FCGI_HEADER_SIZE + n <= FCGI_MESSAGE_MAX);
	fcgi_header_write(rig->message + rig->n_message, &h);
	if (n > 0)
		memcpy(rig->message + rig->n_message + FCGI_HEADER_SIZE, content, n);
	rig->n_message += FCGI_HEADER_SIZE + n;
}

static void
begin_put_with(struct rig *rig, uint16_t id, uint8_t flags)
{
	unsigned char content[8];

	fcgi_begin_write(content, &(struct fcgi_begin){ FCGI_RESPONDER, flags });
	record_put(rig, FCGI_BEGIN_REQUEST, id, content, sizeof content);
}

static void
begin_put(struct rig *rig, uint16_t id)
{
	begin_put_with(rig, id, FCGI_KEEP_CONN);
}

static size_t
pair_put(unsigned char *to, const char *name, const char *value)
{
	return fcgi_pair_write(to, &(struct fcgi_pair){ name, value, strlen(name), strlen(value) });
}

/* A whole request, in the message that is put together. */
static void
request_put(struct rig *rig, uint16_t id, const char *value, const char *body)
{
	unsigned char pairs[512];
	size_t n = pair_put(pairs, "NAME", value);

	begin_put(rig, id);
	record_put(rig, FCGI_PARAMS, id, pairs, n);
	record_put(rig, FCGI_PARAMS, id, NULL, 0);
	if (*body)
		record_put(rig, FCGI_STDIN, id, body, strlen(body));
	record_put(rig, FCGI_STDIN, id, NULL, 0);
}

/* The next request has this one param and this body, and is answered with text. */
static void
serve_one(struct rig *rig, const char *param, const char *body, const char *text)
{
	static char got[BODY_MAX];
	size_t n = 0;
	ssize_t more;

	assert_int_equal(responder_next(&rig->responder), 0);
	while ((more = responder_read(&rig->responder, got + n, sizeof got - n)) > 0)
		n += (size_t)more;
	assert_int_equal(more, 0);
	assert_int_equal(n, strlen(body));
	assert_memory_equal(got, body, n);
	/* Behind the body: where it came in messages of its own the params must still be there. */
	assert_string_equal(rig->responder.params[0], param);
	assert_null(rig->responder.params[1]);
	assert_int_equal(responder_write(&rig->responder, text, strlen(text)), 0);
	responder_end(&rig->responder, 0);
}

/* One message with the whole answer to this request. */
static void
expect_answer(struct rig *rig, uint16_t id, const char *text)
{
	static const enum fcgi_type types[] = { FCGI_STDOUT, FCGI_STDOUT, FCGI_END_REQUEST };
	const size_t lengths[] = { strlen(text), 0, 8 };
	unsigned char bytes[FCGI_MESSAGE_MAX];
	const unsigned char *p = bytes, *content;
	ssize_t n = recv(rig->router, bytes, sizeof bytes, MSG_DONTWAIT);

	assert_true(n > 0);
	for (size_t i = *text == '\0'; i < ARRAY_SIZE(types); i++) {
		struct fcgi_header h;
		size_t size = fcgi_record_read(p, (size_t)n, &h, &content);

		assert_true(size > 0);
		assert_int_equal(h.type, types[i]);
		assert_int_equal(h.id, id);
		assert_int_equal(h.content, lengths[i]);
		if (i == 0)
			assert_memory_equal(content, text, h.content);
		p += size;
		n -= (ssize_t)size;
	}
	assert_int_equal(n, 0);
}

static void
a_request_in_one_message_is_answered_by_one(void **state)
{
	struct rig *rig = *state;

	request_put(rig, ID, "value", "body");
	message_send(rig);
	serve_one(rig, "NAME=value", "body", "hello");
	expect_answer(rig, ID, "hello");
}

static void
each_of_several_requests_in_one_message_has_its_answer_for_itself(void **state)
{
	struct rig *rig = *state;

	request_put(rig, 1, "a", "");
	request_put(rig, 2, "b", "body");
	request_put(rig, 3, "c", "");
	message_send(rig);
	serve_one(rig, "NAME=a", "", "one");
	serve_one(rig, "NAME=b", "body", "two");
	expect_answer(rig, 1, "one");
	expect_answer(rig, 2, "two");
	assert_int_equal(recv(rig->router, rig->message, FCGI_MESSAGE_MAX, MSG_DONTWAIT), -1);
	serve_one(rig, "NAME=c", "", "three");
	expect_answer(rig, 3, "three");
}

static void
params_and_body_may_come_in_pieces_of_every_size(void **state)
{
	static char value[20001], body[20001], param[sizeof value + 5];
	static const size_t steps[] = { 1, 7, 1000, 5000, FCGI_MESSAGE_MAX - FCGI_HEADER_SIZE };
	struct rig *rig = *state;

	memset(value, 'v', sizeof value - 1);
	memset(body, 'b', sizeof body - 1);
	strcpy(stpcpy(param, "NAME="), value);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		/* The whole of it has to fit into the socket. */
		size_t length = steps[i] < 100 ? 100 : sizeof value - 1;
		unsigned char *pairs = malloc(sizeof value + 16);
		size_t n;

		value[length] = body[length] = param[5 + length] = '\0';
		n = pair_put(pairs, "NAME", value);
		begin_put(rig, ID);
		for (size_t at = 0; at < n; at += steps[i]) {
			message_send(rig);
			record_put(rig, FCGI_PARAMS, ID, pairs + at, n - at < steps[i] ? n - at : steps[i]);
		}
		message_send(rig);
		record_put(rig, FCGI_PARAMS, ID, NULL, 0);
		for (size_t at = 0; at < length; at += steps[i]) {
			message_send(rig);
			record_put(rig, FCGI_STDIN, ID, body + at,
			           length - at < steps[i] ? length - at : steps[i]);
		}
		message_send(rig);
		record_put(rig, FCGI_STDIN, ID, NULL, 0);
		/* The next one behind it, in the same message. */
		request_put(rig, ID + 1, "next", "");
		message_send(rig);
		serve_one(rig, param, body, "hello");
		expect_answer(rig, ID, "hello");
		serve_one(rig, "NAME=next", "", "again");
		expect_answer(rig, ID + 1, "again");
		value[length] = param[5 + length] = 'v';
		body[length] = 'b';
		free(pairs);
	}
}

static void
what_a_handler_left_of_the_body_is_skipped(void **state)
{
	struct rig *rig = *state;
	char byte;

	request_put(rig, 1, "a", "long body");
	request_put(rig, 2, "b", "");
	message_send(rig);
	assert_int_equal(responder_next(&rig->responder), 0);
	assert_int_equal(responder_read(&rig->responder, &byte, 1), 1);
	responder_end(&rig->responder, 0);
	serve_one(rig, "NAME=b", "", "two");
}

static void
a_large_answer_travels_in_messages_of_bounded_size(void **state)
{
	enum { LENGTH = 5 * FCGI_MESSAGE_MAX / 2, HEAD = 100 };
	struct rig *rig = *state;
	char *text = malloc(LENGTH);
	size_t n_text = 0;
	ssize_t n;

	for (size_t i = 0; i < LENGTH; i++)
		text[i] = (char)(i * 7 + i / 251);
	request_put(rig, ID, "a", "");
	message_send(rig);
	assert_int_equal(responder_next(&rig->responder), 0);
	/* Gathered first, and then with what does not fit behind it. */
	for (size_t i = 0; i < HEAD; i++)
		assert_int_equal(responder_write(&rig->responder, text + i, 1), 0);
	assert_int_equal(responder_write(&rig->responder, text + HEAD, LENGTH - HEAD), 0);
	responder_end(&rig->responder, 0);
	while ((n = recv(rig->router, rig->message, FCGI_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC)) > 0) {
		struct fcgi_header h;
		const unsigned char *content;

		assert_true(n <= FCGI_MESSAGE_MAX);
		assert_true(fcgi_record_read(rig->message, (size_t)n, &h, &content) > 0);
		assert_int_equal(h.type, FCGI_STDOUT);
		assert_memory_equal(content, text + n_text, h.content);
		n_text += h.content;
	}
	assert_int_equal(n_text, LENGTH);
	free(text);
}

static void
a_logged_line_leaves_at_once_and_ends(void **state)
{
	struct rig *rig = *state;
	static char line[2 * FCGI_MESSAGE_MAX];

	memset(line, 'l', sizeof line);
	request_put(rig, ID, "a", "");
	message_send(rig);
	assert_int_equal(responder_next(&rig->responder), 0);
	responder_log(&rig->responder, "line", 4);
	assert_int_equal(recv(rig->router, rig->message, FCGI_MESSAGE_MAX, 0), FCGI_HEADER_SIZE + 5);
	assert_int_equal(rig->message[1], FCGI_STDERR);
	assert_memory_equal(rig->message + FCGI_HEADER_SIZE, "line\n", 5);
	responder_log(&rig->responder, line, sizeof line);
	assert_int_equal(recv(rig->router, rig->message, FCGI_MESSAGE_MAX, MSG_TRUNC), FCGI_MESSAGE_MAX);
	assert_int_equal(rig->message[FCGI_MESSAGE_MAX - 1], '\n');
}

/* The socket's other end sees its end, and none of these is served. */
static void
what_is_no_request_ends_the_connection(void **state)
{
	static const struct {
		enum fcgi_type type;
		size_t n;
		unsigned char content[8];
	} cases[] = {
		{ FCGI_PARAMS, 0, { 0 } },        { FCGI_STDIN, 4, { 0 } },
		{ FCGI_ABORT_REQUEST, 0, { 0 } }, { FCGI_BEGIN_REQUEST, 7, { 0, FCGI_RESPONDER } },
		{ FCGI_GET_VALUES, 0, { 0 } },    { FCGI_BEGIN_REQUEST, 8, { 0, FCGI_RESPONDER + 1 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig *rig;

		rig_close(state);
		rig_open(state);
		rig = *state;
		record_put(rig, cases[i].type, ID, cases[i].content, cases[i].n);
		message_send(rig);
		assert_true(responder_next(&rig->responder) < 0);
		assert_int_equal(rig->responder.fd, -1);
		assert_int_equal(recv(rig->router, rig->message, FCGI_MESSAGE_MAX, 0), 0);
	}
}

static void
a_message_that_ends_within_a_record_ends_the_connection(void **state)
{
	struct rig *rig = *state;

	request_put(rig, ID, "value", "body");
	rig->n_message -= FCGI_HEADER_SIZE + 1;
	message_send(rig);
	assert_int_equal(responder_next(&rig->responder), 0);
	assert_int_equal(responder_read(&rig->responder, rig->message, 8), -ECONNRESET);
	responder_end(&rig->responder, 0);
	assert_true(rig->responder.is_broken);
	assert_int_equal(rig->responder.fd, -1);
}

static void
a_request_that_is_taken_back_is_the_last(void **state)
{
	struct rig *rig = *state;
	char body[8];

	begin_put(rig, ID);
	record_put(rig, FCGI_PARAMS, ID, NULL, 0);
	record_put(rig, FCGI_STDIN, ID, "body", 4);
	message_send(rig);
	record_put(rig, FCGI_ABORT_REQUEST, ID, NULL, 0);
	message_send(rig);
	assert_int_equal(responder_next(&rig->responder), 0);
	assert_null(rig->responder.params[0]);
	assert_int_equal(responder_read(&rig->responder, body, sizeof body), 4);
	assert_int_equal(responder_read(&rig->responder, body, sizeof body), -ECONNRESET);
	assert_int_equal(responder_read(&rig->responder, body, sizeof body), -ECONNRESET);
	responder_end(&rig->responder, 0);
	assert_true(rig->responder.is_broken);
	expect_answer(rig, ID, "");
	assert_int_equal(recv(rig->router, rig->message, FCGI_MESSAGE_MAX, 0), 0);
}

static void
an_answer_to_nobody_ends_the_requests(void **state)
{
	struct rig *rig = *state;

	request_put(rig, ID, "a", "");
	message_send(rig);
	assert_int_equal(responder_next(&rig->responder), 0);
	shutdown(rig->router, SHUT_RDWR);
	assert_int_equal(responder_write(&rig->responder, "text", 4), 0);
	assert_int_equal(responder_flush(&rig->responder), -EPIPE);
	responder_end(&rig->responder, 0);
	assert_true(rig->responder.is_broken);
}

/* What the end of an empty answer says. */
static uint32_t
memory_told(struct rig *rig, uint8_t flags)
{
	unsigned char bytes[FCGI_MESSAGE_MAX];
	struct fcgi_end end;

	begin_put_with(rig, ID, flags);
	record_put(rig, FCGI_PARAMS, ID, NULL, 0);
	record_put(rig, FCGI_STDIN, ID, NULL, 0);
	message_send(rig);
	assert_int_equal(responder_next(&rig->responder), 0);
	responder_end(&rig->responder, 0);
	assert_int_equal(recv(rig->router, bytes, sizeof bytes, MSG_DONTWAIT), 2 * FCGI_HEADER_SIZE + 8);
	assert_int_equal(fcgi_end_read(bytes + 2 * FCGI_HEADER_SIZE, 8, &end), 0);
	return end.memory_kb;
}

static void
the_end_tells_peak_memory_when_it_was_asked_for_alone(void **state)
{
	struct rig *rig = *state;

	assert_in_range(memory_told(rig, FCGI_KEEP_CONN | FCGI_TELL_MEMORY), 100, FCGI_MEMORY_KB_MAX - 1);
	assert_int_equal(memory_told(rig, FCGI_KEEP_CONN), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_in_one_message_is_answered_by_one),
		TEST(each_of_several_requests_in_one_message_has_its_answer_for_itself),
		TEST(params_and_body_may_come_in_pieces_of_every_size),
		TEST(what_a_handler_left_of_the_body_is_skipped),
		TEST(a_large_answer_travels_in_messages_of_bounded_size),
		TEST(a_logged_line_leaves_at_once_and_ends),
		TEST(what_is_no_request_ends_the_connection),
		TEST(a_message_that_ends_within_a_record_ends_the_connection),
		TEST(a_request_that_is_taken_back_is_the_last),
		TEST(an_answer_to_nobody_ends_the_requests),
		TEST(the_end_tells_peak_memory_when_it_was_asked_for_alone),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
