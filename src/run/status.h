/* status.h - how a run went, in one word. */
#pragma once
#include <stdbool.h>

#include "sandbox/box.h"

enum run_status {
	RUN_ACCEPTED,
	RUN_WRONG_ANSWER,
	RUN_COMPILE_ERROR,
	RUN_COMPILE_TIME_LIMIT,
	RUN_CPU_TIME_LIMIT,
	RUN_WALL_TIME_LIMIT,
	RUN_MEMORY_LIMIT,
	RUN_OUTPUT_LIMIT,
	RUN_PROCESS_LIMIT,
	RUN_SIGNAL,
	RUN_NONZERO_EXIT,
	RUN_SYSCALL_DENIED,
	RUN_INTERNAL_ERROR,
	RUN_STATUSES
};

/* "accepted", "wrong_answer" ... */
const char *run_status_word(enum run_status status);

/* Of a program. */
enum run_status run_status_of(const struct box_result *r, const struct box_limits *limits);

/* Of a compiler; RUN_ACCEPTED: there is something to run. */
enum run_status run_status_of_compiler(const struct box_result *r, const struct box_limits *limits);
