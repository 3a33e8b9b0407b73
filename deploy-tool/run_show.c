/* run_show.c - what `cfn-deploy run` prints: output as it comes, a line of usage on a terminal, a verdict. */
#include "deploy-tool/run_show.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "deploy-tool/diagnostics.h"
#include "run/result.h"
#include "sandbox/box.h"

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
	struct run_result *result; /* for --json */
	int rc;                    /* of taking events into it */
	uint64_t started_us;       /* since 1970 */
	bool has_line;             /* of usage, to be overwritten */
	enum run_status status;
	char message[RUN_MESSAGE_SIZE];
};

void
run_shown_free(struct run_shown *s)
{
	if (!s)
		return;
	free(s->compiler.bytes);
	free(s->program.bytes);
	run_result_free(s->result);
	free(s);
}

struct run_shown *
run_shown_new(const struct tool *tool, const struct run_job *job)
{
	struct run_shown *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->tool = tool;
	s->name = job->files[0].path;
	s->streams[0] = (struct shown_stream){ .to = stdout, .is_terminal = isatty(STDOUT_FILENO) };
	s->streams[1] = (struct shown_stream){ .to = stderr, .is_terminal = isatty(STDERR_FILENO) };
	s->started_us = (uint64_t)clock_wall_ms() * 1000;
	s->result = run_result_new(job);
	if (s->result)
		return s;
	run_shown_free(s);
	return NULL;
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

/* While it is told. */
static void
progress_show(struct run_shown *s, const struct run_event *event)
{
	if (event->type == RUN_EVENT_COMPILING)
		line_put(s, "compiling ...");
	if (event->type == RUN_EVENT_USAGE)
		usage_show(s, &event->usage);
}

static void
compiled_show(struct run_shown *s, const struct run_report *report)
{
	report_keep(&s->compiler, report);
	line_clear(s);
	put_bytes(&s->streams[1], report->err, report->size_err, true);
}

static void
event_show(struct run_shown *s, const struct run_event *event)
{
	if (s->streams[1].is_terminal)
		progress_show(s, event);
	if (event->type == RUN_EVENT_COMPILED)
		compiled_show(s, &event->report);
	else if (event->type == RUN_EVENT_OUTPUT)
		output_show(s, event);
	else if (event->type == RUN_EVENT_CASE_ENDED)
		report_keep(&s->program, &event->report);
	if (event->type == RUN_EVENT_ENDED) {
		s->status = event->report.status;
		memcpy(s->message, event->report.message, sizeof s->message);
	}
}

void
run_shown_event(void *shown, const struct run_event *event)
{
	struct run_shown *s = shown;

	if (!s->tool->json)
		event_show(s, event);
	else if (s->rc == 0)
		s->rc = run_result_take(s->result, event);
}

/* ---- afterwards ---- */

/* The document that a server would answer with. */
static int
put_json(const struct run_shown *s)
{
	const struct run_facts facts = { .created_us = s->started_us,
		                         .started_us = s->started_us,
		                         .finished_us = (uint64_t)clock_wall_ms() * 1000,
		                         .isolation = box_has_landlock() ? "full" : "strong" };
	json_t *document = run_result_json(s->result, &facts);

	return document ? tool_print_json(document) : tool_fail_as(EX_OSERR, "the result: out of memory");
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
	char how[ENDING_TEXT_SIZE], memory[32] = "";

	if (s->status == RUN_ACCEPTED || s->status == RUN_NONZERO_EXIT)
		return;
	ending_format(&last->ending, how);
	if (last->memory_peak > 0)
		snprintf(memory, sizeof memory, ", %.1f MiB", (double)last->memory_peak / (1 << 20));
	fprintf(stderr, "cfn-deploy: %s: %s%s%s (%s; %.3f s of CPU time, %.3f s%s)\n", s->name,
	        run_status_word(s->status), s->message[0] ? ": " : "", s->message, how,
	        (double)last->cpu_us / 1e6, (double)last->wall_us / 1e6, memory);
}

int
run_shown_end(struct run_shown *s)
{
	const struct run_report *r = &s->program.report;

	if (s->tool->json)
		return s->rc < 0 ? tool_fail_as(EX_SOFTWARE, "the result: %s", strerror(-s->rc))
		                 : put_json(s);
	line_clear(s);
	if (s->program.is_there) {
		tail_put(&s->streams[0], r->out, r->size_out, r->n_out);
		tail_put(&s->streams[1], r->err, r->size_err, r->n_err);
	}
	verdict_put(s);
	return exit_status(s);
}
