/* status.h - what a pool says of itself. */
#pragma once
#include <jansson.h>

#include "pool/master.h"

/* The answer to "status": functions with workers first, cut at CONTROL_STATUS_MAX ("n_functions" says of how
 * many). NULL without memory. */
json_t *status_of(const struct master *m);
