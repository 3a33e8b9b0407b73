/* symbols.c - a crash in the words of the source. */
#include "deploy-tool/symbols.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "deploy-tool/build_box.h"
#include "deploy-tool/diagnostics.h"

enum { FIXED_ARGUMENTS = 8, ADDRESS_SIZE = 24, ADDRESSES_MAX = 256, FRAME_MAX = 16 * 1024 };

static const char debug_name[] = "fn.debug";

struct addresses {
	size_t n, n_fixed;
	char text[ADDRESSES_MAX][ADDRESS_SIZE];
	const char *argv[FIXED_ARGUMENTS + ADDRESSES_MAX + 1];
};

/* -a puts each address before its lines, which tells where a frame's begin. */
static void
begin_argv(struct addresses *a, bool is_inlined)
{
	static const char *const fixed[] = { "/usr/bin/addr2line", "-a", "-f", "-C", "-p", "-e",
		                             debug_name,           "-i" };

	a->n = 0;
	a->n_fixed = ARRAY_SIZE(fixed) - !is_inlined;
	memcpy(a->argv, fixed, a->n_fixed * sizeof fixed[0]);
	a->argv[a->n_fixed] = NULL;
}

/* The one that was just written behind the others. */
static void
add_address(struct addresses *a)
{
	a->argv[a->n_fixed + a->n] = a->text[a->n];
	a->argv[a->n_fixed + ++a->n] = NULL;
}

static void
make_argv(struct addresses *a, const struct stack *s)
{
	begin_argv(a, true);
	for (size_t i = 0; i < s->n; i++) {
		if (!stack_is_own(&s->frames[i]))
			continue;
		snprintf(a->text[a->n], ADDRESS_SIZE, "0x%" PRIx64, s->frames[i].at);
		add_address(a);
	}
}

static int
look_up(struct tool *t, const void *debug, size_t size, const struct addresses *a, struct box_result *result,
        struct err *e)
{
	static const char *const nothing[] = { NULL };
	const struct box_file files[] = { { debug_name, debug, size } };
	const struct build_step step = { "addr2line", a->argv, files, 1, nothing };
	int rc;

	tool_open_boxes(t);
	rc = build_step_run(&t->boxes, &step, result, e);
	if (rc == 0 && (result->ending.code != CLD_EXITED || result->ending.status != 0))
		rc = err_set(e, -ENOEXEC, "the debug information cannot be read");
	return rc;
}

/* ---- lines ---- */

static bool
next_line(const char **p, size_t *n, const char **line, size_t *length)
{
	const char *newline = *n > 0 ? memchr(*p, '\n', *n) : NULL;

	if (*n == 0)
		return false;
	*line = *p;
	*length = newline != NULL ? (size_t)(newline - *p) : *n;
	*p += *length + (newline != NULL);
	*n -= *length + (newline != NULL);
	return true;
}

/* Without what the compiler thinks of a line beside its number. */
static size_t
without_discriminator(const char *line, size_t n)
{
	const char *extra = memmem(line, n, " (discriminator ", 16);

	return extra != NULL && line[n - 1] == ')' ? (size_t)(extra - line) : n;
}

/* In the box the files lie in its working folder. */
static void
put_line(struct buf *to, const char *line, size_t n)
{
	static const char box[] = " at ./";
	const char *at;

	while (n > 0 && line[0] == ' ') {
		line++;
		n--;
	}
	n = n > 0 ? without_discriminator(line, n) : 0;
	at = n > 0 ? memmem(line, n, box, sizeof box - 1) : NULL;
	if (at != NULL) {
		size_t before = (size_t)(at - line) + 4;

		diagnostics_escape(to, line, before);
		line += before;
		n -= before;
		while (n > 2 && line[0] == '.' && line[1] == '/') {
			line += 2;
			n -= 2;
		}
	}
	if (n > 0 && diagnostics_escape(to, line, n) == 0)
		buf_append(to, "\n", 1);
}

/* "0x1234: divide at ./crash.c:12", then lines " (inlined by) ..." up to the next address. */
static void
put_own(struct buf *to, const char **p, size_t *n)
{
	const char *line, *rest = *p;
	size_t length, left = *n;

	for (bool is_first = true; next_line(&rest, &left, &line, &length); is_first = false) {
		const char *colon = memmem(line, length, ": ", 2);

		if (!is_first && length > 2 && memcmp(line, "0x", 2) == 0)
			return;
		if (is_first && colon != NULL)
			put_line(to, colon + 2, length - (size_t)(colon + 2 - line));
		else
			put_line(to, line, length);
		*p = rest;
		*n = left;
	}
}

static void
put_other(struct buf *to, const struct stack_frame *f)
{
	buf_printf(to, "%s%s0x%" PRIx64 "\n", f->file, f->file[0] != '\0' ? "+" : "", f->at);
}

/* Behind the last one of the function there are only those that called it. */
static size_t
count_frames(const struct stack *s)
{
	size_t n = s->n;

	while (n > 0 && !stack_is_own(&s->frames[n - 1]))
		n--;
	return n > 0 ? n : s->n;
}

/* Frames that are alike are one, and how often it came again. */
struct lines {
	struct buf *to;
	struct buf last; /* the frame that is not written yet */
	size_t n_again;
};

