/* test_run.c - languages and verdicts of runs: tables of both. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/engine.h"
#include "run/offer.h"

static char folder[] = "/tmp/cfn-run.XXXXXX";

static void
write_conf(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
remove_conf(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

#define MINIMAL   "name = Tiny\nsource = main.ti\nrun = /usr/bin/tiny {main}\n"

#define BYTES_47  "01234567890123456789012345678901234567890123456"
#define BYTES_188 BYTES_47 BYTES_47 BYTES_47 BYTES_47

static const struct {
	const char *name, *text;
	int rc;
	const char *words; /* of the error */
} files[] = {
	{ "a_name_a_source_and_a_command_are_enough", MINIMAL, 0, "" },
	{ "a_key_that_there_is_not", MINIMAL "colour = red\n", -EINVAL, ":4: unknown key 'colour'" },
	{ "a_line_that_is_none", MINIMAL "nothing\n", -EINVAL, ":4: not a line" },
	{ "a_section", "[x]\n" MINIMAL, -EINVAL, "no sections" },
	{ "without_a_name", "source = main.ti\nrun = /usr/bin/tiny\n", -EINVAL, "name: it is missing" },
	{ "without_a_command", "name = Tiny\nsource = main.ti\n", -EINVAL, "run: it is missing" },
	{ "a_command_by_its_name_alone", "name = T\nsource = m.t\nrun = tiny\n", -EINVAL, ":3: run: 'tiny'" },
	{ "a_source_elsewhere", "name = T\nsource = ../m.t\nrun = /t\n", -EINVAL, "source: '../m.t'" },
	{ "an_ending_without_its_dot", "name = T\nsource = m.t\nendings = .u v\nrun = /t\n", -EINVAL,
	  "endings: 'v'" },
	{ "a_source_without_an_ending", "name = T\nsource = main\nrun = /t\n", -EINVAL, "source: 'main'" },
	{ "two_spaces", "name = T\nsource = m.t\nrun = /t  -x\n", -EINVAL, ":3: run: words have one" },
	{ "a_size_that_is_none", MINIMAL "address_space = much\n", -EINVAL, ":4: address_space: 'much'" },
	{ "a_key_twice", MINIMAL "version = /v\nversion = /w\n", -EINVAL, ":5: version: it is there twice" },
	{ "a_list_twice", MINIMAL "options = -a\n  -b\noptions = -c\n", 0, "" },
	{ "a_tab", MINIMAL "version = /v\t-x\n", -EINVAL, ":4: a tab" },
	{ "no_utf_8", MINIMAL "aliases = \xff\n", -EINVAL, ":4: a tab, another" },
	{ "a_line_of_198_bytes", MINIMAL "aliases = " BYTES_188 "\n", 0, "" },
	{ "a_line_of_199_bytes", MINIMAL "aliases = " BYTES_188 "x\n", -EINVAL, ":4: longer than 198 bytes" },
	{ "aliases_that_do_not_fit", MINIMAL "aliases = " BYTES_188 "\n " BYTES_188 "\n", -EINVAL,
	  ":5: aliases: longer than 255" },
	{ "a_quoted_word", MINIMAL "compile = /bin/sh -c 'a b' {files}\n", 0, "" },
	{ "a_quote_that_does_not_end", MINIMAL "compile = /bin/sh 'a b\n", -EINVAL, ":4: compile: a quote" },
	{ "a_quote_within_a_word", MINIMAL "compile = /bin/sh a'b c'\n", -EINVAL, ":4: compile: a quote" },
	{ "a_word_behind_a_quote", MINIMAL "compile = /bin/sh 'b c'd\n", -EINVAL, ":4: compile: a quote" },
	{ "a_path_with_dots", MINIMAL "system = /usr/share /usr/../etc\n", -EINVAL,
	  ":4: system: '/usr/../etc' cannot" },
	{ "everything", MINIMAL "system = /\n", -EINVAL, ":4: system: '/' cannot" },
	{ "processes_of_the_host", MINIMAL "system = /proc/1\n", -EINVAL, ":4: system: '/proc/1' cannot" },
	{ "what_only_begins_like_it", MINIMAL "system = /process\n", 0, "" },
	{ "paths_up_to_16", MINIMAL "system = /a /b /c /d /e /f /g /h\nsystem = /a /b /c /d /e /f /g /h\n", 0,
	  "" },
	{ "paths_past_16", MINIMAL "system = /a /b /c /d /e /f /g /h\nsystem = /a /b /c /d /e /f /g /h /i\n",
	  -EINVAL, ":5: system: more than 16" },
	{ "a_variable_without_a_name", MINIMAL "environment = A=1 =2\n", -EINVAL, ":4: environment: '=2'" },
	{ "a_root", MINIMAL "root = /srv/roots/tiny\n", 0, "" },
	{ "a_root_elsewhere", MINIMAL "root = roots/tiny\n", -EINVAL, ":4: root: 'roots/tiny'" },
	{ "a_root_that_goes_up", MINIMAL "root = /srv/..\n", -EINVAL, ":4: root: '/srv/..'" },
	{ "an_answer_that_is_none", MINIMAL "proc_self_exe = perhaps\n", -EINVAL,
	  ":4: proc_self_exe: yes or no" },
	{ "processes_at_the_limit", MINIMAL "processes = 1024\n", 0, "" },
	{ "processes_past_it", MINIMAL "processes = 1025\n", -EINVAL, ":4: processes: from 1 to 1024" },
	{ "no_memory", MINIMAL "memory = 0\n", -EINVAL, ":4: memory: from" },
	{ "a_name_of_31_bytes", "name = 0123456789012345678901234567890\nsource = m.t\nrun = /t\n", 0, "" },
	{ "a_name_of_32_bytes", "name = 01234567890123456789012345678901\nsource = m.t\nrun = /t\n", -EINVAL,
	  ":1: name: longer than 31" },
};

