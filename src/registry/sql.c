/* sql.c - statements, transactions, and SQLite's errors as ours. */
#include "registry/sql.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* One row a primary result code; anything else is -EIO. */
static const struct {
	int result, code;
	const char *words;
} errors[] = {
	{ SQLITE_BUSY, EBUSY, "locked by another process" },
	{ SQLITE_LOCKED, EBUSY, "locked by another process" },
	{ SQLITE_READONLY, EROFS, "read-only" },
	{ SQLITE_PERM, EACCES, "no permission" },
	{ SQLITE_AUTH, EACCES, "no permission" },
	{ SQLITE_CANTOPEN, EACCES, "cannot be opened" },
	{ SQLITE_FULL, ENOSPC, "no space left on the disk" },
	{ SQLITE_NOTADB, EINVAL, "not a registry" },
	{ SQLITE_CORRUPT, EINVAL, "damaged" },
	{ SQLITE_NOMEM, ENOMEM, "out of memory" },
	{ SQLITE_TOOBIG, EFBIG, "too big" },
	{ SQLITE_CONSTRAINT, EEXIST, "conflicts with what is there" },
};

int
sql_error(struct registry *r, const char *what, struct err *e)
{
	int result = sqlite3_errcode(r->db) & 0xff;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].result == result)
			return err_set(e, -errors[i].code, "registry %s: %s: %s", r->path, what,
			               errors[i].words);
	return err_set(e, -EIO, "registry %s: %s: %s", r->path, what, sqlite3_errmsg(r->db));
}

void
sql_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
	*statement = NULL;
}

/* Sizes of what a letter of types binds as a blob. */
static int
blob_size(char type)
{
	return type == 'd' ? DIGEST_SIZE : type == 'k' ? KEY_ID_SIZE : SIGNATURE_SIZE;
}

static int
bind_all(sqlite3_stmt *statement, const char *types, va_list args)
{
	int rc = SQLITE_OK;

	for (int i = 0; types[i] && rc == SQLITE_OK; i++) {
		if (types[i] == 'i')
			rc = sqlite3_bind_int64(statement, i + 1, va_arg(args, int64_t));
		else if (types[i] == 't')
			rc = sqlite3_bind_text(statement, i + 1, va_arg(args, const char *), -1,
			                       SQLITE_TRANSIENT);
		else
			rc = sqlite3_bind_blob(statement, i + 1, va_arg(args, const void *),
			                       blob_size(types[i]), SQLITE_TRANSIENT);
	}
	return rc;
}

static int
prepare_list(struct registry *r, sqlite3_stmt **statement, struct err *e, const char *sql, const char *types,
             va_list args)
{
	if (sqlite3_prepare_v2(r->db, sql, -1, statement, NULL) != SQLITE_OK)
		return sql_error(r, "read", e);
	if (bind_all(*statement, types, args) != SQLITE_OK)
		return sql_error(r, "bind", e);
	return 0;
}

int
sql_prepare(struct registry *r, sqlite3_stmt **statement, struct err *e, const char *sql, const char *types,
            ...)
{
	va_list args;
	int rc;

	va_start(args, types);
	rc = prepare_list(r, statement, e, sql, types, args);
	va_end(args);
	return rc;
}

int
sql_step(struct registry *r, sqlite3_stmt *statement, struct err *e)
{
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return sql_error(r, sqlite3_stmt_readonly(statement) ? "read" : "write", e);
}

int
sql_run(struct registry *r, struct err *e, const char *sql, const char *types, ...)
{
	AUTO_STATEMENT *statement = NULL;
	va_list args;
	int rc;

	va_start(args, types);
	rc = prepare_list(r, &statement, e, sql, types, args);
	va_end(args);
	while (rc >= 0) {
		rc = sql_step(r, statement, e);
		if (rc <= 0)
			return rc;
	}
	return rc;
}

int
sql_integer(struct registry *r, int64_t *value, struct err *e, const char *sql, const char *types, ...)
{
	AUTO_STATEMENT *statement = NULL;
	va_list args;
	int rc;

	va_start(args, types);
	rc = prepare_list(r, &statement, e, sql, types, args);
	va_end(args);
	if (rc == 0)
		rc = sql_step(r, statement, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, -ENOENT, "registry %s: no such row", r->path);
	*value = sqlite3_column_int64(statement, 0);
	return 0;
}

int
sql_begin(struct registry *r, const char *how, struct err *e)
{
	return sql_run(r, e, how, "");
}

int
sql_commit(struct registry *r, struct err *e)
{
	int rc = sql_run(r, e, "COMMIT", "");

	if (rc < 0)
		sql_rollback(r);
	return rc;
}

void
sql_rollback(struct registry *r)
{
	if (!sqlite3_get_autocommit(r->db))
		sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
}

int
sql_transact(struct registry *r, sql_change *change, void *context, struct err *e)
{
	int rc = sql_begin(r, "BEGIN IMMEDIATE", e);

	if (rc < 0)
		return rc;
	rc = change(r, context, e);
	if (rc < 0) {
		sql_rollback(r);
		return rc;
	}
	return sql_commit(r, e);
}
