/* test_cgroup.c - what the kernel writes about cgroups is parsed whole or not at all; without a subtree there
 * is a reason.  What leaves do is tried in tests/uml, where there is cgroup v2. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ending.h"
#include "base/fd.h"
#include "base/macros.h"
#include "cgroup/cgroup.h"
#include "cgroup/text.h"

static const struct {
	const char *line;
	bool is_read;
	const char *root, *point;
} mounts[] = {
	{ "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n", true, "/", "/sys/fs/cgroup" },
	{ "41 31 0:38 / /sys/fs/cgroup rw shared:9 master:1 - cgroup2 none rw,nsdelegate\n", true, "/",
	  "/sys/fs/cgroup" },
	{ "41 31 0:38 /a\\040b /mnt/c\\134d\\012 rw - cgroup2 cgroup2 rw\n", true, "/a b", "/mnt/c\\d\n" },
	{ "41 31 0:38 /../.. /mnt rw - cgroup2 cgroup2 rw\n", true, "/../..", "/mnt" },
	{ "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", false, NULL, NULL },
	{ "35 31 0:32 / / rw - ext4 /dev/cgroup2 rw\n", false, NULL, NULL },
	/* A name that looks like the end of the line: blanks in names are escaped. */
	{ "35 31 0:32 / /-\\040cgroup2\\040 rw - tmpfs tmpfs rw\n", false, NULL, NULL },
	{ "41 31 0:38 / /a\\04 rw - cgroup2 cgroup2 rw\n", false, NULL, NULL },
	{ "41 31 0:38 / /a\\999 rw - cgroup2 cgroup2 rw\n", false, NULL, NULL },
	{ "41 31 0:38 / /a\\000b rw - cgroup2 cgroup2 rw\n", false, NULL, NULL },
	{ "41 31 0:38 / /a\\777 rw - cgroup2 cgroup2 rw\n", false, NULL, NULL },
	{ "41 31 0:38 / /a\\", false, NULL, NULL },
	{ "41 31 0:38 / relative rw - cgroup2 cgroup2 rw\n", false, NULL, NULL },
	{ "41 31 0:38  /a rw - cgroup2 cgroup2 rw\n", false, NULL, NULL },
	{ "41 31 0:38 / /a rw", false, NULL, NULL },
	{ "41 31 0:38 /", false, NULL, NULL },
	{ "41 31", false, NULL, NULL },
	{ "\n", false, NULL, NULL },
	{ "", false, NULL, NULL },
};

static void
a_line_of_mountinfo_is_read_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		static struct cgroup_mount m;

		assert_int_equal(text_read_mount(mounts[i].line, &m), mounts[i].is_read);
		if (!mounts[i].is_read)
			continue;
		assert_string_equal(m.root, mounts[i].root);
		assert_string_equal(m.point, mounts[i].point);
	}
}

/* "1 2 3 / /aaa... rw - cgroup2 c rw\n" with a mount point of so many bytes. */
static char *
mount_of(size_t n)
{
	char *line = NULL;

	assert_true(asprintf(&line, "1 2 3 / /%*s rw - cgroup2 c rw\n", (int)n - 1, "") > 0);
	memset(line + strlen("1 2 3 / /"), 'a', n - 1);
	return line;
}

static void
a_path_that_is_too_long_is_no_mount(void **state)
{
	static struct cgroup_mount m;
	char *fits = mount_of(TEXT_PATH_SIZE - 1), *too_long = mount_of(TEXT_PATH_SIZE);

	(void)state;
	assert_true(text_read_mount(fits, &m));
	assert_int_equal(strlen(m.point), TEXT_PATH_SIZE - 1);
	assert_false(text_read_mount(too_long, &m));
	free(fits);
	free(too_long);
}

static const struct {
	const char *text, *path; /* NULL: none that can be used */
} owns[] = {
	{ "0::/\n", "/" },
	{ "0::/user.slice/a b:c\n", "/user.slice/a b:c" },
	{ "9:name=systemd:/\n4:memory:/x\n0::/unit\n", "/unit" },
	{ "1:name=0::/wrong:/x\n0::/right\n", "/right" },
	{ "10::/no\n", NULL },
	{ "4:memory:/x\n", NULL },
	{ "0::/gone (deleted)\n", NULL },
	{ "0::/(deleted)\n", "/(deleted)" },
	{ "0::/../outside\n", NULL },
	{ "0::/a/..\n", NULL },
	{ "0::/..\n", NULL },
	{ "0::/..a/b..\n", "/..a/b.." },
	{ "0::/cut", NULL },
	{ "0::relative/x\n", NULL },
	{ "0::\n", NULL },
	{ "0::", NULL },
	{ "0::\n1:a:/b\n", NULL },
	{ "", NULL },
};

