/* build_box.h - the box in which programs of the toolchain run: the compiler, what follows it, and what reads
 * what they made. */
#pragma once
#include "cgroup/cgroup.h"
#include "config/config.h"
#include "sandbox/box.h"

/* Where a step runs. */
struct build_place {
	const struct config *config;
	const struct cgroup *cgroup;
	const struct box_base *base; /* of its profiles; not open: made for each box */
};

struct build_step {
	const char *name;
	const char *const *argv; /* /usr/bin/... first */
	const struct box_file *files;
	size_t n_files;
	const char *const *collect;
};

extern const struct box_limits build_limits;

/* As box_run(). */
int build_step_run(const struct build_place *p, const struct build_step *step, struct box_result *result,
                   struct err *e);
