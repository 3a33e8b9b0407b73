/* test_run_result.c - what events become: the result, the data of a stream, problems. */
#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/result.h"

#define NOW UINT64_C(1700000000123456)

static struct run_job
some_job(void)
{
	return (struct run_job){
		.language = "C++",
		.version = "12.2.0",
		.files = { { "main.cpp", "", 0 } },
		.n_files = 1,
		.cases = { { .input = "" } },
		.n_cases = 1,
		.limits = { .memory = 128 << 20,
		            .cpu_ms = 5000,
		            .wall_ms = 10000,
		            .cpu_share = 50,
		            .processes = 32,
		            .files = 64,
		            .disk = 10 << 20,
		            .output = 100,
		            .output_end = 50 },
		.compile_limits = { .memory = 512 << 20, .cpu_ms = 20000, .cpu_share = 10000, .output = 100 },
		.total_ms = 50000,
	};
}

static const struct run_facts some_facts = { "abc", NOW, NOW + 25000, NOW + 125000, "full" };

static struct run_report
some_report(enum run_status status, int code, int how, const char *out, const char *err)
{
	return (struct run_report){
		.status = status,
		.ending = { .code = code, .status = how },
		.cpu_us = 12345,
		.wall_us = 23456,
		.memory_peak = 1 << 20,
		.processes_peak = 2,
		.n_out = strlen(out),
		.n_err = strlen(err),
		.has_cgroup = true,
		.out = out,
		.err = err,
		.size_out = strlen(out),
		.size_err = strlen(err),
	};
}

static void
take(struct run_result *r, struct run_event event)
{
	assert_int_equal(run_result_take(r, &event), 0);
}

/* A run of one program without a compiler. */
static struct run_result *
run_one(const struct run_job *job, struct run_report report)
{
	struct run_result *r = run_result_new(job);

	assert_non_null(r);
	take(r, (struct run_event){ .type = RUN_EVENT_CASE });
	take(r, (struct run_event){ .type = RUN_EVENT_CASE_ENDED, .report = report });
	take(r, (struct run_event){ .type = RUN_EVENT_ENDED, .report = { .status = report.status } });
	return r;
}

static json_t *
document_of(struct run_result *r)
{
	json_t *d = run_result_json(r, &some_facts);

	assert_non_null(d);
	run_result_free(r);
	return d;
}

/* A path of members and [indexes]: "cases[1].stdout". */
static const json_t *
at(const json_t *d, const char *path)
{
	char name[64];
	int n;

	while (d && *path) {
		size_t index;

		if (sscanf(path, "[%zu]%n", &index, &n) == 1)
			d = json_array_get(d, index);
		else if (sscanf(path, "%63[^.[]%n", name, &n) == 1)
			d = json_object_get(d, name);
		path += n;
		path += *path == '.';
	}
	return d;
}

static void
assert_text(const json_t *d, const char *path, const char *text)
{
	const char *is = json_string_value(at(d, path));

	if (!is || strcmp(is, text) != 0)
		fail_msg("%s is %s and not %s", path, is ? is : "no text", text);
}

static void
assert_number(const json_t *d, const char *path, json_int_t number)
{
	if (!json_is_integer(at(d, path)) || json_integer_value(at(d, path)) != number)
		fail_msg("%s is %lld and not %lld", path, (long long)json_integer_value(at(d, path)),
		         (long long)number);
}

static void
assert_null_at(const json_t *d, const char *path)
{
	if (!json_is_null(at(d, path)))
		fail_msg("%s is not null", path);
}

