/* engine.c - a run from its beginning to its end: compiler, cases, verdict. */
#include "run/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "run/compare.h"
#include "run/engine_parts.h"

enum { ADDRESS_SPACE_MORE = 64 << 20 };

/* ---- one case ---- */

/* What a program holds is watched, and ends it with a word for it.  What it only asks for is a last net, and
 * wider: a program that is told that there is no memory ends in a hundred ways of its own. */
static uint64_t
address_space_of(const struct run *r)
{
	uint64_t wide = 2 * r->job->limits.memory + ADDRESS_SPACE_MORE;

	return r->language->program.address_space > wide ? r->language->program.address_space : wide;
}

/* What was left out of its output cannot have been right. */
static bool
is_right(const struct run_job *job, const struct run_case *c, const struct run_report *report)
{
	return !c->has_expected ||
	       (report->size_out == report->n_out &&
	        run_compare_equal(job->compare, job->tolerance, c->expected, c->n_expected,
	                          report->out ? report->out : "", report->size_out));
}

static void
case_judge(struct run *r, const struct run_case *c, struct run_report *report)
{
	if (report->status == RUN_ACCEPTED && !is_right(r->job, c, report)) {
		report->status = RUN_WRONG_ANSWER;
		if (report->size_out < report->n_out)
			snprintf(report->message, sizeof report->message,
			         "it wrote more than is kept, and so is not what was expected");
	}
	if (r->status == RUN_ACCEPTED) {
		r->status = report->status;
		memcpy(r->message, report->message, sizeof r->message);
	}
}

static int
case_run(struct run *r, const struct run_case *c, struct err *e)
{
	const struct box_file program = { RUN_PROGRAM, r->compiled.program, r->compiled.n_program };
	struct box_plan plan = run_plan(r, "program", BOX_RUN);
	struct run_event event = { .type = RUN_EVENT_CASE_ENDED, .index = r->index };
	struct box_result box;
	AUTO_FD input = fd_sealed_memory("cfn-input", c->input ? c->input : "", c->n_input, e);
	int rc;

	if (input < 0)
		return input;
	plan.input = input;
	plan.is_merged = r->job->is_merged;
	plan.limits = r->job->limits;
	plan.limits.address_space = address_space_of(r);
	plan.ahead = r->place->ahead;
	plan.program = r->compiled.program ? &program : NULL;
	plan.n_program = r->compiled.program ? 1 : 0;
	plan.patterns = r->job->outputs[0] ? r->job->outputs : NULL;
	run_time_left(r, &plan.limits);
	rc = run_box(r, &plan, &box, e);
	if (rc < 0)
		return rc;
	run_report_fill(&event.report, run_status_of(&box, &plan.limits), &box, &plan.limits);
	if (event.report.status == RUN_WALL_TIME_LIMIT && plan.limits.wall_ms < r->job->limits.wall_ms)
		snprintf(event.report.message, sizeof event.report.message,
		         "the whole run may take %" PRIu64 " ms", r->job->total_ms);
	case_judge(r, c, &event.report);
	run_say(r, &event);
	box_result_done(&box);
	return 0;
}

/* False: the time of the whole run is over. */
static bool
has_time(struct run *r)
{
	if (clock_now_us() < r->deadline_us)
		return true;
	r->status = r->status == RUN_ACCEPTED ? RUN_WALL_TIME_LIMIT : r->status;
	snprintf(r->message, sizeof r->message,
	         "the whole run may take %" PRIu64 " ms: %" PRIu32 " of %zu cases were run", r->job->total_ms,
	         r->index, r->job->n_cases);
	return false;
}

static int
cases_run(struct run *r, struct err *e)
{
	const struct run_command_parts parts = { r->job, true, true, r->job->limits.memory };
	int rc = run_command_make(&r->command, r->language, r->language->run, &parts, e);

	for (r->index = 0; rc == 0 && r->index < r->job->n_cases && has_time(r); r->index++) {
		if (r->status != RUN_ACCEPTED && r->job->stops_on_failure)
			break;
		run_say(r, &(const struct run_event){ .type = RUN_EVENT_CASE, .index = r->index });
		rc = case_run(r, &r->job->cases[r->index], e);
	}
	return rc;
}

/* ---- the whole ---- */

static int
job_check(const struct run_language *l, const struct run_job *job, struct err *e)
{
	char missing[RUN_LANGUAGE_PATH_SIZE];

	if (job->n_files == 0 || job->n_files > RUN_FILES_MAX)
		return err_set(e, -EINVAL, "%zu files: from 1 to %d", job->n_files, RUN_FILES_MAX);
	if (job->n_cases == 0 || job->n_cases > RUN_CASES_MAX)
		return err_set(e, -EINVAL, "%zu cases: from 1 to %d", job->n_cases, RUN_CASES_MAX);
	if (job->limits.output > RUN_KEPT_MAX / 2 || job->compile_limits.output > RUN_KEPT_MAX / 2)
		return err_set(e, -EINVAL, "output: more than %d bytes to keep", RUN_KEPT_MAX / 2);
	for (const char *const *o = job->options; *o; o++)
		if (!run_language_allows(l, *o))
			return err_set(e, -EINVAL, "%s does not take the option '%.64s'; it takes: %s",
			               l->name, *o, l->options[0] ? l->options : "none");
	if (!run_language_is_available(l, missing))
		return err_set(e, -ENOENT, "%s is not installed here: no %s", l->name, missing);
	return 0;
}

static void
ended_say(const struct run *r)
{
	struct run_event event = { .type = RUN_EVENT_ENDED, .report = { .status = r->status } };

	memcpy(event.report.message, r->message, sizeof event.report.message);
	run_say(r, &event);
}

static int
steps_do(struct run *r, struct err *e)
{
	int rc = job_check(r->language, r->job, e);

	if (rc == 0 && r->language->compile[0])
		rc = run_compile(r, e);
	if (rc == 0 && r->status == RUN_ACCEPTED)
		rc = cases_run(r, e);
	return rc;
}

int
run_job_do(const struct run_place *place, const struct run_language *language, const struct run_job *job,
           const struct run_watcher *watcher, struct err *e)
{
	AUTO_FREE struct run *r = calloc(1, sizeof *r);
	int rc;

	if (!r)
		return err_set(e, ENOMEM, "run");
	r->place = place;
	r->language = language;
	r->job = job;
	r->watcher = watcher;
	r->deadline_us = clock_now_us() + job->total_ms * 1000;
	rc = steps_do(r, e);
	run_cached_done(&r->compiled);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0) {
		r->status = RUN_INTERNAL_ERROR;
		run_message_set(r->message, e->text);
	}
	ended_say(r);
	run_header_make(r);
	return rc;
}
