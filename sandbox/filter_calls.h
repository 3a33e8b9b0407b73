/* filter_calls.h - for filter_make.c: the system calls that each program names. */
#pragma once
#include <seccomp.h>

#include "sandbox/filter.h"

enum verdict {
	VERDICT_NONE, /* the never-list is not named */
	VERDICT_ALLOW,
	VERDICT_REFUSE,    /* EPERM */
	VERDICT_REPORT,    /* to the listener, which refuses */
	VERDICT_NO_SOCKET, /* EACCES */
	VERDICT_UNKNOWN,   /* ENOSYS */
};

/* Matches when all conditions hold. */
struct call_rule {
	const char *name;
	enum verdict verdict;
	unsigned n;
	struct scmp_arg_cmp conditions[2];
};

enum { CALL_SETS_MAX = 9 };

struct filter_calls {
	const char *name;
	enum verdict standard; /* for what is not named */
	enum verdict of_never; /* for the never-list; VERDICT_NONE: not at all */
	const char *reported;  /* names of the never-list that are reported whatever of_never is; or NULL */
	const char *allowed[CALL_SETS_MAX];           /* names with a space between them */
	const struct call_rule *rules[CALL_SETS_MAX]; /* ended by a name NULL */
};

extern const struct filter_calls filter_calls[FILTER_COUNT];
/* Of sandbox_filters_seal_explaining: where standard is VERDICT_REPORT, all that is not allowed is reported.
 */
extern const struct filter_calls filter_calls_explaining[FILTER_COUNT];
/* Of functions that have been granted a socket: what differs. */
extern const struct filter_calls filter_calls_granted[FILTER_COUNT];
extern const struct filter_calls filter_calls_explaining_granted[FILTER_COUNT];
extern const char filter_never[];
/* The never-list of a function's code alone: others have to. */
extern const char filter_never_code[];
