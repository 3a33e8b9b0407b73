/* ending.c - how a process or a request ended, and the words for it. */
#include "base/ending.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *word;
	int status;
	const char *sentence;
} causes[CAUSE_COUNT] = {
	[CAUSE_NONE] = { "", 0, "" },
	[CAUSE_NO_ROUTE] = { "no_route", 404, "There is nothing at this path." },
	[CAUSE_METHOD_NOT_ALLOWED] = { "method_not_allowed", 405, "The function does not take this method." },
	[CAUSE_UNAUTHORIZED] = { "unauthorized", 401, "The function asks for a token that is valid." },
	[CAUSE_FORBIDDEN] = { "forbidden", 403, "The token is not good for this function." },
	[CAUSE_BODY_TOO_LARGE] = { "body_too_large", 413, "The request body is over the limit." },
	[CAUSE_PARAMS_TOO_LARGE] = { "params_too_large", 431, "The request headers are over the limit." },
	[CAUSE_BAD_REQUEST] = { "bad_request", 400, "The request is malformed." },
	[CAUSE_REQUEST_TIMEOUT] = { "request_timeout", 408, "The request did not arrive in time." },
	[CAUSE_CRASH] = { "crash", 500, "The function crashed." },
	[CAUSE_MEMORY_LIMIT] = { "memory_limit", 500, "The function ran out of memory." },
	[CAUSE_SYSCALL_DENIED] = { "syscall_denied", 500, "The function was stopped." },
	[CAUSE_BAD_RESPONSE] = { "bad_response", 500, "The function's answer is malformed." },
	[CAUSE_OUTPUT_LIMIT] = { "output_limit", 500, "The function's answer is over the limit." },
	[CAUSE_START_FAILED] = { "start_failed", 500, "The function could not be started." },
	[CAUSE_OVERLOADED] = { "overloaded", 503, "Too many requests are waiting for this function." },
	[CAUSE_DISABLED] = { "disabled", 503, "The function is disabled." },
	[CAUSE_UNAVAILABLE] = { "unavailable", 503, "The function is not available now." },
	[CAUSE_WALL_TIME_LIMIT] = { "wall_time_limit", 504, "The function took too long." },
	[CAUSE_CPU_TIME_LIMIT] = { "cpu_time_limit", 504, "The function used too much CPU time." },
	[CAUSE_CLIENT_GONE] = { "client_gone", 499, "The client went away." },
};

/* Where no function is asked, but the runner or the management; the others say no word of functions. */
static const char *const of_lane[CAUSE_COUNT] = {
	[CAUSE_METHOD_NOT_ALLOWED] = "This path does not take this method.",
	[CAUSE_UNAUTHORIZED] = "This path asks for a token that is valid.",
	[CAUSE_FORBIDDEN] = "The token is not good for this path.",
	[CAUSE_CRASH] = "What serves this path crashed.",
	[CAUSE_MEMORY_LIMIT] = "What serves this path ran out of memory.",
	[CAUSE_SYSCALL_DENIED] = "What serves this path was stopped.",
	[CAUSE_BAD_RESPONSE] = "The answer of what serves this path is malformed.",
	[CAUSE_OUTPUT_LIMIT] = "The answer of what serves this path is over the limit.",
	[CAUSE_START_FAILED] = "What serves this path could not be started.",
	[CAUSE_OVERLOADED] = "Too many requests are waiting for this path.",
	[CAUSE_DISABLED] = "This path is disabled.",
	[CAUSE_UNAVAILABLE] = "This path is not available now.",
	[CAUSE_WALL_TIME_LIMIT] = "The request took too long.",
	[CAUSE_CPU_TIME_LIMIT] = "The request used too much CPU time.",
};

static const char *
cause_in_range(enum cause cause)
{
	return cause < CAUSE_COUNT ? causes[cause].word : NULL;
}

const char *
cause_word(enum cause cause)
{
	const char *word = cause_in_range(cause);

	return word ? word : "unknown";
}

int
cause_status(enum cause cause)
{
	return cause_in_range(cause) ? causes[cause].status : 500;
}

const char *
cause_sentence(enum cause cause)
{
	return cause_in_range(cause) ? causes[cause].sentence : "";
}

const char *
cause_sentence_of_lane(enum cause cause)
{
	return cause_in_range(cause) && of_lane[cause] ? of_lane[cause] : cause_sentence(cause);
}

void
ending_format(const struct ending *ending, char text[ENDING_TEXT_SIZE])
{
	const char *name = sigabbrev_np(ending->status);

	if (ending->code == CLD_EXITED)
		snprintf(text, ENDING_TEXT_SIZE, "exit %d", ending->status);
	else if (ending->code == CLD_KILLED || ending->code == CLD_DUMPED)
		snprintf(text, ENDING_TEXT_SIZE, "signal %s", name ? name : "unknown");
	else
		snprintf(text, ENDING_TEXT_SIZE, "not known");
}

uint64_t
ending_memory_kb(const struct ending *ending)
{
	return ending->memory_peak_kb > 0 ? ending->memory_peak_kb : ending->max_rss_kb;
}

enum cause
ending_cause(const struct ending *ending, uint64_t memory_limit)
{
	bool by_signal = ending->code == CLD_KILLED || ending->code == CLD_DUMPED;
	int s = ending->status;

	if (by_signal && ending->is_over_memory)
		return CAUSE_MEMORY_LIMIT;
	if (by_signal && s == SIGXCPU)
		return CAUSE_CPU_TIME_LIMIT;
	if (by_signal && s == SIGSYS)
		return CAUSE_SYSCALL_DENIED;
	if (by_signal && (s == SIGSEGV || s == SIGABRT || s == SIGBUS) && memory_limit > 0 &&
	    ending->max_rss_kb >= memory_limit / 1024 / 10 * 8)
		return CAUSE_MEMORY_LIMIT;
	return CAUSE_CRASH;
}
