/* source_walk.c - the sources below a folder. */
#include "deploy-tool/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

/* Folders that hold no source of the function: its tests, and what other tools build. */
static const char *const left_out[] = { "tests", "build" };

struct walk {
	struct source *source;
	size_t n_entries;
	int depth;
	char name[SOURCE_PATH_SIZE]; /* of the folder, below the first: "" or "sub/" */
};

static bool
is_left_out(const char *name, mode_t mode)
{
	if (name[0] == '.')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (S_ISDIR(mode) && strcmp(name, left_out[i]) == 0)
			return true;
	return S_ISREG(mode) && source_language(name) == NULL;
}

static int walk_folder(struct walk *w, int folder, struct err *e);

static int
enter(struct walk *w, int fd, const char *name, struct err *e)
{
	size_t length = strlen(w->name);
	int rc;

	if (w->depth == SOURCE_DEPTH_MAX)
		return err_set(e, -E2BIG, "%.100s/%.100s: more than %d folders below each other",
		               w->source->path, w->name, SOURCE_DEPTH_MAX);
	if (length + strlen(name) + 2 > sizeof w->name)
		return err_set(e, ENAMETOOLONG, "%.100s/%.100s", w->source->path, w->name);
	sprintf(w->name + length, "%s/", name);
	w->depth++;
	rc = walk_folder(w, fd, e);
	w->depth--;
	w->name[length] = '\0';
	return rc;
}

/* What the name was when it was looked at, it need not be when it is opened: the descriptor counts. */
static int
take(struct walk *w, int folder, const char *entry, struct err *e)
{
	char name[2 * SOURCE_PATH_SIZE], path[3 * SOURCE_PATH_SIZE];
	AUTO_FD fd = -1;
	struct stat st;

	snprintf(name, sizeof name, "%s%s", w->name, entry);
	snprintf(path, sizeof path, "%s/%s", w->source->path, name);
	if (fstatat(folder, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "%.160s", path);
	if (is_left_out(entry, st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return err_set(e, -EINVAL, "%.160s: %s", path,
		               S_ISLNK(st.st_mode) ? "a symbolic link" : "not a plain file");
	fd = openat(folder, entry, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "%.160s", path);
	if (S_ISDIR(st.st_mode))
		return enter(w, fd, entry, e);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%.160s: not a plain file", path);
	return source_add(w->source, fd, name, path, e);
}

static void
close_folder(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

static int
walk_folder(struct walk *w, int folder, struct err *e)
{
	__attribute__((cleanup(close_folder))) DIR *dir = NULL;
	int fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	struct dirent *entry;
	int rc = 0;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		rc = err_set(e, errno, "%.100s/%.100s", w->source->path, w->name);
		fd_close(&fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (++w->n_entries > SOURCE_ENTRIES_MAX)
			return err_set(e, -E2BIG, "%.160s: more than %d files and folders", w->source->path,
			               SOURCE_ENTRIES_MAX);
		rc = take(w, folder, entry->d_name, e);
	}
	return rc;
}

int
source_walk(struct source *s, int folder, struct err *e)
{
	AUTO_FREE struct walk *w = calloc(1, sizeof *w);
	int rc;

	if (w == NULL)
		return err_set(e, ENOMEM, "%.160s", s->path);
	w->source = s;
	rc = walk_folder(w, folder, e);
	for (size_t i = 0; rc == 0 && i < s->n; i++)
		if (s->files[i].language->language != NULL)
			return 0;
	return rc < 0 ? rc : err_set(e, -ENOENT, "%.160s: no C or C++ file in it", s->path);
}
