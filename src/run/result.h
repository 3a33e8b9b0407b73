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

enum {
	RUN_RESULT_COST_MAX = 20 << 20, /* bytes of streams and files, as JSON, that one result keeps */
	RUN_RESULT_FILES_MAX = 256,
};

/* What the events of one run left, in bounded memory.  The job has to outlive it. */
struct run_result;
struct run_result *run_result_new(const struct run_job *job); /* NULL: no memory */
void run_result_free(struct run_result *result);              /* or NULL */

/* Takes one event; what does not fit is cut, and `truncated`.  0; -EBADMSG: it is not one that may come now;
 * -ENOMEM. */
int run_result_take(struct run_result *result, const struct run_event *event);

/* For a run that will not end by itself: internal_error, and why. */
void run_result_fail(struct run_result *result, const char *message);

bool run_result_has_ended(const struct run_result *result);

/* Of all; RUN_INTERNAL_ERROR before its end. */
enum run_status run_result_status(const struct run_result *result);

/* What it used when it was last said, and of which case; NULL: nothing was said yet. */
const struct run_usage *run_result_usage(const struct run_result *result, uint32_t *index);

/* What the engine does not know: times since 1970, 0: not known; texts, NULL: not known. */
struct run_facts {
	const char *id;
	uint64_t created_us, started_us, finished_us;
	const char *isolation; /* the level: "full" ... */
};

/* All documents: NULL when there is no memory. */
json_t *run_result_json(const struct run_result *result, const struct run_facts *facts);
json_t *run_usage_json(const struct run_usage *usage);
json_t *run_problem_json(const struct run_problem *problem); /* RFC 9457 */

/* A stream of events is text for its reader: a character whose end comes with the next event waits here. */
struct run_voice {
	char waiting[2][4]; /* of standard output, of standard error */
	size_t n_waiting[2];
};

/* The name of an event in an event stream, "stdout", and its data. */
const char *run_event_word(const struct run_event *event);
json_t *run_event_json(const struct run_event *event, enum run_encoding encoding, struct run_voice *voice);
