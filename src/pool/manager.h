/* manager.h - what serves the management: one process, started by the master itself, since it writes the
 * registry and compiles, which nothing below the spawner may; and the function "@mgnt", which leads requests
 * to it over lanes.
 *
 * Its channel ends with the master, and with that everything that it has begun. */
#pragma once
#include "pool/master.h"

/* No author can have it. */
#define MANAGER_FUNCTION "@mgnt"

void manager_init(struct master *m);
void manager_close(struct master *m);

/* -EPERM: uid 0 without capabilities, which the master is where the registry is root's, can make no boxes. */
int manager_check_identity(const struct master *m, const struct config_management *c, struct err *e);

/* The pool that [management] asks for is the one that is wanted, or none.  -ENOMEM. */
int manager_settle(struct master *m, struct err *e);

/* What serves has changed: the process that runs is the one for it, or is on its way to it. */
void manager_follow(struct master *m);

/* What its front has counted, struct manage_counters: numbers alone, what clients have said stays there. */
void manager_count(struct master *m, const void *counters);
/* Of a timer. */
void manager_note_refusals(void *context, void *owner);

/* The list of tokens is another one. */
void manager_tell_tokens(struct master *m);

/* Asks it to end when what it does has ended; true when there is none any more. */
bool manager_drain(struct master *m);

/* Its lanes: whether they may be opened, and by which channel they go. */
bool manager_serves(const struct master *m, const struct pool *pool);
