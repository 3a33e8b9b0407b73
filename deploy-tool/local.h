/* local.h - a worker of a spawner of our own: where no pool runs, and before any pool hears of a version. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/config.h"
#include "ipc/spawner.h"

enum { LOCAL_ID = 1 }; /* of its process */

struct local_function {
	const char *function, *entry;
	uint32_t version;
	const struct function_policy *policy;
	const void *artifact;
	size_t artifact_size;
	const struct cgroup *cgroup; /* of this program; NULL or not open: none */
	const char *shared_dir;      /* of its own, for its shared folder; NULL: the configuration's */
};

struct local {
	struct spawner spawner;
	int requests, output; /* our ends */
	bool lacks_folder;    /* it has a shared folder that this user cannot show it */
};

/* Whether this user can show it the shared folder that it has, if it has one. */
bool local_sees_folder(const struct config *c, const struct local_function *f);

/* Starts the spawner and asks it for the worker, which gets the function's limits under the configuration;
 * how says what kind of worker it is.  Whatever comes of it, local_done() leaves nothing. */
int local_start(struct local *l, const struct config *c, const struct local_function *f,
                const struct start_worker *how, struct err *e);
/* The same in two steps, of which the first needs no artifact: its spawner proves what it has to meanwhile.
 */
int local_begin(struct local *l, const struct config *c, const struct local_function *f, struct err *e);
int local_go_on(struct local *l, const struct config *c, const struct local_function *f,
                const struct start_worker *how, struct err *e);
void local_done(struct local *l);
