/* result_keep.c - how much of what programs wrote a result keeps: no more than an answer may hold. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "run/result_parts.h"

/* Of a byte as JSON. */
static size_t
cost_of(char c)
{
	if ((unsigned char)c < 0x20)
		return c == '\n' || c == '\t' || c == '\r' || c == '\b' || c == '\f' ? 2 : 6;
	return c == '"' || c == '\\' ? 2 : 1;
}

/* How many bytes fit into the room, and what they cost: as text, and a third for those that become base64. */
static size_t
fitting(const char *data, size_t n, size_t room, size_t *cost)
{
	size_t at, sum = 0;

	for (at = 0; at < n; at++) {
		size_t next = sum + cost_of(data[at]);

		if (next + (at + 1) / 3 + 1 > room)
			break;
		sum = next;
	}
	*cost = sum + at / 3 + 1;
	return at;
}

static size_t
halves_behind(const char *data, size_t n)
{
	size_t k = 0;

	while (k < n && k < 3 && (data[k] & 0xc0) == 0x80)
		k++;
	return k;
}

/* Leaves out the halves at the seam, if what remains is text. */
static void
mend(char *data, size_t *n, size_t seam)
{
	size_t head = seam < *n ? seam : *n, tail = *n - head, skipped = halves_behind(data + head, tail),
	       end = head - utf8_unfinished(data, head);

	if (!utf8_is_valid(data, end) || !utf8_is_valid(data + head + skipped, tail - skipped))
		return;
	memmove(data + end, data + head + skipped, tail - skipped);
	*n = end + tail - skipped;
}

int
result_keep_stream(struct run_result *r, const char **data, size_t *n, uint64_t n_came, size_t seam)
{
	size_t cost, kept = fitting(*data, *n, RUN_RESULT_COST_MAX - r->cost, &cost);
	char *copy = malloc(kept + 1);

	if (!copy)
		return -ENOMEM;
	if (kept > 0) {
		memcpy(copy, *data, kept);
		r->cost += cost;
		if (n_came > kept)
			mend(copy, &kept, seam);
	}
	*data = copy;
	*n = kept;
	return 0;
}

int
result_keep_file(struct run_result *r, struct result_file *file, const char *data)
{
	size_t cost;

	if (fitting(data, file->n, RUN_RESULT_COST_MAX - r->cost, &cost) < file->n)
		return 0;
	file->data = malloc(file->n + 1);
	if (!file->data)
		return -ENOMEM;
	if (file->n > 0)
		memcpy(file->data, data, file->n);
	r->cost += file->n > 0 ? cost : 0;
	return 0;
}
