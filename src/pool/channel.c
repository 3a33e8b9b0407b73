/* channel.c - the master's end of a channel: a queue before a socket that never blocks. */
#include "pool/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"

struct channel_message {
	TAILQ_ENTRY(channel_message) link;
	uint32_t type;
	size_t length, n_fds;
	int fds[MESSAGE_FDS_MAX]; /* own copies */
	unsigned char body[];
};

static void
message_free(struct channel_message *q)
{
	for (size_t i = 0; i < q->n_fds; i++)
		fd_close(&q->fds[i]);
	free(q);
}

static struct channel_message *
message_new(uint32_t type, const void *body, size_t length, const int *fds, size_t n_fds)
{
	struct channel_message *q = malloc(sizeof *q + length);

	if (!q)
		return NULL;
	*q = (struct channel_message){ .type = type, .length = length };
	if (length > 0)
		memcpy(q->body, body, length);
	for (; q->n_fds < n_fds; q->n_fds++) {
		q->fds[q->n_fds] = fcntl(fds[q->n_fds], F_DUPFD_CLOEXEC, 3);
		if (q->fds[q->n_fds] < 0) {
			message_free(q);
			return NULL;
		}
	}
	return q;
}

/* The end is told from the loop, not from within channel_send: its caller may hold what on_end frees.  A
 * socket that was shut down is readable, whatever its peer does. */
static void
break_later(struct channel *c)
{
	c->is_broken = true;
	shutdown(c->watch.fd, SHUT_RDWR);
}

static void
queue_message(struct channel *c, struct channel_message *q)
{
	struct err e;

	if (!q || c->n_queued >= CHANNEL_QUEUE_MAX) {
		if (q)
			message_free(q);
		break_later(c);
		return;
	}
	TAILQ_INSERT_TAIL(&c->queue, q, link);
	if (c->n_queued++ == 0)
		loop_watch(c->loop, &c->watch, EPOLLIN | EPOLLOUT, &e);
}

void
channel_send(struct channel *c, uint32_t type, const void *body, size_t length, const int *fds, size_t n_fds)
{
	struct err e;
	int rc;

	if (c->watch.fd < 0 || c->is_broken)
		return;
	rc = c->n_queued > 0 ? -EAGAIN : message_send(c->watch.fd, type, body, length, fds, n_fds, &e);
	if (rc == -EAGAIN)
		queue_message(c, message_new(type, body, length, fds, n_fds));
	else if (rc < 0)
		break_later(c);
}

static int
flush_queue(struct channel *c, struct err *e)
{
	struct channel_message *q;

	while ((q = TAILQ_FIRST(&c->queue))) {
		int rc = message_send(c->watch.fd, q->type, q->body, q->length, q->fds, q->n_fds, e);

		if (rc == -EAGAIN)
			return 0;
		if (rc < 0)
			return rc;
		TAILQ_REMOVE(&c->queue, q, link);
		c->n_queued--;
		message_free(q);
	}
	return loop_watch(c->loop, &c->watch, EPOLLIN, e);
}

static void
receive_one(struct channel *c, struct master *m)
{
	static struct message message; /* large; the master has one thread and no handler receives another */
	struct err e;
	int rc = message_receive(c->watch.fd, &message, &e);

	if (rc == -EAGAIN)
		return;
	if (rc == 0)
		err_set(&e, -EPIPE, "closed its channel");
	if (rc <= 0) {
		c->on_end(m, c->owner, &e);
		return;
	}
	c->on_message(m, c->owner, &message);
	message_done(&message);
}

static void
serve(void *context, void *owner, uint32_t events)
{
	struct master *m = context;
	struct channel *c = owner;
	struct err e;

	if (c->is_broken) {
		err_set(&e, -EPIPE, "does not read its channel");
		c->on_end(m, c->owner, &e);
		return;
	}
	if (events & EPOLLOUT && flush_queue(c, &e) < 0) {
		c->on_end(m, c->owner, &e);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive_one(c, m);
}

int
channel_open(struct channel *c, struct loop *loop, int sock, struct err *e)
{
	int rc = fd_set_blocking(sock, 0);

	TAILQ_INIT(&c->queue);
	c->n_queued = 0;
	c->is_broken = false;
	c->loop = loop;
	c->watch = (struct watch){ .fd = sock, .serve = serve, .owner = c };
	if (rc < 0)
		return err_set(e, -rc, "channel");
	return loop_watch(loop, &c->watch, EPOLLIN, e);
}

void
channel_close(struct channel *c)
{
	struct channel_message *q;

	if (c->watch.fd < 0)
		return;
	while ((q = TAILQ_FIRST(&c->queue))) {
		TAILQ_REMOVE(&c->queue, q, link);
		message_free(q);
	}
	c->n_queued = 0;
	loop_forget(c->loop, &c->watch);
	fd_close(&c->watch.fd);
}

void
channel_finish(struct channel *c, int timeout_ms)
{
	uint64_t end_us = clock_now_us() + (uint64_t)timeout_ms * 1000;
	struct err e;

	while (c->watch.fd >= 0 && c->n_queued > 0 && !c->is_broken && clock_now_us() < end_us) {
		struct pollfd p = { .fd = c->watch.fd, .events = POLLOUT };

		if (poll(&p, 1, timeout_ms) > 0 && flush_queue(c, &e) < 0)
			break;
	}
	channel_close(c);
}
