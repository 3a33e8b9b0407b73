/* test_spawn_runner.c - how the spawner starts and ends a runner, which is this program. */
#include "spawn_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/start.h"

/* What the runner found. */
struct found {
	struct start_runner start;
	int32_t pid, uid;
	uint32_t fds; /* bits */
};

static int
runner_main(void)
{
	struct process_ready ready = { 0 };
	struct found f = { .pid = getpid(), .uid = (int32_t)getuid() };
	struct err e;

	if (pread(RUNNER_FD_START, &f.start, sizeof f.start, 0) != sizeof f.start)
		return 1;
	for (int fd = 0; fd < 32; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			f.fds |= 1U << fd;
	message_send(RUNNER_FD_MASTER, MSG_RUN_COUNTERS, &f, sizeof f, NULL, 0, &e);
	if (f.start.queue == 0) {
		message_send(RUNNER_FD_REPORT, REPORT_FAILED, "no queue", 8, NULL, 0, &e);
		return 1;
	}
	message_send(RUNNER_FD_REPORT, REPORT_READY, &ready, sizeof ready, NULL, 0, &e);
	/* Holds the channel, too. */
	if (fork() == 0)
		setsid();
	for (;;)
		pause();
}

static void
prepare(struct pool *p)
{
	char from[256], to[256];
	struct err e;

	pool_prepare(p);
	snprintf(from, sizeof from, "%s/cfn-router", p->libexec);
	snprintf(to, sizeof to, "%s/cfn-runner", p->libexec);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink("/bin/true", from), 0);
	assert_int_equal(spawner_start(&p->options, &p->spawner, &e), 0);
}

/* Asks for a runner; the master's end of its channel. */
static int
ask_runner(struct pool *p, struct start_runner *start)
{
	int fds[3], pair[2];
	struct err e;

	start->id = ++p->last_id;
	assert_int_equal(message_pair(pair, &e), 0);
	fds[0] = pair[1];
	fds[1] = open(p->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fds[2] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(message_send(p->spawner.channel, MSG_START_RUNNER, start, sizeof *start, fds, 3, &e),
	                 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	return pair[0];
}

static void
kill_process(struct pool *p, uint32_t id)
{
	struct process_ref ref = { id };
	struct err e;

	assert_int_equal(message_send(p->spawner.channel, MSG_KILL, &ref, sizeof ref, NULL, 0, &e), 0);
}

static void
a_runner_is_pid_1_and_knows_its_ids_and_its_end_ends_all_below_it(void **state)
{
	struct start_runner start = { .queue = 7, .path = "/api/run", .client = "address" };
	struct pollfd end;
	struct found found;
	struct pool p;
	struct err e;

	(void)state;
	prepare(&p);
	end = (struct pollfd){ .fd = ask_runner(&p, &start), .events = POLLIN };
	assert_int_equal(message_receive(end.fd, &p.m, &e), 1);
	assert_int_equal(p.m.length, sizeof found);
	memcpy(&found, p.m.body, sizeof found);
	assert_int_equal(found.pid, 1);
	assert_int_equal(found.uid, 0);
	assert_int_equal(found.fds, (1U << RUNNER_FD_CGROUP) - 1);
	assert_int_equal(found.start.queue, 7);
	assert_string_equal(found.start.path, "/api/run");
	assert_int_equal(found.start.box_uid, test_is_root() ? 1000 + RUNNER_SLOT_BOX : 0);
	assert_int_equal(found.start.has_cgroup, 0);
	pool_expect(&p, MSG_PROCESS_READY);
	assert_int_equal(((const struct process_ready *)p.m.body)->id, start.id);
	kill_process(&p, start.id);
	assert_int_equal(pool_expect_ended(&p, start.id)->ending.status, SIGKILL);
	/* Its child had the channel as well. */
	assert_int_equal(poll(&end, 1, 20000), 1);
	assert_int_equal(message_receive(end.fd, &p.m, &e), 0);
	close(end.fd);
	pool_clean(&p);
}

static void
a_runner_that_cannot_says_why(void **state)
{
	struct start_runner start = { .path = "/run" };
	struct pool p;
	int channel;

	(void)state;
	prepare(&p);
	channel = ask_runner(&p, &start);
	assert_string_equal(pool_expect_ended(&p, start.id)->reason, "no queue");
	close(channel);
	pool_clean(&p);
}

static void
texts_without_an_end_are_refused(void **state)
{
	struct start_runner start = { .queue = 1 };
	struct pool p;
	int channel;

	(void)state;
	prepare(&p);
	memset(start.client, 'x', sizeof start.client);
	channel = ask_runner(&p, &start);
	assert_non_null(strstr(pool_expect_ended(&p, start.id)->reason, "malformed"));
	close(channel);
	pool_clean(&p);
}

static void
a_pool_without_the_program_says_so_when_it_is_needed(void **state)
{
	struct start_runner start = { .queue = 1 };
	char path[256];
	struct pool p;
	struct err e;
	int channel;

	(void)state;
	pool_prepare(&p);
	snprintf(path, sizeof path, "%s/cfn-runner", p.libexec);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(spawner_start(&p.options, &p.spawner, &e), 0);
	channel = ask_runner(&p, &start);
	assert_non_null(strstr(pool_expect_ended(&p, start.id)->reason, "cfn-runner is not installed"));
	close(channel);
	pool_clean(&p);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_runner_is_pid_1_and_knows_its_ids_and_its_end_ends_all_below_it),
		cmocka_unit_test(a_runner_that_cannot_says_why),
		cmocka_unit_test(texts_without_an_end_are_refused),
		cmocka_unit_test(a_pool_without_the_program_says_so_when_it_is_needed),
	};

	if (argc > 0 && strcmp(argv[0], "cfn-runner") == 0)
		return runner_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
