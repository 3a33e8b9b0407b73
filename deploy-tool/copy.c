/* copy.c - `cfn-deploy cp`: files in and out of a shared folder, by way of a pool. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/live.h"

enum { COPY_MS = 10 * 60 * 1000, LIST_MAX = 64 << 20 };
#define COPY_SIZE_MAX (UINT64_C(1) << 40)

/* "NAME:path" of a shared folder. */
struct place {
	char name[NAME_MAX_SIZE];
	const char *path; /* without '/' at its start; "" is the folder itself */
};

/* True when text has the form NAME:path; "./a:b" and "a/b:c" are files of ours. */
static bool
read_place(const char *text, struct place *p)
{
	size_t n = strcspn(text, ":/");
	struct err e;

	if (text[n] != ':' || n >= sizeof p->name)
		return false;
	memcpy(p->name, text, n);
	p->name[n] = '\0';
	p->path = text + n + 1 + strspn(text + n + 1, "/");
	return policy_check_name(p->name, &e) == 0;
}

static int
copy_exit_status(int rc)
{
	return rc == -ENOTCONN ? EX_UNAVAILABLE : rc == -ENOENT ? EX_NOINPUT : EX_IOERR;
}

static int
ask_copy(struct tool *t, const struct place *p, const char *direction, int fd)
{
	AUTO_POOLS struct pools pools = { 0 };
	struct err e;
	int rc = live_connect(t, &pools);

	if (rc != 0)
		return rc;
	/* A copy may take long, an answer may not: whether the pool answers is asked first. */
	if (pools_ask(&pools, 0, json_pack("{s:s}", "command", "status"), -1, POOLS_ASK_MS, NULL, &e) < 0)
		return tool_fail(&e);
	/* Every pool of a registry has the same folders. */
	rc = pools_ask(&pools, 0,
	               json_pack("{s:s, s:s, s:s, s:s, s:I}", "command", "copy", "shared", p->name, "path",
	                         p->path, "direction", direction, "max", (json_int_t)COPY_SIZE_MAX),
	               fd, COPY_MS, NULL, &e);
	return rc < 0 ? tool_fail_as(copy_exit_status(rc), "%s%s%s: %s", p->name,
	                             p->path[0] != '\0' ? ":" : "", p->path, e.text)
	              : 0;
}

/* For programs; people see nothing when all is well. */
static int
report_copied(const struct tool *t, const struct place *p, const char *file)
{
	if (!t->json)
		return 0;
	return tool_print_json(
	    json_pack("{s:s, s:s, s:s}", "shared", p->name, "path", p->path, "file", file));
}

static int
copy_in(struct tool *t, const char *file, const struct place *to)
{
	const char *slash = strrchr(file, '/'), *base = slash != NULL ? slash + 1 : file;
	size_t n = strlen(to->path);
	struct place target = *to;
	char path[COPY_PATH_SIZE];
	AUTO_FD fd = -1;
	struct stat st;
	int rc;

	if (strcmp(file, "-") == 0 && (n == 0 || to->path[n - 1] == '/'))
		return tool_fail_as(EX_USAGE, "standard input has no name; give it one: %s:%s...", to->name,
		                    to->path);
	fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return tool_fail_as(errno == EACCES ? EX_NOPERM : EX_NOINPUT, "%s: %s", file,
		                    strerror(errno));
	if (S_ISDIR(st.st_mode))
		return tool_fail_as(EX_DATAERR, "%s: is a folder; cp takes one file", file);
	if (snprintf(path, sizeof path, "%s%s", to->path, n == 0 || to->path[n - 1] == '/' ? base : "") >=
	    (int)sizeof path)
		return tool_fail_as(EX_USAGE, "the path is over %d bytes", COPY_PATH_SIZE - 1);
	target.path = path;
	rc = ask_copy(t, &target, "in", fd);
	return rc == 0 ? report_copied(t, &target, file) : rc;
}

/* Into a nameless file beside the target first: a copy that fails leaves the old one whole. */
static int
open_beside(const char *file, char folder[PATH_MAX])
{
	const char *slash = strrchr(file, '/');

	if (snprintf(folder, PATH_MAX, "%.*s", slash != NULL ? (int)(slash - file) + 1 : 1,
	             slash != NULL ? file : ".") >= PATH_MAX)
		return -ENAMETOOLONG;
	return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
}

