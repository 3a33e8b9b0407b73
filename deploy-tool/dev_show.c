/* dev_show.c - what `cfn-deploy dev` prints.  Nothing that a client or a function said reaches the terminal
 * raw. */
#include "deploy-tool/dev_show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy-tool/diagnostics.h"
#include "deploy-tool/tool.h"

enum { TEXT_MAX = 8 * 1024, PIECE = 16 * 1024, PIECES_MAX = 16 };

/* Of an answer, by the hundreds of its status. */
static const char *const status_colors[] = { "", "", "\033[32m", "\033[36m", "\033[33m", "\033[31m" };
static const char plain[] = "\033[0m";

void
dev_show_init(struct show *s, bool is_json)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	*s = (struct show){ .is_json = is_json };
	s->is_colored = !is_json && isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
	                (terminal == NULL || strcmp(terminal, "dumb") != 0);
	buf_init(&s->pool, SHOW_LINE_MAX);
	buf_init(&s->web, SHOW_LINE_MAX);
}

void
dev_show_done(struct show *s)
{
	buf_done(&s->pool);
	buf_done(&s->web);
}

/* ---- lines of ours ---- */

static void
put_escaped(const char *text, size_t n)
{
	struct buf shown;

	buf_init(&shown, TEXT_MAX);
	(void)diagnostics_escape(&shown, text, n < TEXT_MAX / 4 ? n : TEXT_MAX / 4);
	fwrite(buf_head(&shown), 1, buf_used(&shown), stdout);
	buf_done(&shown);
}

static void
print_event(const char *event, const char *text, size_t n)
{
	AUTO_JSON json_t *object = json_pack("{s:s, s:s%}", "event", event, "text", text, n);

	if (object == NULL)
		object = json_pack("{s:s}", "event", event);
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
}

void
dev_show_words(const struct show *s, const char *event, const char *words, size_t n)
{
	const struct diagnostics_names none = { 0 };
	struct buf shown;

	if (s->is_json) {
		print_event(event, words, n);
		return;
	}
	buf_init(&shown, 8 * n + TEXT_MAX);
	(void)diagnostics_format(&shown, words, n, &none, s->is_colored);
	fwrite(buf_head(&shown), 1, buf_used(&shown), stdout);
	buf_done(&shown);
}

void
dev_show_line(const struct show *s, const char *event, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (s->is_json) {
		print_event(event, text, strlen(text));
		return;
	}
	put_escaped(text, strlen(text));
	putchar('\n');
}

/* ---- lines of the pool ---- */

static const char *
member(const json_t *record, const char *name)
{
	const char *text = json_string_value(json_object_get(record, name));

	return text != NULL ? text : "";
}

static void
put_member(const json_t *record, const char *name, const char *before, const char *behind)
{
	const char *text = member(record, name);

	if (text[0] == '\0')
		return;
	fputs(before, stdout);
	put_escaped(text, strlen(text));
	fputs(behind, stdout);
}

static json_int_t
number(const json_t *record, const char *name)
{
	return json_integer_value(json_object_get(record, name));
}

static void
print_status(const struct show *s, json_int_t status)
{
	const char *color = status >= 0 && status < 600 ? status_colors[status / 100] : "";

	printf("%s%3" JSON_INTEGER_FORMAT "%s", s->is_colored ? color : "", status,
	       s->is_colored && color[0] != '\0' ? plain : "");
}

/* " 200  GET /hello  0.4 ms  hello v2  crash (signal 11)" */
static void
print_request(const struct show *s, const json_t *record)
{
	print_status(s, number(record, "status"));
	put_member(record, "method", "  ", " ");
	put_member(record, "path", "", "");
	printf("  %.1f ms", (double)number(record, "duration_us") / 1000);
	put_member(record, "function", "  ", "");
	if (json_object_get(record, "version") != NULL)
		printf(" v%" JSON_INTEGER_FORMAT, number(record, "version"));
	put_member(record, "cause", "  ", "");
	put_member(record, "ending", " (", ")");
	put_member(record, "syscall", " ", "");
	putchar('\n');
}

static void
print_log(const json_t *record)
{
	put_member(record, "function", "     ", " ");
	put_member(record, "level", "", ": ");
	put_member(record, "text", "", "");
	putchar('\n');
}

static void
remember(struct show *s, const char *line, size_t n)
{
	size_t used = strlen(s->last);

	if (used + n + 2 > sizeof s->last)
		used = 0;
	snprintf(s->last + used, sizeof s->last - used, "%.*s\n", (int)n, line);
}

/* Of the master itself what is an error; functions and requests are JSON. */
static void
take_pool(struct show *s, const char *line, size_t n)
{
	AUTO_JSON json_t *record = n > 0 && line[0] == '{' ? json_loadb(line, n, 0, NULL) : NULL;

	if (record == NULL) {
		remember(s, line, n);
		if (memmem(line, n, " error: ", 8) != NULL)
			dev_show_line(s, "pool", "%.*s", (int)n, line);
	} else if (s->is_json) {
		printf("%.*s\n", (int)n, line);
	} else if (json_object_get(record, "status") != NULL) {
		print_request(s, record);
	} else {
		print_log(record);
	}
}

/* What it says while it stops is of no use. */
static void
take_web(struct show *s, const char *line, size_t n)
{
	remember(s, line, n);
	if (memmem(line, n, "[emerg]", 7) != NULL || memmem(line, n, "[error]", 7) != NULL ||
	    memmem(line, n, "[alert]", 7) != NULL)
		dev_show_line(s, "web", "%s: %.*s", s->server, (int)n, line);
}

/* Line by line; one that is longer than SHOW_LINE_MAX is dropped. */
static void
read_lines(struct show *s, int fd, struct buf *lines, void (*take)(struct show *, const char *, size_t))
{
	char piece[PIECE];
	ssize_t n;

	/* Whoever writes without end does not keep us here. */
	for (int i = 0; i < PIECES_MAX && (n = read(fd, piece, sizeof piece)) > 0; i++) {
		const char *newline;

		if (buf_append(lines, piece, (size_t)n) < 0)
			buf_clear(lines);
		while (buf_used(lines) > 0 &&
		       (newline = memchr(buf_head(lines), '\n', buf_used(lines))) != NULL) {
			size_t length = (size_t)(newline - buf_head(lines));

			take(s, buf_head(lines), length);
			buf_consume(lines, length + 1);
		}
	}
}

void
dev_show_pool(struct show *s, int fd)
{
	read_lines(s, fd, &s->pool, take_pool);
}

void
dev_show_web(struct show *s, int fd)
{
	read_lines(s, fd, &s->web, take_web);
}

void
dev_show_refused(const struct show *s, const char *method, const char *uri)
{
	if (s->is_json) {
		dev_show_line(s, "refused", "%s %s", method, uri);
		return;
	}
	print_status(s, 500);
	fputs("  ", stdout);
	put_escaped(method, strlen(method));
	putchar(' ');
	put_escaped(uri, strlen(uri));
	printf("  the diagnostics, for it does not compile\n");
}

void
dev_show_last(const struct show *s)
{
	const struct diagnostics_names none = { 0 };
	struct buf shown;

	buf_init(&shown, 8 * SHOW_LAST_MAX);
	(void)diagnostics_format(&shown, s->last, strlen(s->last), &none, false);
	fwrite(buf_head(&shown), 1, buf_used(&shown), stderr);
	buf_done(&shown);
}
