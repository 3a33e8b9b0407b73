/* options.h - cfn-pool's command line, and the configuration that it leads to. */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "config/config.h"

struct pool_options {
	const char *config, *registry, *listen; /* NULL: not given */
	bool is_test, is_print, is_help, is_version, is_replacing;
};

/* -EINVAL with *e: a usage error. */
int options_parse(int argc, char **argv, struct pool_options *o, struct err *e);

extern const char options_usage[];

/* The configuration under the options: file, environment, command line; the languages too, where programs are
 * run.  *is_private: the registry is the
 * caller's own, which may be made. */
int options_configure(const struct pool_options *o, struct config *c, bool *is_private, struct err *e);
