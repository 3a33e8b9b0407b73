/* box_output.c - what a payload writes: the first bytes of it are kept, and the last ones. */
#include "sandbox/box_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

int
box_output_init(struct box_output *o, struct buf *kept, uint64_t max, uint64_t end)
{
	buf_init(kept, max);
	*o = (struct box_output){ .kept = kept, .ring_size = end < max ? end : max };
	o->ring = o->ring_size > 0 ? malloc(o->ring_size) : NULL;
	return o->ring_size > 0 && !o->ring ? -1 : 0;
}

/* Only the last ring_size bytes of what comes can stay. */
static void
ring_add(struct box_output *o, const char *data, size_t n)
{
	size_t skipped = n > o->ring_size ? n - o->ring_size : 0, piece;

	data += skipped;
	n -= skipped;
	o->n_ring = least(o->ring_size, o->n_ring + n);
	for (; n > 0; n -= piece, data += piece, o->at = (o->at + piece) % o->ring_size) {
		piece = least(n, o->ring_size - o->at);
		memcpy(o->ring + o->at, data, piece);
	}
}

size_t
box_output_add(struct box_output *o, const char *data, size_t n)
{
	size_t room = buf_room(o->kept) - o->ring_size, first = least(room, n);

	o->n_came += n;
	/* Without memory it is as if it had come too late. */
	buf_append(o->kept, data, first);
	if (o->ring_size > 0 && n > first)
		ring_add(o, data + first, n - first);
	return first;
}

void
box_output_finish(struct box_output *o)
{
	size_t oldest = o->n_ring < o->ring_size ? 0 : o->at;

	if (o->n_ring > 0) {
		buf_append(o->kept, o->ring + oldest, o->n_ring - oldest);
		buf_append(o->kept, o->ring, oldest);
		o->n_ring = 0;
	}
	free_pointer(&o->ring);
}
