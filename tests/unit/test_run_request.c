/* test_run_request.c - the JSON of a request: what it becomes, and what is refused, where. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "run/request.h"

static const struct run_languages languages = {
	.n = 3,
	.rows = { { .name = "C++",
	            .aliases = "cpp g++",
	            .source = "main.cpp",
	            .endings = ".cc .cxx",
	            .compile = "/usr/bin/g++ {files}",
	            .run = "/program/program",
	            .options = "-O0 -std=*",
	            .program = { .memory = 128 << 20, .processes = 32 },
	            .compiler = { .memory = 512 << 20, .processes = 64 } },
	          { .name = "Gone", .source = "main.gone", .run = "/nowhere" },
	          { .name = "Python",
	            .aliases = "py",
	            .source = "main.py",
	            .run = "/usr/bin/python3",
	            .program = { .memory = 128 << 20, .processes = 32 } } },
};
static const struct run_offer offers[] = {
	{ .is_available = true, .is_asked = true, .version = "12.2.0" },
	{ .missing = "/nowhere" },
	{ .is_available = true, .is_asked = true, .version = "3.11.2" },
};
static const struct run_rules rules = {
	.languages = &languages,
	.offers = offers,
	.most = { .memory = 256 << 20,
	          .cpu_ms = 20000,
	          .wall_ms = 40000,
	          .cpu_share = 200,
	          .processes = 64,
	          .files = 128,
	          .disk = 20 << 20,
	          .output = 2 << 20,
	          .output_end = 1 << 20 },
	.compile_most = { .memory = 1 << 30,
	                  .cpu_ms = 25000,
	                  .wall_ms = 30000,
	                  .cpu_share = 400,
	                  .processes = 64,
	                  .files = 256,
	                  .disk = 256 << 20,
	                  .output = 1 << 20 },
	.total_ms_most = 50000,
};

static void
parse(struct run_job *job, const char *text)
{
	struct run_problem problem;

	if (run_request_parse(job, text, strlen(text), &rules, &problem) < 0)
		fail_msg("%s\n%d %s: %s", text, problem.status, problem.field, problem.detail);
}

#define CPP  "{\"lang\":\"C++\","
#define LANG "{\"lang\":\"Python\","
#define CODE LANG "\"code\":\"\","

static void
the_three_fields_of_pyromaniac_are_enough(void **state)
{
	struct run_job job;

	parse(&job,
	      "{\"lang\":\"Python\",\"code\":\"print(f\\\"Hello, {input()}!\\\")\",\"input\":\"joeyh021\"}");
	assert_string_equal(job.language, "Python");
	assert_int_equal(job.n_files, 1);
	assert_string_equal(job.files[0].path, "main.py");
	assert_int_equal(job.files[0].size, strlen("print(f\"Hello, {input()}!\")"));
	assert_memory_equal(job.files[0].data, "print(f\"Hello, {input()}!\")", job.files[0].size);
	assert_int_equal(job.n_cases, 1);
	assert_false(job.has_cases || job.cases[0].has_expected);
	assert_string_equal(job.cases[0].input, "joeyh021");
	run_job_done(&job);
	(void)state;
}

static void
what_is_not_said_has_a_usual_value(void **state)
{
	struct run_job job;

	parse(&job, "{\"lang\":\"cpp\",\"code\":\"\"}");
	assert_string_equal(job.language, "C++");
	assert_string_equal(job.version, "12.2.0");
	assert_int_equal(job.files[0].size, 0);
	assert_int_equal(job.cases[0].n_input, 0);
	assert_null(job.arguments[0]);
	assert_null(job.options[0]);
	assert_null(job.environment[0]);
	assert_null(job.outputs[0]);
	assert_false(job.is_merged || job.stops_on_failure);
	assert_int_equal(job.compare, RUN_COMPARE_LINES);
	assert_int_equal(job.encoding, RUN_ENCODING_UTF8);
	assert_int_equal(job.limits.memory, 128 << 20);
	assert_int_equal(job.limits.wall_ms, 10000);
	assert_int_equal(job.limits.output_end, 1 << 19);
	assert_int_equal(job.limits.cpu_share, 50);
	assert_int_equal(job.compile_limits.cpu_share, 400);
	assert_int_equal(job.compile_limits.memory, 512 << 20);
	assert_int_equal(job.total_ms, 50000);
	run_job_done(&job);
	(void)state;
}

static void
the_usual_limits_are_not_above_the_maxima(void **state)
{
	struct run_rules low = rules;
	struct run_problem problem;
	struct run_job job;
	const char *text = CODE "\"args\":[]}";

	low.most.memory = 16 << 20;
	low.most.output = 1000;
	low.compile_most.wall_ms = 7;
	low.cpu_share = 75;
	assert_int_equal(run_request_parse(&job, text, strlen(text), &low, &problem), 0);
	assert_int_equal(job.limits.memory, 16 << 20);
	assert_int_equal(job.limits.output, 1000);
	assert_int_equal(job.limits.output_end, 500);
	assert_int_equal(job.limits.cpu_share, 75);
	assert_int_equal(job.compile_limits.wall_ms, 7);
	run_job_done(&job);
	(void)state;
}

static void
null_is_a_field_that_is_not_there(void **state)
{
	struct run_job job;

	parse(&job, CODE "\"input\":null,\"cases\":null,\"limits\":{\"cpu_ms\":null},\"files\":null}");
	assert_int_equal(job.n_cases, 1);
	assert_int_equal(job.limits.cpu_ms, 5000);
	run_job_done(&job);
	(void)state;
}

static void
every_field_has_its_place(void **state)
{
	struct run_job job;

	parse(&job, "{\"encoding\":\"base64\",\"outputs\":[\"*.txt\"],\"merge_stderr\":true,"
	            "\"compare\":\"float:1e-3\",\"stop_on_failure\":true,\"total_ms\":1234,"
	            "\"env\":{\"A\":\"1\",\"_B2\":\"x=y\"},\"compile_options\":[\"-O0\",\"-std=c++20\"],"
	            "\"args\":[\"\",\"€\"],\"version\":\"12.2\",\"code\":\"int main(){}\",\"lang\":\"G++\","
	            "\"expected_output\":\"2\\n\",\"input\":\"a\\u0000b\"}");
	assert_int_equal(job.encoding, RUN_ENCODING_BASE64);
	assert_string_equal(job.outputs[0], "*.txt");
	assert_null(job.outputs[1]);
	assert_true(job.is_merged && job.stops_on_failure);
	assert_int_equal(job.compare, RUN_COMPARE_FLOAT);
	assert_true(job.tolerance > 0.9e-3 && job.tolerance < 1.1e-3);
	assert_int_equal(job.total_ms, 1234);
	assert_string_equal(job.environment[0], "A=1");
	assert_string_equal(job.environment[1], "_B2=x=y");
	assert_null(job.environment[2]);
	assert_string_equal(job.options[1], "-std=c++20");
	assert_string_equal(job.arguments[0], "");
	assert_string_equal(job.arguments[1], "€");
	assert_null(job.arguments[2]);
	assert_string_equal(job.version, "12.2.0");
	assert_int_equal(job.cases[0].n_input, 3);
	assert_memory_equal(job.cases[0].input, "a\0b", 3);
	assert_true(job.cases[0].has_expected);
	assert_int_equal(job.cases[0].n_expected, 2);
	run_job_done(&job);
	(void)state;
}

/* Each limit by its name, and where it goes. */
static const struct {
	const char *name;
	size_t offset;
} limits[] = {
	{ "memory_bytes", offsetof(struct box_limits, memory) },
	{ "cpu_ms", offsetof(struct box_limits, cpu_ms) },
	{ "wall_ms", offsetof(struct box_limits, wall_ms) },
	{ "cpu_share_percent", offsetof(struct box_limits, cpu_share) },
	{ "processes", offsetof(struct box_limits, processes) },
	{ "files", offsetof(struct box_limits, files) },
	{ "disk_bytes", offsetof(struct box_limits, disk) },
	{ "output_bytes", offsetof(struct box_limits, output) },
};

