/* sweep.c - what nobody needs any more is deleted from the registry. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "registry/sql.h"

enum {
	PAGES_STEP = 256,      /* given back in one transaction */
	AUTO_VACUUM_STEPS = 2, /* SQLite's number for "incremental" */
};

struct sweep {
	const struct registry_retention *what;
	struct registry_swept *swept;
	int64_t *ids; /* of the versions that go */
	size_t n, size;
	bool has_succeeded;
};

/* Stays: the newest of each version that there is, and the newest of all of a function, which says what
 * number comes next. */
static int
sweep_activations(struct registry *r, struct err *e)
{
	return sql_run(&r->base, e,
	               "DELETE FROM activation AS a WHERE"
	               " number <> (SELECT max(number) FROM activation WHERE function = a.function)"
	               " AND (number <> (SELECT max(number) FROM activation WHERE function = a.function"
	               " AND version = a.version) OR NOT EXISTS (SELECT 1 FROM version v"
	               " JOIN function f ON f.id = v.function_id"
	               " WHERE f.name = a.function AND v.number = a.version))",
	               "");
}

static int
record_sweep(struct registry *r, const struct registry_swept *swept, struct err *e)
{
	char detail[AUDIT_TEXT_SIZE];

	if (swept->versions == 0 && swept->blobs == 0)
		return 0;
	snprintf(detail, sizeof detail, "%llu versions, %llu blobs", (unsigned long long)swept->versions,
	         (unsigned long long)swept->blobs);
	return audit_add(r, &(struct audit_change){ .event = AUDIT_GC, .detail = detail }, e);
}

static bool
is_meant(const struct registry_retention *what, const char *function)
{
	for (size_t i = 0; i < what->n_functions; i++)
		if (strcmp(what->functions[i], function) == 0)
			return true;
	return what->n_functions == 0;
}

static int
note(struct sweep *s, int64_t id, struct err *e)
{
	int64_t *ids;

	if (s->n == s->size) {
		s->size = s->size ? 2 * s->size : 64;
		ids = reallocarray(s->ids, s->size, sizeof *ids);
		if (!ids)
			return err_set(e, ENOMEM, "versions");
		s->ids = ids;
	}
	s->ids[s->n++] = id;
	return 0;
}

/* All that may go, before the first of them does. */
static int
find_versions(struct registry *r, struct sweep *s, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int rc = sql_prepare(
	    &r->base, &row, e,
	    "SELECT v.id, v.number, f.name FROM version v JOIN function f ON f.id = v.function_id"
	    " WHERE v.id IS NOT f.active_version AND v.created_at < ?"
	    " AND (SELECT count(*) FROM version n WHERE n.function_id = v.function_id AND n.number >"
	    " v.number) >= ?"
	    " AND v.number IS NOT (SELECT max(p.number) FROM version p WHERE p.function_id = v.function_id"
	    " AND p.number < (SELECT number FROM version WHERE id = f.active_version)) ORDER BY v.id",
	    "ii", s->what->before, (int64_t)s->what->keep);

	while (rc == 0 && (rc = sql_step(&r->base, row, e)) > 0) {
		const struct registry_retention *what = s->what;
		const char *function = (const char *)sqlite3_column_text(row, 2);
		int64_t id = sqlite3_column_int64(row, 0);
		uint32_t number = 0;

		rc = 0;
		if (!function || take_number(row, 1, UINT32_MAX, &number) < 0)
			return err_set(e, -EBADMSG, "registry %s: a version is out of range", r->base.path);
		if (is_meant(what, function) &&
		    !(what->is_needed && what->is_needed(what->context, id, function, number)))
			rc = note(s, id, e);
	}
	return rc;
}

static int
delete_versions(struct registry *r, struct sweep *s, struct err *e)
{
	int rc = find_versions(r, s, e);

	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = sql_run(&r->base, e, "DELETE FROM version WHERE id = ?", "i", s->ids[i]);
	s->swept->versions = s->n;
	return rc;
}

