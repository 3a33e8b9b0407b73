/* deploy_options.h - what may be said of a function that is deployed: one table, for the command line and for
 * manifests. */
#pragma once
#include "deploy-tool/arguments.h"
#include "deploy-tool/limits.h"

struct deploy_options {
	const char *function, *entry, *shared, *link;
	struct argument_list routes, methods, env, smokes, grants, origins, sources;
	bool replace_routes, defaults;
};

/* Offsets are within struct deploy_options.  The first DEPLOY_CALL_OPTIONS are of one call of the command
 * line; the others, and the limits, say what a function is. */
extern const struct argument_row deploy_options[];
extern const size_t deploy_n_options;
enum { DEPLOY_CALL_OPTIONS = 4 };

/* The same for `check`. */
extern const struct argument_row check_options[];
extern const size_t check_n_options;
