/* buf.c - a bounded byte buffer. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_SIZE = 512 };

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .max = b->max };
}

static int
buf_grow(struct buf *b, size_t need)
{
	size_t size = b->size ? b->size : BUF_FIRST_SIZE;
	char *data;

	while (size < need)
		size *= 2;
	data = realloc(b->data, size);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (n > buf_room(b))
		return NULL;
	if (b->start > 0 && b->end + n > b->size) {
		memmove(b->data, b->data + b->start, buf_used(b));
		b->end -= b->start;
		b->start = 0;
	}
	if (b->end + n > b->size && buf_grow(b, b->end + n) < 0)
		return NULL;
	return b->data + b->end;
}

void
buf_commit(struct buf *b, size_t n)
{
	b->end += n;
}

int
buf_append(struct buf *b, const void *data, size_t n)
{
	char *to;

	if (n == 0)
		return 0;
	if (n > buf_room(b))
		return -ENOSPC;
	to = buf_reserve(b, n);
	if (!to)
		return -ENOMEM;
	memcpy(to, data, n);
	b->end += n;
	return 0;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int need;
	char *to;

	va_start(args, fmt);
	need = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (need < 0)
		return -EINVAL;
	if ((size_t)need > buf_room(b))
		return -ENOSPC;
	/* vsnprintf writes a NUL behind the text, so memory for one more byte than max allows. */
	b->max++;
	to = buf_reserve(b, (size_t)need + 1);
	b->max--;
	if (!to)
		return -ENOMEM;
	va_start(args, fmt);
	vsnprintf(to, (size_t)need + 1, fmt, args);
	va_end(args);
	b->end += (size_t)need;
	return 0;
}

void
buf_consume(struct buf *b, size_t n)
{
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void
buf_clear(struct buf *b)
{
	b->start = b->end = 0;
}
