/* engine.c - one run: the compiler in a box, then the program in another. */
#include "run/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/words.h"

#define MIB ((uint64_t)1 << 20)

enum { LINE_SIZE = 8192, ADDRESS_SPACE_MORE = 64 << 20 };

static const struct box_limits program_limits = {
	.memory = 128 * MIB,
	.cpu_ms = 5000,
	.wall_ms = 10000,
	.processes = 32,
	.files = 64,
	.disk = 10 * MIB,
	.output = MIB,
	.output_end = MIB / 2,
};

static const struct box_limits compiler_limits = {
	.cpu_ms = 20000,
	.wall_ms = 30000,
	.processes = 64,
	.files = 256,
	.disk = 128 * MIB,
	.output = MIB,
};

/* What every language finds of the host: programs and libraries, no configuration, nobody's files; and the
 * links by which Debian names one of several programs. */
static const char *const usual_system[] = { "/usr/bin",     "/usr/lib",     "/usr/lib64",
	                                    "/usr/libexec", "/usr/include", "/bin",
	                                    "/lib",         "/lib64",       "/etc/alternatives" };
static const char *const usual_environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/work",
	                                         "TMPDIR=/tmp" };

/* Words in memory of their own: a language's text cut into arguments, what is given to it in between. */
struct line {
	char text[LINE_SIZE];
	size_t used, n;
	const char *words[RUN_WORDS_MAX + 1];
};

static int
line_add(struct line *l, const char *word, size_t n, struct err *e)
{
	if (l->n == RUN_WORDS_MAX || l->used + n + 1 > sizeof l->text)
		return err_set(e, -E2BIG, "the command line has more than %d words or %d bytes",
		               RUN_WORDS_MAX, LINE_SIZE);
	memcpy(l->text + l->used, word, n);
	l->text[l->used + n] = '\0';
	l->words[l->n++] = l->text + l->used;
	l->words[l->n] = NULL;
	l->used += n + 1;
	return 0;
}

static int
line_add_all(struct line *l, const char *const *words, struct err *e)
{
	int rc = 0;

	for (; rc == 0 && words && *words; words++)
		rc = line_add(l, *words, strlen(*words), e);
	return rc;
}

static int
line_add_files(struct line *l, const struct run_wish *w, struct err *e)
{
	const char *end = strrchr(w->language->source, '.');
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->n_files; i++) {
		const char *own = strrchr(w->files[i].path, '.');

		if (i == 0 || (own && strcmp(own, end) == 0))
			rc = line_add(l, w->files[i].path, strlen(w->files[i].path), e);
	}
	return rc;
}

/* A word of a command: a placeholder, or itself. */
static int
line_add_word(struct line *l, const char *word, size_t n, const struct run_wish *w, struct err *e)
{
	if (n == 7 && strncmp(word, "{files}", n) == 0)
		return line_add_files(l, w, e);
	if (n == 6 && strncmp(word, "{main}", n) == 0)
		return line_add(l, w->files[0].path, strlen(w->files[0].path), e);
	if (n == 9 && strncmp(word, "{options}", n) == 0)
		return line_add_all(l, w->options, e);
	return line_add(l, word, n, e);
}

static int
line_make(struct line *l, const char *command, const struct run_wish *w, struct err *e)
{
	const char *at = command, *word;
	size_t n;
	int rc = 0;

	*l = (struct line){ 0 };
	while (rc == 0 && (word = words_next(&at, &n)))
		rc = line_add_word(l, word, n, w, e);
	return rc;
}

/* The usual ones and the language's own. */
static int
list_make(struct line *l, const char *const *usual, size_t n_usual, const char *own, struct err *e)
{
	const char *at = own, *word;
	size_t n;
	int rc = 0;

	*l = (struct line){ 0 };
	for (size_t i = 0; rc == 0 && i < n_usual; i++)
		rc = line_add(l, usual[i], strlen(usual[i]), e);
	while (rc == 0 && (word = words_next(&at, &n)))
		rc = line_add(l, word, n, e);
	return rc;
}

struct job {
	const struct run_place *place;
	const struct run_wish *wish;
	struct line command, system, environment;
	const void *program; /* mapped; NULL: none */
	size_t program_size;
};

static int
job_command(struct job *j, const char *command, struct err *e)
{
	const struct run_language *l = j->wish->language;
	int rc = line_make(&j->command, command, j->wish, e);

	if (rc == 0)
		rc = list_make(&j->system, usual_system, ARRAY_SIZE(usual_system), l->system, e);
	if (rc == 0)
		rc = list_make(&j->environment, usual_environment, ARRAY_SIZE(usual_environment),
		               l->environment, e);
	return rc;
}

static struct box_plan
job_plan(const struct job *j, const char *name, enum box_profile profile)
{
	return (struct box_plan){
		.name = name,
		.profile = profile,
		.argv = j->command.words,
		.env = j->environment.words,
		.input = -1,
		.system = j->system.words,
		.files = j->wish->files,
		.n_files = j->wish->n_files,
		.uid_range = j->place->uid,
		.cgroup = j->place->cgroup,
		.base = j->place->base,
	};
}

static int
program_map(struct job *j, int fd, struct err *e)
{
	struct stat st;
	void *data;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "compiled program");
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_set(e, errno, "map the compiled program");
	j->program = data;
	j->program_size = (size_t)st.st_size;
	return 0;
}

