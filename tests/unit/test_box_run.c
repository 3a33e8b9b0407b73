/* test_box_run.c - a box for a stranger's program: its input, the program itself, the ends of its output,
 * what it used. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/box.h"
#include "sandbox_base.h"

/* Until its exec a program is a copy of this one. */
#ifdef CFN_SANITIZERS
enum { OWN_MEMORY = 256 << 20 };
#else
enum { OWN_MEMORY = 64 << 20 };
#endif

enum { BOX_UID = 300001, KEPT = 64, KEPT_END = 16, PROCESSES = 8 };

static const struct box_limits usual = {
	.memory = 64 << 20,
	.cpu_ms = 2000,
	.wall_ms = 20000,
	.processes = PROCESSES,
	.files = 32,
	.disk = 1 << 20,
	.output = KEPT,
	.output_end = KEPT_END,
};

/* What all boxes of a test share when they are made ahead; NULL: each is made when it is needed. */
static const struct box_base *shared;

/* Another program, input and output: only the shape is the same. */
static struct box_ahead *
ahead_open(const struct box_plan *plan)
{
	static const struct box_file program = { "other", "#!/bin/false\n", 13 };
	static const char *const argv[] = { "/program/other", NULL };
	static const char *const env[] = { "OTHER=yes", NULL };
	struct box_plan shape = *plan;
	struct box_ahead *ahead = NULL;
	struct err e = { 0 };

	shape.argv = argv;
	shape.env = env;
	shape.input = -1;
	shape.is_merged = false;
	shape.program = &program;
	shape.n_program = plan->n_program > 0 ? 1 : 0;
	shape.limits.processes = 1;
	shape.limits.disk = 1 << 16;
	if (box_ahead_open(&ahead, &shape, &e) < 0)
		fail_msg("%s", e.text);
	return ahead;
}

/* A script to run, /program/main, and what it reads. */
static int
run_script_within(const char *script, const char *input, bool is_merged, const struct box_limits *limits,
                  struct box_result *r)
{
	static const char *const system[] = { "/usr/bin", "/usr/lib", "/usr/lib64", "/bin",
		                              "/lib",     "/lib64",   NULL };
	static const char *const argv[] = { "/program/main", NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	const struct box_file files[] = { { "main", script, strlen(script) }, { "more/data", "data\n", 5 } };
	struct err e = { 0 };
	AUTO_FD in = input ? fd_sealed_memory("input", input, strlen(input), &e) : -1;
	struct box_plan plan = {
		.name = "run",
		.profile = BOX_RUN,
		.argv = argv,
		.env = env,
		.input = in,
		.base = shared,
		.is_merged = is_merged,
		.system = system,
		.program = files,
		.n_program = ARRAY_SIZE(files),
		.uid_range = BOX_UID,
		.limits = *limits,
	};
	int rc;

	plan.ahead = shared ? ahead_open(&plan) : NULL;
	rc = box_run(&plan, r, &e);
	box_ahead_close(plan.ahead);
	if (rc < 0)
		print_error("%s\n", e.text);
	return rc;
}

static int
run_script(const char *script, const char *input, bool is_merged, struct box_result *r)
{
	return run_script_within(script, input, is_merged, &usual, r);
}

static bool
is_text(const struct buf *b, const char *text)
{
	if (buf_used(b) == strlen(text) && (buf_used(b) == 0 || memcmp(buf_head(b), text, buf_used(b)) == 0))
		return true;
	print_error("'%.*s' is not '%s'\n", (int)buf_used(b), buf_used(b) > 0 ? buf_head(b) : "", text);
	return false;
}

#define HEAD "#!/bin/sh\n"
#define A_16 "aaaaaaaaaaaaaaaa"
#define A_48 A_16 A_16 A_16

static const struct {
	const char *name, *script, *input, *out, *err;
	bool is_merged;
	int status;
	uint64_t n_out;
} cases[] = {
	{ "it_reads_its_input", HEAD "read x; echo got $x; read y || echo end", "one\n", "got one\nend\n",
	  "" },
	{ "without_one_it_is_empty", HEAD "read x || echo end", NULL, "end\n", "" },
	{ "an_input_that_is_not_read_is_no_matter", HEAD "echo out", "one\ntwo\n", "out\n", "" },
	{ "its_input_cannot_be_written", HEAD "(echo x >&0) 2>&- || echo no", "one\n", "no\n", "" },
	{ "the_streams_are_apart", HEAD "echo a; echo b >&2", NULL, "a\n", "b\n" },
	{ "merged_they_are_one_in_order", HEAD "echo a; echo b >&2; echo c", NULL, "a\nb\nc\n", "", true },
	{ "the_program_is_there_with_its_files", HEAD "cat /program/more/data", NULL, "data\n", "" },
	{ "the_program_cannot_be_changed",
	  HEAD "chmod 777 /program/main 2>&- || echo a; (: >>/program/main) 2>&- || echo b; (: "
	       ">/program/new) 2>&- ||"
	       "echo c; rm /program/more/data 2>&- || echo d",
	  NULL, "a\nb\nc\nd\n", "" },
	{ "the_working_folder_is_its_own_and_not_executable",
	  HEAD "pwd; cp /program/main own && chmod 700 own && { ./own 2>&-; echo $?; }", NULL, "/work\n126\n",
	  "" },
	{ "it_is_uid_1000", HEAD "id -u; id -g", NULL, "1000\n1000\n", "" },
	{ "an_exit_status_is_its_own", HEAD "exit 7", NULL, "", "", .status = 7 },
	{ "output_at_the_limit_is_whole", HEAD "printf " A_48 "0123456789abcdef", NULL,
	  A_48 "0123456789abcdef", "", .n_out = KEPT },
	{ "past_it_the_middle_is_left_out", HEAD "printf " A_48 "-0123456789abcdef", NULL,
	  A_48 "0123456789abcdef", "", .n_out = KEPT + 1 },
	{ "however_it_came",
	  HEAD "for i in 1 2 3 4 5 6; do printf " A_16 "; done; printf xyz; printf 0123456789abcdef", NULL,
	  A_48 "0123456789abcdef", "", .n_out = 6 * 16 + 3 + 16 },
};

static void
every_script_does_what_it_may(void **state)
{
	unsigned n_wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct box_result r;

		assert_int_equal(run_script(cases[i].script, cases[i].input, cases[i].is_merged, &r), 0);
		if (!is_text(&r.out, cases[i].out) || !is_text(&r.err, cases[i].err) ||
		    r.ending.code != CLD_EXITED || r.ending.status != cases[i].status ||
		    (cases[i].n_out > 0 && r.n_out != cases[i].n_out)) {
			print_error("%s: exit %d, %llu bytes\n", cases[i].name, r.ending.status,
			            (unsigned long long)r.n_out);
			n_wrong++;
		}
		box_result_done(&r);
	}
	assert_int_equal(n_wrong, 0);
}

