/* map.c - maps a snapshot and checks every number in it once, so that no later access leaves it. */
#include "route/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macros.h"

enum { PARAM_NAME_SIZE = 33, METHODS_MAX = 7, DEPTH_MAX = (ROUTE_PATTERN_MAX - 1) / 2 };

/* While it is checked: at which units a node begins. */
struct check {
	const struct image *image;
	unsigned char *starts; /* a bit for each unit */
};

static bool
is_start(const struct check *c, uint32_t place)
{
	return place < c->image->header->n_units && c->starts[place / 8] & 1U << place % 8;
}

static const char *
header_fault(const struct image_header *h, size_t size)
{
	if (size < sizeof *h || h->magic != IMAGE_MAGIC)
		return "it is no snapshot of this version";
	if (h->n_functions > SNAPSHOT_FUNCTIONS_MAX)
		return "number of functions";
	if (h->function_size <= offsetof(struct snapshot_function, origins) ||
	    h->function_size > sizeof(struct snapshot_function) || h->function_size % IMAGE_UNIT != 0)
		return "size of a function";
	if (h->n_units == 0 || h->n_units > IMAGE_NODE_UNITS_MAX)
		return "number of units";
	if (h->n_slots == 0 || h->n_slots & (h->n_slots - 1))
		return "number of slots";
	return image_size(h) == size ? NULL : "size";
}

/* Finds where the nodes begin: each begins where the one before ends, and holds its own routes and text. */
static const char *
starts_fault(struct check *c)
{
	uint32_t n_units = c->image->header->n_units;

	for (uint32_t place = 0; place < n_units;) {
		const struct image_node *node = image_node(c->image, place);
		uint32_t left = n_units - place;

		if (left < sizeof *node / IMAGE_UNIT || node->n_units > left)
			return "end of a node";
		if ((size_t)node->n_units * IMAGE_UNIT <
		    sizeof *node + node->n_routes * sizeof(struct image_route) + node->text_length)
			return "size of a node";
		c->starts[place / 8] |= (unsigned char)(1U << place % 8);
		place += node->n_units;
	}
	return NULL;
}

static const char *
parent_fault(const struct check *c, uint32_t place, const struct image_node *node)
{
	const struct image_node *parent;

	if (place == 0)
		return node->depth || node->n_params || node->parent ? "root" : NULL;
	/* Parents stand before their children: so no circle, and the parent was checked. */
	if (node->parent >= place || !is_start(c, node->parent) || node->kind > SEGMENT_REST)
		return "node's parent";
	parent = image_node(c->image, node->parent);
	if (node->depth != parent->depth + 1 || node->depth > DEPTH_MAX)
		return "node's depth";
	if (node->n_params != parent->n_params + (node->kind == SEGMENT_PARAM) ||
	    node->n_params > ROUTE_PARAMS_MAX)
		return "node's parameters";
	return NULL;
}

/* True when number is 0 or a child of this kind, of this parent and of no other. */
static bool
is_child(const struct check *c, uint32_t parent, uint32_t number, enum segment_kind kind)
{
	const struct image_node *node;

	if (number == 0)
		return true;
	if (!is_start(c, number))
		return false;
	node = image_node(c->image, number);
	return node->parent == parent && node->kind == (uint8_t)kind;
}

/* The names of one route's parameters stand in its node, each with its NUL. */
static bool
names_are_whole(const struct image_node *node, const struct image_route *route)
{
	size_t at = route->names, size = (size_t)node->n_units * IMAGE_UNIT;

	if (at > size)
		return false;
	for (unsigned i = 0; i < node->n_params; i++) {
		size_t most = size - at < PARAM_NAME_SIZE ? size - at : PARAM_NAME_SIZE;
		const char *nul = memchr((const char *)node + at, '\0', most);

		if (!nul)
			return false;
		at = (size_t)(nul - (const char *)node) + 1;
	}
	return true;
}

static const char *
routes_fault(const struct check *c, const struct image_node *node)
{
	const struct image_route *routes = image_routes(node);

	if (node->n_routes > METHODS_MAX)
		return "number of a node's routes";
	for (unsigned i = 0; i < node->n_routes; i++) {
		if (routes[i].function >= c->image->header->n_functions)
			return "route's function";
		if (!names_are_whole(node, &routes[i]))
			return "names of parameters";
	}
	return NULL;
}

