/* test_engine.c - whole runs in real boxes: what is said of them, and in which order. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "run/engine.h"
#include "sandbox_base.h"

enum { BOX_UID = 300001, STORY_SIZE = 4096, EVENT_MAX = 1 << 20 };

#define LIMITS                                                                                               \
	.program = { .memory = 128 << 20, .processes = 32 },                                                 \
	.compiler = { .memory = 64 << 20, .processes = 32 }

static const struct run_language shell = {
	.name = "Shell", .source = "main.sh", .run = "/bin/sh {main}", LIMITS
};
/* A compiler that is none: what it is given is the program. */
static const struct run_language compiled = {
	.name = "Copied",
	.source = "main.sh",
	.compile = "/bin/cp {main} program",
	.run = "/program/program",
	LIMITS,
};

/* What was said, one word an event. */
struct story {
	char text[STORY_SIZE];
	size_t n_output, n_usage;
	struct run_usage most;
	char file[64];
	enum run_status status;
	char message[RUN_MESSAGE_SIZE];
	int hang_up; /* closed at the first output; -1: none */
};

static void
story_add(struct story *s, const char *word, int index)
{
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof s->text - n, "%s%s", n ? " " : "", word);
	n = strlen(s->text);
	if (index >= 0)
		snprintf(s->text + n, sizeof s->text - n, "%d", index);
}

static void
output_tell(struct story *s, const struct run_event *event)
{
	s->n_output += event->n;
	fd_close(&s->hang_up);
}

static void
usage_tell(struct story *s, const struct run_event *event)
{
	s->n_usage++;
	if (event->usage.processes > s->most.processes)
		s->most = event->usage;
}

static void
tell(void *context, const struct run_event *event)
{
	struct story *s = context;

	switch (event->type) {
	case RUN_EVENT_COMPILING:
		story_add(s, "compiling", -1);
		return;
	case RUN_EVENT_COMPILED:
		story_add(s, run_status_word(event->report.status), -1);
		return;
	case RUN_EVENT_CASE:
		story_add(s, "case", (int)event->index);
		return;
	case RUN_EVENT_OUTPUT:
		output_tell(s, event);
		return;
	case RUN_EVENT_USAGE:
		usage_tell(s, event);
		return;
	case RUN_EVENT_FILE:
		story_add(s, event->name, -1);
		snprintf(s->file, sizeof s->file, "%.*s", (int)event->n, event->data);
		return;
	case RUN_EVENT_CASE_ENDED:
		story_add(s, run_status_word(event->report.status), (int)event->index);
		return;
	default:
		story_add(s, "ended", -1);
		s->status = event->report.status;
		memcpy(s->message, event->report.message, sizeof s->message);
	}
}

static struct run_job *
job_of(const char *program, size_t n_cases)
{
	struct run_job *job = calloc(1, sizeof *job);

	assert_non_null(job);
	run_limits_init(&job->limits, &compiled);
	run_compile_limits_init(&job->compile_limits, &compiled);
	job->files[0] = (struct box_file){ "main.sh", program, strlen(program) };
	job->n_files = 1;
	job->n_cases = n_cases;
	job->total_ms = 60000;
	return job;
}

static void
case_set(struct run_job *job, size_t i, const char *input, const char *expected)
{
	job->cases[i].input = input;
	job->cases[i].n_input = strlen(input);
	job->cases[i].expected = expected;
	job->cases[i].n_expected = strlen(expected);
	job->cases[i].has_expected = true;
}

static int
run_story(const struct run_language *language, const struct run_job *job, int cancel, struct story *s)
{
	static const struct run_place place = { .uid = BOX_UID };
	const struct run_watcher watcher = { tell, s, cancel };
	struct err e = { 0 };
	int rc = run_job_do(&place, language, job, &watcher, &e);

	if (rc < 0 && rc != -ECANCELED)
		print_error("%s\n", e.text);
	return rc;
}

#define HEAD "#!/bin/sh\n"

static void
it_is_compiled_once_and_run_for_every_case(void **state)
{
	struct run_job *job = job_of(HEAD "read x; echo $x; exit 0", 3);
	struct story s = { .hang_up = -1 };

	(void)state;
	case_set(job, 0, "a\n", "a");
	case_set(job, 1, "b\n", "c");
	case_set(job, 2, "d\n", "d\n");
	job->compare = RUN_COMPARE_LINES;
	assert_int_equal(run_story(&compiled, job, -1, &s), 0);
	assert_string_equal(s.text, "compiling accepted case0 accepted0 case1 wrong_answer1 case2 accepted2 "
	                            "ended");
	assert_int_equal(s.status, RUN_WRONG_ANSWER);
	assert_int_equal(s.n_output, 6);

	memset(s.text, 0, sizeof s.text);
	job->stops_on_failure = true;
	assert_int_equal(run_story(&compiled, job, -1, &s), 0);
	assert_string_equal(s.text, "compiling accepted case0 accepted0 case1 wrong_answer1 ended");
	free(job);
}

static void
what_does_not_compile_is_not_run(void **state)
{
	static const struct run_language broken = { .name = "Broken",
		                                    .source = "main.sh",
		                                    .compile = "/bin/cat missing",
		                                    .run = "/program/program",
		                                    LIMITS };
	static const struct run_language lazy = {
		.name = "Lazy", .source = "main.sh", .compile = "/bin/true", .run = "/program/program", LIMITS
	};
	struct run_job *job = job_of("", 2);
	struct story s = { .hang_up = -1 };

	(void)state;
	assert_int_equal(run_story(&broken, job, -1, &s), 0);
	assert_string_equal(s.text, "compiling compile_error ended");
	assert_int_equal(s.status, RUN_COMPILE_ERROR);
	memset(s.text, 0, sizeof s.text);
	assert_int_equal(run_story(&lazy, job, -1, &s), 0);
	assert_string_equal(s.text, "compiling compile_error ended");
	free(job);
}

