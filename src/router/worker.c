/* worker.c - a leased worker: requests to it, what comes from it, its end. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "router/router.h"

enum {
	MEASURE_BATCH = 16,
	MEASURE_NS = 500 * 1000, /* requests that take longer have their CPU time read at start and end */
};

/* ---- requests to the worker ---- */

/* 0 would be our own; a lane and a request that nobody has taken have none. */
static int64_t
clock_of(pid_t pid)
{
	return pid > 0 ? clock_cpu_us(pid) : -1;
}

int64_t
worker_cpu_us(const struct worker *w)
{
	return clock_of(w->is_fresh ? w->child : w->pid);
}

int64_t
worker_idle_cpu_us(const struct worker *w)
{
	return clock_of(w->pid);
}

static void
clock_start(struct router *r, struct worker *w)
{
	w->since_us = w->active_us = r->now_us;
	if (!w->is_fresh)
		w->cpu_start_us = w->pool->service_ns > MEASURE_NS ? clock_of(w->pid) : -1;
}

void
worker_assign(struct router *r, struct worker *w, struct request *q)
{
	q->stage = REQUEST_SENT;
	q->worker = w;
	q->dispatched_us = r->now_us;
	/* 0 is no request's id. */
	do
		request_random(r, &q->dispatch, sizeof q->dispatch);
	while (q->dispatch == 0);
	TAILQ_INSERT_TAIL(&w->in_flight, q, link);
	w->n_in_flight++;
	w->n_served++;
	w->is_idle_said = false;
	if (w->stage == WORKER_IDLE) {
		worker_enter(r, w, WORKER_BUSY);
		clock_start(r, w);
	}
	if (!w->unsent)
		w->unsent = q;
	loop_todo_worker(r, w);
}

static void
detach(struct worker *w, struct request *q)
{
	if (w->unsent == q)
		w->unsent = TAILQ_NEXT(q, link);
	TAILQ_REMOVE(&w->in_flight, q, link);
	w->n_in_flight--;
	q->stage = REQUEST_ENDING;
	q->worker = NULL;
}

bool
worker_withdraw(struct router *r, struct request *q)
{
	struct worker *w = q->worker;

	if (q->stage != REQUEST_SENT || q->sent.has_begun || (w->is_fresh && w->requests.fd >= 0))
		return false;
	detach(w, q);
	w->n_served--;
	if (w->n_in_flight == 0)
		worker_enter(r, w, WORKER_IDLE);
	return true;
}

/* Another's rest comes first: a record in the middle of it would break that one off. */
static bool
has_room_for_abort(const struct worker *w, const struct request *q)
{
	bool is_within = w->unsent && w->unsent != q && w->unsent->sent.has_begun;

	return !is_within && !w->is_blocked && !w->is_cut && !w->is_told;
}

/* Once each, as soon as there is room. */
static void
say_aborts(struct router *r, struct worker *w)
{
	struct request *q;

	TAILQ_FOREACH (q, &w->in_flight, link)
		if (q->is_aborted && !q->is_abort_said && q->sent.has_begun && has_room_for_abort(w, q))
			q->is_abort_said = exchange_abort(r, q);
}

void
worker_abort(struct router *r, struct request *q)
{
	struct worker *w = q->worker;

	if (q->is_aborted || w->stage >= WORKER_RENEWING)
		return;
	q->is_aborted = true;
	q->is_asking = false;
	worker_spoil(w);
	w->is_paused = false;
	w->since_us = w->active_us = r->now_us; /* the wall limit from now */
	say_aborts(r, w);
	if (w->unsent == q)
		w->unsent = TAILQ_NEXT(q, link);
	/* It does not look at a record before the handler returns. */
	if (w->has_asked && q == TAILQ_FIRST(&w->in_flight))
		stream_tell(r, w);
	loop_todo_worker(r, w);
}

/* ---- the end of a worker ---- */

void
worker_spoil(struct worker *w)
{
	/* In fresh mode the next request has another socket. */
	w->is_last |= !w->is_fresh;
}

/* In fresh mode it lies in a socket that nobody may have taken; but what was sent of a large body is not here
 * any more. */
