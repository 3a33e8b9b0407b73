/* image.h - the bytes of a snapshot.  Private to src/route.
 *
 * A tree whose edges are path segments: a node has at most one child by ":name", one by '*', and any number
 * by exact text; where these are several they stand in one hash table for all nodes, by (parent, text).
 *
 * Three sections follow the header: slots of that table, functions, nodes.  A node is one record with its
 * routes, its text and the names of its parameters behind it, and its first child behind that: a look-up
 * waits for memory twice, for a slot and for what it leads to, however many routes there are. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route/pattern.h"
#include "route/snapshot.h"

#define IMAGE_MAGIC UINT64_C(0x3270616e736e6663) /* "cfnsnap2" */

enum {
	IMAGE_UNIT = 8, /* bytes; nodes are named by their place, counted in these */
	IMAGE_NODE_UNITS_MAX = 1 << 27,
};
#define IMAGE_MANY UINT32_MAX

struct image_header {
	uint64_t magic;
	uint64_t generation;
	uint64_t seed; /* of the hash table */
	uint32_t n_slots, n_functions, n_units;
	uint32_t
	    function_size; /* of each: as much as the one with the longest origins needs, which few have */
	uint32_t reserved[6];
};
_Static_assert(sizeof(struct image_header) == 64, "nothing after it is misaligned");

struct image_slot {
	uint32_t hash;
	uint32_t node; /* 0: free */
};

/* The root is at 0, so 0 as a child means none.  A child stands behind its parent, and names it: that,
 * checked once, is why a walk ends and sees no node twice. */
struct image_node {
	uint32_t parent;
	uint32_t exact; /* the only child by exact text; IMAGE_MANY: look in the table */
	uint32_t param, rest;
	uint16_t n_units; /* of the whole record */
	uint8_t text_length;
	uint8_t kind; /* enum segment_kind; of no meaning in the root */
	uint8_t depth;
	uint8_t n_params; /* from the root to here */
	uint8_t n_routes;
	uint8_t methods; /* of all its routes */
};
_Static_assert(sizeof(struct image_node) == 24, "three units");

struct image_route {
	uint32_t function;
	uint32_t index;
	uint16_t names; /* from the start of the node: as many as its n_params, each with its NUL */
	uint8_t methods;
	uint8_t reserved;
};

struct image {
	const struct image_header *header;
	const struct image_slot *slots;
	const char *functions;
	const uint64_t *units;
};

static inline const struct snapshot_function *
image_function(const struct image *image, size_t i)
{
	return (const void *)(image->functions + i * image->header->function_size);
}

static inline const struct image_node *
image_node(const struct image *image, uint32_t place)
{
	return (const void *)(image->units + place);
}

static inline const struct image_route *
image_routes(const struct image_node *node)
{
	return (const void *)(node + 1);
}

static inline const char *
image_text(const struct image_node *node)
{
	return (const void *)(image_routes(node) + node->n_routes);
}

/* Bytes of a function, up to the NUL behind its origins. */
size_t image_function_size(const struct snapshot_function *f);

/* Bytes of an image with these counts. */
uint64_t image_size(const struct image_header *header);

/* Where its sections are; header is the start of the image. */
void image_locate(struct image *image, const struct image_header *header);

uint32_t image_hash(uint64_t seed, uint32_t parent, const char *text, size_t n);

/* The child of parent by this exact text; 0 when there is none. */
uint32_t image_child(const struct image *image, uint32_t parent, const char *text, size_t n);
