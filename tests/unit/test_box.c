/* test_box.c - every limit of a box, what comes out of it, and that nothing of it stays. */
#include "unit.h"

#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "box_payloads.h"
#include "sandbox/box.h"
#include "sandbox_base.h"

enum { BOX_UID = 300000, COLLECT_MAX = 1000 };

static const struct box_base *shared; /* NULL: each box makes what it needs */
static uid_t box_uid = BOX_UID;
static char program[64]; /* a copy of this program, so that every user can read it; its name is unique */

static const struct box_limits usual = {
	.memory = PAYLOAD_MEMORY,
	.cpu_ms = 1000,
	.wall_ms = 20000,
	.processes = PAYLOAD_PROCESSES,
	.files = 32,
	.disk = PAYLOAD_DISK,
	.output = PAYLOAD_OUTPUT,
};

static int
run_payload(const char *payload, const struct box_limits *limits, const char *const *collect,
            struct box_result *result)
{
	const char *const system[] = { "/usr/lib", "/usr/lib64", "/lib", "/lib64", program, NULL };
	const char *const argv[] = { program, "--payload", payload, NULL };
	static const char *const env[] = { "ONLY=this", NULL };
	static const struct box_file file = { "a/b.txt", "from outside", 12 };
	const struct box_plan plan = {
		.name = payload,
		.profile = BOX_COMPILER,
		.argv = argv,
		.env = env,
		.input = -1,
		.system = system,
		.files = &file,
		.n_files = 1,
		.collect = collect,
		.collect_max = COLLECT_MAX,
		.uid_range = box_uid,
		.base = shared,
		.limits = *limits,
	};
	struct err e = { 0 };
	int rc = box_run(&plan, result, &e);

	if (rc < 0)
		print_error("%s: %s\n", payload, e.text);
	return rc;
}

/* Processes of any box of this test: their command line has the program's unique name. */
static unsigned
survivors_count(void)
{
	char path[300], text[256];
	unsigned n = 0;
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while ((entry = readdir(proc))) {
		AUTO_FD fd = -1;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		memset(text, 0, sizeof text);
		if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
			n += strcmp(text, program) == 0;
	}
	closedir(proc);
	return n;
}

static const struct {
	const char *name;
	const char *payload;
	const char *ending; /* NULL: whatever */
	enum cause cause;
	uint64_t wall_ms, cpu_ms; /* 0: the usual */
	uint64_t address_space;
} cases[] = {
	{ "an_exit_status_is_reported", "exit", "exit 3", CAUSE_NONE },
	{ "a_signal_is_reported", "crash", "signal SEGV", CAUSE_NONE },
#ifndef CFN_SANITIZERS
	{ "one_process_gets_no_more_memory", "memory_one", "exit 12", CAUSE_NONE },
#endif
	{ "many_processes_get_no_more_memory", "memory_many", "signal KILL", CAUSE_MEMORY_LIMIT },
	{ "nor_do_threads_that_outlive_their_first", "memory_leaderless", "signal KILL", CAUSE_MEMORY_LIMIT,
	  .wall_ms = 5000 },
	{ "tables_of_addresses_are_memory", "memory_tables", "signal KILL", CAUSE_MEMORY_LIMIT,
	  .wall_ms = 5000, .address_space = 64ULL << 30 },
	{ "no_memory_is_shared_that_no_process_shows", "memory_shared", "exit 1", CAUSE_NONE },
	{ "nor_by_a_device", "memory_zero", "exit 2", CAUSE_NONE },
	{ "the_hosts_huge_pages_are_not_its_own", "memory_huge", "exit 1", CAUSE_NONE },
	{ "a_fork_bomb_ends", "fork_bomb", "signal KILL", CAUSE_CPU_TIME_LIMIT, .cpu_ms = 300 },
	{ "processes_are_limited", "count_forks", "exit 8", CAUSE_NONE },
	{ "a_loop_meets_the_cpu_limit", "loop", "signal KILL", CAUSE_CPU_TIME_LIMIT, .cpu_ms = 100 },
	{ "the_cpu_time_of_children_counts", "loop_in_children", "signal KILL", CAUSE_CPU_TIME_LIMIT,
	  .cpu_ms = 200 },
	{ "a_sleeper_meets_the_wall_limit", "sleep", "signal KILL", CAUSE_WALL_TIME_LIMIT, .wall_ms = 200 },
	{ "a_stopped_one_meets_the_wall_limit", "stop", "signal KILL", CAUSE_WALL_TIME_LIMIT,
	  .wall_ms = 200 },
	{ "a_flood_is_ended", "flood", "signal KILL", CAUSE_OUTPUT_LIMIT },
	{ "the_disk_is_limited", "fill_disk", "exit 28", CAUSE_NONE },
	{ "inodes_are_limited", "fill_inodes", "exit 28", CAUSE_NONE },
	{ "a_stopped_grandchild_holds_nobody_up", "leave_stopped", "exit 0", CAUSE_NONE },
	{ "closing_everything_is_allowed", "close_all", "exit 4", CAUSE_NONE },
	{ "init_is_not_killed_from_inside", "kill_all", "exit 5", CAUSE_NONE },
	{ "there_is_no_socket", "socket", "exit 13", CAUSE_NONE },
	{ "there_is_no_host_file", "host_file", "exit 2", CAUSE_NONE },
	{ "the_system_is_read_only", "system_write", "exit 30", CAUSE_NONE },
	{ "own_programs_do_not_run", "own_program", "exit 13", CAUSE_NONE },
	{ "there_is_no_further_namespace", "unshare", "exit 1", CAUSE_NONE },
	{ "it_is_uid_1000_in_work_with_the_given_environment", "identity", "exit 0", CAUSE_NONE },
};