static void
a_language_is_a_file_of_known_keys(void **state)
{
	static struct run_languages l;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct err e = { 0 };
		int rc;

		write_conf("one.conf", files[i].text);
		rc = run_languages_read(&l, folder, &e);
		if (rc != files[i].rc || !strstr(e.text, files[i].words))
			fail_msg("%s: %d, '%s'", files[i].name, rc, e.text);
		remove_conf("one.conf");
	}
}

static void
languages_are_found_by_name_alias_and_ending_in_any_case(void **state)
{
	static struct run_languages l;
	struct err e = { 0 };

	(void)state;
	write_conf("b.conf", "name = Beta\naliases = bee b2\nsource = main.bt\nrun = /b\n");
	write_conf("a.conf", "name = Alpha\nsource = main.al\nrun = /a\n");
	write_conf("a.conf~", "nonsense");
	write_conf(".hidden.conf", "nonsense");
	assert_int_equal(run_languages_read(&l, folder, &e), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.rows[0].name, "Alpha");
	assert_ptr_equal(run_languages_find(&l, "aLPHA"), &l.rows[0]);
	assert_ptr_equal(run_languages_find(&l, "B2"), &l.rows[1]);
	assert_null(run_languages_find(&l, "b"));
	assert_null(run_languages_find(&l, ""));
	assert_ptr_equal(run_languages_of_file(&l, "x/y.bt"), &l.rows[1]);
	assert_null(run_languages_of_file(&l, "x/y.b"));
	assert_null(run_languages_of_file(&l, "bt"));

	write_conf("c.conf", "name = BEE\nsource = main.c\nrun = /c\n");
	assert_int_equal(run_languages_read(&l, folder, &e), -EINVAL);
	assert_non_null(strstr(e.text, "'BEE' is Beta of b.conf already"));
	remove_conf("a.conf");
	remove_conf("a.conf~");
	remove_conf("b.conf");
	remove_conf("c.conf");
	remove_conf(".hidden.conf");
	assert_int_equal(run_languages_read(&l, "/none/at/all", &e), -ENOENT);
}

