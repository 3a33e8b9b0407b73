/* test_run_job.c - a job: its names, and its way to another process and back. */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/command.h"
#include "run/job.h"
#include "run/limits.h"

enum { BYTES_MAX = 1 << 20 };

static const struct box_limits some_limits = {
	.memory = 128 << 20,
	.cpu_ms = 5000,
	.wall_ms = 10000,
	.cpu_share = 50,
	.processes = 32,
	.files = 64,
	.disk = 10 << 20,
	.output = 1 << 20,
	.output_end = 1 << 19,
};

static struct run_job
some_job(void)
{
	return (struct run_job){
		.language = "C++",
		.version = "12",
		.files = { { "main.cpp", "int main() {}", 13 }, { "lib/x.h", "a\0b", 3 } },
		.n_files = 2,
		.arguments = { "one", "", "drei €" },
		.options = { "-O0" },
		.environment = { "A=", "B_1=x=y" },
		.outputs = { "*.txt", "out/?.png" },
		.cases = { { "first", "1\0\n", 3, "2", 1, true }, { "", "", 0, "", 0, false } },
		.n_cases = 2,
		.has_cases = true,
		.is_merged = true,
		.stops_on_failure = true,
		.compare = RUN_COMPARE_FLOAT,
		.tolerance = 1e-3,
		.encoding = RUN_ENCODING_BASE64,
		.limits = some_limits,
		.compile_limits = some_limits,
		.total_ms = 50000,
	};
}

static size_t
encode(const struct run_job *job, char **bytes)
{
	struct buf b;
	size_t n;

	buf_init(&b, BYTES_MAX);
	assert_int_equal(run_job_encode(job, &b), 0);
	n = buf_used(&b);
	/* of just this size: reading past it is seen */
	*bytes = malloc(n);
	assert_non_null(*bytes);
	memcpy(*bytes, buf_head(&b), n);
	buf_done(&b);
	return n;
}

static void
assert_same_words(const char *const *a, const char *const *b)
{
	for (; *a; a++, b++) {
		assert_non_null(*b);
		assert_string_equal(*a, *b);
	}
	assert_null(*b);
}

static void
a_job_comes_back_as_it_was(void **state)
{
	struct run_job job = some_job(), back;
	struct err e = { 0 };
	char *bytes;
	size_t n = encode(&job, &bytes);

	assert_int_equal(run_job_decode(&back, bytes, n, &e), 0);
	assert_string_equal(back.language, "C++");
	assert_string_equal(back.version, "12");
	assert_int_equal(back.n_files, 2);
	assert_string_equal(back.files[1].path, "lib/x.h");
	assert_int_equal(back.files[1].size, 3);
	assert_memory_equal(back.files[1].data, "a\0b", 3);
	assert_same_words(job.arguments, back.arguments);
	assert_same_words(job.options, back.options);
	assert_same_words(job.environment, back.environment);
	assert_same_words(job.outputs, back.outputs);
	assert_int_equal(back.n_cases, 2);
	assert_string_equal(back.cases[0].name, "first");
	assert_int_equal(back.cases[0].n_input, 3);
	assert_memory_equal(back.cases[0].input, "1\0\n", 3);
	assert_true(back.cases[0].has_expected && !back.cases[1].has_expected);
	assert_memory_equal(back.cases[0].expected, "2", 1);
	assert_true(back.has_cases && back.is_merged && back.stops_on_failure);
	assert_int_equal(back.compare, RUN_COMPARE_FLOAT);
	assert_true(back.tolerance == job.tolerance);
	assert_int_equal(back.encoding, RUN_ENCODING_BASE64);
	assert_memory_equal(&back.limits, &some_limits, sizeof some_limits);
	assert_memory_equal(&back.compile_limits, &some_limits, sizeof some_limits);
	assert_int_equal(back.total_ms, 50000);
	run_job_done(&back);
	free(bytes);
	(void)state;
}

static void
half_a_job_is_refused_wherever_it_is_cut(void **state)
{
	struct run_job job = some_job(), back = { .n_files = 77 };
	char *bytes;
	size_t n = encode(&job, &bytes);

	for (size_t cut = 0; cut < n; cut++) {
		char *half = malloc(cut + 1);
		struct err e = { 0 };

		assert_non_null(half);
		memcpy(half + 1, bytes, cut);
		assert_int_equal(run_job_decode(&back, half + 1, cut, &e), -EBADMSG);
		assert_int_equal(back.n_files, 77);
		free(half);
	}
	free(bytes);
	(void)state;
}

