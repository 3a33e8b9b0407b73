/* connections.h - web servers' connections that outlive a pool: between two requests they go to the pool that
 * comes after it, or wait for it at the supervisor.  So none is closed that a web server is about to send on.
 */
#pragma once
#include "pool/master.h"

/* Whether there is anybody to leave them to. */
bool connections_have_heir(const struct master *m);

/* The pool that stops: its heir is at the other end of sock, which stays the caller's; is_chained: it takes
 * what the pools before this one still give, too. */
int connections_bequeath(struct master *m, int sock, bool is_chained, struct err *e);

/* The pool that stops: one that a router gave back; it stays the caller's. */
void connections_leave(struct master *m, int fd);

/* The pool that is new: one from a pool before it, which stays the caller's; those that the supervisor has
 * kept. */
void connections_take(struct master *m, int fd);
void connections_take_kept(struct master *m);

/* What is still to be sent, within a moment. */
void connections_close(struct master *m);