static void
a_result_has_every_field(void **state)
{
	struct run_job job = some_job();
	json_t *d =
	    document_of(run_one(&job, some_report(RUN_ACCEPTED, CLD_EXITED, 0, "Hello\n", "a warning")));

	assert_text(d, "status", "accepted");
	assert_text(d, "language", "C++");
	assert_text(d, "version", "12.2.0");
	assert_text(d, "stdout", "Hello\n");
	assert_text(d, "stdout_encoding", "utf-8");
	assert_number(d, "stdout_bytes", 6);
	assert_text(d, "stderr", "a warning");
	assert_text(d, "stderr_encoding", "utf-8");
	assert_number(d, "stderr_bytes", 9);
	assert_true(json_is_false(at(d, "truncated")));
	assert_number(d, "exit_code", 0);
	assert_null_at(d, "signal");
	assert_null_at(d, "signal_number");
	assert_null_at(d, "syscall");
	assert_null_at(d, "message");
	assert_null_at(d, "compile");
	assert_number(d, "cpu_ms", 12);
	assert_number(d, "wall_ms", 23);
	assert_number(d, "memory_peak_bytes", 1 << 20);
	assert_number(d, "processes_peak", 2);
	assert_number(d, "limits.memory_bytes", 128 << 20);
	assert_number(d, "limits.cpu_ms", 5000);
	assert_number(d, "limits.wall_ms", 10000);
	assert_number(d, "limits.processes", 32);
	assert_number(d, "limits.files", 64);
	assert_number(d, "limits.disk_bytes", 10 << 20);
	assert_number(d, "limits.output_bytes", 100);
	assert_number(d, "limits.cpu_share_percent", 50);
	assert_number(d, "compile_limits.cpu_ms", 20000);
	assert_null_at(d, "compile_limits.cpu_share_percent");
	assert_number(d, "total_ms", 50000);
	assert_text(d, "isolation.level", "full");
	assert_text(d, "isolation.memory", "cgroup");
	assert_number(d, "queued_ms", 25);
	assert_text(d, "created_at", "2023-11-14T22:13:20.123Z");
	assert_text(d, "finished_at", "2023-11-14T22:13:20.248Z");
	assert_text(d, "id", "abc");
	assert_true(json_is_array(at(d, "files")));
	assert_null(at(d, "cases"));
	assert_null(at(d, "output"));
	json_decref(d);
	(void)state;
}

static const struct {
	int number;
	const char *name;
} signals[] = { { SIGSEGV, "SIGSEGV" }, { SIGKILL, "SIGKILL" }, { SIGABRT, "SIGABRT" }, { 40, "SIG40" } };

static void
a_signal_has_its_name_and_number(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct run_job job = some_job();
		json_t *d = document_of(
		    run_one(&job, some_report(RUN_SIGNAL, CLD_KILLED, signals[i].number, "", "")));

		assert_text(d, "status", "signal");
		assert_text(d, "signal", signals[i].name);
		assert_number(d, "signal_number", signals[i].number);
		assert_null_at(d, "exit_code");
		json_decref(d);
	}
	(void)state;
}

static void
what_is_not_known_is_null(void **state)
{
	struct run_job job = some_job();
	struct run_result *r = run_one(&job, (struct run_report){ .status = RUN_ACCEPTED });
	json_t *d = run_result_json(r, &(struct run_facts){ 0 });

	assert_null_at(d, "exit_code");
	assert_null_at(d, "signal");
	assert_null_at(d, "memory_peak_bytes");
	assert_null_at(d, "processes_peak");
	assert_null_at(d, "queued_ms");
	assert_null_at(d, "created_at");
	assert_null_at(d, "finished_at");
	assert_null_at(d, "id");
	assert_null_at(d, "isolation.level");
	assert_text(d, "isolation.memory", "rlimit");
	assert_text(d, "stdout", "");
	json_decref(d);
	run_result_free(r);
	(void)state;
}

static void
bytes_that_are_no_text_are_base64(void **state)
{
	struct run_job job = some_job();
	json_t *d = document_of(run_one(&job, some_report(RUN_ACCEPTED, CLD_EXITED, 0, "\xff\xfe", "naïve")));

	assert_text(d, "stdout", "//4=");
	assert_text(d, "stdout_encoding", "base64");
	assert_text(d, "stderr", "naïve");
	assert_text(d, "stderr_encoding", "utf-8");
	json_decref(d);
	(void)state;
}

static void
all_is_base64_when_that_is_asked_for(void **state)
{
	struct run_job job = some_job();
	json_t *d;

	job.encoding = RUN_ENCODING_BASE64;
	d = document_of(run_one(&job, some_report(RUN_ACCEPTED, CLD_EXITED, 0, "a", "")));
	assert_text(d, "stdout", "YQ==");
	assert_text(d, "stdout_encoding", "base64");
	assert_text(d, "stderr_encoding", "base64");
	json_decref(d);
	(void)state;
}

