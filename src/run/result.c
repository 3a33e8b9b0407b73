/* result.c - gathers the events of a run. */
#include "run/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"
#include "run/result_parts.h"

struct run_result *
run_result_new(const struct run_job *job)
{
	struct run_result *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->job = job;
	r->whole.status = RUN_INTERNAL_ERROR;
	r->cases = calloc(job->n_cases, sizeof *r->cases);
	r->files = calloc(RUN_RESULT_FILES_MAX, sizeof *r->files);
	if (r->cases && r->files)
		return r;
	run_result_free(r);
	return NULL;
}

static void
report_done(struct run_report *report)
{
	free((void *)(uintptr_t)report->out);
	free((void *)(uintptr_t)report->err);
}

void
run_result_free(struct run_result *r)
{
	if (!r)
		return;
	report_done(&r->compile);
	for (size_t i = 0; i < r->n_ended; i++)
		report_done(&r->cases[i]);
	for (size_t i = 0; i < r->n_files; i++)
		free(r->files[i].data);
	free(r->cases);
	free(r->files);
	free(r);
}

static int
report_keep(struct run_result *r, struct run_report *to, const struct run_report *from,
            const struct box_limits *limits)
{
	const size_t seam = limits->output - limits->output_end;
	struct run_report report = *from;

	if (result_keep_stream(r, &report.out, &report.size_out, report.n_out, seam) < 0)
		return -ENOMEM;
	if (result_keep_stream(r, &report.err, &report.size_err, report.n_err, seam) < 0) {
		free((void *)(uintptr_t)report.out);
		return -ENOMEM;
	}
	*to = report;
	return 0;
}

static int
take_compiled(struct run_result *r, const struct run_event *event)
{
	int rc = report_keep(r, &r->compile, &event->report, &r->job->compile_limits);

	r->is_compiled = rc == 0;
	return rc;
}

static int
take_case(struct run_result *r, const struct run_event *event)
{
	if (event->index != r->n_cases || r->n_cases == r->job->n_cases)
		return -EBADMSG;
	r->n_cases++;
	return 0;
}

static int
take_usage(struct run_result *r, const struct run_event *event)
{
	r->usage = event->usage;
	r->has_usage = true;
	return 0;
}

static int
take_file(struct run_result *r, const struct run_event *event)
{
	struct result_file *file = &r->files[r->n_files];

	if (r->n_files == RUN_RESULT_FILES_MAX)
		return 0;
	*file = (struct result_file){ .index = event->index, .n = event->n };
	utf8_copy(file->name, sizeof file->name, event->name);
	if (result_keep_file(r, file, event->data) < 0)
		return -ENOMEM;
	r->n_files++;
	return 0;
}

static int
take_case_ended(struct run_result *r, const struct run_event *event)
{
	int rc = report_keep(r, &r->cases[r->n_ended], &event->report, &r->job->limits);

	if (rc == 0)
		r->n_ended++;
	return rc;
}

static int
take_ended(struct run_result *r, const struct run_event *event)
{
	r->whole = event->report;
	r->whole.out = r->whole.err = NULL;
	r->whole.size_out = r->whole.size_err = 0;
	return 0;
}

#define IN(state) (1U << (state))

/* When an event may come, what it leads to, and whether it is of the case that is under way.  Whoever sends
 * them runs strangers' programs: an order that makes no sense is a lie. */
static const struct row {
	unsigned from;
	enum result_state to;
	bool is_of_case;
	int (*take)(struct run_result *r, const struct run_event *event);
} rows[RUN_EVENT_TYPES] = {
	[RUN_EVENT_COMPILING] = { IN(RESULT_NEW), RESULT_COMPILING, false, NULL },
	[RUN_EVENT_COMPILED] = { IN(RESULT_NEW) | IN(RESULT_COMPILING), RESULT_READY, false, take_compiled },
	[RUN_EVENT_CASE] = { IN(RESULT_NEW) | IN(RESULT_READY), RESULT_IN_CASE, false, take_case },
	[RUN_EVENT_OUTPUT] = { IN(RESULT_IN_CASE), RESULT_IN_CASE, true, NULL },
	[RUN_EVENT_USAGE] = { IN(RESULT_IN_CASE), RESULT_IN_CASE, true, take_usage },
	[RUN_EVENT_FILE] = { IN(RESULT_IN_CASE), RESULT_IN_CASE, true, take_file },
	[RUN_EVENT_CASE_ENDED] = { IN(RESULT_IN_CASE), RESULT_READY, true, take_case_ended },
	[RUN_EVENT_ENDED] = { ~IN(RESULT_ENDED), RESULT_ENDED, false, take_ended },
};

int
run_result_take(struct run_result *r, const struct run_event *event)
{
	const struct row *row = event->type < RUN_EVENT_TYPES ? &rows[event->type] : &rows[0];
	int rc = 0;

	if (!(row->from & IN(r->state)) || (row->is_of_case && event->index != r->n_cases - 1))
		return -EBADMSG;
	if (row->take)
		rc = row->take(r, event);
	if (rc == 0)
		r->state = row->to;
	return rc;
}

void
run_result_fail(struct run_result *r, const char *message)
{
	r->whole = (struct run_report){ .status = RUN_INTERNAL_ERROR };
	utf8_copy(r->whole.message, sizeof r->whole.message, message);
	r->state = RESULT_ENDED;
}

bool
run_result_has_ended(const struct run_result *r)
{
	return r->state == RESULT_ENDED;
}

enum run_status
run_result_status(const struct run_result *r)
{
	return r->whole.status;
}

const struct run_usage *
run_result_usage(const struct run_result *r, uint32_t *index)
{
	*index = r->n_cases > 0 ? (uint32_t)r->n_cases - 1 : 0;
	return r->has_usage ? &r->usage : NULL;
}