static uint64_t
limit_at(const struct box_limits *l, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)l + offset, sizeof value);
	return value;
}

/* Asks for `value` of one limit; the status of the problem, or 0 and what was got. */
static int
ask(const char *group, const char *name, uint64_t value, size_t offset, uint64_t *got)
{
	char text[200], field[RUN_FIELD_SIZE], number[32];
	struct run_problem problem;
	struct run_job job;

	snprintf(text, sizeof text, "{\"lang\":\"C++\",\"code\":\"\",\"%s\":{\"%s\":%llu}}", group, name,
	         (unsigned long long)value);
	snprintf(field, sizeof field, "%s.%s", group, name);
	if (run_request_parse(&job, text, strlen(text), &rules, &problem) == 0) {
		*got = limit_at(*group == 'l' ? &job.limits : &job.compile_limits, offset);
		run_job_done(&job);
		return 0;
	}
	assert_string_equal(problem.field, field);
	snprintf(number, sizeof number, "maximum, %llu", (unsigned long long)value - 1);
	assert_true(value == 0 || strstr(problem.detail, number) != NULL);
	return problem.status;
}

static void
a_limit_may_be_the_maximum_and_not_one_more(void **state)
{
	static const char *const groups[] = { "limits", "compile_limits" };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(limits); i++) {
		const char *group = groups[i % 2];
		const struct box_limits *most = i % 2 ? &rules.compile_most : &rules.most;
		uint64_t value = limit_at(most, limits[i / 2].offset), got = 0;

		assert_int_equal(ask(group, limits[i / 2].name, value, limits[i / 2].offset, &got), 0);
		assert_int_equal(got, value);
		assert_int_equal(ask(group, limits[i / 2].name, value + 1, limits[i / 2].offset, &got), 422);
		assert_int_equal(ask(group, limits[i / 2].name, 0, limits[i / 2].offset, &got), 422);
	}
	(void)state;
}

