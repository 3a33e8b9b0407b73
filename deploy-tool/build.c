/* build.c - from source to artifact: the compiler and what follows it, each in a box of its own, and those
 * beside each other that do not wait for each other.
 *
 * Nothing that a source says becomes an option, a file name or a variable of the environment.  The boxes see
 * the toolchain, read-only, and the files given here; so a diagnostic cannot show anything else. */
#include "deploy-tool/build.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config.h"
#include "deploy-tool/aside.h"
#include "deploy-tool/build_box.h"
#include "deploy-tool/build_line.h"
#include "sandbox/box.h"

enum {
	HEADER_MAX = 1 << 20,
	LIBRARY_MAX = 8 << 20,
};

/* How a compiler says that it met a limit which the kernel reports to it alone. */
static const struct {
	const char *words, *limit;
} complaints[] = {
	{ "No space left on device", "128 MiB of files" },
	{ "File size limit exceeded", "128 MiB of files" },
	{ "File too large", "128 MiB of files" },
	{ "out of memory", "512 MiB of memory" },
	{ "memory exhausted", "512 MiB of memory" },
	{ "Cannot allocate memory", "512 MiB of memory" },
	{ "Resource temporarily unavailable", "64 processes" },
};

/* How the compiler's driver exits when a part of it crashed, for which it prints a request to report that. */
enum { EXIT_CRASHED = 4 };

static const struct {
	enum cause cause;
	const char *limit;
} causes[] = {
	{ CAUSE_WALL_TIME_LIMIT, "30 s" },
	{ CAUSE_CPU_TIME_LIMIT, "20 s of CPU time" },
	{ CAUSE_MEMORY_LIMIT, "512 MiB of memory" },
	{ CAUSE_OUTPUT_LIMIT, "16 MiB of diagnostics" },
};

static int
read_own_file(const char *folder, const char *name, size_t max, struct box_file *file, struct err *e)
{
	char path[CONFIG_PATH_MAX + 64], *data;
	AUTO_FD fd = -1;
	int rc;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "%s (is cfn installed completely?)", path);
	rc = fd_read_file(fd, max, &data, &file->size, e);
	if (rc == 0)
		file->data = data;
	return rc;
}

static bool
contains(const struct buf *b, const char *words)
{
	return buf_used(b) > 0 && memmem(buf_head(b), buf_used(b), words, strlen(words)) != NULL;
}

/* The limit that a box met, NULL when none. */
static const char *
limit_met(const struct box_result *result)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
		if (result->cause == causes[i].cause)
			return causes[i].limit;
	for (size_t i = 0; i < ARRAY_SIZE(complaints); i++)
		if (contains(&result->err, complaints[i].words))
			return complaints[i].limit;
	return NULL;
}

static int
judge(const struct box_result *result, const char *name, struct err *e)
{
	const char *limit = limit_met(result);
	char how[ENDING_TEXT_SIZE];

	if (result->ending.code == CLD_EXITED && result->ending.status == 0 && result->cause == CAUSE_NONE)
		return 0;
	if (limit != NULL)
		return err_set(e, -ENOEXEC, "the %s went over its limit of %s", name, limit);
	if (result->ending.code == CLD_EXITED && result->ending.status == EXIT_CRASHED)
		return err_set(e, -ENOEXEC, "the %s crashed over this source", name);
	if (result->ending.code == CLD_EXITED)
		return err_set(e, -ENOEXEC, "the %s found errors", name);
	ending_format(&result->ending, how);
	return err_set(e, -ENOEXEC, "the %s ended with %s", name, how);
}

static int
take_file(const struct box_result *result, size_t i, char **data, size_t *n, struct err *e)
{
	if (result->collected[i] < 0)
		return err_set(e, -ENOEXEC, "the compiler left no plain file, or one of over %d MiB",
		               BUILD_DEBUG_MAX >> 20);
	return fd_read_file(result->collected[i], BUILD_DEBUG_MAX, data, n, e);
}

static int
ask_version(struct aside *a, const struct build_place *p, struct err *e)
{
	const char *const argv[] = { p->config->compiler, "--version", NULL };
	const struct build_step step = { .name = "compiler", .argv = argv };

	return aside_begin(a, p, &step, e);
}

/* First line of what the compiler says of itself. */
static int
take_version(struct aside *a, struct build *b, struct err *e)
{
	struct box_result result = { 0 };
	int rc = aside_end(a, &result, e), n;

	if (rc < 0)
		return rc;
	rc = judge(&result, "compiler", e);
	n = rc == 0 ? (int)strcspn(buf_used(&result.out) > 0 ? buf_head(&result.out) : "", "\r\n") : 0;
	if ((size_t)n > buf_used(&result.out))
		n = (int)buf_used(&result.out);
	snprintf(b->compiler, sizeof b->compiler, "%.*s, cfn " PACKAGE_VERSION, n,
	         n > 0 ? buf_head(&result.out) : "");
	box_result_done(&result);
	return rc;
}

enum { OWN_FILES = 4 }; /* objects, headers, library */

struct compile {
	const struct build_place *place;
	const struct source *source;
	struct build *build;
	struct box_file files[OWN_FILES + SOURCE_FILES_MAX]; /* ours first */
	char *objects;
};

/* One box with every file in it; result is what it leaves. */
static int
run_compiler(struct compile *c, const struct command_line *l, const char *result, char **data, size_t *n,
             struct err *e)
{
	size_t first = c->objects != NULL ? 0 : 1;
	const struct build_step step = { "compiler", l->argv, c->files + first,
		                         OWN_FILES - first + c->source->n,
		                         (const char *const[]){ result, NULL } };
	struct box_result box = { 0 };
	int rc = build_step_run(c->place, &step, &box, e);