static const char *
nodes_fault(const struct check *c)
{
	const char *fault = NULL;

	for (uint32_t place = 0; !fault && place < c->image->header->n_units;) {
		const struct image_node *node = image_node(c->image, place);

		fault = parent_fault(c, place, node);
		if (!is_child(c, place, node->param, SEGMENT_PARAM) ||
		    !is_child(c, place, node->rest, SEGMENT_REST))
			return "node's children";
		if (node->exact != IMAGE_MANY && !is_child(c, place, node->exact, SEGMENT_EXACT))
			return "node's only child";
		if (!fault)
			fault = routes_fault(c, node);
		place += node->n_units;
	}
	return fault;
}

/* A free slot ends every search; what stands in one is a child by exact text. */
static const char *
slots_fault(const struct check *c)
{
	uint32_t n_free = 0;

	for (uint32_t i = 0; i < c->image->header->n_slots; i++) {
		uint32_t node = c->image->slots[i].node;

		if (node == 0)
			n_free++;
		else if (!is_start(c, node) || image_node(c->image, node)->kind != SEGMENT_EXACT)
			return "slot's node";
	}
	return n_free > 0 ? NULL : "no free slot";
}

static bool
ends(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

static const char *
functions_fault(const struct check *c)
{
	size_t room = c->image->header->function_size - offsetof(struct snapshot_function, origins);

	for (uint32_t i = 0; i < c->image->header->n_functions; i++) {
		const struct snapshot_function *f = image_function(c->image, i);

		if (!ends(f->name, sizeof f->name) || !ends(f->origins, room))
			return "function's text";
	}
	return NULL;
}

static const char *
sections_fault(struct check *c)
{
	static const char *(*const faults[])(const struct check *) = { nodes_fault, slots_fault,
		                                                       functions_fault };
	const char *fault = starts_fault(c);

	for (size_t i = 0; !fault && i < ARRAY_SIZE(faults); i++)
		fault = faults[i](c);
	return fault;
}

static int
image_check(struct image *image, const void *data, size_t size, struct err *e)
{
	const char *fault = header_fault(data, size);
	struct check c = { .image = image };

	if (!fault) {
		image_locate(image, data);
		c.starts = calloc(image->header->n_units / 8 + 1, 1);
		if (!c.starts)
			return err_set(e, ENOMEM, "route snapshot");
		fault = sections_fault(&c);
		free(c.starts);
	}
	return fault ? err_set(e, -EBADMSG, "route snapshot is damaged: %s", fault) : 0;
}

static int
bytes_map(int fd, void **data, size_t *size, struct err *e)
{
	struct stat st;

	if (fd_check_sealed(fd) < 0)
		return err_set(e, -EPERM, "route snapshot is not sealed");
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "route snapshot");
	if (st.st_size == 0)
		return err_set(e, -EBADMSG, "route snapshot is empty");
	*size = (size_t)st.st_size;
	/* Private: before 6.7 a file sealed against writing could not be mapped shared. */
	*data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	return *data == MAP_FAILED ? err_set(e, errno, "map route snapshot") : 0;
}

int
snapshot_map(int fd, struct snapshot **s, struct err *e)
{
	struct snapshot *mapped;
	struct snapshot found = { 0 };
	int rc = bytes_map(fd, &found.data, &found.size, e);

	if (rc < 0)
		return rc;
	rc = image_check(&found.image, found.data, found.size, e);
	mapped = rc == 0 ? malloc(sizeof *mapped) : NULL;
	if (rc == 0 && !mapped)
		rc = err_set(e, ENOMEM, "route snapshot");
	if (!mapped) {
		munmap(found.data, found.size);
		return rc;
	}
	*mapped = found;
	*s = mapped;
	return 0;
}

void
snapshot_unmap(struct snapshot *s)
{
	if (!s)
		return;
	munmap(s->data, s->size);
	free(s);
}

uint64_t
snapshot_generation(const struct snapshot *s)
{
	return s->image.header->generation;
}

size_t
snapshot_n_functions(const struct snapshot *s)
{
	return s->image.header->n_functions;
}

const struct snapshot_function *
snapshot_function_at(const struct snapshot *s, size_t i)
{
	return i < s->image.header->n_functions ? image_function(&s->image, i) : NULL;
}

size_t
snapshot_function_index(const struct snapshot *s, const struct snapshot_function *function)
{
	return (size_t)((const char *)function - s->image.functions) / s->image.header->function_size;
}
