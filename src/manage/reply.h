/* reply.h - what a client is answered: as cfn-deploy said it, or why not. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "lane/lane.h"
#include "manage/job.h"

/* Why not, in one line.  fields: NULL, or lines of the caller's. */
void reply_refusal(struct lane *l, bool wants_json, int status, const char *detail, const char *fields);

/* What has come of a job; output and errors are its bytes. */
void reply_done(struct lane *l, bool wants_json, const struct job_done *done, const char *output,
                const char *errors);

/* The places of a compiler's words, "FILE:LINE:COLUMN: KIND: TEXT", as a list.  NULL: no memory. */
json_t *reply_diagnostics(const char *errors, size_t n);
