/* exchange.c - messages to and from a worker, several with one call.
 *
 * Nothing but bytes comes in: without room for control data the kernel drops descriptors that a worker may
 * try to pass, and says so. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "router/router.h"

enum { OUTGOING_MAX = SLOTS + DEPTH_MAX };

/* What is ready to leave: where each request will be when its message has left. */
struct outgoing {
	size_t n_messages, n;
	struct {
		struct request *request;
		struct fcgi_progress next;
		size_t message;
	} rows[OUTGOING_MAX];
};

static void
vector_set(struct router *r, struct mmsghdr *vector, size_t i, size_t n)
{
	r->slot_parts[i] = (struct iovec){ r->slots[i], n };
	vector[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &r->slot_parts[i], .msg_iovlen = 1 } };
}

/* ---- to the worker ---- */

static struct fcgi_request
view(const struct router *r, const struct request *q)
{
	const struct buf *params = q->is_shared ? &q->shared : &q->params;

	return (struct fcgi_request){ .id = q->dispatch,
		                      .is_complete = q->is_complete,
		                      .tells_memory = r->tells_memory,
		                      .params = { { buf_head(params), buf_used(params) },
		                                  { buf_head(&q->extra), buf_used(&q->extra) } },
		                      .body = buf_head(&q->body),
		                      .n_body = buf_used(&q->body) };
}

static void
outgoing_add(struct outgoing *out, struct request *q, const struct fcgi_progress *next)
{
	out->rows[out->n].request = q;
	out->rows[out->n].next = *next;
	out->rows[out->n++].message = out->n_messages;
}

/* Behind a request that begins and ends in this message, others that do: one message for all of them is one
 * wake-up and one read. The last that is in it; *size grows. */
static struct request *
add_whole(struct router *r, struct request *q, struct outgoing *out, size_t *size)
{
	struct request *next;

	while ((next = TAILQ_NEXT(q, link)) && out->n < OUTGOING_MAX && !next->sent.has_begun) {
		const struct fcgi_request whole = view(r, next);
		struct fcgi_progress done;
		size_t n = fcgi_request_size(&whole);

		if (n == 0 || n > FCGI_MESSAGE_MAX - *size)
			break;
		*size += fcgi_request_message(&whole, &next->sent, r->slots[out->n_messages] + *size, &done);
		outgoing_add(out, next, &done);
		q = next;
	}
	return q;
}

/* Messages into the slots, from where the first request that is not sent is. */
static void
gather(struct router *r, const struct worker *w, struct mmsghdr *vector, struct outgoing *out)
{
	struct request *q = w->unsent;
	struct fcgi_progress at = q->sent;

	out->n = out->n_messages = 0;
	while (out->n_messages < SLOTS && out->n < OUTGOING_MAX && q) {
		struct fcgi_progress next;
		const struct fcgi_request whole = view(r, q);
		size_t size = fcgi_request_message(&whole, &at, r->slots[out->n_messages], &next);

		if (size == 0 && !at.is_done)
			break;
		if (size > 0) {
			outgoing_add(out, q, &next);
			if (next.is_done && !at.has_begun)
				q = add_whole(r, q, out, &size);
			vector_set(r, vector, out->n_messages++, size);
			at = out->rows[out->n - 1].next;
			continue;
		}
		q = TAILQ_NEXT(q, link);
		if (q)
			at = q->sent;
	}
}

/* What was sent of a large body is gone, and its client may send more. */
static void
advance(struct router *r, struct request *q, const struct fcgi_progress *next)
{
	q->sent = *next;
	if (!q->is_large)
		return;
	if (next->body > 0) {
		buf_consume(&q->body, next->body);
		q->sent.body = 0;
		q->worker->active_us = r->now_us;
	}
	if (q->front && q->front->is_waiting)
		loop_todo_front(r, q->front);
}

static void
advance_all(struct router *r, struct worker *w, const struct outgoing *out, size_t n_sent)
{
	size_t n = 0;

	while (n < out->n && out->rows[n].message < n_sent)
		n++;
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || out->rows[i].request != out->rows[i + 1].request)
			advance(r, out->rows[i].request, &out->rows[i].next);
	while (w->unsent && w->unsent->sent.is_done)
		w->unsent = TAILQ_NEXT(w->unsent, link);
}