static void
every_payload_ends_as_it_must(void **state)
{
	unsigned n_wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct box_limits limits = usual;
		struct box_result r;
		char ending[ENDING_TEXT_SIZE];

		limits.wall_ms = cases[i].wall_ms ? cases[i].wall_ms : limits.wall_ms;
		limits.cpu_ms = cases[i].cpu_ms ? cases[i].cpu_ms : limits.cpu_ms;
		limits.address_space = cases[i].address_space;
		assert_int_equal(run_payload(cases[i].payload, &limits, NULL, &r), 0);
		ending_format(&r.ending, ending);
		if (r.cause != cases[i].cause || strcmp(ending, cases[i].ending) != 0 ||
		    survivors_count() > 0) {
			print_error("%s: %s, cause '%s', %u survivors\n", cases[i].name, ending,
			            cause_word(r.cause), survivors_count());
			n_wrong++;
		}
		box_result_done(&r);
	}
	assert_int_equal(n_wrong, 0);
}

static void
output_is_kept_up_to_its_limit(void **state)
{
	static const char *const payloads[] = { "output_at_limit", "output_past_limit", "flood" };
	struct box_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
		assert_int_equal(run_payload(payloads[i], &usual, NULL, &r), 0);
		assert_int_equal(buf_used(&r.out), PAYLOAD_OUTPUT);
#ifndef CFN_SANITIZERS /* they complain there about a missing /proc */
		assert_int_equal(buf_used(&r.err), 0);
#endif
		box_result_done(&r);
	}
}

static void
files_go_in(void **state)
{
	struct box_result r;

	(void)state;
	assert_int_equal(run_payload("copy_file", &usual, NULL, &r), 0);
	assert_int_equal(buf_used(&r.out), 12);
	assert_memory_equal(buf_head(&r.out), "from outside", 12);
	box_result_done(&r);
}

static void
only_plain_files_come_out(void **state)
{
	static const char *const collect[] = { "plain",  "at",     "past",   "link", "hard",
		                               "folder", "way/in", "host/x", NULL };
	char text[16] = "";
	struct box_result r;

	(void)state;
	assert_int_equal(run_payload("make_files", &usual, collect, &r), 0);
	assert_int_equal(r.ending.status, 0);
	assert_true(r.collected[0] >= 0 && r.collected[1] >= 0);
	assert_int_equal(read(r.collected[0], text, sizeof text), 7);
	assert_string_equal(text, "content");
	assert_int_equal(fd_check_sealed(r.collected[0]), 0);
	for (size_t i = 2; i < BOX_COLLECT_MAX; i++)
		assert_int_equal(r.collected[i], -1);
	box_result_done(&r);
}

static void
a_path_out_of_work_brings_nothing_out(void **state)
{
	static const char *const collect[] = { "../etc/passwd", "/etc/passwd", "a/../../usr", "", ".", NULL };
	struct box_result r;

	(void)state;
	assert_int_equal(run_payload("exit", &usual, collect, &r), 0);
	for (size_t i = 0; i < BOX_COLLECT_MAX; i++)
		assert_int_equal(r.collected[i], -1);
	box_result_done(&r);
}

