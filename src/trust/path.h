/* path.h - whether others could put something else where a path leads. */
#pragma once
#include <sys/types.h>

#include "base/err.h"

struct stat;

/* Every folder and link on the way from "/" to what an absolute path names, and that itself, belongs to root
 * or owner, and nobody else may write it.  A sticky folder is as good: nobody can replace what is another's
 * there.  -EPERM (*e names which), -ENOENT. */
int path_check(const char *path, uid_t owner, struct err *e);

/* The same of one file or folder. */
int path_check_one(const struct stat *st, uid_t owner, struct err *e);
