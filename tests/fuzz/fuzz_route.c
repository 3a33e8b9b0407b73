/* fuzz_route.c - routes and a path, matched by the snapshot and by a plain search: the same result.
 *
 * The input is lines: "METHODS PATTERN" are routes, another line is a path to look up. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "fuzz.h"
#include "http/http.h"
#include "route/snapshot.h"

enum { ROUTES_MAX = 24, TEXT_MAX = 1024 };

struct table {
	struct snapshot_route routes[ROUTES_MAX];
	size_t n_routes;
	struct snapshot *snapshot; /* of them; NULL: not built */
};

/* How the pattern fits the path: a letter a segment, 'a' exact, 'b' parameter, 'c' rest; so that the lesser
 * text is the more specific fit.  False when it does not fit. */
static bool
pattern_fits(const char *pattern, const char *path, char fit[ROUTE_PATTERN_MAX])
{
	while (*pattern == '/' && *path == '/') {
		size_t n_pattern = strcspn(++pattern, "/"), n_path = strcspn(++path, "/");

		if (*pattern == '*') {
			*fit++ = 'c';
			*fit = '\0';
			return true;
		}
		if (*pattern != ':' && (n_pattern != n_path || memcmp(pattern, path, n_path) != 0))
			return false;
		if (*pattern == ':' && n_path == 0)
			return false;
		*fit++ = *pattern == ':' ? 'b' : 'a';
		pattern += n_pattern;
		path += n_path;
	}
	*fit = '\0';
	return *pattern == '\0' && *path == '\0';
}

/* The route that has to serve; NULL: none. */
static const struct snapshot_route *
plain_match(const struct table *t, const char *path, unsigned method, unsigned *methods)
{
	char best[ROUTE_PATTERN_MAX] = "z", fit[ROUTE_PATTERN_MAX];
	const struct snapshot_route *found = NULL;

	*methods = 0;
	for (size_t i = 0; i < t->n_routes; i++) {
		const struct snapshot_route *r = &t->routes[i];
		unsigned takes = r->methods & method;

		if (!pattern_fits(r->pattern, path, fit))
			continue;
		*methods |= r->methods & HTTP_GET ? r->methods | HTTP_HEAD : r->methods;
		if (method == HTTP_HEAD)
			takes |= r->methods & HTTP_GET;
		if (!takes || strcmp(fit, best) > 0)
			continue;
		/* Two of one pattern: for HEAD the one that has it itself. */
		if (strcmp(fit, best) == 0 && !(r->methods & method))
			continue;
		strcpy(best, fit);
		found = r;
	}
	return found;
}

static void
paths_compare(const struct table *t, const char *path)
{
	for (unsigned method = 1; method <= HTTP_OPTIONS; method <<= 1) {
		const struct snapshot_route *want;
		struct route_match m;
		unsigned methods;

		want = plain_match(t, path, method, &methods);
		snapshot_match(t->snapshot, path, method, &m);
		REQUIRE(m.methods == methods);
		REQUIRE((m.function != NULL) == (want != NULL));
		REQUIRE(!want || m.index == want->index);
	}
}

/* True when the line is a route; one that collides or is malformed is left out. */
static bool
line_is_route(struct table *t, char *line)
{
	struct snapshot_route route = { .index = (uint32_t)t->n_routes };
	char *space = strrchr(line, ' ');
	bool is_taken = false;
	struct err e;

	if (!space)
		return false;
	*space = '\0';
	route.pattern = space + 1;
	if (http_methods_parse(line, &route.methods) < 0 || route_pattern_check(route.pattern, &e) < 0)
		return true;
	for (size_t i = 0; i < t->n_routes; i++)
		is_taken |= route_pattern_collides(t->routes[i].pattern, route.pattern) &&
		            (t->routes[i].methods & route.methods);
	if (!is_taken && t->n_routes < ROUTES_MAX)
		t->routes[t->n_routes++] = route;
	return true;
}

static void
table_build(struct table *t)
{
	static const struct snapshot_function function = { .name = "f" };
	struct err e;
	AUTO_FD fd = snapshot_build(1, &function, 1, t->routes, t->n_routes, &e);

	REQUIRE(fd >= 0 && snapshot_map(fd, &t->snapshot, &e) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[TEXT_MAX], *rest = text, *line;
	struct table t = { 0 };

	if (n >= TEXT_MAX)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		if (!t.snapshot && line_is_route(&t, line))
			continue;
		if (!t.snapshot)
			table_build(&t);
		paths_compare(&t, line);
	}
	snapshot_unmap(t.snapshot);
	return 0;
}
