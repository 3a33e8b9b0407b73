/* workers.h - one worker: started, leased, retired, ended. */
#pragma once
#include "pool/master.h"

/* -EAGAIN: process.max run.  The pool's back-off is the caller's business. */
int worker_start(struct master *m, struct pool *pool, struct err *e);

/* The two ends of its requests and of its output, in this order.  0 or -errno with none of them open. */
int worker_channels(int mine[2], int theirs[2], struct err *e);

/* One that is in no stage yet; NULL: no memory.  And its end, when nothing of it runs. */
struct worker *worker_new(struct master *m, struct pool *pool, struct err *e);
void worker_free(struct master *m, struct worker *w);

/* Processes: lanes are none. */
static inline size_t
workers_running(const struct master *m)
{
	return m->workers.n - m->n_lanes;
}

struct worker *worker_find(const struct master *m, uint32_t id);

/* What the spawner says; listener is -1 or taken over. */
void worker_became_ready(struct master *m, struct worker *w, const struct process_ready *ready, int listener);
void worker_has_ended(struct master *m, struct worker *w, const struct process_ended *ended);

/* What its router says of a request's process, in fresh mode. */
void worker_request_failed(struct master *m, struct worker *w, const struct request_failed *failed);

void worker_lease(struct master *m, struct worker *w, struct router *router);

/* No new request; then next gets the lease, or with NULL the worker ends, killed after limit_ms (0: no
 * limit). */
void worker_retire(struct master *m, struct worker *w, struct router *next, uint64_t limit_ms);

/* Closes its requests: it ends by itself, or is killed after END_TIMEOUT_MS. */
void worker_end(struct master *m, struct worker *w);
void worker_kill(struct master *m, struct worker *w, enum cause cause);

/* leases.c: who has which worker. */

/* Starts, leases and moves what the pool's requests and its least number of workers ask for. */
void leases_serve(struct master *m, struct pool *pool);
void leases_released(struct master *m, struct worker *w);
/* The same after a stream, when it may serve on. */
void leases_stream_ended(struct master *m, struct worker *w, uint32_t n_served);
void leases_idle(struct master *m, struct worker *w);
void leases_want(struct master *m, struct router *router, const struct want *want);
void leases_router_serves(struct master *m);
void leases_router_gone(struct master *m, struct router *router);
/* A start failed for good: routers that wait and have no other worker are told. */
void leases_refuse(struct master *m, struct pool *pool, enum cause cause);
/* A worker ended: pools that wait for room may start. */
void leases_feed_hungry(struct master *m);
