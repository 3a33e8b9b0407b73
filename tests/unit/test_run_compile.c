/* test_run_compile.c - a whole run of something like a compiler: what is kept of it, and what is not. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "run/engine.h"

enum { BOX_UID = 300000, MAX = 1 << 20 };

/* A language without limits has no processes and no memory: any look at what it uses would end it. */
#define LIMITS                                                                                               \
	.program = { .memory = 64 << 20, .processes = 8 }, .compiler = { .memory = 64 << 20, .processes = 8 }

static char folder[] = "/tmp/cfn-compile.XXXXXX";
static struct run_cache cache = { -1, 0 };
static struct box_base base;

/* What the events said. */
struct heard {
	struct run_report compiled, ended;
	char out[64], compiler_err[64];
};

static void
hear(void *context, const struct run_event *event)
{
	struct heard *h = context;
	const struct run_report *r = &event->report;

	if (event->type == RUN_EVENT_COMPILED) {
		h->compiled = *r;
		snprintf(h->compiler_err, sizeof h->compiler_err, "%.*s", (int)r->size_err, r->err);
	} else if (event->type == RUN_EVENT_CASE_ENDED) {
		snprintf(h->out, sizeof h->out, "%.*s", (int)r->size_out, r->out);
	} else if (event->type == RUN_EVENT_ENDED) {
		h->ended = *r;
	}
}

static void
run_in(const struct run_language *language, const char *source, const char *option, const char *other,
       struct heard *h)
{
	static struct run_job job;
	const struct run_place place = { .uid = geteuid() == 0 ? BOX_UID : 0,
		                         .base = &base,
		                         .cache = &cache };
	const struct run_watcher watcher = { hear, h, -1 };
	struct err e = { 0 };

	job = (struct run_job){
		.files = { { language->source, source, strlen(source) }, { other, "", 0 } },
		.n_files = other ? 2 : 1,
		.options = { option },
		.n_cases = 1,
		.total_ms = 60000,
	};
	run_limits_init(&job.limits, language);
	run_compile_limits_init(&job.compile_limits, language);
	*h = (struct heard){ 0 };
	if (run_job_do(&place, language, &job, &watcher, &e) < 0)
		fail_msg("%s", e.text);
}

static void
run_with(const char *compile, const char *source, struct heard *h)
{
	struct run_language language = {
		.name = "Copy", .source = "main.sh", .run = "/program/program", LIMITS
	};

	snprintf(language.compile, sizeof language.compile, "%s", compile);
	run_in(&language, source, NULL, NULL, h);
}

static void
what_was_compiled_before_is_not_compiled_again(void **state)
{
	static const char compile[] = "/usr/bin/cp -v {main} program", source[] = "#!/bin/sh\necho one\n";
	struct heard h;

	(void)state;
	for (int turn = 0; turn < 3; turn++) {
		run_with(compile, source, &h);
		assert_int_equal(h.ended.status, RUN_ACCEPTED);
		assert_int_equal(h.compiled.status, RUN_ACCEPTED);
		assert_int_equal(h.compiled.is_cached, turn > 0);
		assert_int_equal(h.compiled.n_out, strlen("'main.sh' -> 'program'\n"));
		assert_string_equal(h.out, "one\n");
	}
	run_with(compile, "#!/bin/sh\necho two\n", &h);
	assert_false(h.compiled.is_cached);
	assert_string_equal(h.out, "two\n");
}

static void
what_was_not_accepted_is_not_kept(void **state)
{
	static const char compile[] = "/usr/bin/cp {main} absent/program";
	struct heard first, second;

	(void)state;
	run_with(compile, "x", &first);
	run_with(compile, "x", &second);
	assert_int_equal(first.ended.status, RUN_COMPILE_ERROR);
	assert_int_equal(second.ended.status, RUN_COMPILE_ERROR);
	assert_false(second.compiled.is_cached);
	assert_string_equal(second.compiler_err, first.compiler_err);
	assert_true(first.compiled.n_err > 0);
}