static void
a_nul_is_text(void **state)
{
	struct run_job job = some_job();
	struct run_report report = some_report(RUN_ACCEPTED, CLD_EXITED, 0, "", "");
	json_t *d;

	report.out = "a\0b";
	report.n_out = report.size_out = 3;
	d = document_of(run_one(&job, report));
	assert_int_equal(json_string_length(at(d, "stdout")), 3);
	assert_memory_equal(json_string_value(at(d, "stdout")), "a\0b", 3);
	json_decref(d);
	(void)state;
}

static void
merged_there_is_one_output(void **state)
{
	struct run_job job = some_job();
	json_t *d;

	job.is_merged = true;
	d = document_of(run_one(&job, some_report(RUN_ACCEPTED, CLD_EXITED, 0, "both", "")));
	assert_text(d, "output", "both");
	assert_text(d, "output_encoding", "utf-8");
	assert_number(d, "output_bytes", 4);
	assert_null(at(d, "stdout"));
	assert_null(at(d, "stderr"));
	json_decref(d);
	(void)state;
}

/* Head and tail of 50 bytes each: the seam is in the middle of a character of each. */
static void
a_cut_output_stays_text(void **state)
{
	struct run_job job = some_job();
	struct run_report report = some_report(RUN_ACCEPTED, CLD_EXITED, 0, "", "");
	char out[100];
	json_t *d;

	memset(out, 'x', sizeof out);
	memcpy(out + 48, "\xe2\x82\x82\xac", 4); /* the first two bytes of one, the last two of another */
	report.out = out;
	report.size_out = sizeof out;
	report.n_out = 5000;
	d = document_of(run_one(&job, report));
	assert_text(d, "stdout_encoding", "utf-8");
	assert_int_equal(json_string_length(at(d, "stdout")), 96);
	assert_number(d, "stdout_bytes", 5000);
	assert_true(json_is_true(at(d, "truncated")));
	json_decref(d);
	(void)state;
}

static void
a_cut_output_that_is_no_text_is_not_mended(void **state)
{
	struct run_job job = some_job();
	struct run_report report = some_report(RUN_ACCEPTED, CLD_EXITED, 0, "", "");
	char out[100];
	json_t *d;

	memset(out, '\xff', sizeof out);
	memcpy(out + 48, "\xe2\x82\x82\xac", 4);
	report.out = out;
	report.size_out = sizeof out;
	report.n_out = 5000;
	d = document_of(run_one(&job, report));
	assert_text(d, "stdout_encoding", "base64");
	assert_int_equal(json_string_length(at(d, "stdout")), 136);
	json_decref(d);
	(void)state;
}

static struct run_result *
compile_only(const struct run_job *job, struct run_report report)
{
	struct run_result *r = run_result_new(job);

	assert_non_null(r);
	take(r, (struct run_event){ .type = RUN_EVENT_COMPILING });
	take(r, (struct run_event){ .type = RUN_EVENT_COMPILED, .report = report });
	take(r, (struct run_event){ .type = RUN_EVENT_ENDED, .report = { .status = report.status } });
	return r;
}

static void
what_a_compiler_says_stands_in_stderr_too(void **state)
{
	struct run_job job = some_job();
	struct run_report report = some_report(RUN_COMPILE_ERROR, CLD_EXITED, 1, "", "main.cpp:1: error");
	json_t *d = document_of(compile_only(&job, report));

	assert_text(d, "status", "compile_error");
	assert_text(d, "stdout", "");
	assert_text(d, "stderr", "main.cpp:1: error");
	assert_number(d, "stderr_bytes", 17);
	assert_null_at(d, "exit_code");
	assert_text(d, "compile.status", "compile_error");
	assert_number(d, "compile.exit_code", 1);
	assert_text(d, "compile.stderr", "main.cpp:1: error");
	assert_number(d, "compile.cpu_ms", 12);
	assert_true(json_is_false(at(d, "compile.cached")));
	json_decref(d);
	job.is_merged = true;
	d = document_of(compile_only(&job, report));
	assert_text(d, "output", "main.cpp:1: error");
	json_decref(d);
	(void)state;
}

