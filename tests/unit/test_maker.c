/* test_maker.c - maker and keepers with real boxes; the test is the front, without its confinement.  As root
 * and as an ordinary user, in the namespaces that a spawner makes. */
#include "unit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "ipc/message.h"
#include "runner/maker.h"
#include "runner/running.h"
#include "sandbox/confine.h"
#include "sandbox_base.h"

enum { CONCURRENT = 2, WAIT_MS = 20000 };

static struct run_languages languages = {
	.n = 1,
	.rows = { { .name = "Bash",
	            .source = "main.sh",
	            .run = "/bin/bash {main}",
	            .version = "/bin/bash --version",
	            .program = { 128 << 20, 32, 0 },
	            .compiler = { 128 << 20, 32, 0 } } },
};

static const struct run_maxima most = { .memory = 256 << 20,
	                                .cpu_ms = 10000,
	                                .wall_ms = 15000,
	                                .cpu_share = 200,
	                                .processes = 64,
	                                .files = 256,
	                                .disk = 32 << 20,
	                                .output = 1 << 20 };

struct rig {
	struct loop loop;
	struct maker_link *link;
	struct run_offer offers[RUN_LANGUAGES_MAX];
	unsigned n_gone; /* keepers of whom nothing more was to be heard */
	pid_t maker;
};

/* ---- the maker's process ---- */

static int
maker_process(int sock)
{
	const struct start_runner start = { .box_uid = base_outside_id(),
		                            .max_concurrent = CONCURRENT,
		                            .total_ms = 30000,
		                            .most = most,
		                            .compile_most = most };
	static struct maker m;
	struct box_base base;
	struct err e;
	int rc;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0)
		return 3;
	rc = box_base_open(&base, true, &e);
	m.place.languages = &languages;
	m.place.run = (struct run_place){ .uid = start.box_uid, .base = &base };
	if (rc == 0)
		rc = confine_maker(start.box_uid == 0, &e);
	if (rc == 0)
		rc = maker_open(&m, &start, sock, -2, &e);
	if (rc == 0)
		rc = maker_run(&m, &e);
	if (rc < 0)
		fprintf(stderr, "# maker: %s\n", e.text);
	return rc < 0 ? 4 : 0;
}

static pid_t
maker_start(int sock, int other)
{
	const struct clone_args args = { .flags = CLONE_NEWPID | CLONE_NEWNS, .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0) {
		close(other);
		_exit(maker_process(sock));
	}
	return pid;
}

static int
set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	struct err e;
	int pair[2];

	*state = rig;
	if (loop_init(&rig->loop, &e) < 0 || message_pair(pair, &e) < 0)
		return -1;
	rig->maker = maker_start(pair[1], pair[0]);
	close(pair[1]);
	return rig->maker < 0 ? -1 : maker_link_open(&rig->link, &rig->loop, pair[0], rig->offers, &e);
}

/* How the maker ended. */
static int
front_ends(struct rig *rig)
{
	int status = -1;

	maker_link_close(rig->link);
	rig->link = NULL;
	if (rig->maker > 0)
		waitpid(rig->maker, &status, 0);
	rig->maker = 0;
	return status;
}

static int
tear_down(void **state)
{
	struct rig *rig = *state;

	front_ends(rig);
	loop_done(&rig->loop);
	free(rig);
	return 0;
}

/* ---- what is below a process ---- */

static size_t
children_of(pid_t pid, pid_t *pids, size_t max)
{
	char path[64], text[4096] = "", *at = text, *end;
	AUTO_FD fd = -1;
	size_t n = 0;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
		return 0;
	for (long child = strtol(at, &end, 10); end != at && n < max; child = strtol(at, &end, 10)) {
		pids[n++] = (pid_t)child;
		at = end;
	}
	return n;
}

/* A keeper that has no job yet says so by its name. */
static bool
is_waiting(pid_t pid)
{
	char path[64], name[32] = "";
	AUTO_FD fd = -1;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, name, sizeof name - 1) > 0 && strcmp(name, "cfn-run-ahead\n") == 0;
}

