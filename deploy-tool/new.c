/* new.c - `cfn-deploy new`: a folder with a function that works, its test, and what an editor needs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "config/policy.h"
#include "deploy-tool/commands.h"

enum { FILE_TEXT_MAX = 64 * 1024, FILE_PATH_MAX = 256 };

/* What every folder gets, whatever the template. */
static const char every[] = "every";

/* The files of the templates: paths and texts that say NAME where the function's name belongs. */
static const struct template_file {
	const char *template, *path, *text;
} files[] = {
#include "deploy-tool/templates.inc"
};

/* What a deploy compiles with, as far as an editor wants to know. */
static const struct {
	const char *suffix, *flags;
} languages[] = {
	{ ".c", "-xc\n-std=gnu17\n-Wall\n-Wextra\n-Wno-unused-parameter\n" },
	{ ".cpp", "-xc++\n-std=gnu++17\n-Wall\n-Wextra\n-Wno-unused-parameter\n" },
};

/* Every compiler searches these by itself, and in a certain order: named again they break C++. */
static const char *const usual_includes[] = { "/usr/include", "/usr/local/include" };

struct new_options {
	const char *template;
};

const struct argument_row new_options[] = {
	{ "template", 0, ARGUMENT_TEXT, offsetof(struct new_options, template), "WORD",
	  "what to begin with: api (the default), form, stream or cpp" },
};
const size_t new_n_options = ARRAY_SIZE(new_options);

struct new
{
	const char *name, *template, *include_dir;
	int folder; /* -1 until it is made */
};

static bool
is_template(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i].template, name) == 0 && strcmp(name, every) != 0)
			return true;
	return false;
}

/* The text with the name where NAME stands, and a NUL. */
static int
fill_in(struct buf *to, const char *text, const char *name)
{
	static const char mark[] = "NAME";
	const char *at;
	int rc = 0;

	for (; rc == 0 && (at = strstr(text, mark)) != NULL; text = at + sizeof mark - 1)
		rc = buf_printf(to, "%.*s%s", (int)(at - text), text, name);
	return rc == 0 ? buf_append(to, text, strlen(text) + 1) : rc;
}

/* Nothing that is there is written over. */
static int
create(int folder, const char *path, const char *data, size_t size)
{
	AUTO_FD fd = openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	return fd < 0 ? -errno : fd_write_all(fd, data, size);
}

static int
write_file(const struct new *n, const char *path, const char *text, struct err *e)
{
	struct buf name, content;
	int rc;

	buf_init(&name, FILE_PATH_MAX);
	buf_init(&content, FILE_TEXT_MAX);
	rc = fill_in(&name, path, n->name);
	if (rc == 0)
		rc = fill_in(&content, text, n->name);
	if (rc == 0)
		rc = create(n->folder, buf_head(&name), buf_head(&content), buf_used(&content) - 1);
	buf_done(&name);
	buf_done(&content);
	return rc < 0 ? err_set(e, rc, "%s/%s", n->name, path) : 0;
}

/* clangd reads it, and every editor that asks clangd. */
static int
write_flags(const struct new *n, const char *flags, struct err *e)
{
	char text[CONFIG_PATH_MAX + 256];
	bool is_usual = false;

	for (size_t i = 0; i < ARRAY_SIZE(usual_includes); i++)
		is_usual = is_usual || strcmp(n->include_dir, usual_includes[i]) == 0;
	snprintf(text, sizeof text, "%s%s%s%s", flags, is_usual ? "" : "-I", is_usual ? "" : n->include_dir,
	         is_usual ? "" : "\n");
	return write_file(n, "compile_flags.txt", text, e);
}

static int
write_template(const struct new *n, const struct template_file *file, struct err *e)
{
	const char *suffix = strrchr(file->path, '.');
	int rc = write_file(n, file->path, file->text, e);

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(languages); i++)
		if (strcmp(languages[i].suffix, suffix) == 0)
			rc = write_flags(n, languages[i].flags, e);
	return rc;
}

static int
write_files(struct new *n, struct err *e)
{
	int rc = 0;

	n->folder = open(n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (n->folder < 0 || mkdirat(n->folder, "tests", 0777) < 0)
		return err_set(e, errno, "%s/tests", n->name);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i].template, n->template) == 0 || strcmp(files[i].template, every) == 0)
			rc = write_template(n, &files[i], e);
	return rc;
}

static int
make(struct tool *t, struct new *n)
{
	struct err e;
	int rc;

	if (policy_check_name(n->name, &e) < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	if (!is_template(n->template))
		return tool_fail_as(EX_USAGE, "--template '%.80s' is none of api, form, stream and cpp",
		                    n->template);
	rc = tool_configure(t, false);
	if (rc != 0)
		return rc;
	n->include_dir = t->config.include_dir;
	if (mkdir(n->name, 0777) < 0)
		return tool_fail_as(EX_CANTCREAT, "folder '%s': %s", n->name,
		                    errno == EEXIST ? "it is there already, and stays as it is"
		                                    : strerror(errno));
	if (write_files(n, &e) < 0)
		return tool_fail_as(EX_CANTCREAT, "%s", e.text);
	if (t->json)
		return tool_print_json(
		    json_pack("{s:b, s:s, s:s}", "ok", 1, "folder", n->name, "template", n->template));
	printf("%s is made; serve it, and see every save, with: cfn-deploy dev %s\n", n->name, n->name);
	return tool_flush();
}

int
run_new(struct tool *t, const char *const *arguments)
{
	struct new_options own = { .template = "api" };
	const struct argument_table table = { new_options, new_n_options, &own };
	const struct tool_syntax syntax = { &table, 1, 1, 1 };
	struct argument_list rest;
	int rc = tool_arguments(t, &syntax, arguments, &rest);
	struct new n = { .folder = -1 };

	if (rc != 0 || t->wants_help)
		return rc;
	n.name = rest.items[0];
	n.template = own.template;
	rc = make(t, &n);
	fd_close(&n.folder);
	return rc;
}
