/* lines.c - the lines of a file, one after the other, however long the file. */
#include "audit/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void
lines_open(struct lines *l, int fd, off_t from)
{
	l->fd = fd;
	l->at = l->read_to = from;
	l->n = l->used = 0;
}

/* More bytes behind those that are left.  0 at the end of the file. */
static ssize_t
fill(struct lines *l, struct err *e)
{
	ssize_t got;

	memmove(l->buffer, l->buffer + l->used, l->n - l->used);
	l->n -= l->used;
	l->used = 0;
	got = pread(l->fd, l->buffer + l->n, sizeof l->buffer - l->n, l->read_to);
	if (got < 0)
		return err_set(e, errno, "read");
	l->n += (size_t)got;
	l->read_to += got;
	return got;
}

static int
take(struct lines *l, size_t length, const char **text, size_t *n, enum line_kind kind)
{
	*text = l->buffer + l->used;
	*n = length;
	l->used += length + (kind != LINE_TORN);
	l->at += (off_t)length + (kind != LINE_TORN);
	return (int)kind;
}

/* To the end of a line that does not fit. */
static int
skip_long(struct lines *l, const char **text, size_t *n, struct err *e)
{
	const char *newline;
	ssize_t got;

	*text = "";
	*n = 0;
	while (!(newline = memchr(l->buffer + l->used, '\n', l->n - l->used))) {
		l->at += (off_t)(l->n - l->used);
		l->used = l->n;
		got = fill(l, e);
		if (got < 0)
			return (int)got;
		if (got == 0)
			return LINE_LONG;
	}
	l->at += newline + 1 - (l->buffer + l->used);
	l->used = (size_t)(newline + 1 - l->buffer);
	return LINE_LONG;
}

int
lines_next(struct lines *l, const char **text, size_t *n, struct err *e)
{
	for (;;) {
		size_t left = l->n - l->used;
		const char *newline = memchr(l->buffer + l->used, '\n', left);
		ssize_t got;

		if (newline && newline - (l->buffer + l->used) < AUDIT_LINE_SIZE)
			return take(l, (size_t)(newline - (l->buffer + l->used)), text, n, LINE_WHOLE);
		if (left >= AUDIT_LINE_SIZE)
			return skip_long(l, text, n, e);
		got = fill(l, e);
		if (got < 0)
			return (int)got;
		if (got == 0)
			return l->n == 0 ? LINE_END : take(l, l->n, text, n, LINE_TORN);
	}
}

uint64_t
line_number(const char *text, size_t n)
{
	static const char start[] = "{\"number\":";
	uint64_t number = 0;
	size_t i = sizeof start - 1;

	if (n <= i || memcmp(text, start, i) != 0)
		return 0;
	for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
		if (number > INT64_MAX / 10 - 1)
			return 0;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	return i < n && text[i] == ',' ? number : 0;
}
