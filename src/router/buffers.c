/* buffers.c - the memory of all requests and connections together is bounded. */
#include <errno.h>

#include "router/router.h"

/* Only large buffers are counted: the small ones are bounded by the number of connections. */
static size_t
counted(const struct buf *b)
{
	return b->size > KEEP_SIZE ? b->size : 0;
}

int
buffers_append(struct router *r, struct buf *b, const void *data, size_t n)
{
	size_t before = counted(b);
	int rc;

	if (b->end + n > b->size && r->buffers + n > BUFFERS_MAX)
		return -ENOMEM;
	rc = buf_append(b, data, n);
	r->buffers += counted(b) - before;
	return rc;
}

void
buffers_release(struct router *r, struct buf *b)
{
	if (counted(b) > 0)
		buffers_done(r, b);
	else
		buf_clear(b);
}

void
buffers_done(struct router *r, struct buf *b)
{
	r->buffers -= counted(b);
	buf_done(b);
}
