/* logs.c - the logs of a router: one line a record, written in batches of whole lines. */
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "router/log_line.h"

enum { LOG_BUFFER_MAX = 256 * 1024 };

static void
count_error(struct router *r, const struct log_file *file)
{
	if (file == &r->access)
		r->counters.access_log_errors++;
	else
		r->counters.function_log_errors++;
}

/* What is not taken at once is lost, and counted. */
static void
message_send_to(struct router *r, struct log_file *file, const struct log_message *m)
{
	if (log_system_send(file->fd, &file->name, m))
		return;
	file->n_dropped++;
	count_error(r, file);
}

static void
lost_tell(struct router *r, struct log_file *file, uint64_t n_before)
{
	if (n_before == 0 || n_before != file->n_dropped)
		return;
	file->n_dropped = 0;
	log_line(LOG_WARNING, "%llu lines of the %s log were not taken by the system's log",
	         (unsigned long long)n_before, file == &r->access ? "access" : "function");
}

/* One message a line. */
static void
lines_send(struct router *r, struct log_file *file)
{
	const char *p = buf_head(&file->buf), *end = p + buf_used(&file->buf), *newline;
	uint64_t n_before = file->n_dropped;

	for (; p < end && (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1)
		message_send_to(r, file,
		                &(struct log_message){
				    .level = LOG_INFO, .text = p, .n = (size_t)(newline - p) });
	lost_tell(r, file, n_before);
}

static void
file_flush(struct router *r, struct log_file *file)
{
	if (buf_used(&file->buf) == 0 || file->fd < 0)
		return;
	/* A full disk must not stop the serving: the lines are lost. */
	if (file->name.target != LOG_TO_FILE)
		lines_send(r, file);
	else if (fd_write_all(file->fd, buf_head(&file->buf), buf_used(&file->buf)) < 0)
		count_error(r, file);
	buf_clear(&file->buf);
}

/* The journal has whose line it is in fields of its own, which a batch would not tell. */
static void
journal_add(struct router *r, struct log_file *file, const struct line *l, struct log_message m)
{
	uint64_t n_before = file->n_dropped;

	m.text = l->text;
	m.n = l->n;
	message_send_to(r, file, &m);
	lost_tell(r, file, n_before);
}

void
log_add(struct router *r, struct log_file *file, struct line *l, const struct log_message *message)
{
	if (file->name.target == LOG_TO_JOURNAL) {
		journal_add(r, file, l, *message);
		return;
	}
	/* Whatever filled it: two records never share a line. */
	if (l->n == sizeof l->text)
		l->n--;
	line_put_text(l, "\n");
	if (buf_used(&file->buf) == 0)
		file->since_us = r->now_us;
	if (buf_append(&file->buf, l->text, l->n) == 0)
		return;
	file_flush(r, file);
	/* A file that the master does not open takes no more than this. */
	(void)buf_append(file->fd < 0 ? &r->function.buf : &file->buf, l->text, l->n);
}

static void
file_check(struct router *r, struct log_file *file, bool is_forced)
{
	if (is_forced || buf_used(&file->buf) >= LOG_FLUSH_SIZE ||
	    r->now_us - file->since_us >= LOG_FLUSH_MS * 1000)
		file_flush(r, file);
}

void
logs_flush(struct router *r, bool is_forced)
{
	/* Whoever looks after an answer finds its line, unless there is a batch to be had. */
	file_check(r, &r->access, is_forced || r->counters.requests_active == 0);
	file_flush(r, &r->function);
	function_logs_flush(r);
}

static void
kinds_take(struct router *r)
{
	struct log_kinds *k = &r->start.syslog;

	k->ident[sizeof k->ident - 1] = '\0';
	r->error_name = (struct log_name){ (enum log_target)k->error, k->facility, k->ident };
	r->access.name = (struct log_name){ (enum log_target)k->access, k->facility, k->ident };
	r->function.name = (struct log_name){ (enum log_target)k->function, k->facility, k->ident };
	log_set_name(&r->error_name);
}

void
logs_replace(struct router *r, int access, int function, const struct log_kinds *kinds)
{
	logs_flush(r, true);
	function_logs_forget(r);
	r->start.syslog = *kinds;
	kinds_take(r);
	fd_close(&r->access.fd);
	fd_close(&r->function.fd);
	r->access.fd = access;
	r->function.fd = function;
}

void
logs_open(struct router *r, const struct router_fds *fds)
{
	r->access.fd = fds->access_log;
	r->function.fd = fds->function_log;
	r->error_log = fds->error_log;
	kinds_take(r);
	buf_init(&r->access.buf, LOG_BUFFER_MAX);
	buf_init(&r->function.buf, LOG_BUFFER_MAX);
	function_logs_open(r);
	r->is_json = strcmp(r->start.access_format, "json") == 0 || r->start.access_format[0] == '\0';
	r->tells_memory = !r->is_json && access_log_asks(r->start.access_format, 'M');
}

/* ---- functions' log ---- */

const char *
logs_level(int level)
{
	static const char *const levels[] = { "emergency", "alert",  "critical", "error",
		                              "warning",   "notice", "info",     "debug" };

	return levels[level & 7];
}

void
logs_function(struct router *r, const struct pool *p, const struct request *q, int level, struct span text)
{
	struct line l;

	l.n = 0;
	line_put_string(&l, "time", line_time(r));
	line_put_string(&l, "function", span_of(p->function.name));
	line_put_count(&l, "version", p->function.version);
	if (q)
		line_put_string(&l, "request_id", span_of(q->id));
	line_put_string(&l, "level", span_of(logs_level(level)));
	line_put_string(&l, "text", text);
	line_put_text(&l, "}");
	log_add(r, function_log_of(r, p), &l,
	        &(struct log_message){
		    .level = level, .function = p->function.name, .request_id = q ? q->id : NULL });
}
