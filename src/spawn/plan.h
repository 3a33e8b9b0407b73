/* plan.h - what a process that is started becomes: its program, and its descriptors at their numbers. */
#pragma once
#include "ipc/start.h"
#include "spawn/spawn.h"

enum { PLAN_FDS_MAX = 9, PLAN_FIRST_FD = 3 };

/* Its descriptors belong to others; they are copied to 0, 1, 2 and from 3 on. */
struct plan {
	const struct sandbox_profile *profile; /* NULL: it makes its own */
	const char *name;                      /* for error texts */
	char title[WORKER_TITLE_SIZE];
	int program;
	bool has_sanitizers;
	bool awaits_maps; /* its program begins with the ids it is to have */
	int in, out, err;
	int fds[PLAN_FDS_MAX]; /* -1: there is none at this number */
	size_t n_fds;
	int report; /* the child's end */
};

/* A channel for p's words about its start; *channel is the child's end. */
int plan_report(struct spawn *s, struct process *p, int *channel, struct err *e);

/* Child: signals as they are by default and a spare of the report, which closes at exec; then the program.
 * Returns on failure alone. */
int plan_prepare(struct plan *plan, struct err *e);
int plan_exec(struct plan *plan, struct err *e);
void plan_say_failed(const struct plan *plan, const struct err *failure);

/* Clones p's process in the profile's namespaces; *child is what is to be released, or done with. */
int plan_launch(struct plan *plan, struct process *p, struct sandbox_process *child, struct err *e);

/* Whom a cfn-worker is for. */
struct sandboxed {
	const struct sandbox_profile *profile;
	const char *name; /* for error texts */
	bool has_sanitizers;
	uint32_t slot;
	const struct cgroup_limits *limits; /* of its leaf; NULL: it has none */
	int fds[WORKER_FD_END];             /* -1: it gets none at this number */
};

/* sandboxed.c: p is a new one for anybody; *what decides about its program's environment and its leaf alone.
 * Then it is told what s->in says, once.  -errno: it was not. */
int sandboxed_make(struct spawn *s, struct process *p, const struct sandboxed *what, struct err *e);
int sandboxed_assign(const struct spawn *s, const struct process *p, const struct sandboxed *what,
                     struct err *e);

/* Both, or a spare is taken. */
int sandboxed_start(struct spawn *s, struct process *p, const struct sandboxed *what, struct err *e);

/* spares.c: p becomes a spare that has been told; false: there is none. */
bool spares_take(struct spawn *s, struct process *p, const struct sandboxed *what);
