/* result.h - what came of a run, as documents: the result, the events of a stream, and problems.  The fields
 * are in cfn-run(7). */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run/event.h"
#include "run/job.h"
#include "run/request.h"

/* What the events of one run left, in bounded memory. */
struct run_result;

enum {
	RUN_RESULT_OUTPUT_MAX = 32 << 20, /* bytes of streams and files that one result keeps */
	RUN_RESULT_FILES_MAX = 256,
};

struct run_result *run_result_new(const struct run_job *job); /* which has to outlive it; NULL: no memory */
void run_result_free(struct run_result *result);

/* Takes one event; what does not fit is left out and said to be (`truncated`).  0; -EBADMSG: it is not one
 * that may come now; -ENOMEM. */
int run_result_take(struct run_result *result, const struct run_event *event);

/* Whether the last event was taken. */
bool run_result_has_ended(const struct run_result *result);

/* Of all; RUN_INTERNAL_ERROR before its end. */
enum run_status run_result_status(const struct run_result *result);

/* For a run that will not end by itself: its keeper died, or lied. */
void run_result_fail(struct run_result *result, const char *message);

/* What the engine does not know. */
struct run_facts {
	const char *id;                               /* NULL: none */
	uint64_t created_us, started_us, finished_us; /* since 1970; 0: unknown */
	const char *isolation;                        /* the level: "full" ...; NULL: unknown */
};

/* NULL: no memory. */
json_t *run_result_json(const struct run_result *result, const struct run_facts *facts);

/* Its name and its data in an event stream; NULL as data: no memory. */
const char *run_event_word(enum run_event_type type);
json_t *run_event_json(const struct run_event *event, enum run_encoding encoding);

/* A problem document: RFC 9457. */
json_t *run_problem_json(const struct run_problem *problem);
