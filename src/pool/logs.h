/* logs.h - the three log files: opened here, written by the master and the routers. */
#pragma once
#include "base/err.h"
#include "config/config.h"

enum log_file { LOG_FILE_ACCESS, LOG_FILE_FUNCTION, LOG_FILE_ERROR, LOG_FILES };

struct logs {
	int fds[LOG_FILES]; /* append only, or copies of standard error */
	int slow;           /* the master's own; the same */
};

/* Path of one in the configuration; empty: standard error. */
const char *logs_path(const struct config *c, enum log_file file);

/* Opens all three and puts them in the place of those that were open; on failure these stay. */
int logs_open(struct logs *l, const struct config *c, struct err *e);
