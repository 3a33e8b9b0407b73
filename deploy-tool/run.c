/* run.c - `cfn-deploy run`: a program of any language in a box, once, without a server. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/options.h"
#include "base/utf8.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/diagnostics.h"
#include "run/engine.h"

enum {
	INPUT_MAX = 8 << 20,
	SOURCE_MAX = 4 << 20,
	BOX_UID = 1002, /* of the range: beside the compiler's */
	EXIT_SIGNAL = 128,
};

struct run_options {
	const char *language, *input, *memory, *cpu_time, *wall_time, *processes;
	struct argument_list options;
	bool is_merged;
};

const struct argument_row run_options[] = {
	{ "lang", 'l', ARGUMENT_TEXT, offsetof(struct run_options, language), "LANGUAGE",
	  "instead of the one that the file's ending says" },
	{ "input", 'i', ARGUMENT_TEXT, offsetof(struct run_options, input), "FILE",
	  "its standard input, at most 8 MiB; -: that of this command" },
	{ "option", 'O', ARGUMENT_LIST, offsetof(struct run_options, options), "WORD",
	  "for the compiler, of those that the language allows" },
	{ "merge-stderr", 0, ARGUMENT_FLAG, offsetof(struct run_options, is_merged), NULL,
	  "standard error into standard output, in its order" },
	{ "memory", 0, ARGUMENT_TEXT, offsetof(struct run_options, memory), "SIZE", "default 128M" },
	{ "cpu-time", 0, ARGUMENT_TEXT, offsetof(struct run_options, cpu_time), "TIME", "default 5s" },
	{ "wall-time", 0, ARGUMENT_TEXT, offsetof(struct run_options, wall_time), "TIME", "default 10s" },
	{ "processes", 0, ARGUMENT_TEXT, offsetof(struct run_options, processes), "N",
	  "and threads, default 32" },
};
const size_t run_n_options = ARRAY_SIZE(run_options);

struct command_run {
	struct tool *tool;
	struct run_options options;
	struct run_languages languages;
	const struct run_language *language;
	struct box_limits limits, compile_limits;
	struct box_file file;
	char *source;
	int input;
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
		memcpy((char *)&c->limits + l->field, &value, sizeof value);
	}
	return 0;
}

static int
language_find(struct command_run *c, const char *path)
{
	const char *wanted = c->options.language;
	struct err e = { 0 };

	if (run_languages_read(&c->languages, c->tool->config.run.languages_dir, &e) < 0)
		return tool_fail_as(EX_CONFIG, "%s", e.text);
	c->language =
	    wanted ? run_languages_find(&c->languages, wanted) : run_languages_of_file(&c->languages, path);
	if (c->language)
		return 0;
	if (wanted)
		return tool_fail_as(EX_USAGE, "no language '%.64s' in %s", wanted,
		                    c->tool->config.run.languages_dir);
	return tool_fail_as(EX_USAGE, "%.200s: its ending is of no language in %s; say --lang", path,
	                    c->tool->config.run.languages_dir);
}

static int
source_take(struct command_run *c, const char *path)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct err e = { 0 };

	if (fd < 0)
		err_set(&e, errno, "%.200s", path);
	else if (fd_read_file(fd, SOURCE_MAX, &c->source, &c->file.size, &e) < 0)
		err_wrap(&e, "%.200s", path);
	c->file.path = c->language->source;
	c->file.data = c->source;
	return e.code ? tool_fail(&e) : 0;
}

/* The program gets a copy: it cannot hold up, or change, what it is read from. */
static int
input_take(struct command_run *c)
{
	const char *path = c->options.input;
	AUTO_FREE char *data = NULL;
	AUTO_FD fd = -1;
	struct err e = { 0 };
	ssize_t n;

	if (!path)
		return 0;
	fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
	                            : open(path, O_RDONLY | O_CLOEXEC);
	data = malloc(INPUT_MAX + 1);
	n = fd < 0 || !data ? -errno : fd_read_all(fd, data, INPUT_MAX + 1);
	if (n < 0)
		err_set(&e, (int)-n, "%.200s", path);
	else if (n > INPUT_MAX)
		err_set(&e, EFBIG, "%.200s: over %d MiB", path, INPUT_MAX >> 20);
	else
		c->input = fd_sealed_memory("cfn-input", data, (size_t)n, &e);
	return e.code ? tool_fail(&e) : 0;
}

static json_t *
text_of(const struct buf *b)
{
	return json_stringn(buf_used(b) > 0 ? buf_head(b) : "", buf_used(b));
}

/* JSON has no bytes: what is no UTF-8 is not shown here as if it were. */
static void
json_put_stream(json_t *object, const char *name, const struct buf *b, uint64_t n_came)
{
	char key[32];

	snprintf(key, sizeof key, "%s_bytes", name);
	json_object_set_new(object, key, json_integer((json_int_t)n_came));
	if (utf8_is_valid(buf_used(b) > 0 ? buf_head(b) : "", buf_used(b)))
		json_object_set_new(object, name, text_of(b));
	else
		json_object_set_new(object, name, json_null());
}

static json_t *
json_number_or_null(uint64_t number)
{
	return number > 0 ? json_integer((json_int_t)number) : json_null();
}