static void
what_it_used_is_said(void **state)
{
	struct box_result r;

	(void)state;
	assert_int_equal(run_script(HEAD "for i in 1 2 3; do sleep 1 & done; wait", NULL, false, &r), 0);
	assert_in_range(r.processes_peak, 4, PROCESSES);
	assert_false(r.has_met_processes);
	assert_in_range(r.memory_peak, 64 << 10, OWN_MEMORY);
	assert_true(r.wall_us >= 1000 * 1000);
	box_result_done(&r);

	assert_int_equal(run_script(HEAD "(for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done); sleep 0.5", NULL,
	                            false, &r),
	                 0);
	assert_true(r.has_met_processes);
	assert_int_equal(r.processes_peak, PROCESSES);
	box_result_done(&r);
}

/* Whoever may be alone is always as many as it may be. */
static void
one_process_has_met_no_limit_of_one(void **state)
{
	struct box_limits limits = usual;
	struct box_result r;

	(void)state;
	limits.processes = 1;
	limits.cpu_ms = 200;
	assert_int_equal(run_script_within(HEAD "while :; do :; done", NULL, false, &limits, &r), 0);
	assert_int_equal(r.processes_peak, 1);
	assert_false(r.has_met_processes);
	assert_int_equal(r.cause, CAUSE_CPU_TIME_LIMIT);
	box_result_done(&r);
}

static int
shell(const char *command)
{
	return system(command);
}

/* A shell's command in a box whose root is another folder than the host's. */
static int
run_in(const char *root, const char *const *system, const char *command, bool has_proc_self_exe,
       struct box_result *r, struct err *e)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	const struct box_plan plan = {
		.name = "run",
		.profile = BOX_RUN,
		.argv = argv,
		.env = env,
		.input = -1,
		.system = system,
		.system_root = root,
		.has_proc_self_exe = has_proc_self_exe,
		.uid_range = BOX_UID,
		.limits = usual,
	};

	return box_run(&plan, r, e);
}

