/* map.c - maps a snapshot and checks every number in it once, so that no later access leaves it. */
#include "route/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "http/http.h"

enum { PARAM_NAME_SIZE = 33, METHODS_MAX = 7, DEPTH_MAX = ROUTE_PATTERN_MAX / 2 };

static const char *
header_fault(const struct image_header *h, size_t size)
{
	if (size < sizeof *h || h->magic != IMAGE_MAGIC)
		return "it is no snapshot of this version";
	if (h->n_nodes == 0 || h->n_nodes > SNAPSHOT_SEGMENTS_MAX + 1 || h->n_routes > SNAPSHOT_ROUTES_MAX ||
	    h->n_functions > SNAPSHOT_FUNCTIONS_MAX)
		return "counts";
	if (h->n_slots == 0 || h->n_slots & (h->n_slots - 1))
		return "number of slots";
	return image_size(h) == size ? NULL : "size";
}

/* A free slot ends every search; what stands in one is a child by exact text. */
static const char *
slots_fault(const struct image *image)
{
	uint32_t n_free = 0;

	for (uint32_t i = 0; i < image->header->n_slots; i++) {
		uint32_t node = image->slots[i].node;

		if (node >= image->header->n_nodes)
			return "slot's node";
		if (node == 0)
			n_free++;
		else if (image->nodes[node].kind != SEGMENT_EXACT)
			return "kind of a slot's node";
	}
	return n_free > 0 ? NULL : "no free slot";
}

/* True when number is 0 or a child of this kind of parent.  parent < number comes with the child's check. */
static bool
is_child(const struct image *image, uint32_t parent, uint32_t number, enum segment_kind kind)
{
	if (number == 0)
		return true;
	return number < image->header->n_nodes && image->nodes[number].parent == parent &&
	       image->nodes[number].kind == (uint8_t)kind;
}

/* n texts, each with its NUL, stand at names. */
static bool
names_are_whole(const struct image *image, uint32_t names, unsigned n)
{
	size_t at = names, size = image->header->text_size;

	if (at > size)
		return false;
	for (unsigned i = 0; i < n; i++) {
		size_t most = size - at < PARAM_NAME_SIZE ? size - at : PARAM_NAME_SIZE;
		const char *nul = memchr(image->text + at, '\0', most);

		if (!nul)
			return false;
		at = (size_t)(nul - image->text) + 1;
	}
	return true;
}

static const char *
node_routes_fault(const struct image *image, const struct image_node *node)
{
	uint32_t n = image->header->n_routes;

	if (node->n_routes > METHODS_MAX || node->first_route > n || node->n_routes > n - node->first_route)
		return "node's routes";
	for (uint32_t i = 0; i < node->n_routes; i++)
		if (!names_are_whole(image, image->routes[node->first_route + i].names, node->n_params))
			return "names of parameters";
	return NULL;
}

static const char *
node_parent_fault(const struct image *image, uint32_t number)
{
	const struct image_node *node = &image->nodes[number], *parent = &image->nodes[node->parent];

	if (number == 0)
		return node->depth || node->n_params || node->parent ? "root" : NULL;
	/* Parents stand before their children: no circle, and parent is in range and was checked. */
	if (node->parent >= number || node->kind > SEGMENT_REST)
		return "node's parent";
	if (node->depth != parent->depth + 1 || node->depth > DEPTH_MAX)
		return "node's depth";
	if (node->n_params != parent->n_params + (node->kind == SEGMENT_PARAM) ||
	    node->n_params > ROUTE_PARAMS_MAX)
		return "node's parameters";
	return NULL;
}

static const char *
node_fault(const struct image *image, uint32_t number)
{
	const struct image_node *node = &image->nodes[number];
	size_t text_size = image->header->text_size;

	if (node->text > text_size || node->text_length > text_size - node->text)
		return "node's text";
	if (!is_child(image, number, node->param, SEGMENT_PARAM) ||
	    !is_child(image, number, node->rest, SEGMENT_REST))
		return "node's children";
	return node_routes_fault(image, node);
}

static const char *
nodes_fault(const struct image *image)
{
	const char *fault = NULL;

	for (uint32_t i = 0; !fault && i < image->header->n_nodes; i++) {
		if (image->nodes[i].parent >= image->header->n_nodes)
			return "node's parent";
		fault = node_parent_fault(image, i);
		if (!fault)
			fault = node_fault(image, i);
	}
	return fault;
}

static const char *
rows_fault(const struct image *image)
{
	for (uint32_t i = 0; i < image->header->n_routes; i++)
		if (image->routes[i].function >= image->header->n_functions)
			return "route's function";
	for (uint32_t i = 0; i < image->header->n_functions; i++)
		if (!memchr(image->functions[i].name, '\0', sizeof image->functions[i].name))
			return "function's name";
	return NULL;
}

static int
image_check(struct image *image, const void *data, size_t size, struct err *e)
{
	const char *fault = header_fault(data, size);

	if (!fault) {
		image_locate(image, data);
		fault = nodes_fault(image);
	}
	if (!fault)
		fault = slots_fault(image);
	if (!fault)
		fault = rows_fault(image);
	return fault ? err_set(e, -EBADMSG, "route snapshot is damaged: %s", fault) : 0;
}

int
snapshot_map(int fd, struct snapshot **s, struct err *e)
{
	AUTO_FREE struct snapshot *mapped = calloc(1, sizeof *mapped);
	struct stat st;
	void *data;
	int rc;

	if (!mapped)
		return err_set(e, ENOMEM, "route snapshot");
	if (fd_check_sealed(fd) < 0)
		return err_set(e, -EPERM, "route snapshot is not sealed");
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "route snapshot");
	if (st.st_size == 0)
		return err_set(e, -EBADMSG, "route snapshot is empty");
	mapped->size = (size_t)st.st_size;
	/* Private: before 6.7 a file sealed against writing could not be mapped shared. */
	data = mmap(NULL, mapped->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (data == MAP_FAILED)
		return err_set(e, errno, "map route snapshot");
	rc = image_check(&mapped->image, data, mapped->size, e);
	if (rc < 0) {
		munmap(data, mapped->size);
		return rc;
	}
	*s = mapped;
	mapped = NULL;
	return 0;
}

void
snapshot_unmap(struct snapshot *s)
{
	if (!s)
		return;
	munmap((void *)(uintptr_t)s->image.header, s->size);
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
	return i < s->image.header->n_functions ? &s->image.functions[i] : NULL;
}
