/* log.h - one line a record, for main programs only; library code fills a struct err instead. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#include "base/macros.h"

/* Names the program in every line.  Lines go to fd (standard error until then). */
void log_init(const char *program, int fd);
void log_set_fd(int fd);

/* Where standard error is a socket of records, who started this process reads it and logs what it hears: a
 * line is a record there, "<level>text", never waited for; what was not taken is counted and said when it
 * takes again. */
void log_to_starter(void);

/* Where lines go that are no lines of a file. */
enum log_target {
	LOG_TO_FILE,
	LOG_TO_STREAM, /* standard error that the journal reads: the level in front, as sd-daemon(3) has it */
	LOG_TO_SYSLOG, /* a socket of the system's log */
	LOG_TO_JOURNAL, /* a socket of journald's native protocol */
};

struct log_name {
	enum log_target target;
	int facility;
	const char *ident;
};

/* A message to a socket, as syslog(3) puts it but for the time, which who receives it knows, or with the
 * journal's fields; never waited for.  False: it was not taken. */
struct log_message {
	int level;
	const char *text;
	size_t n;
	const char *function, *request_id; /* NULL: none; without a newline */
};
bool log_system_send(int fd, const struct log_name *name, const struct log_message *m);

/* From now on lines go there in this form; NULL: as lines of a file.  *name stays the caller's. */
void log_set_name(const struct log_name *name);

/* The number of a word ("daemon", "local3"); -EINVAL. */
int log_syslog_facility(const char *word);

/* One line: time, program[pid], level, text.  Control bytes in the text are escaped, so that nobody can
 * forge a second line.  level: LOG_ERR .. LOG_DEBUG of syslog(3). */
void log_line(int level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The same for another process, whose text it is: n bytes of anything. */
struct log_origin {
	const char *program;
	int pid;
};
void log_line_of(const struct log_origin *from, int level, const char *text, size_t n);

/* Lines of this process that were not taken. */
uint64_t log_n_lost(void);

/* Copies n bytes as printable text: control bytes and bytes >= 0x7f as \xHH, backslash doubled; always
 * NUL-terminated, cut at size.  The length of the result. */
size_t log_escape(char *to, size_t size, const char *from, size_t n);

/* The same for the inside of a JSON string: valid UTF-8 stays, everything else becomes U+FFFD. */
size_t log_escape_json(char *to, size_t size, const char *from, size_t n);
