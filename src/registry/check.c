/* check.c - looking at all of a registry, sound or not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "registry/sql.h"

enum { TABLE_FAULTS_MAX = 10 }; /* that are told of each */

/* The first row of a pragma that has one for each fault, or a single "ok". */
static int
first_fault(struct registry *r, const char *pragma, char *fault, size_t size, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	const char *text;
	int rc = sql_prepare(&r->base, &row, e, pragma, "");

	if (rc == 0)
		rc = sql_step(&r->base, row, e);
	if (rc <= 0)
		return rc;
	text = (const char *)sqlite3_column_text(row, 0);
	if (!text || strcmp(text, "ok") == 0)
		return 0;
	log_escape(fault, size, text, strlen(text));
	return 0;
}

struct finding {
	struct registry *r;
	registry_fault *each;
	void *context;
	size_t n;
};

/* "*** in database main ***", a line, and then one a fault: behind each other they are one line. */
static int
tell_fault(struct finding *f, const char *table, const char *text)
{
	const char *end = strncmp(text, "***", 3) == 0 ? strchr(text, '\n') : NULL;
	char flat[200];
	int n = snprintf(flat, sizeof flat, "%s", end ? end + 1 : text);

	for (int i = 0; i < n && flat[i]; i++)
		if (flat[i] == '\n')
			flat[i] = ';';
	f->n++;
	return f->each(f->context, table, flat);
}

/* What SQLite cannot read ends the look, and is the fault where none was found before. */
static int
check_table(struct finding *f, const char *table, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	size_t before = f->n;
	char pragma[128];
	const char *text;
	int rc;

	sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA integrity_check(%Q)", table);
	rc = sql_prepare(&f->r->base, &row, e, pragma, "");
	for (int i = 0; i < TABLE_FAULTS_MAX && rc == 0 && (rc = sql_step(&f->r->base, row, e)) > 0; i++) {
		text = (const char *)sqlite3_column_text(row, 0);
		rc = text && strcmp(text, "ok") != 0 ? tell_fault(f, table, text) : 0;
	}
	if (rc == -EINVAL)
		return f->n > before ? 0 : tell_fault(f, table, e->text);
	return rc > 0 ? 0 : rc;
}

int
registry_each_fault(struct registry *r, registry_fault *each, void *context, struct err *e)
{
	struct finding f = { r, each, context, 0 };
	AUTO_STATEMENT *row = NULL;
	char first[sizeof e->text];
	/* The whole file at once tells a good one; only a table's own check says whose a page is. */
	int rc = registry_integrity(r, first, sizeof first, e);

	if (rc == -EINVAL)
		snprintf(first, sizeof first, "%s", e->text);
	else if (rc < 0 || !first[0])
		return rc;
	rc = sql_prepare(&r->base, &row, e, "SELECT name FROM sqlite_schema WHERE type = 'table'", "");
	while (rc == 0 && (rc = sql_step(&r->base, row, e)) > 0)
		rc = check_table(&f, (const char *)sqlite3_column_text(row, 0), e);
	return rc == 0 && f.n == 0 ? each(context, NULL, first) : rc;
}

int
registry_integrity(struct registry *r, char *fault, size_t size, struct err *e)
{
	char table[64] = "";
	int rc;

	fault[0] = '\0';
	rc = first_fault(r, "PRAGMA integrity_check(1)", fault, size, e);
	if (rc < 0 || fault[0])
		return rc;
	rc = first_fault(r, "PRAGMA foreign_key_check", table, sizeof table, e);
	if (rc == 0 && table[0])
		snprintf(fault, size, "a row of table %s refers to one that is not there", table);
	return rc;
}

int
registry_each_id(struct registry *r, int (*each)(void *context, int64_t id), void *context, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int rc = sql_prepare(&r->base, &row, e, "SELECT id FROM version ORDER BY id", "");

	while (rc == 0 && (rc = sql_step(&r->base, row, e)) > 0)
		rc = each(context, sqlite3_column_int64(row, 0));
	return rc;
}

int
registry_each_blob(struct registry *r, int (*each)(void *context, const struct digest *d), void *context,
                   struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	struct digest d;
	int rc = sql_prepare(&r->base, &row, e, "SELECT digest FROM blob ORDER BY digest", "");

	while (rc == 0 && (rc = sql_step(&r->base, row, e)) > 0) {
		if (sqlite3_column_bytes(row, 0) != DIGEST_SIZE)
			return err_set(e, -EBADMSG, "registry %s: a blob's digest is none", r->base.path);
		memcpy(d.bytes, sqlite3_column_blob(row, 0), sizeof d.bytes);
		rc = each(context, &d);
	}
	return rc;
}
