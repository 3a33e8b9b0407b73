/* build.c - a tree of routes → the sealed bytes of a snapshot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "route/tree.h"

/* What is being written. */
struct writer {
	struct tree *tree;
	struct image_header header;
	char *data;
	struct image_slot *slots;
	uint64_t *units;
};

static bool
has_many(const struct tree *t, uint32_t number)
{
	uint32_t first = t->nodes[number].first_exact;

	return first && t->nodes[first].next_exact;
}

/* Gives each node its place, a node's first child right behind it, for look-ups follow that order; *n_hashed
 * counts those that need a slot.  It goes as deep as a pattern has segments. */
static void
places_assign(struct tree *t, uint32_t number, uint32_t *n_units, size_t *n_hashed)
{
	struct tree_node *node = &t->nodes[number];
	size_t size = sizeof(struct image_node) + node->n_routes * sizeof(struct image_route) +
	              node->text_length + node->names_size;

	node->place = *n_units;
	*n_units += (uint32_t)((size + IMAGE_UNIT - 1) / IMAGE_UNIT);
	for (uint32_t child = node->first_exact; child; child = t->nodes[child].next_exact) {
		*n_hashed += has_many(t, number);
		places_assign(t, child, n_units, n_hashed);
	}
	if (node->param)
		places_assign(t, node->param, n_units, n_hashed);
	if (node->rest)
		places_assign(t, node->rest, n_units, n_hashed);
}

static char *
names_write(char *to, const char *pattern)
{
	struct segment s;

	while (segment_next(&pattern, &s)) {
		if (s.kind != SEGMENT_PARAM)
			continue;
		to = mempcpy(to, s.text, s.length);
		*to++ = '\0';
	}
	return to;
}

/* The routes, the text and the names behind a node's record. */
static char *
tail_write(const struct tree *t, const struct tree_node *node, struct image_node *record)
{
	struct image_route *row = (void *)(record + 1);
	char *to = (char *)(row + node->n_routes);

	if (node->text_length > 0)
		memcpy(to, node->text, node->text_length);
	to += node->text_length;
	for (uint32_t number = node->first_route; number; number = t->next_route[number]) {
		const struct snapshot_route *route = &t->in.routes[number - 1];

		*row++ = (struct image_route){ .function = route->function,
			                       .index = route->index,
			                       .names = (uint16_t)(to - (char *)record),
			                       .methods = (uint8_t)route->methods };
		to = names_write(to, route->pattern);
	}
	return to;
}

static void
slot_write(struct writer *w, const struct tree_node *node)
{
	uint32_t parent = w->tree->nodes[node->parent].place, mask = w->header.n_slots - 1;
	uint32_t hash = image_hash(w->header.seed, parent, node->text, node->text_length), i = hash & mask;

	while (w->slots[i].node)
		i = (i + 1) & mask;
	w->slots[i] = (struct image_slot){ hash, node->place };
}

static void
node_write(struct writer *w, uint32_t number)
{
	const struct tree_node *nodes = w->tree->nodes, *node = &nodes[number];
	struct image_node *record = (void *)(w->units + node->place);
	char *end;

	*record = (struct image_node){
		.parent = nodes[node->parent].place,
		.exact = has_many(w->tree, number) ? IMAGE_MANY : nodes[node->first_exact].place,
		.param = nodes[node->param].place,
		.rest = nodes[node->rest].place,
		.text_length = node->text_length,
		.kind = node->kind,
		.depth = node->depth,
		.n_params = node->n_params,
		.n_routes = node->n_routes,
		.methods = node->methods,
	};
	end = tail_write(w->tree, node, record);
	record->n_units = (uint16_t)((end - (char *)record + IMAGE_UNIT - 1) / IMAGE_UNIT);
	if (number > 0 && node->kind == SEGMENT_EXACT && has_many(w->tree, node->parent))
		slot_write(w, node);
}

static uint32_t
function_size(const struct tree_input *in)
{
	size_t most = offsetof(struct snapshot_function, origins) + 1;

	for (size_t i = 0; i < in->n_functions; i++) {
		size_t n = image_function_size(in->functions[i]);

		most = n > most ? n : most;
	}
	return (uint32_t)((most + IMAGE_UNIT - 1) / IMAGE_UNIT * IMAGE_UNIT);
}

static void
image_write(struct writer *w)
{
	const struct tree_input *in = &w->tree->in;
	char *functions;

	memcpy(w->data, &w->header, sizeof w->header);
	w->slots = (void *)(w->data + sizeof w->header);
	functions = (void *)(w->slots + w->header.n_slots);
	w->units = (void *)(functions + in->n_functions * w->header.function_size);
	/* What is behind the NUL of one's origins is zeros already. */
	for (size_t i = 0; i < in->n_functions; i++)
		memcpy(functions + i * w->header.function_size, in->functions[i],
		       image_function_size(in->functions[i]));
	for (uint32_t i = 0; i < w->tree->n_nodes; i++)
		node_write(w, i);
}

/* Where the routers will map it: a copy of many functions takes as long as all the rest. */
static int
image_seal(struct writer *w, struct err *e)
{
	size_t size = image_size(&w->header);
	void *data;
	int fd = fd_memory_open("cfn-routes", size, &data, e);

	if (fd < 0)
		return fd;
	w->data = data;
	image_write(w);
	if (fd_memory_seal(fd, data, size, e) == 0)
		return fd;
	fd_close(&fd);
	return -e->code;
}

int
snapshot_build_from(uint64_t generation, const struct snapshot_function *const *functions, size_t n_functions,
                    const struct snapshot_route *routes, size_t n_routes, struct err *e)
{
	__attribute__((cleanup(tree_done))) struct tree tree = { 0 };
	const struct tree_input in = { functions, n_functions, routes, n_routes };
	struct writer w = { .tree = &tree, .header.magic = IMAGE_MAGIC, .header.generation = generation };
	size_t n_hashed = 0;
	int rc = tree_init(&tree, &in, e);

	if (rc < 0)
		return rc;
	places_assign(&tree, 0, &w.header.n_units, &n_hashed);
	w.header.seed = tree.seed;
	w.header.n_slots = tree_slots_for(n_hashed);
	w.header.n_functions = (uint32_t)n_functions;
	w.header.function_size = function_size(&in);
	return image_seal(&w, e);
}

int
snapshot_build(uint64_t generation, const struct snapshot_function *functions, size_t n_functions,
               const struct snapshot_route *routes, size_t n_routes, struct err *e)
{
	AUTO_FREE const struct snapshot_function **each = calloc(n_functions + 1, sizeof *each);

	if (!each)
		return err_set(e, ENOMEM, "route snapshot");
	for (size_t i = 0; i < n_functions; i++)
		each[i] = &functions[i];
	return snapshot_build_from(generation, each, n_functions, routes, n_routes, e);
}

int
snapshot_check(const struct snapshot_function *const *functions, size_t n_functions,
               const struct snapshot_route *routes, size_t n_routes, struct err *e)
{
	__attribute__((cleanup(tree_done))) struct tree tree = { 0 };
	const struct tree_input in = { functions, n_functions, routes, n_routes };

	return tree_init(&tree, &in, e);
}
