/* store.c - asynchronous runs in SQLite: opening, damage, what is kept and for how long. */
#include "runner/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "sql/sql.h"

enum {
	APPLICATION_ID = 0x63666e32, /* "cfn2" */
	SCHEMA = 1,
	PAGE_SIZE = 4096,
	SWEEP_ROWS = 16, /* that go at once */
	SIZE_LEAST = 1 << 20,
};

struct store {
	struct database base;
	struct store_rules rules;
};

/* A number of our own, because the order in which runs were accepted is the order in which they are run. */
static const char schema[] = "CREATE TABLE run ("
			     "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
			     "  id TEXT NOT NULL UNIQUE CHECK (length(id) = 32),"
			     "  client TEXT NOT NULL CHECK (length(client) < 256),"
			     "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"
			     "  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),"
			     "  created_ms INTEGER NOT NULL,"
			     "  started_ms INTEGER NOT NULL DEFAULT 0,"
			     "  finished_ms INTEGER NOT NULL DEFAULT 0,"
			     "  document BLOB NOT NULL) STRICT;"
			     "CREATE INDEX run_by_state ON run (state, number);"
			     "PRAGMA application_id = 0x63666e32; PRAGMA user_version = 1;";

/* One process has it, so its lock is taken once, and the log's index lies in its own memory: that is said
 * before the file is read at all, or the index is a file, which a full disk has no room for. With a
 * write-ahead log a run costs one fdatasync when it is accepted, begun and finished each, where a rollback
 * journal takes four (counted with strace). */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			       "PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -1024;"
			       "BEGIN IMMEDIATE; COMMIT;";

/* What a store is when it was forged with care: only what this file asks is asked of it, every column is
 * checked when it is read, and a fault there sets it aside at the next start. */
static int
check_schema(struct store *s, struct err *e)
{
	int64_t application = 0, version = 0, n_tables = 0;
	int rc = sql_integer(&s->base, &application, e, "PRAGMA application_id", "");

	if (rc == 0)
		rc = sql_integer(&s->base, &version, e, "PRAGMA user_version", "");
	if (rc == 0)
		rc = sql_integer(&s->base, &n_tables, e, "SELECT count(*) FROM sqlite_schema", "");
	if (rc < 0)
		return rc;
	if (application == 0 && version == 0 && n_tables == 0)
		return sql_script(&s->base, schema, e);
	if (application != APPLICATION_ID || version != SCHEMA)
		return err_set(e, -EINVAL, "%s %s: not one of this program", s->base.kind, s->base.path);
	return 0;
}

/* Finds out now what would fail later: rows of another shape, pages that are torn. */
static int
check_contents(struct store *s, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	const char *text;
	int rc = sql_prepare(&s->base, &row, e, "PRAGMA quick_check(1)", "");

	if (rc == 0)
		rc = sql_step(&s->base, row, e);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, -EINVAL, "%s %s: damaged", s->base.kind, s->base.path);
	text = (const char *)sqlite3_column_text(row, 0);
	if (text && strcmp(text, "ok") == 0)
		return 0;
	return err_set(e, -EINVAL, "%s %s: damaged", s->base.kind, s->base.path);
}

/* A table that can be asked what this file asks, and no more rows than this file would have put there. */
static int
check_rows(struct store *s, struct err *e)
{
	int64_t n_rows = 0;
	int rc = sql_integer(&s->base, &n_rows, e,
	                     "SELECT count(*) FROM (SELECT id, client, state, attempts, created_ms,"
	                     " started_ms, finished_ms, document FROM run)",
	                     "");

	if (rc < 0 &&
	    (sqlite3_errcode(s->base.db) == SQLITE_ERROR || sqlite3_errcode(s->base.db) == SQLITE_AUTH))
		return err_set(e, -EINVAL, "store %s: not of this shape", s->base.path);
	if (rc < 0)
		return rc;
	return n_rows <= STORE_ROWS_MAX ? 0 : err_set(e, -EINVAL, "store %s: too many rows", s->base.path);
}

/* The rules bound what is kept; this bounds the file whatever happens. */
static int
bound_pages(struct store *s, struct err *e)
{
	char text[64];

	snprintf(text, sizeof text, "PRAGMA max_page_count = %llu",
	         (unsigned long long)(s->rules.size / PAGE_SIZE * 2 + 1024));
	return sql_script(&s->base, text, e);
}

static int
open_database(struct store *s, const char *path, struct err *e)
{
	bool is_made;
	int rc = database_open(&s->base, path, DATABASE_CREATE, &is_made, e);

	if (rc == 0)
		rc = database_harden(&s->base, STORE_RESULT_MAX + (1 << 20), e);
	if (rc == 0)
		rc = sql_script(&s->base, settings, e);
	if (rc == 0)
		rc = check_schema(s, e);
	if (rc == 0)
		rc = check_contents(s, e);
	if (rc == 0)
		rc = check_rows(s, e);
	return rc < 0 ? rc : bound_pages(s, e);
}

