/* front.h - what reads clients: confined, with lanes from routers, the master's channel and the executor's.
 */
#pragma once
#include "base/err.h"

struct front_rules {
	const char *path;    /* where it serves */
	unsigned concurrent; /* jobs that the executor has at once */
};

/* Serves until the master or the executor is gone.  0 or -errno. */
int front_run(const struct front_rules *rules, int master, int executor, struct err *e);
