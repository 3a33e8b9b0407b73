/* output.c - what a function writes to its descriptors and logs: bounded lines in the function's log. */
#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/start.h"
#include "router/router.h"

enum { OUTPUT_EVENTS = EPOLLIN | EPOLLET, OUTPUT_READS = 16 };

/* cfn_log begins its lines with the level's name and ": ". */
static int
level_take(struct span *line, int standard)
{
	if (!line->p)
		return standard;
	for (int i = LOG_EMERG; i <= LOG_DEBUG; i++) {
		const char *name = logs_level(i);
		size_t n = strlen(name);

		if (line->n < n + 2 || memcmp(line->p, name, n) != 0 || memcmp(line->p + n, ": ", 2) != 0)
			continue;
		line->p += n + 2;
		line->n -= n + 2;
		return i;
	}
	return standard;
}

/* What is left of the request's and of the minute's budget for n more bytes. */
static bool
is_within(struct router *r, struct pool *p, struct request *q, size_t n)
{
	uint64_t minute = r->now_us / 60000000;

	if (p->log_minute != minute) {
		p->log_minute = minute;
		p->n_logged = 0;
	}
	if (p->n_logged + n > STDERR_MINUTE_MAX || (q && q->n_logged + n > STDERR_REQUEST_MAX))
		return false;
	p->n_logged += n;
	if (q)
		q->n_logged += n;
	return true;
}

static void
line_log(struct router *r, struct worker *w, struct request *q, int standard, struct span line)
{
	static const struct span cut = { "the rest of the output of this request is not logged", 52 };
	struct pool *p = w->pool;
	int level = level_take(&line, standard);

	if (line.n == 0)
		return;
	failure_line(w, q, line);
	if (is_within(r, p, q, line.n)) {
		logs_function(r, p, q, level, line);
	} else if (q && !q->is_log_cut) {
		q->is_log_cut = true;
		logs_function(r, p, q, LOG_WARNING, cut);
	}
}

void
output_stderr(struct router *r, struct request *q, const unsigned char *p, size_t n)
{
	const char *at = (const char *)p, *end = at + n;

	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((line_end ? line_end : end) - at);

		if (length > LOG_TEXT_MAX)
			length = LOG_TEXT_MAX;
		line_log(r, q->worker, q, LOG_INFO, (struct span){ at, length });
		at += length;
		if (at == line_end)
			at++;
	}
}

static void
line_flush(struct router *r, struct worker *w)
{
	if (buf_used(&w->line) > 0)
		line_log(r, w, TAILQ_FIRST(&w->in_flight), LOG_NOTICE,
		         (struct span){ buf_head(&w->line), buf_used(&w->line) });
	buf_clear(&w->line);
}

static void
bytes_take(struct router *r, struct worker *w, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n' && buf_append(&w->line, &p[i], 1) == 0)
			continue;
		line_flush(r, w);
		if (p[i] != '\n')
			buf_append(&w->line, &p[i], 1);
	}
}

/* Bounded: a function that prints without end must not keep the others waiting. */
static void
output_read(struct router *r, struct worker *w)
{
	char text[4096];

	for (int i = 0; i < OUTPUT_READS; i++) {
		ssize_t n = read(w->output.fd, text, sizeof text);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			loop_forget(r, &w->output);
			return;
		}
		bytes_take(r, w, text, (size_t)n);
	}
	/* Asked again, the kernel says once more what is there. */
	loop_watch(r, &w->output, OUTPUT_EVENTS);
}

/* What a process that crashes says comes in two pieces (worker/crash.c), and is one line. */
static bool
is_crash_begun(const struct worker *w)
{
	static const char start[] = CRASH_LINE_START;

	return buf_used(&w->line) >= sizeof start - 1 &&
	       memcmp(buf_head(&w->line), start, sizeof start - 1) == 0;
}

static void
output_ready(struct router *r, struct source *s, uint32_t events)
{
	struct worker *w = CONTAINER_OF(s, struct worker, output);

	(void)events;
	output_read(r, w);
	if (!is_crash_begun(w))
		line_flush(r, w);
}

void
output_now(struct router *r, struct worker *w)
{
	if (w->output.fd < 0)
		return;
	output_read(r, w);
	line_flush(r, w);
}

void
output_end(struct router *r, struct worker *w)
{
	if (w->output.fd < 0)
		return;
	output_read(r, w);
	line_flush(r, w);
	loop_forget(r, &w->output);
}

void
output_watch(struct router *r, struct worker *w, int output)
{
	w->output = (struct source){ .fd = output, .ready = output_ready };
	if (fd_set_blocking(output, 0) < 0 || loop_watch(r, &w->output, OUTPUT_EVENTS) < 0)
		fd_close(&w->output.fd);
}