/* The maker's children that wait, or the others. */
static size_t
keepers_of(pid_t maker, bool waiting, pid_t *pids, size_t max)
{
	pid_t all[64];
	size_t n = children_of(maker, all, ARRAY_SIZE(all)), kept = 0;

	for (size_t i = 0; i < n && kept < max; i++)
		if (is_waiting(all[i]) == waiting)
			pids[kept++] = all[i];
	return kept;
}

static size_t
count_fds(pid_t pid)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* ---- one job ---- */

struct seen {
	unsigned n_ended, n_cases;
	int rc;
	bool is_started; /* its case began */
	struct run_report last, whole;
	char out[256];
};

static void
on_event(void *owner, const struct run_event *event)
{
	struct seen *s = owner;

	assert_int_equal(s->n_ended, 0);
	s->is_started |= event->type == RUN_EVENT_OUTPUT;
	if (event->type == RUN_EVENT_CASE_ENDED) {
		s->n_cases++;
		s->last = event->report;
		snprintf(s->out, sizeof s->out, "%.*s", (int)event->report.size_out, event->report.out);
	}
	if (event->type == RUN_EVENT_ENDED)
		s->whole = event->report;
}

static void
on_ended(void *owner, int rc)
{
	struct seen *s = owner;

	s->n_ended++;
	s->rc = rc;
}

static void
on_gone(void *context)
{
	((struct rig *)context)->n_gone++;
}

static const struct running_rules rules = { on_event, on_ended, on_gone };

static void
job_make(struct run_job *job, const char *text)
{
	memset(job, 0, sizeof *job);
	snprintf(job->language, sizeof job->language, "bash");
	job->files[0] = (struct box_file){ "main.sh", text, strlen(text) };
	job->n_files = job->n_cases = 1;
	run_limits_init(&job->limits, &languages.rows[0]);
	run_compile_limits_init(&job->compile_limits, &languages.rows[0]);
	job->compile_limits.cpu_ms = most.cpu_ms;
	job->compile_limits.wall_ms = most.wall_ms;
	job->compile_limits.cpu_share = most.cpu_share;
	job->compile_limits.disk = most.disk;
	job->compile_limits.memory = most.memory;
	job->total_ms = 20000;
}

static struct running *
start(struct rig *rig, const char *text, struct seen *s)
{
	struct run_job *job = malloc(sizeof *job);
	struct running *r;
	struct err e = { 0 };

	*s = (struct seen){ 0 };
	job_make(job, text);
	r = running_start(rig->link, job, &rules, s, &e);
	if (!r)
		print_error("%s\n", e.text);
	free(job);
	return r;
}

static void
nothing(void *context, void *owner)
{
	(void)context;
	(void)owner;
}

/* Turns until it is so, or for too long. */
#define AWAIT(rig, condition)                                                                                \
	do {                                                                                                 \
		uint64_t until_ = clock_now_us() + WAIT_MS * 1000ULL;                                        \
		while (!(condition) && clock_now_us() < until_)                                              \
			turn(rig);                                                                           \
		assert_true(condition);                                                                      \
	} while (0)

static void
turn(struct rig *rig)
{
	struct timer soon = { .fire = nothing };
	struct err e;

	timer_arm(&rig->loop, &soon, 5000);
	assert_int_equal(loop_turn(&rig->loop, rig, &e), 0);
	timer_cancel(&rig->loop, &soon);
}

static void
job_runs(struct rig *rig)
{
	struct seen s;

	assert_non_null(start(rig, "echo hello", &s));
	AWAIT(rig, s.n_ended);
	if (s.rc != 0 || s.whole.status != RUN_ACCEPTED)
		fail_msg("%d, %s: %s", s.rc, run_status_word(s.whole.status), s.whole.message);
	assert_string_equal(s.out, "hello\n");
	assert_int_equal(s.n_cases, 1);
}

