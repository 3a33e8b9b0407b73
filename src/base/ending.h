/* ending.h - how a process or a request ended, and the words for it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* How a process ended, as init or waitid(2) saw it; never as the process says. */
struct ending {
	int32_t code;        /* CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: not known */
	int32_t status;      /* exit status or signal */
	uint64_t cpu_us;     /* user and system time */
	uint64_t max_rss_kb; /* highest resident size */

	/* Of its cgroup, when it had one; else 0. */
	uint64_t memory_peak_kb;     /* of all its processes, files in memory and the kernel's own for them */
	uint32_t is_over_memory;     /* killed at its own limit */
	uint32_t is_short_of_memory; /* killed because somebody else's was met: the system's, or the unit's */
};

/* Why a request did not get its function's answer; the word stands in the problem document and in the
 * log.  The order is nobody's contract; the words are. */
enum cause {
	CAUSE_NONE,
	CAUSE_NO_ROUTE,
	CAUSE_METHOD_NOT_ALLOWED,
	CAUSE_UNAUTHORIZED, /* nothing that lets the client in was shown */
	CAUSE_FORBIDDEN,    /* what was shown is not good for this function */
	CAUSE_BODY_TOO_LARGE,
	CAUSE_PARAMS_TOO_LARGE,
	CAUSE_BAD_REQUEST,
	CAUSE_REQUEST_TIMEOUT, /* the web server was too slow with the request */
	CAUSE_CRASH,
	CAUSE_MEMORY_LIMIT,
	CAUSE_SYSCALL_DENIED,
	CAUSE_BAD_RESPONSE,
	CAUSE_OUTPUT_LIMIT,
	CAUSE_START_FAILED, /* the function could not be loaded */
	CAUSE_OVERLOADED,
	CAUSE_DISABLED,
	CAUSE_UNAVAILABLE,
	CAUSE_WALL_TIME_LIMIT,
	CAUSE_CPU_TIME_LIMIT,
	CAUSE_CLIENT_GONE, /* for the log alone: nobody is there to be answered */
	CAUSE_COUNT
};

/* The word: "no_route", "crash" ...; CAUSE_NONE is "". */
const char *cause_word(enum cause cause);

/* The HTTP status of the answer: 404, 500 ...; 0 for CAUSE_NONE. */
int cause_status(enum cause cause);

/* One sentence for the client, without details. */
const char *cause_sentence(enum cause cause);

/* The same for who asked for what is behind a lane, the runner or the management: no function is named in it.
 */
const char *cause_sentence_of_lane(enum cause cause);

enum { ENDING_TEXT_SIZE = 64 };

/* "exit 3", "signal SEGV", "signal KILL" ... */
void ending_format(const struct ending *ending, char text[ENDING_TEXT_SIZE]);

/* Highest use of memory that is known: the cgroup's count, else the resident size. */
uint64_t ending_memory_kb(const struct ending *ending);

/* The verdict on a worker that ended by itself.  A cgroup says that it was killed at its limit.  What has no
 * more address space is not killed but told, and mostly dies of that: SEGV, ABRT or BUS with a resident size
 * of at least 0.8 of the limit. */
enum cause ending_cause(const struct ending *ending, uint64_t memory_limit);
