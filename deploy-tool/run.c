/* run.c - `cfn-deploy run`: a program of any language in a box, once, without a server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/options.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/run_show.h"
#include "run/engine.h"
#include "run/offer.h"

enum {
	INPUT_MAX = 8 << 20,
	SOURCE_MAX = 4 << 20,
	BOX_UID = 1002, /* of the range: beside the compiler's */
	NAMES_SIZE = 512,
};

struct run_options {
	const char *language, *version, *input, *memory, *cpu_time, *wall_time, *processes;
	struct argument_list options, files, environment, outputs;
	const char *cpu_share;
	bool is_merged;
};

const struct argument_row run_options[] = {
	{ "lang", 'l', ARGUMENT_TEXT, offsetof(struct run_options, language), "LANGUAGE",
	  "instead of the one that the file's ending says" },
	{ "version", 0, ARGUMENT_TEXT, offsetof(struct run_options, version), "VERSION",
	  "of the language: 3 or 3.11, of those that are installed" },
	{ "input", 'i', ARGUMENT_TEXT, offsetof(struct run_options, input), "FILE",
	  "its standard input, at most 8 MiB; -: that of this command" },
	{ "option", 'O', ARGUMENT_LIST, offsetof(struct run_options, options), "WORD",
	  "for the compiler, of those that the language allows" },
	{ "file", 'f', ARGUMENT_LIST, offsetof(struct run_options, files), "FILE",
	  "a further file, under this name in its working folder" },
	{ "env", 'e', ARGUMENT_LIST, offsetof(struct run_options, environment), "NAME=VALUE",
	  "a variable of its environment" },
	{ "output", 'o', ARGUMENT_LIST, offsetof(struct run_options, outputs), "PATTERN",
	  "files that it leaves, for the document of --json" },
	{ "merge-stderr", 0, ARGUMENT_FLAG, offsetof(struct run_options, is_merged), NULL,
	  "standard error into standard output, in its order" },
	{ "memory", 0, ARGUMENT_TEXT, offsetof(struct run_options, memory), "SIZE", "default 128M" },
	{ "cpu-time", 0, ARGUMENT_TEXT, offsetof(struct run_options, cpu_time), "TIME", "default 5s" },
	{ "wall-time", 0, ARGUMENT_TEXT, offsetof(struct run_options, wall_time), "TIME", "default 10s" },
	{ "cpu-share", 0, ARGUMENT_TEXT, offsetof(struct run_options, cpu_share), "PERCENT",
	  "of one processor, default 50" },
	{ "processes", 0, ARGUMENT_TEXT, offsetof(struct run_options, processes), "N",
	  "and threads, default 32" },
};
const size_t run_n_options = ARRAY_SIZE(run_options);

struct command_run {
	struct tool *tool;
	struct run_options options;
	struct run_languages languages;
	const struct run_language *language;
	struct run_job job;
	char *input;
};

/* A limit of the command line: what it is called, how it is read, where it goes, its range. */
static const struct limit {
	size_t option, field;
	int (*parse)(const char *, uint64_t *);
	const char *form;
	uint64_t least, most;
} limits[] = {
	{ offsetof(struct run_options, memory), offsetof(struct box_limits, memory), option_parse_size,
	  "memory: a size from 4M to 64G", 4ULL << 20, 64ULL << 30 },
	{ offsetof(struct run_options, cpu_time), offsetof(struct box_limits, cpu_ms), option_parse_duration,
	  "cpu-time: a duration from 10ms to 1h", 10, 3600 * 1000 },
	{ offsetof(struct run_options, wall_time), offsetof(struct box_limits, wall_ms),
	  option_parse_duration, "wall-time: a duration from 10ms to 1h", 10, 3600 * 1000 },
	{ offsetof(struct run_options, cpu_share), offsetof(struct box_limits, cpu_share),
	  option_parse_number, "cpu-share: a number from 1 to 10000", 1, 10000 },
	{ offsetof(struct run_options, processes), offsetof(struct box_limits, processes),
	  option_parse_number, "processes: a number from 1 to 1024", 1, 1024 },
};

static int
limits_read(struct command_run *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct limit *l = &limits[i];
		const char *text;
		uint64_t value;

		memcpy(&text, (const char *)&c->options + l->option, sizeof text);
		if (!text)
			continue;
		if (l->parse(text, &value) < 0 || value < l->least || value > l->most)
			return tool_fail_as(EX_USAGE, "--%s; not '%.64s'", l->form, text);
		memcpy((char *)&c->job.limits + l->field, &value, sizeof value);
	}
	return 0;
}

/* Before a word about its ending, which a folder or what is not there has not, either. */
static int
program_check(const char *path)
{
	struct stat st;
	struct err e;

	if (strcmp(path, "-") == 0)
		return tool_fail_as(EX_USAGE,
		                    "-: a program is a file; --input - gives it this standard input");
	if (stat(path, &st) < 0) {
		err_set(&e, errno, "%.200s", path);
		return tool_fail(&e);
	}
	if (S_ISDIR(st.st_mode))
		return tool_fail_as(EX_USAGE,
		                    "%.200s: a folder; name its main file, and each other one with --file",
		                    path);
	return 0;
}

