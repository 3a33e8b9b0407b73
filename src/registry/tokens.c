/* tokens.c - the registry's tokens: added, removed, read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "registry/sql.h"

enum { TOKENS_SCHEMA = 4 }; /* an older registry has none */

static int
change_stamp(struct registry *r, struct err *e)
{
	return sql_run(&r->base, e, "UPDATE state SET value = value + 1 WHERE name = 'tokens'", "");
}

/* Long lists of scopes are cut; the row itself has them. */
static int
record(struct registry *r, enum audit_event event, const struct registry_token *t, struct err *e)
{
	char detail[AUDIT_TEXT_SIZE];
	size_t n = (size_t)snprintf(detail, sizeof detail, "token %s", t->name);

	if (t->scopes[0])
		snprintf(detail + n, sizeof detail - n, ": %.150s%s", t->scopes,
		         strlen(t->scopes) > 150 ? "..." : "");
	return audit_add(r, &(struct audit_change){ .event = event, .detail = detail }, e);
}

static int
check_room(struct registry *r, const char *name, struct err *e)
{
	int64_t n = 0, n_same = 0;
	int rc = sql_integer(&r->base, &n, e, "SELECT count(*) FROM token", "");

	if (rc == 0)
		rc =
		    sql_integer(&r->base, &n_same, e, "SELECT count(*) FROM token WHERE name = ?", "t", name);
	if (rc < 0)
		return rc;
	if (n_same > 0)
		return err_set(e, -EEXIST, "there is a token '%s' already; revoke it first", name);
	return n < TOKENS_MAX ? 0 : err_set(e, -EMFILE, "there are %d tokens; revoke some first", TOKENS_MAX);
}

static int
change_add(struct registry *r, void *context, struct err *e)
{
	const struct registry_token *t = context;
	int rc = check_room(r, t->name, e);

	if (rc == 0)
		rc = sql_run(&r->base, e,
		             "INSERT INTO token (name, hash, scopes, created_at, expires_at, author, key, "
		             "signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		             "tdtiitks", t->name, &t->hash, t->scopes, t->created_at, t->expires_at,
		             t->author, t->is_signed ? &t->key : NULL, t->is_signed ? &t->signature : NULL);
	if (rc == 0)
		rc = record(r, AUDIT_TOKEN_CREATE, t, e);
	return rc < 0 ? rc : change_stamp(r, e);
}

int
registry_add_token(struct registry *r, const struct registry_token *t, struct err *e)
{
	return registry_transact(r, change_add, (void *)(uintptr_t)t, e);
}

static int
change_remove(struct registry *r, void *context, struct err *e)
{
	const struct registry_token *t = context;
	int rc = sql_run(&r->base, e, "DELETE FROM token WHERE name = ?", "t", t->name);

	if (rc < 0)
		return rc;
	if (sqlite3_changes(r->base.db) == 0)
		return err_set(e, -ENOENT, "no token '%s' in registry %s", t->name, r->base.path);
	rc = record(r, AUDIT_TOKEN_REVOKE, t, e);
	return rc < 0 ? rc : change_stamp(r, e);
}

int
registry_remove_token(struct registry *r, const char *name, struct err *e)
{
	AUTO_FREE struct registry_token *t = calloc(1, sizeof *t);

	if (!t)
		return err_set(e, ENOMEM, "token");
	if (policy_check_name(name, e) < 0)
		return -e->code;
	snprintf(t->name, sizeof t->name, "%s", name);
	return registry_transact(r, change_remove, t, e);
}

enum token_column {
	COLUMN_NAME,
	COLUMN_HASH,
	COLUMN_SCOPES,
	COLUMN_CREATED_AT,
	COLUMN_EXPIRES_AT,
	COLUMN_AUTHOR,
	COLUMN_KEY,
	COLUMN_SIGNATURE,
};