static void
a_language_has_limits_and_lists_of_its_own(void **state)
{
	static struct run_languages l;
	const struct run_language *tiny = &l.rows[0];
	struct err e = { 0 };

	(void)state;
	write_conf("tiny.conf",
	           MINIMAL "options = -a\n  -b\noptions = -c\nmemory = 8M\ncompile_processes = 7\n"
	                   "address_space = 1G\nproc_self_exe = yes\nroot = /srv\n");
	assert_int_equal(run_languages_read(&l, folder, &e), 0);
	assert_string_equal(tiny->file, "tiny.conf");
	assert_string_equal(tiny->options, "-a -b -c");
	assert_int_equal(tiny->program.memory, 8 << 20);
	assert_int_equal(tiny->program.processes, 32);
	assert_int_equal(tiny->program.address_space, 1 << 30);
	assert_int_equal(tiny->compiler.memory, 512 << 20);
	assert_int_equal(tiny->compiler.processes, 7);
	assert_int_equal(tiny->compiler.address_space, 0);
	assert_true(tiny->has_proc_self_exe);
	assert_string_equal(tiny->root, "/srv");
	remove_conf("tiny.conf");
}

static void
rows_of_one_name_are_told_apart_by_their_version(void **state)
{
	static struct run_languages l;
	static const struct run_offer offers[] = {
		{ .is_available = true, .version = "3.11.2" },
		{ .is_available = true, .version = "3.12.1" },
		{ .is_available = false, .version = "3.13.0" },
	};
	static const struct {
		const char *name, *version;
		int row; /* -1: none */
		bool is_known;
	} cases[] = {
		{ "python", "", 0, true },       { "py", "3", 0, true },      { "Python", "3.12", 1, true },
		{ "py", "3.12.1", 1, true },     { "py12", "", 1, true },     { "py12", "3.11", -1, true },
		{ "python", "3.1", -1, true },   { "python", "4", -1, true }, { "python", "3.13", -1, true },
		{ "python", "3.11.", -1, true }, { "ruby", "", -1, false },
	};
	struct err e = { 0 };

	(void)state;
	write_conf("p1.conf", "name = Python\naliases = py\nsource = main.py\nrun = /p11\n");
	write_conf("p2.conf", "name = Python\naliases = py py12\nsource = main.py\nrun = /p12\n");
	write_conf("p3.conf", "name = Python\naliases = py\nsource = main.py\nrun = /p11\nroot = /r\n");
	assert_int_equal(run_languages_read(&l, folder, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct run_language *first,
		    *chosen = run_languages_choose(&l, offers, cases[i].name, cases[i].version, &first),
		    *want = cases[i].row < 0 ? NULL : &l.rows[cases[i].row];

		if (chosen != want || (!chosen && (first != NULL) != cases[i].is_known))
			fail_msg("%s %s", cases[i].name, cases[i].version);
	}
	write_conf("p4.conf", "name = PYTHON\nsource = main.py\nrun = /p12\n");
	assert_int_equal(run_languages_read(&l, folder, &e), -EINVAL);
	assert_non_null(
	    strstr(e.text, "p4.conf: name: there is a language 'PYTHON' with these commands in p2.conf"));
	write_conf("p4.conf", "name = Other\naliases = x PY12\nsource = main.o\nrun = /o\n");
	assert_int_equal(run_languages_read(&l, folder, &e), -EINVAL);
	assert_non_null(strstr(e.text, "p4.conf: 'PY12' is Python of p2.conf already"));
	for (int i = 1; i <= 4; i++)
		remove_conf((char[]){ 'p', (char)('0' + i), '.', 'c', 'o', 'n', 'f', '\0' });
}

static void
a_version_is_the_number_in_what_a_tool_says(void **state)
{
	static const struct {
		const char *line, *number;
	} cases[] = {
		{ "gcc (Debian 12.2.0-14+deb12u1) 12.2.0", "12.2.0" },
		{ "x86_64-linux-gnu-gcc-12 (GCC) 12.2.0", "12.2.0" },
		{ "GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)", "5.2.15" },
		{ "go version go1.19.8 linux/amd64", "1.19.8" },
		{ "perl5.36.0", "5.36.0" },
		{ "v20.20.2", "20.20.2" },
		{ "openjdk 17.0.15 2025-04-15", "17.0.15" },
		{ "openjdk 25 2025-09-16", "25" },
		{ "rustc 1.63.0", "1.63.0" },
		{ "rustc 1.70.0-nightly (abc 2023-01-01)", "1.70.0" },
		{ "Python 3.13.0rc1", "3.13.0rc1" },
		{ "PHP 8.2.29 (cli) (built: Jul  3 2025 16:16:05) (NTS)", "8.2.29" },
		{ "tool (version 1.5)", "1.5" },
		{ "no number", "" },
		{ "", "" },
		{ "1.2.", "1.2" },
		{ "1234567890123456789012345678901", "1234567890123456789012345678901" },
		{ "12345678901234567890123456789012", "" },
	};
	char number[RUN_VERSION_NUMBER_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		run_version_number(cases[i].line, number);
		if (strcmp(number, cases[i].number) != 0)
			fail_msg("'%s': '%s'", cases[i].line, number);
	}
}

static void
a_tool_that_is_missing_is_named(void **state)
{
	static const struct {
		struct run_language language;
		const char *missing; /* NULL: nothing */
	} cases[] = {
		{ { .run = "/bin/sh {main}" }, NULL },
		{ { .run = "/no/such/tool {main}" }, "/no/such/tool" },
		{ { .compile = "/bin/sh", .run = "/program/program" }, NULL },
		{ { .compile = "/no/cc {files}", .run = "/program/program" }, "/no/cc" },
		{ { .compile = "/bin/sh", .run = "/no/vm" }, "/no/vm" },
		{ { .run = "/bin/sh", .needs = "/bin/sh /no/jar" }, "/no/jar" },
		{ { .run = "/etc/passwd" }, "/etc/passwd" },
		{ { .run = "/sh", .root = "/bin" }, NULL },
		{ { .run = "/bin/sh", .root = "/etc" }, "/bin/sh" },
		{ { .run = "/bin/sh", .root = "/no/root" }, "/no/root" },
	};
	char missing[RUN_LANGUAGE_PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool is_there = run_language_is_available(&cases[i].language, missing);

		if (is_there != !cases[i].missing || (!is_there && strcmp(missing, cases[i].missing) != 0))
			fail_msg("%zu: %s", i, is_there ? "available" : missing);
	}
}

static void
no_more_languages_than_there_is_room_for(void **state)
{
	static struct run_languages l;
	char name[32], text[128];
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i <= RUN_LANGUAGES_MAX; i++) {
		snprintf(name, sizeof name, "%03d.conf", i);
		snprintf(text, sizeof text, "name = L%d\nsource = main.l%d\nrun = /l\n", i, i);
		write_conf(name, text);
		assert_int_equal(run_languages_read(&l, folder, &e), i < RUN_LANGUAGES_MAX ? 0 : -E2BIG);
	}
	for (int i = 0; i <= RUN_LANGUAGES_MAX; i++) {
		snprintf(name, sizeof name, "%03d.conf", i);
		remove_conf(name);
	}
}