static void
the_end_of_an_output_is_half_of_what_is_kept(void **state)
{
	struct run_job job;

	parse(&job, CODE "\"limits\":{\"output_bytes\":1000}}");
	assert_int_equal(job.limits.output, 1000);
	assert_int_equal(job.limits.output_end, 500);
	run_job_done(&job);
	(void)state;
}

static void
files_may_be_bytes(void **state)
{
	struct run_job job;

	parse(&job, LANG "\"files\":[{\"name\":\"a.py\",\"content\":\"x\\u0000\"},"
	                 "{\"name\":\"d/b.bin\",\"encoding\":\"base64\",\"content\":\"AP/+\"},"
	                 "{\"name\":\"e\",\"encoding\":\"utf-8\",\"content\":\"\"}]}");
	assert_int_equal(job.n_files, 3);
	assert_string_equal(job.files[0].path, "a.py");
	assert_int_equal(job.files[0].size, 2);
	assert_string_equal(job.files[1].path, "d/b.bin");
	assert_int_equal(job.files[1].size, 3);
	assert_memory_equal(job.files[1].data, "\0\xff\xfe", 3);
	assert_int_equal(job.files[2].size, 0);
	run_job_done(&job);
	(void)state;
}

static const struct {
	const char *text, *first, *second;
} mains[] = {
	{ LANG "\"files\":[{\"name\":\"a\",\"content\":\"\"},{\"name\":\"b\",\"content\":\"\"}]}", "a", "b" },
	{ LANG
	  "\"files\":[{\"name\":\"a\",\"content\":\"\"},{\"name\":\"b\",\"content\":\"\"}],\"main\":\"b\"}",
	  "b", "a" },
	{ LANG "\"files\":[{\"name\":\"a\",\"content\":\"\"}],\"code\":\"\"}", "main.py", "a" },
	{ LANG "\"files\":[{\"name\":\"a\",\"content\":\"\"}],\"code\":\"\",\"main\":\"x.py\"}", "x.py",
	  "a" },
	{ LANG "\"files\":[{\"name\":\"a\",\"content\":\"\"}],\"code\":\"\",\"main\":\"x.txt\"}", "x.txt",
	  "a" },
	{ CPP "\"files\":[{\"name\":\"a.h\",\"content\":\"\"},{\"name\":\"a.cpp\",\"content\":\"\"}],"
	      "\"main\":\"a.cpp\"}",
	  "a.cpp", "a.h" },
	{ CPP "\"files\":[{\"name\":\"a.txt\",\"content\":\"\"}],\"code\":\"\"}", "main.cpp", "a.txt" },
	{ CPP "\"files\":[{\"name\":\"b.cxx\",\"content\":\"\"}],\"code\":\"\",\"main\":\"a.cc\"}", "a.cc",
	  "b.cxx" },
};

