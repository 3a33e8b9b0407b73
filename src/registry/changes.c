/* changes.c - which functions have changed since a reading, by the audit rows. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "registry/sql.h"

/* Each of these rows stands beside one more of the generation (generation_bump()). */
static const enum audit_event changing[] = {
	AUDIT_ACTIVATE, AUDIT_ROLLBACK,   AUDIT_ENABLE,        AUDIT_DISABLE,
	AUDIT_REMOVE,   AUDIT_SECRET_SET, AUDIT_SECRET_REMOVE,
};

int
mark_read(struct registry *r, struct registry_mark *mark, struct err *e)
{
	struct audit_head head;
	int64_t value = 0;
	int rc = sql_integer(&r->base, &value, e, "SELECT value FROM state WHERE name = 'generation'", "");

	if (rc == 0)
		rc = registry_audit_head(r, &head, e);
	/* Damaged rows of what was keep nobody from serving what is.  0 is before every row: all is read. */
	if (rc == -EINVAL || rc == -EBADMSG) {
		head.number = 0;
		rc = 0;
	}
	if (rc == 0)
		*mark = (struct registry_mark){ (uint64_t)value, head.number };
	return rc;
}

struct changed {
	char functions[REGISTRY_CHANGES_MAX][NAME_MAX_SIZE];
	size_t n;
	uint64_t n_changes;
};

static bool
is_changing(const char *event)
{
	for (size_t i = 0; event && i < ARRAY_SIZE(changing); i++)
		if (strcmp(event, audit_event_word(changing[i])) == 0)
			return true;
	return false;
}

static int
stale(struct err *e)
{
	return err_set(e, -ESTALE, "what has changed is not in the audit rows");
}

static int
note(struct changed *c, sqlite3_stmt *row, struct err *e)
{
	char name[NAME_MAX_SIZE];

	if (!is_changing((const char *)sqlite3_column_text(row, 1)))
		return 0;
	c->n_changes++;
	if (take_text(row, 2, name, sizeof name) < 0 || policy_check_name(name, e) < 0)
		return stale(e);
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->functions[i], name) == 0)
			return 0;
	if (c->n == REGISTRY_CHANGES_MAX)
		return stale(e);
	memcpy(c->functions[c->n++], name, sizeof name);
	return 0;
}

/* Whoever writes the registry by other means leaves a gap, or changes that no row is beside. */
static int
find_changed(struct registry *r, const struct registry_mark *from, const struct registry_mark *to,
             struct changed *c, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	uint64_t last = from->audit;
	int rc;

	if (to->audit < from->audit || to->generation < from->generation)
		return stale(e);
	rc = sql_prepare(&r->base, &row, e,
	                 "SELECT number, event, function FROM audit WHERE number > ? ORDER BY number", "i",
	                 (int64_t)from->audit);
	while (rc == 0 && (rc = sql_step(&r->base, row, e)) > 0)
		rc = (uint64_t)sqlite3_column_int64(row, 0) == ++last ? note(c, row, e) : stale(e);
	if (rc < 0)
		return rc == -EINVAL ? stale(e) : rc;
	return last == to->audit && c->n_changes == to->generation - from->generation ? 0 : stale(e);
}

struct visit {
	const struct registry_changes *to;
	bool is_there;
};

static int
take_active(void *context, const struct registry_version *v)
{
	struct visit *visit = context;

	visit->is_there = true;
	return visit->to->each(visit->to->context, v);
}

static int
tell_one(struct registry *r, const char *function, const struct registry_changes *to, struct err *e)
{
	struct visit visit = { .to = to };
	struct registry_activation removal;
	AUTO_STATEMENT *row = NULL;
	char sql[SELECTION_MAX];
	int rc = select_versions(r, "WHERE v.id = f.active_version AND f.name = ?", sql, e);

	if (rc == 0)
		rc = sql_prepare(&r->base, &row, e, sql, "t", function);
	if (rc == 0)
		rc = visit_rows(r, row, take_active, &visit, e);
	if (rc != 0 || visit.is_there)
		return rc;
	rc = removal_read(r, function, &removal, e);
	return rc < 0 ? rc : to->gone(to->context, function, &removal);
}

static int
tell(struct registry *r, struct registry_mark *mark, const struct registry_changes *to, struct err *e)
{
	struct changed c = { .n = 0 };
	struct registry_mark now;
	int rc = mark_read(r, &now, e);

	if (rc == 0)
		rc = find_changed(r, mark, &now, &c, e);
	for (size_t i = 0; i < c.n && rc == 0; i++)
		rc = tell_one(r, c.functions[i], to, e);
	if (rc == 0)
		*mark = now;
	return rc;
}

int
registry_each_changed(struct registry *r, struct registry_mark *mark, const struct registry_changes *to,
                      struct err *e)
{
	int64_t schema = 0;
	int rc = read_schema(r, &schema, e);

	/* An older one tells nothing; a mark of no reading is of nothing. */
	if (rc < 0 || schema < REGISTRY_SCHEMA || mark->generation == 0)
		return rc < 0 ? rc : stale(e);
	rc = sql_begin(&r->base, "BEGIN", e);
	if (rc < 0)
		return rc;
	rc = tell(r, mark, to, e);
	sql_rollback(&r->base);
	return rc;
}