static void
a_compiler_that_was_not_run_is_cached(void **state)
{
	struct run_job job = some_job();
	struct run_result *r = run_result_new(&job);
	json_t *d;

	take(r, (struct run_event){ .type = RUN_EVENT_COMPILING });
	take(r, (struct run_event){ .type = RUN_EVENT_COMPILED, .report = { .is_cached = true } });
	take(r, (struct run_event){ .type = RUN_EVENT_CASE });
	take(r, (struct run_event){ .type = RUN_EVENT_CASE_ENDED,
	                            .report = some_report(RUN_ACCEPTED, CLD_EXITED, 0, "x", "") });
	take(r, (struct run_event){ .type = RUN_EVENT_ENDED });
	d = document_of(r);
	assert_true(json_is_true(at(d, "compile.cached")));
	assert_text(d, "stdout", "x");
	json_decref(d);
	(void)state;
}

static void
cases_have_a_result_each(void **state)
{
	struct run_job job = some_job();
	struct run_result *r;
	json_t *d;

	job.has_cases = true;
	job.n_cases = 3;
	memcpy(job.cases[1].name, "second", 7);
	r = run_result_new(&job);
	for (uint32_t i = 0; i < 2; i++) {
		enum run_status status = i == 1 ? RUN_WRONG_ANSWER : RUN_ACCEPTED;
		struct run_report report = some_report(status, CLD_EXITED, 0, i == 1 ? "b" : "a", "");

		report.memory_peak *= i + 1;
		take(r, (struct run_event){ .type = RUN_EVENT_CASE, .index = i });
		take(r, (struct run_event){
			    .type = RUN_EVENT_FILE, .index = i, .name = "f.txt", .data = "1", .n = 1 });
		take(r, (struct run_event){ .type = RUN_EVENT_CASE_ENDED, .index = i, .report = report });
	}
	take(r, (struct run_event){ .type = RUN_EVENT_ENDED,
	                            .report = { .status = RUN_WRONG_ANSWER, .message = "case 1" } });
	d = document_of(r);
	assert_text(d, "status", "wrong_answer");
	assert_text(d, "message", "case 1");
	assert_number(d, "cpu_ms", 24);
	assert_number(d, "wall_ms", 46);
	assert_number(d, "memory_peak_bytes", 2 << 20);
	assert_number(d, "processes_peak", 2);
	assert_null(at(d, "stdout"));
	assert_int_equal(json_array_size(at(d, "cases")), 2);
	assert_text(d, "cases[0].name", "");
	assert_text(d, "cases[0].status", "accepted");
	assert_text(d, "cases[1].name", "second");
	assert_text(d, "cases[1].status", "wrong_answer");
	assert_text(d, "cases[1].stdout", "b");
	assert_number(d, "cases[1].exit_code", 0);
	assert_text(d, "cases[1].files[0].name", "f.txt");
	json_decref(d);
	(void)state;
}

static void
files_come_back_whole(void **state)
{
	struct run_job job = some_job();
	struct run_result *r = run_result_new(&job);
	json_t *d;

	take(r, (struct run_event){ .type = RUN_EVENT_CASE });
	take(r, (struct run_event){ .type = RUN_EVENT_FILE, .name = "out/a.txt", .data = "text", .n = 4 });
	take(r, (struct run_event){ .type = RUN_EVENT_FILE, .name = "b.bin", .data = "\xff", .n = 1 });
	take(r, (struct run_event){ .type = RUN_EVENT_FILE, .name = "empty", .data = "", .n = 0 });
	take(r, (struct run_event){ .type = RUN_EVENT_CASE_ENDED });
	take(r, (struct run_event){ .type = RUN_EVENT_ENDED });
	d = document_of(r);
	assert_text(d, "files[0].name", "out/a.txt");
	assert_text(d, "files[0].content", "text");
	assert_text(d, "files[0].content_encoding", "utf-8");
	assert_number(d, "files[0].bytes", 4);
	assert_true(json_is_false(at(d, "files[0].truncated")));
	assert_text(d, "files[1].content", "/w==");
	assert_text(d, "files[1].content_encoding", "base64");
	assert_text(d, "files[2].content", "");
	json_decref(d);
	(void)state;
}