static json_t *
json_of_box(const struct box_result *r, enum run_status status)
{
	json_t *o =
	    json_pack("{s:s, s:I, s:I, s:o, s:I, s:s}", "status", run_status_word(status), "cpu_ms",
	              (json_int_t)(r->ending.cpu_us / 1000), "wall_ms", (json_int_t)(r->wall_us / 1000),
	              "memory_peak_bytes", json_number_or_null(r->memory_peak), "processes_peak",
	              (json_int_t)r->processes_peak, "memory_by", r->has_cgroup ? "cgroup" : "rlimit");

	if (r->ending.code == CLD_EXITED)
		json_object_set_new(o, "exit_code", json_integer(r->ending.status));
	else
		json_object_set_new(o, "signal_number", json_integer(r->ending.status));
	json_put_stream(o, "stdout", &r->out, r->n_out);
	json_put_stream(o, "stderr", &r->err, r->n_err);
	json_object_set_new(o, "truncated",
	                    json_boolean(r->n_out > buf_used(&r->out) || r->n_err > buf_used(&r->err)));
	return o;
}

static int
put_json(const struct command_run *c, const struct run_outcome *o)
{
	json_t *answer = o->is_run ? json_of_box(&o->run, o->status)
	                           : json_pack("{s:s}", "status", run_status_word(o->status));

	json_object_set_new(answer, "language", json_string(c->language->name));
	if (o->is_compiled)
		json_object_set_new(answer, "compile", json_of_box(&o->compile, o->compile_status));
	return tool_print_json(answer);
}

/* A terminal gets no byte that it might obey: neither of a stranger's program nor, by way of a compiler, of
 * its source. */
static void
put_lines(const char *p, size_t n, FILE *to)
{
	struct buf shown;

	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - p) : n;

		buf_init(&shown, 4 * length + 1);
		if (diagnostics_escape(&shown, p, length) == 0 && buf_used(&shown) > 0)
			fwrite(buf_head(&shown), 1, buf_used(&shown), to);
		buf_done(&shown);
		length += newline != NULL;
		if (newline != NULL)
			fputc('\n', to);
		p += length;
		n -= length;
	}
}

static void
put_bytes(const struct buf *b, FILE *to)
{
	if (buf_used(b) > 0 && isatty(fileno(to)))
		put_lines(buf_head(b), buf_used(b), to);
	else if (buf_used(b) > 0)
		fwrite(buf_head(b), 1, buf_used(b), to);
	fflush(to);
}

/* As a shell would say it: the program's own status, or 128 and the signal that ended it. */
static int
exit_status(const struct run_outcome *o)
{
	if (!o->is_run)
		return EX_DATAERR;
	return o->run.ending.code == CLD_EXITED ? o->run.ending.status : EXIT_SIGNAL + o->run.ending.status;
}

static int
put_text(const struct command_run *c, const struct run_outcome *o)
{
	const struct box_result *last = o->is_run ? &o->run : &o->compile;
	char how[ENDING_TEXT_SIZE];

	if (o->is_compiled)
		put_bytes(&o->compile.err, stderr);
	if (o->is_run) {
		put_bytes(&o->run.out, stdout);
		put_bytes(&o->run.err, stderr);
	}
	if (o->status == RUN_ACCEPTED || o->status == RUN_NONZERO_EXIT)
		return exit_status(o);
	ending_format(&last->ending, how);
	fprintf(stderr, "cfn-deploy: %s: %s (%s; %.3f s of CPU time, %.3f s, %.1f MiB)\n", c->file.path,
	        run_status_word(o->status), how, (double)last->ending.cpu_us / 1e6,
	        (double)last->wall_us / 1e6, (double)last->memory_peak / (1 << 20));
	return exit_status(o);
}

static int
run_it(struct command_run *c, const char *const *arguments)
{
	const char *options[ARGUMENTS_MAX + 1] = { NULL };
	struct box_base base;
	const struct run_place place = { (uid_t)c->tool->config.uid_range_start + BOX_UID, &c->tool->cgroup,
		                         &base };
	const struct run_wish wish = {
		c->language, &c->file,         1, options, arguments, c->input, c->options.is_merged,
		c->limits,   c->compile_limits
	};
	struct run_outcome outcome;
	struct err e = { 0 };
	int status;

	for (size_t i = 0; i < c->options.options.n; i++)
		options[i] = c->options.options.items[i];
	tool_open_cgroup(c->tool);
	if (box_base_open(&base, false, &e) < 0)
		return tool_fail(&e);
	status = run_do(&place, &wish, &outcome, &e);
	box_base_close(&base);
	if (status < 0)
		return tool_fail(&e);
	status = c->tool->json ? put_json(c, &outcome) : put_text(c, &outcome);
	run_outcome_done(&outcome);
	return status;
}

int
run_run(struct tool *t, const char *const *arguments)
{
	struct command_run c = { .tool = t, .input = -1 };
	const struct argument_table tables[] = { { tool_options, tool_n_options, t },
		                                 { run_options, run_n_options, &c.options } };
	struct err e = { 0 };
	int n = arguments_read(tables, ARRAY_SIZE(tables), arguments, NULL, &e), status;
	const char *path = n < 0 ? NULL : arguments[n];

	if (n < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	if (t->wants_help)
		return 0;
	if (!path)
		return tool_fail_as(EX_USAGE, "an argument is missing: cfn-deploy run %s", t->command->usage);
	status = tool_configure(t, false);
	if (status == 0)
		status = language_find(&c, path);
	if (status != 0)
		return status;
	run_limits_init(&c.limits);
	run_compile_limits_init(&c.compile_limits, c.language);
	status = limits_read(&c);
	if (status == 0)
		status = source_take(&c, path);
	if (status == 0)
		status = input_take(&c);
	if (status == 0)
		status = run_it(&c, arguments + n + 1);
	fd_close(&c.input);
	free(c.source);
	return status;
}