static void
a_root_of_its_own_is_all_that_it_sees(void **state)
{
	static const char *const system[] = { "/bin", "/lib", "/lib64", "/none", NULL };
	struct box_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(run_in("/usr", system, "ls -d /usr /etc /none /bin /lib 2>&-", false, &r, &e), 0);
	assert_true(is_text(&r.out, "/bin\n/lib\n"));
	box_result_done(&r);
	assert_int_equal(run_in("/usr", system, "(: >/bin/new) 2>&- || echo no", false, &r, &e), 0);
	assert_true(is_text(&r.out, "no\n"));
	box_result_done(&r);
	assert_int_equal(run_in("/none/at/all", system, "echo", false, &r, &e), -ENOENT);
	assert_non_null(strstr(e.text, "root '/none/at/all'"));
}

/* The root has a link to a folder that is the host's, too, where everybody may write; not in /tmp, which the
 * new root covers. */
static void
a_link_in_its_root_makes_nothing_in_the_hosts(void **state)
{
	static const char *const system[] = { "/opt", "/opt/made/deep", NULL };
	char host[] = "/var/tmp/cfn-host-XXXXXX", root[] = "/var/tmp/cfn-root-XXXXXX", path[PATH_MAX];
	struct box_result r;
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(host));
	assert_non_null(mkdtemp(root));
	assert_int_equal(chmod(host, 0777) | chmod(root, 0755), 0);
	snprintf(path, sizeof path, "ln -s %s %s/opt && mkdir -p %s%s/made/deep && chmod -R a+rX %s", host,
	         root, root, host, root);
	assert_int_equal(shell(path), 0);
	assert_true(run_in(root, system, "echo", false, &r, &e) < 0);
	snprintf(path, sizeof path, "%s/made", host);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof path, "rm -r %s %s", host, root);
	assert_int_equal(shell(path), 0);
}

static void
proc_is_there_when_it_is_asked_for_and_holds_one_link(void **state)
{
	static const char *const system[] = { "/usr/bin", "/usr/lib", "/usr/lib64", "/bin",
		                              "/lib",     "/lib64",   NULL };
	char path[PATH_MAX + 1];
	struct box_result r;
	struct err e = { 0 };

	(void)state;
	assert_non_null(realpath("/bin/sh", path));
	strcat(path, "\n");
	assert_int_equal(run_in(NULL, system, "readlink /proc/self/exe; ls /proc /proc/1 2>&-", true, &r, &e),
	                 0);
	assert_true(is_text(&r.out, path));
	box_result_done(&r);
	assert_int_equal(run_in(NULL, system, "[ -e /proc ] || echo none", false, &r, &e), 0);
	assert_true(is_text(&r.out, "none\n"));
	box_result_done(&r);
}

/* ---- boxes that are made ahead ---- */

static void
all_that_is_true_of_a_box_is_true_of_one_made_ahead(void **state)
{
	struct box_base base;
	struct err e;

	assert_int_equal(box_base_open(&base, false, &e), 0);
	shared = &base;
	every_script_does_what_it_may(state);
	what_it_used_is_said(state);
	shared = NULL;
	box_base_close(&base);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static const char *const usual_system[] = { "/usr/bin", "/usr/lib", "/usr/lib64", "/bin",
	                                    "/lib",     "/lib64",   NULL };
static const char *const more[] = { "/usr/bin", "/usr/lib", "/usr/lib64", "/bin",
	                            "/lib",     "/lib64",   "/usr/share", NULL };
static const char *const shell_env[] = { "PATH=/usr/bin:/bin", NULL };

/* A plan of a shell's command; the base is to be closed. */
static struct box_plan
shell_plan(const char *const *argv, const struct box_base *base)
{
	return (struct box_plan){ .name = "run",
		                  .profile = BOX_RUN,
		                  .argv = argv,
		                  .env = shell_env,
		                  .input = -1,
		                  .system = usual_system,
		                  .uid_range = BOX_UID,
		                  .base = base,
		                  .limits = usual };
}

/* The one child of this process; 0: none, or more. */
static pid_t
only_child(void)
{
	char path[64], text[64] = "", *end;
	AUTO_FD fd = -1;
	long pid;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof text - 1) >= 0);
	pid = strtol(text, &end, 10);
	return strcmp(end, " ") == 0 ? (pid_t)pid : 0;
}

enum { SAME, OTHER_SYSTEM, OTHER_PROC, OTHER_PROGRAM, KILLED, USED };

