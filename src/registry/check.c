/* check.c - looking at all of a registry, sound or not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "registry/sql.h"

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