static void
lines_flush(struct lines *l)
{
	if (buf_used(&l->last) > 0)
		buf_append(l->to, buf_head(&l->last), buf_used(&l->last));
	if (l->n_again > 0)
		buf_printf(l->to, "... and %zu times more\n", l->n_again);
	buf_clear(&l->last);
	l->n_again = 0;
}

static void
lines_put(struct lines *l, const struct buf *frame)
{
	size_t n = buf_used(frame);

	if (n == buf_used(&l->last) && n > 0 && memcmp(buf_head(frame), buf_head(&l->last), n) == 0) {
		l->n_again++;
		return;
	}
	lines_flush(l);
	if (n > 0)
		buf_append(&l->last, buf_head(frame), n);
}

static void
put_frames(struct buf *to, const struct stack *s, const char *found, size_t n)
{
	struct lines l = { .to = to };
	struct buf frame;

	buf_init(&l.last, FRAME_MAX);
	buf_init(&frame, FRAME_MAX);
	for (size_t i = 0; i < count_frames(s); i++) {
		buf_clear(&frame);
		if (stack_is_own(&s->frames[i]) && n > 0)
			put_own(&frame, &found, &n);
		else
			put_other(&frame, &s->frames[i]);
		lines_put(&l, &frame);
	}
	lines_flush(&l);
	buf_done(&l.last);
	buf_done(&frame);
}

/* The debug information: the file's, or the version's, which is read into *blob. */
static int
find_debug(struct tool *t, const struct subject *subject, char **blob, const char **debug, size_t *size,
           struct err *e)
{
	int rc = 0;

	*debug = subject->artifact.build.debug;
	*size = subject->artifact.build.debug_size;
	if (!subject->is_file) {
		rc = registry_blob(t->registry, &subject->version.debug, blob, size, e);
		*debug = *blob;
	}
	return rc;
}

int
symbols_format(struct tool *t, const struct subject *subject, const struct stack *s, struct buf *to,
               struct err *e)
{
	struct box_result result = { 0 };
	AUTO_FREE char *blob = NULL;
	struct addresses a;
	const char *debug;
	size_t size;
	int rc = 0;

	make_argv(&a, s);
	if (a.n > 0)
		rc = find_debug(t, subject, &blob, &debug, &size, e);
	if (a.n > 0 && rc == 0)
		rc = look_up(t, debug, size, &a, &result, e);
	put_frames(to, s, rc == 0 ? buf_head(&result.out) : NULL, rc == 0 ? buf_used(&result.out) : 0);
	box_result_done(&result);
	return rc;
}

/* ---- reports of sanitizers ---- */

/* "    #0 0x7f12  (fn.so+0x1234)": where the offset stands, NULL when the line is another one. */
static const char *
report_frame(const char *line, size_t n, size_t *length)
{
	static const char before[] = "(fn.so+";
	const char *at = n > 0 ? memmem(line, n, before, sizeof before - 1) : NULL, *end;

	if (at == NULL)
		return NULL;
	at += sizeof before - 1;
	end = memchr(at, ')', n - (size_t)(at - line));
	*length = end != NULL ? (size_t)(end - at) : 0;
	return *length > 2 && *length < ADDRESS_SIZE && memcmp(at, "0x", 2) == 0 &&
	               strspn(at + 2, "0123456789abcdef") == *length - 2
	           ? at
	           : NULL;
}

static void
collect_report(struct addresses *a, const char *p, size_t n)
{
	const char *line;
	size_t length, digits;

	begin_argv(a, false);
	while (next_line(&p, &n, &line, &length) && a->n < ARRAY_SIZE(a->text)) {
		const char *at = report_frame(line, length, &digits);

		if (at == NULL)
			continue;
		snprintf(a->text[a->n], ADDRESS_SIZE, "%.*s", (int)digits, at);
		add_address(a);
	}
}

/* "    #0 0x7f12  " stays, what was looked up follows. */
static void
put_report_frame(struct buf *to, const char *line, const char *at, const char **found, size_t *n)
{
	size_t before = (size_t)(at - line) - strlen("(fn.so+");

	buf_append(to, line, before);
	put_own(to, found, n);
}

int
symbols_translate(struct tool *t, const struct subject *subject, const struct buf *report, struct buf *to,
                  struct err *e)
{
	const char *p = buf_head(report), *line, *debug, *found = NULL;
	size_t n = buf_used(report), length, digits, size, left = 0;
	struct box_result result = { 0 };
	AUTO_FREE char *blob = NULL;
	struct addresses a;
	int rc = 0;

	collect_report(&a, p, n);
	if (a.n > 0)
		rc = find_debug(t, subject, &blob, &debug, &size, e);
	if (a.n > 0 && rc == 0)
		rc = look_up(t, debug, size, &a, &result, e);
	if (a.n > 0 && rc == 0) {
		found = buf_head(&result.out);
		left = buf_used(&result.out);
	}
	while (next_line(&p, &n, &line, &length)) {
		const char *at = report_frame(line, length, &digits);

		if (at != NULL && left > 0) {
			put_report_frame(to, line, at, &found, &left);
			continue;
		}
		buf_append(to, line, length);
		buf_append(to, "\n", 1);
	}
	box_result_done(&result);
	return rc;
}
