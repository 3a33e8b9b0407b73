/* request.h - the JSON of a request → a job.  The fields are in cfn-run(7). */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "run/job.h"
#include "run/language.h"
#include "run/offer.h"

enum {
	RUN_REQUEST_MAX = 8 << 20, /* bytes */
	RUN_REQUEST_DEPTH = 6,     /* objects and arrays within each other */
	RUN_REQUEST_VALUES = 8192,
	RUN_FIELD_SIZE = 128,
	RUN_DETAIL_SIZE = 512,
};

struct run_rules {
	const struct run_languages *languages;
	const struct run_offer *offers; /* one a row of languages; NULL: all are there, in any version */
	struct box_limits most, compile_most; /* all of them set, cpu_share too */
	uint64_t total_ms_most;
	uint64_t cpu_share; /* percent of one processor that a program has unless it asks; 0: as usual */
};

struct run_problem {
	int status;                 /* of HTTP: 400, 413, 422, 500 (no memory) */
	char field[RUN_FIELD_SIZE]; /* "cases[2].input"; may be empty */
	char detail[RUN_DETAIL_SIZE];
	int line, column; /* from 1, of what is no JSON; else 0 */
};

/* 0: *job is to be given to run_job_done; else -EINVAL and *problem.  The first JSON object of a process
 * makes jansson read random bytes: whoever enters a sandbox calls json_object_seed(0) before. */
int run_request_parse(struct run_job *job, const char *text, size_t n, const struct run_rules *rules,
                      struct run_problem *problem);
