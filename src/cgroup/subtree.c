/* subtree.c - where leaves may be made: finding the place, taking it, cleaning up behind others, leaving it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fd.h"
#include "base/macros.h"
#include "cgroup/cgroup.h"
#include "cgroup/files.h"
#include "cgroup/text.h"

#ifndef CGROUP2_SUPER_MAGIC
#define CGROUP2_SUPER_MAGIC 0x63677270
#endif

static const char main_leaf[] = "main", trusted_leaf[] = "trusted";
static const char *const controllers[] = { "memory", "pids", "cpu" };

enum { NAME_TRIES = 8, NEIGHBOURS_MAX = 10000 };

/* What can be seen of the hierarchy. */
struct view {
	int top; /* where it is mounted */
	int own; /* of this process */
	char point[CGROUP_PATH_SIZE];
	char path[TEXT_PATH_SIZE]; /* of own, below top */
};

static void
view_done(struct view *v)
{
	fd_close(&v->top);
	fd_close(&v->own);
}

/* ---- finding it ---- */

/* True when the mount shows the own cgroup and is what it says. */
static bool
mount_open(const struct cgroup_mount *m, const char *own, struct view *v)
{
	const char *below = text_path_below(m->root, own);
	struct statfs fs;

	if (!below || snprintf(v->point, sizeof v->point, "%s", m->point) >= (int)sizeof v->point)
		return false;
	v->top = open(m->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->top < 0 || fstatfs(v->top, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return false;
	snprintf(v->path, sizeof v->path, "%s", strcmp(below, ".") == 0 ? "" : below);
	v->own = files_open(v->top, below);
	return v->own >= 0;
}

static bool
mounts_search(const char *own, struct view *v)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	AUTO_FREE char *line = NULL;
	struct cgroup_mount m;
	size_t size = 0;
	bool is_found = false;

	while (file && !is_found && getline(&line, &size, file) > 0) {
		view_done(v);
		is_found = text_read_mount(line, &m) && mount_open(&m, own, v);
	}
	if (file)
		fclose(file);
	return is_found;
}

static int
view_open(struct view *v, struct err *e)
{
	char text[FILE_TEXT_SIZE], own[TEXT_PATH_SIZE];
	AUTO_FD proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD file = proc < 0 ? -1 : openat(proc, "cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = file < 0 ? -1 : fd_read_all(file, text, sizeof text - 1);

	if (n < 0)
		return err_set(e, -ENOTSUP, "/proc/self/cgroup cannot be read");
	text[n] = '\0';
	if (!text_read_own(text, own))
		return err_set(e, -ENOTSUP, "this process has no cgroup v2");
	return mounts_search(own, v)
	           ? 0
	           : err_set(e, -ENOTSUP, "no cgroup v2 is mounted that shows this process");
}

/* What a folder has; a leaf may be limited by these only when its parent has enabled them. */
static int
controllers_check(int folder, const char *file, struct err *e)
{
	char text[FILE_TEXT_SIZE];
	int rc = files_read(folder, file, text);

	if (rc < 0)
		return err_set(e, -rc, "read %s", file);
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		if (!text_has_word(text, controllers[i]))
			return err_set(e, -ENOTSUP, "cgroup v2 has no controller '%s' here", controllers[i]);
	return 0;
}

static bool
is_alone(const struct view *v)
{
	char text[FILE_TEXT_SIZE];

	return files_read(v->own, "cgroup.procs", text) == 0 && text_is_alone(text, getpid());
}

/* ---- taking it ---- */

static int
refused(int code, const struct view *v, const char *what, struct err *e)
{
	if (code == EACCES || code == EPERM || code == EROFS)
		return err_set(e, -code, "cgroup '/%.100s' is not delegated to uid %u", v->path, geteuid());
	if (code == EBUSY)
		return err_set(e, -code, "other processes are in cgroup '/%.100s'", v->path);
	return err_set(e, code, "cgroup '/%.100s': %s", v->path, what);
}

static int
enable(int folder)
{
	struct err ignored;

	if (controllers_check(folder, "cgroup.subtree_control", &ignored) == 0)
		return 0;
	return files_write(folder, "cgroup.subtree_control", CGROUP_CONTROLLERS);
}

/* cgroups(7), "no internal processes": only without one in it may it give its controllers on.  Undone when
 * somebody came in meanwhile. */
static int
own_take(const struct view *v, struct err *e)
{
	AUTO_FD main_folder = -1;
	int rc = mkdirat(v->own, main_leaf, 0755) < 0 && errno != EEXIST ? -errno : 0;

	if (rc == 0)
		rc = main_folder = files_open(v->own, main_leaf);
	if (rc >= 0)
		rc = files_write(main_folder, "cgroup.procs", "0");
	if (rc < 0)
		return refused(-rc, v, "move into its leaf 'main'", e);
	rc = enable(v->own);
	if (rc == 0)
		return 0;
	files_write(v->own, "cgroup.procs", "0");
	unlinkat(v->own, main_leaf, AT_REMOVEDIR);
	return refused(-rc, v, "enable its controllers", e);
}

static int
top_take(struct view *v, struct err *e)
{
	int rc = controllers_check(v->top, "cgroup.controllers", e);

	if (rc < 0)
		return rc;
	snprintf(v->path, sizeof v->path, "%s", "");
	rc = enable(v->top);
	return rc < 0 ? refused(-rc, v, "enable its controllers", e) : 0;
}

static int
own_check(const struct view *v, struct err *e)
{
	if (controllers_check(v->own, "cgroup.controllers", e) < 0)
		return -e->code;
	if (faccessat(v->own, "cgroup.procs", W_OK, AT_EACCESS) < 0)
		return refused(errno, v, "cgroup.procs", e);
	return is_alone(v) ? 0 : refused(EBUSY, v, "", e);
}

/* The parent of the folder to be made, or -errno. */
static int
parent_take(struct view *v, struct err *e)
{
	int rc = own_check(v, e), fd;
	bool is_own = rc == 0;

	if (is_own)
		rc = own_take(v, e);
	else if (geteuid() == 0)
		rc = top_take(v, e);
	if (rc < 0)
		return rc;
	fd = fcntl(is_own ? v->own : v->top, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_set(e, errno, "cgroup") : fd;
}

/* ---- what others have left ---- */

static void
folder_empty(int folder)
{
	int copy = files_open(folder, ".");
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	files_write(folder, "cgroup.kill", "1");
	while (dir && (entry = readdir(dir))) {
		struct cgroup_leaf leaf = { .fd = -1 };

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    strlen(entry->d_name) >= sizeof leaf.name)
			continue;
		memcpy(leaf.name, entry->d_name, strlen(entry->d_name) + 1);
		leaf.fd = files_open(folder, leaf.name);
		cgroup_leaf_close(folder, &leaf);
	}
	if (dir)
		closedir(dir);
	else
		fd_close(&copy);
}

/* Only the last holder of the lock can have left it without one. */
static void
neighbour_remove(int parent, const char *name)
{
	AUTO_FD folder = files_open(parent, name);

	if (folder < 0 || flock(folder, LOCK_EX | LOCK_NB) < 0)
		return;
	folder_empty(folder);
	unlinkat(parent, name, AT_REMOVEDIR);
}

static void
neighbours_remove(int parent)
{
	int copy = files_open(parent, ".");
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	for (int i = 0; dir && i < NEIGHBOURS_MAX && (entry = readdir(dir)); i++)
		if (text_is_subtree(entry->d_name))
			neighbour_remove(parent, entry->d_name);
	if (dir)
		closedir(dir);
	else
		fd_close(&copy);
}

/* ---- making ours ---- */

/* -EAGAIN: somebody who was cleaning up had it between its making and our lock. */
static int
folder_make(struct cgroup *c)
{
	struct stat ours, there;
	uint32_t number;

	random_bytes(&number, sizeof number);
	snprintf(c->name, sizeof c->name, TEXT_SUBTREE_PREFIX "%08x", number);
	if (mkdirat(c->parent, c->name, 0700) < 0)
		return errno == EEXIST ? -EAGAIN : -errno;
	c->folder = files_open(c->parent, c->name);
	if (c->folder < 0)
		return c->folder == -ENOENT ? -EAGAIN : c->folder;
	if (flock(c->folder, LOCK_EX | LOCK_NB) == 0 && fstat(c->folder, &ours) == 0 &&
	    fstatat(c->parent, c->name, &there, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_ino == there.st_ino)
		return 0;
	fd_close(&c->folder);
	return -EAGAIN;
}

/* What its owner needs to make leaves, and to start a process in one: cgroups(7), "delegation containment".
 * The limits of the folder itself stay with us. */
static int
folder_give(const struct cgroup *c, uid_t owner)
{
	if (owner == geteuid())
		return 0;
	if (fchown(c->folder, owner, owner) < 0 || fchownat(c->folder, "cgroup.procs", owner, owner, 0) < 0)
		return -errno;
	return 0;
}

static int
folder_fill(struct cgroup *c, uid_t owner)
{
	int rc = files_write(c->folder, "cgroup.subtree_control", CGROUP_CONTROLLERS);

	if (rc == 0 && mkdirat(c->folder, trusted_leaf, 0700) < 0)
		rc = -errno;
	if (rc == 0)
		rc = c->trusted = files_open(c->folder, trusted_leaf);
	return rc < 0 ? rc : folder_give(c, owner);
}

static int
subtree_make(struct cgroup *c, const struct view *v, uid_t owner, struct err *e)
{
	int rc = -EAGAIN;

	for (int i = 0; i < NAME_TRIES && rc == -EAGAIN; i++)
		rc = folder_make(c);
	if (rc == 0)
		rc = folder_fill(c, owner);
	if (rc < 0)
		return refused(-rc, v, "make a subtree", e);
	snprintf(c->path, sizeof c->path, "%.*s/%.*s%s%s", 200, v->point, 200, v->path, v->path[0] ? "/" : "",
	         c->name);
	return 0;
}

void
cgroup_none(struct cgroup *c, const char *why)
{
	*c = (struct cgroup){ .folder = -1, .trusted = -1, .parent = -1 };
	snprintf(c->why, sizeof c->why, "%s", why);
}

int
cgroup_open(struct cgroup *c, uid_t owner, struct err *e)
{
	struct view v = { .top = -1, .own = -1 };
	int rc;

	cgroup_none(c, "");
	rc = view_open(&v, e);
	if (rc == 0) {
		rc = c->parent = parent_take(&v, e);
		if (rc >= 0) {
			neighbours_remove(c->parent);
			rc = subtree_make(c, &v, owner, e);
		}
	}
	view_done(&v);
	if (rc < 0)
		cgroup_close(c, e->text);
	return rc;
}

void
cgroup_close(struct cgroup *c, const char *why)
{
	char text[sizeof c->why];

	snprintf(text, sizeof text, "%s", why);
	if (c->folder >= 0) {
		folder_empty(c->folder);
		unlinkat(c->parent, c->name, AT_REMOVEDIR);
	}
	fd_close(&c->folder);
	fd_close(&c->trusted);
	fd_close(&c->parent);
	cgroup_none(c, text);
}

void
cgroup_describe(const struct cgroup *c, char text[CGROUP_TEXT_SIZE])
{
	if (cgroup_is_open(c))
		snprintf(text, CGROUP_TEXT_SIZE, "cgroup (a leaf for each sandbox in %.300s)", c->path);
	else
		snprintf(text, CGROUP_TEXT_SIZE, "rlimit (RLIMIT_AS of each process, the size of /tmp)%s%s",
		         c && c->why[0] ? "; no cgroup: " : "", c ? c->why : "");
}
