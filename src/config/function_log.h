/* function_log.h - where the functions' lines go: one file, or one for each function (%n in its name). */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "config/config.h"

enum { FUNCTION_LOG_PATH_SIZE = CONFIG_PATH_MAX + 64 };

/* Whether each function has a file of its own. */
bool function_log_is_each(const struct config *c);

/* -EINVAL: %n stands twice, in a folder's name, or where there is no file. */
int function_log_check(const struct config *c, struct err *e);

/* The file of one function: function_log with its name for %n.  -EINVAL: that is no function's name. */
int function_log_path(const struct config *c, const char *name, char path[FUNCTION_LOG_PATH_SIZE],
                      struct err *e);
