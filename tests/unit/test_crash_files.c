/* test_crash_files.c - the bounds of records of failures: who keeps how many of them, and which. */
#include "unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "pool/crash_files.h"

enum { FIRST_MS = 1000000, NEVER_MS = 0 };

struct fixture {
	char folder[64];
	int fd;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->folder, "/tmp/cfn-crashes-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->fd >= 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	close(f->fd);
	snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void
make(const struct fixture *f, const char *function, int64_t first_ms, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t ms = first_ms + (int64_t)i;
		int fd = crash_file_make(f->fd, function, &ms);

		assert_true(fd >= 0);
		close(fd);
	}
}

/* How many it has, and the oldest of them. */
static size_t
kept(const struct fixture *f, const char *function, int64_t *oldest_ms)
{
	AUTO_CRASH_FILES struct crash_files files;
	size_t n = 0;

	*oldest_ms = 0;
	assert_int_equal(crash_files_list(f->fd, &files), 0);
	for (size_t i = 0; i < files.n; i++) {
		if (strcmp(crash_file_function(&files.rows[i]), function) != 0)
			continue;
		if (n++ == 0)
			*oldest_ms = crash_file_ms(&files.rows[i]);
	}
	return n;
}

static void
expect_newest(const struct fixture *f, const char *function, size_t of, size_t n)
{
	int64_t oldest_ms;

	assert_int_equal(kept(f, function, &oldest_ms), n);
	if (n > 0)
		assert_int_equal(oldest_ms, FIRST_MS + (int64_t)(of - n));
}

static void
bounds_keep_the_newest_and_who_has_most_pays(void **state)
{
	static const struct {
		uint64_t all, of_function;
		int64_t oldest_ms;
		size_t had[3], kept[3]; /* of "a", "b" and "c"; "a" fails once more */
	} rows[] = {
		{ 100, 100, NEVER_MS, { 5, 3, 0 }, { 5, 3, 0 } },      /* there is room */
		{ 100, 5, NEVER_MS, { 5, 3, 0 }, { 4, 3, 0 } },        /* of one's own bound */
		{ 100, 1, NEVER_MS, { 5, 3, 0 }, { 0, 1, 0 } },        /* that was lowered */
		{ 9, 100, NEVER_MS, { 5, 3, 0 }, { 5, 3, 0 } },        /* just enough in all */
		{ 8, 100, NEVER_MS, { 5, 3, 0 }, { 4, 3, 0 } },        /* and one too few */
		{ 8, 100, NEVER_MS, { 1, 9, 9 }, { 1, 3, 3 } },        /* the others have most */
		{ 7, 100, NEVER_MS, { 1, 9, 9 }, { 1, 3, 2 } },        /* what is left over */
		{ 1, 100, NEVER_MS, { 1, 9, 9 }, { 0, 0, 0 } },        /* no room but for the new one */
		{ 100, 100, FIRST_MS + 4, { 5, 9, 3 }, { 1, 5, 0 } },  /* by age */
		{ 5, 3, FIRST_MS + 1, { 5, 9, 3 }, { 2, 1, 1 } },      /* by all of it */
		{ 10, 4096, NEVER_MS, { 10, 4000, 40 }, { 3, 3, 3 } }, /* lowered from many */
	};
	const struct fixture *f = *state;
	static const char *const names[] = { "a", "b", "c" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct crash_bounds bounds = { rows[i].all, rows[i].of_function, rows[i].oldest_ms };

		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			make(f, names[k], FIRST_MS, rows[i].had[k]);
		crash_files_make_room(f->fd, "a", &bounds);
		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			expect_newest(f, names[k], rows[i].had[k], rows[i].kept[k]);
		crash_files_make_room(f->fd, "", &(struct crash_bounds){ 1, 1, NEVER_MS });
	}
}

static void
what_is_no_record_is_left_alone(void **state)
{
	static const char *const others[] = { "notes", "0000001000000", "0000001000000-", "0000001000000-..",
		                              "1000000-a" };
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		close(openat(f->fd, others[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	make(f, "a", FIRST_MS, 2);
	crash_files_make_room(f->fd, "a", &(struct crash_bounds){ 1, 1, NEVER_MS });
	expect_newest(f, "a", 2, 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(faccessat(f->fd, others[i], F_OK, 0), 0);
}

static void
a_moment_that_is_taken_is_moved_on(void **state)
{
	const struct fixture *f = *state;
	int64_t ms = FIRST_MS, oldest_ms;
	int fd;

	make(f, "a", FIRST_MS, 2);
	fd = crash_file_make(f->fd, "a", &ms);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(ms, FIRST_MS + 2);
	crash_file_remove(f->fd, "a", FIRST_MS);
	assert_int_equal(kept(f, "a", &oldest_ms), 2);
	assert_int_equal(oldest_ms, FIRST_MS + 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(bounds_keep_the_newest_and_who_has_most_pays),
		TEST(what_is_no_record_is_left_alone),
		TEST(a_moment_that_is_taken_is_moved_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