bool
worker_has_begun(const struct worker *w, const struct request *q)
{
	return q->sent.has_begun && (!w->is_fresh || w->has_hello || q->is_large || q->n_again >= AGAIN_MAX);
}

void
worker_give_back(struct router *r, struct worker *w, struct request *q)
{
	detach(w, q);
	dispatch_again(r, q);
}

/* No byte goes to it or comes from it any more.  Those behind the first were not begun: others serve them. */
static void
give_up(struct router *r, struct worker *w)
{
	struct request *first = TAILQ_FIRST(&w->in_flight), *q;

	/* Whether the first has begun may be unread still. */
	if (w->is_fresh)
		fresh_hello(w);
	worker_close_descriptors(r, w);
	worker_enter(r, w, WORKER_GONE);
	w->unsent = NULL;
	while ((q = TAILQ_LAST(&w->in_flight, requests)) && (q != first || !worker_has_begun(w, q)))
		worker_give_back(r, w, q);
	if (q)
		q->stage = REQUEST_ENDING;
}

static void
overrun(struct router *r, struct worker *w, enum cause cause)
{
	struct overrun message = { .worker = w->id, .cause = cause };

	if (w->is_overrun)
		return;
	w->is_overrun = true;
	master_say(r, MSG_OVERRUN, &message, sizeof message);
}

/* The culprit is the first that was not answered. */
void
worker_blame(struct router *r, struct worker *w, enum cause cause)
{
	struct request *q = TAILQ_FIRST(&w->in_flight);

	if (!q)
		return;
	if (w->cpu_start_us >= 0 && q->cpu_us < 0 && w->cpu_last_us >= w->cpu_start_us)
		q->cpu_us = w->cpu_last_us - w->cpu_start_us;
	failure_note(r, w, q, cause);
	detach(w, q);
	answer_failed(r, q, cause);
}

void
worker_kill_all(struct router *r, struct worker *w, enum cause cause)
{
	/* Begun or not, it is this request's fault. */
	w->has_hello = true;
	if (w->stage < WORKER_GONE)
		give_up(r, w);
	overrun(r, w, cause);
	worker_blame(r, w, cause);
}

void
worker_kill(struct router *r, struct worker *w, enum cause cause)
{
	if (!w->is_fresh || !fresh_stop(r, w, cause))
		worker_kill_all(r, w, cause);
}

void
worker_lose(struct router *r, struct worker *w)
{
	if (w->stage < WORKER_GONE)
		give_up(r, w);
	overrun(r, w, CAUSE_UNAVAILABLE);
}

void
worker_hang_up(struct router *r, struct worker *w)
{
	overrun(r, w, CAUSE_CRASH);
}

/* Its last answers may still be in the socket; nothing more goes in. */
static void
last_words(struct router *r, struct worker *w)
{
	w->unsent = NULL;
	w->is_paused = false;
	w->is_readable = true;
	worker_resume(r, w);
}

void
worker_vanished(struct router *r, struct worker *w)
{
	last_words(r, w);
	if (w->stage < WORKER_GONE)
		give_up(r, w);
}

void
worker_ended(struct router *r, struct worker *w, const struct worker_ended *how)
{
	enum cause cause;
	struct request *q;

	last_words(r, w);
	if (w->stage == WORKER_FREED)
		return;
	pool_learn_memory(w->pool, &how->ending);
	if (w->stage < WORKER_GONE)
		give_up(r, w);
	q = TAILQ_FIRST(&w->in_flight);
	if (q)
		q->ending = how->ending;
	cause = how->cause == CAUSE_NONE || how->cause >= CAUSE_COUNT ? CAUSE_CRASH : how->cause;
	worker_blame(r, w, cause);
	failure_tell(r, w, cause, &how->ending);
	worker_leave(r, w);
}

void
worker_retire(struct router *r, struct worker *w)
{
	w->is_last = w->is_retiring = true;
	if (w->is_stream)
		stream_tell(r, w);
	if (w->stage == WORKER_IDLE)
		worker_release(r, w);
}

/* ---- what comes from the worker ---- */

/* Where each request has its CPU time read, that is what counts (score_request). */
static void
measured(const struct worker *w, uint64_t us)
{
	if (w->cpu_start_us < 0)
		score_cpu(w->pool, us, w->n_unmeasured);
	service_learn_cpu(w->pool, us, w->n_unmeasured);
}