static void
a_writer_left_behind_cannot_change_what_comes_out(void **state)
{
	static const char *const collect[] = { "plain", NULL };
	struct box_result r;

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct stat st;

		assert_int_equal(run_payload("leave_writer", &usual, collect, &r), 0);
		if (r.collected[0] >= 0) {
			assert_int_equal(fstat(r.collected[0], &st), 0);
			assert_in_range(st.st_size, 0, 7);
		}
		box_result_done(&r);
	}
	assert_int_equal(survivors_count(), 0);
}

static void
a_program_that_is_not_there_is_an_error(void **state)
{
	static const char *const argv[] = { "/usr/lib/absent", NULL };
	static const char *const nothing[] = { NULL };
	const struct box_plan plan = { .name = "absent",
		                       .profile = BOX_COMPILER,
		                       .argv = argv,
		                       .env = nothing,
		                       .input = -1,
		                       .uid_range = BOX_UID,
		                       .limits = usual };
	struct box_result r;
	struct err e;

	(void)state;
	assert_int_equal(box_run(&plan, &r, &e), -ENOENT);
	assert_non_null(strstr(e.text, "exec '/usr/lib/absent'"));
}

static void
a_plan_that_makes_no_sense_is_refused(void **state)
{
	static const char *const argv[] = { "/x", NULL };
	static const char *const nine[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL };
	struct box_plan plan = { .name = "x",
		                 .profile = BOX_COMPILER,
		                 .argv = argv,
		                 .env = argv,
		                 .input = -1,
		                 .uid_range = BOX_UID,
		                 .limits = usual,
		                 .collect = nine };
	struct box_result r;
	struct err e;

	(void)state;
	assert_int_equal(box_run(&plan, &r, &e), -E2BIG);
	plan.collect = NULL;
	plan.profile = BOX_CHECK;
	assert_int_equal(box_run(&plan, &r, &e), -EINVAL);
	plan.profile = BOX_COMPILER;
	plan.uid_range = 0;
	if (geteuid() == 0)
		assert_int_equal(box_run(&plan, &r, &e), -EINVAL);
	plan.uid_range = BOX_UID;
	plan.limits.disk = 0;
	plan.env = argv + 1;
	plan.limits.disk = PAYLOAD_DISK;
	plan.files = &(struct box_file){ "../out", "x", 1 };
	plan.n_files = 1;
	assert_int_equal(box_run(&plan, &r, &e), -EXDEV);
}

/* What a check may do: read its input, write its output, count. */
static int
check_copy(int input, int output, void *context)
{
	char data[64];
	ssize_t n = read(input, data, sizeof data);

	return n < 0 || write(output, data, (size_t)n) != n || write(output, context, 3) != 3;
}

static int
check_forbidden(int input, int output, void *context)
{
	(void)input;
	(void)output;
	(void)context;
	if (open("/", O_RDONLY) >= 0 || errno != ENOSYS)
		return 1;
	if (fork() >= 0 || errno != ENOSYS)
		return 2;
	if (execl("/x", "x", (char *)NULL) == 0 || errno != ENOSYS)
		return 3;
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EACCES)
		return 4;
	if (mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED || errno != EPERM)
		return 5;
	return kill(1, SIGKILL) == 0 ? 6 : 0;
}

static int
check_loop(int input, int output, void *context)
{
	(void)output;
	while (context)
		;
	return input;
}

static int
run_check(int (*run)(int, int, void *), int input, struct box_result *r)
{
	static char word[] = "end";
	struct box_plan plan = { .name = "check",
		                 .profile = BOX_CHECK,
		                 .run = run,
		                 .context = word,
		                 .input = input,
		                 .uid_range = BOX_UID,
		                 .limits = usual };
	struct err e = { 0 };
	int rc;

	plan.limits.cpu_ms = 100;
	plan.limits.memory = 512U << 20; /* it is a copy of this process, sanitizers and all */
	rc = box_run(&plan, r, &e);
	if (rc < 0)
		print_error("%s\n", e.text);
	return rc;
}

static void
a_check_reads_and_writes_and_nothing_else(void **state)
{
	struct err e;
	AUTO_FD input = fd_sealed_memory("input", "bytes", 5, &e);
	struct box_result r;

	(void)state;
	assert_int_equal(run_check(check_copy, input, &r), 0);
	assert_int_equal(r.ending.status, 0);
	assert_int_equal(buf_used(&r.out), 8);
	assert_memory_equal(buf_head(&r.out), "bytesend", 8);
	box_result_done(&r);

	assert_int_equal(run_check(check_forbidden, -1, &r), 0);
	assert_int_equal(r.ending.code, CLD_EXITED);
	assert_int_equal(r.ending.status, 0);
	box_result_done(&r);

	assert_int_equal(run_check(check_loop, -1, &r), 0);
	assert_int_equal(r.cause, CAUSE_CPU_TIME_LIMIT);
	box_result_done(&r);
}