/* One that was set aside before makes room: there is at most one of them. */
static int
set_aside(const char *path, struct err *damage, struct err *e)
{
	static const char *const beside[] = { "-wal", "-journal", "-shm" };
	char to[sizeof((struct database *)0)->path + 16];

	snprintf(to, sizeof to, "%s.damaged", path);
	if (rename(path, to) < 0)
		return err_set(e, errno, "set %s aside", path);
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		snprintf(to, sizeof to, "%s%s", path, beside[i]);
		unlink(to);
	}
	*damage = *e;
	err_wrap(damage, "set aside as %s.damaged", path);
	return 0;
}

static struct store *
store_new(const struct store_rules *rules)
{
	struct store *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->base.kind = "store";
	s->rules = *rules;
	if (s->rules.size < SIZE_LEAST)
		s->rules.size = SIZE_LEAST;
	return s;
}

int
store_open(const char *folder, const struct store_rules *rules, struct store **store, struct err *damage,
           struct err *e)
{
	struct store *s = store_new(rules);
	char path[sizeof s->base.path];
	int rc;

	damage->code = 0;
	if (!s)
		return err_set(e, ENOMEM, "store");
	snprintf(path, sizeof path, "%s%sruns.db", folder, strcmp(folder, "/") == 0 ? "" : "/");
	rc = open_database(s, path, e);
	if (rc == -EINVAL) {
		database_close(&s->base);
		rc = set_aside(path, damage, e);
		if (rc == 0)
			rc = open_database(s, path, e);
	}
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*store = s;
	return 0;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	database_close(&s->base);
	free(s);
}

/* Bytes in use: pages that are free are no part of it. */
static int
size_read(struct store *s, uint64_t *size, struct err *e)
{
	int64_t n_pages = 0, n_free = 0;
	int rc = sql_integer(&s->base, &n_pages, e, "PRAGMA page_count", "");

	if (rc == 0)
		rc = sql_integer(&s->base, &n_free, e, "PRAGMA freelist_count", "");
	if (rc == 0)
		*size = (uint64_t)(n_pages - n_free) * PAGE_SIZE;
	return rc;
}

static int
drop_oldest(struct store *s, struct err *e)
{
	int rc = sql_run(&s->base, e,
	                 "DELETE FROM run WHERE number IN"
	                 " (SELECT number FROM run WHERE state = 2 ORDER BY number LIMIT ?)",
	                 "i", (int64_t)SWEEP_ROWS);

	return rc < 0 ? rc : sqlite3_changes(s->base.db);
}

/* Room for n bytes and a row more: the oldest results go.  How many went; -ENOSPC: there are none left. */
static int
make_room(struct store *s, size_t n, struct err *e)
{
	int64_t n_rows = 0;
	uint64_t size = 0;
	int n_gone = 0, rc;

	for (;;) {
		rc = size_read(s, &size, e);
		if (rc == 0)
			rc = sql_integer(&s->base, &n_rows, e, "SELECT count(*) FROM run", "");
		if (rc < 0)
			return rc;
		if (size + n <= s->rules.size && n_rows < STORE_ROWS_MAX)
			return n_gone;
		rc = drop_oldest(s, e);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return err_set(e, -ENOSPC, "store %s: full", s->base.path);
		n_gone += rc;
	}
}

int
store_add(struct store *s, const struct store_run *run, struct err *e)
{
	int rc = make_room(s, run->n, e);

	return rc < 0 ? rc
	              : sql_run(&s->base, e,
	                        "INSERT INTO run (id, client, state, created_ms, document)"
	                        " VALUES (?, ?, 0, ?, ?)",
	                        "ttib", run->id, run->client, run->created_ms, run->document, run->n);
}

/* What a statement that names one run did. */
static int
changed_one(struct store *s, int rc, struct err *e)
{
	if (rc < 0)
		return rc;
	return sqlite3_changes(s->base.db) > 0 ? 0
	                                       : err_set(e, -ENOENT, "store %s: no such run", s->base.path);
}

int
store_begin(struct store *s, const char *id, int64_t now_ms, struct err *e)
{
	int rc = sql_run(&s->base, e,
	                 "UPDATE run SET state = 1, attempts = attempts + 1, started_ms = ?"
	                 " WHERE id = ? AND state < 2",
	                 "it", now_ms, id);

	return changed_one(s, rc, e);
}

int
store_finish(struct store *s, const char *id, const char *result, size_t n, int64_t now_ms, struct err *e)
{
	int rc = make_room(s, n, e);

	if (rc >= 0)
		rc = sql_run(&s->base, e,
		             "UPDATE run SET state = 2, finished_ms = ?, document = ?"
		             " WHERE id = ? AND state < 2",
		             "ibt", now_ms, result, n, id);
	return changed_one(s, rc, e);
}