/* But those who wait for jobs, of whom there are as many as may be. */
static void
nobody_is_below(struct rig *rig)
{
	pid_t pids[64];

	AWAIT(rig, keepers_of(rig->maker, true, pids, ARRAY_SIZE(pids)) == CONCURRENT &&
	               keepers_of(rig->maker, false, pids, ARRAY_SIZE(pids)) == 0 &&
	               maker_link_n_keepers(rig->link) == 0);
}

/* ---- tests ---- */

static void
a_job_runs_in_a_box_and_says_how_it_ended(void **state)
{
	struct rig *rig = *state;

	job_runs(rig);
	nobody_is_below(rig);
}

static void
the_front_learns_which_languages_there_are(void **state)
{
	struct rig *rig = *state;

	AWAIT(rig, maker_link_has_offers(rig->link));
	assert_true(rig->offers[0].is_available);
	AWAIT(rig, maker_link_has_versions(rig->link));
	assert_non_null(strstr(rig->offers[0].said, "bash"));
}

static void
a_cancelled_job_ends_at_once_with_everything_of_it(void **state)
{
	struct rig *rig = *state;
	struct running *r;
	struct seen s;

	r = start(rig, "trap '' TERM HUP INT; echo up; (sleep 60 & sleep 60) & setsid sleep 60; sleep 60",
	          &s);
	AWAIT(rig, s.is_started);
	running_cancel(r);
	nobody_is_below(rig);
	assert_int_equal(s.n_ended, 0);
	job_runs(rig);
}

/* Cancelled or not: who makes place for others before would have too many of them. */
static void
a_keeper_counts_until_it_is_gone(void **state)
{
	struct rig *rig = *state;
	struct running *r;
	struct seen s;

	assert_int_equal(maker_link_n_keepers(rig->link), 0);
	r = start(rig, "echo up; sleep 60", &s);
	assert_int_equal(maker_link_n_keepers(rig->link), 1);
	AWAIT(rig, s.is_started);
	running_cancel(r);
	assert_int_equal(maker_link_n_keepers(rig->link), 1);
	AWAIT(rig, rig->n_gone == 1);
	assert_int_equal(maker_link_n_keepers(rig->link), 0);
	job_runs(rig);
	assert_int_equal(maker_link_n_keepers(rig->link), 1);
	AWAIT(rig, rig->n_gone == 2);
	assert_int_equal(maker_link_n_keepers(rig->link), 0);
}

/* Keeper and init of the box of the one job that runs: other children of the maker are gone by then. */
static pid_t
keeper_of(struct rig *rig)
{
	pid_t pids[8];

	AWAIT(rig, keepers_of(rig->maker, false, pids, ARRAY_SIZE(pids)) == 1);
	return pids[0];
}

/* The keepers that wait, and then the inits of their boxes. */
static void
waiting_of(struct rig *rig, pid_t pids[2 * CONCURRENT])
{
	nobody_is_below(rig);
	assert_int_equal(keepers_of(rig->maker, true, pids, CONCURRENT), CONCURRENT);
	for (size_t i = 0; i < CONCURRENT; i++)
		AWAIT(rig, children_of(pids[i], &pids[CONCURRENT + i], 1) == 1);
}

static void
a_keeper_that_waits_and_is_killed_costs_no_run(void **state)
{
	struct rig *rig = *state;
	pid_t pids[2 * CONCURRENT];

	waiting_of(rig, pids);
	for (size_t i = 0; i < CONCURRENT; i++)
		assert_int_equal(kill(pids[i], SIGKILL), 0);
	/* Their boxes end with them.  A job that one of them still could be given is begun once more by the
	 * front, as any is. */
	for (size_t i = 0; i < 2 * CONCURRENT; i++)
		AWAIT(rig, kill(pids[i], 0) < 0 && errno == ESRCH);
	job_runs(rig);
	nobody_is_below(rig);
}

