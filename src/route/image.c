/* image.c - places and look-ups in the bytes of a snapshot. */
#include "route/image.h"

#include <string.h>

uint64_t
image_size(const struct image_header *h)
{
	return sizeof *h + (uint64_t)h->n_slots * sizeof(struct image_slot) +
	       (uint64_t)h->n_functions * h->function_size + (uint64_t)h->n_units * IMAGE_UNIT;
}

void
image_locate(struct image *image, const struct image_header *header)
{
	image->header = header;
	image->slots = (const void *)(header + 1);
	image->functions = (const void *)(image->slots + header->n_slots);
	image->units = (const void *)image_function(image, header->n_functions);
}

size_t
image_function_size(const struct snapshot_function *f)
{
	return offsetof(struct snapshot_function, origins) + strnlen(f->origins, sizeof f->origins - 1) + 1;
}

void
snapshot_function_copy(struct snapshot_function *to, const struct snapshot_function *from)
{
	size_t n = image_function_size(from);

	memcpy(to, from, n);
	memset((char *)to + n, 0, sizeof *to - n);
}

/* 8 bytes at p, or fewer: then each of them is read at least once, and none beyond. */
static uint64_t
word_read(const char *p, size_t n)
{
	uint64_t word = 0;
	uint32_t low, high;

	if (n >= 8) {
		memcpy(&word, p, 8);
		return word;
	}
	if (n >= 4) {
		memcpy(&low, p, 4);
		memcpy(&high, p + n - 4, 4);
		return (uint64_t)high << 32 | low;
	}
	if (n == 0)
		return 0;
	return (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
	       (unsigned char)p[n - 1];
}

/* Multiply and fold, a word at a time.  The seed is secret and each snapshot's own, so that nobody can choose
 * paths that meet in one slot. */
uint32_t
image_hash(uint64_t seed, uint32_t parent, const char *text, size_t n)
{
	const uint64_t odd_a = UINT64_C(0x9e3779b97f4a7c15), odd_b = UINT64_C(0xd6e8feb86659fd93);
	uint64_t h = seed ^ ((uint64_t)parent << 32 | n) * odd_a;

	do {
		size_t step = n < 8 ? n : 8;

		h = (h ^ word_read(text, n)) * odd_b;
		h ^= h >> 32;
		text += step;
		n -= step;
	} while (n > 0);
	return (uint32_t)(h * odd_a >> 32);
}

static bool
has_text(const struct image_node *node, const char *text, size_t n)
{
	return node->text_length == n && memcmp(image_text(node), text, n) == 0;
}

static uint32_t
table_find(const struct image *image, uint32_t parent, const char *text, size_t n)
{
	uint32_t hash = image_hash(image->header->seed, parent, text, n);
	uint32_t mask = image->header->n_slots - 1;

	/* It ends: there is always a free slot. */
	for (uint32_t i = hash & mask; image->slots[i].node != 0; i = (i + 1) & mask) {
		const struct image_node *node = image_node(image, image->slots[i].node);

		if (image->slots[i].hash == hash && node->parent == parent && has_text(node, text, n))
			return image->slots[i].node;
	}
	return 0;
}

uint32_t
image_child(const struct image *image, uint32_t parent, const char *text, size_t n)
{
	uint32_t exact = image_node(image, parent)->exact;

	if (exact == 0 || n >= ROUTE_PATTERN_MAX)
		return 0;
	if (exact == IMAGE_MANY)
		return table_find(image, parent, text, n);
	return has_text(image_node(image, exact), text, n) ? exact : 0;
}