static void
bytes_behind_a_job_are_refused(void **state)
{
	struct run_job job = some_job(), back;
	struct err e = { 0 };
	char *bytes;
	size_t n = encode(&job, &bytes);

	bytes = realloc(bytes, n + 1);
	assert_non_null(bytes);
	bytes[n] = '\0';
	assert_int_equal(run_job_decode(&back, bytes, n + 1, &e), -EBADMSG);
	free(bytes);
	(void)state;
}

/* Any one byte changed: refused, or read as another job that would be written just so. */
static void
a_changed_byte_is_refused_or_is_another_job(void **state)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff, 0x20 };
	struct run_job job = some_job(), back;
	char *bytes, *again;
	size_t n = encode(&job, &bytes);

	for (size_t i = 0; i < n * ARRAY_SIZE(masks); i++) {
		struct err e = { 0 };
		size_t at = i / ARRAY_SIZE(masks);
		char mask = (char)masks[i % ARRAY_SIZE(masks)];
		int rc;

		bytes[at] ^= mask;
		rc = run_job_decode(&back, bytes, n, &e);
		assert_true(rc == 0 || rc == -EBADMSG);
		if (rc == 0) {
			assert_int_equal(encode(&back, &again), n);
			assert_memory_equal(again, bytes, n);
			free(again);
		}
		bytes[at] ^= mask;
	}
	free(bytes);
	(void)state;
}

static void
set_no_file(struct run_job *job)
{
	job->n_files = 0;
}

static void
set_bad_file(struct run_job *job)
{
	job->files[1].path = "../x";
}

static void
set_same_file(struct run_job *job)
{
	job->files[1].path = "main.cpp";
}

static void
set_bad_environment(struct run_job *job)
{
	job->environment[0] = "1A=x";
}

static void
set_bad_output(struct run_job *job)
{
	job->outputs[0] = "/etc/*";
}

static void
set_long_words(struct run_job *job)
{
	static char word[RUN_WORD_MAX + 1];

	memset(word, 'x', RUN_WORD_MAX);
	for (size_t i = 0; i < 4; i++)
		job->arguments[i] = word;
}

static void
set_bad_text(struct run_job *job)
{
	job->arguments[0] = "\xff";
}

static void
set_two_nameless(struct run_job *job)
{
	job->has_cases = false;
}

static void
set_no_case(struct run_job *job)
{
	job->n_cases = 0;
}

static void
set_bad_compare(struct run_job *job)
{
	job->compare = RUN_COMPARES;
}

static void
set_bad_tolerance(struct run_job *job)
{
	job->tolerance = (double)NAN;
}

static void
set_no_memory(struct run_job *job)
{
	job->limits.memory = 0;
}

static void
set_long_end(struct run_job *job)
{
	job->compile_limits.output_end = job->compile_limits.output + 1;
}

static void
set_no_time(struct run_job *job)
{
	job->total_ms = 0;
}

static const struct {
	const char *what;
	void (*set)(struct run_job *job);
} wrong_jobs[] = {
	{ "no file", set_no_file },
	{ "a file outside", set_bad_file },
	{ "a file twice", set_same_file },
	{ "no name in the environment", set_bad_environment },
	{ "an output outside", set_bad_output },
	{ "words longer than all may be", set_long_words },
	{ "no UTF-8", set_bad_text },
	{ "two cases where none were written", set_two_nameless },
	{ "no case", set_no_case },
	{ "an unknown comparison", set_bad_compare },
	{ "no number as tolerance", set_bad_tolerance },
	{ "no memory", set_no_memory },
	{ "more kept of the end than of all", set_long_end },
	{ "no time", set_no_time },
};

static void
a_job_that_no_request_can_be_is_not_written(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong_jobs); i++) {
		struct run_job job = some_job();
		struct buf b;
		int rc;

		buf_init(&b, BYTES_MAX);
		wrong_jobs[i].set(&job);
		rc = run_job_encode(&job, &b);
		if (rc != -EINVAL || buf_used(&b) != 0)
			fail_msg("%s: %d, %zu bytes", wrong_jobs[i].what, rc, buf_used(&b));
		buf_done(&b);
	}
	(void)state;
}

