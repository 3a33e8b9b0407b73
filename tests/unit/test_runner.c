/* test_runner.c - cfn-runner as a spawner starts it: the test is the master and a router. */
#include "spawn_pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "fcgi/fcgi.h"
#include "ipc/start.h"

enum { WAIT_MS = 60000, ANSWER_MAX = 1 << 20 };

struct rig {
	struct pool pool;
	char folder[128];
	int channel; /* the master's end */
	uint32_t id;
	pid_t pid; /* of the maker, here */
};

static const struct run_maxima most = { .memory = 512 << 20,
	                                .cpu_ms = 30000,
	                                .wall_ms = 40000,
	                                .cpu_share = 400,
	                                .processes = 128,
	                                .files = 256,
	                                .disk = 256 << 20,
	                                .output = 4 << 20 };

static void
folder_make(struct rig *rig)
{
	const uid_t uid = TEST_UID_RANGE + 1000 + RUNNER_SLOT_FRONT;

	snprintf(rig->folder, sizeof rig->folder, "%s/runs", rig->pool.folder);
	if (mkdir(rig->folder, 0700) < 0)
		assert_int_equal(errno, EEXIST);
	else if (test_is_root())
		assert_int_equal(chown(rig->folder, uid, uid), 0);
}

static void
program_link(struct rig *rig)
{
	char top[4096], from[4200], to[256];

	assert_non_null(realpath(".", top));
	snprintf(from, sizeof from, "%s/cfn-runner", top);
	snprintf(to, sizeof to, "%s/cfn-runner", rig->pool.libexec);
	assert_int_equal(symlink(from, to), 0);
}

static void
ask_runner(struct rig *rig)
{
	struct start_runner start = { .id = ++rig->pool.last_id,
		                      .level = ISOLATION_FULL,
		                      .max_concurrent = 2,
		                      .queue = 10,
		                      .queue_share = 10,
		                      .cpu_share = 100,
		                      .total_ms = 50000,
		                      .most = most,
		                      .compile_most = most,
		                      .retention_s = 60,
		                      .store_size = 16 << 20,
		                      .path = "/api/run",
		                      .location = "/api/run",
		                      .client = "address" };
	char languages[4096];
	int fds[3], pair[2];
	struct err e;

	assert_non_null(realpath(TEST_LANGUAGES, languages));
	snprintf(start.languages_dir, sizeof start.languages_dir, "%.*s", RUN_FOLDER_SIZE - 1, languages);
	assert_int_equal(message_pair(pair, &e), 0);
	fds[0] = pair[1];
	fds[1] = open(rig->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fds[2] = dup(2);
	assert_int_equal(message_send(rig->pool.spawner.channel, MSG_START_RUNNER, &start, sizeof start, fds,
	                              3, &e),
	                 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	rig->channel = pair[0];
	rig->id = start.id;
}

/* The spawner's one child, which is not the test's. */
static pid_t
child_of(pid_t pid)
{
	char path[64], text[256] = "";
	AUTO_FD fd = -1;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof text - 1) > 0 ? (pid_t)atol(text) : 0;
}

static void
runner_start(struct rig *rig)
{
	ask_runner(rig);
	pool_expect(&rig->pool, MSG_PROCESS_READY);
	rig->pid = child_of(rig->pool.spawner.pid);
	assert_true(rig->pid > 0);
}

static int
set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	struct err e;

	*state = rig;
	pool_prepare(&rig->pool);
	program_link(rig);
	folder_make(rig);
	assert_int_equal(spawner_start(&rig->pool.options, &rig->pool.spawner, &e), 0);
	runner_start(rig);
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *rig = *state;
	char command[256];

	fd_close(&rig->channel);
	snprintf(command, sizeof command, "rm -rf '%s'", rig->folder);
	assert_int_equal(system(command), 0);
	pool_clean(&rig->pool);
	free(rig);
	return 0;
}

/* ---- a router ---- */

static int
lane_make(struct rig *rig)
{
	static struct process_ref ref;
	struct err e;
	int pair[2];

	ref.id++;
	assert_int_equal(message_pair(pair, &e), 0);
	assert_int_equal(message_send(rig->channel, MSG_LANE, &ref, sizeof ref, &pair[1], 1, &e), 0);
	close(pair[1]);
	return pair[0];
}

static size_t
param_put(char *to, const char *name, const char *value)
{
	const struct fcgi_pair pair = { name, value, strlen(name), strlen(value) };

	return fcgi_pair_write((unsigned char *)to, &pair);
}

