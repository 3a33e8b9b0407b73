/* reply.c - whole answers: documents, and problems as RFC 9457 has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "runner/front_parts.h"

static void
reply_document(struct lane *l, int status, const char *fields, const char *type, json_t *document)
{
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	char all[LANE_FIELDS_MAX];

	json_decref(document);
	snprintf(all, sizeof all, "Cache-Control: no-store\r\n%s", fields);
	if (text)
		lane_answer(l, status, all, type, text, strlen(text));
	else
		lane_answer(l, 500, all, NULL, NULL, 0);
	free(text);
}

void
reply_json(struct lane *l, int status, const char *fields, json_t *document)
{
	reply_document(l, status, fields, "application/json", document);
}

void
reply_problem(struct lane *l, const struct run_problem *problem, const char *fields)
{
	reply_document(l, problem->status, fields, "application/problem+json", run_problem_json(problem));
}

void
reply_refusal(struct lane *l, int status, const char *detail, const char *fields)
{
	struct run_problem problem = { .status = status };

	snprintf(problem.detail, sizeof problem.detail, "%s", detail);
	reply_problem(l, &problem, fields);
}

void
reply_later(struct lane *l, int status, const char *detail, unsigned retry_after_s)
{
	char fields[PROBLEM_FIELDS_SIZE];

	snprintf(fields, sizeof fields, "Retry-After: %u\r\n", retry_after_s);
	reply_refusal(l, status, detail, fields);
}
