/* plan.h - what a process that is started becomes: its program, and its descriptors at their numbers. */
#pragma once
#include "ipc/start.h"
#include "spawn/spawn.h"

enum { PLAN_FDS_MAX = 9 + SOCKETS_MAX, PLAN_FIRST_FD = 3, TITLE_SIZE = 112 };

/* Its descriptors belong to others; they are copied to 0, 1, 2 and from 3 on. */
struct plan {
	const struct sandbox_profile *profile; /* NULL: it makes its own */
	const char *name;                      /* for error texts */
	char title[TITLE_SIZE];
	int program;
	bool has_sanitizers;
	int in, out, err;
	int fds[PLAN_FDS_MAX]; /* -1: there is none at this number */
	size_t n_fds;
	int programs; /* of seccomp */
	int report;   /* the child's end */
};

/* A channel for p's words about its start; *channel is the child's end. */
int plan_report(struct spawn *s, struct process *p, int *channel, struct err *e);

/* Child: signals as they are by default and a spare of the report, which closes at exec; then the program.
 * Returns on failure alone. */
int plan_prepare(struct plan *plan, struct err *e);
int plan_exec(struct plan *plan, struct err *e);
void plan_say_failed(const struct plan *plan, const struct err *failure);