static void
an_option_is_a_word_of_the_list_or_begins_like_one(void **state)
{
	static const struct run_language l = { .options = "-O2 -std=* -g" };
	static const struct {
		const char *option;
		bool is_allowed;
	} cases[] = {
		{ "-O2", true },     { "-O", false },         { "-O22", false }, { "-std=c99", true },
		{ "-std=", true },   { "-std", false },       { "-g", true },    { "", false },
		{ "-O2 -g", false }, { "-fplugin=x", false }, { "*", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (run_language_allows(&l, cases[i].option) != cases[i].is_allowed)
			fail_msg("'%s'", cases[i].option);
}

#define LIMIT ((uint64_t)100 << 20)

static const struct {
	const char *name;
	struct box_result result;
	enum run_status status, of_compiler;
} verdicts[] = {
	{ "exit_0", { .ending = { CLD_EXITED, 0 } }, RUN_ACCEPTED, RUN_ACCEPTED },
	{ "exit_0_at_the_limit_of_memory",
	  { .ending = { CLD_EXITED, 0 }, .memory_peak = LIMIT },
	  RUN_ACCEPTED,
	  RUN_ACCEPTED },
	{ "exit_1", { .ending = { CLD_EXITED, 1 } }, RUN_NONZERO_EXIT, RUN_COMPILE_ERROR },
	{ "a_signal", { .ending = { CLD_KILLED, SIGSEGV } }, RUN_SIGNAL, RUN_COMPILE_ERROR },
	{ "exit_1_out_of_memory",
	  { .ending = { CLD_EXITED, 1 }, .memory_peak = LIMIT / 10 * 9 },
	  RUN_MEMORY_LIMIT,
	  RUN_COMPILE_ERROR },
	{ "exit_1_with_a_little_less",
	  { .ending = { CLD_EXITED, 1 }, .memory_peak = LIMIT / 10 * 9 - 1 },
	  RUN_NONZERO_EXIT,
	  RUN_COMPILE_ERROR },
	{ "killed_for_memory",
	  { .cause = CAUSE_MEMORY_LIMIT, .ending = { CLD_KILLED, SIGKILL } },
	  RUN_MEMORY_LIMIT,
	  RUN_COMPILE_ERROR },
	{ "killed_for_cpu_time",
	  { .cause = CAUSE_CPU_TIME_LIMIT, .ending = { CLD_KILLED, SIGKILL } },
	  RUN_CPU_TIME_LIMIT,
	  RUN_COMPILE_TIME_LIMIT },
	{ "killed_for_time",
	  { .cause = CAUSE_WALL_TIME_LIMIT, .ending = { CLD_KILLED, SIGKILL } },
	  RUN_WALL_TIME_LIMIT,
	  RUN_COMPILE_TIME_LIMIT },
	{ "killed_for_output",
	  { .cause = CAUSE_OUTPUT_LIMIT, .ending = { CLD_KILLED, SIGKILL } },
	  RUN_OUTPUT_LIMIT,
	  RUN_COMPILE_ERROR },
	{ "a_flood_of_many",
	  { .cause = CAUSE_OUTPUT_LIMIT, .has_met_processes = true },
	  RUN_OUTPUT_LIMIT,
	  RUN_COMPILE_ERROR },
	{ "a_bomb_ends_by_the_clock",
	  { .cause = CAUSE_WALL_TIME_LIMIT, .has_met_processes = true },
	  RUN_PROCESS_LIMIT,
	  RUN_COMPILE_ERROR },
	{ "a_fork_that_failed",
	  { .ending = { CLD_EXITED, 1 }, .has_met_processes = true },
	  RUN_PROCESS_LIMIT,
	  RUN_COMPILE_ERROR },
	{ "refused_what_only_an_attack_asks_for",
	  { .ending = { CLD_EXITED, 1 }, .n_denied = 1 },
	  RUN_SYSCALL_DENIED,
	  RUN_COMPILE_ERROR },
	{ "refused_and_well_all_the_same",
	  { .ending = { CLD_EXITED, 0 }, .n_denied = 1 },
	  RUN_ACCEPTED,
	  RUN_ACCEPTED },
	{ "refused_too_often",
	  { .cause = CAUSE_SYSCALL_DENIED, .ending = { CLD_KILLED, SIGKILL }, .n_denied = 65 },
	  RUN_SYSCALL_DENIED,
	  RUN_COMPILE_ERROR },
	{ "killed_by_the_filter",
	  { .ending = { CLD_KILLED, SIGSYS } },
	  RUN_SYSCALL_DENIED,
	  RUN_COMPILE_ERROR },
	{ "an_exit_status_like_that_signal",
	  { .ending = { CLD_EXITED, SIGSYS } },
	  RUN_NONZERO_EXIT,
	  RUN_COMPILE_ERROR },
	{ "a_fork_that_was_no_matter",
	  { .ending = { CLD_EXITED, 0 }, .has_met_processes = true },
	  RUN_ACCEPTED,
	  RUN_ACCEPTED },
};

static void
every_ending_has_its_word(void **state)
{
	static const struct box_limits limits = { .memory = LIMIT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		enum run_status program = run_status_of(&verdicts[i].result, &limits);
		enum run_status compiler = run_status_of_compiler(&verdicts[i].result, &limits);

		if (program != verdicts[i].status || compiler != verdicts[i].of_compiler)
			fail_msg("%s: %s, %s", verdicts[i].name, run_status_word(program),
			         run_status_word(compiler));
	}
	for (unsigned i = 0; i < RUN_STATUSES; i++)
		assert_non_null(run_status_word(i));
	assert_string_equal(run_status_word(RUN_STATUSES), "internal_error");
}

static void
ended_keep(void *context, const struct run_event *event)
{
	struct run_report *last = context;

	assert_int_equal(event->type, RUN_EVENT_ENDED);
	*last = event->report;
}

/* As an internal error, with the words of the error itself. */
static int
do_job(const struct run_language *language, const struct run_job *job, struct err *e)
{
	static const struct run_place place = { 300000, NULL };
	struct run_report last = { 0 };
	const struct run_watcher watcher = { ended_keep, &last, -1 };
	int rc = run_job_do(&place, language, job, &watcher, e);

	assert_int_equal(last.status, RUN_INTERNAL_ERROR);
	assert_string_equal(last.message, e->text);
	return rc;
}

static void
a_job_that_makes_no_sense_is_refused(void **state)
{
	static const struct run_language absent = {
		.name = "Absent", .source = "m.x", .run = "/none/x", .options = "-a"
	};
	static struct run_job job = { .n_cases = 1, .files = { { "m.x", "", 0 } } };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(do_job(&absent, &job, &e), -EINVAL);
	job.n_files = RUN_FILES_MAX + 1;
	assert_int_equal(do_job(&absent, &job, &e), -EINVAL);
	job.n_files = 1;
	job.n_cases = 0;
	assert_int_equal(do_job(&absent, &job, &e), -EINVAL);
	job.n_cases = 1;
	job.limits.output = RUN_KEPT_MAX / 2 + 1;
	assert_int_equal(do_job(&absent, &job, &e), -EINVAL);
	job.limits.output = RUN_KEPT_MAX / 2;
	job.options[0] = "-b";
	assert_int_equal(do_job(&absent, &job, &e), -EINVAL);
	assert_non_null(strstr(e.text, "does not take the option '-b'; it takes: -a"));
	job.options[0] = NULL;
	assert_int_equal(do_job(&absent, &job, &e), -ENOENT);
	assert_non_null(strstr(e.text, "Absent is not installed here: no /none/x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_language_is_a_file_of_known_keys),
		cmocka_unit_test(languages_are_found_by_name_alias_and_ending_in_any_case),
		cmocka_unit_test(a_language_has_limits_and_lists_of_its_own),
		cmocka_unit_test(rows_of_one_name_are_told_apart_by_their_version),
		cmocka_unit_test(a_version_is_the_number_in_what_a_tool_says),
		cmocka_unit_test(a_tool_that_is_missing_is_named),
		cmocka_unit_test(no_more_languages_than_there_is_room_for),
		cmocka_unit_test(an_option_is_a_word_of_the_list_or_begins_like_one),
		cmocka_unit_test(every_ending_has_its_word),
		cmocka_unit_test(a_job_that_makes_no_sense_is_refused),
	};
	int failed;

	if (!mkdtemp(folder))
		return 99;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed ? 1 : 0;
}