static void
a_box_that_waits_and_is_killed_costs_no_run(void **state)
{
	struct rig *rig = *state;
	pid_t pids[2 * CONCURRENT];

	waiting_of(rig, pids);
	for (size_t i = 0; i < CONCURRENT; i++)
		assert_int_equal(kill(pids[CONCURRENT + i], SIGKILL), 0);
	for (size_t i = 0; i < 2 * CONCURRENT; i++)
		job_runs(rig);
	nobody_is_below(rig);
}

/* Both are what waited before: nothing is made between a job and its program. */
static void
a_job_has_the_keeper_and_the_box_that_waited(void **state)
{
	struct rig *rig = *state;
	pid_t pids[2 * CONCURRENT], keeper, init;
	struct running *r;
	struct seen s;
	size_t i = 0;

	waiting_of(rig, pids);
	r = start(rig, "echo up; sleep 60", &s);
	AWAIT(rig, s.is_started);
	while (i < CONCURRENT && is_waiting(pids[i]))
		i++;
	assert_true(i < CONCURRENT);
	keeper = keeper_of(rig);
	assert_int_equal(children_of(keeper, &init, 1), 1);
	assert_int_equal(keeper, pids[i]);
	assert_int_equal(init, pids[CONCURRENT + i]);
	running_cancel(r);
	nobody_is_below(rig);
}

static void
a_keeper_that_is_killed_takes_its_box_along_and_the_next_job_runs(void **state)
{
	struct rig *rig = *state;
	struct seen s;

	assert_non_null(start(rig, "echo up; sleep 60", &s));
	AWAIT(rig, s.is_started);
	assert_int_equal(kill(keeper_of(rig), SIGKILL), 0);
	AWAIT(rig, s.n_ended);
	assert_true(s.rc < 0);
	nobody_is_below(rig);
	job_runs(rig);
}

static void
a_box_whose_init_is_killed_ends_its_job_and_the_next_one_runs(void **state)
{
	struct rig *rig = *state;
	struct seen s;
	pid_t init;

	assert_non_null(start(rig, "echo up; sleep 60", &s));
	AWAIT(rig, s.is_started);
	assert_int_equal(children_of(keeper_of(rig), &init, 1), 1);
	assert_int_equal(kill(init, SIGKILL), 0);
	AWAIT(rig, s.n_ended);
	assert_int_equal(s.rc, 0);
	assert_int_not_equal(s.whole.status, RUN_ACCEPTED);
	nobody_is_below(rig);
	job_runs(rig);
}

static const struct {
	const char *name;
	size_t limit; /* in struct run_job */
	uint64_t value;
} above[] = {
	{ "memory", offsetof(struct run_job, limits.memory), (256 << 20) + 1 },
	{ "processes", offsetof(struct run_job, limits.processes), 65 },
	{ "wall time", offsetof(struct run_job, limits.wall_ms), 15001 },
	{ "share of the processors", offsetof(struct run_job, limits.cpu_share), 201 },
	{ "memory of the compiler", offsetof(struct run_job, compile_limits.memory), (256 << 20) + 1 },
	{ "time of all", offsetof(struct run_job, total_ms), 30001 },
};

/* The kernel counts descriptors in flight by the host's user, which all boxes may share: a program that has
 * as many as it may must not keep the others' init from handing over theirs. */
static void
descriptors_that_a_program_has_in_flight_keep_no_other_from_running(void **state)
{
	static const char hold[] = "exec python3 -c 'import socket, time\n"
				   "a, b = socket.socketpair()\n"
				   "for i in range(60): socket.send_fds(a, [b\"x\"], [0])\n"
				   "socket.send_fds(a, [b\"x\"], [0] * 250)\n"
				   "print(1, flush=True)\n"
				   "time.sleep(60)'";
	struct rig *rig = *state;
	struct running *r;
	struct seen s;

	if (access("/usr/bin/python3", X_OK) < 0)
		skip();
	r = start(rig, hold, &s);
	AWAIT(rig, s.is_started || s.n_ended);
	assert_int_equal(s.n_ended, 0);
	job_runs(rig);
	running_cancel(r);
	nobody_is_below(rig);
}

