/* log_line.h - one line of a log that is put together, and how it gets into the log. */
#pragma once
#include <string.h>

#include "router/router.h"

struct log_message;

enum { LOG_LINE_SIZE = 24 * 1024 };

/* What does not fit is left out. */
struct line {
	char text[LOG_LINE_SIZE];
	size_t n;
};

static inline struct span
span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

void line_put(struct line *l, const char *p, size_t n);
void line_put_text(struct line *l, const char *text);
void line_put_number(struct line *l, uint64_t n);
void line_put_escaped(struct line *l, struct span s); /* as the inside of a JSON string */

/* "key":value, with the brace in front of the first. */
void line_put_string(struct line *l, const char *key, struct span value);
void line_put_count(struct line *l, const char *key, uint64_t n);

/* Now, as RFC 3339 has it, in UTC. */
struct span line_time(struct router *r);

/* Ends it and hands it on; what message says of it is for the journal. */
void log_add(struct router *r, struct log_file *file, struct line *l, const struct log_message *message);

/* Whether php-fpm's format has this letter, with a modifier or without. */
bool access_log_asks(const char *format, char letter);