/* Something like a compiler: what it makes says whether a precompiled header was there. */
static const char compiler[] = "case $1 in .headers/w.h) exit 1;; esac\n"
			       "cp $1 program; echo >>program\n"
			       "if [ -e \"$CPATH/x.gch\" ]; then echo 'echo with a header' >>program; fi\n";

static const struct {
	const char *source, *option, *other; /* name of a further file */
	bool has_header;
} with_headers[] = {
	{ "#include <x>\n: 0\n", NULL, NULL, false },
	{ "#include <x>\n: 1\n", NULL, NULL, true },
	{ "// words\r\n\n  # include  <x> \n: 2\n", NULL, NULL, true },
	{ "#include <x>", NULL, NULL, true },
	{ "#include <y>\n: 3\n", NULL, NULL, false },
	{ "#include \"x\"\n: 3\n", NULL, NULL, false },
	{ "#include <x\n: 3\n", NULL, NULL, false },
	{ "#include <", NULL, NULL, false },
	{ "#", NULL, NULL, false },
	{ ": 4\n#include <x>\n", NULL, NULL, false },
	{ "#include <x>\n: 5\n", "-O0", NULL, false },
	{ "#include <x>\n: 6\n", NULL, ".headers/x.gch", false },
	{ "#include <x>\n: 7\n", NULL, "other", true },
};

static struct run_language
shell_language(void)
{
	struct run_language l = { .name = "Shell",
		                  .source = "main.sh",
		                  .run = "/bin/sh /program/program",
		                  .options = "-O0",
		                  .headers = "w x",
		                  LIMITS };

	snprintf(l.compile, sizeof l.compile, "/bin/sh %s/tool {files} {options}", folder);
	snprintf(l.system, sizeof l.system, "%s/tool", folder);
	return l;
}

static void
a_header_is_compiled_once_and_then_found(void **state)
{
	struct run_language language = shell_language();
	struct heard h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(with_headers); i++) {
		run_in(&language, with_headers[i].source, with_headers[i].option, with_headers[i].other, &h);
		assert_int_equal(h.ended.status, RUN_ACCEPTED);
		if (strcmp(h.out, with_headers[i].has_header ? "with a header\n" : "") != 0)
			fail_msg("case %zu: '%s'", i, h.out);
	}
}

static unsigned
entries_count(void)
{
	AUTO_FD fd = openat(cache.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fdopendir(dup(fd));
	unsigned n = 0;

	for (const struct dirent *entry; (entry = readdir(entries));)
		n += entry->d_name[0] != '.';
	closedir(entries);
	return n;
}

/* The first program and the refusal, then programs alone. */
static void
a_header_that_cannot_be_compiled_is_not_tried_again(void **state)
{
	static const char *const sources[] = { "#include <w>\n: 0\n", "#include <w>\n: 1\n" };
	struct run_language language = shell_language();
	struct heard h;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sources); i++) {
		unsigned before = entries_count();

		run_in(&language, sources[i], NULL, NULL, &h);
		assert_int_equal(h.ended.status, RUN_ACCEPTED);
		assert_string_equal(h.out, "");
		assert_int_equal(entries_count() - before, i == 0 ? 2 : 1);
	}
}

static int
tool_write(void)
{
	char path[64];
	AUTO_FD fd = -1;

	snprintf(path, sizeof path, "%s/tool", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 || chmod(folder, 0755) < 0 || fchmod(fd, 0644) < 0
	           ? -1
	           : fd_write_all(fd, compiler, sizeof compiler - 1);
}

static int
setup(void **state)
{
	AUTO_FD parent = -1;
	struct err e;

	(void)state;
	if (!mkdtemp(folder) || tool_write() < 0)
		return -1;
	parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run_cache_open(&cache, parent, "cache", MAX, &e) < 0)
		return -1;
	return box_base_open(&base, false, &e);
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	box_base_close(&base);
	run_cache_close(&cache);
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_compiled_before_is_not_compiled_again),
		cmocka_unit_test(what_was_not_accepted_is_not_kept),
		cmocka_unit_test(a_header_is_compiled_once_and_then_found),
		cmocka_unit_test(a_header_that_cannot_be_compiled_is_not_tried_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