	if (rc < 0)
		return rc;
	rc = judge(&box, "compiler", e);
	if (rc == 0)
		rc = take_file(&box, 0, data, n, e);
	c->build->is_cut = c->build->is_cut || buf_used(&box.err) >= build_limits.output;
	buf_append(&c->build->diagnostics, buf_used(&box.err) > 0 ? buf_head(&box.err) : "",
	           buf_used(&box.err));
	box_result_done(&box);
	return rc;
}

static int
compile_objects(struct compile *c, const struct source_language *language, struct err *e)
{
	struct command_line line;
	struct box_file *file = &c->files[0];
	char *data = NULL;
	int rc;

	build_objects_line(&line, c->place->config, c->source, language);
	if (c->build->has_sanitizers)
		build_sanitize_line(&line);
	rc = run_compiler(c, &line, BUILD_OBJECTS, &data, &file->size, e);
	c->objects = data;
	file->data = data;
	return rc;
}

/* The languages of the files, C first: how many. */
static size_t
find_languages(const struct source *s, const struct source_language *all[2])
{
	const struct source_language *plain = build_language(s, "c"), *plus = build_language(s, "c++");
	size_t n = 0;

	if (plain != NULL)
		all[n++] = plain;
	if (plus != NULL)
		all[n++] = plus;
	return n;
}

static int
compile_result(struct compile *c, struct err *e)
{
	const struct source_language *all[2];
	struct command_line line;
	size_t n = find_languages(c->source, all);
	int rc = 0;

	build_flags(all, n, c->build->flags, sizeof c->build->flags);
	if (n == 2)
		rc = compile_objects(c, all[0], e);
	if (rc < 0)
		return rc;
	build_result_line(&line, c->place->config, c->source, all[n - 1], n == 2);
	build_link_line(&line, c->build->libraries);
	if (c->build->has_sanitizers)
		build_sanitize_line(&line);
	return run_compiler(c, &line, BUILD_RESULT, &c->build->artifact, &c->build->artifact_size, e);
}

static int
compile(const struct build_place *p, const struct source *s, struct build *b, struct err *e)
{
	AUTO_FREE struct compile *c = calloc(1, sizeof *c);
	int rc;

	if (c == NULL)
		return err_set(e, ENOMEM, "compiler");
	*c = (struct compile){ .place = p, .source = s, .build = b };
	c->files[0].path = BUILD_OBJECTS;
	c->files[1].path = BUILD_HEADER;
	c->files[2].path = BUILD_JSON;
	c->files[3].path = BUILD_LIBRARY;
	for (size_t i = 0; i < s->n; i++)
		c->files[OWN_FILES + i] =
		    (struct box_file){ s->files[i].name, s->files[i].text, s->files[i].size };
	rc = read_own_file(p->config->include_dir, "cfn.h", HEADER_MAX, &c->files[1], e);
	if (rc == 0)
		rc = read_own_file(p->config->include_dir, "cfn_json.h", HEADER_MAX, &c->files[2], e);
	if (rc == 0)
		rc = read_own_file(p->config->libexec_dir, "libcfn.so.1", LIBRARY_MAX, &c->files[3], e);
	if (rc == 0)
		rc = compile_result(c, e);
	for (size_t i = 1; i < OWN_FILES; i++)
		free_pointer(&c->files[i].data);
	free_pointer(&c->objects);
	return rc;
}

/* What was linked is kept as it is for its debug information, and a copy without that is what runs. */
static int
split_debug(const struct build_place *p, struct build *b, struct err *e)
{
	static const char *const collect[] = { "out", NULL };
	static const char *const argv[] = { "/usr/bin/objcopy", "--strip-debug", "fn.so", "out", NULL };
	const struct box_file files[] = { { "fn.so", b->artifact, b->artifact_size } };
	const struct build_step step = { "objcopy", argv, files, ARRAY_SIZE(files), collect };
	struct box_result result = { 0 };
	int rc = build_step_run(p, &step, &result, e);

	if (rc < 0)
		return rc;
	b->debug = b->artifact;
	b->debug_size = b->artifact_size;
	b->artifact = NULL;
	rc = judge(&result, "objcopy step", e);
	if (rc == 0)
		rc = take_file(&result, 0, &b->artifact, &b->artifact_size, e);
	box_result_done(&result);
	if (rc == 0 && b->artifact_size > BUILD_ARTIFACT_MAX)
		return err_set(e, -ENOEXEC, "the artifact is over %d MiB", BUILD_ARTIFACT_MAX >> 20);
	return rc;
}

int
build_run(const struct build_place *p, const struct source *s, struct build *b, struct err *e)
{
	struct aside version;
	int rc;

	buf_init(&b->diagnostics, 2 * build_limits.output + 2);
	rc = ask_version(&version, p, e);
	if (rc == 0)
		rc = compile(p, s, b, e);
	if (rc == 0)
		rc = take_version(&version, b, e);
	aside_done(&version);
	if (rc == 0)
		rc = split_debug(p, b, e);
	return rc < 0 ? err_wrap(e, "%.120s", s->path) : 0;
}

int
build_describe(const struct build_place *p, const struct source *s, struct build *b, struct err *e)
{
	const struct source_language *all[2];
	size_t n = find_languages(s, all);
	struct aside version;
	int rc;

	*b = (struct build){ 0 };
	build_flags(all, n, b->flags, sizeof b->flags);
	rc = ask_version(&version, p, e);
	return rc < 0 ? rc : take_version(&version, b, e);
}

void
build_done(struct build *b)
{
	buf_done(&b->diagnostics);
	free_pointer(&b->artifact);
	free_pointer(&b->debug);
}
