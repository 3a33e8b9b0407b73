/* log.c - one line a record. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

enum { LOG_TEXT_MAX = 1024, LOG_HEAD_SIZE = 384 };

static struct {
	const char *program;
	int fd;
	const struct log_name *name;
	uint64_t n_lost;
	bool is_heard; /* by who started this */
} log_state = { "cfn", STDERR_FILENO, NULL, 0, false };

static const char *const level_names[] = { "emergency", "alert",  "critical", "error",
	                                   "warning",   "notice", "info",     "debug" };

void
log_init(const char *program, int fd)
{
	log_state.program = program;
	log_state.fd = fd;
}

void
log_set_fd(int fd)
{
	log_state.fd = fd;
}

void
log_to_starter(void)
{
	socklen_t size = sizeof(int);
	int type = 0;

	log_state.is_heard =
	    getsockopt(STDERR_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

void
log_set_name(const struct log_name *name)
{
	log_state.name = name;
}

uint64_t
log_n_lost(void)
{
	return log_state.n_lost;
}

int
log_syslog_facility(const char *word)
{
	static const struct {
		const char *word;
		int facility;
	} rows[] = {
		{ "daemon", LOG_DAEMON }, { "user", LOG_USER },     { "local0", LOG_LOCAL0 },
		{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },
		{ "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
		{ "local7", LOG_LOCAL7 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, word) == 0)
			return rows[i].facility;
	return -EINVAL;
}

static bool
send_parts(int fd, struct iovec *parts, size_t n)
{
	const struct msghdr m = { .msg_iov = parts, .msg_iovlen = n };

	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static struct iovec
part(const void *p, size_t n)
{
	return (struct iovec){ (void *)(uintptr_t)p, n };
}

static bool
syslog_send(int fd, const struct log_name *name, const struct log_message *m)
{
	char head[LOG_HEAD_SIZE];
	int n = snprintf(head, sizeof head, "<%d>%s[%d]: ", name->facility | (m->level & 7), name->ident,
	                 (int)getpid());
	struct iovec parts[] = { part(head, (size_t)n), part(m->text, m->n) };

	return n < (int)sizeof head && send_parts(fd, parts, ARRAY_SIZE(parts));
}

/* Fields of systemd's "Native Journal Protocol": NAME=value, or NAME, length in eight bytes of little endian
 * and a value of any bytes; the text is always the second, so that nothing in it is a field. */
static bool
journal_send(int fd, const struct log_name *name, const struct log_message *m)
{
	char head[LOG_HEAD_SIZE];
	unsigned char length[8];
	int n = snprintf(head, sizeof head,
	                 "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%s\nSYSLOG_PID=%d\n"
	                 "%s%s%s%s%s%sMESSAGE\n",
	                 m->level & 7, name->facility >> 3, name->ident, (int)getpid(),
	                 m->function ? "CFN_FUNCTION=" : "", m->function ? m->function : "",
	                 m->function ? "\n" : "", m->request_id ? "CFN_REQUEST_ID=" : "",
	                 m->request_id ? m->request_id : "", m->request_id ? "\n" : "");
	struct iovec parts[] = { part(head, (size_t)n), part(length, sizeof length), part(m->text, m->n),
		                 part("\n", 1) };

	for (size_t i = 0; i < sizeof length; i++)
		length[i] = (unsigned char)((uint64_t)m->n >> (8 * i));
	return n < (int)sizeof head && send_parts(fd, parts, ARRAY_SIZE(parts));
}

bool
log_system_send(int fd, const struct log_name *name, const struct log_message *m)
{
	return name->target == LOG_TO_JOURNAL ? journal_send(fd, name, m) : syslog_send(fd, name, m);
}

size_t
log_escape(char *to, size_t size, const char *from, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)from[i];

		if (used + 5 > size)
			break;
		if (c == '\\') {
			to[used++] = '\\';
			to[used++] = '\\';
		} else if (c < 0x20 || c >= 0x7f) {
			to[used++] = '\\';
			to[used++] = 'x';
			to[used++] = hex[c >> 4];
			to[used++] = hex[c & 15];
		} else {
			to[used++] = (char)c;
		}
	}
	if (size > 0)
		to[used] = '\0';
	return used;
}

size_t
log_escape_json(char *to, size_t size, const char *from, size_t n)
{
	size_t used = 0;
	size_t i = 0;

	while (i < n && used + 8 <= size) {
		unsigned char c = (unsigned char)from[i];
		size_t length = utf8_sequence(from + i, n - i);

		if (c == '"' || c == '\\') {
			to[used++] = '\\';
			to[used++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			used += (size_t)snprintf(to + used, 8, "\\u%04x", c);
		} else if (length == 0) {
			memcpy(to + used, "\\ufffd", 6);
			used += 6;
		} else {
			memcpy(to + used, from + i, length);
			used += length;
		}
		i += length ? length : 1;
	}
	if (size > 0)
		to[used] = '\0';
	return used;
}

/* A file gets lines of all as they write their own; a system's log knows this process as their sender. */
static void
put_line(const struct log_origin *from, int level, const char *safe)
{
	const enum log_target target = log_state.name ? log_state.name->target : LOG_TO_FILE;
	char line[LOG_TEXT_MAX * 3], now[CLOCK_TEXT_SIZE], priority[8], who[64] = "";
	int n;

	if (target >= LOG_TO_SYSLOG) {
		if (from->program != log_state.program)
			snprintf(who, sizeof who, "%s[%d]: ", from->program, from->pid);
		n = snprintf(line, sizeof line, "%s: %s%s", level_names[level & 7], who, safe);
		log_state.n_lost +=
		    !log_system_send(log_state.fd, log_state.name,
		                     &(struct log_message){ .level = level, .text = line, .n = (size_t)n });
		return;
	}
	clock_format_now(now);
	snprintf(priority, sizeof priority, "<%d>", level & 7);
	n = snprintf(line, sizeof line, "%s%s %s[%d] %s: %s\n", target == LOG_TO_STREAM ? priority : "", now,
	             from->program, from->pid, level_names[level & 7], safe);
	/* One write: lines of several processes never mix.  A full disk must not stop the program. */
	if (n > 0 && write(log_state.fd, line, (size_t)n) < n)
		log_state.n_lost++;
}

static bool
tell_starter(int level, const char *text)
{
	char record[LOG_TEXT_MAX + 8];
	int n = snprintf(record, sizeof record, "<%d>%s", level & 7, text);
	struct iovec one = part(record, (size_t)n);

	return send_parts(log_state.fd, &one, 1);
}

static void
say_to_starter(int level, const char *text)
{
	char lost[64];

	snprintf(lost, sizeof lost, "%" PRIu64 " lines before this were lost", log_state.n_lost);
	if (log_state.n_lost > 0 && tell_starter(LOG_WARNING, lost))
		log_state.n_lost = 0;
	log_state.n_lost += !tell_starter(level, text);
}

void
log_line_of(const struct log_origin *from, int level, const char *text, size_t n)
{
	char safe[LOG_TEXT_MAX * 2];

	log_escape(safe, sizeof safe, text, n);
	put_line(from, level, safe);
}

void
log_line(int level, const char *fmt, ...)
{
	char text[LOG_TEXT_MAX];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if (log_state.is_heard)
		say_to_starter(level, text);
	else
		log_line_of(&(struct log_origin){ log_state.program, (int)getpid() }, level, text,
		            strnlen(text, sizeof text));
}
