/* activations.c - signed activations beside those of versions: the newest of a function, and removals. */
#include <errno.h>
#include <string.h>

#include "registry/sql.h"

int
registry_last_activation(struct registry *r, const char *function, uint64_t *number, struct err *e)
{
	int64_t value = 0;
	int rc = read_schema(r, &value, e);

	if (rc < 0)
		return rc;
	if (value < 2) {
		*number = 0;
		return 0;
	}
	rc = sql_integer(&r->base, &value, e,
	                 "SELECT coalesce(max(number), 0) FROM activation WHERE function = ?", "t", function);
	if (rc < 0)
		return rc;
	if (value < 0 || (uint64_t)value > REGISTRY_NUMBER_MAX)
		return err_set(e, -EBADMSG, "registry %s: an activation is out of range", r->base.path);
	*number = (uint64_t)value;
	return 0;
}

typedef int removal_visitor(void *context, const char *function, const struct registry_activation *);

static int
visit_removals(struct registry *r, sqlite3_stmt *row, removal_visitor *each, void *context, struct err *e)
{
	struct registry_activation a;
	char function[NAME_MAX_SIZE];
	int rc;

	while ((rc = sql_step(&r->base, row, e)) > 0) {
		if (take_text(row, 0, function, sizeof function) < 0 || take_activation(row, 1, &a) < 0 ||
		    policy_check_name(function, e) < 0)
			return err_set(e, -EBADMSG, "registry %s: a removal is out of range", r->base.path);
		rc = each(context, function, &a);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int
registry_each_removed(struct registry *r, removal_visitor *each, void *context, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int64_t schema = 0;
	int rc = read_schema(r, &schema, e);

	if (rc < 0 || schema < 2)
		return rc;
	rc = sql_prepare(&r->base, &row, e,
	                 "SELECT function, number, version, is_enabled, key, signature FROM activation a"
	                 " WHERE version = 0 AND number = (SELECT max(number) FROM activation"
	                 " WHERE function = a.function) ORDER BY function",
	                 "");
	return rc < 0 ? rc : visit_removals(r, row, each, context, e);
}

int
removal_read(struct registry *r, const char *function, struct registry_activation *a, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int rc = sql_prepare(&r->base, &row, e,
	                     "SELECT number, version, is_enabled, key, signature FROM activation"
	                     " WHERE function = ? ORDER BY number DESC LIMIT 1",
	                     "t", function);

	*a = (struct registry_activation){ 0 };
	if (rc == 0)
		rc = sql_step(&r->base, row, e);
	if (rc <= 0)
		return rc;
	if (take_activation(row, 0, a) < 0)
		return err_set(e, -EBADMSG, "registry %s: a removal is out of range", r->base.path);
	if (a->version != 0)
		*a = (struct registry_activation){ 0 };
	return 0;
}
