/* test_spawn.c - the spawner for real: its start, its bounds, its end, copies; the test is the master. */
#include "spawn_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

static void
isolation_is_proved_at_the_start(void **state)
{
	struct pool *p = *state;

	assert_true(p->spawner.ready.level >= ISOLATION_STRONG);
	assert_non_null(strstr(p->spawner.ready.layers, "seccomp"));
}

static void
a_router_has_its_descriptors_and_what_it_was_told(void **state)
{
	struct start_router start = { .n_connections = 77, .mount_prefix = "/x" };
	struct pool *p = *state;
	struct message *m = &p->m;
	int fds[7], pair[2];
	struct err e;

	assert_int_equal(message_pair(pair, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = i == 1 ? pair[1] : open("/dev/null", O_RDWR | O_CLOEXEC);
	start.id = ++p->last_id;
	assert_int_equal(message_send(p->spawner.channel, MSG_START_ROUTER, &start, sizeof start, fds,
	                              ARRAY_SIZE(fds), &e),
	                 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	assert_int_equal(message_receive(pair[0], m, &e), 1);
	assert_memory_equal(m->body, &start, sizeof start);
	m->body[m->length] = '\0';
	assert_string_equal((char *)m->body + sizeof start, "uid 1000: 0 1 2 3 4 5 6 7 8 9 10 11 ");
	close(pair[0]);
	assert_int_equal(pool_expect_ended(p, start.id)->ending.status, 5);
}

/* The master of this one is a child that is killed. */
static void
nothing_outlives_the_master(void **state)
{
	struct pool p;
	int report[2], pidfd;
	pid_t master, spawner;
	struct pollfd gone;

	(void)state;
	pool_prepare(&p);
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	master = fork();
	if (master == 0) {
		struct worker w = { 0 };
		struct err e;

		if (spawner_start(&p.options, &p.spawner, &e) < 0)
			_exit(1);
		worker_start(&p, &w, "behaves", "hello");
		fd_write_all(report[1], &p.spawner.pid, sizeof p.spawner.pid);
		pause();
	}
	assert_int_equal(read(report[0], &spawner, sizeof spawner), sizeof spawner);
	pidfd = (int)syscall(SYS_pidfd_open, spawner, 0);
	assert_true(pidfd >= 0);
	kill(master, SIGKILL);
	waitpid(master, NULL, 0);
	/* Pid 1 of a namespace is gone when everything in it is. */
	gone = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	assert_int_equal(poll(&gone, 1, 20000), 1);
	close(pidfd);
	close(report[0]);
	close(report[1]);
	pool_clean(&p);
}

static void
a_broken_message_ends_the_spawner(void **state)
{
	struct pool p;
	struct err e;

	(void)state;
	pool_prepare(&p);
	assert_int_equal(spawner_start(&p.options, &p.spawner, &e), 0);
	message_send(p.spawner.channel, MSG_KILL, "short", 2, NULL, 0, &e);
	assert_int_equal(message_receive(p.spawner.channel, &p.m, &e), 0);
	pool_clean(&p);
}

static void
a_start_without_descriptors_left_fails_and_the_next_one_works(void **state)
{
	struct pool *p = *state;
	struct rlimit few, before;
	struct worker w;

	/* 20: the message arrives, the process cannot be made; 1: nor does the message. */
	for (rlim_t limit = 20; limit > 0; limit -= limit > 10 ? 1 : limit > 1 ? limit - 1 : 1) {
		const struct process_ended *ended;

		assert_int_equal(prlimit(p->spawner.pid, RLIMIT_NOFILE, NULL, &before), 0);
		few = (struct rlimit){ limit, before.rlim_max };
		assert_int_equal(prlimit(p->spawner.pid, RLIMIT_NOFILE, &few, NULL), 0);
		worker_init(p, &w, "hello");
		w.start.is_trial = 1;
		worker_ask(p, &w, "behaves");
		ended = pool_expect_ended_maybe_ready(p, w.start.id);
		assert_true(ended->was_ready || ended->reason[0] != '\0');
		assert_true(limit > 1 || !ended->was_ready);
		assert_int_equal(prlimit(p->spawner.pid, RLIMIT_NOFILE, &before, NULL), 0);
		worker_done(&w);
	}
	w = (struct worker){ 0 };
	worker_start(p, &w, "behaves", "hello");
	worker_done(&w);
	pool_expect_ended(p, w.start.id);
}

static void
a_start_out_of_bounds_is_refused_with_a_reason(void **state)
{
	static const struct {
		uint32_t slot;
		const char *function, *shared, *reason;
	} cases[] = {
		{ TEST_SLOT, "../up", "", "malformed name" },
		{ TEST_SLOT, "", "", "malformed name" },
		{ TEST_SLOT, "fine", "a/b", "malformed name" },
		{ TEST_SLOT, "fine", "..", "malformed name" },
		{ TEST_N_UIDS - 1000, "fine", "", "the uid range is used up" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct process_ended *ended;
		struct worker w;

		if (cases[i].slot != TEST_SLOT && !test_is_root())
			continue;
		worker_init(*state, &w, "hello");
		w.start.slot = cases[i].slot;
		snprintf(w.start.function, sizeof w.start.function, "%s", cases[i].function);
		snprintf(w.start.shared, sizeof w.start.shared, "%s", cases[i].shared);
		worker_ask(*state, &w, "behaves");
		ended = pool_expect_ended(*state, w.start.id);
		assert_int_equal(ended->ending.code, 0);
		assert_non_null(strstr(ended->reason, cases[i].reason));
		worker_done(&w);
	}
}

static void
the_last_slot_of_the_range_starts(void **state)
{
	struct worker w;

	worker_init(*state, &w, "hello");
	w.start.slot = TEST_N_UIDS - 1000 - 1;
	worker_start(*state, &w, "behaves", "hello");
	worker_done(&w);
	pool_expect_ended(*state, w.start.id);
}

static int
memory_file(const char *text, size_t n)
{
	int fd = memfd_create("data", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
assert_copy_fails(const struct process_ended *ended, const char *reason)
{
	assert_true(ended->ending.status != 0);
	if (!strstr(ended->reason, reason))
		fail_msg("'%s' is not in '%s'", reason, ended->reason);
}

static void
a_file_goes_into_a_folder_is_listed_and_comes_out(void **state)
{
	AUTO_FD in = memory_file("content", 7);
	AUTO_FD out = memory_file("", 0);
	AUTO_FD list = memory_file("", 0);
	char text[64] = "";

	assert_string_equal(copy(*state, 1, "files", "a b.txt", in)->reason, "");
	assert_int_equal(copy(*state, 0, "files", "a b.txt", out)->ending.status, 0);
	assert_int_equal(pread(out, text, sizeof text, 0), 7);
	assert_string_equal(text, "content");
	assert_int_equal(copy(*state, 2, "files", "", list)->ending.status, 0);
	assert_true(pread(list, text, sizeof text, 0) > 0);
	assert_string_equal(text, "7 a b.txt\n");
}

static void
a_copy_of_the_largest_size_fits_and_a_byte_more_does_not(void **state)
{
	char bytes[COPY_MAX + 1];
	AUTO_FD fits = memory_file(memset(bytes, 'x', sizeof bytes), COPY_MAX);
	AUTO_FD over = memory_file(bytes, COPY_MAX + 1);
	AUTO_FD list = memory_file("", 0);
	char text[64] = "";

	assert_string_equal(copy(*state, 1, "sizes", "fits", fits)->reason, "");
	assert_copy_fails(copy(*state, 1, "sizes", "over", over), "larger than 4096 bytes");
	/* Nothing is left of it. */
	assert_int_equal(copy(*state, 2, "sizes", "", list)->ending.status, 0);
	assert_true(pread(list, text, sizeof text, 0) > 0);
	assert_string_equal(text, "4096 fits\n");
}

static void
a_copy_does_not_leave_its_folder(void **state)
{
	static const struct {
		uint32_t direction;
		const char *path, *reason;
	} cases[] = {
		{ 1, "../up", "leads out of the shared folder" },
		{ 1, "tmp/private", "leads out of the shared folder" },
		{ 1, "", "names no file" },
		{ 1, "x/", "names no file" },
		{ 1, "..", "names no file" },
		{ 0, "missing", "No such file" },
		{ 0, "link", "open" },
		{ 0, "fifo", "not a plain file" },
		{ 0, "linked/hostname", "open the folder" },
		{ 2, "linked", "open folder" },
		{ 3, "x", "unknown direction" },
	};
	struct pool *p = *state;
	AUTO_FD data = memory_file("x", 1);
	char path[160];

	assert_string_equal(copy(p, 1, "bounded", "file", data)->reason, "");
	snprintf(path, sizeof path, "%s/bounded/link", p->shared);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	snprintf(path, sizeof path, "%s/bounded/linked", p->shared);
	assert_int_equal(symlink("/etc", path), 0);
	snprintf(path, sizeof path, "%s/bounded/fifo", p->shared);
	assert_int_equal(mkfifo(path, 0666), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_copy_fails(copy(p, cases[i].direction, "bounded", cases[i].path, data),
		                  cases[i].reason);
}

static void
what_a_copy_does_not_find_is_told_apart(void **state)
{
	static const struct {
		uint32_t direction;
		const char *shared, *path;
		uint32_t is_missing;
	} cases[] = {
		{ 0, "found", "none", 1 },      { 0, "found", "none/file", 1 },
		{ 1, "found", "none/file", 1 }, { 2, "found", "none", 1 },
		{ 0, "notfound", "file", 1 },   { 0, "found", "file", 0 },
		{ 0, "found", "file/none", 0 }, { 0, "found", "../file", 0 },
	};
	AUTO_FD data = memory_file("x", 1);

	assert_string_equal(copy(*state, 1, "found", "file", data)->reason, "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(
		    copy(*state, cases[i].direction, cases[i].shared, cases[i].path, data)->is_missing,
		    cases[i].is_missing);
}

static void
a_shared_folder_with_a_link_for_tmp_is_refused(void **state)
{
	struct pool *p = *state;
	const struct process_ended *ended;
	char folder[128], tmp[160];
	struct worker w;

	snprintf(folder, sizeof folder, "%s/linked", p->shared);
	snprintf(tmp, sizeof tmp, "%s/tmp", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(symlink("/etc", tmp), 0);
	if (test_is_root())
		assert_int_equal(lchown(folder, TEST_UID_RANGE + 1000 + TEST_SLOT,
		                        TEST_UID_RANGE + 1000 + TEST_SLOT),
		                 0);
	worker_init(p, &w, "hello");
	snprintf(w.start.shared, sizeof w.start.shared, "linked");
	worker_ask(p, &w, "behaves");
	ended = pool_expect_ended(p, w.start.id);
	assert_int_equal(ended->ending.code, 0);
	if (!strstr(ended->reason, "tmp"))
		fail_msg("%s", ended->reason);
	worker_done(&w);
}

static void
a_shared_folder_of_another_uid_is_refused(void **state)
{
	struct worker first, second;

	if (!test_is_root())
		skip();
	worker_init(*state, &first, "hello");
	worker_init(*state, &second, "hello");
	snprintf(first.start.shared, sizeof first.start.shared, "first");
	second.start.slot = TEST_SLOT + 1;
	memcpy(second.start.shared, first.start.shared, sizeof first.start.shared);
	worker_start(*state, &first, "behaves", "hello");
	worker_ask(*state, &second, "behaves");
	assert_non_null(strstr(pool_expect_ended(*state, second.start.id)->reason, "belongs to another uid"));
	worker_done(&second);
	worker_done(&first);
	pool_expect_ended(*state, first.start.id);
}

static void
a_shared_folder_that_cannot_be_reached_is_named(void **state)
{
	struct pool p;
	struct err e;

	(void)state;
	if (!test_is_root())
		skip();
	pool_prepare(&p);
	assert_int_equal(chmod(p.folder, 0700), 0);
	assert_int_equal(spawner_start(&p.options, &p.spawner, &e), -EACCES);
	assert_non_null(strstr(e.text, p.folder));
	pool_clean(&p);
}

static void
a_shared_folder_of_somebody_else_is_left_alone(void **state)
{
	struct pool p;
	struct stat st;
	struct err e;

	(void)state;
	if (!test_is_root())
		skip();
	pool_prepare(&p);
	p.options.shared_dir = p.folder; /* root's, and not empty: there is libexec in it */
	assert_int_equal(spawner_start(&p.options, &p.spawner, &e), -EPERM);
	assert_int_equal(stat(p.folder, &st), 0);
	assert_int_equal(st.st_uid, 0);
	pool_clean(&p);
}

static void
without_a_shared_folder_all_but_its_users_start(void **state)
{
	struct worker with, without;
	struct pool p;
	struct err e;

	(void)state;
	pool_prepare(&p);
	p.options.shared_dir = NULL;
	assert_int_equal(spawner_start(&p.options, &p.spawner, &e), 0);
	assert_int_equal(access(p.shared, F_OK), -1);
	worker_init(&p, &without, "hello");
	worker_start(&p, &without, "behaves", "hello");
	worker_init(&p, &with, "hello");
	snprintf(with.start.shared, sizeof with.start.shared, "files");
	worker_ask(&p, &with, "behaves");
	assert_non_null(strstr(pool_expect_ended(&p, with.start.id)->reason, "open shared folder 'files'"));
	worker_done(&with);
	worker_done(&without);
	pool_expect_ended(&p, without.start.id);
	pool_clean(&p);
}

static void
a_missing_program_is_named(void **state)
{
	char path[256];
	struct pool p;
	struct err e;

	(void)state;
	pool_prepare(&p);
	snprintf(path, sizeof path, "%s/cfn-worker", p.libexec);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(spawner_start(&p.options, &p.spawner, &e), -ENOENT);
	assert_non_null(strstr(e.text, "cfn-worker"));
	pool_clean(&p);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolation_is_proved_at_the_start),
		cmocka_unit_test(a_router_has_its_descriptors_and_what_it_was_told),
		cmocka_unit_test(nothing_outlives_the_master),
		cmocka_unit_test(a_broken_message_ends_the_spawner),
		cmocka_unit_test(a_start_without_descriptors_left_fails_and_the_next_one_works),
		cmocka_unit_test(a_start_out_of_bounds_is_refused_with_a_reason),
		cmocka_unit_test(the_last_slot_of_the_range_starts),
		cmocka_unit_test(a_file_goes_into_a_folder_is_listed_and_comes_out),
		cmocka_unit_test(a_copy_of_the_largest_size_fits_and_a_byte_more_does_not),
		cmocka_unit_test(a_copy_does_not_leave_its_folder),
		cmocka_unit_test(what_a_copy_does_not_find_is_told_apart),
		cmocka_unit_test(a_shared_folder_with_a_link_for_tmp_is_refused),
		cmocka_unit_test(a_shared_folder_of_another_uid_is_refused),
		cmocka_unit_test(a_shared_folder_that_cannot_be_reached_is_named),
		cmocka_unit_test(a_shared_folder_of_somebody_else_is_left_alone),
		cmocka_unit_test(without_a_shared_folder_all_but_its_users_start),
		cmocka_unit_test(a_missing_program_is_named),
	};

	/* The pool's cfn-router is this program. */
	if (argc > 0 && strcmp(argv[0], "cfn-router") == 0)
		return router_main();
	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
