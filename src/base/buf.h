/* buf.h - a bounded byte buffer: appended at the end, consumed at the start. */
#pragma once
#include <stddef.h>

#include "base/macros.h"

struct buf {
	char *data;   /* NULL until the first append */
	size_t start; /* first byte not yet consumed */
	size_t end;   /* one past the last byte */
	size_t size;  /* bytes allocated */
	size_t max;   /* it never holds more than this */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);

static inline size_t
buf_used(const struct buf *b)
{
	return b->end - b->start;
}

static inline size_t
buf_room(const struct buf *b)
{
	return b->max - buf_used(b);
}

static inline char *
buf_head(const struct buf *b)
{
	return b->data ? b->data + b->start : NULL;
}

/* 0; -ENOSPC when it would hold more than max; -ENOMEM.  All or nothing. */
int buf_append(struct buf *b, const void *data, size_t n);

/* Makes room for n bytes behind the end and returns where, NULL when it cannot.  buf_commit says
 * how many were put there. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* As buf_append of the formatted text. */
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

void buf_consume(struct buf *b, size_t n);

/* Forgets the bytes; keeps the memory. */
void buf_clear(struct buf *b);
