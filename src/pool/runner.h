/* runner.h - what runs anybody's programs: one process, started, told, heard and ended by the master; and the
 * function "@run", which leads requests to it.
 *
 * The function's pool has lanes instead of workers (lanes.h).  With other values in [run] it has another
 * version: the process of the old one is told to drain, and the new one starts when that has ended, because
 * both keep their runs in one folder. */
#pragma once
#include "pool/master.h"

/* No author can have it. */
#define RUNNER_FUNCTION "@run"

void runner_init(struct master *m);
void runner_close(struct master *m);

/* While still root: the folder of its runs, for the user that will write it. */
int runner_make_folder(struct master *m, struct err *e);

/* A part of the configuration, where programs are run.  -EINVAL ("FILE:LINE: KEY: why"), -ENOMEM. */
int runner_check_languages(const struct config_run *run, struct err *e);

/* -ENOTSUP: these values want boxes to have leaves, and they have none, which is decided once, at the start.
 */
int runner_check_cgroup(const struct master *m, const struct config_run *run, struct err *e);

/* At the start and at a reload: languages that are added, changed or taken away are other values in [run]. */
void runner_look_at_languages(struct master *m);

/* The pool that [run] asks for is the one that is wanted, or none.  -ENOMEM. */
int runner_settle(struct master *m, struct err *e);

/* What serves has changed: the process that runs is the one for it, or is on its way to it. */
void runner_follow(struct master *m);

/* What the spawner says. */
bool runner_is(const struct master *m, uint32_t id);
void runner_became_ready(struct master *m);
void runner_has_ended(struct master *m, const struct process_ended *ended);

/* Whether lanes of this pool may be opened. */
bool runner_serves(const struct master *m, const struct pool *pool);

/* Of all its processes, since the pool started. */
void runner_counters(const struct master *m, struct run_counters *c);

/* Asks it to end when what runs has ended; true when there is none any more. */
bool runner_drain(struct master *m);

/* -EEXIST naming the first route of a function that is the runner's. */
int runner_check_routes(const struct master *m, const struct registry_route *routes, size_t n, struct err *e);
