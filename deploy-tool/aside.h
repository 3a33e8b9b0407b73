/* aside.h - a step of the toolchain that runs beside others: in a process of its own, which hands over what
 * its box wrote. */
#pragma once
#include <sys/types.h>

#include "deploy-tool/build_box.h"

struct aside {
	pid_t pid;  /* of the process; 0: none */
	int answer; /* -1: none */
};

/* Begins it; the step collects nothing.  aside_end() or aside_done() is due. */
int aside_begin(struct aside *a, const struct build_place *p, const struct build_step *step, struct err *e);

/* Waits for it; as build_step_run(). */
int aside_end(struct aside *a, struct box_result *result, struct err *e);

/* Waits for it, if it runs, and wants nothing of it: it is over soon, and leaves nothing. */
void aside_done(struct aside *a);
