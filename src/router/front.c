/* front.c - a web server's connection: reading, writing, its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "router/router.h"

enum { FRONT_EVENTS = EPOLLIN | EPOLLRDHUP | EPOLLET };

void
front_enter(struct router *r, struct front *f, enum front_stage stage)
{
	TAILQ_REMOVE(&r->fronts[f->stage], f, link);
	f->stage = stage;
	f->since_us = r->now_us;
	TAILQ_INSERT_TAIL(&r->fronts[stage], f, link);
	if (stage == FRONT_IDLE)
		accept_resume(r);
}

void
front_close(struct router *r, struct front *f)
{
	struct request *q = f->request;

	if (f->stage == FRONT_CLOSED)
		return;
	front_enter(r, f, FRONT_CLOSED);
	/* Accepted here and shared with nobody, so close() alone takes it out of the event loop. */
	if (!f->is_given)
		f->source.events = 0;
	loop_forget(r, &f->source);
	r->n_fronts--;
	f->request = NULL;
	if (q)
		request_cancel(r, q);
	accept_resume(r);
}

void
front_free(struct router *r, struct front *f)
{
	if (f->is_todo)
		TAILQ_REMOVE(&r->todo_fronts, f, todo_link);
	buffers_done(r, &f->collect);
	buffers_done(r, &f->stash);
	buffers_done(r, &f->out);
	buffers_done(r, &f->out_head);
	TAILQ_INSERT_HEAD(&r->free_fronts, f, link);
}

static bool
has_output(const struct front *f)
{
	return buf_used(&f->out_head) + buf_used(&f->out) > 0;
}

void
front_discard(struct router *r, struct front *f)
{
	/* Closing while unread input remains would make the kernel reset the connection, and the web server
	 * lose the answer that it has not yet read. */
	shutdown(f->source.fd, SHUT_WR);
	buf_clear(&f->stash);
	f->is_waiting = false;
	f->ignored = 0;
	front_enter(r, f, FRONT_DISCARDING);
	if (f->is_readable)
		loop_todo_front(r, f);
}

/* All was written: for good, or until the next request. */
static void
front_finish(struct router *r, struct front *f)
{
	if (!f->is_closing) {
		front_enter(r, f, FRONT_IDLE);
		if (buf_used(&f->stash) > 0 || f->is_readable)
			loop_todo_front(r, f);
		return;
	}
	if (f->has_input_end && buf_used(&f->stash) == 0) {
		front_close(r, f);
		return;
	}
	front_discard(r, f);
}

void
front_answered(struct router *r, struct front *f)
{
	f->request = NULL;
	f->id = 0;
	if (f->stage == FRONT_CLOSED)
		return;
	f->is_closing = f->is_closing || !f->keeps || (r->is_draining && !r->is_handing_over);
	if (has_output(f))
		front_enter(r, f, FRONT_WRITING);
	else
		front_finish(r, f);
}

/* Writes what is kept: 1 all of it, 0 not yet, or -errno. */
static int
write_kept(struct front *f)
{
	while (has_output(f)) {
		struct iovec parts[2] = { { buf_head(&f->out_head), buf_used(&f->out_head) },
			                  { buf_head(&f->out), buf_used(&f->out) } };
		size_t n_head = parts[0].iov_len;
		ssize_t n = writev(f->source.fd, parts, 2);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if ((size_t)n < n_head)
			n_head = (size_t)n;
		buf_consume(&f->out_head, n_head);
		buf_consume(&f->out, (size_t)n - n_head);
	}
	return 1;
}

/* Closing at once would pull the request away from under the caller. */
static void
front_break(struct router *r, struct front *f)
{
	f->is_broken = true;
	loop_todo_front(r, f);
}

static void
keep_rest(struct router *r, struct front *f, const void *head, size_t n, struct buf *body)
{
	struct buf spare = f->out;
	int rc = 0;

	f->out_head.max = f->out.max = SIZE_MAX / 2;
	if (!has_output(f)) {
		rc = buffers_append(r, &f->out_head, head, n);
		if (body) {
			spare.max = body->max;
			f->out = *body;
			f->out.max = SIZE_MAX / 2;
			*body = spare;
		}
	} else {
		rc = buffers_append(r, &f->out, head, n);
		if (rc == 0 && body)
			rc = buffers_append(r, &f->out, buf_head(body), buf_used(body));
	}
	if (rc < 0 || loop_watch(r, &f->source, FRONT_EVENTS | EPOLLOUT) < 0)
		front_break(r, f);
}

void
front_send(struct router *r, struct front *f, const void *head, size_t n, struct buf *body)
{
	size_t n_body = body ? buf_used(body) : 0, done = 0;
	struct iovec parts[2] = { { (void *)(uintptr_t)head, n },
		                  { n_body ? buf_head(body) : NULL, n_body } };

	if (f->stage == FRONT_CLOSED || f->is_broken)
		return;
	if (!has_output(f)) {
		ssize_t rc = n_body ? writev(f->source.fd, parts, 2) : write(f->source.fd, head, n);

		if (rc < 0 && errno != EAGAIN && errno != EINTR) {
			front_break(r, f);
			return;
		}
		done = rc > 0 ? (size_t)rc : 0;
	}
	if (done == n + n_body)
		return;
	if (done > n) {
		buf_consume(body, done - n);
		done = n;
	}
	keep_rest(r, f, (const char *)head + done, n - done, n_body ? body : NULL);
}

size_t
front_room(const struct front *f)
{
	size_t n = buf_used(&f->out) + buf_used(&f->out_head);

	return n < STREAM_BUFFER_MAX ? STREAM_BUFFER_MAX - n : 0;
}