static void
request_put_query(int lane, const char *method, const char *path, const char *query, const char *body)
{
	unsigned char message[FCGI_MESSAGE_MAX];
	struct fcgi_progress at = { 0 };
	char params[1024];
	size_t n = param_put(params, "REQUEST_METHOD", method);

	n += param_put(params + n, "CFN_PATH", path);
	n += param_put(params + n, "QUERY_STRING", query);
	n += param_put(params + n, "CONTENT_TYPE", "application/json");
	n += param_put(params + n, "REMOTE_ADDR", "192.0.2.7");
	while (!at.is_done) {
		const struct fcgi_request q = { .id = 77,
			                        .is_complete = true,
			                        .params = { { params, n } },
			                        .body = body,
			                        .n_body = strlen(body) };
		size_t size = fcgi_request_message(&q, &at, message, &at);

		assert_int_equal(send(lane, message, size, MSG_NOSIGNAL), size);
	}
}

static void
request_put(int lane, const char *method, const char *path, const char *body)
{
	request_put_query(lane, method, path, "", body);
}

/* The whole answer, or NULL when the lane was closed instead. */
static const char *
answer_get(int lane)
{
	static char answer[ANSWER_MAX];
	unsigned char data[FCGI_MESSAGE_MAX];
	struct pollfd p = { lane, POLLIN, 0 };
	size_t n = 0;

	for (;;) {
		const unsigned char *at = data, *content;
		struct fcgi_header h;
		ssize_t got;

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		got = recv(lane, data, sizeof data, 0);
		if (got <= 0)
			return NULL;
		while (got > 0) {
			size_t size = fcgi_record_read(at, (size_t)got, &h, &content);

			assert_true(size > 0 && h.id == 77);
			if (h.type == FCGI_STDOUT) {
				assert_true(n + h.content < sizeof answer);
				memcpy(answer + n, content, h.content);
				n += h.content;
			}
			at += size;
			got -= (ssize_t)size;
		}
		answer[n] = '\0';
		if (h.type == FCGI_END_REQUEST)
			return answer;
	}
}

static void
hello_runs(struct rig *rig)
{
	AUTO_FD lane = lane_make(rig);
	const char *answer;

	request_put(lane, "POST", "/api/run",
	            "{\"lang\":\"bash\",\"code\":\"echo hello $1\",\"args\":[\"you\"]}");
	answer = answer_get(lane);
	assert_non_null(answer);
	if (!strstr(answer, "hello you"))
		fail_msg("%s", answer);
}

/* ---- tests ---- */

static void
a_program_is_run_for_a_router(void **state)
{
	struct rig *rig = *state;
	AUTO_FD lane = lane_make(rig);
	const char *answer;

	request_put(lane, "GET", "/api/run/languages", "");
	answer = answer_get(lane);
	assert_non_null(answer);
	assert_non_null(strstr(answer, "Bash"));
	for (int i = 0; i < 3; i++)
		hello_runs(rig);
}

/* What the kernel says of the front: the maker's first child. */
static void
status_of(pid_t pid, const char *name, char *line, size_t n)
{
	char path[64], text[4096];
	const char *at;
	FILE *file;
	size_t got;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	got = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[got] = '\0';
	at = strstr(text, name);
	assert_non_null(at);
	at += strlen(name);
	at += strspn(at, ":\t ");
	snprintf(line, n, "%.*s", (int)strcspn(at, "\n"), at);
}

static const struct {
	const char *name, *front, *maker; /* NULL: whatever it is */
} confinement[] = {
	{ "CapEff", "0000000000000000", NULL },
	{ "CapBnd", "0000000000000000", NULL },
	{ "CapAmb", "0000000000000000", "0000000000000000" },
	{ "NoNewPrivs", "1", "1" },
	{ "Seccomp", "2", NULL },
};

static void
the_front_has_no_capability_and_a_filter_and_the_maker_little(void **state)
{
	struct rig *rig = *state;
	pid_t front = child_of(rig->pid);
	char line[128];

	for (size_t i = 0; i < ARRAY_SIZE(confinement); i++) {
		status_of(front, confinement[i].name, line, sizeof line);
		assert_string_equal(line, confinement[i].front);
		if (!confinement[i].maker)
			continue;
		status_of(rig->pid, confinement[i].name, line, sizeof line);
		assert_string_equal(line, confinement[i].maker);
	}
	/* SETGID and SETUID; for an ordinary user SETFCAP. */
	status_of(rig->pid, "CapEff", line, sizeof line);
	assert_string_equal(line, test_is_root() ? "00000000000000c0" : "0000000080000000");
	if (test_is_root()) {
		status_of(front, "Uid", line, sizeof line);
		assert_int_equal(atoi(line), TEST_UID_RANGE + 1000 + RUNNER_SLOT_FRONT);
	}
}

/* Until the counters say that so many run. */
static void
running_await(struct rig *rig, uint64_t n)
{
	static struct message m;
	struct pollfd p = { rig->channel, POLLIN, 0 };
	struct run_counters counters = { 0 };
	struct err e;

	while (counters.running != n) {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		assert_int_equal(message_receive(rig->channel, &m, &e), 1);
		assert_int_equal(m.length, sizeof counters);
		memcpy(&counters, m.body, sizeof counters);
	}
}