static void
the_main_file_is_the_first(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(mains); i++) {
		struct run_job job;

		parse(&job, mains[i].text);
		assert_int_equal(job.n_files, 2);
		assert_string_equal(job.files[0].path, mains[i].first);
		assert_string_equal(job.files[1].path, mains[i].second);
		run_job_done(&job);
	}
	(void)state;
}

static void
cases_have_their_own_input_and_output(void **state)
{
	struct run_job job;

	parse(&job, CODE "\"cases\":[{},{\"name\":\"two\",\"input\":\"/w==\",\"input_encoding\":\"base64\","
	                 "\"expected_output\":\"\"},{\"expected_output\":\"/g==\","
	                 "\"expected_output_encoding\":\"base64\"}]}");
	assert_true(job.has_cases);
	assert_int_equal(job.n_cases, 3);
	assert_string_equal(job.cases[0].name, "");
	assert_int_equal(job.cases[0].n_input, 0);
	assert_false(job.cases[0].has_expected);
	assert_string_equal(job.cases[1].name, "two");
	assert_string_equal(job.cases[1].input, "\xff");
	assert_true(job.cases[1].has_expected);
	assert_int_equal(job.cases[1].n_expected, 0);
	assert_string_equal(job.cases[2].expected, "\xfe");
	run_job_done(&job);
	(void)state;
}

static void
a_version_is_that_which_is_installed(void **state)
{
	static const char *const good[] = { "3", "3.11", "3.11.2" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char text[200];
		struct run_job job;

		snprintf(text, sizeof text, CODE "\"version\":\"%s\"}", good[i]);
		parse(&job, text);
		assert_string_equal(job.version, "3.11.2");
		run_job_done(&job);
	}
	(void)state;
}

/* What is no JSON: 400 with the place. */
static const struct {
	const char *text;
	size_t n; /* 0: all of it */
	int line, column;
	const char *detail;
} malformed[] = {
	{ "{\n  \"lang\": \"Python\",\n  \"code\": \"print(f\\\"Hello, {}!\\\")\",\n  \"input\": "
	  "\"joeyh021\",\n}",
	  0, 5, 1, "string or '}' expected near '}'" },
	{ "", 0, 1, 0, "not JSON" },
	{ "{", 0, 1, 1, "not JSON" },
	{ "{\"lang\":}", 0, 1, 9, "not JSON" },
	{ "{\"lang\":\"C++\",\"lang\":\"C++\"}", 0, 1, 20, "duplicate object key" },
	{ "{\"limits\":{\"cpu_ms\":1,\n\"cpu_ms\":2}}", 0, 2, 8, "duplicate object key" },
	{ "{} x", 0, 1, 4, "not JSON" },
	{ "{\"input\":\"\xff\"}", 0, 1, 10, "not JSON" },
	{ "{\"input\":\"\\ud800\"}", 0, 1, 17, "not JSON" },
	{ "{\"total_ms\":01}", 0, 1, 13, "not JSON" },
	{ "{\"total_ms\":1e999}", 0, 1, 17, "not JSON" },
	{ "{\"total_ms\":99999999999999999999}", 0, 1, 32, "not JSON" },
	{ "{\"total_ms\":NaN}", 0, 1, 15, "not JSON" },
	{ "{\"input\":\"a\nb\"}", 0, 1, 11, "not JSON" },
	{ "{\"a\\u0000\":1}", 0, 1, 10, "not JSON" },
	{ "{\"lang\"\0:1}", 11, 1, 8, "not JSON" },
	{ "\xef\xbb\xbf{}", 0, 1, 1, "not JSON" },
	{ "[[[[[[[]]]]]]]", 0, 1, 7, "nested too deeply" },
	{ "{\"€[[[[[[[[\":\n [[[[[[1]]]]]]}", 0, 2, 7, "nested too deeply" },
};

