/* crashes.h - records of functions that failed: files of the state folder, one a failure, bounded in number,
 * size, age and rate.
 *
 * crashes/MS-FUNCTION holds one JSON object; MS, milliseconds since 1970, is its name for people.  A function
 * has its own bound, so that one that crashes all the time pushes out nobody else's.  What cannot be written
 * is left out: a full disk stops nothing. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipc/protocol.h"

struct master;
struct pool;

enum {
	CRASHES_MINUTE_MAX = 10,      /* records of one version in a minute; others are counted */
	CRASHES_LISTED_MAX = 128,     /* records of one answer, the newest */
	CRASHES_TEXT_MAX = 40 * 1024, /* bytes of a record, below CONTROL_MAX */
};

struct crashes {
	int folder;                       /* -1: there is none, and nothing is kept */
	bool is_failing;                  /* said once in the error log */
	uint64_t n_errors, n_slow_errors; /* records, and lines of the slow log, that could not be written */
};

/* Of one version: how many records there were in this minute, and failures that have none. */
struct crash_rate {
	uint64_t minute;
	uint32_t n;
	uint64_t n_left_out;
};

void crashes_open(struct master *m);
void crashes_close(struct master *m);

bool crashes_are_kept(const struct master *m);

/* A router's word, with n bytes of the function's last lines. */
void crash_record(struct master *m, struct pool *pool, const struct failure_report *report, const char *lines,
                  size_t n);
/* A request that is slow, with the stacks of its worker, which are taken over: in the slow log as well. */
struct crash_lines {
	const char *p;
	size_t n;
};
void crash_record_slow(struct master *m, struct pool *pool, const struct failure_report *report,
                       struct crash_lines lines, json_t *threads);
/* Whether one more of this version would be recorded now. */
bool crash_rate_allows(const struct pool *pool);

/* A worker that no router had. */
void crash_record_idle(struct master *m, struct pool *pool, enum cause cause, const struct ending *ending);

/* The answer to a question: with "id" the whole record, else those of "function" (none: of all) that are not
 * older than "since" (milliseconds), the newest first. */
json_t *crashes_answer(const struct master *m, const json_t *question);
