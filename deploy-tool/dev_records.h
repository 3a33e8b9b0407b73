/* dev_records.h - FastCGI records out of bytes as they pass by.  Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "fcgi/fcgi.h"

struct records {
	unsigned char head[FCGI_HEADER_SIZE];
	size_t n_head; /* bytes of it that have come */
	struct fcgi_header header;
	size_t content, padding; /* bytes that are still to come */
};

/* A piece of a record's content; n is 0 for a record without any. */
typedef void records_sink(void *context, const struct fcgi_header *header, const char *p, size_t n);

/* The next bytes of a connection, cut anywhere. */
void records_feed(struct records *r, const void *bytes, size_t n, records_sink *sink, void *context);

/* Appends records of this type with all of the content, and with is_end the empty one.  0, -ENOSPC, -ENOMEM.
 */
int records_write(struct buf *to, enum fcgi_type type, unsigned id, const struct buf *content, bool is_end);

/* Appends the record that ends a request well. */
int records_end(struct buf *to, unsigned id);

/* The value of this name among whole name-value pairs; its length, -1 when it is not there. */
long records_param(const struct buf *params, const char *name, const char **value);