static void
a_result_keeps_no_more_than_an_answer_may_hold(void **state)
{
	struct run_job job = some_job();
	struct run_result *r = run_result_new(&job);
	size_t n = RUN_OUTPUT_FILE_MAX;
	char *data = malloc(n), *text;
	json_t *d;

	assert_non_null(data);
	memset(data, '\x01', n); /* six bytes each as JSON */
	take(r, (struct run_event){ .type = RUN_EVENT_CASE });
	for (size_t i = 0; i < RUN_RESULT_FILES_MAX + 1; i++)
		take(r, (struct run_event){ .type = RUN_EVENT_FILE, .name = "f", .data = data, .n = n });
	take(r, (struct run_event){ .type = RUN_EVENT_CASE_ENDED,
	                            .report = { .out = data, .size_out = n, .n_out = n } });
	take(r, (struct run_event){ .type = RUN_EVENT_ENDED });
	d = document_of(r);
	assert_int_equal(json_array_size(at(d, "files")), RUN_RESULT_FILES_MAX);
	assert_true(json_is_null(at(d, "files[255].content")));
	assert_true(json_is_true(at(d, "files[255].truncated")));
	assert_number(d, "files[255].bytes", (json_int_t)n);
	assert_true(json_is_true(at(d, "truncated")));
	assert_true(json_string_length(at(d, "stdout")) < n);
	text = json_dumps(d, JSON_COMPACT);
	assert_true(strlen(text) < RUN_RESULT_COST_MAX + (1 << 20));
	free(text);
	free(data);
	json_decref(d);
	(void)state;
}

/* One letter an event: c(ompiling), C(ompiled), b(egin), o(utput), u(sage), f(ile), e(nd of a case), E(nd);
 * a digit is the number of the case from there on. */
static const struct {
	const char *events;
	int rc; /* of the last one */
} orders[] = {
	{ "cCboufeE", 0 },   { "beb", -EBADMSG },
	{ "0be1beE", 0 },    { "E", 0 },
	{ "cE", 0 },         { "cCE", 0 },
	{ "bE", 0 },         { "C", 0 },
	{ "cc", -EBADMSG },  { "cCc", -EBADMSG },
	{ "cb", -EBADMSG },  { "o", -EBADMSG },
	{ "u", -EBADMSG },   { "f", -EBADMSG },
	{ "e", -EBADMSG },   { "bb", -EBADMSG },
	{ "bee", -EBADMSG }, { "beo", -EBADMSG },
	{ "1b", -EBADMSG },  { "b1o", -EBADMSG },
	{ "b1e", -EBADMSG }, { "0be1be2b", -EBADMSG },
	{ "beC", -EBADMSG }, { "EE", -EBADMSG },
	{ "Eb", -EBADMSG },  { "bEe", -EBADMSG },
	{ "cCbeE", 0 },      { "x", -EBADMSG },
};

static struct run_event
event_of(char letter, uint32_t index)
{
	static const char letters[] = "?cCboufeE";
	static const enum run_event_type types[] = {
		0,
		RUN_EVENT_COMPILING,
		RUN_EVENT_COMPILED,
		RUN_EVENT_CASE,
		RUN_EVENT_OUTPUT,
		RUN_EVENT_USAGE,
		RUN_EVENT_FILE,
		RUN_EVENT_CASE_ENDED,
		RUN_EVENT_ENDED,
	};
	const char *found = strchr(letters, letter);

	return (struct run_event){
		.type = found ? types[found - letters] : RUN_EVENT_TYPES,
		.index = index,
		.stream = 1,
		.name = "f",
		.data = "",
	};
}

static void
events_have_an_order(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct run_job job = some_job();
		struct run_result *r;
		uint32_t index = 0;
		int rc = 0;

		job.n_cases = 2;
		r = run_result_new(&job);
		for (const char *p = orders[i].events; *p; p++) {
			struct run_event event = event_of(*p, index);

			if (*p >= '0' && *p <= '9')
				index = (uint32_t)(*p - '0');
			else
				rc = run_result_take(r, &event);
		}
		if (rc != orders[i].rc)
			fail_msg("%s: %d", orders[i].events, rc);
		run_result_free(r);
	}
	(void)state;
}

static void
a_run_that_broke_is_an_internal_error(void **state)
{
	struct run_job job = some_job();
	struct run_result *r = run_result_new(&job);
	json_t *d;

	take(r, (struct run_event){ .type = RUN_EVENT_CASE });
	assert_false(run_result_has_ended(r));
	assert_int_equal(run_result_status(r), RUN_INTERNAL_ERROR);
	run_result_fail(r, "its keeper ended");
	assert_true(run_result_has_ended(r));
	d = document_of(r);
	assert_text(d, "status", "internal_error");
	assert_text(d, "message", "its keeper ended");
	assert_text(d, "stdout", "");
	json_decref(d);
	(void)state;
}

