/* leases.c - who has which worker: routers' wants against max_workers, process.max and each other. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "pool/approvals.h"
#include "pool/lanes.h"
#include "pool/pools.h"
#include "pool/repeats.h"
#include "pool/rollout.h"
#include "pool/routers.h"
#include "pool/streams.h"
#include "pool/workers.h"

enum { RETRY_SOON_MS = 100, OVERLOADED_RETRY_S = 1 };

static void
retry_in(struct master *m, struct pool *pool, uint64_t us)
{
	uint64_t due = clock_now_us() + us;

	if (pool->retry.due_us == 0 || pool->retry.due_us > due)
		timer_arm(&m->loop, &pool->retry, us);
}

/* True when a needs a worker of the pool more than b: one with requests waiting before one without, then the
 * one with the fewest, then the one that got none for longest. */
static bool
needs_more(const struct pool *pool, const struct router *a, const struct router *b)
{
	bool a_waits = pool->waiting[a->index] > 0, b_waits = pool->waiting[b->index] > 0;
	size_t a_leases = pool_count_leases(pool, a), b_leases = pool_count_leases(pool, b);

	if (a_waits != b_waits)
		return a_waits;
	if (a_leases != b_leases)
		return a_leases < b_leases;
	return pool->leased_us[a->index] < pool->leased_us[b->index];
}

static struct router *
neediest(struct master *m, const struct pool *pool)
{
	struct router *best = NULL;

	for (size_t i = 0; i < m->n_routers; i++) {
		struct router *r = &m->routers[i];

		if (router_is_serving(r) && (!best || needs_more(pool, r, best)))
			best = r;
	}
	return best;
}

static void
lease_ready(struct master *m, struct pool *pool)
{
	struct worker *w;

	TAILQ_FOREACH (w, &pool->workers, link) {
		struct router *router;

		if (w->stage != WORKER_READY)
			continue;
		router = stream_turn(m, w) ? neediest(m, pool) : NULL;
		if (router)
			worker_lease(m, w, router);
	}
}

void
leases_refuse(struct master *m, struct pool *pool, enum cause cause)
{
	uint64_t left_s = (backoff_left(&pool->backoff, clock_now_us()) + 999999) / 1000000;
	struct start_refused refused = { .version = pool->public.version_id,
		                         .cause = cause,
		                         .retry_after_s = left_s ? (uint32_t)left_s : OVERLOADED_RETRY_S };

	if (pool_count(pool, STAGES_LIVE) > 0)
		return;
	for (size_t i = 0; i < m->n_routers; i++) {
		if (pool->waiting[i] == 0 || !router_is_serving(&m->routers[i]))
			continue;
		pool->waiting[i] = 0;
		channel_send(&m->routers[i].channel, MSG_START_REFUSED, &refused, sizeof refused, NULL, 0);
	}
}

static bool
may_give_one_up(const struct pool *pool)
{
	return pool_waiting(pool) == 0 && pool_count(pool, STAGES_LIVE) > pool->min_workers;
}

/* The worker that has been leased longest and that nobody waits for. */
static struct worker *
find_victim(struct master *m)
{
	struct worker *victim = NULL;

	for (struct node *n = table_next(&m->workers, NULL); n; n = table_next(&m->workers, n)) {
		struct worker *w = (struct worker *)n;

		if (w->stage != WORKER_LEASED || w->is_stream || worker_is_lane(w) ||
		    (victim && w->leased_us >= victim->leased_us))
			continue;
		if (may_give_one_up(w->pool))
			victim = w;
	}
	return victim;
}

static size_t
count_ending(const struct master *m)
{
	size_t n_ending = 0;

	for (struct node *n = table_next(&m->workers, NULL); n; n = table_next(&m->workers, n))
		if (((struct worker *)n)->stage >= WORKER_RETIRING && !worker_is_lane((struct worker *)n))
			n_ending++;
	return n_ending;
}

/* process.max workers run: for every pool that wants one, one of a pool that does not makes room.  False when
 * there is none. */
