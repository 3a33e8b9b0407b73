/* test_run_store.c - accepted runs: kept over kills and damage, bounded by age, size and number. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner/store.h"

enum { RETENTION_S = 60, N_OPEN_MAX = 64, BIG = 300000, SKIPPED = 77 };

#define SIZE_MAX_BYTES ((uint64_t)4 << 20)

static const struct store_rules rules = { .retention_s = RETENTION_S, .size = SIZE_MAX_BYTES };

struct fixture {
	char folder[32], path[64];
	struct store *s;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err damage, e;

	strcpy(f->folder, "/tmp/cfn-test-XXXXXX");
	if (!mkdtemp(f->folder))
		return -1;
	snprintf(f->path, sizeof f->path, "%s/runs.db", f->folder);
	*state = f;
	return store_open(f->folder, &rules, &f->s, &damage, &e);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	store_close(f->s);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	if (system(command) != 0)
		return -1;
	free(f);
	return 0;
}

static const char *
id_of(unsigned n)
{
	static char id[STORE_ID_SIZE];

	snprintf(id, sizeof id, "%032x", n);
	return id;
}

static int
add(struct store *s, unsigned n, const char *document, size_t length)
{
	struct store_run run = { .client = "192.0.2.1", .created_ms = 1000 + n, .n = length };
	struct err e;

	strcpy(run.id, id_of(n));
	run.document = (char *)(uintptr_t)document;
	return store_add(s, &run, &e);
}

static void
assert_added(struct store *s, unsigned n)
{
	assert_int_equal(add(s, n, "{\"code\":1}", 10), 0);
}

static void
reopen(struct fixture *f, struct err *damage)
{
	struct err e = { 0 };
	int rc;

	store_close(f->s);
	f->s = NULL;
	rc = store_open(f->folder, &rules, &f->s, damage, &e);
	assert_string_equal(e.text, rc == 0 ? e.text : "");
	assert_int_equal(rc, 0);
}

struct seen {
	unsigned n;
	struct store_run runs[N_OPEN_MAX];
};

static int
see(void *context, const struct store_run *run)
{
	struct seen *seen = context;

	assert_true(seen->n < N_OPEN_MAX);
	seen->runs[seen->n++] = *run;
	return 0;
}

static void
see_open(struct store *s, struct seen *seen)
{
	struct err e;

	seen->n = 0;
	assert_int_equal(store_each_open(s, see, seen, &e), 0);
}

static void
a_run_is_kept_until_its_result_takes_its_place(void **state)
{
	struct fixture *f = *state;
	struct store_run run;
	struct err e;

	assert_added(f->s, 1);
	assert_int_equal(store_read(f->s, id_of(1), &run, &e), 0);
	assert_int_equal(run.state, STORE_QUEUED);
	assert_string_equal(run.document, "{\"code\":1}");
	assert_string_equal(run.client, "192.0.2.1");
	assert_int_equal(run.created_ms, 1001);
	store_run_done(&run);

	assert_int_equal(store_begin(f->s, id_of(1), 2000, &e), 0);
	assert_int_equal(store_finish(f->s, id_of(1), "result", 6, 3000, &e), 0);
	assert_int_equal(store_read(f->s, id_of(1), &run, &e), 0);
	assert_int_equal(run.state, STORE_DONE);
	assert_int_equal(run.attempts, 1);
	assert_int_equal(run.started_ms, 2000);
	assert_int_equal(run.finished_ms, 3000);
	assert_int_equal(run.n, 6);
	assert_string_equal(run.document, "result");
	store_run_done(&run);
	assert_int_equal(store_look(f->s, id_of(1), &run, &e), 0);
	assert_int_equal(run.state, STORE_DONE);
	assert_int_equal(run.n, 6);
	assert_null(run.document);
}

static void
what_is_not_there_is_said(void **state)
{
	struct fixture *f = *state;
	struct store_run run;
	struct err e;

	assert_int_equal(store_read(f->s, id_of(9), &run, &e), -ENOENT);
	assert_int_equal(store_look(f->s, id_of(9), &run, &e), -ENOENT);
	assert_int_equal(store_begin(f->s, id_of(9), 1, &e), -ENOENT);
	assert_int_equal(store_finish(f->s, id_of(9), "", 0, 1, &e), -ENOENT);
	assert_int_equal(store_remove(f->s, id_of(9), &e), -ENOENT);
	assert_added(f->s, 9);
	assert_int_equal(add(f->s, 9, "", 0), -EEXIST);
	assert_int_equal(store_remove(f->s, id_of(9), &e), 0);
	assert_int_equal(store_read(f->s, id_of(9), &run, &e), -ENOENT);
}

static void
a_result_is_not_replaced(void **state)
{
	struct fixture *f = *state;
	struct store_run run;
	struct err e;

	assert_added(f->s, 1);
	assert_int_equal(store_finish(f->s, id_of(1), "first", 5, 1, &e), 0);
	assert_int_equal(store_finish(f->s, id_of(1), "second", 6, 1, &e), -ENOENT);
	assert_int_equal(store_begin(f->s, id_of(1), 1, &e), -ENOENT);
	assert_int_equal(store_read(f->s, id_of(1), &run, &e), 0);
	assert_string_equal(run.document, "first");
	store_run_done(&run);
}

static void
open_runs_come_in_the_order_in_which_they_were_accepted(void **state)
{
	static struct seen seen;
	struct fixture *f = *state;
	struct err damage, e;

	for (unsigned n = 5; n > 0; n--)
		assert_added(f->s, n);
	assert_int_equal(store_begin(f->s, id_of(4), 1, &e), 0);
	assert_int_equal(store_finish(f->s, id_of(3), "", 0, 1, &e), 0);
	reopen(f, &damage);
	assert_int_equal(damage.code, 0);
	see_open(f->s, &seen);
	assert_int_equal(seen.n, 4);
	assert_string_equal(seen.runs[0].id, id_of(5));
	assert_string_equal(seen.runs[1].id, id_of(4));
	assert_int_equal(seen.runs[1].state, STORE_RUNNING);
	assert_int_equal(seen.runs[1].attempts, 1);
	assert_string_equal(seen.runs[3].id, id_of(1));
	assert_int_equal(seen.runs[3].attempts, 0);
}

static void
another_process_is_refused_until_this_one_is_gone(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err damage, e;
		struct store *s;

		_exit(store_open(f->folder, &rules, &s, &damage, &e) == -EBUSY ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Tells each number only when the store has said that it took the run. */
