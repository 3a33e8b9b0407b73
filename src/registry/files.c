/* files.c - which files SQLite may touch for a registry: the database and its own journal. */
#include "registry/sql.h"

static sqlite3_vfs own;
static sqlite3_vfs *base;

/* A journal may name a "super-journal", a file of any name that SQLite deletes after the rollback.  Ours
 * never do, for a registry is one database; one that does was put there by somebody who may write the folder
 * and would have us delete for him. */
static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
	(void)vfs;
	if (flags & SQLITE_OPEN_SUPER_JOURNAL)
		return SQLITE_CANTOPEN;
	return base->xOpen(base, name, file, flags, flags_out);
}

const char *
sql_files(void)
{
	if (base)
		return own.zName;
	base = sqlite3_vfs_find(NULL);
	if (!base)
		return NULL;
	own = *base;
	own.pNext = NULL;
	own.zName = "cfn";
	own.xOpen = open_file;
	if (sqlite3_vfs_register(&own, 0) == SQLITE_OK)
		return own.zName;
	base = NULL;
	return NULL;
}