static void
the_time_of_the_whole_ends_what_is_left(void **state)
{
	struct run_job *job = job_of("sleep 1000", 3);
	struct story s = { .hang_up = -1 };

	(void)state;
	job->total_ms = 300;
	assert_int_equal(run_story(&shell, job, -1, &s), 0);
	assert_string_equal(s.text, "case0 wall_time_limit0 ended");
	assert_int_equal(s.status, RUN_WALL_TIME_LIMIT);
	assert_string_equal(s.message, "the whole run may take 300 ms: 1 of 3 cases were run");
	free(job);
}

static void
a_hang_up_ends_it_at_once_and_nothing_more_is_said(void **state)
{
	struct run_job *job = job_of("echo ready; exec sleep 1000", 2);
	struct story s = { 0 };
	int pair[2];

	(void)state;
	job->limits.wall_ms = 1000000;
	job->total_ms = 1000000;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s.hang_up = pair[0];
	assert_int_equal(run_story(&shell, job, pair[1], &s), -ECANCELED);
	assert_string_equal(s.text, "case0");
	close(pair[1]);
	free(job);
}

static void
output_comes_as_it_is_written_but_no_more_than_the_head(void **state)
{
	struct run_job *job = job_of("head -c 5000 /dev/urandom; head -c 5000 /dev/urandom >&2", 1);
	struct story s = { .hang_up = -1 };

	(void)state;
	job->limits.output = 1000;
	job->limits.output_end = 400;
	assert_int_equal(run_story(&shell, job, -1, &s), 0);
	assert_int_equal(s.n_output, 2 * 600);
	assert_string_equal(s.text, "case0 accepted0 ended");
	free(job);
}

static void
what_it_uses_is_said_while_it_runs(void **state)
{
	struct run_job *job = job_of("sleep 0.8 & sleep 0.8 & wait", 1);
	struct story s = { .hang_up = -1 };

	(void)state;
	assert_int_equal(run_story(&shell, job, -1, &s), 0);
	assert_in_range(s.n_usage, 1, 40);
	assert_int_equal(s.most.processes, 3);
	assert_true(s.most.memory > 0 && s.most.wall_us > 0);
	free(job);
}

static void
files_come_back_before_the_end_of_their_case(void **state)
{
	struct run_job *job =
	    job_of("mkdir out; echo hello >out/a.txt; ln -s a.txt out/b.txt; echo no >c", 1);
	struct story s = { .hang_up = -1 };

	(void)state;
	job->outputs[0] = "out/*";
	assert_int_equal(run_story(&shell, job, -1, &s), 0);
	assert_string_equal(s.text, "case0 out/a.txt accepted0 ended");
	assert_string_equal(s.file, "hello\n");
	free(job);
}

static void
arguments_and_variables_are_the_programs_own(void **state)
{
	struct run_job *job = job_of("echo \"$1-$2-$A-$HOME-$TMPDIR\"", 1);
	struct story s = { .hang_up = -1 };

	(void)state;
	job->arguments[0] = "a b";
	job->arguments[1] = "";
	job->environment[0] = "A={main}";
	job->environment[1] = "HOME=/tmp";
	case_set(job, 0, "", "a b--{main}-/tmp-/tmp\n");
	assert_int_equal(run_story(&shell, job, -1, &s), 0);
	assert_string_equal(s.text, "case0 accepted0 ended");
	free(job);
}

/* As a keeper does it. */
static void
write_on(void *context, const struct run_event *event)
{
	assert_int_equal(run_event_write(*(const int *)context, event), 0);
}

static void
what_is_said_can_be_read_by_another_process(void **state)
{
	static const struct run_place place = { .uid = BOX_UID };
	struct run_job *job = job_of("echo out; echo err >&2; exit 3", 1);
	char bytes[4096];
	struct run_event event;
	struct err e = { 0 };
	struct buf in;
	ssize_t n;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	const struct run_watcher watcher = { write_on, &pair[0], pair[0] };
	assert_int_equal(run_job_do(&place, &shell, job, &watcher, &e), 0);
	close(pair[0]);
	n = fd_read_all(pair[1], bytes, sizeof bytes);
	buf_init(&in, EVENT_MAX);
	assert_int_equal(buf_append(&in, bytes, (size_t)n), 0);
	do
		assert_int_equal(run_event_read(&in, &event), 1);
	while (event.type != RUN_EVENT_CASE_ENDED);
	assert_int_equal(event.report.ending.status, 3);
	assert_int_equal(event.report.size_out, 4);
	assert_memory_equal(event.report.out, "out\nerr\n", 8);
	assert_int_equal(run_event_read(&in, &event), 1);
	assert_int_equal(event.type, RUN_EVENT_ENDED);
	assert_int_equal(event.report.status, RUN_NONZERO_EXIT);
	buf_done(&in);
	close(pair[1]);
	free(job);
}

static int
test(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_compiled_once_and_run_for_every_case),
		cmocka_unit_test(what_does_not_compile_is_not_run),
		cmocka_unit_test(the_time_of_the_whole_ends_what_is_left),
		cmocka_unit_test(a_hang_up_ends_it_at_once_and_nothing_more_is_said),
		cmocka_unit_test(output_comes_as_it_is_written_but_no_more_than_the_head),
		cmocka_unit_test(what_it_uses_is_said_while_it_runs),
		cmocka_unit_test(files_come_back_before_the_end_of_their_case),
		cmocka_unit_test(arguments_and_variables_are_the_programs_own),
		cmocka_unit_test(what_is_said_can_be_read_by_another_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(void)
{
	return base_as_everybody(test);
}
