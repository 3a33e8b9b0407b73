/* test_run_cache.c - the cache of compiled programs: what makes a key, what is found, what is not believed,
 * what goes. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "run/cache.h"

enum { KIB = 1024, MAX = 64 * KIB };

static char folder[64];
static struct run_cache cache;

static int
setup(void **state)
{
	AUTO_FD parent = -1;
	struct err e;

	(void)state;
	snprintf(folder, sizeof folder, "/tmp/cfn-cache.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return run_cache_open(&cache, parent, "cache", MAX, &e);
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	run_cache_close(&cache);
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	return system(command);
}

static struct digest
key_of(unsigned number)
{
	struct digest key;

	digest_plain(&number, sizeof number, &key);
	return key;
}

/* The entry's file, below the folder. */
static void
path_of(unsigned number, char path[160])
{
	struct digest key = key_of(number);
	char text[DIGEST_TEXT_SIZE];

	digest_format(&key, text);
	snprintf(path, 160, "%s/cache/%s", folder, text);
}

static void
put(unsigned number, size_t n_program)
{
	AUTO_FREE char *program = malloc(n_program + 1);
	struct run_cached what = {
		.program = program, .n_program = n_program, .err = "warning: x", .n_err = 10
	};
	struct digest key = key_of(number);

	memset(program, (int)number, n_program);
	run_cache_put(&cache, &key, &what);
}

static bool
is_found(unsigned number, size_t n_program)
{
	struct run_cached found;
	struct digest key = key_of(number);
	bool is_right = run_cache_get(&cache, &key, &found);

	if (!is_right)
		return false;
	is_right = found.n_program == n_program && found.n_out == 0 && found.n_err == 10 &&
	           memcmp(found.err, "warning: x", 10) == 0;
	for (size_t i = 0; is_right && i < n_program; i++)
		is_right = ((const unsigned char *)found.program)[i] == number;
	run_cached_done(&found);
	assert_true(is_right);
	return true;
}

static void
what_was_kept_is_found_again(void **state)
{
	(void)state;
	assert_false(is_found(1, 100));
	put(1, 100);
	put(2, 0);
	assert_true(is_found(1, 100));
	assert_true(is_found(2, 0));
	assert_false(is_found(3, 100));
}

static void
without_a_folder_nothing_is_kept(void **state)
{
	const struct run_cache none = { -1, MAX };
	const struct run_cached what = { .program = "x", .n_program = 1 };
	struct run_cached found;
	struct digest key = key_of(1);

	(void)state;
	run_cache_put(&none, &key, &what);
	assert_false(run_cache_get(&none, &key, &found));
}

static void
a_folder_that_others_may_write_is_refused(void **state)
{
	AUTO_FD parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct run_cache other;
	struct err e;

	(void)state;
	assert_int_equal(fchmod(cache.folder, 0777), 0);
	assert_int_equal(run_cache_open(&other, parent, "cache", MAX, &e), -EPERM);
	assert_int_equal(fchmod(cache.folder, 0700), 0);
	assert_int_equal(symlinkat("cache", parent, "link"), 0);
	assert_int_equal(run_cache_open(&other, parent, "link", MAX, &e), -ENOTDIR);
}

