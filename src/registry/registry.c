/* registry.c - opening a registry: the file, its schema and migrations, its generation. */
#include "registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "registry/sql.h"

enum {
	APPLICATION_ID = 0x63666e31, /* "cfn1": tells a registry from any other SQLite file */
	PATIENCE_MS = 5000,
};

/* migrations[n] brings a registry from schema n to n + 1.  Never changed once released: add a row. */
static const char *const migrations[REGISTRY_SCHEMA] = {
	"CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"INSERT INTO state VALUES ('generation', 1);"
	"CREATE TABLE blob (digest BLOB PRIMARY KEY CHECK (length(digest) = 32), data BLOB NOT NULL) STRICT;"
	"CREATE TABLE function ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),"
	"  is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),"
	"  active_version INTEGER REFERENCES version (id) DEFERRABLE INITIALLY DEFERRED,"
	"  last_number INTEGER NOT NULL DEFAULT 0) STRICT;"
	"CREATE TABLE version ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  function_id INTEGER NOT NULL REFERENCES function (id) ON DELETE CASCADE,"
	"  number INTEGER NOT NULL CHECK (number > 0),"
	"  identity BLOB NOT NULL CHECK (length(identity) = 32),"
	"  entry TEXT NOT NULL,"
	"  artifact BLOB NOT NULL REFERENCES blob (digest),"
	"  source BLOB NOT NULL REFERENCES blob (digest),"
	"  debug BLOB NOT NULL REFERENCES blob (digest),"
	"  policy TEXT NOT NULL,"
	"  compiler TEXT NOT NULL,"
	"  flags TEXT NOT NULL,"
	"  source_name TEXT NOT NULL,"
	"  author TEXT NOT NULL,"
	"  routes_from_options INTEGER NOT NULL,"
	"  created_at INTEGER NOT NULL,"
	"  UNIQUE (function_id, number)) STRICT;"
	"CREATE TABLE route ("
	"  version_id INTEGER NOT NULL REFERENCES version (id) ON DELETE CASCADE,"
	"  position INTEGER NOT NULL,"
	"  methods INTEGER NOT NULL,"
	"  pattern TEXT NOT NULL,"
	"  row INTEGER NOT NULL,"
	"  PRIMARY KEY (version_id, position)) STRICT, WITHOUT ROWID;",

	/* By names and not by ids: an activation outlives the function whose removal it is. */
	"CREATE TABLE activation ("
	"  function TEXT NOT NULL CHECK (length(function) BETWEEN 1 AND 64),"
	"  number INTEGER NOT NULL CHECK (number > 0),"
	"  version INTEGER NOT NULL CHECK (version >= 0),"
	"  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),"
	"  key BLOB NOT NULL CHECK (length(key) = 8),"
	"  signature BLOB NOT NULL CHECK (length(signature) = 64),"
	"  created_at INTEGER NOT NULL,"
	"  PRIMARY KEY (function, number)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX activation_of_version ON activation (function, version, number);",

	/* Rows that are never changed and never deleted; the state says which is the last. */
	"CREATE TABLE audit ("
	"  number INTEGER PRIMARY KEY CHECK (number > 0),"
	"  time INTEGER NOT NULL,"
	"  uid INTEGER NOT NULL,"
	"  actor TEXT NOT NULL,"
	"  event TEXT NOT NULL,"
	"  function TEXT NOT NULL,"
	"  version INTEGER NOT NULL,"
	"  detail TEXT NOT NULL,"
	"  hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT;"
	"CREATE INDEX audit_of_function ON audit (function, event, number);"
	"INSERT INTO state VALUES ('audit', 0);",

	"ALTER TABLE function ADD COLUMN locked_at INTEGER;"
	"ALTER TABLE function ADD COLUMN locked_by TEXT;"
	"ALTER TABLE function ADD COLUMN lock_reason TEXT;"
	/* What clients show; only its hash is kept.  The state counts the changes. */
	"CREATE TABLE token ("
	"  name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),"
	"  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),"
	"  scopes TEXT NOT NULL,"
	"  created_at INTEGER NOT NULL,"
	"  expires_at INTEGER NOT NULL CHECK (expires_at >= 0),"
	"  author TEXT NOT NULL,"
	"  key BLOB CHECK (length(key) = 8),"
	"  signature BLOB CHECK (length(signature) = 64)) STRICT, WITHOUT ROWID;"
	"INSERT INTO state VALUES ('tokens', 0);"
	/* Sealed to the pool's key, in hexadecimal.  By name: a secret may be there before its function. */
	"CREATE TABLE secret ("
	"  function TEXT NOT NULL CHECK (length(function) BETWEEN 1 AND 64),"
	"  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),"
	"  sealed TEXT NOT NULL CHECK (length(sealed) BETWEEN 98 AND 8290),"
	"  created_at INTEGER NOT NULL,"
	"  author TEXT NOT NULL,"
	"  PRIMARY KEY (function, name)) STRICT, WITHOUT ROWID;",
};

