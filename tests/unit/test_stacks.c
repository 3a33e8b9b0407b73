/* test_stacks.c - who reads where a worker is: how it is confined, what it reads, and when it ends; the test
 * is the master. */
#include "spawn_pool.h"

#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

enum { TRIES = 40, LOOKS = 2000, WAIT_US = 500, PATIENCE_MS = 120000, TEXT_SIZE = 8192 };

/* The reader's end of a pipe; one that is full holds up whoever writes to it. */
static int
ask_for_stacks(const struct pool *p, const struct stacks_of *of, bool is_full)
{
	static const char filling[4096];
	int ends[2];
	struct err e;

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (is_full && write(ends[1], filling, sizeof filling) > 0)
		;
	fd_set_blocking(ends[1], 1);
	assert_int_equal(message_send(p->spawner.channel, MSG_STACKS, of, sizeof *of, &ends[1], 1, &e), 0);
	close(ends[1]);
	return ends[0];
}

/* All that is written until the other end is closed. */
static size_t
read_stacks(const struct pool *p, const struct stacks_of *of, char text[TEXT_SIZE])
{
	AUTO_FD from = ask_for_stacks(p, of, false);
	ssize_t n;

	fd_set_blocking(from, 1);
	n = fd_read_all(from, text, TEXT_SIZE - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	return (size_t)n;
}

/* The text of a file of /proc; "" when the process has gone. */
static void
read_proc(pid_t pid, const char *name, char text[TEXT_SIZE])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, TEXT_SIZE - 1);
	text[n > 0 ? n : 0] = '\0';
}

/* The newest child of the spawner. */
static pid_t
find_reader(const struct pool *p)
{
	char name[64], text[TEXT_SIZE], *last;

	snprintf(name, sizeof name, "task/%d/children", (int)p->spawner.pid);
	read_proc(p->spawner.pid, name, text);
	text[strlen(text) > 0 ? strlen(text) - 1 : 0] = '\0';
	last = strrchr(text, ' ');
	return (pid_t)strtol(last ? last : text, NULL, 10);
}

/* It has a second from its start on, which may be over before this process comes to look; stopped, it waits.
 */
static bool
is_stopped_confined(pid_t reader, char status[TEXT_SIZE])
{
	for (int i = 0; i < LOOKS; i++) {
		read_proc(reader, "status", status);
		if (strstr(status, "Seccomp:\t2") && kill(reader, SIGSTOP) == 0) {
			read_proc(reader, "status", status);
			return strstr(status, "Seccomp:\t2") && !strstr(status, "State:\tZ");
		}
		usleep(WAIT_US);
	}
	return false;
}

/* One that waits for a pipe that is read by nobody; status is its own. */
static pid_t
stop_reader(const struct pool *p, const struct worker *w, char status[TEXT_SIZE], int *from)
{
	const struct stacks_of of = { .id = w->start.id };
	pid_t init = find_reader(p), reader = init;

	for (int i = 0; i < TRIES; i++) {
		*from = ask_for_stacks(p, &of, true);
		for (int k = 0; k < LOOKS && (reader = find_reader(p)) == init; k++)
			usleep(WAIT_US);
		if (reader != init && is_stopped_confined(reader, status))
			return reader;
		fd_close(from);
	}
	fail_msg("nobody reads");
	return 0;
}

static bool
has_limit(const char *limits, const char *name, const char *value)
{
	const char *at = strstr(limits, name);

	at = at ? at + strlen(name) : NULL;
	return at && strncmp(at + strspn(at, " "), value, strlen(value)) == 0;
}

/* "pipe: maps " */
static void
read_descriptors(pid_t pid, char text[TEXT_SIZE])
{
	struct dirent *entry;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	assert_non_null(folder);
	text[0] = '\0';
	while ((entry = readdir(folder))) {
		char what[256];
		const char *name;
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, what, sizeof what - 1);

		if (n < 0)
			continue;
		what[n] = '\0';
		what[strcspn(what, "[")] = '\0';
		name = strrchr(what, '/');
		snprintf(text + strlen(text), TEXT_SIZE - strlen(text), "%s ", name ? name + 1 : what);
	}
	closedir(folder);
}