static void
a_job_above_the_servers_maxima_is_not_run(void **state)
{
	struct rig *rig = *state;
	struct run_job *job = malloc(sizeof *job);
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(above); i++) {
		struct seen s = { 0 };

		job_make(job, "echo hello");
		memcpy((char *)job + above[i].limit, &above[i].value, sizeof above[i].value);
		assert_non_null(running_start(rig->link, job, &rules, &s, &e));
		AWAIT(rig, s.n_ended);
		if (s.rc != 0 || s.whole.status != RUN_INTERNAL_ERROR || s.n_cases != 0)
			fail_msg("%s: %d, %s", above[i].name, s.rc, run_status_word(s.whole.status));
		assert_non_null(strstr(s.whole.message, "above the server's maximum"));
		/* As the front does: who ends is a keeper still. */
		AWAIT(rig, maker_link_n_keepers(rig->link) == 0);
	}
	free(job);
}

static void
jobs_beyond_what_the_maker_keeps_are_refused_and_the_others_go_on(void **state)
{
	enum { N = 2 * CONCURRENT };
	struct rig *rig = *state;
	struct seen s[N], extra;
	struct running *r[N];

	for (size_t i = 0; i < N; i++) {
		r[i] = start(rig, "echo up; sleep 60", &s[i]);
		AWAIT(rig, s[i].is_started);
	}
	assert_non_null(start(rig, "echo up", &extra));
	AWAIT(rig, extra.n_ended);
	assert_true(extra.rc < 0);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(s[i].n_ended, 0);
		running_cancel(r[i]);
	}
	nobody_is_below(rig);
	job_runs(rig);
}

static void
when_the_front_ends_so_does_everything(void **state)
{
	struct rig *rig = *state;
	struct seen s;
	pid_t pids[2 * CONCURRENT], keeper;

	waiting_of(rig, pids);
	assert_non_null(start(rig, "trap '' TERM HUP; echo up; sleep 60", &s));
	AWAIT(rig, s.is_started);
	keeper = keeper_of(rig);
	assert_int_equal(front_ends(rig), 0);
	/* The maker was pid 1 of their namespace: when it could be waited for, they were gone. */
	assert_int_equal(kill(keeper, 0), -1);
	assert_int_equal(errno, ESRCH);
	for (size_t i = 0; i < 2 * CONCURRENT; i++)
		assert_int_equal(kill(pids[i], 0), -1);
}

static const struct {
	const char *name;
	bool is_sealed;
	const char *bytes;
} no_jobs[] = {
	{ "an empty file", true, "" },
	{ "bytes that are no job", true,
	  "0123456789012345678901234567890123456789012345678901234567890123456789" },
	{ "a file that may change", false, "x" },
};

static int
file_make(const char *bytes, bool is_sealed)
{
	struct err e;
	int fd;

	if (is_sealed)
		return fd_sealed_memory("test", bytes, strlen(bytes), &e);
	fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	return fd;
}

/* The channel of a maker without a link: a front that was taken over says what it likes. */
static int
raw_start(pid_t *maker)
{
	struct err e;
	int pair[2];

	assert_int_equal(message_pair(pair, &e), 0);
	*maker = maker_start(pair[1], pair[0]);
	close(pair[1]);
	return pair[0];
}

static void
word_of_keeper(int events, struct run_event *event)
{
	static char data[4096];
	struct buf in;
	ssize_t n = fd_read_all(events, data, sizeof data);

	assert_true(n > 0);
	buf_init(&in, sizeof data);
	assert_int_equal(buf_append(&in, data, (size_t)n), 0);
	assert_int_equal(run_event_read(&in, event), 1);
	buf_done(&in);
}