static bool
survivors_become(bool is_some)
{
	for (int i = 0; i < 1000; i++) {
		if ((survivors_count() > 0) == is_some)
			return true;
		usleep(10000);
	}
	return false;
}

static void
a_keeper_that_is_killed_leaves_nothing(void **state)
{
	struct box_result r;
	pid_t keeper = fork();

	(void)state;
	if (keeper == 0)
		_exit(run_payload("sleep", &usual, NULL, &r) != 0);
	assert_true(survivors_become(true));
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
	assert_true(survivors_become(false));
}

/* As one that writes to somebody who does not read. */
static void
a_keeper_that_is_held_up_keeps_no_box_beyond_its_time(void **state)
{
	struct box_limits limits = usual;
	struct box_result r;
	pid_t keeper;

	(void)state;
	limits.wall_ms = 1000;
	keeper = fork();
	if (keeper == 0)
		_exit(run_payload("sleep", &limits, NULL, &r) != 0);
	assert_true(survivors_become(true));
	kill(keeper, SIGSTOP);
	assert_true(survivors_become(false));
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
}

static int
run_payloads_sharing(bool is_offline)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_payload_ends_as_it_must) };
	struct box_base base;
	struct err e;
	int rc = box_base_open(&base, is_offline, &e);

	if (rc < 0)
		return 1;
	shared = &base;
	rc = cmocka_run_group_tests_name("sharing a base", tests, NULL, NULL);
	shared = NULL;
	box_base_close(&base);
	return rc;
}

/* As in the runner: below the spawner's namespaces. */
static int
run_payloads_offline(void)
{
	box_uid = base_outside_id();
	return run_payloads_sharing(true);
}

static void
every_payload_ends_as_it_must_when_boxes_share_a_base(void **state)
{
	(void)state;
	/* An ordinary user's base namespaces have one id, which is root's there. */
	assert_int_equal(geteuid() == 0 ? base_run(run_payloads_offline) : run_payloads_sharing(false), 0);
}

static int
bring_loopback_up(void)
{
	AUTO_FD any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	return any_socket < 0 ? -1 : ioctl(any_socket, SIOCSIFFLAGS, &loopback);
}

static int
open_base_twice(void)
{
	struct box_base base;
	struct err e;

	if (box_base_open(&base, true, &e) < 0)
		return 1;
	box_base_close(&base);
	if (bring_loopback_up() < 0)
		return 2;
	return box_base_open(&base, true, &e) == -EINVAL ? 0 : 3;
}

static void
a_network_that_works_is_not_shared(void **state)
{
	(void)state;
	assert_int_equal(base_run(open_base_twice), 0);
}

static int
program_copy(void)
{
	AUTO_FREE char *data = NULL;
	AUTO_FD from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = -1;
	struct err e;
	size_t n;

	snprintf(program, sizeof program, "/tmp/cfn-box.XXXXXX");
	to = mkostemp(program, O_CLOEXEC);
	if (from < 0 || to < 0 || fd_read_file(from, 64 << 20, &data, &n, &e) < 0)
		return -1;
	return fd_write_all(to, data, n) < 0 || fchmod(to, 0755) < 0 ? -1 : 0;
}

static int
test(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_payload_ends_as_it_must),
		cmocka_unit_test(output_is_kept_up_to_its_limit),
		cmocka_unit_test(files_go_in),
		cmocka_unit_test(only_plain_files_come_out),
		cmocka_unit_test(a_path_out_of_work_brings_nothing_out),
		cmocka_unit_test(a_writer_left_behind_cannot_change_what_comes_out),
		cmocka_unit_test(a_program_that_is_not_there_is_an_error),
		cmocka_unit_test(a_plan_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_check_reads_and_writes_and_nothing_else),
		cmocka_unit_test(a_keeper_that_is_killed_leaves_nothing),
		cmocka_unit_test(a_keeper_that_is_held_up_keeps_no_box_beyond_its_time),
		cmocka_unit_test(every_payload_ends_as_it_must_when_boxes_share_a_base),
		cmocka_unit_test(a_network_that_works_is_not_shared),
	};
	int failed;

	if (program_copy() < 0)
		return 99;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(program);
	return failed ? 1 : 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--payload") == 0)
		_exit(payload_main(argv[2])); /* a leak checker has no place in a box */
	return base_as_everybody(test);
}