static void
what_is_no_json_is_400_with_line_and_column(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		size_t n = malformed[i].n ? malformed[i].n : strlen(malformed[i].text);
		struct run_job job = { .n_files = 77 };
		struct run_problem p;

		assert_int_equal(run_request_parse(&job, malformed[i].text, n, &rules, &p), -EINVAL);
		if (p.status != 400 || p.line != malformed[i].line || p.column != malformed[i].column ||
		    !strstr(p.detail, malformed[i].detail))
			fail_msg("%s: %d at %d:%d, %s", malformed[i].text, p.status, p.line, p.column,
			         p.detail);
	}
	(void)state;
}

/* What is JSON and wrong: 422 with the field. */
static const struct {
	const char *text, *field, *detail;
} wrong[] = {
	{ "[]", "", "not an object" },
	{ "\"x\"", "", "not an object" },
	{ "17", "", "not an object" },
	{ "null", "", "not an object" },
	{ "{}", "lang", "missing" },
	{ "{\"lang\":null}", "lang", "missing" },
	{ "{\"lang\":7,\"code\":\"\"}", "lang", "not a string" },
	{ "{\"lang\":\"\",\"code\":\"\"}", "lang", "there are: C++, Python" },
	{ "{\"lang\":\"Brainf\\u00fcck\",\"code\":\"\"}", "lang",
	  "no language 'Brainfück'; there are: C++, Python" },
	{ "{\"lang\":\"Python\\u0000\",\"code\":\"\"}", "lang", "NUL" },
	{ "{\"lang\":\"gone\",\"code\":\"\"}", "lang", "Gone is not installed" },
	{ LANG "\"input\":\"\"}", "code", "missing, and so are files" },
	{ LANG "\"files\":[]}", "code", "missing, and so are files" },
	{ CODE "\"colour\":1}", "colour", "no such field" },
	{ CODE "\"Input\":\"\"}", "Input", "no such field" },
	{ CODE "\"\":\"\"}", "", "no such field" },
	{ LANG "\"code\":[\"\"]}", "code", "not a string" },
	{ CODE "\"input\":1}", "input", "not a string" },
	{ CODE "\"version\":3.11}", "version", "not a string" },
	{ CODE "\"version\":\"3.1\"}", "version", "installed: 3.11.2" },
	{ CODE "\"version\":\"11\"}", "version", "installed: 3.11.2" },
	{ CODE "\"version\":\"x\"}", "version", "not a version" },
	{ CODE "\"args\":\"x\"}", "args", "not an array" },
	{ CODE "\"args\":[\"a\",1]}", "args[1]", "not a string" },
	{ CODE "\"args\":[null]}", "args[0]", "not a string" },
	{ CODE "\"args\":[\"a\\u0000\"]}", "args[0]", "NUL" },
	{ CODE "\"compile_options\":[\"-O2\"]}", "compile_options[0]",
	  "Python does not take '-O2'; it takes: none" },
	{ "{\"lang\":\"C++\",\"code\":\"\",\"compile_options\":[\"-O0\",\"-fplugin=x\"]}",
	  "compile_options[1]", "C++ does not take '-fplugin=x'; it takes: -O0 -std=*" },
	{ CODE "\"env\":[\"A=1\"]}", "env", "not an object" },
	{ CODE "\"env\":{\"A\":1}}", "env.A", "not a string" },
	{ CODE "\"env\":{\"1A\":\"\"}}", "env.1A", "no name" },
	{ CODE "\"env\":{\"\":\"\"}}", "env.", "no name" },
	{ CODE "\"env\":{\"A=B\":\"\"}}", "env.A=B", NULL },
	{ CODE "\"env\":{\"A\":\"\\u0000\"}}", "env.A", "NUL" },
	{ CODE "\"limits\":[]}", "limits", "not an object" },
	{ CODE "\"limits\":{\"memory\":1}}", "limits.memory", "no such field" },
	{ CODE "\"limits\":{\"cpu_ms\":\"1\"}}", "limits.cpu_ms", "not an integer" },
	{ CODE "\"limits\":{\"cpu_ms\":1.5}}", "limits.cpu_ms", "not an integer" },
	{ CODE "\"limits\":{\"cpu_ms\":-1}}", "limits.cpu_ms", "below the minimum, 10" },
	{ CODE "\"limits\":{\"cpu_ms\":9}}", "limits.cpu_ms", "below the minimum, 10" },
	{ CODE "\"limits\":{\"cpu_ms\":20001}}", "limits.cpu_ms", "above this server's maximum, 20000" },
	{ CODE "\"total_ms\":0}", "total_ms", "below the minimum, 1" },
	{ CODE "\"total_ms\":50001}", "total_ms", "above this server's maximum, 50000" },
	{ CODE "\"total_ms\":true}", "total_ms", "not an integer" },
	{ CODE "\"compare\":\"fuzzy\"}", "compare", "none of exact" },
	{ CODE "\"compare\":\"float:2\"}", "compare", "none of exact" },
	{ CODE "\"merge_stderr\":1}", "merge_stderr", "not true or false" },
	{ CODE "\"stop_on_failure\":\"true\"}", "stop_on_failure", "not true or false" },
	{ CODE "\"encoding\":\"hex\"}", "encoding", "neither utf-8 nor base64" },
	{ CODE "\"input_encoding\":\"hex\"}", "input_encoding", "neither utf-8 nor base64" },
	{ CODE "\"input_encoding\":\"base64\",\"input\":\"?\"}", "input", "not base64" },
	{ CODE "\"outputs\":[\"/etc/passwd\"]}", "outputs[0]", "no pattern" },
	{ CODE "\"outputs\":[\"a\",\"../*\"]}", "outputs[1]", "no pattern" },
	{ CODE "\"cases\":{}}", "cases", "not an array" },
	{ CODE "\"cases\":[]}", "cases", "from 1 to 100" },
	{ CODE "\"cases\":[{},7]}", "cases[1]", "not an object" },
	{ CODE "\"cases\":[{},{},{\"input\":7}]}", "cases[2].input", "not a string" },
	{ CODE "\"cases\":[{\"code\":\"\"}]}", "cases[0].code", "no such field" },
	{ CODE "\"cases\":[{\"name\":\"\\u0000\"}]}", "cases[0].name", "NUL" },
	{ CODE "\"cases\":[{}],\"input\":\"\"}", "input", "each of them has its own" },
	{ CODE "\"cases\":[{}],\"expected_output\":\"\"}", "expected_output", "each of them has its own" },
	{ CODE "\"files\":[7]}", "files[0]", "not an object" },
	{ CODE "\"files\":[{\"content\":\"\"}]}", "files[0].name", "missing" },
	{ CODE "\"files\":[{\"name\":\"a\"}]}", "files[0].content", "missing" },
	{ CODE "\"files\":[{\"name\":\"/a\",\"content\":\"\"}]}", "files[0].name", "slashes" },
	{ CODE "\"files\":[{\"name\":\"../a\",\"content\":\"\"}]}", "files[0].name", "'..'" },
	{ CODE "\"files\":[{\"name\":\"a\\u0000\",\"content\":\"\"}]}", "files[0].name", "NUL" },
	{ CODE "\"files\":[{\"name\":\"a\\u001b\",\"content\":\"\"}]}", "files[0].name", "control" },
	{ CODE "\"files\":[{\"name\":\"a\",\"content\":\"Zg\",\"encoding\":\"base64\"}]}", "files[0].content",
	  "not base64" },
	{ CODE "\"files\":[{\"name\":\"a\",\"content\":\"\",\"encoding\":\"latin1\"}]}", "files[0].encoding",
	  "neither" },
	{ CODE "\"files\":[{\"name\":\"a\",\"content\":\"\"},{\"name\":\"a\",\"content\":\"\"}]}",
	  "files[1].name", "another file" },
	{ CODE "\"files\":[{\"name\":\"a\",\"content\":\"\"},{\"name\":\"a/b\",\"content\":\"\"}]}",
	  "files[1].name", "another file" },
	{ CODE "\"files\":[{\"name\":\"main.py\",\"content\":\"\"}]}", "files[0].name", "another file" },
	{ CODE "\"main\":\"../x\"}", "main", "no name of a file" },
	{ LANG "\"main\":\"b\",\"files\":[{\"name\":\"a\",\"content\":\"\"}]}", "main",
	  "no file is called so" },
	{ CPP "\"code\":\"\",\"main\":\"hello.txt\"}", "main",
	  "of C++ has a name that ends with .cpp or one of .cc .cxx" },
	{ CPP "\"code\":\"\",\"main\":\"hello.cx\"}", "main", ".cxx" },
	{ CPP "\"code\":\"\",\"main\":\"cpp\"}", "main", ".cpp" },
	{ CPP "\"code\":\"\",\"main\":\"a.cpp/b\"}", "main", ".cpp" },
	{ CPP "\"files\":[{\"name\":\"a.h\",\"content\":\"\"},{\"name\":\"a.cpp\",\"content\":\"\"}]}",
	  "files[0].name", ".cpp" },
	{ CPP "\"files\":[{\"name\":\"a.cpp\",\"content\":\"\"},{\"name\":\"a.h\",\"content\":\"\"}],"
	      "\"main\":\"a.h\"}",
	  "main", ".cpp" },
};

