/* run.h - [run] of cfn.conf: what anybody may run. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ipc/protocol.h"

enum run_cgroup { RUN_CGROUP_AUTO, RUN_CGROUP_REQUIRE };

struct config_run {
	uint64_t is_enabled;
	char path[RUN_PATH_SIZE]; /* below the mount prefix: whole segments, "/api/run" */
	uint64_t max_concurrent;  /* 0: one for each processor */
	uint64_t queue;
	uint64_t queue_share; /* of one client; 0: a quarter of the queue */
	char languages_dir[RUN_FOLDER_SIZE];
	char client[RUN_CLIENT_SIZE]; /* "address", "user", "header NAME" */
	uint64_t auth;                /* enum call_auth: none or bearer */
	uint64_t cgroup;              /* enum run_cgroup */
	uint64_t cpu_share;           /* percent of one processor */
	uint64_t total_ms;
	/* cpu_share 0: one processor, or cpu_share if that is more; processes, files 0: as many as there may
	 * be with a cgroup, or without one. */
	struct run_maxima most;
	struct run_maxima compile_most;
	uint64_t retention_ms, store_size, cache_size;
};

/* Whole segments of letters that mean themselves in every pattern and every URL; and whether a route's
 * pattern is that path or below it. */
bool config_is_path(const char *path);
bool config_path_has(const char *path, const char *pattern);

void config_run_init(struct config_run *r);
int config_run_set(struct config_run *r, const char *name, const char *value, struct err *e);

/* What no single key can say. */
int config_run_check(const struct config_run *r, struct err *e);
void config_run_print(const struct config_run *r, int fd);

/* What the runner is told; all but ids and what the kernel has.  has_cgroup: its boxes have leaves. */
void config_run_fill(const struct config_run *r, bool has_cgroup, struct start_runner *start);

/* Whether a route's pattern is the runner's own path or below it. */
bool config_run_reserves(const struct config_run *r, const char *pattern);
