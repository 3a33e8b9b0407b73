/* leaves.c - what a leaf of cgroup v2 and a box in one do, case by case, for tests/uml/cgroup.bats.
 *
 * Usage: leaves CASE      0 when it holds, else 1 and one line that says what does not
 *        leaves           the names of the cases */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "cgroup/cgroup.h"
#include "sandbox/box.h"

enum { MI = 1 << 20, LIMIT = 24 * MI, PROCESSES = 4, BOX_UID = 300000, BOX_MEMORY = 32 * MI };

static struct cgroup cgroup;

#define HOLDS(what)                                                                                          \
	do {                                                                                                 \
		if (!(what)) {                                                                               \
			printf("line %d: not so: %s\n", __LINE__, #what);                                    \
			return 1;                                                                            \
		}                                                                                            \
	} while (0)

static void
hold(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(90);
	memset(p, 1, size);
}

static void
hold_half(void)
{
	hold(LIMIT / 2);
}

static void
hold_too_much(void)
{
	hold(LIMIT);
}

/* Each less than the limit, together more: all of them die. */
static void
hold_together(void)
{
	for (int i = 0; i < PROCESSES - 1; i++)
		if (fork() == 0) {
			hold(LIMIT / 2);
			pause();
		}
	pause();
}

static void
fork_on(void)
{
	int n = 1;

	while (n < 100) {
		pid_t pid = fork();

		if (pid == 0)
			pause();
		if (pid < 0)
			_exit(errno == EAGAIN ? n : 90);
		n++;
	}
}

static void
sleep_on(void)
{
	for (;;)
		pause();
}

static pid_t
start_in(const struct cgroup_leaf *leaf, void (*act)(void))
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
		                   .exit_signal = SIGCHLD,
		                   .cgroup = (unsigned)leaf->fd };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid != 0)
		return (pid_t)pid;
	act();
	_exit(0);
}

/* The status of a process that did this alone in a leaf, and what the leaf counted. */
static int
status_of(void (*act)(void), struct cgroup_usage *usage)
{
	const struct cgroup_limits limits = { .memory = LIMIT, .processes = PROCESSES };
	struct cgroup_leaf leaf;
	struct err e = { 0 };
	int status = -1;
	pid_t pid;

	if (cgroup_leaf_open(cgroup.folder, "case", &limits, &leaf, &e) < 0) {
		printf("%s\n", e.text);
		return -1;
	}
	pid = start_in(&leaf, act);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (cgroup_leaf_usage(&leaf, usage, &e) < 0)
		printf("%s\n", e.text);
	cgroup_leaf_close(cgroup.folder, &leaf);
	return faccessat(cgroup.folder, "case", F_OK, 0) < 0 && errno == ENOENT ? status : -1;
}

static int
at_the_limit(void)
{
	struct cgroup_usage usage;

	HOLDS(status_of(hold_half, &usage) == 0);
	HOLDS(usage.memory_peak >= LIMIT / 2 && usage.memory_peak <= LIMIT);
	HOLDS(usage.n_over_memory == 0 && usage.n_killed == 0 && usage.cpu_us > 0);
	return 0;
}

static int
past_the_limit(void)
{
	struct cgroup_usage usage;

	HOLDS(status_of(hold_too_much, &usage) == SIGKILL);
	HOLDS(usage.n_over_memory > 0 && usage.n_killed > 0);
	HOLDS(usage.memory_peak > LIMIT - MI && usage.memory_peak <= LIMIT);
	return 0;
}

static int
together_past_the_limit(void)
{
	struct cgroup_usage usage;

	HOLDS(status_of(hold_together, &usage) == SIGKILL);
	HOLDS(usage.n_over_memory > 0 && usage.n_killed > 1);
	return 0;
}

static int
too_many_processes(void)
{
	struct cgroup_usage usage;
	int status = status_of(fork_on, &usage);

	HOLDS(WIFEXITED(status) && WEXITSTATUS(status) == PROCESSES);
	HOLDS(usage.n_refused == 1);
	return 0;
}