static int
take_signature(sqlite3_stmt *row, struct registry_token *t)
{
	t->is_signed = sqlite3_column_type(row, COLUMN_KEY) != SQLITE_NULL;
	if (!t->is_signed)
		return 0;
	return take_bytes(row, COLUMN_KEY, t->key.bytes, sizeof t->key.bytes) < 0
	           ? -EBADMSG
	           : take_bytes(row, COLUMN_SIGNATURE, t->signature.bytes, sizeof t->signature.bytes);
}

static int
take_token(sqlite3_stmt *row, struct registry_token *t, struct err *e)
{
	struct token_grant scopes[TOKEN_SCOPES_MAX];

	*t = (struct registry_token){ .created_at = sqlite3_column_int64(row, COLUMN_CREATED_AT),
		                      .expires_at = sqlite3_column_int64(row, COLUMN_EXPIRES_AT) };
	if (take_text(row, COLUMN_NAME, t->name, sizeof t->name) < 0 || policy_check_name(t->name, e) < 0)
		return err_set(e, -EBADMSG, "a token's name is none");
	if (take_digest(row, COLUMN_HASH, &t->hash) < 0 ||
	    take_text(row, COLUMN_SCOPES, t->scopes, sizeof t->scopes) < 0 ||
	    take_text(row, COLUMN_AUTHOR, t->author, sizeof t->author) < 0 || t->created_at < 0 ||
	    t->expires_at < 0 || take_signature(row, t) < 0)
		return err_set(e, -EBADMSG, "token '%s': a column is out of range", t->name);
	return token_scopes_read(t->scopes, scopes, e) < 0 ? err_wrap(e, "token '%s'", t->name) : 0;
}

int
token_find(struct registry *r, const struct digest *hash, struct registry_token *t, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int64_t schema = 0;
	int rc = read_schema(r, &schema, e);

	if (rc < 0 || schema < TOKENS_SCHEMA)
		return rc < 0 ? rc : err_set(e, -ENOENT, "registry %s has no tokens", r->base.path);
	rc = sql_prepare(&r->base, &row, e,
	                 "SELECT name, hash, scopes, created_at, expires_at, author, key, signature FROM"
	                 " token WHERE hash = ?",
	                 "d", hash);
	if (rc == 0)
		rc = sql_step(&r->base, row, e);
	if (rc == 0)
		return err_set(e, -ENOENT, "no such token in registry %s", r->base.path);
	return rc < 0 ? rc : take_token(row, t, e);
}

static int
visit_tokens(struct registry *r, sqlite3_stmt *row, registry_token_visitor *each, void *context,
             struct err *e)
{
	AUTO_FREE struct registry_token *t = malloc(sizeof *t);
	int rc;

	if (!t)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	while ((rc = sql_step(&r->base, row, e)) > 0) {
		struct err why = { 0 };
		bool is_good = take_token(row, t, &why) == 0;

		rc = each(context, is_good ? t : NULL, &why);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int
registry_each_token(struct registry *r, registry_token_visitor *each, void *context, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int64_t schema = 0;
	int rc = read_schema(r, &schema, e);

	if (rc < 0 || schema < TOKENS_SCHEMA)
		return rc;
	/* One more than there can be: then the reader sees that there are too many. */
	rc = sql_prepare(&r->base, &row, e,
	                 "SELECT name, hash, scopes, created_at, expires_at, author, key, signature FROM"
	                 " token ORDER BY name LIMIT ?",
	                 "i", (int64_t)TOKENS_MAX + 1);
	return rc < 0 ? rc : visit_tokens(r, row, each, context, e);
}

int
registry_tokens_stamp(struct registry *r, uint64_t *stamp, struct err *e)
{
	int64_t value = 0;
	int rc = sql_integer(&r->base, &value, e,
	                     "SELECT coalesce(max(value), 0) FROM state WHERE name = 'tokens'", "");

	if (rc == 0)
		*stamp = (uint64_t)value;
	return rc;
}
