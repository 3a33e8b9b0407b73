/* logs.c - `cfn-deploy logs`: what functions wrote, out of the pool's log of functions.
 *
 * The texts in it are the functions' own, so nothing is printed but what was parsed, and control bytes are
 * escaped. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/function_log.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/report.h"
#include "deploy-tool/since.h"

enum {
	LINE_MAX_SIZE = 256 * 1024, /* a longer one is none of the pool's */
	LAST = 10,                  /* that --follow begins with */
	FOLLOW_MS = 200,
	CELL_SIZE = 16 * 1024,
};

struct logs_options {
	bool follows;
	const char *since, *request_id;
};

const struct argument_row logs_options[] = {
	{ "follow", 'f', ARGUMENT_FLAG, offsetof(struct logs_options, follows), NULL,
	  "the last ten, or those of --since, and what comes" },
	{ "since", 0, ARGUMENT_TEXT, offsetof(struct logs_options, since), "TIME",
	  "from then on: 10m, 2h, 2026-11-22T08:30" },
	{ "request-id", 0, ARGUMENT_TEXT, offsetof(struct logs_options, request_id), "ID", "of one request" },
};
const size_t logs_n_options = ARRAY_SIZE(logs_options);

struct reader {
	bool is_json;
	const char *function, *request_id; /* NULL: any */
	char since[REPORT_TIME_SIZE]; /* as the log writes it, so that texts can be compared; empty: any */
	bool is_keeping;              /* not printed yet: the last ones alone will be */
	char *kept[LAST];
	size_t n_kept;
	char *line; /* LINE_MAX_SIZE bytes */
	size_t length;
	bool is_too_long;
};

static const char *
member(const json_t *record, const char *name)
{
	const char *text = json_string_value(json_object_get(record, name));

	return text != NULL ? text : "";
}

static bool
is_wanted(const struct reader *r, const json_t *record)
{
	if (member(record, "time")[0] == '\0' || member(record, "function")[0] == '\0')
		return false;
	if (r->function != NULL && strcmp(member(record, "function"), r->function) != 0)
		return false;
	if (r->request_id != NULL && strcmp(member(record, "request_id"), r->request_id) != 0)
		return false;
	return strcmp(member(record, "time"), r->since) >= 0;
}

/* "TIME FUNCTION vN LEVEL [ID]: TEXT" */
static char *
format_record(const json_t *record)
{
	static const char *const names[] = { "time", "function", "level", "request_id", "text" };
	char cells[ARRAY_SIZE(names)][CELL_SIZE];
	char *line = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *text = member(record, names[i]);

		log_escape(cells[i], sizeof cells[i], text, strlen(text));
	}
	if (asprintf(&line, "%s %s v%" JSON_INTEGER_FORMAT " %s [%s]: %s", cells[0], cells[1],
	             json_integer_value(json_object_get(record, "version")), cells[2],
	             cells[3][0] != '\0' ? cells[3] : "-", cells[4]) < 0)
		return NULL;
	return line;
}

static void
put_line(struct reader *r, char *line)
{
	char **slot = &r->kept[r->n_kept++ % LAST];

	if (!r->is_keeping) {
		printf("%s\n", line);
		free(line);
		return;
	}
	free(*slot);
	*slot = line;
}

static void
put_kept(struct reader *r)
{
	r->is_keeping = false;
	for (size_t i = 0; i < LAST; i++) {
		char **slot = &r->kept[(r->n_kept + i) % LAST];

		if (*slot != NULL)
			printf("%s\n", *slot);
		free(*slot);
		*slot = NULL;
	}
}

static void
take_line(struct reader *r)
{
	AUTO_JSON json_t *record = json_loadb(r->line, r->length, 0, NULL);
	char *line;

	if (!is_wanted(r, record))
		return;
	line = r->is_json ? strndup(r->line, r->length) : format_record(record);
	if (line != NULL)
		put_line(r, line);
}

static void
take_bytes(struct reader *r, const char *p, size_t n)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t length = end != NULL ? (size_t)(end - p) : n;

		r->is_too_long = r->is_too_long || length > LINE_MAX_SIZE - r->length;
		if (!r->is_too_long) {
			memcpy(r->line + r->length, p, length);
			r->length += length;
		}
		if (end == NULL)
			return;
		if (!r->is_too_long)
			take_line(r);
		r->length = 0;
		r->is_too_long = false;
		p = end + 1;
		n -= length + 1;
	}
}

/* Up to where the file ends now. */
static int
read_on(struct reader *r, int fd, struct err *e)
{
	char piece[64 * 1024];
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) > 0)
		take_bytes(r, piece, (size_t)n);
	return n < 0 ? err_set(e, errno, "read the log") : 0;
}

static int
open_log(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe is read as empty */

	return fd < 0 ? err_set(e, errno, "open log '%s'", path) : fd;
}