static int
compile(struct job *j, struct run_outcome *o, struct err *e)
{
	static const char *const collect[] = { RUN_PROGRAM, NULL };
	int rc = job_command(j, j->wish->language->compile, e);
	struct box_plan plan = job_plan(j, "compiler", BOX_COMPILER);

	plan.collect = collect;
	plan.collect_max = RUN_PROGRAM_MAX;
	plan.limits = j->wish->compile_limits;
	if (rc == 0)
		rc = box_run(&plan, &o->compile, e);
	if (rc < 0)
		return rc;
	o->is_compiled = true;
	o->compile_status = run_status_of_compiler(&o->compile, &plan.limits);
	if (o->compile_status == RUN_ACCEPTED && o->compile.collected[0] < 0)
		o->compile_status = RUN_COMPILE_ERROR;
	o->status = o->compile_status;
	return o->status == RUN_ACCEPTED ? program_map(j, o->compile.collected[0], e) : 0;
}

/* What a program holds is watched, and ends it with a word for it.  What it only asks for is a last net, and
 * wider: a program that is told that there is no memory ends in a hundred ways of its own. */
static uint64_t
address_space_of(const struct run_wish *w)
{
	uint64_t wide = 2 * w->limits.memory + ADDRESS_SPACE_MORE;

	return w->language->address_space > wide ? w->language->address_space : wide;
}

static int
run(struct job *j, struct run_outcome *o, struct err *e)
{
	const struct box_file program = { RUN_PROGRAM, j->program, j->program_size };
	int rc = job_command(j, j->wish->language->run, e);
	struct box_plan plan;

	if (rc == 0)
		rc = line_add_all(&j->command, j->wish->arguments, e);
	if (rc < 0)
		return rc;
	plan = job_plan(j, "program", BOX_RUN);
	plan.input = j->wish->input;
	plan.is_merged = j->wish->is_merged;
	plan.limits = j->wish->limits;
	plan.limits.address_space = address_space_of(j->wish);
	plan.program = j->program ? &program : NULL;
	plan.n_program = j->program ? 1 : 0;
	rc = box_run(&plan, &o->run, e);
	if (rc < 0)
		return rc;
	o->is_run = true;
	o->status = run_status_of(&o->run, &plan.limits);
	return 0;
}

static int
check_wish(const struct run_wish *w, struct err *e)
{
	if (w->n_files == 0 || w->n_files > RUN_FILES_MAX)
		return err_set(e, -EINVAL, "%zu files: from 1 to %d", w->n_files, RUN_FILES_MAX);
	for (const char *const *o = w->options; o && *o; o++)
		if (!run_language_allows(w->language, *o))
			return err_set(e, -EINVAL, "%s does not take the option '%.64s'; it takes: %s",
			               w->language->name, *o,
			               w->language->options[0] ? w->language->options : "none");
	if (!run_language_is_available(w->language))
		return err_set(e, -ENOENT, "%s is not installed here: no %.*s", w->language->name,
		               (int)strcspn(w->language->compile[0] ? w->language->compile : w->language->run,
		                            " "),
		               w->language->compile[0] ? w->language->compile : w->language->run);
	return 0;
}

int
run_do(const struct run_place *place, const struct run_wish *wish, struct run_outcome *outcome, struct err *e)
{
	AUTO_FREE struct job *j = calloc(1, sizeof *j);
	int rc = j ? check_wish(wish, e) : err_set(e, ENOMEM, "run");

	*outcome = (struct run_outcome){ .status = RUN_ACCEPTED };
	if (rc < 0)
		return rc;
	j->place = place;
	j->wish = wish;
	if (wish->language->compile[0])
		rc = compile(j, outcome, e);
	if (rc == 0 && outcome->status == RUN_ACCEPTED)
		rc = run(j, outcome, e);
	if (j->program)
		munmap((void *)(uintptr_t)j->program, j->program_size);
	if (rc < 0)
		run_outcome_done(outcome);
	return rc;
}

void
run_outcome_done(struct run_outcome *o)
{
	if (o->is_compiled)
		box_result_done(&o->compile);
	if (o->is_run)
		box_result_done(&o->run);
	o->is_compiled = o->is_run = false;
}

void
run_limits_init(struct box_limits *limits)
{
	*limits = program_limits;
}

void
run_compile_limits_init(struct box_limits *limits, const struct run_language *language)
{
	*limits = compiler_limits;
	limits->memory = language->compile_memory;
}

int
run_version(const struct run_place *place, const struct run_language *language, char text[RUN_VERSION_SIZE],
            struct err *e)
{
	static const struct box_file none = { "version", "", 0 };
	const struct run_wish wish = { .language = language, .files = &none, .n_files = 1 };
	AUTO_FREE struct job *j = calloc(1, sizeof *j);
	struct box_result r;
	struct box_plan plan;
	const struct buf *said;
	int rc = j ? 0 : err_set(e, ENOMEM, "version");

	text[0] = '\0';
	if (rc < 0 || !language->version[0])
		return rc;
	j->place = place;
	j->wish = &wish;
	rc = job_command(j, language->version, e);
	if (rc < 0)
		return rc;
	plan = job_plan(j, "version", BOX_COMPILER);
	run_compile_limits_init(&plan.limits, language);
	plan.limits.address_space = language->address_space;
	rc = box_run(&plan, &r, e);
	if (rc < 0)
		return rc;
	said = buf_used(&r.out) > 0 ? &r.out : &r.err;
	if (buf_used(said) > 0)
		snprintf(text, RUN_VERSION_SIZE, "%.*s", (int)buf_used(said), buf_head(said));
	text[strcspn(text, "\r\n")] = '\0';
	box_result_done(&r);
	return 0;
}
