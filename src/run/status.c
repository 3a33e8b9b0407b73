/* status.c - from the ending of a box to the word for it. */
#include "run/status.h"

#include <signal.h>
#include <string.h>

#include "base/macros.h"

static const char *const words[RUN_STATUSES] = {
	[RUN_ACCEPTED] = "accepted",
	[RUN_WRONG_ANSWER] = "wrong_answer",
	[RUN_COMPILE_ERROR] = "compile_error",
	[RUN_COMPILE_TIME_LIMIT] = "compile_time_limit",
	[RUN_CPU_TIME_LIMIT] = "cpu_time_limit",
	[RUN_WALL_TIME_LIMIT] = "wall_time_limit",
	[RUN_MEMORY_LIMIT] = "memory_limit",
	[RUN_OUTPUT_LIMIT] = "output_limit",
	[RUN_PROCESS_LIMIT] = "process_limit",
	[RUN_SIGNAL] = "signal",
	[RUN_NONZERO_EXIT] = "nonzero_exit",
	[RUN_SYSCALL_DENIED] = "syscall_denied",
	[RUN_INTERNAL_ERROR] = "internal_error",
};

static const struct {
	enum cause cause;
	enum run_status status;
} of_causes[] = {
	{ CAUSE_OUTPUT_LIMIT, RUN_OUTPUT_LIMIT },     { CAUSE_MEMORY_LIMIT, RUN_MEMORY_LIMIT },
	{ CAUSE_CPU_TIME_LIMIT, RUN_CPU_TIME_LIMIT }, { CAUSE_WALL_TIME_LIMIT, RUN_WALL_TIME_LIMIT },
	{ CAUSE_SYSCALL_DENIED, RUN_SYSCALL_DENIED },
};

const char *
run_status_word(enum run_status status)
{
	return status < RUN_STATUSES ? words[status] : words[RUN_INTERNAL_ERROR];
}

static bool
is_good(const struct box_result *r)
{
	return r->cause == CAUSE_NONE && r->ending.code == CLD_EXITED && r->ending.status == 0;
}

/* What was refused more memory and says so by its exit status ended of that: a process may hold `memory`, and
 * one that is at nine tenths of it was about to ask for more. */
static bool
is_short_of_memory(const struct box_result *r, const struct box_limits *limits)
{
	return r->memory_peak >= limits->memory / 10 * 9;
}

/* It was refused what no ordinary program asks for, and then ended badly; or it came by the doors of another
 * architecture, behind which all are killed. */
static bool
is_denied(const struct box_result *r)
{
	return r->n_denied > 0 || (r->ending.code != CLD_EXITED && r->ending.status == SIGSYS);
}

enum run_status
run_status_of(const struct box_result *r, const struct box_limits *limits)
{
	if (is_good(r))
		return RUN_ACCEPTED;
	for (size_t i = 0; i < ARRAY_SIZE(of_causes); i++)
		if (of_causes[i].cause == r->cause)
			/* A bomb of processes ends by the clock or by its memory, and is one all the same. */
			return r->has_met_processes && r->cause != CAUSE_OUTPUT_LIMIT ? RUN_PROCESS_LIMIT
			                                                              : of_causes[i].status;
	if (r->has_met_processes)
		return RUN_PROCESS_LIMIT;
	if (is_denied(r))
		return RUN_SYSCALL_DENIED;
	if (is_short_of_memory(r, limits))
		return RUN_MEMORY_LIMIT;
	return r->ending.code == CLD_EXITED ? RUN_NONZERO_EXIT : RUN_SIGNAL;
}

enum run_status
run_status_of_compiler(const struct box_result *r, const struct box_limits *limits)
{
	enum run_status status = run_status_of(r, limits);

	if (status == RUN_CPU_TIME_LIMIT || status == RUN_WALL_TIME_LIMIT)
		return RUN_COMPILE_TIME_LIMIT;
	return status == RUN_ACCEPTED ? RUN_ACCEPTED : RUN_COMPILE_ERROR;
}