static int
link_into_place(int fd, const char *file)
{
	char from[64], temporary[PATH_MAX];

	snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, from, AT_FDCWD, file, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST ||
	    snprintf(temporary, sizeof temporary, "%s.cfn-%d", file, (int)getpid()) >= (int)sizeof temporary)
		return -errno;
	if (linkat(AT_FDCWD, from, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	if (rename(temporary, file) == 0)
		return 0;
	unlink(temporary);
	return -errno;
}

/* What takes bytes as they come: no file to put in place. */
static int
copy_to_stream(struct tool *t, const struct place *from, int fd, const char *name)
{
	AUTO_FD mine = fd;

	if (mine < 0)
		return tool_fail_as(EX_CANTCREAT, "%s: %s", name, strerror(errno));
	return ask_copy(t, from, "out", mine);
}

static int
copy_out(struct tool *t, const struct place *from, const char *file)
{
	const char *slash = strrchr(from->path, '/');
	char folder[PATH_MAX], inside[PATH_MAX];
	AUTO_FD fd = -1;
	struct stat st;
	int rc;

	if (strcmp(file, "-") == 0)
		return copy_to_stream(t, from, dup(STDOUT_FILENO), "standard output");
	if (stat(file, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (snprintf(inside, sizeof inside, "%s/%s", file, slash != NULL ? slash + 1 : from->path) >=
		    (int)sizeof inside)
			return tool_fail_as(EX_USAGE, "%s: the path is too long", file);
		file = inside;
	}
	/* A device or a pipe is written to: a rename would take its place. */
	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return copy_to_stream(t, from, open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY), file);
	fd = open_beside(file, folder);
	if (fd < 0)
		return tool_fail_as(EX_CANTCREAT, "%s: %s", file, strerror(errno));
	rc = ask_copy(t, from, "out", fd);
	if (rc != 0)
		return rc;
	rc = link_into_place(fd, file);
	return rc < 0 ? tool_fail_as(EX_CANTCREAT, "%s: %s", file, strerror(-rc))
	              : report_copied(t, from, file);
}

/* Lines "SIZE NAME", where a folder's name ends with '/'. */
static json_t *
parse_list(char *text)
{
	json_t *list = json_array();
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		char *space = strchr(line, ' ');
		uint64_t size;

		if (space == NULL)
			continue;
		*space = '\0';
		if (option_parse_number(line, &size) == 0)
			json_array_append_new(list, json_pack("{s:s, s:I}", "name", space + 1, "size",
			                                      (json_int_t)size));
	}
	return list;
}

static int
list(struct tool *t, const struct place *place)
{
	AUTO_FD fd = memfd_create("list", MFD_CLOEXEC);
	AUTO_FREE char *text = NULL;
	struct err e;
	size_t n;
	int rc;

	if (fd < 0)
		return tool_fail_as(EX_OSERR, "memory file: %s", strerror(errno));
	rc = ask_copy(t, place, "list", fd);
	if (rc != 0)
		return rc;
	if (fd_read_file(fd, LIST_MAX, &text, &n, &e) < 0)
		return tool_fail(&e);
	if (t->json)
		return tool_print_json(parse_list(text));
	fwrite(text, 1, n, stdout);
	return tool_flush();
}

static int
copy(struct tool *t, const struct argument_list *rest)
{
	struct place first, second;
	bool has_first = read_place(rest->items[0], &first);
	bool has_second = rest->n == 2 && read_place(rest->items[1], &second);

	if (rest->n == 1 && has_first)
		return list(t, &first);
	if (rest->n == 1 || has_first == has_second)
		return tool_fail_as(EX_USAGE,
		                    "cp takes FILE NAME:PATH, NAME:PATH FILE, or NAME: to list; NAME is "
		                    "a shared folder");
	return has_first ? copy_out(t, &first, rest->items[1]) : copy_in(t, rest->items[0], &second);
}

int
run_copy(struct tool *t, const char *const *arguments)
{
	struct argument_list rest;
	int rc = tool_plain_arguments(t, 1, 2, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	return rc != 0 || t->wants_help ? rc : copy(t, &rest);
}