/* Another file has the name after a rotation; a shorter one was cut. */
static int
follow_rotation(struct reader *r, const char *path, int *fd, struct err *e)
{
	struct stat mine, named;
	int rc = 0;

	if (*fd < 0) {
		*fd = open_log(path, e);
		return *fd < 0 && e->code != ENOENT ? -e->code : 0;
	}
	if (fstat(*fd, &mine) < 0 || stat(path, &named) < 0)
		return 0;
	if (mine.st_ino == named.st_ino && mine.st_dev == named.st_dev) {
		if (mine.st_size < lseek(*fd, 0, SEEK_CUR))
			lseek(*fd, 0, SEEK_SET);
		return 0;
	}
	/* What came into the old one between our last look and its end. */
	rc = read_on(r, *fd, e);
	fd_close(fd);
	r->length = 0;
	*fd = rc < 0 ? -1 : open_log(path, e);
	return *fd < 0 ? -e->code : 0;
}

/* Until standard output is closed, or a signal ends it. */
static int
follow(struct reader *r, const char *path, int *fd, struct err *e)
{
	struct pollfd out = { .fd = STDOUT_FILENO };
	int rc = 0;

	put_kept(r);
	while (rc == 0 && fflush(stdout) == 0 && poll(&out, 1, FOLLOW_MS) == 0) {
		rc = follow_rotation(r, path, fd, e);
		if (rc == 0 && *fd >= 0)
			rc = read_on(r, *fd, e);
	}
	return rc;
}

/* Nothing was found: as the function said nothing, or as there is none of that name? */
static int
check_function(struct tool *t, const struct reader *r)
{
	struct registry_version v;
	struct err e;

	if (r->function == NULL || r->n_kept > 0 || tool_configure(t, true) != 0)
		return 0;
	/* The log can be read where no registry can. */
	if (registry_open(t->config.registry, REGISTRY_READ, &t->registry, &e) < 0)
		return 0;
	return registry_version_find(t->registry, r->function, 0, &v, &e) == -ENOENT ? tool_fail(&e) : 0;
}

/* The file that has the lines. */
static int
find_log(struct tool *t, const struct reader *r, char path[FUNCTION_LOG_PATH_SIZE])
{
	const char *log = t->config.function_log;
	struct err e;

	if (log[0] == '\0')
		return tool_fail_as(EX_CONFIG,
		                    "the configuration has no function_log: the pool writes to its "
		                    "standard error; set function_log = FILE, or name the pool's "
		                    "configuration with -c FILE");
	if (log[0] != '/')
		return tool_fail_as(EX_CONFIG,
		                    "function_log = %.64s: what functions wrote is in the system's log", log);
	snprintf(path, FUNCTION_LOG_PATH_SIZE, "%s", log);
	if (!function_log_is_each(&t->config))
		return 0;
	if (r->function == NULL)
		return tool_fail_as(EX_USAGE, "each function has a log of its own: name one");
	return function_log_path(&t->config, r->function, path, &e) < 0 ? tool_fail_as(EX_USAGE, "%s", e.text)
	                                                                : 0;
}

static int
print_log(struct tool *t, struct reader *r, bool follows)
{
	char path[FUNCTION_LOG_PATH_SIZE];
	AUTO_FD fd = -1;
	struct err e;
	int rc = find_log(t, r, path);

	if (rc != 0)
		return rc;
	fd = open_log(path, &e);
	/* A function's own is made with its first line. */
	if (fd < 0 && !(function_log_is_each(&t->config) && e.code == ENOENT))
		return tool_fail(&e);
	if (fd >= 0 && read_on(r, fd, &e) < 0)
		return tool_fail(&e);
	rc = check_function(t, r);
	if (rc == 0 && follows && follow(r, path, &fd, &e) < 0)
		return tool_fail(&e);
	return rc != 0 ? rc : tool_flush();
}

static int
read_since(struct reader *r, const char *since)
{
	int64_t seconds = 0;
	struct err e;

	if (since_parse(since, clock_wall_s(), &seconds, &e) < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	report_time(seconds, r->since);
	/* The log has fractions of seconds where this has a Z. */
	r->since[strlen(r->since) - 1] = '\0';
	return 0;
}

static void
reader_done(struct reader *r)
{
	for (size_t i = 0; i < LAST; i++)
		free(r->kept[i]);
	free(r->line);
}
#define AUTO_READER __attribute__((cleanup(reader_done)))

int
run_logs(struct tool *t, const char *const *arguments)
{
	struct logs_options own = { 0 };
	const struct argument_table table = { logs_options, logs_n_options, &own };
	const struct tool_syntax syntax = { &table, 1, 0, 1 };
	AUTO_READER struct reader r = { .line = malloc(LINE_MAX_SIZE) };
	struct argument_list rest;
	int rc = tool_arguments(t, &syntax, arguments, &rest);

	if (rc == 0 && !t->wants_help && own.since != NULL)
		rc = read_since(&r, own.since);
	if (rc == 0 && !t->wants_help)
		rc = tool_configure(t, false);
	if (rc != 0 || t->wants_help)
		return rc;
	if (r.line == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	r.is_json = t->json;
	r.function = rest.n > 0 ? rest.items[0] : NULL;
	r.request_id = own.request_id;
	r.is_keeping = own.follows && own.since == NULL;
	return print_log(t, &r, own.follows);
}
