/* logs.c - the access log and the functions' log: one line a record, written in batches of whole lines. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/decimal.h"
#include "base/fd.h"
#include "base/log.h"
#include "router/router.h"
#include "sandbox/filter.h"

enum {
	LOG_BUFFER_MAX = 256 * 1024,
	LINE_MAX_SIZE = 24 * 1024,
	WORD_MAX = 256, /* bytes of a method or an address that are logged: with the longest path it fits */
};

/* One line that is put together; what does not fit is left out. */
struct line {
	char text[LINE_MAX_SIZE];
	size_t n;
};

static void
put(struct line *l, const char *p, size_t n)
{
	if (n == 0 || n > sizeof l->text - l->n)
		return;
	memcpy(l->text + l->n, p, n);
	l->n += n;
}

static void
put_text(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

static void
put_number(struct line *l, uint64_t n)
{
	char digits[DECIMAL_MAX];

	put(l, digits, decimal_write(digits, n));
}

static bool
is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == '"' || c == '\\' || c >= 0x7f)
			return false;
	}
	return true;
}

static void
put_escaped(struct line *l, struct span s)
{
	if (is_plain(s))
		put(l, s.p, s.n);
	else
		l->n += log_escape_json(l->text + l->n, sizeof l->text - l->n, s.p, s.n);
}

/* ---- "key":value ---- */

static void
put_key(struct line *l, const char *key)
{
	put_text(l, l->n > 0 ? ",\"" : "{\"");
	put_text(l, key);
	put_text(l, "\":");
}

static void
put_string(struct line *l, const char *key, struct span value)
{
	put_key(l, key);
	put_text(l, "\"");
	put_escaped(l, value);
	put_text(l, "\"");
}

static void
put_count(struct line *l, const char *key, uint64_t n)
{
	put_key(l, key);
	put_number(l, n);
}

static struct span
span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

/* The web server's words have no bound but that of all params. */
static struct span
word_of(struct span s)
{
	return (struct span){ s.p, s.n < WORD_MAX ? s.n : WORD_MAX };
}

