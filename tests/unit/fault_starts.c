/* fault_starts.c - a worker, a router, a spawner and a box, started to be disturbed. */
#include "fault_starts.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/box.h"
#include "scoreboard/scoreboard.h"

enum { PATIENCE_MS = 120000 };

/* ---- what is seen from outside ---- */

static unsigned
count_entries(const char *path)
{
	DIR *folder = opendir(path);
	unsigned n = 0;

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

static unsigned
count_lines(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[512];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		n++;
	fclose(f);
	return n;
}

void
start_held(const struct start_rig *r, char held[START_HELD_SIZE])
{
	char fds[64], mounts[64];
	pid_t pid = r->pool.spawner.pid;

	snprintf(fds, sizeof fds, "/proc/%d/fd", (int)pid);
	snprintf(mounts, sizeof mounts, "/proc/%d/mountinfo", (int)pid);
	snprintf(held, START_HELD_SIZE, "child %d, %u descriptors, %u mounts", (int)confinement_child_of(pid),
	         count_entries(fds), count_lines(mounts));
}

/* ---- by a spawner that serves on ---- */

static void
ask_worker(struct start_rig *r)
{
	worker_init(&r->pool, &r->worker, "hello");
	worker_ask(&r->pool, &r->worker, "behaves");
}

/* The spawner's next message; false: it is gone. */
static bool
receive(struct start_rig *r)
{
	struct pollfd ready = { .fd = r->pool.spawner.channel, .events = POLLIN };
	struct err e;

	assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
	if (message_receive(ready.fd, &r->pool.m, &e) == 1)
		return true;
	r->outcome.is_spawner_gone = true;
	spawner_stop(&r->pool.spawner);
	return false;
}

void
start_await_end(struct start_rig *r)
{
	while (!r->outcome.is_spawner_gone && receive(r))
		message_done(&r->pool.m);
}

/* What the master would say of a start that ended. */
static void
take_ended(struct start_rig *r)
{
	const struct process_ended *ended = (const struct process_ended *)r->pool.m.body;
	char ending[ENDING_TEXT_SIZE];

	assert_int_equal(r->pool.m.type, MSG_PROCESS_ENDED);
	ending_format(&ended->ending, ending);
	snprintf(r->outcome.text, START_TEXT_SIZE, "%s", ended->reason[0] ? ended->reason : ending);
}

static void
await_worker(struct start_rig *r)
{
	if (receive(r) && r->pool.m.type == MSG_PROCESS_READY) {
		r->outcome.is_ready = true;
		message_done(&r->pool.m);
		confinement_read(r->pool.spawner.pid, false, r->outcome.confinement);
		worker_done(&r->worker);
		receive(r);
	}
	if (!r->outcome.is_ready && !r->outcome.is_spawner_gone)
		take_ended(r);
	worker_done(&r->worker);
}

static void
ask_router(struct start_rig *r)
{
	struct start_router start = { .id = ++r->pool.last_id, .n_connections = 10, .access_format = "json" };
	const struct scoreboard *board;
	int fds[6], pair[2];
	char path[128];
	struct err e;

	assert_int_equal(message_pair(pair, &e), 0);
	r->channel = pair[0];
	snprintf(path, sizeof path, "%s/log", r->pool.folder);
	fds[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	fds[1] = pair[1];
	fds[5] = scoreboard_make(&board, &e);
	for (size_t i = 2; i < 5; i++)
		fds[i] = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(message_send(r->pool.spawner.channel, MSG_START_ROUTER, &start, sizeof start, fds,
	                              ARRAY_SIZE(fds), &e),
	                 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	munmap((void *)(uintptr_t)board, sizeof *board);
}

/* Its channel's end is its own end. */
static void
await_router(struct start_rig *r)
{
	struct pollfd ready[] = { { r->channel, POLLIN, 0 }, { r->pool.spawner.channel, POLLIN, 0 } };
	struct err e;

	assert_true(poll(ready, ARRAY_SIZE(ready), PATIENCE_MS) > 0);
	if (message_receive(r->channel, &r->pool.m, &e) == 1 && r->pool.m.type == MSG_ROUTER_READY) {
		r->outcome.is_ready = true;
		confinement_read(r->pool.spawner.pid, false, r->outcome.confinement);
	}
	close(r->channel);
	if (receive(r) && !r->outcome.is_ready)
		take_ended(r);
}

/* ---- by a starter, everything anew ---- */

static void
starter_say(const struct start_rig *r, int rc, const char *proved, const struct err *e)
{
	static struct start_outcome o;

	o.is_ready = rc >= 0;
	snprintf(o.text, sizeof o.text, "%s", rc < 0 ? e->text : "");
	snprintf(o.confinement, sizeof o.confinement, "%s", rc < 0 ? "" : proved);
	fd_write_all(r->result, &o, sizeof o);
}

static void
make_spawner(const struct start_rig *r)
{
	struct spawner s;
	struct err e = { 0 };
	int rc = spawner_start(&r->pool.options, &s, &e);

	starter_say(r, rc, s.ready.layers, &e);
	if (rc == 0)
		spawner_stop(&s);
}

static void
make_box(const struct start_rig *r)
{
	static const char *const system[] = { "/usr", "/lib", "/lib64", "/bin", NULL };
	static const char *const argv[] = { "/bin/true", NULL }, *const env[] = { NULL };
	const struct box_plan plan = {
		.name = "box",
		.profile = BOX_COMPILER,
		.argv = argv,
		.env = env,
		.input = -1,
		.system = system,
		.uid_range = TEST_UID_RANGE,
		.limits = { .memory = 64 << 20,
		            .cpu_ms = 10000,
		            .wall_ms = PATIENCE_MS,
		            .processes = 4,
		            .files = 32,
		            .disk = 1 << 20,
		            .output = 4096 },
	};
	struct box_result result;
	struct err e = { 0 };
	int rc = box_run(&plan, &result, &e);
	char ending[ENDING_TEXT_SIZE] = "";

	if (rc == 0)
		ending_format(&result.ending, ending);
	starter_say(r, rc, ending, &e);
}

static void
starter_run(struct start_rig *r, const struct start_scope *s)
{
	int go[2], result[2];
	char byte;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(result, O_CLOEXEC), 0);
	r->starter = fork();
	if (r->starter == 0) {
		/* As the programs have it: who is to be woken may have ended. */
		signal(SIGPIPE, SIG_IGN);
		close(go[1]);
		r->result = result[1];
		if (read(go[0], &byte, 1) == 1)
			s->what(r);
		_exit(0);
	}
	close(go[0]);
	close(result[1]);
	r->go = go[1];
	r->result = result[0];
}

static void
starter_go(struct start_rig *r)
{
	assert_int_equal(write(r->go, "g", 1), 1);
	close(r->go);
}

static void
starter_await(struct start_rig *r)
{
	ssize_t n = fd_read_all(r->result, &r->outcome, sizeof r->outcome);

	if (n != sizeof r->outcome)
		fail_msg("the starter said %zd bytes", n);
	close(r->result);
	waitpid(r->starter, NULL, 0);
}

#define OF_POOL(what)    .is_of_pool = true, .start = ask_##what, .await = await_##what
#define OF_STARTER(make) .what = (make), .start = starter_go, .await = starter_await

const struct start_scope start_scopes[] = {
	{ "the spawner that starts a worker", OF_POOL(worker), .generation = 0, .last = "sendmsg", .nth = 2 },
	{ "a worker's init", OF_POOL(worker), .generation = 1, .last = "write", .nth = 2 },
	{ "a worker", OF_POOL(worker), .generation = 2, .last = "write", .nth = 1, .is_whole = true },
	{ "the spawner that starts a router", OF_POOL(router), .generation = 0, .last = "epoll_wait",
	  .nth = 2 },
	{ "a router", OF_POOL(router), .generation = 1, .last = "sendmsg", .nth = 1 },
	{ "the master", OF_STARTER(make_spawner), .generation = 0, .last = "recvmsg", .nth = 1 },
	{ "the spawner", OF_STARTER(make_spawner), .generation = 1, .last = "sendmsg", .nth = 1 },
	{ "the probe's init", OF_STARTER(make_spawner), .generation = 2, .last = "write", .nth = 2 },
	{ "the probe", OF_STARTER(make_spawner), .generation = 3, .last = "write", .nth = 1 },
	{ "a box's keeper", OF_STARTER(make_box), .generation = 0, .last = "poll", .nth = 1 },
	{ "a box's init", OF_STARTER(make_box), .generation = 1, .last = "seccomp", .nth = 1 },
	{ "a box", OF_STARTER(make_box), .generation = 2, .last = "execve", .nth = 1 },
};
const size_t start_n_scopes = ARRAY_SIZE(start_scopes);

/* ---- all of them ---- */

void
start_open(struct start_rig *r)
{
	char real[PATH_MAX], path[256];

	memset(r, 0, sizeof *r);
	pool_prepare(&r->pool);
	snprintf(path, sizeof path, "%s/cfn-router", r->pool.libexec);
	assert_non_null(realpath("cfn-router", real));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(real, path), 0);
}

void
start_close(struct start_rig *r)
{
	pool_clean(&r->pool);
}

pid_t
start_prepare(struct start_rig *r, const struct start_scope *s)
{
	struct err e;

	memset(&r->outcome, 0, sizeof r->outcome);
	/* One that holds nothing of the spawner's. */
	if (r->pool.spawner.channel < 0) {
		assert_int_equal(spawner_start(&r->pool.options, &r->pool.spawner, &e), 0);
		start_held(r, r->held);
	}
	if (s->is_of_pool)
		return r->pool.spawner.pid;
	starter_run(r, s);
	return r->starter;
}

void
start_finish(struct start_rig *r, const struct start_scope *s)
{
	s->await(r);
}
