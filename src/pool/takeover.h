/* takeover.h - an upgrade without a gap: a new pool takes the listening socket of one that runs, and when it
 * is ready tells that one to stop gracefully. */
#pragma once
#include <jansson.h>

#include <stdbool.h>

#include "base/err.h"

struct master;
struct control_connection;

struct takeover {
	int sock, process; /* to the pool that runs, and its pidfd, until this one is ready; -1: none */
};

/* The new pool: the listening socket of the pool of this registry that has our address; without one, of the
 * only pool.  1: m->listener is it; 0: no such pool runs; -errno: it cannot be had. */
int takeover_listener(struct master *m, struct err *e);

/* The new pool is ready: tells the old one, waiting for nothing. */
void takeover_finish(struct master *m);

/* Whether a pool before this one may still be there: what two may not do at once waits for runner_follow,
 * which is called when the last one has ended. */
bool takeover_is_shared(const struct master *m);

/* The old pool's answers, for root and its own user alone. */
void takeover_serve_listener(struct master *m, struct control_connection *c, const json_t *question, int fd);
void takeover_serve_drain(struct master *m, struct control_connection *c, const json_t *question, int fd);
