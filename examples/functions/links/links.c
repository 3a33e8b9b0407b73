/* links.c - short addresses for long ones: /links is a form, POST /links makes one, GET /to/:code leads on.
 *
 * SQLite keeps them in the shared folder and counts the visits: GET /links/:code tells. */
#include <cfn.h>
#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum { MAX_URL = 2000, CODE = 8, BUSY_MS = 3000 };

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

static sqlite3 *
open_database(cfn_request *req)
{
	static const char schema[] =
	    "CREATE TABLE IF NOT EXISTS links (code TEXT PRIMARY KEY, url TEXT NOT NULL UNIQUE,"
	    " visits INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID";
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2("/links.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (cfn_defer(req, close_database, db) < 0) {
		close_database(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, BUSY_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return db;
	cfn_log(req, CFN_ERROR, "open: %s", sqlite3_errmsg(db));
	return NULL;
}

/* The texts of the one row that comes: 1; 0: none comes; -EIO. */
static int
ask(cfn_request *req, const char *sql, const char *const values[2], const char *columns[2])
{
	sqlite3 *db = open_database(req);
	sqlite3_stmt *s = NULL;
	int rc = db ? sqlite3_prepare_v2(db, sql, -1, &s, NULL) : SQLITE_ERROR, n = 0;

	if (rc == SQLITE_OK && cfn_defer(req, finalize, s) < 0) {
		finalize(s);
		return -EIO;
	}
	for (int i = 0; i < 2 && rc == SQLITE_OK && values[i]; i++)
		rc = sqlite3_bind_text(s, i + 1, values[i], -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	for (; rc == SQLITE_ROW && n < 1; n++) {
		for (int i = 0; i < sqlite3_column_count(s); i++)
			columns[i] = cfn_sprintf(req, "%s", sqlite3_column_text(s, i));
		/* A change is there when its statement is done, not when its row is. */
		rc = sqlite3_step(s);
	}
	if (rc == SQLITE_DONE)
		return n;
	if (db)
		cfn_log(req, CFN_ERROR, "%s", sqlite3_errmsg(db));
	return -EIO;
}

static int
unavailable(cfn_response *res)
{
	cfn_set(res, "Retry-After", "1");
	return cfn_error(res, 503, "The links cannot be reached now.");
}

/* A browser follows it: so no "javascript:", nothing relative, and no byte that a header field cannot hold.
 */
static bool
is_url(const char *text)
{
	size_t scheme = strncasecmp(text, "http://", 7) == 0    ? 7
	                : strncasecmp(text, "https://", 8) == 0 ? 8
	                                                        : 0;

	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return scheme > 0 && strlen(text) <= MAX_URL && text[scheme] && !strchr("/?#", text[scheme]);
}

/* 40 random bits, so that nobody finds the others' by counting. */
static bool
make_code(char code[CODE + 1])
{
	static const char digits[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[CODE];

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return false;
	for (int i = 0; i < CODE; i++)
		code[i] = digits[random[i] % 32];
	code[CODE] = '\0';
	return true;
}

static int
make_link(cfn_request *req, cfn_response *res)
{
	static const char sql[] = "INSERT INTO links (code, url) VALUES (?, ?)"
				  " ON CONFLICT (url) DO UPDATE SET url = url RETURNING code";
	const char *url = cfn_form(req, "url"), *columns[2];
	char code[CODE + 1];
	int rc;

	if (!url && errno != ENOENT)
		return cfn_error(res, 400, "The form could not be read.");
	if (!url || !is_url(url))
		return cfn_error(res, 422, "url is an address of at most %d bytes with http:// or https://.",
		                 MAX_URL);
	rc = make_code(code) ? ask(req, sql, (const char *[]){ code, url }, columns) : -EIO;
	if (rc <= 0)
		return unavailable(res);
	cfn_set(res, "Location", cfn_sprintf(req, "/links/%s", columns[0]));
	return cfn_send(res, 201, NULL, "/to/%s\n", columns[0]);
}

static int
follow_link(cfn_request *req, cfn_response *res)
{
	static const char sql[] = "UPDATE links SET visits = visits + 1 WHERE code = ? RETURNING url";
	const char *columns[2];
	int rc = ask(req, sql, (const char *[]){ cfn_param(req, "code"), NULL }, columns);

	if (rc < 0)
		return unavailable(res);
	if (rc == 0)
		return cfn_error(res, 404, "This address leads nowhere.");
	cfn_cache(res, -1, 0);
	return cfn_redirect(res, 302, columns[0]);
}

static int
show_link(cfn_request *req, cfn_response *res)
{
	static const char sql[] = "SELECT url, visits FROM links WHERE code = ?";
	const char *columns[2];
	int rc = ask(req, sql, (const char *[]){ cfn_param(req, "code"), NULL }, columns);

	if (rc < 0)
		return unavailable(res);
	if (rc == 0)
		return cfn_error(res, 404, "There is no such link.");
	return cfn_send(res, 200, NULL, "%s\n%s visits\n", columns[0], columns[1]);
}

static int
show_form(cfn_request *req, cfn_response *res)
{
	(void)req;
	cfn_set(res, "Content-Security-Policy", "default-src 'none'; form-action 'self'");
	return cfn_send(res, 200, "text/html",
	                "<!doctype html><meta charset=utf-8><title>Links</title>\n"
	                "<form method=post action=\"/links\">\n"
	                "<input type=url name=url required maxlength=%d> <button>Shorten</button>\n</form>\n",
	                MAX_URL);
}

CFN_ROUTES({ "GET", "/links", show_form }, { "POST", "/links", make_link },
           { "GET", "/links/:code", show_link }, { "GET", "/to/:code", follow_link });
