/* source_show.c - `cfn-deploy source`: the files that a version was made of. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/utf8.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/diagnostics.h"
#include "deploy-tool/numbers.h"
#include "deploy-tool/source_archive.h"

struct options {
	const char *extract;
};

struct source_call {
	struct tool *tool;
	struct options options;
	struct argument_list rest;
	bool is_terminal;
	size_t n;
	int folder;   /* --extract */
	json_t *json; /* of --json */
	struct err e;
};

#define AT(field) offsetof(struct options, field)

const struct argument_row source_options[] = {
	{ "extract", 0, ARGUMENT_TEXT, AT(extract), "FOLDER", "write them below a new folder" },
};
const size_t source_n_options = ARRAY_SIZE(source_options);

/* ---- as text ---- */

/* A terminal gets no byte that it might obey. */
static void
print_line(const struct source_call *c, const char *p, size_t n)
{
	struct buf shown;

	if (!c->is_terminal) {
		fwrite(p, 1, n, stdout);
		return;
	}
	buf_init(&shown, SOURCE_SIZE_MAX * 4);
	diagnostics_escape(&shown, p, n);
	if (buf_used(&shown) > 0)
		fwrite(buf_head(&shown), 1, buf_used(&shown), stdout);
	buf_done(&shown);
}

static int
print_file(void *context, const struct source_packed *f)
{
	struct source_call *c = context;
	const char *p = f->text, *end = f->text + f->size;

	if (c->n++ > 0)
		printf("\n");
	printf("==> %s <==\n", f->name);
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		print_line(c, p, (size_t)((newline != NULL ? newline : end) - p));
		printf("\n");
		p = newline != NULL ? newline + 1 : end;
	}
	return 0;
}

/* What is no text has its size alone. */
static int
add_json(void *context, const struct source_packed *f)
{
	struct source_call *c = context;
	bool is_text = memchr(f->text, '\0', f->size) == NULL && utf8_is_valid(f->text, f->size);

	json_array_append_new(c->json,
	                      json_pack("{s:s, s:I, s:o}", "name", f->name, "size", (json_int_t)f->size,
	                                "text", is_text ? json_stringn(f->text, f->size) : json_null()));
	return 0;
}

/* ---- as files ---- */

static int
open_new(int folder, const char *name)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		.mode = 0644,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
}

static int
make_folders(int folder, const char *name, struct err *e)
{
	char path[SOURCE_NAME_SIZE];

	for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof path, "%.*s", (int)(slash - name), name);
		if (mkdirat(folder, path, 0755) < 0 && errno != EEXIST)
			return err_set(e, errno, "%s", path);
	}
	return 0;
}

static int
write_file(void *context, const struct source_packed *f)
{
	struct source_call *c = context;
	int rc = make_folders(c->folder, f->name, &c->e);
	AUTO_FD fd = rc < 0 ? -1 : open_new(c->folder, f->name);

	if (rc < 0)
		return rc;
	if (fd < 0)
		return err_set(&c->e, errno, "%.120s", f->name);
	rc = fd_write_all(fd, f->text, f->size);
	c->n++;
	return rc < 0 ? err_set(&c->e, -rc, "%.120s", f->name) : 0;
}

/* ---- all of it ---- */

/* Of a blob from before there were archives: its one file's name, as far as it is one. */
static void
plain_name(const struct registry_version *v, char name[SOURCE_NAME_SIZE])
{
	const char *slash = strrchr(v->source_name, '/');
	const char *base = slash != NULL ? slash + 1 : v->source_name;

	snprintf(name, SOURCE_NAME_SIZE, "%.*s", SOURCE_NAME_SIZE - 1, base);
	if (!source_is_name(name))
		snprintf(name, SOURCE_NAME_SIZE, "source.c");
}

static int
extract(struct source_call *c, const char *data, size_t n, const char *plain)
{
	const char *path = c->options.extract;
	int rc;

	if (mkdir(path, 0755) < 0)
		return tool_fail_as(errno == EEXIST ? EX_CANTCREAT : EX_IOERR, "%s: %s", path,
		                    strerror(errno));
	c->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->folder < 0)
		return tool_fail_as(EX_IOERR, "%s: %s", path, strerror(errno));
	rc = source_unpack(data, n, plain, write_file, c, &c->e);
	fd_close(&c->folder);
	if (rc < 0)
		return tool_fail(&c->e);
	if (c->tool->json)
		return tool_print_json(json_pack("{s:s, s:I}", "folder", path, "files", (json_int_t)c->n));
	printf("%zu file%s in %s\n", c->n, c->n == 1 ? "" : "s", path);
	return tool_flush();
}

static int
print(struct source_call *c, const char *data, size_t n, const char *plain)
{
	if (source_unpack(data, n, plain, c->json != NULL ? add_json : print_file, c, &c->e) < 0)
		return tool_fail(&c->e);
	return c->json != NULL ? tool_print_json(json_incref(c->json)) : tool_flush();
}

static int
show(struct source_call *c, uint32_t number)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	AUTO_FREE char *data = NULL;
	char plain[SOURCE_NAME_SIZE];
	size_t n = 0;

	if (v == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	if (registry_version_find(c->tool->registry, c->rest.items[0], number, v, &c->e) < 0 ||
	    registry_blob(c->tool->registry, &v->source, &data, &n, &c->e) < 0)
		return tool_fail(&c->e);
	plain_name(v, plain);
	return c->options.extract != NULL ? extract(c, data, n, plain) : print(c, data, n, plain);
}

int
run_source(struct tool *t, const char *const *arguments)
{
	struct source_call c = { .tool = t, .is_terminal = isatty(STDOUT_FILENO), .folder = -1 };
	const struct argument_table table = { source_options, source_n_options, &c.options };
	uint32_t number = 0;
	int rc = tool_arguments(t, &(struct tool_syntax){ &table, 1, 1, 2 }, arguments, &c.rest);

	if (rc == 0 && c.rest.n == 2 && numbers_version(c.rest.items[1], &number) < 0)
		rc = tool_fail_as(EX_USAGE, "'%.40s' is not the number of a version", c.rest.items[1]);
	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	if (rc != 0 || t->wants_help)
		return rc;
	c.json = t->json ? json_array() : NULL;
	rc = show(&c, number);
	json_decref(c.json);
	return rc;
}