static int
pragma_integer(struct registry *r, const char *pragma, int64_t *value, struct err *e)
{
	return sql_integer(&r->base, value, e, pragma, "");
}

static int
migrate(struct registry *r, int64_t from, struct err *e)
{
	char script[96];

	for (int64_t n = from; n < REGISTRY_SCHEMA; n++) {
		int rc = sql_script(&r->base, migrations[n], e);

		if (rc < 0)
			return rc;
	}
	snprintf(script, sizeof script, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
	         APPLICATION_ID, REGISTRY_SCHEMA);
	return sql_script(&r->base, script, e);
}

#define TABLES "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name"

/* One row of each at a time; what is no text is not one of ours. */
static int
compare_tables(struct registry *r, struct registry *model, struct err *e)
{
	AUTO_STATEMENT *row = NULL, *want = NULL;
	int rc = sql_prepare(&r->base, &row, e, TABLES, ""), has_row = 1, has_want = 1;

	if (rc == 0)
		rc = sql_prepare(&model->base, &want, e, TABLES, "");
	while (rc == 0 && has_row > 0 && has_want > 0) {
		has_row = sql_step(&r->base, row, e);
		has_want = sql_step(&model->base, want, e);
		if (has_row < 0 || has_want < 0)
			return has_row < 0 ? has_row : has_want;
		if (has_row != has_want)
			rc = -EBADMSG;
		for (int i = 0; i < 4 && rc == 0 && has_row > 0; i++) {
			const char *text = (const char *)sqlite3_column_text(row, i);

			rc = text && strcmp(text, (const char *)sqlite3_column_text(want, i)) == 0 ? 0
			                                                                           : -EBADMSG;
		}
	}
	return rc == -EBADMSG
	           ? err_set(e, rc, "registry %s: its tables are not those of a registry", r->base.path)
	           : rc;
}

int
registry_check_tables(struct registry *r, struct err *e)
{
	struct registry model = { .base.kind = "registry" };
	int64_t schema = 0;
	int rc = pragma_integer(r, "PRAGMA user_version", &schema, e);

	if (rc == 0)
		rc = database_open_memory(&model.base, e);
	for (int64_t n = 0; n < schema && n < REGISTRY_SCHEMA && rc == 0; n++)
		rc = sql_script(&model.base, migrations[n], e);
	if (rc == 0)
		rc = compare_tables(r, &model, e);
	database_close(&model.base);
	return rc;
}

int
registry_backup(struct registry *r, const char *path, struct err *e)
{
	struct registry to = { .base.kind = "backup" };
	bool is_made = false;
	char fault[200];
	int rc = database_open(&to.base, path, DATABASE_CREATE, &is_made, e);

	if (rc == 0)
		rc = database_copy(&r->base, &to.base, e);
	/* A copy that nobody can go back to is none. */
	if (rc == 0)
		rc = registry_integrity(&to, fault, sizeof fault, e);
	if (rc == 0 && fault[0])
		rc = err_set(e, -EINVAL, "registry %s: damaged: %s", r->base.path, fault);
	database_close(&to.base);
	return rc;
}

/* An empty file counts as a registry to be made in REGISTRY_CREATE alone. */
static int
check_schema(struct registry *r, enum registry_mode mode, struct err *e)
{
	int64_t application = 0, version = 0, n_tables = 0;
	int rc = pragma_integer(r, "PRAGMA application_id", &application, e);

	if (rc == 0)
		rc = pragma_integer(r, "PRAGMA user_version", &version, e);
	if (rc == 0)
		rc = sql_integer(&r->base, &n_tables, e, "SELECT count(*) FROM sqlite_schema", "");
	if (rc < 0)
		return rc;
	if (application == 0 && version == 0 && n_tables == 0 && mode == REGISTRY_CREATE)
		return migrate(r, 0, e);
	if (application != APPLICATION_ID || version < 1)
		return err_set(e, -EINVAL, "registry %s: not a registry; make one with 'cfn-deploy init'",
		               r->base.path);
	if (version > REGISTRY_SCHEMA)
		return err_set(e, -EPROTO,
		               "registry %s: schema %d is newer than this program's %d; upgrade it",
		               r->base.path, (int)version, REGISTRY_SCHEMA);
	return version < REGISTRY_SCHEMA && mode != REGISTRY_READ ? migrate(r, version, e) : 0;
}

