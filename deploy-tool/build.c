/* build.c - from source to artifact: the compiler and what follows it, each in a box of its own.
 *
 * Nothing that a source says becomes an option, a file name or a variable of the environment.  The boxes see
 * the toolchain, read-only, and the files given here; so a diagnostic cannot show anything else. */
#include "deploy-tool/build.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "config.h"
#include "sandbox/box.h"

enum {
	FLAGS_MAX = 40,
	HEADER_MAX = 1 << 20,
	LIBRARY_MAX = 8 << 20,
	FIRST_BOX_UID = 1001, /* of the range: behind the router's */
};

static const char *const flags[] = {
	"-O2",
	"-g",
	"-fPIC",
	"-shared",
	"-fstack-protector-strong",
	"-fstack-clash-protection",
#if defined(__x86_64__)
	"-fcf-protection",
#endif
	"-U_FORTIFY_SOURCE",
	"-D_FORTIFY_SOURCE=2",
	"-Wall",
	"-Wextra",
	"-Wno-unused-parameter",
	"-fmax-errors=20",
	"-fdiagnostics-color=never",
	"-ffile-prefix-map=/work=.",
	"-Iinclude",
	"-Wl,-z,defs,-z,relro,-z,now,-z,noexecstack",
	"-Wl,--hash-style=gnu",
	"-Wl,--build-id=sha1",
};

/* The toolchain and nothing else: no /etc, no /usr/local, no /usr/share. */
static const char *const toolchain[] = {
	"/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/include", "/bin", "/lib", "/lib64", NULL,
};

static const char *const environment[] = { "PATH=/usr/bin", "LC_ALL=C", "TMPDIR=/tmp", NULL };

