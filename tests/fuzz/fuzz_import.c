/* fuzz_import.c - a file that `cfn-deploy import` is given: whoever made it, its versions are read or
 * refused, and never more than that. */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "registry/registry.h"

enum { VERSIONS_MAX = 64 };

struct reading {
	struct registry *r;
	struct registry_version *v;
	unsigned n;
};

static int
read_version(void *context, int64_t id)
{
	struct reading *g = context;
	struct err e = { 0 };

	if (g->n++ == VERSIONS_MAX)
		return 1;
	if (registry_version_by_id(g->r, id, g->v, &e) < 0) {
		REQUIRE(e.text[0] != '\0');
		return 0;
	}
	REQUIRE(strnlen(g->v->function, sizeof g->v->function) < sizeof g->v->function);
	REQUIRE(g->v->function[0] != '\0' && g->v->number > 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char path[] = "/tmp/fuzz-import.XXXXXX", fault[200] = "";
	struct reading g = { .v = calloc(1, sizeof *g.v) };
	int fd = mkstemp(path);
	struct err e;

	REQUIRE(g.v != NULL && fd >= 0 && write(fd, data, n) == (ssize_t)n);
	close(fd);
	if (registry_open(path, REGISTRY_READ, &g.r, &e) == 0) {
		if (registry_check_tables(g.r, &e) == 0 &&
		    registry_integrity(g.r, fault, sizeof fault, &e) == 0 && fault[0] == '\0')
			registry_each_id(g.r, read_version, &g, &e);
		registry_close(g.r);
	}
	unlink(path);
	free(g.v);
	return 0;
}
