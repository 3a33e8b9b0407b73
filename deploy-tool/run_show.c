/* run_show.c - what `cfn-deploy run` prints: output as it comes, a line of usage on a terminal, a verdict. */
#include "deploy-tool/run_show.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "deploy-tool/diagnostics.h"

enum { EXIT_SIGNAL = 128, SEQUENCE_MAX = 4, CLEAR_WIDTH = 60 };

/* One stream of the program: what of it was printed already, and the beginning of a character. */
struct shown_stream {
	FILE *to;
	bool is_terminal;
	size_t n_printed;
	char begun[SEQUENCE_MAX];
	size_t n_begun;
};

/* A report, and the bytes that it points to. */
struct shown_report {
	bool is_there;
	struct run_report report;
	char *bytes;
};

struct run_shown {
	const struct tool *tool;
	const char *name;
	struct shown_stream streams[2];
	struct shown_report compiler, program;
	json_t *files;
	bool has_line; /* of usage, to be overwritten */
	enum run_status status;
	char message[RUN_MESSAGE_SIZE];
};

struct run_shown *
run_shown_new(const struct tool *tool, const char *name)
{
	struct run_shown *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->tool = tool;
	s->name = name;
	s->streams[0] = (struct shown_stream){ .to = stdout, .is_terminal = isatty(STDOUT_FILENO) };
	s->streams[1] = (struct shown_stream){ .to = stderr, .is_terminal = isatty(STDERR_FILENO) };
	s->files = json_array();
	return s;
}

void
run_shown_free(struct run_shown *s)
{
	if (!s)
		return;
	free(s->compiler.bytes);
	free(s->program.bytes);
	json_decref(s->files);
	free(s);
}

/* ---- bytes ---- */

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

/* How many bytes at the end are the beginning of a character whose rest may still come. */
static size_t
begun_at_end(const char *p, size_t n)
{
	for (size_t k = 1; k < SEQUENCE_MAX && k <= n; k++) {
		unsigned char byte = (unsigned char)p[n - k];

		if (byte >= 0xc0)
			return utf8_sequence(p + n - k, k) == 0 ? k : 0;
		if (byte < 0x80)
			return 0;
	}
	return 0;
}

static void
put_to_terminal(struct shown_stream *s, const char *data, size_t n, bool is_last)
{
	AUTO_FREE char *all = malloc(s->n_begun + n + 1);
	size_t held;

	if (!all)
		return;
	memcpy(all, s->begun, s->n_begun);
	memcpy(all + s->n_begun, data, n);
	n += s->n_begun;
	held = is_last ? 0 : begun_at_end(all, n);
	put_lines(all, n - held, s->to);
	memcpy(s->begun, all + n - held, held);
	s->n_begun = held;
}

static void
put_bytes(struct shown_stream *s, const char *data, size_t n, bool is_last)
{
	if (s->is_terminal)
		put_to_terminal(s, data, n, is_last);
	else if (n > 0)
		fwrite(data, 1, n, s->to);
	fflush(s->to);
}

/* ---- while it runs ---- */

/* Progress is for who looks: standard error is a terminal, and no document is asked for. */
static bool
is_watched(const struct run_shown *s)
{
	return s->streams[1].is_terminal && !s->tool->json;
}

static void
line_clear(struct run_shown *s)
{
	if (s->has_line)
		fprintf(stderr, "\r%*s\r", CLEAR_WIDTH, "");
	s->has_line = false;
}

static void
line_put(struct run_shown *s, const char *text)
{
	line_clear(s);
	fprintf(stderr, "%s", text);
	fflush(stderr);
	s->has_line = true;
}

static void
usage_show(struct run_shown *s, const struct run_usage *u)
{
	char line[CLEAR_WIDTH];

	snprintf(line, sizeof line, "%.1f s, %.2f s of CPU, %.1f MiB, %llu processes",
	         (double)u->wall_us / 1e6, (double)u->cpu_us / 1e6, (double)u->memory / (1 << 20),
	         (unsigned long long)u->processes);
	line_put(s, line);
}

static void
output_show(struct run_shown *s, const struct run_event *event)
{
	struct shown_stream *stream = &s->streams[event->stream - 1];

	line_clear(s);
	put_bytes(stream, event->data, event->n, false);
	stream->n_printed += event->n;
}

static void
report_keep(struct shown_report *to, const struct run_report *report)
{
	to->is_there = true;
	to->report = *report;
	to->bytes = malloc(report->size_out + report->size_err + 1);
	if (!to->bytes) {
		to->report.size_out = to->report.size_err = 0;
		return;
	}
	memcpy(to->bytes, report->out, report->size_out);
	memcpy(to->bytes + report->size_out, report->err, report->size_err);
	to->report.out = to->bytes;
	to->report.err = to->bytes + report->size_out;
}

static void
file_keep(struct run_shown *s, const struct run_event *event)
{
	json_t *file = json_pack("{s:s, s:I}", "name", event->name, "size", (json_int_t)event->n);

	if (utf8_is_valid(event->data, event->n))
		json_object_set_new(file, "content", json_stringn(event->data, event->n));
	else
		json_object_set_new(file, "content", json_null());
	json_array_append_new(s->files, file);
}

