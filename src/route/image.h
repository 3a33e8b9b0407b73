/* image.h - the bytes of a snapshot.  Private to src/route.
 *
 * A tree whose edges are path segments: each node has at most one child by ":name", one by "*", and any
 * number by exact text, which stand in one hash table for all nodes, by (parent, text).  The sections follow
 * each other in the order of the header's counts, so that their places need no checking. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route/pattern.h"
#include "route/snapshot.h"

#define IMAGE_MAGIC UINT64_C(0x3170616e736e6663) /* "cfnsnap1" */

struct image_header {
	uint64_t magic;
	uint64_t generation;
	uint64_t seed; /* of the hash table */
	uint32_t n_nodes, n_slots, n_routes, n_functions;
	uint32_t text_size;
	uint32_t reserved[5];
};
_Static_assert(sizeof(struct image_header) == 64, "nodes begin at a cache line");

/* Node 0 is the root; 0 as a child means none.  A child stands behind its parent, and names it: that, checked
 * once, is why a walk ends and sees no node twice. */
struct image_node {
	uint32_t parent;
	uint32_t text; /* of an exact segment */
	uint32_t param, rest;
	uint32_t first_route;
	uint8_t text_length;
	uint8_t kind; /* enum segment_kind; of no meaning in the root */
	uint8_t depth;
	uint8_t n_params; /* from the root to here */
	uint8_t n_routes;
	uint8_t methods; /* of all its routes */
	uint8_t reserved[6];
};
_Static_assert(sizeof(struct image_node) == 32, "two nodes a cache line");

struct image_slot {
	uint32_t hash;
	uint32_t node; /* 0: free */
};

struct image_route {
	uint32_t methods;
	uint32_t function;
	uint32_t index;
	uint32_t names; /* in the text: as many as the node's n_params, each with its NUL */
};

struct image {
	const struct image_header *header;
	const struct image_node *nodes;
	const struct image_slot *slots;
	const struct image_route *routes;
	const struct snapshot_function *functions;
	const char *text;
};

/* Bytes of an image with these counts. */
uint64_t image_size(const struct image_header *header);

/* Where its sections are; header is the start of the image. */
void image_locate(struct image *image, const struct image_header *header);

uint32_t image_hash(uint64_t seed, uint32_t parent, const char *text, size_t n);

/* The child of parent by this exact text; 0 when there is none. */
uint32_t image_child(const struct image *image, uint32_t parent, const char *text, size_t n);
