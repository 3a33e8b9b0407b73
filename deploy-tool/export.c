/* export.c - `cfn-deploy export` and `backup`: a registry's functions, or all of it, in one file. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "deploy-tool/commands.h"
#include "deploy-tool/whole_file.h"

struct export_arguments {
	bool active;
};

const struct argument_row export_options[] = {
	{ "active", 0, ARGUMENT_FLAG, offsetof(struct export_arguments, active), NULL,
	  "only the version of each function that is active" },
};
const size_t export_n_options = ARRAY_SIZE(export_options);

/* What goes to standard output is the file, and nothing else. */
static int
check_output(const struct tool *t, const char *path)
{
	if (strcmp(path, "-") != 0)
		return 0;
	if (t->json)
		return tool_fail_as(EX_USAGE, "with --json the file needs a name: standard output is taken");
	if (isatty(STDOUT_FILENO))
		return tool_fail_as(EX_USAGE, "it is not for a terminal; say FILE, or send it somewhere");
	return 0;
}

static int
report_export(const struct tool *t, const struct whole_file *w, const struct registry_moved *m)
{
	bool is_stream = strcmp(w->path, "-") == 0;

	if (t->json)
		return tool_print_json(json_pack("{s:s, s:I, s:I, s:I, s:s}", "file", w->path, "functions",
		                                 (json_int_t)m->functions, "versions",
		                                 (json_int_t)m->versions, "bytes", (json_int_t)w->size,
		                                 "registry", t->config.registry));
	fprintf(is_stream ? stderr : stdout,
	        "%zu version%s of %zu function%s, %" PRIu64 " bytes in %s (registry %s)\n", m->versions,
	        m->versions == 1 ? "" : "s", m->functions, m->functions == 1 ? "" : "s", w->size,
	        is_stream ? "standard output" : w->path, t->config.registry);
	return tool_flush();
}

static int
write_export(struct tool *t, const struct registry_selection *what, const char *path)
{
	AUTO_WHOLE_FILE w = { .fd = -1 };
	struct registry *to = NULL;
	struct registry_moved moved;
	struct err e;
	int rc = whole_file_begin(&w, path, t->config.registry, &e);

	if (rc == 0)
		rc = registry_open(w.temporary, REGISTRY_CREATE, &to, &e);
	if (rc == 0)
		rc = registry_export(t->registry, to, what, &moved, &e);
	registry_close(to);
	if (rc == 0)
		rc = whole_file_end(&w, &e);
	return rc < 0 ? tool_fail(&e) : report_export(t, &w, &moved);
}

int
run_export(struct tool *t, const char *const *arguments)
{
	struct export_arguments own = { 0 };
	const struct argument_table table = { export_options, export_n_options, &own };
	struct argument_list rest;
	struct registry_selection what;
	int rc = tool_arguments(t, &(struct tool_syntax){ &table, 1, 1, ARGUMENTS_MAX }, arguments, &rest);

	if (rc != 0 || t->wants_help)
		return rc;
	rc = check_output(t, rest.items[rest.n - 1]);
	if (rc == 0)
		rc = tool_open_registry(t, REGISTRY_READ);
	what = (struct registry_selection){ own.active, rest.n - 1, rest.items };
	return rc != 0 ? rc : write_export(t, &what, rest.items[rest.n - 1]);
}

static int
report_backup(const struct tool *t, const struct whole_file *w)
{
	if (t->json)
		return tool_print_json(json_pack("{s:s, s:I, s:s}", "file", w->path, "bytes",
		                                 (json_int_t)w->size, "registry", t->config.registry));
	printf("%" PRIu64 " bytes in %s (registry %s)\n", w->size, w->path, t->config.registry);
	return tool_flush();
}

int
run_backup(struct tool *t, const char *const *arguments)
{
	AUTO_WHOLE_FILE w = { .fd = -1 };
	struct argument_list rest;
	struct err e;
	int rc = tool_plain_arguments(t, 1, 1, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	if (rc != 0 || t->wants_help)
		return rc;
	rc = whole_file_begin(&w, rest.items[0], t->config.registry, &e);
	if (rc == 0)
		rc = registry_backup(t->registry, w.temporary, &e);
	if (rc == 0)
		rc = whole_file_end(&w, &e);
	return rc < 0 ? tool_fail(&e) : report_backup(t, &w);
}