void
run_shown_event(void *shown, const struct run_event *event)
{
	struct run_shown *s = shown;

	if (event->type == RUN_EVENT_COMPILING && is_watched(s))
		line_put(s, "compiling ...");
	else if (event->type == RUN_EVENT_COMPILED)
		report_keep(&s->compiler, &event->report);
	else if (event->type == RUN_EVENT_USAGE && is_watched(s))
		usage_show(s, &event->usage);
	else if (event->type == RUN_EVENT_OUTPUT && !s->tool->json)
		output_show(s, event);
	else if (event->type == RUN_EVENT_CASE_ENDED)
		report_keep(&s->program, &event->report);
	else if (event->type == RUN_EVENT_FILE)
		file_keep(s, event);
	if (event->type == RUN_EVENT_ENDED) {
		s->status = event->report.status;
		memcpy(s->message, event->report.message, sizeof s->message);
	}
	if (event->type == RUN_EVENT_COMPILED && event->report.size_err > 0 && !s->tool->json) {
		line_clear(s);
		put_bytes(&s->streams[1], event->report.err, event->report.size_err, true);
	}
}

/* ---- afterwards ---- */

/* JSON has no bytes: what is no UTF-8 is not shown here as if it were. */
static void
json_put_stream(json_t *object, const char *name, const char *data, size_t n)
{
	json_object_set_new(object, name, utf8_is_valid(data, n) ? json_stringn(data, n) : json_null());
}

static json_t *
json_of_report(const struct run_report *r)
{
	json_t *o = json_pack("{s:s, s:I, s:I, s:o, s:I, s:s, s:I, s:I, s:b}", "status",
	                      run_status_word(r->status), "cpu_ms", (json_int_t)(r->cpu_us / 1000), "wall_ms",
	                      (json_int_t)(r->wall_us / 1000), "memory_peak_bytes",
	                      r->memory_peak > 0 ? json_integer((json_int_t)r->memory_peak) : json_null(),
	                      "processes_peak", (json_int_t)r->processes_peak, "memory_by",
	                      r->has_cgroup ? "cgroup" : "rlimit", "stdout_bytes", (json_int_t)r->n_out,
	                      "stderr_bytes", (json_int_t)r->n_err, "truncated",
	                      r->n_out > r->size_out || r->n_err > r->size_err);

	if (r->ending.code == CLD_EXITED)
		json_object_set_new(o, "exit_code", json_integer(r->ending.status));
	else
		json_object_set_new(o, "signal_number", json_integer(r->ending.status));
	json_put_stream(o, "stdout", r->out, r->size_out);
	json_put_stream(o, "stderr", r->err, r->size_err);
	if (r->syscall[0])
		json_object_set_new(o, "syscall", json_string(r->syscall));
	if (r->message[0])
		json_object_set_new(o, "message", json_string(r->message));
	return o;
}

static int
put_json(const struct run_shown *s, const char *language)
{
	json_t *answer = s->program.is_there ? json_of_report(&s->program.report)
	                                     : json_pack("{s:s}", "status", run_status_word(s->status));

	json_object_set_new(answer, "language", json_string(language));
	if (s->compiler.is_there)
		json_object_set_new(answer, "compile", json_of_report(&s->compiler.report));
	if (json_array_size(s->files) > 0)
		json_object_set(answer, "files", s->files);
	return tool_print_json(answer);
}

static int
exit_status(const struct run_shown *s)
{
	const struct ending *e = &s->program.report.ending;

	if (!s->program.is_there)
		return EX_DATAERR;
	return e->code == CLD_EXITED ? e->status : EXIT_SIGNAL + e->status;
}

/* What came after the head is the tail: it is known only now. */
static void
tail_put(struct shown_stream *s, const char *data, size_t n, uint64_t n_came)
{
	size_t printed = s->n_printed < n ? s->n_printed : n;

	put_bytes(s, data + printed, n - printed, true);
	if (n_came > n)
		fprintf(stderr, "cfn-deploy: %llu bytes in the middle of its %s are left out\n",
		        (unsigned long long)(n_came - n), s->to == stdout ? "output" : "messages");
}

static void
verdict_put(const struct run_shown *s)
{
	const struct run_report *last = s->program.is_there ? &s->program.report : &s->compiler.report;
	char how[ENDING_TEXT_SIZE];

	if (s->status == RUN_ACCEPTED || s->status == RUN_NONZERO_EXIT)
		return;
	ending_format(&last->ending, how);
	fprintf(stderr, "cfn-deploy: %s: %s%s%s (%s; %.3f s of CPU time, %.3f s, %.1f MiB)\n", s->name,
	        run_status_word(s->status), s->message[0] ? ": " : "", s->message, how,
	        (double)last->cpu_us / 1e6, (double)last->wall_us / 1e6,
	        (double)last->memory_peak / (1 << 20));
}

int
run_shown_end(struct run_shown *s, const char *language)
{
	const struct run_report *r = &s->program.report;

	if (s->tool->json)
		return put_json(s, language);
	line_clear(s);
	if (s->program.is_there) {
		tail_put(&s->streams[0], r->out, r->size_out, r->n_out);
		tail_put(&s->streams[1], r->err, r->size_err, r->n_err);
	}
	verdict_put(s);
	return exit_status(s);
}
