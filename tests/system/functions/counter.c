/* counter.c - a SQLite database in the shared folder, which all workers of the function write. */
#include <cfn.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sqlite3 *db;

/* Once in a worker; in fresh mode once in each request, for a database does not survive a fork. */
static int
open_database(void)
{
	int rc = db ? SQLITE_OK : sqlite3_open("/counter.db", &db);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, 20000);
	return rc;
}

int
cfn_init(void)
{
	int rc = open_database();

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db,
		                  "CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, n INTEGER);"
		                  "CREATE TABLE IF NOT EXISTS filler (data BLOB);"
		                  "INSERT OR IGNORE INTO counter VALUES ('hits', 0)",
		                  NULL, NULL, NULL);
	if (cfn_env("FRESH")) {
		sqlite3_close(db);
		db = NULL;
	}
	return rc == SQLITE_OK ? 0 : -1;
}

static int
failed(cfn_response *res)
{
	return cfn_error(res, 500, "%s (%d)", sqlite3_errmsg(db), sqlite3_extended_errcode(db));
}

static int
run(const char *sql)
{
	if (open_database() != SQLITE_OK)
		return SQLITE_CANTOPEN;
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* Reads and writes in two steps, so that a lock that is none loses counts. */
static int
hit(cfn_request *req, cfn_response *res)
{
	sqlite3_stmt *row = NULL;
	int n;

	(void)req;
	if (run("BEGIN IMMEDIATE") != SQLITE_OK)
		return failed(res);
	if (sqlite3_prepare_v2(db, "SELECT n FROM counter WHERE name = 'hits'", -1, &row, NULL) !=
	        SQLITE_OK ||
	    sqlite3_step(row) != SQLITE_ROW)
		return failed(res);
	n = sqlite3_column_int(row, 0) + 1;
	sqlite3_finalize(row);
	usleep(200);
	if (sqlite3_prepare_v2(db, "UPDATE counter SET n = ? WHERE name = 'hits'", -1, &row, NULL) !=
	        SQLITE_OK ||
	    sqlite3_bind_int(row, 1, n) != SQLITE_OK || sqlite3_step(row) != SQLITE_DONE)
		return failed(res);
	sqlite3_finalize(row);
	return run("COMMIT") == SQLITE_OK ? cfn_send(res, 200, "text/plain", "%d by %d\n", n, (int)getpid())
	                                  : failed(res);
}

static int
answer(cfn_response *res, const char *sql)
{
	sqlite3_stmt *row = NULL;
	int rc = open_database();

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, sql, -1, &row, NULL);

	if (rc == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW)
		rc = cfn_send(res, 200, "text/plain", "%s\n", (const char *)sqlite3_column_text(row, 0));
	else
		rc = failed(res);
	sqlite3_finalize(row);
	return rc;
}

static int
count(cfn_request *req, cfn_response *res)
{
	(void)req;
	return answer(res, "SELECT n FROM counter WHERE name = 'hits'");
}

static int
check(cfn_request *req, cfn_response *res)
{
	(void)req;
	return answer(res, "PRAGMA integrity_check");
}

/* The journal is hot and the database half written when the worker dies. */
static int
die(cfn_request *req, cfn_response *res)
{
	(void)req;
	if (run("PRAGMA cache_size = 2; BEGIN IMMEDIATE; UPDATE counter SET n = n + 1000000;"
	        "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 500)"
	        " INSERT INTO filler SELECT randomblob(2000) FROM c") != SQLITE_OK)
		return failed(res);
	kill(getpid(), SIGKILL);
	return 500;
}

static int
wal(cfn_request *req, cfn_response *res)
{
	(void)req;
	return answer(res, "PRAGMA journal_mode = WAL");
}

/* Until the limit of a file. */
static int
fill(cfn_request *req, cfn_response *res)
{
	(void)req;
	if (run("WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 4000)"
	        " INSERT INTO filler SELECT randomblob(2000) FROM c") == SQLITE_OK)
		return 200;
	return failed(res);
}

CFN_ROUTES({ "POST", "/counter/hit", hit }, { "GET", "/counter", count }, { "GET", "/counter/check", check },
           { "POST", "/counter/die", die }, { "POST", "/counter/wal", wal },
           { "POST", "/counter/fill", fill });
