/* log.h - one line a record, for main programs only; library code fills a struct err instead. */
#pragma once
#include <stddef.h>
#include <syslog.h>

#include "base/macros.h"

/* Names the program in every line.  Lines go to fd (standard error until then). */
void log_init(const char *program, int fd);
void log_set_fd(int fd);

/* One line: time, program[pid], level, text.  Control bytes in the text are escaped, so that nobody can
 * forge a second line.  level: LOG_ERR .. LOG_DEBUG of syslog(3). */
void log_line(int level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Copies n bytes as printable text: control bytes and bytes >= 0x7f as \xHH, backslash doubled; always
 * NUL-terminated, cut at size.  The length of the result. */
size_t log_escape(char *to, size_t size, const char *from, size_t n);

/* The same for the inside of a JSON string: valid UTF-8 stays, everything else becomes U+FFFD. */
size_t log_escape_json(char *to, size_t size, const char *from, size_t n);
