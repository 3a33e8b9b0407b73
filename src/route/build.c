/* build.c - functions and routes → the sealed bytes of a snapshot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fd.h"
#include "http/http.h"
#include "route/image.h"

enum {
	METHODS_KNOWN = HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE | HTTP_OPTIONS,
	TEXT_MAX = 1 << 28, /* more than all patterns and names can have */
};

struct input {
	const struct snapshot_function *functions;
	size_t n_functions;
	const struct snapshot_route *routes;
	size_t n_routes;
};

struct build {
	struct image_header header;
	struct image_node *nodes;
	struct image_slot *slots;
	struct image_route *routes; /* as given, until they are grouped by node */
	uint32_t *route_nodes;      /* of each given route */
	struct buf text;
};

static void
build_done(struct build *b)
{
	free(b->nodes);
	free(b->slots);
	free(b->routes);
	free(b->route_nodes);
	buf_done(&b->text);
}

static int
functions_check(const struct input *in, struct err *e)
{
	if (in->n_functions > SNAPSHOT_FUNCTIONS_MAX)
		return err_set(e, -E2BIG, "more than %d functions", SNAPSHOT_FUNCTIONS_MAX);
	for (size_t i = 0; i < in->n_functions; i++)
		if (!memchr(in->functions[i].name, '\0', sizeof in->functions[i].name))
			return err_set(e, -EINVAL, "function %zu has a name without end", i);
	return 0;
}

/* How many segments all patterns have. */
static int
routes_check(const struct input *in, size_t *n_segments, struct err *e)
{
	*n_segments = 0;
	if (in->n_routes > SNAPSHOT_ROUTES_MAX)
		return err_set(e, -E2BIG, "more than %d routes", SNAPSHOT_ROUTES_MAX);
	for (size_t i = 0; i < in->n_routes; i++) {
		const struct snapshot_route *r = &in->routes[i];
		const char *pattern = r->pattern;
		struct segment segment;

		if (route_pattern_check(pattern, e) < 0)
			return -EINVAL;
		if (r->methods == 0 || r->methods & ~(unsigned)METHODS_KNOWN)
			return err_set(e, -EINVAL, "route '%s' has methods that are none", pattern);
		if (r->function >= in->n_functions)
			return err_set(e, -EINVAL, "route '%s' is of no function", pattern);
		while (segment_next(&pattern, &segment))
			++*n_segments;
	}
	if (*n_segments > SNAPSHOT_SEGMENTS_MAX)
		return err_set(e, -E2BIG, "the routes have more than %d segments", SNAPSHOT_SEGMENTS_MAX);
	return 0;
}

/* The power of two that leaves a third of the slots free, so that chains stay short. */
static uint32_t
slots_for(size_t n_nodes)
{
	uint32_t n = 8;

	while (n < n_nodes + n_nodes / 2)
		n *= 2;
	return n;
}

static int
build_start(struct build *b, size_t n_segments, size_t n_routes, struct err *e)
{
	b->header.n_slots = slots_for(n_segments + 1);
	b->header.n_nodes = 1;
	b->nodes = calloc(n_segments + 1, sizeof *b->nodes);
	b->slots = calloc(b->header.n_slots, sizeof *b->slots);
	b->routes = calloc(n_routes + 1, sizeof *b->routes);
	b->route_nodes = calloc(n_routes + 1, sizeof *b->route_nodes);
	buf_init(&b->text, TEXT_MAX);
	random_bytes(&b->header.seed, sizeof b->header.seed);
	/* buf_reserve: so that the text is somewhere even while it is empty. */
	if (!b->nodes || !b->slots || !b->routes || !b->route_nodes || !buf_reserve(&b->text, 1))
		return err_set(e, ENOMEM, "route snapshot");
	return 0;
}

static void
slot_fill(struct build *b, uint32_t node)
{
	const struct image_node *n = &b->nodes[node];
	uint32_t mask = b->header.n_slots - 1;
	uint32_t hash = image_hash(b->header.seed, n->parent, b->text.data + n->text, n->text_length);
	uint32_t i = hash & mask;

	while (b->slots[i].node)
		i = (i + 1) & mask;
	b->slots[i] = (struct image_slot){ hash, node };
}

/* The bytes as they are now, for looking up. */
static uint32_t
child_find(const struct build *b, uint32_t parent, const struct segment *s)
{
	struct image image = {
		.header = &b->header, .nodes = b->nodes, .slots = b->slots, .text = b->text.data
	};

	switch (s->kind) {
	case SEGMENT_PARAM:
		return b->nodes[parent].param;
	case SEGMENT_REST:
		return b->nodes[parent].rest;
	default:
		return image_child(&image, parent, s->text, s->length);
	}
}

/* A new child of parent; 0 when memory is short. */
static uint32_t
child_add(struct build *b, uint32_t parent, const struct segment *s)
{
	uint32_t number = b->header.n_nodes;
	struct image_node *from = &b->nodes[parent], *node = &b->nodes[number];

	node->parent = parent;
	node->kind = (uint8_t)s->kind;
	node->depth = (uint8_t)(from->depth + 1);
	node->n_params = (uint8_t)(from->n_params + (s->kind == SEGMENT_PARAM));
	if (s->kind == SEGMENT_EXACT) {
		node->text = (uint32_t)buf_used(&b->text);
		node->text_length = (uint8_t)s->length;
		if (buf_append(&b->text, s->text, s->length) < 0)
			return 0;
		slot_fill(b, number);
	} else if (s->kind == SEGMENT_PARAM) {
		from->param = number;
	} else {
		from->rest = number;
	}
	b->header.n_nodes++;
	return number;
}