/* The number that was sent; what could not be sent has its reason noted. */
static size_t
send_vector(struct router *r, struct worker *w, struct mmsghdr *vector, size_t n)
{
	int sent = sendmmsg(w->requests.fd, vector, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0 || errno == EINTR)
		return sent > 0 ? (size_t)sent : 0;
	if (errno == EAGAIN) {
		w->is_blocked = true;
		loop_watch(r, &w->requests, WORKER_EVENTS | EPOLLOUT);
		return 0;
	}
	/* It takes no more.  What it has answered is read first; then its end shows. */
	worker_spoil(w);
	w->is_cut = true;
	w->is_readable = true;
	return 0;
}

void
exchange_send(struct router *r, struct worker *w)
{
	struct mmsghdr vector[SLOTS];
	struct outgoing out;

	while (w->unsent && !w->is_blocked && !w->is_cut) {
		gather(r, w, vector, &out);
		if (out.n == 0)
			return;
		advance_all(r, w, &out, send_vector(r, w, vector, out.n_messages));
	}
}

bool
exchange_abort(struct router *r, const struct request *q)
{
	struct mmsghdr vector[1];

	vector_set(r, vector, 0, fcgi_abort_message(q->dispatch, r->slots[0]));
	return send_vector(r, q->worker, vector, 1) == 1;
}

/* ---- from the worker ---- */

static enum cause
message_judge(struct router *r, struct worker *w, const struct mmsghdr *m, size_t i, unsigned *n_ended)
{
	/* Longer than a message may be, or with descriptors. */
	if (m->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return CAUSE_BAD_RESPONSE;
	return back_message(r, w, r->slots[i], m->msg_len, n_ended);
}

/* One for each answer, and some of a long one; more are for the next look.  A stream's client may be slow:
 * what was taken from the worker has to wait here, which is bounded but for the last message. */
static unsigned
messages_wanted(const struct worker *w)
{
	enum { OF_A_LONG_ONE = 3 };
	const struct request *first = TAILQ_FIRST(&w->in_flight);
	unsigned n = w->n_in_flight + OF_A_LONG_ONE;

	if (first && first->is_stream && first->front)
		n = 1 + (unsigned)(front_room(first->front) / FCGI_MESSAGE_MAX);
	return n < SLOTS ? n : SLOTS;
}

/* The number of messages; 0: none now, -1: the end. */
static int
receive_vector(struct router *r, struct worker *w, struct mmsghdr *vector)
{
	unsigned want = messages_wanted(w);
	int n;

	for (size_t i = 0; i < want; i++)
		vector_set(r, vector, i, sizeof r->slots[i]);
	/* A worker that went with something unread: said once, in front of what it has answered. */
	do
		n = recvmmsg(w->requests.fd, vector, want, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == ECONNRESET);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		w->is_readable = errno == EINTR;
		return 0;
	}
	/* Fewer than there was room for: the socket is empty, and more is a new event. */
	if (n > 0 && (unsigned)n < want)
		w->is_readable = false;
	return n > 0 ? n : -1;
}

void
exchange_receive(struct router *r, struct worker *w, unsigned *n_ended)
{
	struct mmsghdr vector[SLOTS];
	int n = receive_vector(r, w, vector);

	/* Nothing is said on a request's socket before its process has said that it has it. */
	if (w->is_fresh && n > 0 && vector[0].msg_len > 0 && (!fresh_hello(w) || !w->has_hello)) {
		worker_kill_all(r, w, CAUSE_BAD_RESPONSE);
		return;
	}
	if (n < 0)
		worker_closed(r, w);
	for (int i = 0; i < n; i++) {
		enum cause cause;

		/* No message is empty: that is how the end of the connection looks. */
		if (vector[i].msg_len == 0) {
			worker_closed(r, w);
			return;
		}
		cause = message_judge(r, w, &vector[i], (size_t)i, n_ended);
		if (cause != CAUSE_NONE) {
			worker_kill(r, w, cause);
			return;
		}
	}
}