static void
a_damaged_entry_is_not_used(void **state)
{
	char path[160];
	struct stat st;

	(void)state;
	put(1, 100);
	path_of(1, path);
	assert_int_equal(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		unsigned char byte;
		int fd;

		put(1, 100);
		fd = open(path, O_RDWR | O_CLOEXEC);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		assert_false(is_found(1, 100));
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void
half_an_entry_is_not_used(void **state)
{
	static const off_t sizes[] = { 0, 1, 87, 88, 150 };
	char path[160];

	(void)state;
	path_of(1, path);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		put(1, 100);
		assert_int_equal(truncate(path, sizes[i]), 0);
		assert_false(is_found(1, 100));
	}
}

static void
an_entry_under_another_name_is_not_used(void **state)
{
	char one[160], two[160];

	(void)state;
	put(1, 100);
	path_of(1, one);
	path_of(2, two);
	assert_int_equal(rename(one, two), 0);
	assert_false(is_found(2, 100));
}

static void
an_entry_that_others_may_read_is_not_used(void **state)
{
	char path[160];

	(void)state;
	put(1, 100);
	path_of(1, path);
	assert_int_equal(chmod(path, 0644), 0);
	assert_false(is_found(1, 100));
}

/* By a second: the clock of files does not tell less apart. */
static void
make_older(unsigned number, time_t seconds)
{
	struct timespec times[2] = { { 0 }, { 0 } };
	char path[160];

	path_of(number, path);
	times[0].tv_sec = times[1].tv_sec = time(NULL) - seconds;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
the_least_recently_used_goes_first(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		put(i, 15 * KIB);
		make_older(i, 100 - (time_t)i);
	}
	assert_true(is_found(0, 15 * KIB));
	put(4, 15 * KIB);
	assert_false(is_found(1, 15 * KIB));
	for (unsigned i = 0; i < 5; i++)
		assert_true(i == 1 || is_found(i, 15 * KIB));
}

static void
an_entry_at_the_limit_is_kept_and_one_past_it_is_not(void **state)
{
	(void)state;
	put(1, MAX / RUN_CACHE_PART - 10);
	assert_true(is_found(1, MAX / RUN_CACHE_PART - 10));
	put(2, MAX / RUN_CACHE_PART - 9);
	assert_false(is_found(2, MAX / RUN_CACHE_PART - 9));
}

static void
what_a_killed_writer_left_goes(void **state)
{
	const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };

	(void)state;
	close(openat(cache.folder, "new-old", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	close(openat(cache.folder, "new-young", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(utimensat(cache.folder, "new-old", old, 0), 0);
	put(1, 100);
	assert_int_equal(faccessat(cache.folder, "new-old", F_OK, 0), -1);
	assert_int_equal(faccessat(cache.folder, "new-young", F_OK, 0), 0);
}

static void
processes_at_once_find_whole_entries_or_none(void **state)
{
	enum { PROCESSES = 4, TURNS = 300, KEYS = 12 };
	int status;

	(void)state;
	for (unsigned p = 0; p < PROCESSES; p++) {
		if (fork() == 0) {
			for (unsigned i = 0; i < TURNS; i++)
				if (!is_found((i + p) % KEYS, 8 * KIB))
					put((i + p) % KEYS, 8 * KIB);
			_exit(0);
		}
	}
	for (unsigned p = 0; p < PROCESSES; p++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

/* --- keys
 * -------------------------------------------------------------------------------------------------------- */

struct asked {
	struct run_language language;
	const char *version;
	struct run_job job;
};

static void
asked_init(struct asked *a)
{
	*a = (struct asked){
		.language = { .name = "C", .source = "main.c", .compile = "/usr/bin/gcc {files}" },
		.version = "gcc 12",
		.job = { .files = { { "main.c", "int x;", 6 }, { "b.c", "int y;", 6 } },
		         .n_files = 2,
		         .options = { "-O2", "-g" } },
	};
}

static void
change_nothing(struct asked *a)
{
	(void)a;
}

static void
change_bytes(struct asked *a)
{
	a->job.files[1].data = "int z;";
}

static void
change_name(struct asked *a)
{
	a->job.files[1].path = "c.c";
}

static void
change_where_a_file_ends(struct asked *a)
{
	a->job.files[0].size = 5;
}

static void
change_files(struct asked *a)
{
	a->job.n_files = 1;
}

static void
change_order(struct asked *a)
{
	struct box_file first = a->job.files[0];

	a->job.files[0] = a->job.files[1];
	a->job.files[1] = first;
}

static void
change_option(struct asked *a)
{
	a->job.options[0] = "-O3";
}

static void
change_one_option_for_two(struct asked *a)
{
	a->job.options[0] = "-O2-g";
	a->job.options[1] = NULL;
}

static void
change_command(struct asked *a)
{
	snprintf(a->language.compile, sizeof a->language.compile, "/usr/bin/gcc -O1 {files}");
}

static void
change_environment(struct asked *a)
{
	snprintf(a->language.environment, sizeof a->language.environment, "A=b");
}

static void
change_version(struct asked *a)
{
	a->version = "gcc 13";
}

static void
change_what_the_compiler_does_not_see(struct asked *a)
{
	a->job.cases[0].input = "other";
	a->job.arguments[0] = "argument";
	a->job.limits.memory = 1;
}

static const struct {
	const char *name;
	void (*change)(struct asked *);
	bool is_same;
} changes[] = {
	{ "nothing", change_nothing, true },
	{ "what the compiler does not see", change_what_the_compiler_does_not_see, true },
	{ "a file's bytes", change_bytes, false },
	{ "a file's name", change_name, false },
	{ "where a file ends", change_where_a_file_ends, false },
	{ "how many files", change_files, false },
	{ "the order of files", change_order, false },
	{ "an option", change_option, false },
	{ "one option for two", change_one_option_for_two, false },
	{ "the command", change_command, false },
	{ "the environment", change_environment, false },
	{ "the version", change_version, false },
};

static void
all_that_the_compiler_sees_is_in_the_key(void **state)
{
	static struct asked asked;
	struct digest first, second;

	(void)state;
	asked_init(&asked);
	run_cache_key(&asked.language, asked.version, &asked.job, &first);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		asked_init(&asked);
		changes[i].change(&asked);
		run_cache_key(&asked.language, asked.version, &asked.job, &second);
		if ((memcmp(&first, &second, sizeof first) == 0) != changes[i].is_same)
			fail_msg("%s", changes[i].name);
	}
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_FOLDER(what_was_kept_is_found_again),
		IN_A_FOLDER(without_a_folder_nothing_is_kept),
		IN_A_FOLDER(a_folder_that_others_may_write_is_refused),
		IN_A_FOLDER(a_damaged_entry_is_not_used),
		IN_A_FOLDER(half_an_entry_is_not_used),
		IN_A_FOLDER(an_entry_under_another_name_is_not_used),
		IN_A_FOLDER(an_entry_that_others_may_read_is_not_used),
		IN_A_FOLDER(the_least_recently_used_goes_first),
		IN_A_FOLDER(an_entry_at_the_limit_is_kept_and_one_past_it_is_not),
		IN_A_FOLDER(what_a_killed_writer_left_goes),
		IN_A_FOLDER(processes_at_once_find_whole_entries_or_none),
		cmocka_unit_test(all_that_the_compiler_sees_is_in_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