static void
what_is_json_and_wrong_is_422_with_the_field(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct run_job job;
		struct run_problem p;

		if (run_request_parse(&job, wrong[i].text, strlen(wrong[i].text), &rules, &p) == 0) {
			if (wrong[i].detail)
				fail_msg("%s is taken", wrong[i].text);
			run_job_done(&job);
			continue;
		}
		if (p.status != 422 || strcmp(p.field, wrong[i].field) != 0 || !wrong[i].detail ||
		    !strstr(p.detail, wrong[i].detail) || p.line != 0)
			fail_msg("%s: %d, '%s': %s", wrong[i].text, p.status, p.field, p.detail);
	}
	(void)state;
}

/* With the number in the place of '#'. */
static void
append_numbered(struct buf *b, const char *text, size_t number)
{
	for (; *text; text++)
		assert_int_equal(*text == '#' ? buf_printf(b, "%zu", number) : buf_append(b, text, 1), 0);
}

/* n elements between a beginning and an end. */
static int
parse_many(const char *begin, const char *each, size_t n, const char *end, struct run_problem *p)
{
	struct run_job job;
	struct buf b;
	int rc;

	buf_init(&b, 16 << 20);
	assert_int_equal(buf_printf(&b, "%s", begin), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(buf_append(&b, ",", i > 0), 0);
		append_numbered(&b, each, i);
	}
	assert_int_equal(buf_printf(&b, "%s", end), 0);
	rc = run_request_parse(&job, buf_head(&b), buf_used(&b), &rules, p);
	buf_done(&b);
	if (rc == 0)
		run_job_done(&job);
	return rc == 0 ? 0 : p->status;
}

