/* routes.c - no two active versions may have one route. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "registry/sql.h"

int
routes_check(struct registry *r, const char *function, const struct registry_route *routes, size_t n,
             struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int rc = sql_prepare(&r->base, &row, e,
	                     "SELECT f.name, route.methods, route.pattern FROM route"
	                     " JOIN function f ON f.active_version = route.version_id WHERE f.name <> ?",
	                     "t", function);

	while (rc >= 0 && (rc = sql_step(&r->base, row, e)) > 0) {
		const char *other = (const char *)sqlite3_column_text(row, 0);
		unsigned methods = (unsigned)sqlite3_column_int64(row, 1);
		const char *pattern = (const char *)sqlite3_column_text(row, 2);

		for (size_t i = 0; i < n; i++) {
			if (!pattern || !(routes[i].methods & methods) ||
			    !route_pattern_collides(routes[i].pattern, pattern))
				continue;
			return err_set(e, -EEXIST, "route %s belongs to function '%s'", routes[i].pattern,
			               other ? other : "?");
		}
	}
	return rc;
}

/* The routes of all active versions, as a snapshot would have them. */
struct gathered {
	struct buf patterns; /* one after the other, each with its NUL */
	struct snapshot_route *routes;
	size_t n, size;
};

static void
gathered_done(struct gathered *g)
{
	buf_done(&g->patterns);
	free(g->routes);
}

static int
gather_one(struct gathered *g, sqlite3_stmt *row, struct err *e)
{
	const char *pattern = (const char *)sqlite3_column_text(row, 1);
	struct snapshot_route *routes = g->routes;

	if (g->n == g->size) {
		g->size = g->size ? 2 * g->size : 64;
		routes = reallocarray(g->routes, g->size, sizeof *routes);
		if (!routes)
			return err_set(e, ENOMEM, "routes");
		g->routes = routes;
	}
	if (!pattern || g->n == SNAPSHOT_ROUTES_MAX)
		return err_set(e, -EBADMSG, "a route is none");
	if (buf_append(&g->patterns, pattern, strlen(pattern) + 1) < 0)
		return err_set(e, ENOMEM, "routes");
	routes[g->n++] = (struct snapshot_route){ .methods = (uint32_t)sqlite3_column_int64(row, 0) };
	return 0;
}

static int
gather(struct registry *r, struct gathered *g, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	const char *pattern;
	int rc = sql_prepare(&r->base, &row, e,
	                     "SELECT route.methods, route.pattern FROM route"
	                     " JOIN function f ON f.active_version = route.version_id",
	                     "");

	while (rc == 0 && (rc = sql_step(&r->base, row, e)) > 0)
		rc = gather_one(g, row, e);
	if (rc < 0 || g->n == 0)
		return rc;
	pattern = buf_head(&g->patterns);
	for (size_t i = 0; i < g->n; i++, pattern += strlen(pattern) + 1)
		g->routes[i].pattern = pattern;
	return 0;
}

int
routes_check_all(struct registry *r, struct err *e)
{
	static const struct snapshot_function any = { .name = "any" }, *const one = &any;
	__attribute__((cleanup(gathered_done))) struct gathered g = { 0 };
	int rc;

	buf_init(&g.patterns, (size_t)SNAPSHOT_ROUTES_MAX * ROUTE_PATTERN_MAX);
	rc = gather(r, &g, e);
	return rc < 0 ? rc : snapshot_check(&one, 1, g.routes, g.n, e);
}