static void
nothing_is_left_and_another_starts(struct rig *rig, pid_t killed)
{
	const struct process_ended *ended;

	/* A job that no keeper has yet would be given back, and answered in the last moment. */
	running_await(rig, 1);
	assert_int_equal(kill(killed, SIGKILL), 0);
	ended = pool_expect_ended(&rig->pool, rig->id);
	assert_int_equal(ended->was_ready, 1);
	assert_int_equal(child_of(rig->pool.spawner.pid), 0);
	fd_close(&rig->channel);
	runner_start(rig);
	hello_runs(rig);
}

static void
when_the_maker_is_killed_nothing_is_left_and_another_runs(void **state)
{
	struct rig *rig = *state;
	AUTO_FD lane = lane_make(rig);

	request_put(lane, "POST", "/api/run", "{\"lang\":\"bash\",\"code\":\"sleep 60\"}");
	nothing_is_left_and_another_starts(rig, rig->pid);
	assert_null(answer_get(lane));
}

static void
when_the_front_is_killed_nothing_is_left_and_another_runs(void **state)
{
	struct rig *rig = *state;
	AUTO_FD lane = lane_make(rig);

	request_put(lane, "POST", "/api/run", "{\"lang\":\"bash\",\"code\":\"sleep 60\"}");
	nothing_is_left_and_another_starts(rig, child_of(rig->pid));
	assert_null(answer_get(lane));
}

static void
a_drained_runner_finishes_what_runs_and_ends(void **state)
{
	struct rig *rig = *state;
	AUTO_FD lane = lane_make(rig);
	const struct process_ended *ended;
	const char *answer;
	struct err e;

	request_put(lane, "POST", "/api/run", "{\"lang\":\"bash\",\"code\":\"sleep 3; echo late\"}");
	running_await(rig, 1);
	assert_int_equal(message_send(rig->channel, MSG_DRAIN, NULL, 0, NULL, 0, &e), 0);
	answer = answer_get(lane);
	assert_non_null(answer);
	assert_non_null(strstr(answer, "late"));
	ended = pool_expect_ended(&rig->pool, rig->id);
	assert_int_equal(ended->ending.code, CLD_EXITED);
	assert_int_equal(ended->ending.status, 0);
}

static const char *
first_after(const char *text, const char *before, char word[64])
{
	const char *at = strstr(text, before);

	assert_non_null(at);
	snprintf(word, 64, "%.*s", (int)strcspn(at + strlen(before), "\"\r\n"), at + strlen(before));
	return word;
}

static void
an_asynchronous_run_is_kept_by_the_confined_front(void **state)
{
	struct rig *rig = *state;
	char path[128], id[64];
	const char *answer = "";

	{
		AUTO_FD lane = lane_make(rig);

		request_put_query(lane, "POST", "/api/run", "async=1",
		                  "{\"lang\":\"bash\",\"code\":\"echo kept\"}");
		answer = answer_get(lane);
		assert_non_null(strstr(answer, "Status: 202"));
		snprintf(path, sizeof path, "/api/run/%s", first_after(answer, "\"id\":\"", id));
	}
	for (int i = 0; i < 200 && !strstr(answer, "kept"); i++) {
		AUTO_FD lane = lane_make(rig);

		request_put(lane, "GET", path, "");
		answer = answer_get(lane);
		poll(NULL, 0, 50);
	}
	assert_non_null(strstr(answer, "kept"));
}

static void
it_ends_with_its_master(void **state)
{
	struct rig *rig = *state;

	fd_close(&rig->channel);
	pool_expect_ended(&rig->pool, rig->id);
	assert_int_equal(child_of(rig->pool.spawner.pid), 0);
}

static void
it_counts_what_it_did(void **state)
{
	static struct message m;
	struct rig *rig = *state;
	struct pollfd p = { rig->channel, POLLIN, 0 };
	struct run_counters counters = { 0 };
	struct err e;

	hello_runs(rig);
	while (counters.accepted == 0 && poll(&p, 1, WAIT_MS) == 1) {
		assert_int_equal(message_receive(rig->channel, &m, &e), 1);
		assert_int_equal(m.type, MSG_RUN_COUNTERS);
		assert_int_equal(m.length, sizeof counters);
		memcpy(&counters, m.body, sizeof counters);
	}
	assert_int_equal(counters.accepted, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_program_is_run_for_a_router),
		TEST(the_front_has_no_capability_and_a_filter_and_the_maker_little),
		TEST(when_the_maker_is_killed_nothing_is_left_and_another_runs),
		TEST(when_the_front_is_killed_nothing_is_left_and_another_runs),
		TEST(a_drained_runner_finishes_what_runs_and_ends),
		TEST(an_asynchronous_run_is_kept_by_the_confined_front),
		TEST(it_ends_with_its_master),
		TEST(it_counts_what_it_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