static const struct {
	const char *begin, *each, *end, *field;
	size_t most;
} counts[] = {
	{ CODE "\"args\":[", "\"#\"", "]}", "args", RUN_ARGUMENTS_MAX },
	{ CODE "\"outputs\":[", "\"#\"", "]}", "outputs", RUN_OUTPUTS_MAX },
	{ "{\"lang\":\"C++\",\"code\":\"\",\"compile_options\":[", "\"-std=#\"", "]}", "compile_options",
	  RUN_OPTIONS_MAX },
	{ CODE "\"env\":{", "\"A#\":\"\"", "}}", "env", RUN_ENVIRONMENT_MAX },
	{ CODE "\"cases\":[", "{\"name\":\"#\"}", "]}", "cases", RUN_CASES_MAX },
	{ LANG "\"files\":[", "{\"name\":\"#\",\"content\":\"\"}", "]}", "files", RUN_FILES_MAX },
};

static void
lists_have_a_length(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct run_problem p;

		assert_int_equal(parse_many(counts[i].begin, counts[i].each, counts[i].most, counts[i].end,
		                            &p),
		                 0);
		assert_int_equal(parse_many(counts[i].begin, counts[i].each, counts[i].most + 1,
		                            counts[i].end, &p),
		                 422);
		assert_string_equal(p.field, counts[i].field);
	}
	(void)state;
}

static void
too_many_values_are_413(void **state)
{
	struct run_problem p;

	assert_int_equal(parse_many("[", "#", RUN_REQUEST_VALUES, "]", &p), 422);
	assert_int_equal(parse_many("[", "#", RUN_REQUEST_VALUES + 1, "]", &p), 413);
	(void)state;
}