int
store_remove(struct store *s, const char *id, struct err *e)
{
	return changed_one(s, sql_run(&s->base, e, "DELETE FROM run WHERE id = ?", "t", id), e);
}

int
store_sweep(struct store *s, int64_t now_ms, struct err *e)
{
	int64_t oldest = now_ms - (int64_t)s->rules.retention_s * 1000;
	int rc = sql_run(&s->base, e, "DELETE FROM run WHERE state = 2 AND finished_ms < ?", "i", oldest),
	    n_old;

	if (rc < 0)
		return rc;
	n_old = sqlite3_changes(s->base.db);
	rc = make_room(s, 0, e);
	if (rc < 0 && rc != -ENOSPC)
		return rc;
	n_old += rc > 0 ? rc : 0;
	rc = sql_script(&s->base, "PRAGMA incremental_vacuum(1024)", e);
	return rc < 0 ? rc : n_old;
}

/* A text column without NUL in it into its place. */
static int
take_text(sqlite3_stmt *row, int column, char *to, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	size_t n = (size_t)sqlite3_column_bytes(row, column);

	if (!text || n >= size || memchr(text, '\0', n))
		return -EBADMSG;
	memcpy(to, text, n + 1);
	return 0;
}

static int
take_facts(struct store *s, sqlite3_stmt *row, struct store_run *run, struct err *e)
{
	int64_t state = sqlite3_column_int64(row, 2), attempts = sqlite3_column_int64(row, 3);

	*run = (struct store_run){ .created_ms = sqlite3_column_int64(row, 4),
		                   .started_ms = sqlite3_column_int64(row, 5),
		                   .finished_ms = sqlite3_column_int64(row, 6) };
	if (take_text(row, 0, run->id, sizeof run->id) < 0 || !store_is_id(run->id) ||
	    take_text(row, 1, run->client, sizeof run->client) < 0 || state < 0 || state >= STORE_STATES ||
	    attempts < 0)
		return err_set(e, -EBADMSG, "store %s: a row that makes no sense", s->base.path);
	run->state = (enum store_state)state;
	run->attempts = attempts < STORE_ATTEMPTS ? (uint32_t)attempts : STORE_ATTEMPTS;
	return 0;
}

static int
take_document(struct store *s, sqlite3_stmt *row, struct store_run *run, struct err *e)
{
	const void *data = sqlite3_column_blob(row, 8);
	size_t n = (size_t)sqlite3_column_bytes(row, 8);

	run->document = malloc(n + 1);
	if (!run->document)
		return err_set(e, ENOMEM, "store %s", s->base.path);
	if (n > 0)
		memcpy(run->document, data, n);
	run->document[n] = '\0';
	run->n = n;
	return 0;
}

/* A column's length stands before its bytes: who asks for nothing else makes SQLite read no page of them. */
static int
find(struct store *s, const char *id, bool with_document, struct store_run *run, struct err *e)
{
	static const char *const selects[] = {
		"SELECT id, client, state, attempts, created_ms, started_ms, finished_ms, length(document)"
		" FROM run WHERE id = ?",
		"SELECT id, client, state, attempts, created_ms, started_ms, finished_ms, length(document),"
		" document FROM run WHERE id = ?",
	};
	AUTO_STATEMENT *row = NULL;
	int rc = sql_prepare(&s->base, &row, e, selects[with_document], "t", id);

	if (rc == 0)
		rc = sql_step(&s->base, row, e);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, -ENOENT, "store %s: no such run", s->base.path);
	rc = take_facts(s, row, run, e);
	if (rc < 0 || with_document)
		return rc < 0 ? rc : take_document(s, row, run, e);
	run->n = (size_t)sqlite3_column_int64(row, 7);
	return 0;
}

int
store_read(struct store *s, const char *id, struct store_run *run, struct err *e)
{
	return find(s, id, true, run, e);
}

int
store_look(struct store *s, const char *id, struct store_run *run, struct err *e)
{
	return find(s, id, false, run, e);
}

int
store_each_open(struct store *s, int (*take)(void *context, const struct store_run *run), void *context,
                struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	struct store_run run;
	int rc = sql_prepare(&s->base, &row, e,
	                     "SELECT id, client, state, attempts, created_ms, started_ms, finished_ms"
	                     " FROM run WHERE state < 2 ORDER BY number",
	                     "");

	while (rc == 0 && (rc = sql_step(&s->base, row, e)) > 0) {
		if (take_facts(s, row, &run, e) == 0)
			rc = take(context, &run);
		else
			rc = 0; /* one row that makes no sense keeps no other from its turn */
		if (rc != 0)
			return rc;
	}
	return rc;
}

void
store_run_done(struct store_run *run)
{
	free(run->document);
	run->document = NULL;
}

bool
store_is_id(const char *text)
{
	return strlen(text) == STORE_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == STORE_ID_SIZE - 1;
}