static int
language_find(struct command_run *c, const char *path)
{
	const char *wanted = c->options.language, *folder = c->tool->config.run.languages_dir;
	char names[NAMES_SIZE];
	struct err e = { 0 };

	if (run_languages_read(&c->languages, folder, &e) < 0)
		return tool_fail_as(EX_CONFIG, "%s", e.text);
	if (c->languages.n == 0)
		return tool_fail_as(EX_CONFIG, "%s: there is no language in it", folder);
	c->language =
	    wanted ? run_languages_find(&c->languages, wanted) : run_languages_of_file(&c->languages, path);
	if (c->language)
		return 0;
	run_languages_list(&c->languages, names, sizeof names);
	if (wanted)
		return tool_fail_as(EX_USAGE, "there is no language '%.64s'; there are: %s", wanted, names);
	return tool_fail_as(EX_USAGE, "%.200s: its ending is of no language; say --lang with one of: %s",
	                    path, names);
}

static int
version_refuse(const struct command_run *c, const struct run_offer *offers)
{
	char list[NAMES_SIZE] = "";

	for (size_t i = 0, n = 0; i < c->languages.n && n < sizeof list; i++)
		if (offers[i].version[0])
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n > 0 ? ", " : "",
			                      offers[i].version);
	return tool_fail_as(EX_USAGE, "%s: there is no version '%.64s' of it here; there are: %s",
	                    c->language->name, c->options.version, list[0] ? list : "none");
}

/* Of the files with the language's name that whose tool says this version. */
static int
version_find(struct command_run *c)
{
	const struct run_place place = { .uid = (uid_t)c->tool->config.uid_range_start + BOX_UID,
		                         .cgroup = &c->tool->cgroup };
	AUTO_FREE struct run_offer *offers = calloc(RUN_LANGUAGES_MAX, sizeof *offers);
	const struct run_language *chosen, *first;
	struct err e = { 0 };

	if (!offers)
		err_set(&e, ENOMEM, "languages");
	for (size_t i = 0; e.code == 0 && i < c->languages.n; i++)
		if (run_language_is_named(&c->languages.rows[i], c->language->name))
			run_offer_find(&place, &c->languages.rows[i], &offers[i], &e);
	if (e.code)
		return tool_fail(&e);
	chosen = run_languages_choose(&c->languages, offers, c->language->name, c->options.version, &first);
	if (!chosen)
		return version_refuse(c, offers);
	c->language = chosen;
	memcpy(c->job.version, offers[chosen - c->languages.rows].version, RUN_VERSION_NUMBER_SIZE);
	return 0;
}

/* As it is called here, so that messages name it; what cannot be such a name is called as the language says.
 */
static const char *
main_name(const struct command_run *c, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *end = strrchr(name, '.'), *wanted = strrchr(c->language->source, '.');

	if (!end || strcmp(end, wanted) != 0 || run_file_name_fault(name, strlen(name)))
		return c->language->source;
	return name;
}

static int
file_take(struct command_run *c, const char *path, const char *name)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *fault = run_file_name_fault(name, strlen(name));
	struct err e = { 0 };
	char *data;
	size_t n;

	if (c->job.n_files == RUN_FILES_MAX)
		return tool_fail_as(EX_USAGE, "more than %d files", RUN_FILES_MAX);
	if (fault)
		return tool_fail_as(EX_USAGE, "%.200s: %s", name, fault);
	if (fd < 0)
		err_set(&e, errno, "%.200s", path);
	else if (fd_read_file(fd, SOURCE_MAX, &data, &n, &e) < 0)
		err_wrap(&e, "%.200s", path);
	if (e.code)
		return tool_fail(&e);
	c->job.files[c->job.n_files++] = (struct box_file){ name, data, n };
	return 0;
}

/* The program gets a copy: it cannot hold up, or change, what it is read from. */
static int
input_take(struct command_run *c)
{
	const char *path = c->options.input;
	AUTO_FD fd = -1;
	struct err e = { 0 };
	ssize_t n;

	if (!path)
		return 0;
	fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
	                            : open(path, O_RDONLY | O_CLOEXEC);
	c->input = malloc(INPUT_MAX + 1);
	n = fd < 0 || !c->input ? -errno : fd_read_all(fd, c->input, INPUT_MAX + 1);
	if (n < 0)
		err_set(&e, (int)-n, "%.200s", path);
	else if (n > INPUT_MAX)
		err_set(&e, EFBIG, "%.200s: over %d MiB", path, INPUT_MAX >> 20);
	c->job.cases[0].input = c->input;
	c->job.cases[0].n_input = e.code ? 0 : (size_t)n;
	return e.code ? tool_fail(&e) : 0;
}

