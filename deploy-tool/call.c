/* call.c - one request to a worker of our own, as a router makes it. */
#include "deploy-tool/call.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/macros.h"

enum {
	GONE_MS = 1000,       /* from the end of its connection to the word about its end */
	FINISH_MS = 6 * 1000, /* from the end of its requests: cfn_fini has 5 s */
	KILL_MS = 5 * 1000,
};

static void
take_stream(void *context, const struct http_answer_head *head)
{
	const struct call_sink *sink = ((struct call *)context)->sink;

	sink->exchange.stream(sink->exchange.context, head);
}

static void
take_body(void *context, const char *p, size_t n)
{
	struct call *c = context;

	c->active_us = clock_now_us();
	c->sink->exchange.body(c->sink->exchange.context, p, n);
}

static void
take_log(void *context, const char *p, size_t n)
{
	const struct call_sink *sink = ((struct call *)context)->sink;

	sink->exchange.log(sink->exchange.context, p, n);
}

void
call_init(struct call *c, struct instance *in, const struct call_sink *sink)
{
	uint16_t id;

	*c = (struct call){ .instance = in, .sink = sink, .own = { c, take_stream, take_body, take_log } };
	do
		random_bytes(&id, sizeof id);
	while (id == 0); /* 0 is no request's */
	exchange_init(&c->exchange, id, in->output_max, &c->own);
}

void
call_set_request(struct call *c, const struct buf *params, const struct buf *body, bool drops_body)
{
	struct exchange *x = &c->exchange;

	x->drops_body = drops_body;
	x->request.params[0].p = buf_head(params);
	x->request.params[0].n = buf_used(params);
	x->request.body = buf_head(body);
	x->request.n_body = buf_used(body);
}

void
call_done(struct call *c)
{
	exchange_done(&c->exchange);
}

/* ---- what it prints ---- */

/* Bounded: what it prints without end must not keep its answer waiting. */
void
call_read_output(struct call *c)
{
	enum { READS_MAX = 16 };
	struct instance *in = c->instance;
	char bytes[4096];

	for (int i = 0; i < READS_MAX && in->output >= 0; i++) {
		ssize_t n = read(in->output, bytes, sizeof bytes);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0)
			c->sink->output(c->sink->exchange.context, bytes, (size_t)n);
		else
			fd_close(&in->output);
	}
}

void
call_read_last_output(struct call *c)
{
	uint64_t end = clock_now_us() + GONE_MS * UINT64_C(1000);

	while (c->instance->output >= 0 && clock_now_us() < end) {
		struct pollfd p = { .fd = c->instance->output, .events = POLLIN };

		if (poll(&p, 1, GONE_MS) <= 0)
			break;
		call_read_output(c);
	}
}

/* ---- the exchange ---- */

static void
send_messages(struct call *c)
{
	unsigned char message[FCGI_MESSAGE_MAX];
	struct exchange *x = &c->exchange;

	while (!x->sent.is_done) {
		struct fcgi_progress next;
		size_t n = fcgi_request_message(&x->request, &x->sent, message, &next);

		if (send(c->instance->requests, message, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			/* It takes no more; what it has said is still read. */
			x->sent.is_done = errno != EAGAIN && errno != EINTR;
			return;
		}
		x->sent = next;
	}
}

/* Bytes alone: without room for control data the kernel drops descriptors that a worker may try to pass. */
static void
receive_messages(struct call *c)
{
	enum { MESSAGES_MAX = 16 };
	unsigned char message[FCGI_MESSAGE_MAX];

	for (int i = 0; i < MESSAGES_MAX && c->cause == CAUSE_NONE && !c->exchange.is_over; i++) {
		struct iovec part = { message, sizeof message };
		struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };
		ssize_t n = recvmsg(c->instance->requests, &h, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		c->is_closed = n <= 0;
		if (c->is_closed)
			return;
		c->cause = h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)
		               ? CAUSE_BAD_RESPONSE
		               : exchange_message(&c->exchange, message, (size_t)n);
	}
}

/* Milliseconds until its wall time is over, or the patience with a stream; 0: it is. */
static int
time_left(const struct call *c)
{
	bool is_stream = c->exchange.is_stream;
	uint64_t since = is_stream ? c->active_us : c->begun_us;
	uint64_t limit_ms = is_stream ? c->instance->stream_idle_ms : c->instance->wall_ms;
	uint64_t end = since + limit_ms * 1000, now = clock_now_us();

	return now < end ? (int)((end - now + 999) / 1000) : 0;
}

static bool
goes_on(const struct call *c)
{
	return c->cause == CAUSE_NONE && !c->exchange.is_over && !c->is_closed &&
	       !c->sink->is_unwanted(c->sink->exchange.context);
}

void
call_run(struct call *c)
{
	struct instance *in = c->instance;

	fd_set_blocking(in->output, 0);
	c->begun_us = c->active_us = clock_now_us();
	send_messages(c);
	while (goes_on(c)) {
		struct pollfd polled[] = {
			{ in->requests, (short)(POLLIN | (c->exchange.sent.is_done ? 0 : POLLOUT)), 0 },
			{ in->output, POLLIN, 0 },
		};
		int left = time_left(c);

		if (left == 0) {
			c->cause = CAUSE_WALL_TIME_LIMIT;
			break;
		}
		if (poll(polled, ARRAY_SIZE(polled), left) <= 0)
			continue;
		if (polled[0].revents & POLLOUT)
			send_messages(c);
		if (polled[0].revents & (POLLIN | POLLHUP | POLLERR))
			receive_messages(c);
		if (polled[1].revents)
			call_read_output(c);
	}
	c->done_us = clock_now_us();
}

/* ---- its end ---- */

/* While its output is read: a worker that waits to write does not end. */
static int
await_end(struct call *c, int timeout_ms)
{
	uint64_t end = clock_now_us() + (uint64_t)timeout_ms * 1000, now;
	struct err e;

	while ((now = clock_now_us()) < end) {
		struct pollfd polled[] = { { instance_channel(c->instance), POLLIN, 0 },
			                   { c->instance->output, POLLIN, 0 } };

		if (poll(polled, ARRAY_SIZE(polled), (int)((end - now) / 1000) + 1) <= 0)
			continue;
		if (polled[1].revents)
			call_read_output(c);
		if (polled[0].revents)
			return instance_await_end(c->instance, KILL_MS, &e);
	}
	return -ETIMEDOUT;
}

/* An answer that is whole is good whatever comes after it. */
void
call_finish(struct call *c)
{
	bool is_over = c->exchange.is_over;
	int rc = -ETIMEDOUT;

	fd_close(&c->instance->requests);
	if (is_over || c->is_closed)
		rc = await_end(c, is_over ? FINISH_MS : GONE_MS);
	if (rc == -ETIMEDOUT) {
		instance_stop(c->instance);
		await_end(c, KILL_MS);
	}
	call_read_last_output(c);
}
