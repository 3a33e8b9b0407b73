/* secrets.c - the registry's sealed secrets: set, removed, read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "registry/sql.h"

enum { SECRETS_SCHEMA = 4 }; /* an older registry has none */

struct secret_change {
	const char *function;
	const struct registry_secret *secret;
};

/* The name alone: what it says is nobody's business. */
static int
record(struct registry *r, enum audit_event event, const struct secret_change *c, struct err *e)
{
	char detail[AUDIT_TEXT_SIZE];

	snprintf(detail, sizeof detail, "secret %s", c->secret->name);
	return audit_add(r,
	                 &(struct audit_change){ .event = event, .function = c->function, .detail = detail },
	                 e);
}

static int
check_room(struct registry *r, const struct secret_change *c, struct err *e)
{
	int64_t n = 0;
	int rc = sql_integer(&r->base, &n, e, "SELECT count(*) FROM secret WHERE function = ? AND name <> ?",
	                     "tt", c->function, c->secret->name);

	if (rc < 0 || n < SECRETS_MAX)
		return rc;
	return err_set(e, -EMFILE, "function '%s' has %d secrets; remove one first", c->function,
	               SECRETS_MAX);
}

static int
change_set(struct registry *r, void *context, struct err *e)
{
	const struct secret_change *c = context;
	char hex[2 * SECRET_SEALED_MAX + 1];
	int rc = registry_lock_check(r, c->function, e);

	hex_format(c->secret->sealed, c->secret->n_sealed, hex);
	if (rc == 0)
		rc = check_room(r, c, e);
	if (rc == 0)
		rc = sql_run(&r->base, e,
		             "INSERT OR REPLACE INTO secret (function, name, sealed, created_at, author)"
		             " VALUES (?, ?, ?, ?, ?)",
		             "tttit", c->function, c->secret->name, hex, clock_wall_s(), c->secret->author);
	if (rc == 0)
		rc = record(r, AUDIT_SECRET_SET, c, e);
	return rc < 0 ? rc : generation_bump(r, e);
}

int
registry_set_secret(struct registry *r, const char *function, const struct registry_secret *s, struct err *e)
{
	struct secret_change c = { function, s };

	return registry_transact(r, change_set, &c, e);
}

static int
change_remove(struct registry *r, void *context, struct err *e)
{
	const struct secret_change *c = context;
	int rc = registry_lock_check(r, c->function, e);

	if (rc == 0)
		rc = sql_run(&r->base, e, "DELETE FROM secret WHERE function = ? AND name = ?", "tt",
		             c->function, c->secret->name);
	if (rc < 0)
		return rc;
	if (sqlite3_changes(r->base.db) == 0)
		return err_set(e, -ENOENT, "function '%s' has no secret '%s' in registry %s", c->function,
		               c->secret->name, r->base.path);
	rc = record(r, AUDIT_SECRET_REMOVE, c, e);
	return rc < 0 ? rc : generation_bump(r, e);
}

int
registry_remove_secret(struct registry *r, const char *function, const char *name, struct err *e)
{
	AUTO_FREE struct registry_secret *s = calloc(1, sizeof *s);
	struct secret_change c = { function, s };

	if (!s)
		return err_set(e, ENOMEM, "secret");
	snprintf(s->name, sizeof s->name, "%s", name);
	return registry_transact(r, change_remove, &c, e);
}

enum secret_column { COLUMN_FUNCTION, COLUMN_NAME, COLUMN_SEALED, COLUMN_CREATED_AT, COLUMN_AUTHOR };

static int
take_secret(sqlite3_stmt *row, struct registry_secret *s, struct err *e)
{
	char hex[2 * SECRET_SEALED_MAX + 1];
	size_t n;

	*s = (struct registry_secret){ .created_at = sqlite3_column_int64(row, COLUMN_CREATED_AT) };
	if (take_text(row, COLUMN_FUNCTION, s->function, sizeof s->function) < 0 ||
	    policy_check_name(s->function, e) < 0 ||
	    take_text(row, COLUMN_NAME, s->name, sizeof s->name) < 0 || secret_check_name(s->name, e) < 0)
		return err_set(e, -EBADMSG, "a secret's function or name is none");
	if (take_text(row, COLUMN_SEALED, hex, sizeof hex) < 0 ||
	    take_text(row, COLUMN_AUTHOR, s->author, sizeof s->author) < 0 || s->created_at < 0)
		return err_set(e, -EBADMSG, "secret '%s' of '%s': a column is out of range", s->name,
		               s->function);
	n = strlen(hex) / 2;
	if (n < SECRET_OVERHEAD || hex_parse(hex, s->sealed, n) < 0)
		return err_set(e, -EBADMSG, "secret '%s' of '%s': not a sealed value", s->name, s->function);
	s->n_sealed = n;
	return 0;
}

static int
visit_secrets(struct registry *r, sqlite3_stmt *row, registry_secret_visitor *each, void *context,
              struct err *e)
{
	AUTO_FREE struct registry_secret *s = malloc(sizeof *s);
	int rc;

	if (!s)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	while ((rc = sql_step(&r->base, row, e)) > 0) {
		struct err why = { 0 };
		bool is_good = take_secret(row, s, &why) == 0;

		rc = each(context, is_good ? s : NULL, &why);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int
registry_each_secret(struct registry *r, const char *function, registry_secret_visitor *each, void *context,
                     struct err *e)
{
	AUTO_RESET *row = NULL;
	int64_t schema = 0;
	int rc = read_schema(r, &schema, e);

	if (rc < 0 || schema < SECRETS_SCHEMA)
		return rc;
	if (function)
		rc = sql_prepare_kept(&r->base, &row, e,
		                      "SELECT function, name, sealed, created_at, author FROM secret"
		                      " WHERE function = ? ORDER BY name LIMIT ?",
		                      "ti", function, (int64_t)SECRETS_MAX);
	else
		rc = sql_prepare_kept(&r->base, &row, e,
		                      "SELECT function, name, sealed, created_at, author FROM secret"
		                      " ORDER BY function, name",
		                      "");
	return rc < 0 ? rc : visit_secrets(r, row, each, context, e);
}
