/* sql.c - statements, transactions, and SQLite's errors as ours. */
#include "sql/sql.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/digest.h"
#include "base/macros.h"
#include "base/signature.h"

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
	{ SQLITE_NOTADB, EINVAL, "not a database" },
	{ SQLITE_CORRUPT, EINVAL, "damaged" },
	{ SQLITE_NOMEM, ENOMEM, "out of memory" },
	{ SQLITE_TOOBIG, EFBIG, "too big" },
	{ SQLITE_CONSTRAINT, EEXIST, "conflicts with what is there" },
};

int
sql_error(struct database *d, const char *what, struct err *e)
{
	int result = sqlite3_errcode(d->db) & 0xff;

	const char *cure = result == SQLITE_CORRUPT && d->cure ? d->cure : "";

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].result == result)
			return err_set(e, -errors[i].code, "%s %s: %s: %s%s", d->kind, d->path, what,
			               errors[i].words, cure);
	return err_set(e, -EIO, "%s %s: %s: %s", d->kind, d->path, what, sqlite3_errmsg(d->db));
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

/* A blob of length 0 is one, and not NULL. */
static int
bind_blob(sqlite3_stmt *statement, int i, const void *data, size_t n)
{
	return sqlite3_bind_blob64(statement, i, n > 0 ? data : "", n, SQLITE_TRANSIENT);
}

static int
bind_one(sqlite3_stmt *statement, int i, char type, va_list *args)
{
	const void *data;

	if (type == 'i')
		return sqlite3_bind_int64(statement, i, va_arg(*args, int64_t));
	if (type == 't')
		return sqlite3_bind_text(statement, i, va_arg(*args, const char *), -1, SQLITE_TRANSIENT);
	data = va_arg(*args, const void *);
	if (type == 'b')
		return bind_blob(statement, i, data, va_arg(*args, size_t));
	return sqlite3_bind_blob(statement, i, data, blob_size(type), SQLITE_TRANSIENT);
}

static int
bind_all(sqlite3_stmt *statement, const char *types, va_list *args)
{
	int rc = SQLITE_OK;

	for (int i = 0; types[i] && rc == SQLITE_OK; i++)
		rc = bind_one(statement, i + 1, types[i], args);
	return rc;
}

static int
prepare_list(struct database *d, sqlite3_stmt **statement, struct err *e, const char *sql, const char *types,
             va_list *args)
{
	if (sqlite3_prepare_v2(d->db, sql, -1, statement, NULL) != SQLITE_OK)
		return sql_error(d, "read", e);
	if (bind_all(*statement, types, args) != SQLITE_OK)
		return sql_error(d, "bind", e);
	return 0;
}

int
sql_prepare(struct database *d, sqlite3_stmt **statement, struct err *e, const char *sql, const char *types,
            ...)
{
	va_list args;
	int rc;

	va_start(args, types);
	rc = prepare_list(d, statement, e, sql, types, &args);
	va_end(args);
	return rc;
}

void
sql_reset(sqlite3_stmt **statement)
{
	sqlite3_reset(*statement);
	*statement = NULL;
}

static sqlite3_stmt *
kept_find(const struct database *d, const char *sql)
{
	for (size_t i = 0; i < d->n_kept; i++)
		if (strcmp(sqlite3_sql(d->kept[i]), sql) == 0)
			return d->kept[i];
	return NULL;
}

static int
kept_add(struct database *d, sqlite3_stmt **statement, const char *sql, struct err *e)
{
	if (d->n_kept == STATEMENTS_KEPT_MAX)
		return err_set(e, -E2BIG, "%s %s: more statements than are kept", d->kind, d->path);
	if (sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
		return sql_error(d, "read", e);
	d->kept[d->n_kept++] = *statement;
	return 0;
}

int
sql_prepare_kept(struct database *d, sqlite3_stmt **statement, struct err *e, const char *sql,
                 const char *types, ...)
{
	sqlite3_stmt *found = kept_find(d, sql);
	va_list args;
	int rc = found ? 0 : kept_add(d, &found, sql, e);

	if (rc < 0)
		return rc;
	va_start(args, types);
	rc = bind_all(found, types, &args);
	va_end(args);
	*statement = found;
	return rc == SQLITE_OK ? 0 : sql_error(d, "bind", e);
}

int
sql_step(struct database *d, sqlite3_stmt *statement, struct err *e)
{
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return sql_error(d, sqlite3_stmt_readonly(statement) ? "read" : "write", e);
}

int
sql_run(struct database *d, struct err *e, const char *sql, const char *types, ...)
{
	AUTO_STATEMENT *statement = NULL;
	va_list args;
	int rc;

	va_start(args, types);
	rc = prepare_list(d, &statement, e, sql, types, &args);
	va_end(args);
	while (rc >= 0) {
		rc = sql_step(d, statement, e);
		if (rc <= 0)
			return rc;
	}
	return rc;
}

int
sql_integer(struct database *d, int64_t *value, struct err *e, const char *sql, const char *types, ...)
{
	AUTO_STATEMENT *statement = NULL;
	va_list args;
	int rc;

	va_start(args, types);
	rc = prepare_list(d, &statement, e, sql, types, &args);
	va_end(args);
	if (rc == 0)
		rc = sql_step(d, statement, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, -ENOENT, "%s %s: no such row", d->kind, d->path);
	*value = sqlite3_column_int64(statement, 0);
	return 0;
}

int
sql_begin(struct database *d, const char *how, struct err *e)
{
	return sql_run(d, e, how, "");
}

int
sql_commit(struct database *d, struct err *e)
{
	int rc = sql_run(d, e, "COMMIT", "");

	if (rc < 0)
		sql_rollback(d);
	return rc;
}

void
sql_rollback(struct database *d)
{
	if (!sqlite3_get_autocommit(d->db))
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
}

int
sql_script(struct database *d, const char *script, struct err *e)
{
	return sqlite3_exec(d->db, script, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_error(d, "write", e);
}