static void
a_job_that_does_not_fit_is_not_written(void **state)
{
	struct run_job job = some_job();
	struct buf b;

	buf_init(&b, 100);
	assert_int_equal(run_job_encode(&job, &b), -ENOSPC);
	assert_int_equal(buf_used(&b), 0);
	buf_done(&b);
	(void)state;
}

static const struct {
	const char *name;
	bool is_good;
} names[] = {
	{ "main.c", true }, { "src/lib/x.h", true }, { "a b", true },          { "naïve.py", true },
	{ "...", true },    { ".hidden", true },     { "a/..b", true },        { "a/-b", true },
	{ "", false },      { ".", false },          { "..", false },          { "a/../b", false },
	{ "a/./b", false }, { "a/..", false },       { "/etc/passwd", false }, { "/", false },
	{ "a/", false },    { "a//b", false },       { "a\nb", false },        { "a\x7f", false },
	{ "a\xff", false }, { "-o.c", false },       { "@args", false },
};

static void
names_of_files_are_below_the_working_folder(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!run_file_name_fault(names[i].name, strlen(names[i].name)) != names[i].is_good)
			fail_msg("'%s'", names[i].name);
	assert_non_null(run_file_name_fault("a\0b", 3));
	(void)state;
}

static void
names_of_files_have_a_length(void **state)
{
	char name[RUN_FILE_NAME_MAX + 2];

	memset(name, 'x', sizeof name);
	assert_null(run_file_name_fault(name, RUN_FILE_PART_MAX));
	assert_non_null(run_file_name_fault(name, RUN_FILE_PART_MAX + 1));
	for (size_t i = 200; i < sizeof name; i += 200)
		name[i] = '/';
	assert_null(run_file_name_fault(name, RUN_FILE_NAME_MAX));
	assert_non_null(run_file_name_fault(name, RUN_FILE_NAME_MAX + 1));
	(void)state;
}

static void
a_file_is_not_the_folder_of_another(void **state)
{
	static const struct box_file apart[] = { { "a", "", 0 }, { "ab", "", 0 }, { "b/a", "", 0 } },
				     folder[] = { { "b/a", "", 0 }, { "b", "", 0 } };

	assert_true(run_files_are_apart(apart, ARRAY_SIZE(apart)));
	assert_false(run_files_are_apart(folder, ARRAY_SIZE(folder)));
	(void)state;
}

static void
no_limit_is_above_its_maximum(void **state)
{
	assert_true(run_limits_are_within(&some_limits, &some_limits));
	for (size_t i = 0; i < run_n_limits; i++) {
		struct box_limits more = some_limits;

		run_limit_set(&more, &run_limits[i], run_limit_get(&more, &run_limits[i]) + 1);
		assert_false(run_limits_are_within(&more, &some_limits));
	}
	(void)state;
}

static void
a_class_is_no_option(void **state)
{
	static const struct {
		const char *path, *source, *name;
	} cases[] = {
		{ "x/-version.java", "", "./-version" },
		{ "x/@options.java", "class C;", "./@options" },
		{ "x/-p.java", "package a;", "a.-p" },
		{ "x/One.java", "", "One" },
		{ "-", "", "./-" },
	};
	char name[RUN_CLASS_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct box_file file = { cases[i].path, cases[i].source, strlen(cases[i].source) };

		assert_int_equal(run_class_name(&file, name), strlen(cases[i].name));
		assert_string_equal(name, cases[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_comes_back_as_it_was),
		cmocka_unit_test(half_a_job_is_refused_wherever_it_is_cut),
		cmocka_unit_test(bytes_behind_a_job_are_refused),
		cmocka_unit_test(a_changed_byte_is_refused_or_is_another_job),
		cmocka_unit_test(a_job_that_no_request_can_be_is_not_written),
		cmocka_unit_test(a_job_that_does_not_fit_is_not_written),
		cmocka_unit_test(names_of_files_are_below_the_working_folder),
		cmocka_unit_test(names_of_files_have_a_length),
		cmocka_unit_test(a_file_is_not_the_folder_of_another),
		cmocka_unit_test(no_limit_is_above_its_maximum),
		cmocka_unit_test(a_class_is_no_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