/* Writers of an older schema wait for each other here, where they can: two that had only read could not. */
static int
begin_preparing(struct registry *r, enum registry_mode mode, struct err *e)
{
	int64_t version = 0;
	int rc = pragma_integer(r, "PRAGMA user_version", &version, e);

	if (rc < 0)
		return rc;
	return sql_begin(&r->base,
	                 mode == REGISTRY_CREATE || version < REGISTRY_SCHEMA ? "BEGIN IMMEDIATE" : "BEGIN",
	                 e);
}

static int
prepare_schema(struct registry *r, enum registry_mode mode, struct err *e)
{
	int rc;

	if (mode == REGISTRY_READ) {
		rc = check_schema(r, mode, e);
		return rc < 0 ? rc : sql_script(&r->base, "PRAGMA query_only = ON", e);
	}
	/* The rollback journal, not WAL: SQLite before 3.51.3 can corrupt a WAL database with two writers.
	 * auto_vacuum is for a file that is made here, and means nothing to one that is there. */
	rc = sql_script(&r->base,
	                "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;"
	                "PRAGMA auto_vacuum = INCREMENTAL",
	                e);
	if (rc == 0)
		rc = begin_preparing(r, mode, e);
	if (rc == 0)
		rc = check_schema(r, mode, e);
	if (rc < 0) {
		sql_rollback(&r->base);
		return rc;
	}
	return sql_commit(&r->base, e);
}

int
registry_transact(struct registry *r, registry_change *change, void *context, struct err *e)
{
	int rc = sql_begin(&r->base, "BEGIN IMMEDIATE", e);

	if (rc < 0)
		return rc;
	rc = change(r, context, e);
	if (rc < 0) {
		sql_rollback(&r->base);
		return rc;
	}
	return sql_commit(&r->base, e);
}

static int
open_database(struct registry *r, const char *path, enum registry_mode mode, bool *is_made, struct err *e)
{
	static const enum database_access access_of[] = { [REGISTRY_READ] = DATABASE_READ,
		                                          [REGISTRY_WRITE] = DATABASE_WRITE,
		                                          [REGISTRY_CREATE] = DATABASE_CREATE };
	int rc;

	r->base.kind = "registry";
	r->base.cure = " ('cfn-deploy verify' says where; put a backup in its place)";
	rc = database_open(&r->base, path, access_of[mode], is_made, e);
	if (rc < 0)
		return rc;
	registry_set_patience(r, PATIENCE_MS);
	rc = database_harden(&r->base, REGISTRY_BLOB_MAX + (1 << 20), e);
	return rc < 0 ? rc : prepare_schema(r, mode, e);
}

int
registry_open(const char *path, enum registry_mode mode, struct registry **out, struct err *e)
{
	struct registry *r = calloc(1, sizeof *r);
	bool is_made = false;
	int rc;

	if (!r)
		return err_set(e, ENOMEM, "registry %s", path);
	rc = open_database(r, path, mode, &is_made, e);
	if (rc < 0) {
		registry_close(r);
		if (is_made)
			unlink(path);
		return rc;
	}
	*out = r;
	return 0;
}

void
registry_close(struct registry *r)
{
	if (!r)
		return;
	database_close(&r->base);
	free(r->agent);
	free(r);
}

void
registry_set_patience(struct registry *r, int ms)
{
	sqlite3_busy_timeout(r->base.db, ms);
}

int
registry_generation(struct registry *r, uint64_t *generation, struct err *e)
{
	int64_t data_version = 0, value = 0;
	int rc = pragma_integer(r, "PRAGMA data_version", &data_version, e);

	if (rc < 0)
		return rc;
	if (r->data_version != (int)data_version || r->data_version == 0) {
		rc =
		    sql_integer(&r->base, &value, e, "SELECT value FROM state WHERE name = 'generation'", "");
		if (rc < 0)
			return rc;
		r->generation = (uint64_t)value;
		r->data_version = (int)data_version;
	}
	*generation = r->generation;
	return 0;
}
