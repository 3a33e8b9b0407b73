/* rollout.h - from the registry to the routers: what is active is read, started where it has to be,
 * published. */
#pragma once
#include "pool/master.h"

/* NULL: none of this name is served or wanted. */
struct function *function_find(const struct master *m, const char *name);

/* Reads all active versions and publishes what may be.  On failure everything stays as it was. */
int rollout_load(struct master *m, struct err *e);

/* A worker of the pool is ready, or could not be started, or may be tried again: if the pool waits to be
 * published, this decides. */
void rollout_is_ready(struct master *m, struct pool *pool);
void rollout_has_failed(struct master *m, struct pool *pool, const char *reason);
void rollout_retry(struct master *m, struct pool *pool);

/* Something of what is published has changed: a snapshot is made after this turn of the loop. */
void rollout_publish_soon(struct master *m);

/* Functions whose wanted version is not serving yet. */
size_t rollout_n_pending(const struct master *m);

/* For cfn-pool -t: reads it all and builds a snapshot, starts nothing. */
int rollout_test(struct master *m, struct err *e);

void rollout_init(struct master *m);