static void
write_until_killed(const char *folder, int out)
{
	struct err damage, e;
	struct store *s;

	if (store_open(folder, &rules, &s, &damage, &e) < 0)
		_exit(1);
	for (unsigned n = 1;; n++) {
		if (add(s, n, "x", 1) < 0 || write(out, &n, sizeof n) != sizeof n)
			_exit(2);
		if (n % 2 == 0)
			store_begin(s, id_of(n), 1, &e);
		if (n % 3 == 0)
			store_finish(s, id_of(n), "done", 4, 1, &e);
	}
}

static unsigned
last_told(int in)
{
	unsigned n = 0, told = 0;

	while (read(in, &n, sizeof n) == sizeof n)
		told = n;
	return told;
}

static void
nothing_accepted_is_lost_when_it_is_killed(void **state)
{
	struct fixture *f = *state;
	struct store_run run;
	struct err damage, e;
	int ends[2];
	unsigned told;
	pid_t pid;

	store_close(f->s);
	f->s = NULL;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		write_until_killed(f->folder, ends[1]);
	close(ends[1]);
	for (unsigned n = 0; n < 50; n++)
		assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	told = last_told(ends[0]);
	close(ends[0]);
	told = told ? told : 50;

	reopen(f, &damage);
	assert_int_equal(damage.code, 0);
	for (unsigned n = 1; n <= told; n++) {
		assert_int_equal(store_read(f->s, id_of(n), &run, &e), 0);
		store_run_done(&run);
	}
}

static void
put_bytes(const char *path, const char *bytes, size_t n, long at)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void
what_is_no_store_is_set_aside_and_a_new_one_begun(void **state)
{
	static const char text[] = "this was never a database, and it is long enough to be looked at as one: "
				   "one hundred bytes of header are what SQLite wants to see first of all ";
	struct fixture *f = *state;
	char aside[80];
	struct err damage;

	store_close(f->s);
	f->s = NULL;
	put_bytes(f->path, text, sizeof text, 0);
	reopen(f, &damage);
	assert_int_equal(damage.code, EINVAL);
	assert_non_null(strstr(damage.text, "runs.db.damaged"));
	snprintf(aside, sizeof aside, "%s.damaged", f->path);
	assert_int_equal(access(aside, F_OK), 0);
	assert_added(f->s, 1);
}

