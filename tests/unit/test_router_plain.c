/* test_router_plain.c - the metrics' own address: requests, their bounds, clients that wait or leave. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "router_rig.h"

enum {
	ANSWER_MAX = 16 * 1024,
	CLIENT_WAIT_US = 5000 * 1000, /* for a whole request */
	MASTER_WAIT_US = 2000 * 1000, /* for a page of the master's */
};

static int
setup(void **state)
{
	struct rig *g = rig_new(false);

	if (!g)
		return -1;
	rig_plain(g);
	strcpy(g->router.start.ping_response, "pong");
	*state = g;
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* What has come, and whether nothing more will. */
struct got {
	char text[ANSWER_MAX];
	bool is_closed;
};

static const struct got *
got(int fd)
{
	static struct got g;
	size_t used = 0;
	ssize_t n;

	while ((n = recv(fd, g.text + used, sizeof g.text - 1 - used, 0)) > 0)
		used += (size_t)n;
	g.text[used] = '\0';
	/* Reset: something of the request was never read. */
	g.is_closed = n == 0 || (n < 0 && errno == ECONNRESET);
	return &g;
}

static int
status_of(const struct got *g)
{
	return strncmp(g->text, "HTTP/1.1 ", 9) == 0 ? atoi(g->text + 9) : 0;
}

static int
client(struct rig *g, const char *request)
{
	int fd = rig_connect(g);

	rig_send(g, fd, request, strlen(request));
	return fd;
}

static void
expect_answer(struct rig *g, const char *request, int status, const char *end)
{
	int fd = client(g, request);
	const struct got *answer = got(fd);
	size_t n = strlen(answer->text);

	assert_int_equal(status_of(answer), status);
	assert_true(answer->is_closed);
	assert_true(n >= strlen(end));
	assert_string_equal(answer->text + n - strlen(end), end);
	close(fd);
}

static void
a_request_line_is_taken_as_it_is_meant_or_refused(void **state)
{
	static const struct {
		const char *line;
		int status;
		const char *end;
	} cases[] = {
		{ "GET /ping HTTP/1.1", 200, "\r\n\r\npong" },
		{ "GET /ping HTTP/1.0", 200, "pong" },
		{ "GET /ping?x=/healthz HTTP/1.1", 200, "pong" },
		{ "GET /healthz HTTP/1.1", 200, "ok\n" },
		{ "HEAD /ping HTTP/1.1", 200, "close\r\n\r\n" },
		{ "POST /ping HTTP/1.1", 405, "Method Not Allowed" },
		{ "get /ping HTTP/1.1", 405, "Method Not Allowed" },
		{ "GET /pin HTTP/1.1", 404, "Not Found" },
		{ "GET /ping/ HTTP/1.1", 404, "Not Found" },
		{ "GET /../ping HTTP/1.1", 404, "Not Found" },
		{ "GET / HTTP/1.1", 404, "Not Found" },
		{ "GET ping HTTP/1.1", 400, "Bad Request" },
		{ "GET http://a/ping HTTP/1.1", 400, "Bad Request" },
		{ "GET /ping", 400, "Bad Request" },
		{ "GET  /ping HTTP/1.1", 400, "Bad Request" },
		{ "GET /ping HTTP/2.0", 400, "Bad Request" },
		{ "GET /ping HTTP/1.10", 400, "Bad Request" },
		{ "GET /ping x HTTP/1.1", 400, "Bad Request" },
		{ " GET /ping HTTP/1.1", 400, "Bad Request" },
		{ "GET", 400, "Bad Request" },
		{ "GET ", 400, "Bad Request" },
		{ "", 400, "Bad Request" },
	};
	char request[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof request, "%s\r\nHost: a\r\n\r\n", cases[i].line);
		expect_answer(*state, request, cases[i].status, cases[i].end);
	}
}

static void
a_nul_in_the_head_is_refused(void **state)
{
	static const char request[] = "GET /ping HTTP/1.1\r\nHost: \0a\r\n\r\n";
	int fd = rig_connect(*state);

	rig_send(*state, fd, request, sizeof request - 1);
	assert_int_equal(status_of(got(fd)), 400);
	close(fd);
}