/* Beside the main one: each by the name that it has here, below the folder that this command is in. */
static int
files_take(struct command_run *c, const char *path)
{
	const struct argument_list *more = &c->options.files;
	int status = file_take(c, path, main_name(c, path));

	for (size_t i = 0; status == 0 && i < more->n; i++)
		status = file_take(c, more->items[i], more->items[i]);
	if (status == 0 && !run_files_are_apart(c->job.files, c->job.n_files))
		status = tool_fail_as(EX_USAGE, "two files have one name in the box");
	return status;
}

static int
environment_take(struct command_run *c)
{
	const struct argument_list *list = &c->options.environment;

	for (size_t i = 0; i < list->n; i++)
		if (!run_is_environment(list->items[i]))
			return tool_fail_as(EX_USAGE, "--env %.64s: not NAME=VALUE", list->items[i]);
	return 0;
}

static int
list_put(const char **to, size_t max, const char *const *items, size_t n, const char *what)
{
	if (n > max)
		return tool_fail_as(EX_USAGE, "more than %zu %s", max, what);
	for (size_t i = 0; i < n; i++)
		to[i] = items[i];
	return 0;
}

static int
lists_take(struct command_run *c, const char *const *arguments)
{
	struct run_job *job = &c->job;
	const struct run_options *o = &c->options;
	size_t n = 0;
	int status;

	while (arguments[n])
		n++;
	status = list_put(job->arguments, RUN_ARGUMENTS_MAX, arguments, n, "arguments");
	if (status == 0)
		status = list_put(job->options, RUN_OPTIONS_MAX, o->options.items, o->options.n, "options");
	if (status == 0)
		status = list_put(job->environment, RUN_ENVIRONMENT_MAX, o->environment.items,
		                  o->environment.n, "variables");
	if (status == 0)
		status = list_put(job->outputs, RUN_OUTPUTS_MAX, o->outputs.items, o->outputs.n, "patterns");
	return status == 0 ? environment_take(c) : status;
}

static int
run_it(struct command_run *c)
{
	struct box_base base;
	const struct run_place place = { (uid_t)c->tool->config.uid_range_start + BOX_UID, &c->tool->cgroup,
		                         &base };
	struct run_shown *shown = run_shown_new(c->tool, &c->job);
	const struct run_watcher watcher = { run_shown_event, shown, -1 };
	struct err e = { 0 };
	int status = shown ? box_base_open(&base, false, &e) : err_set(&e, ENOMEM, "run");

	if (status == 0) {
		tool_open_cgroup(c->tool);
		status = run_job_do(&place, c->language, &c->job, &watcher, &e);
		box_base_close(&base);
	}
	status = status < 0 ? tool_fail(&e) : run_shown_end(shown);
	run_shown_free(shown);
	return status;
}

static void
command_done(struct command_run *c)
{
	for (size_t i = 0; i < c->job.n_files; i++)
		free((void *)(uintptr_t)c->job.files[i].data);
	free(c->input);
}

static int
job_take(struct command_run *c, const char *path, const char *const *arguments)
{
	struct run_job *job = &c->job;
	int status;

	run_limits_init(&job->limits, c->language);
	run_compile_limits_init(&job->compile_limits, c->language);
	snprintf(job->language, sizeof job->language, "%s", c->language->name);
	job->is_merged = c->options.is_merged;
	job->n_cases = 1;
	status = limits_read(c);
	if (status == 0)
		status = lists_take(c, arguments);
	if (status == 0)
		status = files_take(c, path);
	if (status == 0)
		status = input_take(c);
	job->total_ms = job->compile_limits.wall_ms + job->limits.wall_ms;
	return status;
}

static int
run_with(struct command_run *c, const char *path, const char *const *arguments)
{
	int status = tool_configure(c->tool, false);

	if (status == 0)
		status = program_check(path);
	if (status == 0)
		status = language_find(c, path);
	if (status == 0 && c->options.version)
		status = version_find(c);
	if (status == 0)
		status = job_take(c, path, arguments);
	if (status == 0)
		status = run_it(c);
	command_done(c);
	return status;
}

int
run_run(struct tool *t, const char *const *arguments)
{
	AUTO_FREE struct command_run *c = calloc(1, sizeof *c);
	const struct argument_table tables[] = { { tool_options, tool_n_options, t },
		                                 { run_options, run_n_options, c ? &c->options : NULL } };
	struct err e = { 0 };
	int n =
	    c ? arguments_read(tables, ARRAY_SIZE(tables), arguments, NULL, &e) : err_set(&e, ENOMEM, "run");

	if (n < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	if (t->wants_help)
		return 0;
	if (!arguments[n])
		return tool_fail_as(EX_USAGE, "an argument is missing: cfn-deploy run %s", t->command->usage);
	c->tool = t;
	return run_with(c, arguments[n], arguments + n + 1);
}
