/* streams.c - answers that leave piece by piece: when they may, how they travel, and how their workers hear
 * of an end.
 *
 * A stream of unknown length may stay open for hours.  So it is the master who says whether there may be one
 * more, and until he has said so the worker is not read and its answer waits, so that the client can still
 * get a 503. A worker with a stream is not one of pm.max_children from then on; when the stream is over it
 * goes back to the master, who gives it to whoever needs it.
 *
 * A worker hears of an end by its socket alone, which it may watch while it serves: the writing half is shut,
 * and a record ABORT_REQUEST before that says that its client has gone. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "router/answer.h"

/* ---- the pieces ---- */

/* The worker waits while its client is slow. */
static void
press_back(struct request *q)
{
	if (front_room(q->front) == 0)
		q->worker->is_paused = true;
}

enum cause
stream_send(struct router *r, struct request *q, unsigned char *p, size_t n)
{
	q->worker->active_us = r->now_us;
	if (q->drops_body || n == 0)
		return CAUSE_NONE;
	if (q->stream_left >= 0) {
		if (n > (uint64_t)q->stream_left)
			return CAUSE_BAD_RESPONSE;
		q->stream_left -= (int64_t)n;
	}
	/* Its own header lay there. */
	p -= FCGI_HEADER_SIZE;
	record_put(p, FCGI_STDOUT, q->front->id, n);
	front_send(r, q->front, p, FCGI_HEADER_SIZE + n, NULL);
	q->answered_bytes += n;
	press_back(q);
	return CAUSE_NONE;
}

enum cause
stream_start(struct router *r, struct request *q, const struct http_answer_head *head)
{
	struct text t = { (char *)r->scratch + FCGI_HEADER_SIZE, 0 };
	size_t at = FCGI_HEADER_SIZE + head->size;
	enum cause cause = session_make(r, q, head);

	if (cause != CAUSE_NONE)
		return cause;
	q->is_stream = true;
	q->status = head->status;
	q->drops_body = q->is_head || head->status == 204 || head->status == 304;
	q->stream_left = q->drops_body ? -1 : head->content_length;
	answer_head_put(&t, r, q, head, head->content_length);
	text_line(&t, "X-Accel-Buffering: no\r\n\r\n");
	record_put(r->scratch, FCGI_STDOUT, q->front->id, t.n);
	front_send(r, q->front, r->scratch, FCGI_HEADER_SIZE + t.n, NULL);
	while (cause == CAUSE_NONE && at < q->out.end) {
		size_t end = at - at % SEGMENT_SIZE + SEGMENT_SIZE;

		end = end < q->out.end ? end : q->out.end;
		cause = stream_send(r, q, (unsigned char *)q->out.data + at, end - at);
		at = end + FCGI_HEADER_SIZE;
	}
	buffers_release(r, &q->out);
	return cause;
}

/* ---- whether it may begin ---- */

static bool
is_known(const struct pool *p, uint32_t route)
{
	return route < STREAM_ROUTES && (p->stream_routes[route / 8] & 1 << route % 8);
}

bool
stream_is_likely(const struct request *q)
{
	return is_known(q->pool, q->route);
}

static void
learn(struct pool *p, uint32_t route)
{
	if (route < STREAM_ROUTES)
		p->stream_routes[route / 8] |= (unsigned char)(1 << route % 8);
}

void
stream_ask(struct router *r, struct request *q)
{
	struct worker *w = q->worker;

	learn(q->pool, q->route);
	q->is_asking = true;
	w->is_paused = true;
	w->has_asked = true;
	master_say(r, MSG_STREAM, &(struct process_ref){ w->id }, sizeof(struct process_ref));
}

static void
begin(struct router *r, struct worker *w, struct request *q)
{
	struct http_answer_head head;
	enum cause cause = CAUSE_BAD_RESPONSE;

	w->is_stream = true;
	w->pool->n_streams++;
	r->counters.streams_active++;
	/* Requests that wait behind it in the worker were not to be: it is asked to end soon. */
	if (w->is_retiring || r->is_draining || w->n_in_flight > 1)
		stream_tell(r, w);
	if (answer_head_read(q, &head) == 1)
		cause = stream_start(r, q, &head);
	if (cause != CAUSE_NONE)
		worker_kill(r, w, cause);
	else
		loop_todo_worker(r, w);
}

void
stream_answered(struct router *r, const struct stream_answer *answer)
{
	struct worker *w = worker_find(r, answer->worker);
	struct request *q = w ? TAILQ_FIRST(&w->in_flight) : NULL;

	/* Meanwhile it was answered, cancelled, or its worker is gone. */
	if (!q || !q->is_asking || w->stage != WORKER_BUSY)
		return;
	q->is_asking = false;
	w->is_paused = false;
	if (answer->is_granted)
		begin(r, w, q);
	else
		answer_refused(r, q, CAUSE_OVERLOADED, STREAM_RETRY_S);
}

void
stream_is_over(struct router *r, struct worker *w)
{
	if (!w->is_stream)
		return;
	w->is_stream = false;
	w->pool->n_streams--;
	r->counters.streams_active--;
}

/* ---- how its worker hears of an end ---- */

/* Only behind all that is to be sent: the rest of a request could not follow. */
void
stream_tell_now(struct worker *w)
{
	if (w->is_told || w->unsent || w->is_blocked || w->requests.fd < 0)
		return;
	w->is_told = true;
	shutdown(w->requests.fd, SHUT_WR);
}

/* Those behind it that it has not seen go to other workers. */
static void
give_back_unsent(struct router *r, struct worker *w)
{
	struct request *q;

	while ((q = TAILQ_LAST(&w->in_flight, requests)) && q != TAILQ_FIRST(&w->in_flight) &&
	       !q->sent.has_begun)
		worker_give_back(r, w, q);
}

void
stream_tell(struct router *r, struct worker *w)
{
	worker_spoil(w);
	w->is_to_be_told = true;
	give_back_unsent(r, w);
	stream_tell_now(w);
}

void
stream_tell_all(struct router *r)
{
	struct worker *w, *next;

	for (w = TAILQ_FIRST(&r->workers); w; w = next) {
		next = TAILQ_NEXT(w, all_link);
		if (w->is_stream && w->stage == WORKER_BUSY)
			stream_tell(r, w);
	}
}

/* Who was put behind a stream before it was known to be one waits no longer than this for its end. */
bool
stream_holds_others(const struct router *r, const struct worker *w)
{
	const struct request *first = TAILQ_FIRST(&w->in_flight), *second = TAILQ_NEXT(first, link);

	return first->is_stream && second && r->now_us - second->dispatched_us > BEHIND_STREAM_MS * 1000ULL;
}
