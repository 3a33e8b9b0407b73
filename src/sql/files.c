/* files.c - opening a database: the file itself, and which others SQLite may touch for it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sql/sql.h"

static sqlite3_vfs own;
static sqlite3_vfs *base;

/* A journal may name a "super-journal", a file of any name that SQLite deletes after the rollback.  Ours
 * never do, for each is one database; one that does was put there by somebody who may write the folder and
 * would have us delete for him. */
static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
	(void)vfs;
	if (flags & SQLITE_OPEN_SUPER_JOURNAL)
		return SQLITE_CANTOPEN;
	return base->xOpen(base, name, file, flags, flags_out);
}

/* The name of the file layer to open with; NULL when there is no memory. */
static const char *
files_name(void)
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

/* Opens or makes the file itself, so that errno says what SQLite would only call "unable to open". */
static int
touch_file(struct database *d, enum database_access access, bool *is_made, struct err *e)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (access == DATABASE_CREATE)
		fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0660);
	*is_made = fd >= 0;
	if (fd < 0)
		fd = open(d->path,
		          (access == DATABASE_READ ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(e, errno, "%s %s", d->kind, d->path);
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%s %s", d->kind, d->path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s %s: not a regular file", d->kind, d->path);
	return 0;
}

int
database_open(struct database *d, const char *path, enum database_access access, bool *is_made, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, rc;
	const char *files = files_name();

	*is_made = false;
	if (!files)
		return err_set(e, ENOMEM, "%s %s", d->kind, path);
	if (strlen(path) >= sizeof d->path)
		return err_set(e, ENAMETOOLONG, "%s %s", d->kind, path);
	snprintf(d->path, sizeof d->path, "%s", path);
	rc = touch_file(d, access, is_made, e);
	if (rc == 0 && sqlite3_open_v2(d->path, &d->db, flags, files) != SQLITE_OK)
		rc = sql_error(d, "open", e);
	return rc;
}

int
database_harden(struct database *d, int length_max, struct err *e)
{
	static const struct {
		int option, value;
	} settings[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },   { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 }, { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 }, { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (sqlite3_db_config(d->db, settings[i].option, settings[i].value, NULL) != SQLITE_OK)
			return sql_error(d, "configure", e);
	sqlite3_limit(d->db, SQLITE_LIMIT_LENGTH, length_max);
	return 0;
}

void
database_close(struct database *d)
{
	for (size_t i = 0; i < d->n_kept; i++)
		sqlite3_finalize(d->kept[i]);
	d->n_kept = 0;
	sqlite3_close(d->db);
	d->db = NULL;
}