static void
what_is_no_job_is_an_internal_error(void **state)
{
	const struct maker_job asked = { .number = 7 };
	int channel, events[2], fds[2], status;
	struct run_event event;
	struct err e;
	pid_t maker;

	(void)state;
	channel = raw_start(&maker);
	for (size_t i = 0; i < ARRAY_SIZE(no_jobs); i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events), 0);
		fds[0] = file_make(no_jobs[i].bytes, no_jobs[i].is_sealed);
		fds[1] = events[1];
		assert_int_equal(message_send(channel, MSG_JOB, &asked, sizeof asked, fds, 2, &e), 0);
		close(fds[0]);
		close(fds[1]);
		word_of_keeper(events[0], &event);
		if (event.type != RUN_EVENT_ENDED || event.report.status != RUN_INTERNAL_ERROR)
			fail_msg("%s", no_jobs[i].name);
		close(events[0]);
	}
	close(channel);
	assert_int_equal(waitpid(maker, &status, 0), maker);
	assert_int_equal(status, 0);
}

static const struct {
	const char *name;
	uint32_t type;
	size_t length, n_fds;
} no_messages[] = {
	{ "a type that there is not", 99, 0, 0 },     { "a job without its number", MSG_JOB, 0, 2 },
	{ "a job that is too long", MSG_JOB, 12, 2 }, { "a job without descriptors", MSG_JOB, 8, 0 },
	{ "a job with three", MSG_JOB, 8, 3 },        { "what the maker says", MSG_OFFERS, 0, 0 },
};

static void
a_front_that_breaks_the_protocol_ends_its_maker(void **state)
{
	static const char body[12];
	const int fds[3] = { 0, 0, 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(no_messages); i++) {
		int channel, status;
		pid_t maker;

		channel = raw_start(&maker);
		assert_int_equal(message_send(channel, no_messages[i].type, body, no_messages[i].length, fds,
		                              no_messages[i].n_fds, &e),
		                 0);
		assert_int_equal(waitpid(maker, &status, 0), maker);
		if (status != 4 << 8)
			fail_msg("%s: 0x%x", no_messages[i].name, status);
		close(channel);
	}
}

static void
many_jobs_leave_nothing_behind(void **state)
{
	const char *text = getenv("CFN_TEST_JOBS");
	const int n = text ? atoi(text) : 30;
	struct rig *rig = *state;
	size_t fds, own;

	AWAIT(rig, maker_link_has_versions(rig->link));
	job_runs(rig);
	nobody_is_below(rig);
	fds = count_fds(rig->maker);
	own = count_fds(getpid());
	for (int i = 0; i < n; i++)
		job_runs(rig);
	nobody_is_below(rig);
	/* While the last of those who wait is made it has one more. */
	AWAIT(rig, count_fds(rig->maker) <= fds);
	assert_int_equal(count_fds(getpid()), own);
}

static int
inside(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_job_runs_in_a_box_and_says_how_it_ended),
		TEST(the_front_learns_which_languages_there_are),
		TEST(a_cancelled_job_ends_at_once_with_everything_of_it),
		TEST(a_keeper_counts_until_it_is_gone),
		TEST(a_keeper_that_is_killed_takes_its_box_along_and_the_next_job_runs),
		TEST(a_box_whose_init_is_killed_ends_its_job_and_the_next_one_runs),
		TEST(a_job_has_the_keeper_and_the_box_that_waited),
		TEST(a_keeper_that_waits_and_is_killed_costs_no_run),
		TEST(a_box_that_waits_and_is_killed_costs_no_run),
		TEST(descriptors_that_a_program_has_in_flight_keep_no_other_from_running),
		TEST(a_job_above_the_servers_maxima_is_not_run),
		TEST(jobs_beyond_what_the_maker_keeps_are_refused_and_the_others_go_on),
		TEST(when_the_front_ends_so_does_everything),
		TEST(what_is_no_job_is_an_internal_error),
		TEST(a_front_that_breaks_the_protocol_ends_its_maker),
		TEST(many_jobs_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}

static int
all(void)
{
	return base_run(inside);
}

int
main(void)
{
	return base_as_everybody(all);
}
