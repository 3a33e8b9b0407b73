/* deadline.c - time limits: looked at on ticks, so that they cost a request nothing. */
#include "base/clock.h"
#include "router/pages.h"

/* How long a connection may stay in a stage without progress, and what happens then; CAUSE_NONE: closed. */
static const struct {
	unsigned ms; /* 0: for ever */
	enum cause cause;
} front_limits[FRONT_STAGES] = {
	[FRONT_PARAMS] = { PARAMS_WAIT_MS, CAUSE_REQUEST_TIMEOUT },
	[FRONT_BODY] = { BODY_WAIT_MS, CAUSE_REQUEST_TIMEOUT },
	[FRONT_WRITING] = { WRITE_WAIT_MS, CAUSE_NONE },
	[FRONT_DISCARDING] = { DISCARD_WAIT_MS, CAUSE_NONE },
};

static bool
is_past(const struct router *r, uint64_t since_us, uint64_t ms)
{
	return r->now_us - since_us > ms * 1000;
}

static void
front_expire(struct router *r, struct front *f)
{
	struct request *q = f->request;
	enum cause cause = front_limits[f->stage].cause;

	if (!q || cause == CAUSE_NONE) {
		front_close(r, f);
		return;
	}
	if (q->id[0] == '\0')
		request_name(r, q, (struct span){ 0 });
	/* The rest of a request that came too slowly is not worth waiting for. */
	f->keeps = false;
	answer_problem(r, q, cause, NULL);
}

static bool
is_held_back(const struct router *r, const struct front *f)
{
	/* The client of a large body is not late while its worker does not read. */
	return f->is_waiting && f->request && f->request->worker &&
	       !is_past(r, f->request->begun_us, BODY_TOTAL_MS);
}

static void
fronts_check(struct router *r)
{
	for (size_t i = 0; i < FRONT_STAGES; i++) {
		struct front *f = TAILQ_FIRST(&r->fronts[i]), *next;

		if (front_limits[i].ms == 0)
			continue;
		for (; f && is_past(r, f->since_us, front_limits[i].ms); f = next) {
			next = TAILQ_NEXT(f, link);
			if (!is_held_back(r, f))
				front_expire(r, f);
		}
	}
}

static void
queues_check(struct router *r)
{
	struct pool *p, *next;

	for (p = TAILQ_FIRST(&r->waiting); p; p = next) {
		struct request *q;

		next = TAILQ_NEXT(p, wait_link);
		p->n_requests++;
		while ((q = TAILQ_FIRST(&p->queue)) && is_past(r, q->queued_us, QUEUE_WAIT_MS)) {
			dispatch_forget(r, q);
			answer_problem(r, q, CAUSE_UNAVAILABLE, NULL);
		}
		p->n_requests--;
		pool_release(r, p);
	}
}

/* Which limit the first request of a worker is over. */
static enum cause
wall_check(const struct router *r, const struct worker *w, const struct request *q)
{
	const struct snapshot_function *f = &w->pool->function;

	if (q->is_stream && !q->is_aborted)
		return is_past(r, w->active_us, f->stream_idle_ms) ? CAUSE_WALL_TIME_LIMIT : CAUSE_NONE;
	/* A worker that waits for the rest of a large body is not slow; a client that is has its own limit.
	 */
	if (q->is_large && !q->is_complete && !q->is_aborted) {
		if (is_past(r, w->since_us, BODY_TOTAL_MS))
			return CAUSE_REQUEST_TIMEOUT;
		if (buf_used(&q->body) == 0)
			return CAUSE_NONE;
		return is_past(r, w->active_us, f->wall_ms) ? CAUSE_WALL_TIME_LIMIT : CAUSE_NONE;
	}
	if (q->is_large && !q->is_aborted)
		return is_past(r, w->active_us, f->wall_ms) ? CAUSE_WALL_TIME_LIMIT : CAUSE_NONE;
	return is_past(r, w->since_us, f->wall_ms) ? CAUSE_WALL_TIME_LIMIT : CAUSE_NONE;
}

/* The CPU time when the request began, where it was not read then: what was used since the last look, but no
 * more than the time that has passed. */
static int64_t
cpu_start(const struct router *r, const struct worker *w, int64_t cpu)
{
	int64_t passed = (int64_t)(r->now_us - w->since_us);
	int64_t used = w->cpu_last_us >= 0 ? cpu - w->cpu_last_us : passed;

	return cpu - (used < passed ? used : passed);
}

/* Streams and who waits for a body have nothing behind them.  A tick that comes late says that processors are
 * short: then the worker may well wait for one. */
static bool
is_asleep(const struct router *r, const struct worker *w, int64_t cpu)
{
	const struct request *q = TAILQ_FIRST(&w->in_flight);

	return !r->is_late && !w->is_fresh && !q->is_large && !q->is_stream &&
	       is_past(r, w->since_us, TICK_MS) && w->cpu_last_us >= 0 &&
	       cpu - w->cpu_last_us < ASLEEP_CPU_US;
}

static enum cause
cpu_check(const struct router *r, struct worker *w)
{
	int64_t cpu = worker_cpu_us(w);

	if (cpu < 0)
		return CAUSE_NONE;
	if (is_asleep(r, w, cpu))
		service_slept(w->pool);
	if (w->cpu_start_us < 0)
		w->cpu_start_us = cpu_start(r, w, cpu);
	w->cpu_last_us = cpu;
	return cpu - w->cpu_start_us > w->pool->function.cpu_ms * 1000LL ? CAUSE_CPU_TIME_LIMIT : CAUSE_NONE;
}

