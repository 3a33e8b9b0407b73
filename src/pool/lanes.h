/* lanes.h - connections between routers and the runner, in the place of workers.
 *
 * A lane is made when a router wants one and leased to it like a worker: it serves one request at a time, is
 * retired when it is idle, and counts nowhere as a process.  Its end is a matter of closing it: the runner is
 * never killed for one request.  The master keeps no end of it, so that each side sees when the other is
 * gone. */
#pragma once
#include "pool/master.h"

struct lane_route {
	const char *below; /* the path of whom it is */
	unsigned methods;
};

/* Whom lanes lead to. */
struct lane_kind {
	const char *what;
	const char *function; /* its name, which no function of a registry can have */
	const struct lane_route *routes;
	size_t n_routes;
	bool (*serves)(const struct master *m, const struct pool *pool); /* lanes of it may be opened */
	struct channel *(*channel)(struct master *m);
};

static inline bool
worker_is_lane(const struct worker *w)
{
	return w->pool->lanes != NULL;
}

/* The pool of the runner's function with these values; takes nothing over. */
int lanes_pool_new(struct master *m, const struct start_runner *values, uint32_t auth, struct pool **pool,
                   struct err *e);

/* What the pool of any function with lanes has; it begins as zeros, and stays so when this fails. */
int lanes_pool_init(struct master *m, struct pool *pool, const struct lane_kind *kind, const char *path,
                    struct err *e);

/* Opens as many as are waited for. */
void lanes_serve(struct master *m, struct pool *pool);

/* Ends it after this turn; its router is told the cause, when it holds it. */
void lane_kill(struct master *m, struct worker *w, enum cause cause);
void lane_end(struct master *m, struct worker *w);
void lanes_kill_all_of(struct master *m, const struct lane_kind *kind, enum cause cause);
void lanes_kill_all(struct master *m, enum cause cause); /* the runner's */
