/* logs.h - the three log files: opened here, written by the master and the routers. */
#pragma once
#include "base/err.h"
#include "base/log.h"
#include "config/config.h"

enum log_file { LOG_FILE_ACCESS, LOG_FILE_FUNCTION, LOG_FILE_ERROR, LOG_FILES };

struct logs {
	int fds[LOG_FILES]; /* append only, or copies of standard error */
	int slow;           /* the master's own; the same */
	struct log_kinds kinds;
	struct log_name name, slow_name; /* of the error log and of the slow log; within kinds */
	uint64_t refused_us;             /* when it was said last that a function's cannot be opened */
};

/* Path of one in the configuration; empty: standard error. */
const char *logs_path(const struct config *c, enum log_file file);

/* A socket to the system's log or the journal that was made anew is reached again, by all who hold ours:
 * connected once more. */
void logs_reconnect(const struct logs *l, const struct config *c);

/* Opens all three and puts them in the place of those that were open; on failure these stay. */
int logs_open(struct logs *l, const struct config *c, struct err *e);

/* The file of one function, where each has one (config/function_log.h): no link is followed, and nothing but
 * a file is taken. */
int logs_open_function(const struct config *c, const char *name, struct err *e);
