/* match.c - path and method → route.
 *
 * A walk down the tree that tries the exact child, then ":name", then "*".  A node has one parent and is
 * entered from there alone, so at most once: a path of s segments costs at most min(2^s, nodes) steps, and s
 * + 1 where nothing branches.  The union of the methods needs the whole walk anyway, so going on after a
 * pattern without the method costs nothing more. */
#include <string.h>

#include "http/http.h"
#include "route/image.h"
#include "route/map.h"

struct walk {
	const struct image *image;
	unsigned method;
	struct route_match *match;
	struct {
		const char *text;
		size_t length;
	} values[ROUTE_PARAMS_MAX];
};

static const struct image_route *
route_taking(const struct image_node *node, unsigned method)
{
	const struct image_route *route = image_routes(node);

	if (!(node->methods & method))
		return NULL;
	for (unsigned i = 0; i < node->n_routes; i++)
		if (route[i].methods & method)
			return &route[i];
	return NULL;
}

static void
match_set(struct walk *w, const struct image_node *node, const struct image_route *route, const char *rest)
{
	const char *name = (const char *)node + route->names;
	struct route_match *m = w->match;

	m->function = image_function(w->image, route->function);
	m->index = route->index;
	for (m->n_params = 0; m->n_params < node->n_params; m->n_params++) {
		m->params[m->n_params] =
		    (struct route_param){ name, w->values[m->n_params].text, w->values[m->n_params].length };
		name += strlen(name) + 1;
	}
	if (rest)
		m->params[m->n_params++] = (struct route_param){ "*", rest, strlen(rest) };
}

/* The path ends at this node, or rest is what "*" stands for. */
static void
node_serve(struct walk *w, const struct image_node *node, const char *rest)
{
	const struct image_route *route;

	w->match->methods |= node->methods;
	if (w->match->function)
		return; /* a more specific one was found */
	route = route_taking(node, w->method);
	if (!route && w->method == HTTP_HEAD)
		route = route_taking(node, HTTP_GET);
	if (route)
		match_set(w, node, route, rest);
}

/* path is what is left: NUL, or '/' and more. */
static void
node_walk(struct walk *w, uint32_t place, const char *path)
{
	const struct image_node *node = image_node(w->image, place);
	const char *text = path + 1;
	size_t length;
	uint32_t child;

	if (*path == '\0') {
		node_serve(w, node, NULL);
		return;
	}
	length = strcspn(text, "/");
	child = image_child(w->image, place, text, length);
	if (child)
		node_walk(w, child, text + length);
	if (node->param && length > 0) {
		w->values[node->n_params].text = text;
		w->values[node->n_params].length = length;
		node_walk(w, node->param, text + length);
	}
	if (node->rest)
		node_serve(w, image_node(w->image, node->rest), text);
}

void
snapshot_match(const struct snapshot *s, const char *path, unsigned method, struct route_match *match)
{
	struct walk w = { .image = &s->image, .method = method, .match = match };

	match->function = NULL;
	match->index = 0;
	match->methods = 0;
	match->n_params = 0;
	if (*path == '/')
		node_walk(&w, 0, path);
	if (match->methods & HTTP_GET)
		match->methods |= HTTP_HEAD;
}