static void
the_own_cgroup_is_a_path_below_the_namespace_or_none(void **state)
{
	static char path[TEXT_PATH_SIZE], text[TEXT_PATH_SIZE + 16] = "0::/";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(owns); i++) {
		assert_int_equal(text_read_own(owns[i].text, path), owns[i].path != NULL);
		if (owns[i].path)
			assert_string_equal(path, owns[i].path);
	}
	memset(text + 4, 'a', TEXT_PATH_SIZE - 2);
	text[TEXT_PATH_SIZE + 2] = '\n';
	assert_true(text_read_own(text, path));
	text[TEXT_PATH_SIZE + 2] = 'a';
	text[TEXT_PATH_SIZE + 3] = '\n';
	assert_false(text_read_own(text, path));
}

static const struct {
	const char *root, *path, *below; /* NULL: the mount does not show it */
} paths[] = {
	{ "/", "/", "." },     { "/", "/a/b", "a/b" }, { "/a", "/a", "." },    { "/a", "/a/b", "b" },
	{ "/a", "/ab", NULL }, { "/a", "/b/a", NULL }, { "/a/b", "/a", NULL }, { "/../..", "/a", NULL },
};

static void
a_mount_shows_what_is_below_its_root(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const char *below = text_path_below(paths[i].root, paths[i].path);

		assert_int_equal(below != NULL, paths[i].below != NULL);
		if (below)
			assert_string_equal(below, paths[i].below);
	}
}

static void
a_controller_is_a_whole_word(void **state)
{
	(void)state;
	assert_true(text_has_word("cpuset cpu io memory hugetlb pids\n", "memory"));
	assert_true(text_has_word("cpuset cpu io memory hugetlb pids\n", "pids"));
	assert_true(text_has_word("memory", "memory"));
	assert_true(text_has_word("cpuset cpu", "cpu"));
	assert_false(text_has_word("cpuset\n", "cpu"));
	assert_false(text_has_word("xmemory memoryx\n", "memory"));
	assert_false(text_has_word("\n", "memory"));
	assert_false(text_has_word("", "memory"));
}

static const struct {
	const char *text;
	bool is_read;
	uint64_t value;
} events[] = {
	{ "low 0\nmax 3\noom 2\noom_kill 1\n", true, 2 },
	{ "oom 18446744073709551615\n", true, UINT64_MAX },
	{ "oom 7", true, 7 },
	{ "oom_kill 1\n", false, 0 },
	{ "room 1\n", false, 0 },
	{ "oom\n", false, 0 },
	{ "oom \n", false, 0 },
	{ "oom -1\n", false, 0 },
	{ "oom 1 2\n", false, 0 },
	{ "oom max\n", false, 0 },
	{ "oom 18446744073709551616\n", false, 0 },
	{ "oom 000000000000000000000000000001\n", false, 0 },
	{ "\n\n", false, 0 },
	{ "", false, 0 },
};

static void
an_event_is_a_number_behind_its_own_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		uint64_t value = 0;

		assert_int_equal(text_read_field(events[i].text, "oom", &value), events[i].is_read);
		assert_int_equal(value, events[i].value);
	}
}

static void
a_process_is_alone_when_no_other_is_listed(void **state)
{
	(void)state;
	assert_true(text_is_alone("12\n", 12));
	assert_false(text_is_alone("12\n13\n", 12));
	assert_false(text_is_alone("0\n12\n", 12)); /* one that this pid namespace does not see */
	assert_false(text_is_alone("123\n", 12));
	assert_false(text_is_alone("", 12));
}

static const struct {
	struct cgroup_usage usage;
	uint32_t is_over, is_short;
	enum cause cause;
} verdicts[] = {
	{ { .n_over_memory = 1, .n_killed = 2 }, 1, 0, CAUSE_MEMORY_LIMIT },
	/* Somebody else's limit, or the system's memory. */
	{ { .n_killed = 2 }, 0, 1, CAUSE_CRASH },
	/* The limit was met, and what was there could be freed. */
	{ { .n_over_memory = 1 }, 0, 0, CAUSE_CRASH },
	{ { 0 }, 0, 0, CAUSE_CRASH },
};