static void
the_last_usage_is_known(void **state)
{
	struct run_job job = some_job();
	struct run_result *r = run_result_new(&job);
	uint32_t index = 7;
	json_t *d;

	assert_null(run_result_usage(r, &index));
	assert_int_equal(index, 0);
	take(r, (struct run_event){ .type = RUN_EVENT_CASE });
	take(r, (struct run_event){ .type = RUN_EVENT_USAGE, .usage = { 4096, 5000, 3, 7000 } });
	d = run_usage_json(run_result_usage(r, &index));
	assert_number(d, "memory_bytes", 4096);
	assert_number(d, "cpu_ms", 5);
	assert_number(d, "processes", 3);
	assert_number(d, "wall_ms", 7);
	json_decref(d);
	run_result_free(r);
	(void)state;
}

static const struct {
	struct run_event event;
	const char *word, *data;
} spoken[] = {
	{ { .type = RUN_EVENT_COMPILING }, "compile", "{\"state\":\"started\"}" },
	{ { .type = RUN_EVENT_CASE, .index = 3 }, "case", "{\"case\":3}" },
	{ { .type = RUN_EVENT_OUTPUT, .stream = 1, .data = "a\n", .n = 2 },
	  "stdout",
	  "{\"case\":0,\"data\":\"a\\n\",\"data_encoding\":\"utf-8\"}" },
	{ { .type = RUN_EVENT_OUTPUT, .index = 1, .stream = 2, .data = "\xff!", .n = 2 },
	  "stderr",
	  "{\"case\":1,\"data\":\"/yE=\",\"data_encoding\":\"base64\"}" },
	{ { .type = RUN_EVENT_USAGE, .usage = { 1, 2000, 3, 4000 } },
	  "usage",
	  "{\"case\":0,\"memory_bytes\":1,\"cpu_ms\":2,\"wall_ms\":4,\"processes\":3}" },
	{ { .type = RUN_EVENT_FILE, .name = "f", .data = "x", .n = 1 },
	  "file",
	  "{\"case\":0,\"name\":\"f\",\"bytes\":1,\"content\":\"x\",\"content_encoding\":\"utf-8\"}" },
	{ { .type = RUN_EVENT_CASE_ENDED,
	    .report = { .status = RUN_ACCEPTED, .ending = { .code = CLD_EXITED } } },
	  "case_end",
	  "{\"case\":0,\"status\":\"accepted\",\"message\":null,\"exit_code\":0,\"signal\":null,"
	  "\"signal_number\":null,\"syscall\":null,\"cpu_ms\":0,\"wall_ms\":0,\"memory_peak_bytes\":null,"
	  "\"processes_peak\":null}" },
	{ { .type = RUN_EVENT_ENDED, .report = { .status = RUN_SIGNAL, .message = "so" } },
	  "end",
	  "{\"status\":\"signal\",\"message\":\"so\"}" },
};

static void
every_event_has_a_word_and_data(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(spoken); i++) {
		struct run_voice voice = { .n_waiting = { 0 } };
		json_t *d = run_event_json(&spoken[i].event, RUN_ENCODING_UTF8, &voice);
		char *text = json_dumps(d, JSON_COMPACT);

		assert_string_equal(run_event_word(&spoken[i].event), spoken[i].word);
		assert_string_equal(text, spoken[i].data);
		free(text);
		json_decref(d);
	}
	(void)state;
}

static void
what_a_compiler_did_is_told(void **state)
{
	struct run_event event = { .type = RUN_EVENT_COMPILED,
		                   .report = some_report(RUN_ACCEPTED, CLD_EXITED, 0, "", "careful") };
	struct run_voice voice = { .n_waiting = { 0 } };
	json_t *d = run_event_json(&event, RUN_ENCODING_UTF8, &voice);

	assert_string_equal(run_event_word(&event), "compile");
	assert_text(d, "state", "ended");
	assert_text(d, "status", "accepted");
	assert_text(d, "stderr", "careful");
	assert_true(json_is_false(at(d, "cached")));
	json_decref(d);
	(void)state;
}

