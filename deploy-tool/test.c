/* test.c - `cfn-deploy test`: files of exchanges against the functions beside them, in the sandbox. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/report.h"
#include "deploy-tool/subject.h"
#include "deploy-tool/test_find.h"
#include "deploy-tool/test_run.h"

enum { EX_FAILED = 1 }; /* an exchange is wrong */

struct options {
	const char *filter;
};

struct test {
	struct tool *tool;
	struct options options;
	struct subject_options file;
	struct argument_list rest;
	struct test_functions functions;
	size_t n_planned, n_told, n_wrong;
	json_t *outcomes; /* of --json */
};

#define AT(field) offsetof(struct options, field)

const struct argument_row test_options[] = {
	{ "filter", 0, ARGUMENT_TEXT, AT(filter), "TEXT", "only files of exchanges with this in their path" },
};
const size_t test_n_options = ARRAY_SIZE(test_options);

/* ---- what is told ---- */

static void
print_lines(const struct buf *lines, const char *before)
{
	const char *p = buf_head(lines);
	size_t n = buf_used(lines);

	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - p) : n;

		printf("# %s%.*s\n", before, (int)length, p);
		length += newline != NULL;
		p += length;
		n -= length;
	}
}

static void
tell_json(struct test *t, const struct test_outcome *o)
{
	const struct test_step *s = o->step;

	json_array_append_new(t->outcomes,
	                      json_pack("{s:s, s:I, s:s%, s:s%, s:b, s:i, s:I, s:o, s:o}", "file", o->path,
	                                "line", (json_int_t)s->line, "method", s->method.p, s->method.n,
	                                "target", s->target.p, s->target.n, "ok", o->is_right, "status",
	                                o->status, "wall_us", (json_int_t)o->wall_us, "says",
	                                report_lines(o->says), "output", report_lines(o->log)));
}

static void
tell(void *context, const struct test_outcome *o)
{
	struct test *t = context;
	const struct test_step *s = o->step;

	t->n_told++;
	t->n_wrong += !o->is_right;
	if (t->tool->json) {
		tell_json(t, o);
		return;
	}
	/* In TAP a '#' behind the name would begin a directive. */
	printf("%sok %zu - %s:%u %.*s ", o->is_right ? "" : "not ", t->n_told, o->path, s->line,
	       (int)s->method.n, s->method.p);
	for (size_t i = 0; i < s->target.n; i++)
		printf(s->target.p[i] == '#' || s->target.p[i] == '\\' ? "\\%c" : "%c", s->target.p[i]);
	printf(" (%.1f ms)\n", (double)o->wall_us / 1000);
	if (!o->is_right) {
		print_lines(o->says, "");
		print_lines(o->log, "output: ");
	}
	fflush(stdout);
}

/* ---- files ---- */

static int
read_file(const char *path, struct testfile *file)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *bytes;
	struct err e;
	size_t n;
	int rc;

	if (fd < 0)
		return tool_fail_as(EX_NOINPUT, "%s: %m", path);
	rc = fd_read_file(fd, TESTFILE_SIZE_MAX, &bytes, &n, &e);
	if (rc < 0)
		return tool_fail_as(EX_DATAERR, "%s: %s", path, e.text);
	if (testfile_parse(file, bytes, n, &e) == 0)
		return 0;
	return tool_fail_as(EX_DATAERR, "%s:%s", path, e.text);
}

static bool
is_chosen(const struct test *t, const char *path)
{
	return t->options.filter == NULL || strstr(path, t->options.filter) != NULL;
}

/* Calls each for every chosen file of one function. */
static int
each_file(struct test *t, const struct test_function *f, struct subject *s,
          int (*each)(struct test *, struct subject *, const char *path, const struct testfile *))
{
	int rc = 0;

	for (size_t i = 0; i < f->n_files && rc == 0; i++) {
		struct testfile file;

		if (!is_chosen(t, f->files[i]))
			continue;
		rc = read_file(f->files[i], &file);
		if (rc != 0)
			return rc;
		rc = each(t, s, f->files[i], &file);
		testfile_done(&file);
	}
	return rc;
}

static int
count_file(struct test *t, struct subject *s, const char *path, const struct testfile *file)
{
	(void)s;
	(void)path;
	t->n_planned += file->n_steps;
	return 0;
}

static int
run_file(struct test *t, struct subject *s, const char *path, const struct testfile *file)
{
	return test_run(&(struct test_plan){ t->tool, s, path, file, tell, t });
}

/* ---- functions ---- */

/* All of it is read before anything runs: what is malformed is said at once, and the plan is known. */
static int
make_plan(struct test *t)
{
	struct err e;
	int rc = test_find(t->rest.items[0], &t->functions, &e);

	if (rc < 0)
		return tool_fail(&e);
	for (size_t i = 0; i < t->functions.n; i++) {
		rc = each_file(t, &t->functions.of[i], NULL, count_file);
		if (rc != 0)
			return rc;
	}
	if (t->n_planned == 0)
		return tool_fail_as(EX_NOINPUT, "%s: there is no exchange in its tests", t->rest.items[0]);
	if (!t->tool->json)
		printf("TAP version 13\n1..%zu\n", t->n_planned);
	return tool_flush();
}

static bool
has_chosen(const struct test *t, const struct test_function *f)
{
	for (size_t i = 0; i < f->n_files; i++)
		if (is_chosen(t, f->files[i]))
			return true;
	return false;
}

static void
done_subject(struct subject **s)
{
	if (*s != NULL)
		subject_done(*s);
	free(*s);
}

static int
run_function(struct test *t, const struct test_function *f)
{
	__attribute__((cleanup(done_subject))) struct subject *s = calloc(1, sizeof *s);
	int rc;

	if (s == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	if (!has_chosen(t, f))
		return 0;
	rc = subject_make(t->tool, f->source, &t->file, s);
	return rc == 0 ? each_file(t, f, s, run_file) : rc;
}

static int
finish(struct test *t, int rc)
{
	if (t->tool->json) {
		int printed =
		    tool_print_json(json_pack("{s:I, s:I, s:O}", "exchanges", (json_int_t)t->n_planned,
		                              "wrong", (json_int_t)t->n_wrong, "outcomes", t->outcomes));

		rc = rc != 0 ? rc : printed;
	} else {
		printf("# %zu of %zu exchanges are right\n", t->n_told - t->n_wrong, t->n_planned);
	}
	if (rc == 0)
		rc = tool_flush();
	return rc != 0 ? rc : t->n_wrong > 0 ? EX_FAILED : 0;
}

/* One function that does not compile does not hide what the others do. */
static int
run(struct test *t)
{
	int rc = make_plan(t);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < t->functions.n; i++) {
		int failed = run_function(t, &t->functions.of[i]);

		rc = rc != 0 ? rc : failed;
	}
	return finish(t, rc);
}

static void
free_test(struct test **t)
{
	if (*t == NULL)
		return;
	test_find_done(&(*t)->functions);
	json_decref((*t)->outcomes);
	free(*t);
}

int
run_test(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(free_test))) struct test *test = calloc(1, sizeof *test);
	const struct argument_row *file_rows;
	size_t n = subject_options(&file_rows);
	int rc;

	if (test == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	test->tool = t;
	test->outcomes = json_array();
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { test_options, test_n_options, &test->options },
						       { file_rows, n, &test->file } },
	                                           2, 1, 1 },
	                    arguments, &test->rest);
	return rc != 0 || t->wants_help ? rc : run(test);
}
