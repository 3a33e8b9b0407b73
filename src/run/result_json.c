/* result_json.c - the result of a run as a document. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"
#include "http/http.h"
#include "run/limits.h"
#include "run/result_parts.h"

/* RFC 3339, to the millisecond; null: it is not known. */
static json_t *
time_json(uint64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;
	char text[64];
	size_t n;

	if (us == 0 || !gmtime_r(&seconds, &tm))
		return json_null();
	n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof text - n, ".%03uZ", (unsigned)(us / 1000 % 1000));
	return json_string(text);
}

static json_t *
compile_json(const struct run_result *r)
{
	json_t *object;

	if (!r->is_compiled)
		return json_null();
	object = json_object();
	if (report_put(object, &r->compile, r->job->encoding, false) == 0 &&
	    json_object_set_new(object, "cached", json_boolean(r->compile.is_cached)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
file_json(const struct result_file *file, enum run_encoding encoding)
{
	json_t *object = json_pack("{s:s, s:I, s:b}", "name", file->name, "bytes", (json_int_t)file->n,
	                           "truncated", file->data == NULL);

	if (!file->data)
		json_object_set_new(object, "content", json_null());
	else if (put_text(object, "content", file->data, file->n, encoding) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* Of one case: an array, which is empty where no pattern met one. */
static json_t *
files_json(const struct run_result *r, size_t index)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].index == index &&
		    json_array_append_new(list, file_json(&r->files[i], r->job->encoding)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *
case_json(const struct run_result *r, size_t index)
{
	json_t *object = json_pack("{s:s}", "name", r->job->cases[index].name);

	if (report_put(object, &r->cases[index], r->job->encoding, r->job->is_merged) == 0 &&
	    json_object_set_new(object, "files", files_json(r, index)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
cases_json(const struct run_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_ended; i++)
		if (json_array_append_new(list, case_json(r, i)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static uint64_t
more(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* All cases as one: how long they took together, the highest peaks. */
static struct run_report
sum_of_cases(const struct run_result *r)
{
	struct run_report sum = { 0 };

	for (size_t i = 0; i < r->n_ended; i++) {
		sum.cpu_us += r->cases[i].cpu_us;
		sum.wall_us += r->cases[i].wall_us;
		sum.memory_peak = more(sum.memory_peak, r->cases[i].memory_peak);
		sum.processes_peak = more(sum.processes_peak, r->cases[i].processes_peak);
	}
	return sum;
}

/* The one program of a request without cases.  One that was never started has its compiler's words, where a
 * client that knows of nothing else looks for them. */
static struct run_report
only_report(const struct run_result *r)
{
	struct run_report report = { 0 };

	if (r->n_ended > 0)
		return r->cases[0];
	if (r->is_compiled && r->compile.status != RUN_ACCEPTED) {
		bool has_err = r->compile.size_err > 0;

		report.err = has_err ? r->compile.err : r->compile.out;
		report.size_err = has_err ? r->compile.size_err : r->compile.size_out;
		report.n_err = has_err ? r->compile.n_err : r->compile.n_out;
	}
	return report;
}

/* Merged, there is one stream for them. */
static void
move_err(struct run_report *report)
{
	if (report->size_out > 0 || report->size_err == 0)
		return;
	report->out = report->err;
	report->size_out = report->size_err;
	report->n_out = report->n_err;
	report->n_err = report->size_err = 0;
}

static int
put_program(json_t *object, const struct run_result *r)
{
	struct run_report report = only_report(r);

	if (r->job->has_cases) {
		report = sum_of_cases(r);
		return report_put_usage(object, &report) < 0
		           ? -1
		           : json_object_set_new(object, "cases", cases_json(r));
	}
	if (r->job->is_merged)
		move_err(&report);
	if (report_put(object, &report, r->job->encoding, r->job->is_merged) < 0)
		return -1;
	return json_object_set_new(object, "files", files_json(r, 0));
}

/* What the whole is called stands over what its only program is. */
static int
put_whole(json_t *object, const struct run_result *r)
{
	return json_object_update_new(
	    object, json_pack("{s:s, s:s, s:o, s:o, s:o}", "status", run_status_word(r->whole.status),
	                      "language", r->job->language, "version", text_or_null(r->job->version),
	                      "message", text_or_null(r->whole.message), "compile", compile_json(r)));
}

static json_t *
isolation_json(const struct run_result *r, const char *level)
{
	const struct run_report *last = r->n_ended > 0 ? &r->cases[r->n_ended - 1] : &r->compile;

	if (r->n_ended == 0 && !r->is_compiled)
		return json_pack("{s:o, s:n}", "level", text_or_null(level), "memory");
	return json_pack("{s:o, s:s}", "level", text_or_null(level), "memory",
	                 last->has_cgroup ? "cgroup" : "rlimit");
}

static json_t *
milliseconds_between(uint64_t from_us, uint64_t to_us)
{
	if (from_us == 0 || to_us < from_us)
		return json_null();
	return json_integer((json_int_t)((to_us - from_us) / 1000));
}

static int
put_facts(json_t *object, const struct run_result *r, const struct run_facts *f)
{
	return json_object_update_new(object,
	                              json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "limits",
	                                        run_limits_json(&r->job->limits), "compile_limits",
	                                        run_limits_json(&r->job->compile_limits), "total_ms",
	                                        (json_int_t)r->job->total_ms, "isolation",
	                                        isolation_json(r, f->isolation), "queued_ms",
	                                        milliseconds_between(f->created_us, f->started_us),
	                                        "created_at", time_json(f->created_us), "finished_at",
	                                        time_json(f->finished_us), "id", text_or_null(f->id)));
}

json_t *
run_result_json(const struct run_result *r, const struct run_facts *facts)
{
	json_t *object = json_object();

	if (object && put_program(object, r) == 0 && put_whole(object, r) == 0 &&
	    put_facts(object, r, facts) == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *
run_problem_json(const struct run_problem *p)
{
	json_t *object = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
	                           http_status_text(p->status), "status", p->status, "detail", p->detail);

	if (object && p->field[0])
		json_object_set_new(object, "field", json_string(p->field));
	if (object && p->line > 0) {
		json_object_set_new(object, "line", json_integer(p->line));
		json_object_set_new(object, "column", json_integer(p->column));
	}
	return object;
}
