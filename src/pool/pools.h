/* pools.h - the workers of one version, as a whole. */
#pragma once
#include "pool/master.h"

/* A pool of a version under the configuration, in no table yet. */
int pool_new(struct master *m, const struct registry_version *v, struct pool **pool, struct err *e);
void pool_free(struct master *m, struct pool *pool);

int pool_insert(struct master *m, struct pool *pool, struct err *e);
struct pool *pool_find(const struct master *m, uint64_t version);

/* True when workers of one are as good as those of the other. */
bool pool_is_same(const struct pool *a, const struct pool *b);

/* Takes over what fresh (of the same version) says, frees fresh, and retires workers that were started with
 * other limits. */
void pool_update(struct master *m, struct pool *pool, struct pool *fresh);

bool pool_is_serving(const struct pool *pool);
bool pool_is_wanted(const struct pool *pool); /* by the registry, but not serving yet */

/* How many of its workers are in one of these stages; those that are leased and in a stream count apart. */
#define STAGE_BIT(stage) (1U << (stage))
#define STAGES_READY     (STAGE_BIT(WORKER_READY) | STAGE_BIT(WORKER_LEASED) | STAGE_BIT(WORKER_MOVING))
#define STAGES_LIVE      (STAGES_READY | STAGE_BIT(WORKER_STARTING))
size_t pool_count(const struct pool *pool, unsigned stages);
size_t pool_count_streams(const struct pool *pool); /* whatever their stage */
size_t pool_count_leases(const struct pool *pool, const struct router *router);
uint32_t pool_waiting(const struct pool *pool);

/* Ends all its workers as gently as drain_timeout allows. */
void pool_drain(struct master *m, struct pool *pool);
void pool_replace(struct master *m, struct pool *pool); /* and what they answered is kept by no router */

/* Frees it when nobody needs it any more; call it last. */
void pool_drop_unused(struct master *m, struct pool *pool);

/* sockets.c: before a worker is started: from then on it is replaced when its sockets are other ones. */
void sockets_init(struct pool *pool);
void sockets_watch(struct master *m, struct pool *pool);

/* artifacts.c: opens artifact and environment and gives the pool its uid slot, unless it has them. */
int artifacts_open(struct master *m, struct pool *pool, struct err *e);
void artifacts_close(struct master *m, struct pool *pool);
/* Reads artifacts ahead, so that what the cache holds can start although the registry has gone. */
void artifacts_preload(struct master *m);