/* A look at the clock for every request would be dear where they are fast, and exact where they are slow. */
static void
measure_cpu(struct worker *w, unsigned n_ended)
{
	int64_t cpu;

	w->n_unmeasured += n_ended;
	if (w->n_unmeasured < MEASURE_BATCH && w->pool->service_ns < MEASURE_NS)
		return;
	cpu = clock_of(w->pid);
	if (w->cpu_mark_us >= 0 && cpu >= w->cpu_mark_us)
		measured(w, (uint64_t)(cpu - w->cpu_mark_us));
	w->cpu_mark_us = cpu;
	w->n_unmeasured = 0;
}

void
worker_renewing(struct router *r, struct worker *w)
{
	worker_enter(r, w, WORKER_RENEWING);
}

void
worker_renewed(struct router *r, struct worker *w)
{
	uint64_t max = w->pool->function.max_requests;

	if (w->is_last || (max > 0 && w->n_served >= max)) {
		worker_release(r, w);
		return;
	}
	if (w->has_asked) {
		worker_give_up_lease(r, w);
		return;
	}
	w->has_hello = false;
	worker_enter(r, w, WORKER_IDLE);
	w->cpu_last_us = -1;
	dispatch_pump(r, w->pool);
}

/* After one or more answers: the next request is its first now, or it is idle, or it may go. */
static void
settle(struct router *r, struct worker *w, unsigned n_ended)
{
	service_learn_wall(w->pool, r->now_us - w->since_us, n_ended);
	measure_cpu(w, n_ended);
	if (w->n_in_flight > 0) {
		clock_start(r, w);
		dispatch_pump(r, w->pool);
	} else if (w->is_fresh) {
		fresh_answered(r, w);
	} else {
		worker_renewed(r, w);
	}
}

/* The worker has closed its end.  After an aborted request it does so and then waits for ours, which
 * the master holds too: that is no crash, and its lease is over.  Else its end, or its kill, will tell. */
void
worker_closed(struct router *r, struct worker *w)
{
	struct request *q = TAILQ_FIRST(&w->in_flight);

	if (w->is_fresh) {
		fresh_closed(r, w);
		return;
	}
	if (!w->is_last || (q && (!q->is_aborted || TAILQ_NEXT(q, link)))) {
		give_up(r, w);
		return;
	}
	worker_blame(r, w, CAUSE_CLIENT_GONE);
	worker_release(r, w);
}

void
worker_resume(struct router *r, struct worker *w)
{
	enum { ROUNDS_MAX = 4 }; /* a turn; the rest when the others had theirs */
	unsigned n_ended = 0;

	if (w->stage >= WORKER_RENEWING)
		return;
	if (w->is_fresh && w->requests.fd < 0 && (w->n_in_flight == 0 || !fresh_begin(r, w)))
		return;
	exchange_send(r, w);
	say_aborts(r, w);
	if (w->is_to_be_told)
		stream_tell_now(w);
	for (int i = 0; i < ROUNDS_MAX && w->is_readable && !w->is_paused && w->stage < WORKER_RENEWING; i++)
		exchange_receive(r, w, &n_ended);
	if (w->stage < WORKER_RENEWING && n_ended > 0)
		settle(r, w, n_ended);
	/* What follows is about a socket that a fresh worker has left with its answer. */
	if (w->stage >= WORKER_RENEWING || w->is_paused || (w->is_fresh && n_ended > 0))
		return;
	if (w->is_cut)
		worker_kill(r, w, CAUSE_BAD_RESPONSE);
	else if (w->is_readable)
		loop_todo_worker(r, w);
	else if (w->is_fresh && w->stage == WORKER_BUSY && w->has_ended)
		fresh_closed(r, w); /* it is gone, whoever else holds its socket */
}

void
worker_ready(struct router *r, struct source *s, uint32_t events)
{
	struct worker *w = CONTAINER_OF(s, struct worker, requests);

	if (events & EPOLLOUT && w->is_blocked) {
		w->is_blocked = false;
		loop_watch(r, &w->requests, WORKER_EVENTS);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		w->is_readable = true;
	/* Behind what all connections of this turn have to say: one message takes it to the worker. */
	loop_todo_worker(r, w);
}
