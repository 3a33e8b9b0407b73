/* test_config_run.c - [run] of the configuration: what is off, what is bounded, which paths are taken. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

static struct config c;

static int
read_text(const char *text, struct err *e)
{
	char path[] = "/tmp/cfn-test-XXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	config_init(&c);
	rc = config_read(&c, path, e);
	unlink(path);
	return rc;
}

static void
nothing_is_run_unless_it_is_switched_on(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(read_text("[global]\nrouters = 2\n[run]\nqueue = 5\n", &e), 0);
	assert_false(c.run.is_enabled);
	assert_false(config_run_reserves(&c.run, "/api/run"));
	assert_int_equal(read_text("[run]\nenabled = on\n", &e), 0);
	assert_true(c.run.is_enabled);
}

static void
a_wrong_line_says_what_is_wrong(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "nonsense = 1", "unknown key 'nonsense' in [run]" },
		{ "enabled = yes", "enabled: 'yes' is not off or on" },
		{ "auth = basic", "auth: 'basic' is not none or bearer" },
		{ "max_concurrent = 257", "max_concurrent: '257' is not a value from 0 to 256" },
		{ "queue = 4097", "queue: '4097'" },
		{ "cpu_share = 0", "cpu_share: '0'" },
		{ "cpu_share = 10001", "cpu_share: '10001'" },
		{ "max.cpu_share = 10001", "max.cpu_share: '10001'" },
		{ "max.cpu_share = 49", "max.cpu_share: '49' is below cpu_share, 50" },
		{ "max.compile_cpu_share = 0", "max.compile_cpu_share: '0'" },
		{ "max.memory = 1000", "max.memory: '1000'" },
		{ "max.files = 15", "max.files: '15' is below 16" },
		{ "max.compile_files = 1", "max.compile_files: '1' is below 16" },
		{ "max.processes = 32769", "max.processes: '32769'" },
		{ "cgroup = off", "cgroup: 'off' is not auto or require" },
		{ "max.total_time = 61m", "max.total_time: '61m'" },
		{ "max.compile_disk = x", "max.compile_disk: 'x'" },
		{ "max.nonsense = 1", "unknown key 'max.nonsense' in [run]" },
		{ "languages_dir = here", "not an absolute path" },
		{ "client = cookie", "client: 'cookie' is not address, user or header NAME" },
		{ "client = header X_Y", "client: 'header X_Y'" },
		{ "client = header ", "client:" },
		{ "client = header user", "client: 'header user'" },
		{ "client = user", "'user' needs auth = bearer" },
		{ "path = run", "path: 'run' does not look like" },
		{ "path = /", "path: '/'" },
		{ "path = /api/", "path: '/api/'" },
		{ "path = /api//run", "path: '/api//run'" },
		{ "path = /api/../run", "path: '/api/../run'" },
		{ "path = /:api", "path: '/:api'" },
		{ "path = /api/*", "path: '/api/*'" },
		{ "path = /%61pi", "path: '/%61pi'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[128];
		struct err e;

		snprintf(text, sizeof text, "[run]\n%s\n", cases[i].line);
		assert_int_equal(read_text(text, &e), -EINVAL);
		if (!strstr(e.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", e.text, cases[i].says);
	}
}

static void
the_path_of_the_longest_size_is_taken_and_one_more_byte_is_not(void **state)
{
	char text[RUN_PATH_SIZE + 32];
	struct err e;

	(void)state;
	snprintf(text, sizeof text, "[run]\npath = /%0*d\n", RUN_PATH_SIZE - 2, 7);
	assert_int_equal(read_text(text, &e), 0);
	snprintf(text, sizeof text, "[run]\npath = /%0*d\n", RUN_PATH_SIZE - 1, 7);
	assert_int_equal(read_text(text, &e), -EINVAL);
}

static void
the_path_and_everything_below_it_is_reserved(void **state)
{
	static const struct {
		const char *pattern;
		bool is_reserved;
	} cases[] = {
		{ "/api/run", true },   { "/api/run/x", true },  { "/api/run/:id", true },
		{ "/api/run/*", true }, { "/api/runs", false },  { "/api", false },
		{ "/api/*", false },    { "/api/:any", false },  { "/", false },
		{ "/api/ru", false },   { "/x/api/run", false },
	};
	struct err e;

	(void)state;
	assert_int_equal(read_text("[run]\nenabled = on\n", &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(config_run_reserves(&c.run, cases[i].pattern), cases[i].is_reserved);
}

static void
what_is_not_said_follows_from_the_rest(void **state)
{
	struct start_runner start;
	struct err e;

	(void)state;
	assert_int_equal(read_text("[run]\nqueue = 2\n", &e), 0);
	config_run_fill(&c.run, true, &start);
	assert_in_range(start.max_concurrent, 1, RUN_CONCURRENT_MAX);
	assert_int_equal(start.queue_share, 1);
	assert_string_equal(start.client, "address");
	assert_int_equal(start.total_ms, 50000);
	assert_int_equal(read_text("[run]\nqueue = 40\nmax_concurrent = 3\nclient = header X-Real-IP\n"
	                           "max.compile_cpu_time = 7s\nretention = 90s\n",
	                           &e),
	                 0);
	config_run_fill(&c.run, true, &start);
	assert_int_equal(start.max_concurrent, 3);
	assert_int_equal(start.queue_share, 10);
	assert_string_equal(start.client, "X-Real-IP");
	assert_int_equal(start.compile_most.cpu_ms, 7000);
	assert_int_equal(start.retention_s, 90);
}

static void
a_request_may_ask_for_one_processor_unless_it_is_said_or_everybody_has_more(void **state)
{
	static const struct {
		const char *text;
		uint64_t most, compile_most;
	} cases[] = {
		{ "", 100, 10000 },
		{ "max.cpu_share = 0", 100, 10000 },
		{ "cpu_share = 250", 250, 10000 },
		{ "max.cpu_share = 50", 50, 10000 },
		{ "cpu_share = 300\nmax.cpu_share = 300", 300, 10000 },
		{ "max.cpu_share = 10000\nmax.compile_cpu_share = 1", 10000, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct start_runner start;
		char text[128];
		struct err e;

		snprintf(text, sizeof text, "[run]\n%s\n", cases[i].text);
		assert_int_equal(read_text(text, &e), 0);
		config_run_fill(&c.run, true, &start);
		assert_int_equal(start.most.cpu_share, cases[i].most);
		assert_int_equal(start.compile_most.cpu_share, cases[i].compile_most);
	}
}

static void
what_a_process_may_hold_uncounted_is_less_without_a_cgroup(void **state)
{
	static const struct {
		const char *text;
		bool has_cgroup;
		uint64_t processes, files, compile_processes, compile_files;
	} cases[] = {
		{ "", true, 128, 1024, 128, 1024 },
		{ "", false, 64, 64, 64, 64 },
		{ "max.processes = 100\nmax.compile_files = 500", false, 100, 64, 64, 500 },
		{ "max.processes = 100\nmax.files = 16", true, 100, 16, 128, 1024 },
		{ "max.processes = 0\nmax.files = 0", false, 64, 64, 64, 64 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct start_runner start;
		char text[128];
		struct err e;

		snprintf(text, sizeof text, "[run]\n%s\n", cases[i].text);
		assert_int_equal(read_text(text, &e), 0);
		config_run_fill(&c.run, cases[i].has_cgroup, &start);
		assert_int_equal(start.most.processes, cases[i].processes);
		assert_int_equal(start.most.files, cases[i].files);
		assert_int_equal(start.compile_most.processes, cases[i].compile_processes);
		assert_int_equal(start.compile_most.files, cases[i].compile_files);
	}
}

/* What is printed is read as the same. */
static void
all_keys_are_printed_and_read_again(void **state)
{
	char path[] = "/tmp/cfn-test-XXXXXX", text[8192] = "";
	static struct config_run before;
	int fd = mkstemp(path);
	struct err e;

	(void)state;
	assert_int_equal(read_text("[run]\nenabled = on\nauth = bearer\nclient = user\nmax.files = 77\n", &e),
	                 0);
	before = c.run;
	config_run_print(&c.run, fd);
	assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
	close(fd);
	unlink(path);
	assert_non_null(strstr(text, "\nauth = bearer\n"));
	assert_non_null(strstr(text, "\nmax.total_time = 50s\n"));
	assert_int_equal(read_text(text, &e), 0);
	assert_memory_equal(&c.run, &before, sizeof before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_run_unless_it_is_switched_on),
		cmocka_unit_test(a_wrong_line_says_what_is_wrong),
		cmocka_unit_test(the_path_of_the_longest_size_is_taken_and_one_more_byte_is_not),
		cmocka_unit_test(the_path_and_everything_below_it_is_reserved),
		cmocka_unit_test(what_is_not_said_follows_from_the_rest),
		cmocka_unit_test(a_request_may_ask_for_one_processor_unless_it_is_said_or_everybody_has_more),
		cmocka_unit_test(what_a_process_may_hold_uncounted_is_less_without_a_cgroup),
		cmocka_unit_test(all_keys_are_printed_and_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
