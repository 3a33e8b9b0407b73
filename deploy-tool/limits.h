/* limits.h - the rows of the policy table as options of the command line. */
#pragma once
#include <stddef.h>

#include "config/policy.h"
#include "deploy-tool/arguments.h"

enum { LIMITS_MAX = 48, LIMIT_NAME_SIZE = 48 };

/* Values as they were given; NULL where they were not. */
struct limits {
	const char *values[LIMITS_MAX];
};

/* One option a row: "pm.max_children" becomes --pm-max-children.  Offsets are within struct limits.  The
 * number of rows. */
size_t limits_options(const struct argument_row **rows);

/* Sets what was given.  -EINVAL, -ERANGE. */
int limits_apply(const struct limits *given, struct function_policy *p, struct err *e);
