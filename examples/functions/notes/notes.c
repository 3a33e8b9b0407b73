/* notes.c - notes as a REST interface: JSON in and out, kept by SQLite in the shared folder.
 *
 *     GET    /notes?after=0&limit=20   {"notes":[{"id":1,"title":"...","text":"..."}],"next":null}
 *     POST   /notes                    {"title":"...","text":"..."} makes one
 *     GET    /notes/:id
 *     PUT    /notes/:id                replaces it
 *     DELETE /notes/:id                and answers with what it was */
#include <cfn_json.h>
#include <limits.h>
#include <sqlite3.h>

enum { MAX_TITLE = 200, MAX_TEXT = 10000, MAX_LIMIT = 100, BUSY_MS = 3000 };

static void
close_database(void *db)
{
	sqlite3_close(db);
}

static void
finalize(void *statement)
{
	sqlite3_finalize(statement);
}

/* A connection for each request, since no descriptor outlives one.  Several workers may have theirs at once:
 * one that writes makes the others wait. */
static sqlite3 *
open_database(cfn_request *req)
{
	static const char schema[] = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT,"
				     " title TEXT NOT NULL, text TEXT NOT NULL) STRICT";
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2("/notes.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (cfn_defer(req, close_database, db) < 0) {
		close_database(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, BUSY_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		cfn_log(req, CFN_ERROR, "open: %s", sqlite3_errmsg(db));
	return rc == SQLITE_OK ? db : NULL;
}

/* A statement and its values, which are bound and never become a part of the SQL; the last is NULL. */
static sqlite3_stmt *
ask(cfn_request *req, const char *sql, const char *const *values)
{
	sqlite3 *db = open_database(req);
	sqlite3_stmt *s = NULL;

	if (!db)
		return NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
		cfn_log(req, CFN_ERROR, "prepare: %s", sqlite3_errmsg(db));
		return NULL;
	}
	for (int i = 0; values[i]; i++)
		sqlite3_bind_text(s, i + 1, values[i], -1, SQLITE_STATIC);
	if (cfn_defer(req, finalize, s) == 0)
		return s;
	finalize(s);
	return NULL;
}

static int
failed(cfn_request *req, cfn_response *res, sqlite3_stmt *s)
{
	if (s)
		cfn_log(req, CFN_ERROR, "%s", sqlite3_errmsg(sqlite3_db_handle(s)));
	cfn_set(res, "Retry-After", "1");
	return cfn_error(res, 503, "The notes cannot be reached now.");
}

static json_t *
note_of_row(sqlite3_stmt *s)
{
	return json_pack("{s:I,s:s,s:s}", "id", (json_int_t)sqlite3_column_int64(s, 0), "title",
	                 sqlite3_column_text(s, 1), "text", sqlite3_column_text(s, 2));
}

/* Answers with the one row that comes, if one does. */
static int
send_row(cfn_request *req, cfn_response *res, sqlite3_stmt *s, int status)
{
	int rc = s ? sqlite3_step(s) : SQLITE_ERROR;
	json_t *note = NULL;

	if (rc == SQLITE_ROW) {
		if (status == 201)
			cfn_set(res, "Location", cfn_sprintf(req, "/notes/%s", sqlite3_column_text(s, 0)));
		note = note_of_row(s);
		/* A change is there when its statement is done, not when its row is. */
		rc = sqlite3_step(s);
	}
	if (rc == SQLITE_DONE && !note)
		return cfn_error(res, 404, "There is no such note.");
	if (rc == SQLITE_DONE)
		return cfn_send_json(res, status, note);
	json_decref(note);
	return failed(req, res, s);
}

/* 0, or what to return: the answer says what is wrong. */
static int
read_note(cfn_request *req, cfn_response *res, const char **title, const char **text)
{
	json_error_t why;
	json_t *note = cfn_json(req, &why);

	if (!note)
		return cfn_error(res, errno == EINVAL ? 415 : 400, "%s", why.text);
	*text = "";
	if (json_unpack_ex(note, &why, JSON_STRICT, "{s:s,s?s}", "title", title, "text", text) < 0)
		return cfn_error(res, 422, "%s", why.text);
	if (**title == '\0' || strlen(*title) > MAX_TITLE || strlen(*text) > MAX_TEXT)
		return cfn_error(res, 422, "A title has 1 to %d bytes, a text at most %d.", MAX_TITLE,
		                 MAX_TEXT);
	return 0;
}

static int
post_note(cfn_request *req, cfn_response *res)
{
	static const char sql[] = "INSERT INTO notes (title, text) VALUES (?, ?) RETURNING id, title, text";
	const char *title, *text;
	int rc = read_note(req, res, &title, &text);

	return rc ? rc : send_row(req, res, ask(req, sql, (const char *[]){ title, text, NULL }), 201);
}

/* An id is compared as it stands in the path: what is no number equals none. */
static int
put_note(cfn_request *req, cfn_response *res)
{
	static const char sql[] =
	    "UPDATE notes SET title = ?, text = ? WHERE id = ? RETURNING id, title, text";
	const char *title, *text, *id = cfn_param(req, "id");
	int rc = read_note(req, res, &title, &text);

	return rc ? rc : send_row(req, res, ask(req, sql, (const char *[]){ title, text, id, NULL }), 200);
}

static int
get_note(cfn_request *req, cfn_response *res)
{
	static const char sql[] = "SELECT id, title, text FROM notes WHERE id = ?";

	return send_row(req, res, ask(req, sql, (const char *[]){ cfn_param(req, "id"), NULL }), 200);
}

static int
delete_note(cfn_request *req, cfn_response *res)
{
	static const char sql[] = "DELETE FROM notes WHERE id = ? RETURNING id, title, text";

	return send_row(req, res, ask(req, sql, (const char *[]){ cfn_param(req, "id"), NULL }), 200);
}

/* From an id on, not by the number of a page: notes that come and go meanwhile are neither shown twice nor
 * left out.  One more than wanted is asked for, to know whether there is a next page. */
static int
list_notes(cfn_request *req, cfn_response *res)
{
	static const char sql[] = "SELECT id, title, text FROM notes WHERE id > ? ORDER BY id LIMIT ? + 1";
	long after = 0, limit = 20;
	json_t *list, *next = NULL;
	sqlite3_stmt *s;
	int rc;

	if ((rc = cfn_query_int(req, "after", 0, LONG_MAX, &after)) < 0 && rc != -ENOENT)
		return cfn_error(res, 400, "after is a number.");
	if ((rc = cfn_query_int(req, "limit", 1, MAX_LIMIT, &limit)) < 0 && rc != -ENOENT)
		return cfn_error(res, 400, "limit is a number from 1 to %d.", MAX_LIMIT);
	s = ask(req, sql,
	        (const char *[]){ cfn_sprintf(req, "%ld", after), cfn_sprintf(req, "%ld", limit), NULL });
	list = json_array();
	while ((rc = s ? sqlite3_step(s) : SQLITE_ERROR) == SQLITE_ROW &&
	       json_array_size(list) < (size_t)limit) {
		after = sqlite3_column_int64(s, 0);
		json_array_append_new(list, note_of_row(s));
	}
	if (rc == SQLITE_ROW)
		next = json_sprintf("/notes?after=%ld&limit=%ld", after, limit);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return cfn_send_json(res, 200, json_pack("{s:o,s:o?}", "notes", list, "next", next));
	json_decref(list);
	return failed(req, res, s);
}

CFN_ROUTES({ "GET", "/notes", list_notes }, { "POST", "/notes", post_note },
           { "GET", "/notes/:id", get_note }, { "PUT", "/notes/:id", put_note },
           { "DELETE", "/notes/:id", delete_note });