void
front_send_aside(struct router *r, struct front *f, const void *record, size_t n)
{
	f->aside = has_output(f) ? f->aside + n : n;
	if (f->aside > ASIDE_MAX)
		front_close(r, f);
	else
		front_send(r, f, record, n, NULL);
}

static void
front_flush(struct router *r, struct front *f)
{
	int rc = write_kept(f);

	if (rc < 0) {
		front_break(r, f);
		return;
	}
	if (f->stage == FRONT_WRITING) {
		/* The list is ordered by the last progress. */
		front_enter(r, f, FRONT_WRITING);
	} else if (f->request && f->request->worker && !f->request->is_asking &&
	           buf_used(&f->out) < STREAM_BUFFER_MAX / 2) {
		f->request->worker->is_paused = false;
		f->request->worker->active_us = r->now_us;
		loop_todo_worker(r, f->request->worker);
	}
	if (rc == 0)
		return;
	buffers_done(r, &f->out);
	buffers_done(r, &f->out_head);
	loop_watch(r, &f->source, FRONT_EVENTS);
	if (f->stage == FRONT_WRITING)
		front_finish(r, f);
}

/* The web server has said its last byte.  One that still waits for an answer and will send nothing more may
 * have closed only that half; one that asked to keep the connection would not have. */
static void
front_eof(struct router *r, struct front *f)
{
	f->is_readable = false;
	if (f->stage == FRONT_WRITING || (f->stage == FRONT_BUSY && !f->keeps)) {
		f->is_closing = true;
		f->has_input_end = true;
		return;
	}
	front_close(r, f);
}

static void
front_read(struct router *r, struct front *f)
{
	ssize_t n = read(f->source.fd, r->input, READ_SIZE);
	size_t used;

	if (n < 0 && errno == EINTR)
		return;
	if (n < 0 && errno == EAGAIN) {
		f->is_readable = false;
		return;
	}
	if (n < 0) {
		front_close(r, f);
		return;
	}
	if (n == 0) {
		front_eof(r, f);
		return;
	}
	/* A short read has emptied the socket; more bytes are a new event. */
	if (n < READ_SIZE && !f->has_eof)
		f->is_readable = false;
	used = front_feed(r, f, r->input, (size_t)n);
	if (f->stage != FRONT_CLOSED && used < (size_t)n &&
	    buffers_append(r, &f->stash, r->input + used, (size_t)n - used) < 0)
		front_close(r, f);
}

static void
feed_stash(struct router *r, struct front *f)
{
	size_t used = front_feed(r, f, (unsigned char *)buf_head(&f->stash), buf_used(&f->stash));

	if (f->stage == FRONT_CLOSED)
		return;
	if (used < buf_used(&f->stash))
		buf_consume(&f->stash, used);
	else
		buffers_done(r, &f->stash);
}

void
front_resume(struct router *r, struct front *f)
{
	enum { READS_MAX = 16 }; /* a turn; the rest when the others had theirs */

	if (f->is_broken) {
		front_close(r, f);
		return;
	}
	f->is_waiting = false;
	if (buf_used(&f->stash) > 0)
		feed_stash(r, f);
	for (int i = 0; f->is_readable && !f->is_waiting && f->stage != FRONT_CLOSED; i++) {
		if (i == READS_MAX) {
			loop_todo_front(r, f);
			return;
		}
		front_read(r, f);
	}
}

static void
front_ready(struct router *r, struct source *s, uint32_t events)
{
	struct front *f = CONTAINER_OF(s, struct front, source);

	/* Both halves are closed: nobody is left to be answered. */
	if (events & (EPOLLERR | EPOLLHUP)) {
		front_close(r, f);
		return;
	}
	if (events & EPOLLOUT)
		front_flush(r, f);
	if (events & EPOLLRDHUP)
		f->has_eof = true;
	if (!(events & (EPOLLIN | EPOLLRDHUP)))
		return;
	f->is_readable = true;
	if (!f->is_waiting)
		front_resume(r, f);
}

struct front *
front_new(struct router *r, int fd)
{
	struct front *f = TAILQ_FIRST(&r->free_fronts);

	if (f)
		TAILQ_REMOVE(&r->free_fronts, f, link);
	else
		f = malloc(sizeof *f);
	if (!f)
		return NULL;
	memset(f, 0, sizeof *f);
	buf_init(&f->stash, READ_SIZE);
	buf_init(&f->collect, VALUES_MAX);
	f->source = (struct source){ .fd = fd, .ready = front_ready };
	if (loop_watch(r, &f->source, FRONT_EVENTS) < 0) {
		TAILQ_INSERT_HEAD(&r->free_fronts, f, link);
		return NULL;
	}
	f->since_us = r->now_us;
	TAILQ_INSERT_TAIL(&r->fronts[FRONT_IDLE], f, link);
	r->n_fronts++;
	return f;
}

/* Of the next record not a byte was read here: what is in the socket goes with it.  0, or -EAGAIN: again when
 * the master has read. */
static int
front_give(struct router *r, struct front *f)
{
	int rc = master_give(r, f->source.fd);

	if (rc == -EAGAIN)
		return rc;
	loop_forget(r, &f->source);
	front_close(r, f);
	return 0;
}

void
fronts_give(struct router *r)
{
	struct front *f, *next;

	for (f = TAILQ_FIRST(&r->fronts[FRONT_IDLE]); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->has_record || f->n_header > 0 || buf_used(&f->stash) > 0)
			continue;
		if (front_give(r, f) < 0)
			return;
	}
}
