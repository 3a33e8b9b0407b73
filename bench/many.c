/* many.c - a registry with many functions: copies of one that is deployed there, all of them active.
 *
 * Usage: many REGISTRY FUNCTION NUMBER     as NAME-1 to NAME-NUMBER, each with its own route /NAME-I/:id
 *
 * Through the registry's own code: each is added as a deploy adds it, and one transaction activates all.  On
 * a disk each addition waits for the disk: make it in /dev/shm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "http/http.h"
#include "registry/registry.h"

struct model {
	struct registry *registry;
	struct registry_version version;
	char *source, *artifact, *debug;
	struct registry_candidate candidate;
};

static void
must(int rc, const struct err *e)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "many: %s\n", e->text);
	exit(1);
}

static void
model_read(struct model *m, const char *path, const char *function)
{
	struct registry_candidate *c = &m->candidate;
	struct registry_version *v = &m->version;
	struct err e;

	must(registry_open(path, REGISTRY_WRITE, &m->registry, &e), &e);
	must(registry_version_find(m->registry, function, 0, v, &e), &e);
	must(registry_blob(m->registry, &v->source, &m->source, &c->source_size, &e), &e);
	must(registry_blob(m->registry, &v->artifact, &m->artifact, &c->artifact_size, &e), &e);
	must(registry_blob(m->registry, &v->debug, &m->debug, &c->debug_size, &e), &e);
	c->source = m->source;
	c->artifact = m->artifact;
	c->debug = m->debug;
	c->policy = &v->policy;
	c->compiler = v->compiler;
	c->flags = v->flags;
	c->source_name = v->source_name;
	c->author = v->author;
	c->defers_routes = true; /* all of them are looked at when they are activated */
	snprintf(c->entry, sizeof c->entry, "%s", v->entry);
}

static int64_t
copy_add(struct model *m, const char *function, unsigned long i)
{
	struct registry_route route = { .methods = HTTP_GET | HTTP_HEAD };
	struct registry_candidate *c = &m->candidate;
	int64_t id = 0;
	bool is_new;
	struct err e;

	snprintf(c->function, sizeof c->function, "%.32s-%lu", function, i);
	snprintf(route.pattern, sizeof route.pattern, "/%.32s-%lu/:id", function, i);
	c->n_routes = 1;
	c->routes = &route;
	must(registry_add(m->registry, c, &id, &is_new, &e), &e);
	return id;
}

int
main(int argc, char **argv)
{
	struct model *m = calloc(1, sizeof *m);
	size_t n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0, failed = 0;
	struct registry_change *changes = calloc(n + 1, sizeof *changes);
	struct err e;

	if (n == 0 || !m || !changes) {
		fprintf(stderr, "usage: many REGISTRY FUNCTION NUMBER\n");
		return 64;
	}
	model_read(m, argv[1], argv[2]);
	for (size_t i = 0; i < n; i++)
		changes[i] = (struct registry_change){ .version_id = copy_add(m, argv[2], i + 1),
			                               .how = REGISTRY_REPLACE_ROUTES };
	must(registry_apply(m->registry, changes, n, false, &failed, &e), &e);
	registry_close(m->registry);
	free(m->source);
	free(m->artifact);
	free(m->debug);
	free(changes);
	free(m);
	return 0;
}
