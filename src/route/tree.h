/* tree.h - the routes as a tree, while a snapshot is built.  Private to src/route. */
#pragma once
#include "route/image.h"

/* What a snapshot is built from. */
struct tree_input {
	const struct snapshot_function *const *functions;
	size_t n_functions;
	const struct snapshot_route *routes;
	size_t n_routes;
};

/* Nodes are numbered from the root, 0; 0 means none.  Routes are numbered from 1, so that 0 means none. */
struct tree_node {
	const char *text; /* in the pattern that it came from */
	uint32_t parent, param, rest;
	uint32_t first_exact, next_exact; /* children by exact text; the next one of the same parent */
	uint32_t first_route;
	uint32_t names_size; /* bytes of the names of its routes' parameters */
	uint32_t place;      /* in the image */
	uint8_t text_length, kind, depth, n_params, n_routes, methods;
};

struct tree {
	struct tree_input in;
	uint64_t seed;
	struct tree_node *nodes;
	uint32_t n_nodes;
	uint32_t *next_route; /* of the same node, by route */
	struct image_slot *slots;
	uint32_t n_slots;
};

/* Checks everything and makes the tree; -EINVAL, -EEXIST, -E2BIG, -ENOMEM.  tree_done is due in any case. */
int tree_init(struct tree *t, const struct tree_input *in, struct err *e);
void tree_done(struct tree *t);

/* A power of two that leaves half of the slots free, so that chains stay short. */
uint32_t tree_slots_for(size_t n);
