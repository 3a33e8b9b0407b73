/* engine_box.c - a box of a run: how it is made, what is said while it runs, and its report. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "run/engine_parts.h"
#include "sandbox/filter.h"

_Static_assert((int)RUN_SYSCALL_SIZE >= (int)SYSCALL_NAME_SIZE, "a name fits");
_Static_assert((int)RUN_FILE_NAME_SIZE >= (int)BOX_MATCH_NAME_SIZE, "a name fits");
_Static_assert((int)RUN_INDEX_MAX >= (int)RUN_CASES_MAX, "every case has a number");

void
run_say(const struct run *r, const struct run_event *event)
{
	r->watcher->say(r->watcher->context, event);
}

void
run_message_set(char message[RUN_MESSAGE_SIZE], const char *text)
{
	size_t n = 0, length;

	for (; *text && n + 4 < RUN_MESSAGE_SIZE; text += length > 0 ? length : 1) {
		length = utf8_sequence(text, strlen(text));
		if (length == 0 || (unsigned char)*text < ' ' || *text == 0x7f) {
			message[n++] = '?';
		} else {
			memcpy(message + n, text, length);
			n += length;
		}
	}
	message[n] = '\0';
}

void
run_time_left(const struct run *r, struct box_limits *limits)
{
	uint64_t now = clock_now_us(), left = now < r->deadline_us ? (r->deadline_us - now) / 1000 : 0;

	if (left < limits->wall_ms)
		limits->wall_ms = left > 0 ? left : 1;
}

struct box_plan
run_plan(const struct run *r, const char *name, enum box_profile profile)
{
	return (struct box_plan){
		.name = name,
		.profile = profile,
		.argv = r->command.line.words,
		.env = r->command.environment.words,
		.input = -1,
		.system = r->command.system.words,
		.system_root = r->language->root[0] ? r->language->root : NULL,
		.has_proc_self_exe = r->language->has_proc_self_exe,
		.files = r->job->files,
		.n_files = r->job->n_files,
		.uid_range = r->place->uid,
		.cgroup = r->place->cgroup,
		.base = r->place->base,
		.match_max = RUN_OUTPUT_FILE_MAX,
		.matches_max = RUN_OUTPUT_FILES_MAX,
	};
}

/* ---- while it runs ---- */

static void
output_say(void *context, unsigned stream, const char *data, size_t n)
{
	const struct run *r = context;

	run_say(r, &(const struct run_event){
		       .type = RUN_EVENT_OUTPUT, .index = r->index, .stream = stream, .data = data, .n = n });
}

static void
usage_say(void *context, const struct box_usage *usage)
{
	const struct run *r = context;

	run_say(r, &(const struct run_event){
		       .type = RUN_EVENT_USAGE,
		       .index = r->index,
		       .usage = { usage->memory, usage->cpu_us, usage->processes,
	                          clock_now_us() - r->started_us },
		   });
}

/* Names are the program's: one that no answer could hold is left out. */
static void
file_say(void *context, const char *name, const char *data, size_t n)
{
	const struct run *r = context;

	if (run_event_name_is_good(name))
		run_say(r,
		        &(const struct run_event){
			    .type = RUN_EVENT_FILE, .index = r->index, .name = name, .data = data, .n = n });
}

int
run_box(struct run *r, struct box_plan *plan, struct box_result *box, struct err *e)
{
	const bool is_program = plan->profile == BOX_RUN;
	const struct box_watcher watcher = {
		.output = is_program ? output_say : NULL,
		.usage = is_program ? usage_say : NULL,
		.file = is_program ? file_say : NULL,
		.context = r,
		.cancel = r->watcher->cancel,
	};
	int rc;

	plan->watcher = &watcher;
	r->started_us = clock_now_us();
	rc = box_run(plan, box, e);
	plan->watcher = NULL;
	if (rc == 0 && box->is_cancelled) {
		box_result_done(box);
		return err_set(e, -ECANCELED, "the run was cancelled");
	}
	return rc;
}

/* ---- afterwards ---- */

/* What is said of a status that a limit is behind: before and after its number. */
static const struct {
	const char *before, *after;
	size_t limit; /* in struct box_limits */
} messages[RUN_STATUSES] = {
#define OF(field) offsetof(struct box_limits, field)
	[RUN_CPU_TIME_LIMIT] = { "it used more than", "ms of CPU time", OF(cpu_ms) },
	[RUN_WALL_TIME_LIMIT] = { "it was not over after", "ms", OF(wall_ms) },
	[RUN_COMPILE_TIME_LIMIT] = { "the compiler may use", "ms of CPU time", OF(cpu_ms) },
	[RUN_MEMORY_LIMIT] = { "it has no more than", "bytes of memory", OF(memory) },
	[RUN_OUTPUT_LIMIT] = { "it wrote more than 16 times", "bytes", OF(output) },
	[RUN_PROCESS_LIMIT] = { "it has no more than", "processes and threads", OF(processes) },
#undef OF
};

static void
message_fill(struct run_report *report, const struct box_result *box, const struct box_limits *limits)
{
	char *to = report->message;
	uint64_t limit;

	if (report->status == RUN_SYSCALL_DENIED && report->syscall[0])
		snprintf(to, RUN_MESSAGE_SIZE, "it asked for %s, which no program gets", report->syscall);
	else if (report->status == RUN_CPU_TIME_LIMIT && box->has_met_budget)
		snprintf(to, RUN_MESSAGE_SIZE,
		         "it used more CPU time than %" PRIu64 " percent of its %" PRIu64 " ms",
		         limits->cpu_share, limits->wall_ms);
	else if (report->status == RUN_COMPILE_TIME_LIMIT && box->cause == CAUSE_WALL_TIME_LIMIT)
		snprintf(to, RUN_MESSAGE_SIZE, "the compiler was not over after %" PRIu64 " ms",
		         limits->wall_ms);
	else if (messages[report->status].before) {
		memcpy(&limit, (const char *)limits + messages[report->status].limit, sizeof limit);
		snprintf(to, RUN_MESSAGE_SIZE, "%s %" PRIu64 " %s", messages[report->status].before, limit,
		         messages[report->status].after);
	} else if (box->n_left_out > 0) {
		snprintf(to, RUN_MESSAGE_SIZE,
		         "outputs: %" PRIu32 " left out, over %d MiB, over %d MiB together, over %d files, "
		         "among too many names, or no plain file",
		         box->n_left_out, RUN_OUTPUT_FILE_MAX >> 20, RUN_OUTPUT_FILES_MAX >> 20,
		         BOX_MATCHES_MAX);
	}
}

static const char *
bytes_of(const struct buf *b)
{
	return buf_used(b) > 0 ? buf_head(b) : "";
}

void
run_report_fill(struct run_report *report, enum run_status status, const struct box_result *box,
                const struct box_limits *limits)
{
	*report = (struct run_report){
		.status = status,
		.ending = box->ending,
		.cpu_us = box->ending.cpu_us,
		.wall_us = box->wall_us,
		.memory_peak = box->memory_peak,
		.processes_peak = box->processes_peak,
		.n_out = box->n_out,
		.n_err = box->n_err,
		.has_cgroup = box->has_cgroup,
		.out = bytes_of(&box->out),
		.err = bytes_of(&box->err),
		.size_out = buf_used(&box->out),
		.size_err = buf_used(&box->err),
	};
	if (status == RUN_SYSCALL_DENIED && box->n_denied > 0)
		sandbox_syscall_name(box->denied, report->syscall);
	message_fill(report, box, limits);
}
