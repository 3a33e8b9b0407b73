/* trial.h - a version is loaded once, in a function's sandbox, before anybody hears of it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cgroup/cgroup.h"
#include "config/config.h"
#include "deploy-tool/folder.h"
#include "deploy-tool/local.h"
#include "deploy-tool/routes.h"

enum { TRIAL_WALL_MS = 15 * 1000, TRIAL_OUTPUT_MAX = 4096 };

struct trial {
	const char *function, *entry;
	const struct function_policy *policy;
	const void *artifact;
	size_t artifact_size;
	bool has_sanitizers;           /* the artifact was built so */
	const char *shared_dir;        /* as of struct local_function */
	bool lacks_folder;             /* out: it had an empty folder in place of its shared one */
	struct routes routes;          /* out: the artifact's own table, empty for a plain entry */
	char output[TRIAL_OUTPUT_MAX]; /* out: the beginning of what it printed; raw bytes */
	size_t output_size;
	/* private */
	bool has_begun;
	struct local local;
	struct folder folder; /* in place of its shared one */
};

/* Starts what the trial load takes beside the artifact, for which function, policy and shared_dir must be
 * known: its spawner gets ready while the artifact is made.  trial_load() or trial_done() ends it. */
int trial_begin(const struct config *c, const struct cgroup *cgroup, struct trial *t, struct err *e);
void trial_done(struct trial *t);

/* 0 when it says READY within TRIAL_WALL_MS; -ENOEXEC with the worker's reason; or -errno of this machine.
 * Nothing of it is left when this returns. */
int trial_load(const struct config *c, const struct cgroup *cgroup, struct trial *t, struct err *e);
