/* path.c - whether others could put something else where a path leads. */
#include "trust/path.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as the kernel's */

struct walk {
	uid_t owner;
	unsigned n_links;
	char at[PATH_MAX];   /* checked, without links; "" is "/" */
	char rest[PATH_MAX]; /* what follows */
};

int
path_check_one(const struct stat *st, uid_t owner, struct err *e)
{
	if (st->st_uid != 0 && st->st_uid != owner)
		return err_set(e, -EPERM, "it belongs to uid %u: neither to root nor to who runs the pool",
		               st->st_uid);
	if (S_ISLNK(st->st_mode) || (S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX))
		return 0;
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, -EPERM, "others may write it; chmod go-w it");
	return 0;
}

static int
too_long(struct err *e)
{
	return err_set(e, ENAMETOOLONG, "path");
}

/* The next name of the rest; false: there is none. */
static bool
next_name(struct walk *w, char name[NAME_MAX + 1], struct err *e, int *rc)
{
	size_t skip = strspn(w->rest, "/"), n = strcspn(w->rest + skip, "/");

	*rc = n > NAME_MAX ? too_long(e) : 0;
	if (n == 0 || *rc < 0)
		return false;
	memcpy(name, w->rest + skip, n);
	name[n] = '\0';
	memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);
	return true;
}

/* What the link at path says comes before the rest. */
static int
follow(struct walk *w, const char *path, struct err *e)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof target - 1);

	if (n < 0)
		return err_set(e, errno, "%s", path);
	if (++w->n_links > LINKS_MAX)
		return err_set(e, ELOOP, "%s", path);
	target[n] = '\0';
	if (snprintf(rest, sizeof rest, "%s/%s", target, w->rest) >= (int)sizeof rest)
		return too_long(e);
	memcpy(w->rest, rest, sizeof rest);
	if (target[0] == '/')
		w->at[0] = '\0';
	return 0;
}

static int
enter(struct walk *w, const char *name, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof path, "%s/%s", w->at, name) >= (int)sizeof path)
		return too_long(e);
	if (lstat(path, &st) < 0)
		return err_set(e, errno, "%s", path);
	if (path_check_one(&st, w->owner, e) < 0)
		return err_wrap(e, "%s", path);
	if (S_ISLNK(st.st_mode))
		return follow(w, path, e);
	memcpy(w->at, path, sizeof path);
	return 0;
}

static void
go_up(struct walk *w)
{
	char *slash = strrchr(w->at, '/');

	if (slash)
		*slash = '\0';
}

int
path_check(const char *path, uid_t owner, struct err *e)
{
	struct walk w = { .owner = owner };
	char name[NAME_MAX + 1];
	struct stat st;
	int rc;

	if (path[0] != '/')
		return err_set(e, -EINVAL, "%s: not an absolute path", path);
	if (snprintf(w.rest, sizeof w.rest, "%s", path) >= (int)sizeof w.rest)
		return too_long(e);
	if (lstat("/", &st) < 0)
		return err_set(e, errno, "/");
	if (path_check_one(&st, owner, e) < 0)
		return err_wrap(e, "/");
	while (next_name(&w, name, e, &rc)) {
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0)
			go_up(&w);
		else if (enter(&w, name, e) < 0)
			return -e->code;
	}
	return rc;
}