static void
torn_pages_are_found_at_the_start(void **state)
{
	struct fixture *f = *state;
	static char noise[8192];
	struct err damage;

	for (unsigned n = 1; n < 200; n++)
		assert_added(f->s, n);
	store_close(f->s);
	f->s = NULL;
	memset(noise, 0x5a, sizeof noise);
	put_bytes(f->path, noise, sizeof noise, 8192);
	reopen(f, &damage);
	assert_int_equal(damage.code, EINVAL);
	assert_added(f->s, 1);
}

static void
a_database_of_somebody_else_is_set_aside(void **state)
{
	struct fixture *f = *state;
	char command[160];
	struct err damage;

	store_close(f->s);
	f->s = NULL;
	unlink(f->path);
	snprintf(command, sizeof command, "sqlite3 %s 'CREATE TABLE run (id);' 2>/dev/null", f->path);
	if (system(command) != 0)
		skip();
	reopen(f, &damage);
	assert_int_equal(damage.code, EINVAL);
	assert_added(f->s, 1);
}

/* Made with care, by who had the front: under the name and the number of one of ours. */
static void
a_store_that_was_forged_is_set_aside(void **state)
{
	static const char *const forged[] = {
		"CREATE VIEW run AS SELECT 1 AS id",
		"CREATE TABLE run (id)",
		"CREATE TABLE run (number INTEGER PRIMARY KEY, id, client, state, attempts, created_ms, "
		"started_ms,"
		" finished_ms, document);"
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= 10000)"
		" INSERT INTO run (id, client, state, document) SELECT printf(\"%032x\", i), 1, 0, 1 FROM n",
	};
	struct fixture *f = *state;
	char command[800];
	struct err damage;

	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		store_close(f->s);
		f->s = NULL;
		unlink(f->path);
		snprintf(command, sizeof command,
		         "sqlite3 %s 'PRAGMA application_id = 0x63666e32; PRAGMA user_version = 1; %s' "
		         "2>/dev/null",
		         f->path, forged[i]);
		if (system(command) != 0)
			skip();
		reopen(f, &damage);
		assert_int_equal(damage.code, EINVAL);
		assert_added(f->s, 1);
	}
}

static void
results_are_forgotten_after_their_time(void **state)
{
	struct fixture *f = *state;
	struct store_run run;
	struct err e;

	for (unsigned n = 1; n <= 3; n++)
		assert_added(f->s, n);
	assert_int_equal(store_finish(f->s, id_of(1), "old", 3, 10000, &e), 0);
	assert_int_equal(store_finish(f->s, id_of(2), "new", 3, 10001, &e), 0);
	assert_int_equal(store_sweep(f->s, 10001 + RETENTION_S * 1000, &e), 1);
	assert_int_equal(store_read(f->s, id_of(1), &run, &e), -ENOENT);
	assert_int_equal(store_read(f->s, id_of(2), &run, &e), 0);
	store_run_done(&run);
	assert_int_equal(store_read(f->s, id_of(3), &run, &e), 0);
	store_run_done(&run);
}

static void
the_oldest_results_make_room_and_what_is_open_does_not(void **state)
{
	static char big[BIG];
	struct fixture *f = *state;
	struct store_run run;
	struct stat st;
	struct err e;

	assert_added(f->s, 1000);
	for (unsigned n = 1; n <= 100; n++) {
		assert_added(f->s, n);
		assert_int_equal(store_finish(f->s, id_of(n), big, sizeof big, 1, &e), 0);
	}
	assert_int_equal(store_read(f->s, id_of(1), &run, &e), -ENOENT);
	assert_int_equal(store_read(f->s, id_of(100), &run, &e), 0);
	store_run_done(&run);
	assert_int_equal(store_read(f->s, id_of(1000), &run, &e), 0);
	store_run_done(&run);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true((uint64_t)st.st_size <= SIZE_MAX_BYTES + BIG);
}

