/* smoke_run.h - the requests that a version must answer, made in its real sandbox. */
#pragma once
#include "deploy-tool/tool.h"

/* Asks every live pool for each request of the version, in a worker of its own; without a pool a spawner of
 * our own.  A pool that goes away has no say.  0, or an exit status when one answer is another one, in one
 * line with its status or cause and what was written. */
int smoke_run(struct tool *t, const struct registry_version *v);
