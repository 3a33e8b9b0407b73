/* test_router_body.c - what passes the router in large pieces: how long a message may be, and when the pieces
 * of a body wake their worker. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "router_rig.h"

enum { BEFORE = 2 * BODY_SMALL_MAX };

struct upload {
	struct rig *rig;
	struct rig_worker worker;
	int fd;
};

static int
setup(void **state)
{
	struct upload *u = calloc(1, sizeof *u);

	if (!u)
		return -1;
	*state = u;
	u->rig = rig_new(false);
	return u->rig ? 0 : -1;
}

static int
teardown(void **state)
{
	struct upload *u = *state;

	rig_free(u->rig);
	free(u);
	return 0;
}

/* What the worker was sent is read: its bytes of STDIN. */
static size_t
arrived(struct upload *u)
{
	size_t n = 0;

	while (rig_receive(&u->worker)) {
		const unsigned char *p = u->worker.message, *content;
		size_t left = u->worker.n_message, size;
		struct fcgi_header h;

		for (; (size = fcgi_record_read(p, left, &h, &content)) > 0; p += size, left -= size)
			n += h.type == FCGI_STDIN ? h.content : 0;
	}
	return n;
}

/* The begin of a body is at the worker, which has read it. */
static void
begin(struct upload *u)
{
	static char body[BEFORE];
	const struct rig_request q = {
		.method = "POST", .path = "/fast", .id = 1, .body = body, .n_body = BEFORE, .is_open = true
	};
	size_t n = 0;

	rig_lease(u->rig, &u->worker, RIG_FAST);
	u->fd = rig_connect(u->rig);
	rig_request(u->rig, u->fd, &q);
	for (int i = 0; i < 100 && n < BEFORE; i++) {
		n += arrived(u);
		rig_run(u->rig);
	}
	assert_int_equal(n, BEFORE);
}

static void
end(struct upload *u)
{
	close(u->fd);
	rig_worker_done(&u->worker);
}

/* n bytes more, and one turn of the router. */
static void
piece_come(struct upload *u, size_t n)
{
	static const char piece[BODY_PIECE];
	struct err e = { 0 };
	struct buf bytes;

	buf_init(&bytes, BODY_PIECE + 2 * FCGI_HEADER_SIZE);
	rig_record(&bytes, FCGI_STDIN, 1, piece, n);
	assert_int_equal(send(u->fd, buf_head(&bytes), buf_used(&bytes), 0), buf_used(&bytes));
	buf_done(&bytes);
	assert_int_equal(router_turn(&u->rig->router, 0, &e), 0);
}

static void
small_pieces_of_a_large_body_gather_until_they_are_worth_a_message(void **state)
{
	struct upload *u = *state;

	begin(u);
	piece_come(u, BODY_PIECE / 2);
	assert_int_equal(arrived(u), 0);
	piece_come(u, BODY_PIECE / 2 - 1);
	assert_int_equal(arrived(u), 0);
	piece_come(u, 1);
	assert_int_equal(arrived(u), BODY_PIECE);
	end(u);
}

static void
what_waits_of_a_body_leaves_when_no_more_comes(void **state)
{
	struct upload *u = *state;
	struct err e = { 0 };

	begin(u);
	piece_come(u, 1000);
	assert_int_equal(arrived(u), 0);
	assert_int_equal(deadline_timeout_ms(&u->rig->router), HOLD_US / 1000);
	assert_int_equal(router_turn(&u->rig->router, 0, &e), 0);
	assert_int_equal(arrived(u), 1000);
	end(u);
}

static void
what_waits_of_a_body_leaves_in_time_though_others_are_busy(void **state)
{
	struct upload *u = *state;
	struct err e = { 0 };
	int other;

	begin(u);
	piece_come(u, 1000);
	assert_int_equal(arrived(u), 0);
	u->rig->router.held_us -= HOLD_US;
	other = rig_connect(u->rig);
	rig_get(u->rig, other, "/nowhere");
	assert_int_equal(router_turn(&u->rig->router, 0, &e), 0);
	assert_int_equal(arrived(u), 1000);
	close(other);
	end(u);
}

static void
the_end_of_a_body_waits_for_nothing(void **state)
{
	struct upload *u = *state;

	begin(u);
	piece_come(u, 1000);
	piece_come(u, 0);
	assert_int_equal(arrived(u), 1000);
	rig_reply(u->rig, &u->worker, "Content-Type: text/plain\r\n\r\nhello");
	assert_true(rig_answers(u->fd, 200, "hello"));
	end(u);
}

static void
a_worker_that_goes_while_a_piece_waits_takes_it_along(void **state)
{
	struct upload *u = *state;

	begin(u);
	piece_come(u, 1000);
	rig_ended(u->rig, &u->worker, CAUSE_CRASH);
	rig_run(u->rig);
	assert_true(rig_answers(u->fd, 500, "crash"));
	end(u);
}

static void
a_worker_may_fill_a_message_and_not_go_past_it(void **state)
{
	static const struct {
		size_t n;
		int status;
		const char *part;
	} cases[] = { { FCGI_MESSAGE_MAX, 200, "aaaa" }, { FCGI_MESSAGE_MAX + 1, 500, "bad_response" } };
	static char content[FCGI_MESSAGE_MAX];
	static const char head[] = "Content-Type: a/b\r\n\r\n";
	struct upload *u = *state;

	memset(content, 'a', sizeof content);
	memcpy(content, head, sizeof head - 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf bytes;

		rig_lease(u->rig, &u->worker, RIG_FAST);
		u->fd = rig_connect(u->rig);
		rig_get(u->rig, u->fd, "/fast");
		assert_true(rig_receive(&u->worker));
		buf_init(&bytes, 2 * FCGI_MESSAGE_MAX);
		rig_record(&bytes, FCGI_STDOUT, u->worker.request, content, cases[i].n - FCGI_HEADER_SIZE);
		rig_write(u->rig, &u->worker, buf_head(&bytes), buf_used(&bytes));
		if (cases[i].status == 200)
			rig_reply(u->rig, &u->worker, "a");
		assert_true(rig_answers(u->fd, cases[i].status, cases[i].part));
		buf_done(&bytes);
		end(u);
		rig_run(u->rig);
		rig_ended(u->rig, &u->worker, CAUSE_CRASH);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(small_pieces_of_a_large_body_gather_until_they_are_worth_a_message),
		TEST(what_waits_of_a_body_leaves_when_no_more_comes),
		TEST(what_waits_of_a_body_leaves_in_time_though_others_are_busy),
		TEST(the_end_of_a_body_waits_for_nothing),
		TEST(a_worker_that_goes_while_a_piece_waits_takes_it_along),
		TEST(a_worker_may_fill_a_message_and_not_go_past_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