/* A whole request of n bytes: the path, or with many fields these, make it so long. */
static char *
request_of(size_t n, bool has_fields)
{
	static const char end[] = " HTTP/1.1\r\n\r\n", field[] = "X: y\r\n";
	struct buf b;

	buf_init(&b, 2 * n);
	buf_printf(&b, "GET /ping?%s", has_fields ? " HTTP/1.1\r\n" : "");
	while (has_fields && buf_used(&b) + 2 * sizeof field + 8 < n)
		buf_printf(&b, "%s", field);
	if (has_fields)
		buf_printf(&b, "Y: ");
	while (buf_used(&b) + (has_fields ? 4 : sizeof end - 1) < n)
		buf_append(&b, "z", 1);
	buf_printf(&b, "%s", has_fields ? "\r\n\r\n" : end);
	buf_append(&b, "", 1);
	return buf_head(&b);
}

static void
a_head_at_its_limit_is_answered_and_one_past_it_is_not(void **state)
{
	for (int i = 0; i < 4; i++) {
		bool is_past = i & 1;
		char *request = request_of(PLAIN_HEAD_MAX + is_past, i & 2);

		assert_int_equal(strlen(request), PLAIN_HEAD_MAX + is_past);
		expect_answer(*state, request, is_past ? 431 : 200,
		              is_past ? "Request Header Fields Too Large" : "pong");
		free(request);
	}
}

static void
a_request_that_comes_byte_by_byte_is_answered(void **state)
{
	static const char request[] = "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd = rig_connect(*state);

	for (size_t i = 0; i + 1 < sizeof request; i++) {
		assert_string_equal(got(fd)->text, "");
		rig_send(*state, fd, request + i, 1);
	}
	assert_int_equal(status_of(got(fd)), 200);
	close(fd);
}

static void
of_two_requests_in_a_packet_one_is_answered(void **state)
{
	int fd = client(*state, "GET /ping HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n");
	const struct got *answer = got(fd);

	assert_int_equal(status_of(answer), 200);
	assert_non_null(strstr(answer->text, "Connection: close\r\n"));
	assert_null(strstr(answer->text + 1, "HTTP/1.1"));
	assert_true(answer->is_closed);
	close(fd);
}

/* As if all clients had been there for longer than one is waited for. */
static void
clients_age(struct rig *g)
{
	for (size_t i = 0; i < PLAINS_MAX; i++)
		g->router.plains[i].since_us -= CLIENT_WAIT_US + 1000;
}

static void
a_client_that_never_finishes_is_let_go_whatever_it_dribbles(void **state)
{
	struct rig *g = *state;
	int silent = rig_connect(g), slow = client(g, "GET /ping HTTP/1.1\r\n");

	rig_tick(g);
	assert_false(got(silent)->is_closed);
	clients_age(g);
	rig_send(g, slow, "X", 1);
	rig_tick(g);
	assert_true(got(silent)->is_closed);
	assert_true(got(slow)->is_closed);
	assert_int_equal(g->router.n_plain, 0);
	close(silent);
	close(slow);
}

static void
one_client_more_than_there_are_places_takes_the_oldest_ones(void **state)
{
	struct rig *g = *state;
	int fds[PLAINS_MAX];

	for (size_t i = 0; i < PLAINS_MAX; i++)
		fds[i] = rig_connect(g);
	g->router.plains[7].since_us -= CLIENT_WAIT_US / 2;
	expect_answer(g, "GET /ping HTTP/1.1\r\n\r\n", 200, "pong");
	for (size_t i = 0; i < PLAINS_MAX; i++) {
		assert_int_equal(got(fds[i])->is_closed, i == 7);
		close(fds[i]);
	}
}

