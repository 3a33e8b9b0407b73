/* routers.h - the routers: started, told, heard, started again. */
#pragma once
#include "pool/master.h"

void routers_init(struct master *m);
int routers_start(struct master *m, struct err *e);
bool routers_are_serving(const struct master *m); /* all of them */
struct router *router_find(struct master *m, uint32_t id);
bool router_is_serving(const struct router *router);

/* What it has counted; of one that has ended nothing is of this moment. */
void router_counters(const struct router *router, struct router_counters *counters);

void router_has_ended(struct master *m, struct router *router, const struct process_ended *ended);

/* To every router that runs: the keys of sessions, a message. */
void routers_tell_keys(struct master *m);
void routers_tell_logs(struct master *m); /* that they were opened anew */
void routers_tell(struct master *m, uint32_t type, const int *fds, size_t n_fds);