/* RFC 3339 in UTC; made anew once a millisecond. */
static struct span
time_text(struct router *r)
{
	struct timespec t;
	struct tm tm;
	uint64_t ms;

	clock_gettime(CLOCK_REALTIME, &t);
	ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	if (ms != r->log_ms) {
		size_t n;

		gmtime_r(&t.tv_sec, &tm);
		n = strftime(r->log_time, sizeof r->log_time, "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(r->log_time + n, sizeof r->log_time - n, ".%03uZ", (unsigned)(ms % 1000));
		r->log_ms = ms;
	}
	return span_of(r->log_time);
}

/* ---- the batches ---- */

/* What is not taken at once is lost, and counted. */
static void
message_send_to(struct log_file *file, const struct log_message *m)
{
	file->n_dropped += !log_system_send(file->fd, &file->name, m);
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
		message_send_to(file, &(struct log_message){
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
	else
		(void)fd_write_all(file->fd, buf_head(&file->buf), buf_used(&file->buf));
	buf_clear(&file->buf);
}

/* The journal has whose line it is in fields of its own, which a batch would not tell. */
static bool
journal_add(struct router *r, struct log_file *file, const struct line *l, const struct log_message *of)
{
	uint64_t n_before = file->n_dropped;
	struct log_message m = *of;

	if (file->name.target != LOG_TO_JOURNAL)
		return false;
	m.text = l->text;
	m.n = l->n;
	message_send_to(file, &m);
	lost_tell(r, file, n_before);
	return true;
}

static void
file_add(struct router *r, struct log_file *file, struct line *l)
{
	/* Whatever filled it: two records never share a line. */
	if (l->n == sizeof l->text)
		l->n--;
	put_text(l, "\n");
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
}

/* ---- access log ---- */

static bool
is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

/* Its own process's, when that has ended; else the highest that is known of its function's. */
static uint64_t
memory_kb(const struct request *q)
{
	uint64_t own = ending_memory_kb(&q->ending);

	return own > 0 || !q->pool ? own : q->pool->memory_kb;
}

static void
put_json(struct router *r, struct line *l, const struct request *q)
{
	char ending[ENDING_TEXT_SIZE], syscall[SYSCALL_NAME_SIZE];

	put_string(l, "time", time_text(r));
	put_string(l, "request_id", span_of(q->id));
	put_string(l, "method", word_of(q->method_text));
	put_string(l, "path", q->path);
	put_count(l, "status", (unsigned)q->status);
	if (q->cause != CAUSE_NONE)
		put_string(l, "cause", span_of(cause_word(q->cause)));
	if (q->cause == CAUSE_SYSCALL_DENIED && q->denials.n > 0) {
		sandbox_syscall_name(q->denials.last, syscall);
		put_string(l, "syscall", span_of(syscall));
	}
	if (q->ending.code != 0) {
		ending_format(&q->ending, ending);
		put_string(l, "ending", span_of(ending));
	}
	if (q->pool) {
		put_string(l, "function", span_of(q->pool->function.name));
		put_count(l, "version", q->pool->function.version);
	}
	if (q->cache != CACHE_NONE)
		put_string(l, "cache", span_of(q->cache == CACHE_HIT ? "hit" : "miss"));
	if (q->user[0] != '\0')
		put_string(l, "user", span_of(q->user));
	put_count(l, "bytes_in", q->received);
	put_count(l, "bytes_out", q->answered_bytes);
	put_count(l, "duration_us", r->now_us - q->begun_us);
	put_count(l, "queue_us", request_queue_us(r, q));
	if (q->cpu_us >= 0)
		put_count(l, "cpu_us", (uint64_t)q->cpu_us);
	if (memory_kb(q) > 0)
		put_count(l, "memory_kb", memory_kb(q));
	put_string(l, "remote_addr", word_of(q->remote));
	put_text(l, "}");
}

static void
put_or_dash(struct line *l, struct span s)
{
	if (s.n > 0)
		put_escaped(l, s);
	else
		put_text(l, "-");
}

/* Seconds with six places, or what php-fpm's modifier says. */
static void
put_duration(struct line *l, uint64_t us, struct span modifier)
{
	char text[32];

	if (is_word(modifier, "microseconds") || is_word(modifier, "micro"))
		put_number(l, us);
	else if (is_word(modifier, "milliseconds") || is_word(modifier, "milli") || is_word(modifier, "mili"))
		put_number(l, us / 1000);
	else
		put(l, text,
		    (size_t)snprintf(text, sizeof text, "%llu.%06llu", us / 1000000ULL, us % 1000000ULL));
}

/* Bytes, or what php-fpm's modifier says. */
static void
put_memory(struct line *l, uint64_t kb, struct span modifier)
{
	if (is_word(modifier, "kilobytes") || is_word(modifier, "kilo"))
		put_number(l, kb);
	else if (is_word(modifier, "megabytes") || is_word(modifier, "mega"))
		put_number(l, kb / 1024);
	else
		put_number(l, kb * 1024);
}

/* Names of parameters that are mostly secrets: a part of one, in small letters. */
static bool
is_secret_name(struct span name)
{
	static const char *const parts[] = { "token", "pass", "secret", "key",    "auth", "sess",
		                             "sig",   "cred", "code",   "bearer", "jwt",  "%" };
	char small[WORD_MAX];
	size_t n = name.n < sizeof small ? name.n : sizeof small;

	for (size_t i = 0; i < n; i++)
		small[i] = (char)tolower((unsigned char)name.p[i]);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (n > 0 && memmem(small, n, parts[i], strlen(parts[i])))
			return true;
	return name.n > sizeof small;
}

/* A name with an encoded letter could be any. */
static void
put_query(struct line *l, struct span query)
{
	while (query.n > 0) {
		const char *and = memchr(query.p, '&', query.n);
		size_t n = and? (size_t)(and-query.p) : query.n;
		const char *equals = memchr(query.p, '=', n);
		struct span name = { query.p, equals ? (size_t)(equals - query.p) : n };
		bool is_hidden = equals && is_secret_name(name);

		put_escaped(l, (struct span){ query.p, is_hidden ? name.n + 1 : n });
		if (is_hidden)
			put_text(l, "***");
		if (and)
			put_text(l, "&");
		query.p += n + (and != NULL);
		query.n -= n + (and != NULL);
	}
}

static void
put_letter(struct router *r, struct line *l, const struct request *q, char letter, struct span modifier)
{
	char text[16];

	switch (letter) {
	case '%':
		put_text(l, "%");
		break;
	case 'C': /* percent of a processor */
		put_number(l, q->cpu_us > 0 ? (uint64_t)q->cpu_us * 100 / (r->now_us - q->begun_us + 1) : 0);
		break;
	case 'd':
		put_duration(l, r->now_us - q->begun_us, modifier);
		break;
	case 'f':
	case 'n':
		put_or_dash(l, span_of(q->pool ? q->pool->function.name : ""));
		break;
	case 'l':
		put_number(l, q->received);
		break;
	case 'M':
		put_memory(l, memory_kb(q), modifier);
		break;
	case 'm':
		put_or_dash(l, q->method_text);
		break;
	case 'p':
		put_number(l, q->worker ? (uint64_t)q->worker->pid : 0);
		break;
	case 'q':
		put_query(l, q->query);
		break;
	case 'Q':
		put_text(l, q->query.n > 0 ? "?" : "");
		break;
	case 'r':
		put_or_dash(l, q->path);
		break;
	case 'R':
		put_or_dash(l, q->remote);
		break;
	case 's':
		put(l, text, (size_t)snprintf(text, sizeof text, "%03d", q->status));
		break;
	case 't':
	case 'T':
		put(l, r->log_time, time_text(r).n);
		break;
	case 'u':
		put_or_dash(l, span_of(q->user));
		break;
	default:
		put_text(l, "-");
	}
}

static void
put_format(struct router *r, struct line *l, const struct request *q)
{
	const char *at = r->start.access_format;

	while (*at != '\0') {
		struct span modifier = { at, 0 };

		if (*at != '%') {
			put(l, at++, 1);
			continue;
		}
		at++;
		if (*at == '{') {
			modifier.p = ++at;
			modifier.n = strcspn(at, "}");
			at += modifier.n;
			at += *at == '}';
		}
		if (*at != '\0')
			put_letter(r, l, q, *at++, modifier);
	}
}

void
logs_request(struct router *r, const struct request *q)
{
	struct line l;

	l.n = 0;
	score_request(r, q);
	if (r->is_json)
		put_json(r, &l, q);
	else
		put_format(r, &l, q);
	if (!journal_add(r, &r->access, &l,
	                 &(struct log_message){ .level = LOG_INFO,
	                                        .function = q->pool ? q->pool->function.name : NULL,
	                                        .request_id = q->id }))
		file_add(r, &r->access, &l);
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
	put_string(&l, "time", time_text(r));
	put_string(&l, "function", span_of(p->function.name));
	put_count(&l, "version", p->function.version);
	if (q)
		put_string(&l, "request_id", span_of(q->id));
	put_string(&l, "level", span_of(logs_level(level)));
	put_string(&l, "text", text);
	put_text(&l, "}");
	if (!journal_add(r, &r->function, &l,
	                 &(struct log_message){
			     .level = level, .function = p->function.name, .request_id = q ? q->id : NULL }))
		file_add(r, function_log_of(r, p), &l);
}