static void
a_page_is_asked_for_once_whoever_wants_it_and_kept_for_a_moment(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
	struct rig *g = *state;
	int first = client(g, request), second = client(g, request);
	const struct rig_message *asked = rig_said(g, MSG_ASK_PAGE);

	assert_non_null(asked);
	assert_int_equal(asked->page.page, PAGE_PROMETHEUS);
	assert_null(rig_said(g, MSG_ASK_PAGE));
	assert_string_equal(got(first)->text, "");
	rig_page(g, PAGE_PROMETHEUS, 200, "cfn_ready 1\n");
	assert_non_null(strstr(got(first)->text, "text/plain; version=0.0.4"));
	assert_non_null(strstr(got(second)->text, "\r\n\r\ncfn_ready 1\n"));
	expect_answer(g, request, 200, "cfn_ready 1\n");
	assert_null(rig_said(g, MSG_ASK_PAGE));
	close(first);
	close(second);
}

static void
which_page_is_meant_is_in_the_query_and_in_what_is_accepted(void **state)
{
	static const struct {
		const char *path, *field;
		enum page page;
	} cases[] = {
		{ "/metrics", "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1",
		  PAGE_OPENMETRICS },
		{ "/metrics", "accept: Application/OpenMetrics-Text", PAGE_OPENMETRICS },
		{ "/metrics?json", "Accept: */*", PAGE_PROMETHEUS },
		{ "/status", "Accept: */*", PAGE_STATUS },
		{ "/status?full", "Accept: */*", PAGE_STATUS_FULL },
		{ "/status?json&full", "Accept: */*", PAGE_STATUS_FULL_JSON },
		{ "/status?xjson", "Accept: */*", PAGE_STATUS },
		{ "/readyz", "Accept: */*", PAGE_READYZ },
	};
	struct rig *g = *state;
	char request[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct rig_message *asked;
		int fd;

		/* None is kept, and nobody has asked. */
		for (size_t page = 0; page < PAGES; page++)
			g->router.pages[page].asked_us = g->router.pages[page].taken_us = 0;
		snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n%s\r\n\r\n", cases[i].path,
		         cases[i].field);
		fd = client(g, request);
		asked = rig_said(g, MSG_ASK_PAGE);
		assert_non_null(asked);
		assert_int_equal(asked->page.page, cases[i].page);
		close(fd);
		rig_run(g);
	}
}

static void
a_master_that_is_late_is_a_503_and_his_page_is_the_next_ones(void **state)
{
	static const char request[] = "GET /readyz HTTP/1.1\r\n\r\n";
	struct rig *g = *state;
	int fd = client(g, request);

	g->router.pages[PAGE_READYZ].asked_us -= MASTER_WAIT_US + 1000;
	rig_tick(g);
	assert_int_equal(status_of(got(fd)), 503);
	close(fd);
	rig_page(g, PAGE_READYZ, 200, "registry: ok\n");
	expect_answer(g, request, 200, "registry: ok\n");
}

static void
a_page_of_nobody_any_more_is_no_harm(void **state)
{
	struct rig *g = *state;
	int fd = client(g, "GET /status HTTP/1.1\r\n\r\n");

	close(fd);
	rig_run(g);
	assert_int_equal(g->router.n_plain, 0);
	rig_page(g, PAGE_STATUS, 200, "pool: x\n");
	assert_int_equal(g->router.n_plain, 0);
	expect_answer(g, "GET /status HTTP/1.1\r\n\r\n", 200, "pool: x\n");
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(a_request_line_is_taken_as_it_is_meant_or_refused),
		PLAIN(a_nul_in_the_head_is_refused),
		PLAIN(a_head_at_its_limit_is_answered_and_one_past_it_is_not),
		PLAIN(a_request_that_comes_byte_by_byte_is_answered),
		PLAIN(of_two_requests_in_a_packet_one_is_answered),
		PLAIN(a_client_that_never_finishes_is_let_go_whatever_it_dribbles),
		PLAIN(one_client_more_than_there_are_places_takes_the_oldest_ones),
		PLAIN(a_page_is_asked_for_once_whoever_wants_it_and_kept_for_a_moment),
		PLAIN(which_page_is_meant_is_in_the_query_and_in_what_is_accepted),
		PLAIN(a_master_that_is_late_is_a_503_and_his_page_is_the_next_ones),
		PLAIN(a_page_of_nobody_any_more_is_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
