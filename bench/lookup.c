/* lookup.c - what a route lookup costs with 10 and with 10,000 routes: ns and their ratio.
 *
 * Every third route is exact, has a parameter, or ends in '*'.  "spread" asks for each route in random order,
 * so that the table's size shows in cache misses; "hot" asks for ten of them, as a server with favourites
 * does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/fd.h"
#include "http/http.h"
#include "route/snapshot.h"

enum { FEW = 10, MANY = 10000, BATCH = 128, BATCHES = 40, ROUNDS = 400, TEXT_SIZE = 64 };

struct table {
	size_t n_routes;
	char patterns[MANY][TEXT_SIZE], paths[MANY][TEXT_SIZE];
	struct snapshot *snapshot;
};

static void
row_name(struct table *t, size_t i)
{
	static const struct {
		const char *pattern, *path;
	} forms[] = {
		{ "/api/v1/resource-%zu", "/api/v1/resource-%zu" },
		{ "/shop/section-%zu/items/:id", "/shop/section-%zu/items/4711" },
		{ "/files/volume-%zu/*", "/files/volume-%zu/a/b.txt" },
	};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(t->patterns[i], TEXT_SIZE, forms[i % 3].pattern, i);
	snprintf(t->paths[i], TEXT_SIZE, forms[i % 3].path, i);
#pragma GCC diagnostic pop
}

static struct table *
table_new(size_t n_routes)
{
	struct table *t = calloc(1, sizeof *t);
	struct snapshot_route *routes = calloc(n_routes, sizeof *routes);
	struct snapshot_function function = { .name = "bench" };
	struct err e = { 0 };
	AUTO_FD fd = -1;

	if (!t || !routes)
		exit(1);
	t->n_routes = n_routes;
	for (size_t i = 0; i < n_routes; i++) {
		row_name(t, i);
		routes[i] = (struct snapshot_route){ t->patterns[i], HTTP_GET, 0, (uint32_t)i };
	}
	fd = snapshot_build(1, &function, 1, routes, n_routes, &e);
	free(routes);
	if (fd < 0 || snapshot_map(fd, &t->snapshot, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	return t;
}

/* ns of a batch of lookups.  The paths are copied before: those of real requests have just been parsed, and
 * their own cache misses are no part of the look-up. */
static uint64_t
batch_measure(const struct table *t, const uint16_t *order)
{
	char paths[BATCH][TEXT_SIZE];
	struct timespec start, end;
	struct route_match match;
	size_t n_found = 0;

	for (size_t i = 0; i < BATCH; i++)
		memcpy(paths[i], t->paths[order[i]], TEXT_SIZE);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (size_t i = 0; i < BATCH; i++) {
		snapshot_match(t->snapshot, paths[i], HTTP_GET, &match);
		n_found += match.function != NULL;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (n_found != BATCH)
		exit(1);
	return (uint64_t)(end.tv_sec - start.tv_sec) * 1000000000U + (uint64_t)end.tv_nsec -
	       (uint64_t)start.tv_nsec;
}

/* ns of one lookup among the first n_asked paths, in random order. */
static double
table_measure(const struct table *t, size_t n_asked)
{
	uint16_t order[BATCH];
	uint64_t took = 0;

	for (size_t n = 0; n < BATCHES; n++) {
		random_bytes(order, sizeof order);
		for (size_t i = 0; i < BATCH; i++)
			order[i] = (uint16_t)(order[i] % n_asked);
		took += batch_measure(t, order);
	}
	return (double)took / (BATCH * BATCHES);
}

/* The best round of each: whatever else runs on the machine only adds. */
static void
report(const char *name, const struct table *few, const struct table *many, size_t n_asked)
{
	double ns_few = 1e9, ns_many = 1e9;

	for (size_t i = 0; i < ROUNDS; i++) {
		double of_few = table_measure(few, FEW), of_many = table_measure(many, n_asked);

		ns_few = of_few < ns_few ? of_few : ns_few;
		ns_many = of_many < ns_many ? of_many : ns_many;
	}
	printf("lookup %-6s %6.1f ns with %d routes, %6.1f ns with %d: ratio %.2f\n", name, ns_few, FEW,
	       ns_many, MANY, ns_many / ns_few);
}

int
main(void)
{
	struct table *few = table_new(FEW), *many = table_new(MANY);

	report("hot", few, many, FEW);
	report("spread", few, many, MANY);
	snapshot_unmap(few->snapshot);
	snapshot_unmap(many->snapshot);
	free(few);
	free(many);
	return 0;
}