static bool
make_room(struct master *m)
{
	size_t n_ending = count_ending(m), n_hungry = 0;
	const struct pool *pool;

	TAILQ_FOREACH (pool, &m->hungry, hungry_link)
		n_hungry++;
	for (; n_ending < n_hungry; n_ending++) {
		struct worker *victim = find_victim(m);

		if (!victim)
			break;
		worker_retire(m, victim, NULL, m->config->drain_timeout_ms);
	}
	return n_ending > 0;
}

static void
wait_for_room(struct master *m, struct pool *pool)
{
	if (!pool->is_hungry)
		TAILQ_INSERT_TAIL(&m->hungry, pool, hungry_link);
	pool->is_hungry = true;
	if (!make_room(m))
		leases_refuse(m, pool, CAUSE_OVERLOADED);
}

void
leases_feed_hungry(struct master *m)
{
	struct pool *pool;

	while (workers_running(m) < m->config->process_max && (pool = TAILQ_FIRST(&m->hungry))) {
		TAILQ_REMOVE(&m->hungry, pool, hungry_link);
		pool->is_hungry = false;
		leases_serve(m, pool);
	}
	if (!TAILQ_EMPTY(&m->hungry))
		make_room(m);
}

static bool
start_one(struct master *m, struct pool *pool)
{
	struct err e;
	int rc = worker_start(m, pool, &e);

	if (rc == 0)
		return true;
	if (rc == -EAGAIN) {
		wait_for_room(m, pool);
		return false;
	}
	pool_say(m, pool, LOG_ERR, e.text, " cannot start: %s", e.text);
	backoff_failed_among(&pool->backoff, &m->failing, clock_now_us(), 0);
	retry_in(m, pool, RETRY_SOON_MS * UINT64_C(1000));
	leases_refuse(m, pool, CAUSE_UNAVAILABLE);
	return false;
}

static size_t
n_to_start(const struct master *m, const struct pool *pool)
{
	size_t live = pool_count(pool, STAGES_LIVE), starting = pool_count(pool, STAGE_BIT(WORKER_STARTING));
	size_t max = streams_max_workers(pool), waiting = pool_waiting(pool);
	size_t for_minimum = 0, for_waiting = 0, n;

	if (m->phase == PHASE_SERVING && live < pool->min_workers)
		for_minimum = pool->min_workers - live;
	if (waiting > starting)
		for_waiting = waiting - starting;
	n = for_minimum > for_waiting ? for_minimum : for_waiting;
	return live >= max ? 0 : n > max - live ? max - live : n;
}

static void
start_more(struct master *m, struct pool *pool)
{
	size_t n = n_to_start(m, pool);
	uint64_t left;
	struct err e;

	if (n == 0)
		return;
	if (approval_check(m, pool, &e) < 0) {
		leases_refuse(m, pool, CAUSE_UNAVAILABLE);
		return;
	}
	left = backoff_left(&pool->backoff, clock_now_us());
	if (left > 0) {
		retry_in(m, pool, left);
		if (pool->start_failure != CAUSE_NONE)
			leases_refuse(m, pool, pool->start_failure);
		return;
	}
	if (backoff_is_wary(&pool->backoff, clock_now_us()))
		n = pool_count(pool, STAGE_BIT(WORKER_STARTING)) > 0 ? 0 : 1;
	while (n-- > 0 && start_one(m, pool))
		;
}

/* A router other than r that has more of the pool's workers, or has some while r has none. */
static struct worker *
find_movable(const struct pool *pool, const struct router *r, uint64_t *hold_us)
{
	size_t own = pool_count_leases(pool, r);
	uint64_t now = clock_now_us();
	struct worker *w;

	TAILQ_FOREACH (w, &pool->workers, link) {
		size_t theirs;

		if (w->stage == WORKER_MOVING)
			return NULL; /* one at a time */
		if (w->stage != WORKER_LEASED || w->router == r || w->is_stream)
			continue;
		theirs = pool_count_leases(pool, w->router);
		if (own > 0 && theirs <= own + 1)
			continue;
		if (now < w->leased_us + LEASE_HOLD_MS * UINT64_C(1000)) {
			*hold_us = w->leased_us + LEASE_HOLD_MS * UINT64_C(1000) - now;
			continue;
		}
		return w;
	}
	return NULL;
}

