/* image.c - places and look-ups in the bytes of a snapshot. */
#include "route/image.h"

#include <string.h>

uint64_t
image_size(const struct image_header *h)
{
	return sizeof *h + (uint64_t)h->n_nodes * sizeof(struct image_node) +
	       (uint64_t)h->n_slots * sizeof(struct image_slot) +
	       (uint64_t)h->n_routes * sizeof(struct image_route) +
	       (uint64_t)h->n_functions * sizeof(struct snapshot_function) + h->text_size;
}

void
image_locate(struct image *image, const struct image_header *header)
{
	image->header = header;
	image->nodes = (const struct image_node *)(header + 1);
	image->slots = (const struct image_slot *)(image->nodes + header->n_nodes);
	image->routes = (const struct image_route *)(image->slots + header->n_slots);
	image->functions = (const struct snapshot_function *)(image->routes + header->n_routes);
	image->text = (const char *)(image->functions + header->n_functions);
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

uint32_t
image_child(const struct image *image, uint32_t parent, const char *text, size_t n)
{
	uint32_t mask = image->header->n_slots - 1, hash;

	if (n >= ROUTE_PATTERN_MAX)
		return 0;
	hash = image_hash(image->header->seed, parent, text, n);
	/* It ends: there is always a free slot. */
	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		const struct image_slot *slot = &image->slots[i];
		const struct image_node *node = &image->nodes[slot->node];

		if (slot->node == 0)
			return 0;
		if (slot->hash == hash && node->parent == parent && node->text_length == n &&
		    memcmp(image->text + node->text, text, n) == 0)
			return slot->node;
	}
}
