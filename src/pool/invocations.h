/* invocations.h - workers that serve one cfn-deploy each, outside of the pools' and routers' counts. */
#pragma once
#include "pool/master.h"

struct process_ended;
struct refused_call;

/* Starts one for the open question of c and answers it, now or when it is ready.  -EBUSY when
 * INVOCATIONS_MAX run; else why it cannot be started. */
int invocation_start(struct master *m, struct control_connection *c, struct pool *pool, bool is_explained,
                     struct err *e);

/* Kills it; its end is still told.  And: nobody is there to be told. */
void invocation_stop(struct master *m, struct invocation *i);
void invocation_abandon(struct master *m, struct invocation *i);

struct invocation *invocation_find(struct master *m, uint32_t id);
bool invocations_are_running(const struct master *m);

/* What the spawner says. */
void invocation_is_ready(struct master *m, struct invocation *i);
void invocation_has_ended(struct master *m, struct invocation *i, const struct process_ended *ended,
                          const struct refused_call *calls);