/* The names of the pattern's parameters, each with a NUL. */
static int
names_append(struct build *b, const char *pattern)
{
	struct segment s;
	int rc = 0;

	while (rc == 0 && segment_next(&pattern, &s)) {
		if (s.kind != SEGMENT_PARAM)
			continue;
		rc = buf_append(&b->text, s.text, s.length);
		if (rc == 0)
			rc = buf_append(&b->text, "", 1);
	}
	return rc;
}

static int
collision(const struct build *b, const struct input *in, size_t i, struct err *e)
{
	const struct snapshot_route *r = &in->routes[i], *other = in->routes;
	char methods[HTTP_METHODS_TEXT_SIZE];

	while (b->route_nodes[other - in->routes] != b->route_nodes[i] || !(other->methods & r->methods))
		other++;
	http_methods_format(other->methods & r->methods, methods);
	return err_set(e, -EEXIST, "route '%s' of %s and route '%s' of %s both take %s", r->pattern,
	               in->functions[r->function].name, other->pattern, in->functions[other->function].name,
	               methods);
}

static int
route_add(struct build *b, const struct input *in, size_t i, struct err *e)
{
	const struct snapshot_route *r = &in->routes[i];
	const char *pattern = r->pattern;
	uint32_t node = 0;
	struct segment s;

	while (segment_next(&pattern, &s)) {
		uint32_t child = child_find(b, node, &s);

		node = child ? child : child_add(b, node, &s);
		if (node == 0)
			return err_set(e, ENOMEM, "route snapshot");
	}
	b->route_nodes[i] = node;
	if (b->nodes[node].methods & r->methods)
		return collision(b, in, i, e);
	b->nodes[node].methods |= (uint8_t)r->methods;
	b->nodes[node].n_routes++;
	b->routes[i] =
	    (struct image_route){ r->methods, r->function, r->index, (uint32_t)buf_used(&b->text) };
	if (names_append(b, r->pattern) < 0)
		return err_set(e, ENOMEM, "route snapshot");
	return 0;
}

/* The table again, now that the number of nodes is known: a smaller one stays in the cache. */
static void
slots_rebuild(struct build *b)
{
	memset(b->slots, 0, b->header.n_slots * sizeof *b->slots);
	b->header.n_slots = slots_for(b->header.n_nodes);
	for (uint32_t i = 1; i < b->header.n_nodes; i++)
		if (b->nodes[i].kind == SEGMENT_EXACT)
			slot_fill(b, i);
}

/* Copies the routes to where to is, those of one node together. */
static void
routes_group(struct build *b, struct image_route *to)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < b->header.n_nodes; i++) {
		b->nodes[i].first_route = first;
		first += b->nodes[i].n_routes;
		b->nodes[i].n_routes = 0;
	}
	for (size_t i = 0; i < b->header.n_routes; i++) {
		struct image_node *node = &b->nodes[b->route_nodes[i]];

		to[node->first_route + node->n_routes++] = b->routes[i];
	}
}

static void
section_copy(char **to, const void *from, size_t size)
{
	if (size > 0)
		memcpy(*to, from, size);
	*to += size;
}

static int
image_seal(struct build *b, const struct input *in, struct err *e)
{
	size_t size = image_size(&b->header);
	AUTO_FREE char *data = malloc(size);
	AUTO_FREE struct image_route *grouped = calloc(in->n_routes + 1, sizeof *grouped);
	char *to = data;

	if (!data || !grouped)
		return err_set(e, ENOMEM, "route snapshot");
	routes_group(b, grouped);
	section_copy(&to, &b->header, sizeof b->header);
	section_copy(&to, b->nodes, b->header.n_nodes * sizeof *b->nodes);
	section_copy(&to, b->slots, b->header.n_slots * sizeof *b->slots);
	section_copy(&to, grouped, in->n_routes * sizeof *grouped);
	section_copy(&to, in->functions, in->n_functions * sizeof *in->functions);
	section_copy(&to, b->text.data, b->header.text_size);
	return fd_sealed_memory("cfn-routes", data, size, e);
}

int
snapshot_build(uint64_t generation, const struct snapshot_function *functions, size_t n_functions,
               const struct snapshot_route *routes, size_t n_routes, struct err *e)
{
	__attribute__((cleanup(build_done))) struct build b = { .header.magic = IMAGE_MAGIC };
	const struct input in = { functions, n_functions, routes, n_routes };
	size_t n_segments;
	int rc = functions_check(&in, e);

	if (rc == 0)
		rc = routes_check(&in, &n_segments, e);
	if (rc == 0)
		rc = build_start(&b, n_segments, n_routes, e);
	for (size_t i = 0; rc == 0 && i < n_routes; i++)
		rc = route_add(&b, &in, i, e);
	if (rc < 0)
		return rc;
	slots_rebuild(&b);
	b.header.generation = generation;
	b.header.n_routes = (uint32_t)n_routes;
	b.header.n_functions = (uint32_t)n_functions;
	b.header.text_size = (uint32_t)buf_used(&b.text);
	return image_seal(&b, &in, e);
}