/* All workers that may run do, at other routers: one moves after its requests in flight. */
static void
move_lease(struct master *m, struct pool *pool)
{
	struct router *r = neediest(m, pool);
	struct worker *w;
	uint64_t hold_us = 0;

	if (!r || pool->waiting[r->index] == 0 || pool_count(pool, STAGES_LIVE) < streams_max_workers(pool) ||
	    pool_count(pool, STAGE_BIT(WORKER_STARTING)) > 0)
		return;
	w = find_movable(pool, r, &hold_us);
	if (w)
		worker_retire(m, w, r, 0);
	else if (hold_us > 0)
		retry_in(m, pool, hold_us);
}

void
leases_serve(struct master *m, struct pool *pool)
{
	if (!pool_is_serving(pool) || m->phase == PHASE_STOPPED)
		return;
	if (pool->lanes) {
		lanes_serve(m, pool);
		return;
	}
	lease_ready(m, pool);
	start_more(m, pool);
	if (m->n_routers > 1)
		move_lease(m, pool);
}

/* To the router that it was taken for, or whoever needs it most now. */
static void
finish_move(struct master *m, struct worker *w)
{
	struct router *next = w->next_router;

	w->stage = WORKER_READY;
	w->router = w->next_router = NULL;
	if (next && router_is_serving(next))
		worker_lease(m, w, next);
	/* Others may have begun to wait meanwhile. */
	leases_serve(m, w->pool);
}

/* After a stream, which was not its last request: one of pm.max_children again, if they are not all there. */
static bool
may_serve_on(const struct worker *w)
{
	return w->stage == WORKER_LEASED && !worker_is_lane(w) && pool_is_serving(w->pool) &&
	       pool_count(w->pool, STAGES_LIVE) <= streams_max_workers(w->pool);
}

void
leases_stream_ended(struct master *m, struct worker *w, uint32_t n_served)
{
	w->is_stream = false;
	w->n_served = n_served;
	if (!may_serve_on(w)) {
		leases_released(m, w);
		return;
	}
	w->stage = WORKER_READY;
	w->router = NULL;
	leases_serve(m, w->pool);
}

void
leases_released(struct master *m, struct worker *w)
{
	struct pool *pool = w->pool;
	bool had_stream = w->is_stream;

	w->is_stream = false;
	if (w->stage == WORKER_ENDING)
		return; /* killed meanwhile */
	/* A worker whose stream was told to end takes no further request. */
	if (w->stage == WORKER_MOVING && pool_is_serving(pool) && !had_stream) {
		finish_move(m, w);
		return;
	}
	worker_end(m, w);
	leases_serve(m, pool);
}

void
leases_idle(struct master *m, struct worker *w)
{
	struct pool *pool = w->pool;

	if (w->stage != WORKER_LEASED)
		return;
	if (pool_count(pool, STAGES_LIVE) > pool->min_workers)
		worker_retire(m, w, NULL, m->config->drain_timeout_ms);
}

void
leases_want(struct master *m, struct router *router, const struct want *want)
{
	struct pool *pool = pool_find(m, want->version);

	/* Of an older snapshot: the router moves its queue when it reads the new one. */
	if (!pool || !pool_is_serving(pool))
		return;
	pool->waiting[router->index] = want->waiting;
	if (want->waiting > 0)
		leases_serve(m, pool);
}

void
leases_router_serves(struct master *m)
{
	for (struct node *n = table_next(&m->pools, NULL); n; n = table_next(&m->pools, n))
		lease_ready(m, (struct pool *)n);
}

void
leases_router_gone(struct master *m, struct router *router)
{
	struct node *n;

	for (n = table_next(&m->workers, NULL); n; n = table_next(&m->workers, n)) {
		struct worker *w = (struct worker *)n;

		if (w->next_router == router)
			w->next_router = NULL;
		if (w->router != router)
			continue;
		/* Whether it has a request is not known any more. */
		w->router = NULL;
		w->is_stopping = true;
		worker_kill(m, w, CAUSE_UNAVAILABLE);
	}
	for (n = table_next(&m->pools, NULL); n; n = table_next(&m->pools, n))
		((struct pool *)n)->waiting[router->index] = 0;
}