static void
who_was_killed_at_its_own_limit_went_over_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct ending ending = {
			.code = 2 /* CLD_KILLED */, .status = 9, .is_over_memory = 1, .is_short_of_memory = 1
		};

		cgroup_usage_add(&verdicts[i].usage, &ending);
		assert_int_equal(ending.is_over_memory, verdicts[i].is_over);
		assert_int_equal(ending.is_short_of_memory, verdicts[i].is_short);
		assert_int_equal(ending_cause(&ending, 1 << 20), verdicts[i].cause);
	}
}

static void
the_leafs_count_is_the_memory_of_an_ending(void **state)
{
	const struct cgroup_usage usage = { .memory_peak = 5 << 20, .cpu_us = 70 };
	struct ending ending = { .cpu_us = 60, .max_rss_kb = 100 };

	(void)state;
	assert_int_equal(ending_memory_kb(&ending), 100);
	cgroup_usage_add(&usage, &ending);
	assert_int_equal(ending_memory_kb(&ending), 5 << 10);
	assert_int_equal(ending.cpu_us, 70);
}

/* Wherever this runs: a subtree that can be used, or a reason. */
static void
without_a_subtree_there_is_a_reason(void **state)
{
	char text[CGROUP_TEXT_SIZE];
	struct cgroup c;
	struct err e = { 0 };
	int rc = cgroup_open(&c, geteuid(), &e);

	(void)state;
	assert_int_equal(cgroup_is_open(&c), rc == 0);
	assert_int_equal(c.why[0] == '\0', rc == 0);
	cgroup_describe(&c, text);
	assert_non_null(strstr(text, rc == 0 ? "cgroup (" : "rlimit ("));
	assert_true(rc == 0 || strstr(text, e.text));
	cgroup_close(&c, "closed");
	assert_false(cgroup_is_open(&c));
	cgroup_describe(&c, text);
	assert_non_null(strstr(text, "no cgroup: closed"));
	cgroup_describe(NULL, text);
	assert_non_null(strstr(text, "rlimit"));
}

static void
without_a_folder_there_is_no_leaf(void **state)
{
	const struct cgroup_limits limits = { 1 << 20, 1 };
	struct cgroup_leaf leaf = { .fd = 99 };
	struct err e;

	(void)state;
	assert_int_equal(cgroup_leaf_open(-1, "leaf", &limits, &leaf, &e), 0);
	assert_int_equal(leaf.fd, -1);
	assert_int_equal(cgroup_leaf_remove(-1, &leaf), 0);
	cgroup_leaf_close(-1, &leaf);
}

/* A leaf without all of its limits is none: a folder of another file system takes none of them. */
static void
a_leaf_that_cannot_be_limited_is_not_left(void **state)
{
	const struct cgroup_limits limits = { 1 << 20, 1 };
	char folder[] = "/tmp/cfn-cgroup-XXXXXX";
	struct cgroup_leaf leaf;
	struct err e = { 0 };
	AUTO_FD fd = -1;

	(void)state;
	assert_non_null(mkdtemp(folder));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(cgroup_leaf_open(fd, "leaf", &limits, &leaf, &e), -ENOENT);
	assert_string_equal(e.text, "cgroup: write memory.max: No such file or directory");
	assert_int_equal(leaf.fd, -1);
	assert_int_equal(rmdir(folder), 0);
}

static void
only_a_name_that_a_pool_makes_is_cleaned_up(void **state)
{
	static const char *const others[] = { "cfn-",
		                              "cfn-pool.service",
		                              "cfn-0123456",
		                              "cfn-012345678",
		                              "cfn-0123456G",
		                              "cfn-0123456A",
		                              "xcfn-01234567",
		                              "main",
		                              "" };

	(void)state;
	assert_true(text_is_subtree("cfn-0123abcf"));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(text_is_subtree(others[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_mountinfo_is_read_whole_or_not_at_all),
		cmocka_unit_test(a_path_that_is_too_long_is_no_mount),
		cmocka_unit_test(the_own_cgroup_is_a_path_below_the_namespace_or_none),
		cmocka_unit_test(a_mount_shows_what_is_below_its_root),
		cmocka_unit_test(a_controller_is_a_whole_word),
		cmocka_unit_test(an_event_is_a_number_behind_its_own_name),
		cmocka_unit_test(a_process_is_alone_when_no_other_is_listed),
		cmocka_unit_test(only_a_name_that_a_pool_makes_is_cleaned_up),
		cmocka_unit_test(who_was_killed_at_its_own_limit_went_over_it),
		cmocka_unit_test(the_leafs_count_is_the_memory_of_an_ending),
		cmocka_unit_test(without_a_subtree_there_is_a_reason),
		cmocka_unit_test(without_a_folder_there_is_no_leaf),
		cmocka_unit_test(a_leaf_that_cannot_be_limited_is_not_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
