/* tree.c - checks routes and puts them into a tree. */
#include "route/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "http/http.h"

enum {
	METHODS_KNOWN = HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE | HTTP_OPTIONS
};

void
tree_done(struct tree *t)
{
	free(t->nodes);
	free(t->next_route);
	free(t->slots);
}

static int
functions_check(const struct tree_input *in, struct err *e)
{
	if (in->n_functions > SNAPSHOT_FUNCTIONS_MAX)
		return err_set(e, -E2BIG, "more than %d functions", SNAPSHOT_FUNCTIONS_MAX);
	for (size_t i = 0; i < in->n_functions; i++)
		if (!memchr(in->functions[i]->name, '\0', sizeof in->functions[i]->name))
			return err_set(e, -EINVAL, "function %zu has a name without end", i);
	return 0;
}

static int
route_check(const struct tree_input *in, const struct snapshot_route *r, struct err *e)
{
	if (route_pattern_check(r->pattern, e) < 0)
		return -EINVAL;
	if (r->methods == 0 || r->methods & ~(unsigned)METHODS_KNOWN)
		return err_set(e, -EINVAL, "route '%s' has methods that are none", r->pattern);
	if (r->function >= in->n_functions)
		return err_set(e, -EINVAL, "route '%s' is of no function", r->pattern);
	return 0;
}

/* And how many segments all patterns have. */
static int
routes_check(const struct tree_input *in, size_t *n_segments, struct err *e)
{
	struct segment segment;

	if (in->n_routes > SNAPSHOT_ROUTES_MAX)
		return err_set(e, -E2BIG, "more than %d routes", SNAPSHOT_ROUTES_MAX);
	for (size_t i = 0; i < in->n_routes; i++) {
		const char *pattern = in->routes[i].pattern;

		if (route_check(in, &in->routes[i], e) < 0)
			return -EINVAL;
		while (segment_next(&pattern, &segment))
			++*n_segments;
	}
	if (*n_segments > SNAPSHOT_SEGMENTS_MAX)
		return err_set(e, -E2BIG, "the routes have more than %d segments", SNAPSHOT_SEGMENTS_MAX);
	return 0;
}

uint32_t
tree_slots_for(size_t n)
{
	uint32_t n_slots = 8;

	while (n_slots < 2 * n)
		n_slots *= 2;
	return n_slots;
}

/* The slot of parent's child by this text, or the free one where it belongs. */
static struct image_slot *
slot_find(const struct tree *t, uint32_t parent, const struct segment *s, uint32_t hash)
{
	for (uint32_t i = hash & (t->n_slots - 1);; i = (i + 1) & (t->n_slots - 1)) {
		struct image_slot *slot = &t->slots[i];
		const struct tree_node *node = &t->nodes[slot->node];

		if (slot->node == 0)
			return slot;
		if (slot->hash == hash && node->parent == parent && node->text_length == s->length &&
		    memcmp(node->text, s->text, s->length) == 0)
			return slot;
	}
}

/* The child of parent by this segment, made when it is new. */
static uint32_t
child_of(struct tree *t, uint32_t parent, const struct segment *s)
{
	uint32_t hash = image_hash(t->seed, parent, s->text, s->length);
	struct tree_node *from = &t->nodes[parent], *node = &t->nodes[t->n_nodes];
	struct image_slot *slot = NULL;
	uint32_t *child = s->kind == SEGMENT_PARAM ? &from->param : &from->rest;

	if (s->kind == SEGMENT_EXACT) {
		slot = slot_find(t, parent, s, hash);
		child = &slot->node;
	}
	if (*child)
		return *child;
	*child = t->n_nodes;
	node->parent = parent;
	node->kind = (uint8_t)s->kind;
	node->depth = (uint8_t)(from->depth + 1);
	node->n_params = (uint8_t)(from->n_params + (s->kind == SEGMENT_PARAM));
	if (slot) {
		slot->hash = hash;
		node->text = s->text;
		node->text_length = (uint8_t)s->length;
		node->next_exact = from->first_exact;
		from->first_exact = t->n_nodes;
	}
	return t->n_nodes++;
}

static int
collision(const struct tree *t, uint32_t node, const struct snapshot_route *r, struct err *e)
{
	uint32_t number = t->nodes[node].first_route;
	const struct snapshot_function *const *functions = t->in.functions;
	const struct snapshot_route *other = &t->in.routes[number - 1];
	char methods[HTTP_METHODS_TEXT_SIZE];

	while (!(other->methods & r->methods)) {
		number = t->next_route[number];
		other = &t->in.routes[number - 1];
	}
	http_methods_format(other->methods & r->methods, methods);
	return err_set(e, -EEXIST, "route '%s' of %s and route '%s' of %s both take %s", r->pattern,
	               functions[r->function]->name, other->pattern, functions[other->function]->name,
	               methods);
}

static int
route_add(struct tree *t, uint32_t number, struct err *e)
{
	const struct snapshot_route *r = &t->in.routes[number - 1];
	const char *pattern = r->pattern;
	uint32_t node = 0, names_size = 0;
	struct segment s;

	while (segment_next(&pattern, &s)) {
		node = child_of(t, node, &s);
		if (s.kind == SEGMENT_PARAM)
			names_size += (uint32_t)s.length + 1;
	}
	if (t->nodes[node].methods & r->methods)
		return collision(t, node, r, e);
	t->next_route[number] = t->nodes[node].first_route;
	t->nodes[node].first_route = number;
	t->nodes[node].names_size += names_size;
	t->nodes[node].methods |= (uint8_t)r->methods;
	t->nodes[node].n_routes++;
	return 0;
}

int
tree_init(struct tree *t, const struct tree_input *in, struct err *e)
{
	size_t n_segments = 0;
	int rc = functions_check(in, e);

	*t = (struct tree){ .in = *in, .n_nodes = 1 };
	if (rc == 0)
		rc = routes_check(in, &n_segments, e);
	if (rc < 0)
		return rc;
	t->n_slots = tree_slots_for(n_segments);
	t->nodes = calloc(n_segments + 1, sizeof *t->nodes);
	t->slots = calloc(t->n_slots, sizeof *t->slots);
	t->next_route = calloc(in->n_routes + 1, sizeof *t->next_route);
	if (!t->nodes || !t->slots || !t->next_route)
		return err_set(e, ENOMEM, "route snapshot");
	random_bytes(&t->seed, sizeof t->seed);
	for (uint32_t i = 1; rc == 0 && i <= in->n_routes; i++)
		rc = route_add(t, i, e);
	return rc;
}
