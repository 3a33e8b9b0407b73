/* dev_watch.c - which of some paths have changed on disk. */
#include "deploy-tool/dev_watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum {
	EVENTS =
	    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_MOVE_SELF | IN_ONLYDIR,
	GONE = IN_IGNORED | IN_UNMOUNT,
	BUFFER_SIZE = 64 * 1024,
};

/* What may be part of a function that is a folder, and its manifest. */
static const char *const suffixes[] = { ".c",   ".cc",  ".cpp", ".cxx", ".h",  ".hh",
	                                ".hpp", ".hxx", ".inc", ".def", ".ini" };

/* Folders that never are. */
static const char *const left_out[] = { "tests", "build" };

/* Not the swap files, backups and locks that editors make beside it. */
static bool
is_wanted(const struct watch_folder *f, const char *name)
{
	const char *dot = strrchr(name, '.');

	if (f->file != NULL)
		return strcmp(name, f->file) == 0;
	for (size_t i = 0; dot != NULL && name[0] != '.' && i < ARRAY_SIZE(suffixes); i++)
		if (strcmp(dot, suffixes[i]) == 0)
			return true;
	return false;
}

static bool
is_left_out(const char *folder)
{
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (strcmp(folder, left_out[i]) == 0)
			return true;
	return folder[0] == '.';
}

static void add_below(struct watch *w, const struct watch_folder *above);

static int
add_folder(struct watch *w, const struct watch_folder *row)
{
	struct watch_folder *to = &w->folders[w->n];
	int descriptor = inotify_add_watch(w->fd, row->path, EVENTS);

	if (descriptor < 0)
		return -errno;
	for (size_t i = 0; i < w->n; i++)
		if (w->folders[i].descriptor == descriptor && w->folders[i].index == row->index &&
		    w->folders[i].file == row->file)
			return 0;
	if (w->n == WATCH_FOLDERS_MAX) {
		w->is_full = true;
		return 0;
	}
	*to = *row;
	to->descriptor = descriptor;
	w->n++;
	if (row->file == NULL && row->depth < WATCH_DEPTH_MAX)
		add_below(w, to);
	return 0;
}

static void
add_named(struct watch *w, const struct watch_folder *above, const char *name)
{
	struct watch_folder row = *above;
	int n = snprintf(row.path, sizeof row.path, "%s/%s", above->path, name);

	row.depth++;
	if (!is_left_out(name) && n > 0 && (size_t)n < sizeof row.path)
		(void)add_folder(w, &row); /* what is no folder is none of ours */
}

static void
add_below(struct watch *w, const struct watch_folder *above)
{
	DIR *folder = opendir(above->path);
	const struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
			add_named(w, above, entry->d_name);
	if (folder != NULL)
		closedir(folder);
}

int
watch_open(struct watch *w, struct err *e)
{
	*w = (struct watch){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	if (w->fd < 0)
		return err_set(e, errno, "inotify");
	w->folders = calloc(WATCH_FOLDERS_MAX, sizeof *w->folders);
	return w->folders == NULL ? err_set(e, ENOMEM, "inotify") : 0;
}

void
watch_close(struct watch *w)
{
	fd_close(&w->fd);
	free(w->folders);
	w->folders = NULL;
}

int
watch_add(struct watch *w, size_t index, const char *path, struct err *e)
{
	struct watch_folder row = { .index = index };
	const char *slash = strrchr(path, '/');
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return err_set(e, errno, "%.200s", path);
	if (strlen(path) >= sizeof row.path)
		return err_set(e, ENAMETOOLONG, "%.200s", path);
	if (S_ISDIR(st.st_mode)) {
		snprintf(row.path, sizeof row.path, "%s", path);
	} else {
		row.file = slash != NULL ? slash + 1 : path;
		snprintf(row.path, sizeof row.path, "%.*s",
		         slash == NULL   ? 1
		         : slash == path ? 1
		                         : (int)(slash - path),
		         slash == NULL ? "." : path);
	}
	rc = add_folder(w, &row);
	return rc < 0 ? err_set(e, rc, "watch %.200s", row.path) : 0;
}

static void
take(struct watch *w, const struct inotify_event *event, watch_changed *changed, void *context)
{
	size_t n = w->n;

	for (size_t i = 0; i < n; i++) {
		struct watch_folder *f = &w->folders[i];

		if (event->mask & IN_Q_OVERFLOW) {
			changed(context, f->index);
			continue;
		}
		if (f->descriptor != event->wd)
			continue;
		if (event->mask & GONE)
			f->descriptor = -1;
		else if (event->mask & IN_MOVE_SELF && f->depth == 0)
			inotify_rm_watch(w->fd, event->wd); /* another one may get its name */
		else if (event->mask & IN_ISDIR && event->len > 0 && f->file == NULL)
			add_named(w, f, event->name);
		/* A folder that comes may come with sources in it. */
		if (event->mask & (GONE | IN_ISDIR)
		        ? f->file == NULL && (event->len == 0 || !is_left_out(event->name))
		        : event->len > 0 && is_wanted(f, event->name))
			changed(context, f->index);
	}
}

/* Folders below that have gone; should they come again, those above see it. */
static void
forget_gone(struct watch *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->folders[i].descriptor >= 0 || w->folders[i].depth == 0)
			w->folders[kept++] = w->folders[i];
	w->n = kept;
}

void
watch_turn(struct watch *w, watch_changed *changed, void *context)
{
	char buffer[BUFFER_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(w->fd, buffer, sizeof buffer)) > 0) {
		const struct inotify_event *event;

		for (const char *at = buffer; at < buffer + n; at += sizeof *event + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			take(w, event, changed, context);
		}
	}
	forget_gone(w);
}

void
watch_renew(struct watch *w, watch_changed *changed, void *context)
{
	size_t n = w->n;

	for (size_t i = 0; i < n; i++) {
		struct watch_folder *f = &w->folders[i];

		if (f->descriptor >= 0)
			continue;
		f->descriptor = inotify_add_watch(w->fd, f->path, EVENTS);
		if (f->descriptor < 0)
			continue;
		if (f->file == NULL)
			add_below(w, f);
		changed(context, f->index);
	}
}