static void
a_store_full_of_open_runs_takes_no_more(void **state)
{
	static char big[BIG];
	struct fixture *f = *state;
	unsigned n = 1;
	struct err e;

	while (add(f->s, n, big, sizeof big) == 0)
		n++;
	assert_int_equal(add(f->s, n, big, sizeof big), -ENOSPC);
	assert_in_range(n, SIZE_MAX_BYTES / BIG - 2, SIZE_MAX_BYTES / BIG + 2);
	assert_int_equal(store_finish(f->s, id_of(1), "", 0, 1, &e), 0);
	assert_int_equal(add(f->s, n, big, sizeof big), 0);
}

static int
put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? close(fd) : -1;
}

/* Without maps no file can be made in a file system of the namespace. */
static int
enter_namespaces(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof uids, "0 %u 1", geteuid());
	snprintf(gids, sizeof gids, "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || put_text("/proc/self/setgroups", "deny") < 0)
		return -1;
	return put_text("/proc/self/uid_map", uids) < 0 ? -1 : put_text("/proc/self/gid_map", gids);
}

/* A folder of 1 MiB: in a mount namespace of the child's own. */
static int
fill_a_small_disk(const char *folder)
{
	static char big[BIG / 4];
	struct err damage, e;
	struct store_run run;
	struct store *s;
	unsigned n = 1;

	if (enter_namespaces() < 0 || mount("none", folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m") < 0)
		return SKIPPED;
	if (store_open(folder, &rules, &s, &damage, &e) < 0)
		return 1;
	while (add(s, n, big, sizeof big) == 0)
		n++;
	if (add(s, n, big, sizeof big) != -ENOSPC || n < 2)
		return 2;
	for (unsigned i = 1; i < n; i++) {
		if (store_read(s, id_of(i), &run, &e) < 0)
			return 3;
		store_run_done(&run);
	}
	store_close(s);
	return store_open(folder, &rules, &s, &damage, &e) == 0 && damage.code == 0 ? 0 : 4;
}

static void
a_full_disk_refuses_one_run_and_loses_none(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	store_close(f->s);
	f->s = NULL;
	pid = fork();
	if (pid == 0)
		_exit(fill_a_small_disk(f->folder));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

static void
a_row_that_makes_no_sense_keeps_no_other_from_its_turn(void **state)
{
	static struct seen seen;
	struct fixture *f = *state;
	char command[200];
	struct err damage;

	assert_added(f->s, 1);
	assert_added(f->s, 2);
	store_close(f->s);
	f->s = NULL;
	snprintf(command, sizeof command,
	         "sqlite3 %s \"UPDATE run SET id = 'Z' || substr(id, 2) WHERE number = 1\" 2>/dev/null",
	         f->path);
	if (system(command) != 0)
		skip();
	reopen(f, &damage);
	see_open(f->s, &seen);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.runs[0].id, id_of(2));
}

static void
an_id_has_one_form(void **state)
{
	static const char *const bad[] = { "", "0", "0000000000000000000000000000000g",
		                           "0000000000000000000000000000000A",
		                           "000000000000000000000000000000000" };

	(void)state;
	assert_true(store_is_id("0123456789abcdef0123456789abcdef"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(store_is_id(bad[i]));
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_run_is_kept_until_its_result_takes_its_place),
		STORE_TEST(what_is_not_there_is_said),
		STORE_TEST(a_result_is_not_replaced),
		STORE_TEST(open_runs_come_in_the_order_in_which_they_were_accepted),
		STORE_TEST(another_process_is_refused_until_this_one_is_gone),
		STORE_TEST(nothing_accepted_is_lost_when_it_is_killed),
		STORE_TEST(what_is_no_store_is_set_aside_and_a_new_one_begun),
		STORE_TEST(torn_pages_are_found_at_the_start),
		STORE_TEST(a_database_of_somebody_else_is_set_aside),
		STORE_TEST(a_store_that_was_forged_is_set_aside),
		STORE_TEST(results_are_forgotten_after_their_time),
		STORE_TEST(the_oldest_results_make_room_and_what_is_open_does_not),
		STORE_TEST(a_store_full_of_open_runs_takes_no_more),
		STORE_TEST(a_full_disk_refuses_one_run_and_loses_none),
		STORE_TEST(a_row_that_makes_no_sense_keeps_no_other_from_its_turn),
		cmocka_unit_test(an_id_has_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