static void
who_reads_stacks_is_confined(void **state)
{
	static const char *const lines[] = { "CapInh:\t0000000000000000\n",
		                             "CapPrm:\t0000000000080000\n",
		                             "CapEff:\t0000000000080000\n",
		                             "CapBnd:\t0000000000080000\n",
		                             "CapAmb:\t0000000000000000\n",
		                             "NoNewPrivs:\t1\n",
		                             "Seccomp:\t2\n" };
	static const char *const limits[][2] = {
		{ "Max cpu time", "1 " },   { "Max file size", "0 " },     { "Max processes", "0 " },
		{ "Max open files", "0 " }, { "Max locked memory", "0 " }, { "Max core file size", "1 " },
	};
	struct pool *p = *state;
	struct worker w = { 0 };
	char text[TEXT_SIZE], root[64], path[64];
	AUTO_FD from = -1;
	pid_t reader;
	ssize_t n;

	worker_start(p, &w, "behaves", "hello");
	reader = stop_reader(p, &w, text, &from);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (!strstr(text, lines[i]))
			fail_msg("not %s in %s", lines[i], text);
	read_proc(reader, "limits", text);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (!has_limit(text, limits[i][0], limits[i][1]))
			fail_msg("not %s in %s", limits[i][0], text);
#ifndef CFN_SANITIZERS
	assert_false(has_limit(text, "Max address space", "unlimited"));
#endif
	read_descriptors(reader, text);
	assert_true(strcmp(text, "pipe: maps ") == 0 || strcmp(text, "maps pipe: ") == 0);
	snprintf(path, sizeof path, "/proc/%d/root", (int)reader);
	n = readlink(path, root, sizeof root - 1);
	assert_true(n > 5);
	root[n] = '\0';
	assert_string_equal(root + n - 5, "/task");
	kill(reader, SIGKILL);
	worker_done(&w);
	pool_expect_ended(p, w.start.id);
}

static void
a_worker_that_waits_is_read_and_serves_on(void **state)
{
	struct pool *p = *state;
	struct worker w = { 0 };
	char text[TEXT_SIZE] = "";

	worker_start(p, &w, "behaves", "hello");
	/* It says that it is ready a moment before it waits. */
	for (int i = 0; i < TRIES && !strstr(text, " sleeping read\n"); i++)
		assert_true(read_stacks(p, &(struct stacks_of){ .id = w.start.id }, text) > 0);
	assert_int_equal(strncmp(text, "thread ", 7), 0);
	assert_null(strstr(text, "\nthread "));
	assert_non_null(strstr(text, " sleeping read\n= "));
	assert_string_equal(ask(&w, ""), "Hello, world!\n");
	worker_done(&w);
	pool_expect_ended(p, w.start.id);
}

/* The pid is a router's word. */
static void
a_process_of_another_sandbox_is_not_read(void **state)
{
	struct pool *p = *state;
	struct worker one = { 0 }, other = { 0 };
	char text[TEXT_SIZE];

	worker_start(p, &one, "behaves", "hello");
	worker_start(p, &other, "behaves", "hello");
	assert_true(other.pid > 0);
	assert_true(read_stacks(p, &(struct stacks_of){ .id = one.start.id, .pid = one.pid }, text) > 0);
	assert_int_equal(read_stacks(p, &(struct stacks_of){ .id = one.start.id, .pid = other.pid }, text),
	                 0);
	/* The spawner. */
	assert_int_equal(read_stacks(p, &(struct stacks_of){ .id = one.start.id, .pid = 1 }, text), 0);
	worker_done(&one);
	pool_expect_ended(p, one.start.id);
	worker_done(&other);
	pool_expect_ended(p, other.start.id);
}

static void
who_reads_stacks_ends_though_nobody_takes_them(void **state)
{
	struct pool *p = *state;
	struct worker w = { 0 };
	struct pollfd gone;

	worker_start(p, &w, "behaves", "hello");
	gone = (struct pollfd){ .fd = ask_for_stacks(p, &(struct stacks_of){ .id = w.start.id }, true) };
	assert_int_equal(poll(&gone, 1, PATIENCE_MS), 1);
	assert_true(gone.revents & POLLHUP);
	close(gone.fd);
	worker_done(&w);
	pool_expect_ended(p, w.start.id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_reads_stacks_is_confined),
		cmocka_unit_test(a_worker_that_waits_is_read_and_serves_on),
		cmocka_unit_test(a_process_of_another_sandbox_is_not_read),
		cmocka_unit_test(who_reads_stacks_ends_though_nobody_takes_them),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