/* One that lives dies with its leaf; the kernel may hold the leaf until it is reaped, or not. */
static int
removed_while_in_use(void)
{
	const struct cgroup_limits limits = { .memory = LIMIT, .processes = PROCESSES };
	struct cgroup_leaf leaf;
	struct err e;
	int status;
	pid_t pid;

	HOLDS(cgroup_leaf_open(cgroup.folder, "case", &limits, &leaf, &e) == 0);
	pid = start_in(&leaf, sleep_on);
	HOLDS(pid > 0);
	HOLDS(unlinkat(cgroup.folder, "case", AT_REMOVEDIR) < 0 && errno == EBUSY);
	cgroup_leaf_remove(cgroup.folder, &leaf);
	HOLDS(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	cgroup_leaf_close(cgroup.folder, &leaf);
	HOLDS(leaf.fd == -1 && faccessat(cgroup.folder, "case", F_OK, 0) < 0);
	return 0;
}

/* Two leaves: the end of one is nothing to the other. */
static int
a_neighbour_lives_on(void)
{
	const struct cgroup_limits limits = { .memory = LIMIT, .processes = PROCESSES };
	struct cgroup_leaf neighbour;
	struct cgroup_usage usage;
	struct err e;
	pid_t pid;

	HOLDS(cgroup_leaf_open(cgroup.folder, "neighbour", &limits, &neighbour, &e) == 0);
	pid = start_in(&neighbour, sleep_on);
	HOLDS(status_of(hold_together, &usage) == SIGKILL);
	HOLDS(waitpid(pid, NULL, WNOHANG) == 0);
	HOLDS(cgroup_leaf_usage(&neighbour, &usage, &e) == 0 && usage.n_killed == 0);
	cgroup_leaf_remove(cgroup.folder, &neighbour);
	HOLDS(waitpid(pid, NULL, 0) == pid);
	cgroup_leaf_close(cgroup.folder, &neighbour);
	return 0;
}

static int
no_room_for_a_leaf(void)
{
	const struct cgroup_limits limits = { .memory = LIMIT, .processes = PROCESSES };
	AUTO_FD most = openat(cgroup.folder, "cgroup.max.descendants", O_WRONLY | O_CLOEXEC);
	struct cgroup_leaf leaf;
	struct err e;

	HOLDS(write(most, "1", 1) == 1); /* "trusted" is one */
	HOLDS(cgroup_leaf_open(cgroup.folder, "case", &limits, &leaf, &e) == -EAGAIN);
	HOLDS(strstr(e.text, "cgroup: make a leaf") && leaf.fd == -1);
	HOLDS(write(most, "max", 3) == 3);
	return 0;
}

/* ---- boxes ---- */

static int
box_of(const char *script, uint64_t cpu_ms, struct box_result *r, struct err *e)
{
	static const char *const system[] = { "/usr", "/bin", "/lib", "/lib64", NULL }, *const env[] = {
		NULL
	};
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct box_plan plan = {
		.name = "case",
		.profile = BOX_COMPILER,
		.argv = argv,
		.env = env,
		.input = -1,
		.system = system,
		.uid_range = BOX_UID,
		.cgroup = &cgroup,
		.limits = { .memory = BOX_MEMORY,
		            .cpu_ms = cpu_ms,
		            .wall_ms = 60000,
		            .processes = 32,
		            .files = 64,
		            .disk = 8 * MI,
		            .output = 4096 },
	};

	*e = (struct err){ 0 };
	return box_run(&plan, r, e);
}

static int
a_box_has_a_leaf(void)
{
	struct box_result r;
	struct err e;

	HOLDS(box_of("head -c 4M /dev/zero >f && exit 3", 20000, &r, &e) == 0);
	HOLDS(r.has_cgroup && r.cause == CAUSE_NONE && r.ending.status == 3);
	/* A file of its own is memory. */
	HOLDS(r.ending.memory_peak_kb > 4096 && r.ending.memory_peak_kb < BOX_MEMORY / 1024);
	box_result_done(&r);
	return 0;
}

/* Six times 16 MiB, each far below the limit of one process. */
static int
a_box_is_ended_by_its_leaf(void)
{
	static const char script[] = "for i in 1 2 3 4 5 6; do "
				     "dd if=/dev/zero bs=16M count=1 | sleep 50 & done; wait; exit 3";
	struct box_result r;
	struct err e;

	HOLDS(box_of(script, 20000, &r, &e) == 0);
	HOLDS(r.has_cgroup && r.cause == CAUSE_MEMORY_LIMIT && r.ending.is_over_memory);
	HOLDS(r.ending.code == CLD_KILLED && r.ending.status == SIGKILL);
	HOLDS(r.ending.memory_peak_kb > BOX_MEMORY / 1024);
	box_result_done(&r);
	return 0;
}

static int
a_box_meets_its_cpu_limit(void)
{
	struct box_result r;
	struct err e;

	HOLDS(box_of("while :; do :; done & while :; do :; done", 1000, &r, &e) == 0);
	HOLDS(r.has_cgroup && r.cause == CAUSE_CPU_TIME_LIMIT && r.ending.cpu_us >= 1000 * 1000);
	box_result_done(&r);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} cases[] = {
	{ "at_the_limit", at_the_limit },
	{ "past_the_limit", past_the_limit },
	{ "together_past_the_limit", together_past_the_limit },
	{ "too_many_processes", too_many_processes },
	{ "removed_while_in_use", removed_while_in_use },
	{ "a_neighbour_lives_on", a_neighbour_lives_on },
	{ "no_room_for_a_leaf", no_room_for_a_leaf },
	{ "a_box_has_a_leaf", a_box_has_a_leaf },
	{ "a_box_is_ended_by_its_leaf", a_box_is_ended_by_its_leaf },
	{ "a_box_meets_its_cpu_limit", a_box_meets_its_cpu_limit },
};

static int
run(const char *name)
{
	struct err e;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (strcmp(cases[i].name, name) != 0)
			continue;
		if (cgroup_open(&cgroup, geteuid(), &e) < 0) {
			printf("%s\n", e.text);
			return 1;
		}
		rc = cases[i].run();
		cgroup_close(&cgroup, "");
		return rc;
	}
	printf("no such case\n");
	return 1;
}

int
main(int argc, char **argv)
{
	if (argc == 2)
		return run(argv[1]);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		puts(cases[i].name);
	return 0;
}
