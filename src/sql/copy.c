/* copy.c - a database copied while others use it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sql/sql.h"

enum {
	PAGES_STEP = 1024,  /* between two steps others may write */
	COPY_BEGINS_MAX = 3 /* a write begins the copy anew; after so many all is copied in one step */
};

/* Every step but the last leaves less to be copied, or somebody has written. */
static int
copy_pages(sqlite3_backup *copy)
{
	int rc, step = PAGES_STEP, left = 0, n_begins = 1;

	do {
		rc = sqlite3_backup_step(copy, step);
		if (rc == SQLITE_OK && left > 0 && sqlite3_backup_remaining(copy) >= left &&
		    ++n_begins > COPY_BEGINS_MAX)
			step = -1;
		left = sqlite3_backup_remaining(copy);
	} while (rc == SQLITE_OK);
	return rc;
}

int
database_copy(struct database *from, struct database *to, struct err *e)
{
	sqlite3_backup *copy = sqlite3_backup_init(to->db, "main", from->db, "main");
	int rc;

	if (!copy)
		return sql_error(to, "copy", e);
	rc = copy_pages(copy);
	sqlite3_backup_finish(copy);
	if (rc == SQLITE_DONE)
		return 0;
	return sqlite3_errcode(to->db) != SQLITE_OK
	           ? sql_error(to, "copy", e)
	           : err_set(e, -EIO, "%s %s: copy: %s", from->kind, from->path, sqlite3_errstr(rc));
}

int
database_open_memory(struct database *d, struct err *e)
{
	snprintf(d->path, sizeof d->path, "in memory");
	return sqlite3_open(":memory:", &d->db) == SQLITE_OK ? 0 : sql_error(d, "open", e);
}