/* CODE and one field of n letters. */
static int
parse_long(const char *begin, size_t n, const char *end, struct run_problem *p)
{
	size_t head = strlen(begin), tail = strlen(end);
	char *text = malloc(head + n + tail);
	struct run_job job;
	int rc;

	assert_non_null(text);
	memcpy(text, begin, head);
	memset(text + head, 'x', n);
	memcpy(text + head + n, end, tail);
	rc = run_request_parse(&job, text, head + n + tail, &rules, p);
	free(text);
	if (rc == 0)
		run_job_done(&job);
	return rc == 0 ? 0 : p->status;
}

static const struct {
	const char *begin, *end, *field;
	size_t most;
} lengths[] = {
	{ CODE "\"args\":[\"", "\"]}", "args[0]", RUN_WORD_MAX },
	{ CODE "\"env\":{\"A\":\"", "\"}}", "env.A", RUN_WORD_MAX - 2 },
	{ CODE "\"cases\":[{\"name\":\"", "\"}]}", "cases[0].name", RUN_CASE_NAME_SIZE - 1 },
	{ CODE "\"files\":[{\"content\":\"\",\"name\":\"", "\"}]}", "files[0].name", RUN_FILE_PART_MAX },
};

static void
words_have_a_length(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct run_problem p;

		assert_int_equal(parse_long(lengths[i].begin, lengths[i].most, lengths[i].end, &p), 0);
		assert_int_equal(parse_long(lengths[i].begin, lengths[i].most + 1, lengths[i].end, &p), 422);
		assert_string_equal(p.field, lengths[i].field);
	}
	(void)state;
}

static void
words_together_have_a_length(void **state)
{
	char word[RUN_WORD_MAX + 8];
	struct run_problem p;

	memset(word, 'x', sizeof word);
	word[0] = '"';
	memcpy(word + RUN_WORD_MAX, "\"", 2);
	assert_int_equal(parse_many(CODE "\"args\":[", word, 4, "]}", &p), 0);
	assert_int_equal(parse_many(CODE "\"args\":[", word, 5, "]}", &p), 422);
	assert_string_equal(p.field, "args[4]");
	(void)state;
}

static void
a_request_may_be_of_8_mib_and_not_a_byte_more(void **state)
{
	const char *begin = CODE "\"input\":\"", *end = "\"}";
	size_t room = RUN_REQUEST_MAX - strlen(begin) - strlen(end);
	struct run_problem p;

	assert_int_equal(parse_long(begin, room, end, &p), 0);
	assert_int_equal(parse_long(begin, room + 1, end, &p), 413);
	(void)state;
}

static void
a_client_s_words_stay_whole_characters(void **state)
{
	struct run_problem p;

	assert_int_equal(parse_long("{\"lang\":\"€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€", 300, "\"}", &p), 422);
	assert_non_null(strstr(p.detail, "'€€€€€€€€€€€€€€€€€€€€€'; there are"));
	assert_int_equal(parse_long(CODE "\"€€€", 300, "\":1}", &p), 422);
	assert_true(strlen(p.field) < RUN_FIELD_SIZE);
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_three_fields_of_pyromaniac_are_enough),
		cmocka_unit_test(what_is_not_said_has_a_usual_value),
		cmocka_unit_test(the_usual_limits_are_not_above_the_maxima),
		cmocka_unit_test(null_is_a_field_that_is_not_there),
		cmocka_unit_test(every_field_has_its_place),
		cmocka_unit_test(a_limit_may_be_the_maximum_and_not_one_more),
		cmocka_unit_test(the_end_of_an_output_is_half_of_what_is_kept),
		cmocka_unit_test(files_may_be_bytes),
		cmocka_unit_test(the_main_file_is_the_first),
		cmocka_unit_test(cases_have_their_own_input_and_output),
		cmocka_unit_test(a_version_is_that_which_is_installed),
		cmocka_unit_test(what_is_no_json_is_400_with_line_and_column),
		cmocka_unit_test(what_is_json_and_wrong_is_422_with_the_field),
		cmocka_unit_test(lists_have_a_length),
		cmocka_unit_test(too_many_values_are_413),
		cmocka_unit_test(words_have_a_length),
		cmocka_unit_test(words_together_have_a_length),
		cmocka_unit_test(a_request_may_be_of_8_mib_and_not_a_byte_more),
		cmocka_unit_test(a_client_s_words_stay_whole_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
