/* sweep.c - what nobody needs any more is deleted from the registry. */
#include <stdio.h>

#include "registry/sql.h"

struct sweep {
	uint32_t keep;
	struct registry_swept *swept;
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

static int
change_sweep(struct registry *r, void *context, struct err *e)
{
	const struct sweep *s = context;
	int64_t bytes = 0;
	int rc = sql_run(&r->base, e,
	                 "DELETE FROM version WHERE id IN (SELECT v.id FROM version v JOIN function f ON "
	                 "f.id = v.function_id"
	                 " WHERE v.id IS NOT f.active_version AND"
	                 " (SELECT count(*) FROM version n WHERE n.function_id = v.function_id AND n.number "
	                 "> v.number) >= ?)",
	                 "i", (int64_t)s->keep);

	if (rc < 0)
		return rc;
	s->swept->versions = (uint64_t)sqlite3_changes64(r->base.db);
	rc = sweep_activations(r, e);
	if (rc < 0)
		return rc;
#define UNUSED_BLOBS                                                                                         \
	" FROM blob WHERE digest NOT IN"                                                                     \
	" (SELECT artifact FROM version UNION SELECT source FROM version UNION SELECT debug FROM version)"
	rc = sql_integer(&r->base, &bytes, e, "SELECT coalesce(sum(length(data)), 0)" UNUSED_BLOBS, "");
	if (rc == 0)
		rc = sql_run(&r->base, e, "DELETE" UNUSED_BLOBS, "");
	s->swept->blobs = (uint64_t)sqlite3_changes64(r->base.db);
	s->swept->bytes = (uint64_t)bytes;
#undef UNUSED_BLOBS
	return rc < 0 ? rc : record_sweep(r, s->swept, e);
}

int
registry_sweep(struct registry *r, uint32_t keep, struct registry_swept *swept, struct err *e)
{
	struct sweep s = { keep, swept };
	int rc = registry_transact(r, change_sweep, &s, e);

	if (rc < 0)
		return rc;
	return swept->blobs > 0 ? sql_run(&r->base, e, "VACUUM", "") : 0;
}
