/* registry_rig.h - a registry of a test's own, versions in it, and somebody who changes the file by other
 * means. */
#pragma once
#include "unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "registry/registry.h"

struct fixture {
	char folder[32], path[64];
	struct registry *r;
	struct registry_version v;
};

/* A sweep of all functions, of any age. */
#define KEEP(n)                                                                                              \
	&(struct registry_retention)                                                                         \
	{                                                                                                    \
		.keep = (n), .before = INT64_MAX                                                             \
	}

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e;

	strcpy(f->folder, "/tmp/cfn-test-XXXXXX");
	if (!mkdtemp(f->folder))
		return -1;
	snprintf(f->path, sizeof f->path, "%s/r.db", f->folder);
	*state = f;
	return registry_open(f->path, REGISTRY_CREATE, &f->r, &e);
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	registry_close(f->r);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	if (system(command) != 0)
		return -1;
	free(f);
	return 0;
}

/* Adds a version of function with one route for GET, which may be another's.  Its id; 0 when it is there
 * already. */
static inline int64_t
add_any(struct registry *r, const char *function, const char *pattern, const char *source, bool defers_routes,
        struct err *e)
{
	struct function_policy policy;
	struct registry_route route = { .methods = HTTP_GET };
	struct registry_candidate c = {
		.entry = "handle",
		.source = source,
		.source_size = strlen(source),
		.artifact = "ELF",
		.artifact_size = 3,
		.debug = "",
		.policy = &policy,
		.compiler = "gcc",
		.flags = "-O2",
		.source_name = "f.c",
		.author = "tester",
		.n_routes = 1,
		.routes = &route,
		.routes_from_options = true,
		.defers_routes = defers_routes,
	};
	int64_t id = 0;
	bool is_new;
	int rc;

	policy_init(&policy);
	snprintf(c.function, sizeof c.function, "%s", function);
	snprintf(route.pattern, sizeof route.pattern, "%s", pattern);
	rc = registry_add(r, &c, &id, &is_new, e);
	return rc < 0 ? rc : is_new ? id : 0;
}

/* The same, which may not. */
static inline int64_t
add(struct registry *r, const char *function, const char *pattern, const char *source, struct err *e)
{
	return add_any(r, function, pattern, source, false, e);
}

/* Of "hello". */
static inline int64_t
add_hello(struct registry *r, const char *source)
{
	struct err e;

	return add(r, "hello", "/hello", source, &e);
}

/* Runs statements as somebody who can write the file would. */
static inline void
tamper(const struct fixture *f, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}
