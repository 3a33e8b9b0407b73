/* lines.h - the lines of a file, one after the other, however long the file. */
#pragma once
#include <sys/types.h>

#include "audit/record.h"

enum line_kind {
	LINE_END,   /* no more */
	LINE_WHOLE, /* text, without its newline */
	LINE_TORN,  /* the last one, without a newline */
	LINE_LONG,  /* longer than any entry; skipped */
};

struct lines {
	int fd;
	off_t at;       /* of the line that comes next */
	off_t read_to;  /* behind what is in the buffer */
	size_t n, used; /* bytes in the buffer, and of these taken */
	char buffer[16 * AUDIT_LINE_SIZE];
};

/* From this offset on; fd stays the caller's. */
void lines_open(struct lines *l, int fd, off_t from);

/* The next line: text of *n bytes, good until the next call.  An enum line_kind or -errno. */
int lines_next(struct lines *l, const char **text, size_t *n, struct err *e);

/* The number that a line claims to have; 0: none. */
uint64_t line_number(const char *text, size_t n);