static int
delete_blobs(struct registry *r, struct sweep *s, struct err *e)
{
	int64_t bytes = 0;
	int rc;

#define UNUSED_BLOBS                                                                                         \
	" FROM blob WHERE digest NOT IN"                                                                     \
	" (SELECT artifact FROM version UNION SELECT source FROM version UNION SELECT debug FROM version)"
	rc = sql_integer(&r->base, &bytes, e, "SELECT coalesce(sum(length(data)), 0)" UNUSED_BLOBS, "");
	if (rc == 0)
		rc = sql_run(&r->base, e, "DELETE" UNUSED_BLOBS, "");
#undef UNUSED_BLOBS
	s->swept->blobs = (uint64_t)sqlite3_changes64(r->base.db);
	s->swept->bytes = (uint64_t)bytes;
	return rc;
}

static int
check_functions(struct registry *r, const struct registry_retention *what, struct err *e)
{
	int64_t id;
	int rc = 0;

	for (size_t i = 0; i < what->n_functions && rc == 0; i++) {
		rc = sql_integer(&r->base, &id, e, "SELECT id FROM function WHERE name = ?", "t",
		                 what->functions[i]);
		if (rc == -ENOENT)
			err_set(e, -ENOENT, "no function '%s' in registry %s", what->functions[i],
			        r->base.path);
	}
	return rc;
}

static int
change_sweep(struct registry *r, void *context, struct err *e)
{
	struct sweep *s = context;
	int rc = check_functions(r, s->what, e);

	if (rc == 0)
		rc = delete_versions(r, s, e);
	if (rc == 0)
		rc = sweep_activations(r, e);
	if (rc == 0)
		rc = delete_blobs(r, s, e);
	if (rc == 0)
		rc = record_sweep(r, s->swept, e);
	s->has_succeeded = rc == 0;
	return rc == 0 && s->what->is_trial ? err_set(e, -ECANCELED, "only tried") : rc;
}

int
registry_sweep(struct registry *r, const struct registry_retention *what, struct registry_swept *swept,
               struct err *e)
{
	struct sweep s = { .what = what, .swept = swept };
	int rc;

	*swept = (struct registry_swept){ 0 };
	rc = registry_transact(r, change_sweep, &s, e);
	free_pointer(&s.ids);
	return what->is_trial && s.has_succeeded ? 0 : rc;
}

static int
file_size(struct registry *r, int64_t *bytes, struct err *e)
{
	int64_t pages = 0, size = 0;
	int rc = sql_integer(&r->base, &pages, e, "PRAGMA page_count", "");

	if (rc == 0)
		rc = sql_integer(&r->base, &size, e, "PRAGMA page_size", "");
	*bytes = pages * size;
	return rc;
}

static int
shrink_by_steps(struct registry *r, struct err *e)
{
	int64_t left = 1, before = 0;
	char step[48];
	int rc = 0;

	snprintf(step, sizeof step, "PRAGMA incremental_vacuum(%d)", PAGES_STEP);
	while (rc == 0 && left > 0 && left != before) {
		before = left;
		rc = sql_run(&r->base, e, step, "");
		if (rc == 0)
			rc = sql_integer(&r->base, &left, e, "PRAGMA freelist_count", "");
	}
	return rc;
}

int
registry_shrink(struct registry *r, uint64_t *bytes, struct err *e)
{
	int64_t before = 0, after = 0, kind = 0;
	int rc = file_size(r, &before, e);

	if (rc == 0)
		rc = sql_integer(&r->base, &kind, e, "PRAGMA auto_vacuum", "");
	if (rc == 0)
		rc = kind == AUTO_VACUUM_STEPS
		         ? shrink_by_steps(r, e)
		         : sql_script(&r->base, "PRAGMA auto_vacuum = INCREMENTAL; VACUUM", e);
	if (rc == 0)
		rc = file_size(r, &after, e);
	*bytes = rc == 0 && after < before ? (uint64_t)(before - after) : 0;
	return rc;
}
