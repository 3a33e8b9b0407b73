/* lanes.h - connections between routers and the runner, in the place of workers.
 *
 * A lane is made when a router wants one and leased to it like a worker: it serves one request at a time, is
 * retired when it is idle, and counts nowhere as a process.  Its end is a matter of closing it: the runner is
 * never killed for one request.  The master keeps no end of it, so that each side sees when the other is
 * gone. */
#pragma once
#include "pool/master.h"

static inline bool
worker_is_lane(const struct worker *w)
{
	return w->pool->runner != NULL;
}

/* The pool of the runner's function with these values; takes nothing over. */
int lanes_pool_new(struct master *m, const struct start_runner *values, uint32_t auth, struct pool **pool,
                   struct err *e);

/* Opens as many as are waited for. */
void lanes_serve(struct master *m, struct pool *pool);

/* Ends it after this turn; its router is told the cause, when it holds it. */
void lane_kill(struct master *m, struct worker *w, enum cause cause);
void lane_end(struct master *m, struct worker *w);
void lanes_kill_all(struct master *m, enum cause cause);