static const struct {
	const char *name;
	int what;
	bool is_there; /* still, after another was run */
} ahead_cases[] = {
	{ "the_same_shape", SAME, false },
	{ "other_paths", OTHER_SYSTEM, true },
	{ "a_link_to_the_program", OTHER_PROC, true },
	{ "with_a_program", OTHER_PROGRAM, true },
	{ "one_that_was_killed", KILLED, false },
	{ "one_that_was_used", USED, false },
};

static void
change(struct box_plan *plan, int what, struct box_result *r)
{
	static const struct box_file program = { "main", "x", 1 };
	struct err e;

	if (what == OTHER_SYSTEM)
		plan->system = more;
	plan->has_proc_self_exe = what == OTHER_PROC;
	if (what == OTHER_PROGRAM) {
		plan->program = &program;
		plan->n_program = 1;
	}
	if (what == KILLED)
		kill(only_child(), SIGKILL);
	if (what == USED) {
		assert_int_equal(box_run(plan, r, &e), 0);
		box_result_done(r);
	}
}

/* Used or not, nothing of it shows in how the run ends. */
static void
a_plan_runs_whether_a_box_of_its_shape_waits_or_not(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c", "echo ran", NULL };
	struct box_base base;
	struct err e;

	(void)state;
	assert_int_equal(box_base_open(&base, false, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ahead_cases); i++) {
		struct box_plan plan = shell_plan(argv, &base);
		struct box_result r;
		int rc;

		assert_int_equal(box_ahead_open(&plan.ahead, &plan, &e), 0);
		change(&plan, ahead_cases[i].what, &r);
		rc = box_run(&plan, &r, &e);
		if (rc < 0 || r.ending.code != CLD_EXITED || r.ending.status != 0 ||
		    (only_child() != 0) != ahead_cases[i].is_there)
			fail_msg("%s: %d, %d %d", ahead_cases[i].name, rc, r.ending.code, r.ending.status);
		box_result_done(&r);
		box_ahead_close(plan.ahead);
		assert_int_equal(only_child(), 0);
	}
	box_base_close(&base);
}

/* Its limit of time is shorter than it waited. */
static void
time_counts_from_when_it_has_its_plan(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c", "echo ran", NULL };
	struct box_base base;
	struct box_plan plan;
	struct box_result r;
	struct err e;

	(void)state;
	assert_int_equal(box_base_open(&base, false, &e), 0);
	plan = shell_plan(argv, &base);
	plan.limits.wall_ms = 1;
	assert_int_equal(box_ahead_open(&plan.ahead, &plan, &e), 0);
	/* Beyond what init of a box with that limit would live. */
	usleep(1200 * 1000);
	plan.limits.wall_ms = usual.wall_ms;
	assert_int_equal(box_run(&plan, &r, &e), 0);
	assert_int_equal(r.cause, CAUSE_NONE);
	assert_true(is_text(&r.out, "ran\n"));
	box_result_done(&r);
	box_ahead_close(plan.ahead);
	box_base_close(&base);
}

static void
one_that_nobody_needs_ends(void **state)
{
	static const char *const argv[] = { "/bin/sh", NULL };
	struct box_base base;
	struct box_plan plan;
	struct err e;

	(void)state;
	assert_int_equal(box_base_open(&base, false, &e), 0);
	plan = shell_plan(argv, &base);
	assert_int_equal(box_ahead_open(&plan.ahead, &plan, &e), 0);
	assert_true(only_child() > 0);
	box_ahead_close(plan.ahead);
	assert_int_equal(only_child(), 0);
	/* One of another kind is none. */
	plan.ahead = NULL;
	plan.profile = BOX_COMPILER;
	assert_int_equal(box_ahead_open(&plan.ahead, &plan, &e), -EINVAL);
	box_base_close(&base);
}

static int
test(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_script_does_what_it_may),
		cmocka_unit_test(what_it_used_is_said),
		cmocka_unit_test(one_process_has_met_no_limit_of_one),
		cmocka_unit_test(a_root_of_its_own_is_all_that_it_sees),
		cmocka_unit_test(a_link_in_its_root_makes_nothing_in_the_hosts),
		cmocka_unit_test(proc_is_there_when_it_is_asked_for_and_holds_one_link),
		cmocka_unit_test(all_that_is_true_of_a_box_is_true_of_one_made_ahead),
		cmocka_unit_test(a_plan_runs_whether_a_box_of_its_shape_waits_or_not),
		cmocka_unit_test(time_counts_from_when_it_has_its_plan),
		cmocka_unit_test(one_that_nobody_needs_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(void)
{
	return base_as_everybody(test);
}