/* A stream, or who waits for a body, is measured from the last byte on. */
static bool
is_slow(const struct router *r, const struct worker *w, const struct request *q)
{
	uint64_t since_us = q->is_stream || q->is_large ? w->active_us : w->since_us;
	uint32_t ms = w->pool->function.slow_ms;

	return ms > 0 && !q->is_slow_said && is_past(r, since_us, ms);
}

static void
busy_check(struct router *r, struct worker *w)
{
	const struct request *q = TAILQ_FIRST(&w->in_flight);
	enum cause cause = wall_check(r, w, q);

	if (w->is_fresh && !fresh_hello(w)) {
		worker_kill_all(r, w, CAUSE_BAD_RESPONSE);
		return;
	}
	if (cause == CAUSE_NONE && stream_holds_others(r, w))
		cause = CAUSE_UNAVAILABLE;
	if (cause == CAUSE_NONE)
		cause = cpu_check(r, w);
	if (cause == CAUSE_NONE && is_slow(r, w, q))
		failure_slow(r, w, TAILQ_FIRST(&w->in_flight));
	if (cause == CAUSE_WALL_TIME_LIMIT || cause == CAUSE_CPU_TIME_LIMIT)
		failure_look(r, w);
	if (cause != CAUSE_NONE)
		worker_kill(r, w, cause);
}

/* The master kills those that were reported; here the client's patience is what counts. */
static void
gone_check(struct router *r, struct worker *w)
{
	if (!w->is_overrun && is_past(r, w->since_us, HANG_UP_WAIT_MS))
		worker_hang_up(r, w);
	if (w->n_in_flight > 0 && is_past(r, w->since_us, ENDING_WAIT_MS))
		worker_kill(r, w, CAUSE_CRASH);
}

static void
idle_check(struct router *r, struct worker *w)
{
	int64_t cpu = worker_idle_cpu_us(w);

	if (cpu >= 0 && w->cpu_last_us >= 0 && cpu - w->cpu_last_us > IDLE_CPU_MAX_US) {
		worker_kill(r, w, CAUSE_CPU_TIME_LIMIT);
		return;
	}
	w->cpu_last_us = cpu;
	denied_log(r, w->pool, NULL, &w->denials);
	if (w->is_idle_said || !is_past(r, w->since_us, w->pool->function.idle_timeout_ms))
		return;
	w->is_idle_said = true;
	master_say(r, MSG_IDLE, &(struct process_ref){ w->id }, sizeof(struct process_ref));
}

static void
workers_check(struct router *r, bool is_slow_tick)
{
	struct worker *w, *next;

	for (w = TAILQ_FIRST(&r->workers); w; w = next) {
		next = TAILQ_NEXT(w, all_link);
		if (w->stage == WORKER_BUSY)
			busy_check(r, w);
		else if (w->stage == WORKER_RENEWING)
			fresh_check(r, w);
		else if (w->stage == WORKER_GONE)
			gone_check(r, w);
		else if (w->stage == WORKER_IDLE && is_slow_tick)
			idle_check(r, w);
	}
}

void
deadline_check(struct router *r)
{
	bool is_slow_tick = r->now_us >= r->slow_tick_us;

	if (r->now_us < r->tick_us)
		return;
	r->is_late = r->now_us - r->tick_us > TICK_LATE_US;
	r->tick_us = r->now_us + TICK_MS * 1000;
	if (is_slow_tick)
		r->slow_tick_us = r->now_us + SLOW_TICK_MS * 1000;
	if (r->accept_again_us > 0 && r->now_us >= r->accept_again_us)
		accept_resume(r);
	fronts_check(r);
	queues_check(r);
	cached_check(r);
	workers_check(r, is_slow_tick);
	denied_check(r);
	pages_check(r);
	plain_check(r);
}

static bool
needs_ticks(const struct router *r)
{
	if (r->counters.requests_active > 0 || r->accept_again_us > 0 || r->n_renewing > 0 ||
	    r->n_plain > 0 || !TAILQ_EMPTY(&r->gone) || !TAILQ_EMPTY(&r->denied))
		return true;
	if (buf_used(&r->access.buf) + buf_used(&r->function.buf) > 0)
		return true;
	for (size_t i = 0; i < FRONT_STAGES; i++)
		if (front_limits[i].ms > 0 && !TAILQ_EMPTY(&r->fronts[i]))
			return true;
	return false;
}

static int
until(const struct router *r, uint64_t due_us)
{
	return due_us <= r->now_us ? 0 : (int)((due_us - r->now_us + 999) / 1000);
}

int
deadline_timeout_ms(const struct router *r)
{
	if (!TAILQ_EMPTY(&r->todo_fronts) || !TAILQ_EMPTY(&r->todo_workers) || !TAILQ_EMPTY(&r->released))
		return 0;
	if (!TAILQ_EMPTY(&r->held_workers))
		return HOLD_US / 1000;
	if (!TAILQ_EMPTY(&r->waiting))
		return WANT_WAIT_US / 1000;
	if (needs_ticks(r))
		return until(r, r->tick_us);
	return TAILQ_EMPTY(&r->workers) ? -1 : until(r, r->slow_tick_us);
}
