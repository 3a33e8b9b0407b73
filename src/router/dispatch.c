/* dispatch.c - which worker gets a request, how many it gets at once, and who waits. */
#include <string.h>

#include "router/router.h"

/* How much work may stand in front of a request by what the function's requests took: many where they take
 * microseconds, one where they are slow or have slept.  And one where a token is asked for: it may be revoked
 * while the request waits, and what lies in a worker's socket cannot be taken back.  A lane takes one at a
 * time. */
static unsigned
depth_of(const struct pool *p)
{
	uint64_t n = DEPTH_WORK_US * 1000ULL / (p->service_ns + 1);

	if (n < 1 || p->n_apart > 0 || p->function.auth != AUTH_NONE || p->function.is_run)
		return 1;
	return n < DEPTH_MAX ? (unsigned)n : DEPTH_MAX;
}

static bool
has_room(const struct router *r, const struct worker *w, unsigned depth)
{
	const struct request *first = TAILQ_FIRST(&w->in_flight), *last = TAILQ_LAST(&w->in_flight, requests);
	uint64_t max = w->pool->function.max_requests;

	return !w->is_fresh && !w->is_last && !w->is_blocked && w->n_in_flight < depth && !first->is_large &&
	       !stream_is_likely(last) && r->now_us < w->since_us + SLOW_US &&
	       (max == 0 || w->n_served < max);
}

/* Waking a process costs more than a short request: a busy worker first, the most recently used one. */
static struct worker *
choose(const struct router *r, struct pool *p, const struct request *q)
{
	struct worker *idle = TAILQ_FIRST(&p->idle), *w;
	unsigned depth = depth_of(p);

	if (depth > 1 && !q->is_large)
		TAILQ_FOREACH (w, &p->busy, link)
			if (has_room(r, w, depth))
				return w;
	return idle;
}

static void
want(struct router *r, struct pool *p, unsigned n)
{
	struct want message = { .version = p->function.version_id, .waiting = n };

	p->wanted = n;
	p->want_us = r->now_us;
	master_say(r, MSG_WANT, &message, sizeof message);
}

static void
waiting_set(struct router *r, struct pool *p, bool is_waiting)
{
	if (p->is_waiting == is_waiting)
		return;
	p->is_waiting = is_waiting;
	p->is_at_most = false;
	if (is_waiting)
		TAILQ_INSERT_TAIL(&r->waiting, p, wait_link);
	else
		TAILQ_REMOVE(&r->waiting, p, wait_link);
}

static void
queue_put(struct router *r, struct request *q, bool is_first)
{
	struct pool *p = q->pool;

	q->stage = REQUEST_QUEUED;
	if (is_first)
		TAILQ_INSERT_HEAD(&p->queue, q, link);
	else
		TAILQ_INSERT_TAIL(&p->queue, q, link);
	p->n_queued++;
	r->counters.requests_queued++;
	score_queued(r, p);
	waiting_set(r, p, true);
}

void
dispatch_forget(struct router *r, struct request *q)
{
	struct pool *p = q->pool;

	TAILQ_REMOVE(&p->queue, q, link);
	q->stage = REQUEST_READING;
	p->n_queued--;
	r->counters.requests_queued--;
	if (p->n_queued > 0)
		return;
	waiting_set(r, p, false);
	if (p->wanted > 0)
		want(r, p, 0);
}

void
dispatch_pump(struct router *r, struct pool *p)
{
	struct request *q;

	while ((q = TAILQ_FIRST(&p->queue))) {
		struct worker *w = choose(r, p, q);

		if (!w)
			return;
		dispatch_forget(r, q);
		worker_assign(r, w, q);
	}
}

void
dispatch_request(struct router *r, struct request *q)
{
	struct worker *w;

	/* One that was judged anew has waited already. */
	if (q->queued_us == 0)
		q->queued_us = r->now_us;
	/* Its version was replaced while the body came. */
	if (!q->pool->is_current && !gate_passes(r, q))
		return;
	if (!auth_holds(r, q))
		return;
	if (q->pool->function.cache_ms > 0 && cached_takes(r, q))
		return;
	w = q->pool->n_queued == 0 ? choose(r, q->pool, q) : NULL;
	if (w) {
		worker_assign(r, w, q);
		return;
	}
	if (q->pool->n_queued >= q->pool->function.queue) {
		answer_problem(r, q, CAUSE_OVERLOADED, NULL);
		return;
	}
	queue_put(r, q, false);
}

void
dispatch_again(struct router *r, struct request *q)
{
	q->stage = REQUEST_READING;
	q->worker = NULL;
	q->n_again++;
	memset(&q->sent, 0, sizeof q->sent);
	buf_clear(&q->out);
	q->out_bytes = 0;
	if (!q->front) {
		answer_failed(r, q, CAUSE_CLIENT_GONE);
		return;
	}
	if (!q->pool->is_current && !gate_passes(r, q))
		return;
	if (auth_holds(r, q))
		queue_put(r, q, true);
}

void
dispatch_refuse(struct router *r, struct pool *p, enum cause cause, unsigned retry_after_s)
{
	struct request *q;

	/* Held, or it could be freed with its last request. */
	p->n_requests++;
	p->wanted = 0;
	while ((q = TAILQ_FIRST(&p->queue))) {
		dispatch_forget(r, q);
		answer_refused(r, q, cause, retry_after_s);
	}
	p->n_requests--;
	pool_release(r, p);
}

/* Nobody will take the request soon.  The only worker of a fresh function is busy with the last request's
 * process when a client asks again at once; with a second one they take turns. */
static bool
is_short(const struct pool *p)
{
	unsigned n = p->n_workers - p->n_streams;

	return n == 0 || (n == 1 && !TAILQ_EMPTY(&p->renewing));
}

static void
review(struct router *r, struct pool *p)
{
	enum { AGAIN_US = 1000 * 1000 };
	const struct request *first = TAILQ_FIRST(&p->queue);
	uint64_t waited = r->now_us - first->queued_us, since = r->now_us - p->want_us;

	if (p->n_workers - p->n_streams >= p->function.max_workers) {
		r->counters.max_children_reached += !p->is_at_most;
		p->is_at_most = true;
		return;
	}
	if (p->wanted == 0 && (is_short(p) || waited >= WANT_WAIT_US))
		want(r, p, p->n_queued);
	else if (p->wanted > 0 && ((p->n_queued > p->wanted && since >= WANT_WAIT_US) || since >= AGAIN_US))
		want(r, p, p->n_queued);
}

void
dispatch_review(struct router *r)
{
	struct pool *p, *next;

	for (p = TAILQ_FIRST(&r->waiting); p; p = next) {
		next = TAILQ_NEXT(p, wait_link);
		dispatch_pump(r, p);
		if (p->is_waiting)
			review(r, p);
	}
}