/* Says one piece; what is told of it. */
static void
assert_told(struct run_voice *voice, uint32_t stream, const char *piece, const char *told)
{
	struct run_event event = {
		.type = RUN_EVENT_OUTPUT, .stream = stream, .data = piece, .n = strlen(piece)
	};
	json_t *d = run_event_json(&event, RUN_ENCODING_UTF8, voice);

	assert_text(d, "data", told);
	json_decref(d);
}

static void
a_character_in_two_pieces_is_told_whole(void **state)
{
	struct run_voice voice = { .n_waiting = { 0 } };

	assert_told(&voice, 1, "a\xe2", "a");
	assert_told(&voice, 2, "\xc3", "");
	assert_told(&voice, 1, "\x82", "");
	assert_told(&voice, 1,
	            "\xac"
	            "b",
	            "€b");
	assert_told(&voice, 2, "\xa4", "ä");
	assert_told(&voice, 1, "\xe2", "");
	assert_told(&voice, 1, "(", "4ig="); /* it was none */
	(void)state;
}

static const struct {
	struct run_problem problem;
	const char *text;
} problems[] = {
	{ { .status = 400, .detail = "not JSON: x \"", .line = 5, .column = 1 },
	  "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":\"not JSON: x "
	  "\\\"\","
	  "\"line\":5,\"column\":1}" },
	{ { .status = 422, .field = "cases[2].input", .detail = "it is not a string" },
	  "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
	  "\"detail\":\"it is not a string\",\"field\":\"cases[2].input\"}" },
};

static void
a_problem_says_where(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(problems); i++) {
		json_t *d = run_problem_json(&problems[i].problem);
		char *text = json_dumps(d, JSON_COMPACT);

		assert_string_equal(text, problems[i].text);
		free(text);
		json_decref(d);
	}
	(void)state;
}

/* Each name that the document has stands in the manual by itself. */
static void
assert_named(const char *manual, const json_t *value)
{
	const char *name;
	json_t *member;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		const char *found = strstr(manual, name);

		while (found && strchr(" ,\n", found[strlen(name)]) == NULL)
			found = strstr(found + 1, name);
		if (!found)
			fail_msg("cfn-run(7) does not name %s", name);
		assert_named(manual, member);
	}
	json_array_foreach(value, i, member) assert_named(manual, member);
}

static void
the_manual_names_every_field(void **state)
{
	struct run_job job = some_job();
	struct run_report failed = some_report(RUN_COMPILE_ERROR, CLD_EXITED, 1, "", "error");
	char manual[64 << 10] = "";
	FILE *file = fopen(TEST_SOURCE "/man/cfn-run.7", "re");
	json_t *one = document_of(compile_only(&job, failed)), *usage;

	assert_non_null(file);
	assert_true(fread(manual, 1, sizeof manual - 1, file) > 0);
	fclose(file);
	usage = run_usage_json(&(const struct run_usage){ 0 });
	assert_named(manual, one);
	assert_named(manual, usage);
	json_decref(one);
	json_decref(usage);
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_has_every_field),
		cmocka_unit_test(a_signal_has_its_name_and_number),
		cmocka_unit_test(what_is_not_known_is_null),
		cmocka_unit_test(bytes_that_are_no_text_are_base64),
		cmocka_unit_test(all_is_base64_when_that_is_asked_for),
		cmocka_unit_test(a_nul_is_text),
		cmocka_unit_test(merged_there_is_one_output),
		cmocka_unit_test(a_cut_output_stays_text),
		cmocka_unit_test(a_cut_output_that_is_no_text_is_not_mended),
		cmocka_unit_test(what_a_compiler_says_stands_in_stderr_too),
		cmocka_unit_test(a_compiler_that_was_not_run_is_cached),
		cmocka_unit_test(cases_have_a_result_each),
		cmocka_unit_test(files_come_back_whole),
		cmocka_unit_test(a_result_keeps_no_more_than_an_answer_may_hold),
		cmocka_unit_test(events_have_an_order),
		cmocka_unit_test(a_run_that_broke_is_an_internal_error),
		cmocka_unit_test(the_last_usage_is_known),
		cmocka_unit_test(every_event_has_a_word_and_data),
		cmocka_unit_test(what_a_compiler_did_is_told),
		cmocka_unit_test(a_character_in_two_pieces_is_told_whole),
		cmocka_unit_test(a_problem_says_where),
		cmocka_unit_test(the_manual_names_every_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