static const struct box_limits compiler_limits = {
	.memory = 512u << 20,
	.cpu_ms = 20000,
	.wall_ms = 30000,
	.processes = 64,
	.files = 256,
	.disk = 128u << 20,
	.output = 1u << 20,
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

/* Where a step runs. */
struct place {
	const struct config *config;
	const struct cgroup *cgroup;
};

struct step {
	const char *name;
	const char *const *argv;
	const struct box_file *files;
	size_t n_files;
	const char *const *collect;
};

static int
run_step(const struct place *p, const struct step *step, struct box_result *result, struct err *e)
{
	struct box_plan plan = {
		.name = step->name,
		.profile = BOX_COMPILER,
		.argv = step->argv,
		.env = environment,
		.input = -1,
		.system = toolchain,
		.files = step->files,
		.n_files = step->n_files,
		.collect = step->collect,
		.collect_max = BUILD_DEBUG_MAX,
		.uid_range = (uid_t)p->config->uid_range_start + FIRST_BOX_UID,
		.cgroup = p->cgroup,
		.limits = compiler_limits,
	};

	return box_run(&plan, result, e);
}

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

/* First line of what the compiler says of itself. */
static int
ask_version(const struct place *p, struct build *b, struct err *e)
{
	const char *const argv[] = { p->config->compiler, "--version", NULL };
	const struct step step = { .name = "compiler", .argv = argv };
	struct box_result result = { 0 };
	int rc = run_step(p, &step, &result, e), n;

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

/* argv of the compiler; the flags alone are also remembered as text. */
static void
make_argv(const struct config *c, const struct source *s, struct build *b, const char *argv[FLAGS_MAX])
{
	size_t n = 0, length;

	argv[n++] = c->compiler;
	argv[n++] = s->language->standard;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		argv[n++] = flags[i];
	for (size_t i = 1; i < n; i++) {
		length = strlen(b->flags);
		snprintf(b->flags + length, sizeof b->flags - length, "%s%s", i > 1 ? " " : "", argv[i]);
	}
	argv[n++] = "-o";
	argv[n++] = "fn.so";
	argv[n++] = "-x";
	argv[n++] = s->language->language;
	argv[n++] = s->name;
	argv[n++] = "-x";
	argv[n++] = "none";
	argv[n++] = "lib/libcfn.so.1";
	if (s->language->library != NULL) {
		argv[n++] = s->language->library;
		argv[n++] = "-shared-libgcc";
	}
	argv[n++] = "-lm";
	argv[n] = NULL;
}

static int
compile(const struct place *p, const struct source *s, struct build *b, struct err *e)
{
	static const char *const collect[] = { "fn.so", NULL };
	struct box_file files[3] = { { s->name, s->text, s->size },
		                     { "include/cfn.h", NULL, 0 },
		                     { "lib/libcfn.so.1", NULL, 0 } };
	const char *argv[FLAGS_MAX];
	const struct step step = { "compiler", argv, files, ARRAY_SIZE(files), collect };
	struct box_result result = { 0 };
	int rc;

	make_argv(p->config, s, b, argv);
	rc = read_own_file(p->config->include_dir, "cfn.h", HEADER_MAX, &files[1], e);
	if (rc == 0)
		rc = read_own_file(p->config->libexec_dir, "libcfn.so.1", LIBRARY_MAX, &files[2], e);
	if (rc == 0)
		rc = run_step(p, &step, &result, e);
	free_pointer(&files[1].data);
	free_pointer(&files[2].data);
	if (rc < 0)
		return rc;
	rc = judge(&result, "compiler", e);
	if (rc == 0)
		rc = take_file(&result, 0, &b->artifact, &b->artifact_size, e);
	b->is_cut = buf_used(&result.err) >= compiler_limits.output;
	buf_append(&b->diagnostics, buf_used(&result.err) > 0 ? buf_head(&result.err) : "",
	           buf_used(&result.err));
	box_result_done(&result);
	return rc;
}

/* One run of objcopy over the artifact as it is; its output replaces *data. */
static int
copy_object(const struct place *p, const struct build *b, const char *const *options, char **data, size_t *n,
            struct err *e)
{
	static const char *const collect[] = { "out", NULL };
	const char *argv[8] = { "/usr/bin/objcopy" };
	const struct box_file files[] = { { "fn.so", b->artifact, b->artifact_size },
		                          { "fn.debug", b->debug != NULL ? b->debug : "", b->debug_size } };
	const struct step step = { "objcopy", argv, files, ARRAY_SIZE(files), collect };
	struct box_result result = { 0 };
	size_t at = 1;
	int rc;

	for (; *options != NULL; options++)
		argv[at++] = *options;
	argv[at++] = "fn.so";
	argv[at] = "out";
	rc = run_step(p, &step, &result, e);
	if (rc < 0)
		return rc;
	rc = judge(&result, "objcopy step", e);
	if (rc == 0)
		rc = take_file(&result, 0, data, n, e);
	box_result_done(&result);
	return rc;
}

static int
split_debug(const struct place *p, struct build *b, struct err *e)
{
	static const char *const keep[] = { "--only-keep-debug", NULL };
	static const char *const strip[] = { "--strip-debug", "--add-gnu-debuglink=fn.debug", NULL };
	size_t n = 0;
	char *data = NULL;
	int rc = copy_object(p, b, keep, &b->debug, &b->debug_size, e);

	if (rc == 0)
		rc = copy_object(p, b, strip, &data, &n, e);
	if (rc < 0)
		return rc;
	free_pointer(&b->artifact);
	b->artifact = data;
	b->artifact_size = n;
	if (n > BUILD_ARTIFACT_MAX)
		return err_set(e, -ENOEXEC, "the artifact is over %d MiB", BUILD_ARTIFACT_MAX >> 20);
	return 0;
}

int
build_run(const struct config *c, const struct cgroup *cgroup, const struct source *s, struct build *b,
          struct err *e)
{
	const struct place p = { c, cgroup };
	int rc;

	*b = (struct build){ 0 };
	buf_init(&b->diagnostics, compiler_limits.output + 1);
	rc = ask_version(&p, b, e);
	if (rc == 0)
		rc = compile(&p, s, b, e);
	if (rc == 0)
		rc = split_debug(&p, b, e);
	return rc < 0 ? err_wrap(e, "%.120s", s->path) : 0;
}

void
build_done(struct build *b)
{
	buf_done(&b->diagnostics);
	free_pointer(&b->artifact);
	free_pointer(&b->debug);
}
