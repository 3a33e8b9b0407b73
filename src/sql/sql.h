/* sql.h - SQLite: a database file of ours opened with care, statements, transactions, errors as ours. */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { STATEMENTS_KEPT_MAX = 8 };

struct database {
	sqlite3 *db;
	sqlite3_stmt *kept[STATEMENTS_KEPT_MAX]; /* sql_prepare_kept() */
	size_t n_kept;
	const char *kind; /* for error texts: "registry" */
	const char *cure; /* what to do about a damaged one, behind the text; NULL: nothing is said */
	char path[1024];
};

enum database_access { DATABASE_READ, DATABASE_WRITE, DATABASE_CREATE };

/* Opens the file and no other but its own journals, hardened: hostile content finds no function, view or
 * trigger to use, and no text or blob is longer than length_max.  DATABASE_CREATE: makes it when it is
 * missing, *is_made says so.  -ENOENT and other errors of open(2), -EINVAL: not a regular file; as sql_error.
 * What d holds is closed by database_close() also after an error. */
int database_open(struct database *d, const char *path, enum database_access access, bool *is_made,
                  struct err *e);
int database_harden(struct database *d, int length_max, struct err *e);
void database_close(struct database *d);

/* Makes to what from is at one moment, while others read and write that.  to is an empty file. */
int database_copy(struct database *from, struct database *to, struct err *e);

/* An empty one without a file. */
int database_open_memory(struct database *d, struct err *e);

/* What SQLite said last, as an errno: -EBUSY locked, -EROFS, -EACCES, -ENOSPC, -EINVAL (damaged, or not a
 * database), -ENOMEM, -EFBIG, -EEXIST (conflict); else -EIO.  what names the act. */
int sql_error(struct database *d, const char *what, struct err *e);

void sql_finalize(sqlite3_stmt **statement);
#define AUTO_STATEMENT __attribute__((cleanup(sql_finalize))) sqlite3_stmt

/* Prepares and binds: one letter of types for each value: i (int64_t), t (const char *), b (const void *,
 * size_t), d (const struct digest *), k (const struct key_id *), s (const struct signature *). */
int sql_prepare(struct database *d, sqlite3_stmt **statement, struct err *e, const char *sql,
                const char *types, ...);

/* As sql_prepare, of one of the few that are asked for again for every row of another: it is prepared once,
 * and stays d's.  One use at a time; AUTO_RESET ends it. */
int sql_prepare_kept(struct database *d, sqlite3_stmt **statement, struct err *e, const char *sql,
                     const char *types, ...);
void sql_reset(sqlite3_stmt **statement);
#define AUTO_RESET __attribute__((cleanup(sql_reset))) sqlite3_stmt

/* 1: a row; 0: no more; -errno. */
int sql_step(struct database *d, sqlite3_stmt *statement, struct err *e);

/* Prepares, binds as sql_prepare does and runs to the end. */
int sql_run(struct database *d, struct err *e, const char *sql, const char *types, ...);

/* Several statements without values. */
int sql_script(struct database *d, const char *script, struct err *e);

/* The single integer that the statement gives; -ENOENT when it gives no row. */
int sql_integer(struct database *d, int64_t *value, struct err *e, const char *sql, const char *types, ...);

int sql_begin(struct database *d, const char *how, struct err *e);
int sql_commit(struct database *d, struct err *e);
void sql_rollback(struct database *d);
