/* dev_watch.h - which of some paths have changed on disk: inotify, below folders and beside files. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { WATCH_PATHS_MAX = 64, WATCH_FOLDERS_MAX = 512, WATCH_PATH_SIZE = 1024, WATCH_DEPTH_MAX = 16 };

struct watch_folder {
	int descriptor;   /* inotify's; the same for two rows of one folder; -1: it has gone */
	size_t index;     /* of the path that it belongs to */
	const char *file; /* this one alone; NULL: every source */
	unsigned depth;
	char path[WATCH_PATH_SIZE];
};

struct watch {
	int fd;
	bool is_full; /* there are more folders than WATCH_FOLDERS_MAX */
	size_t n;
	struct watch_folder *folders;
};

typedef void watch_changed(void *context, size_t index);

int watch_open(struct watch *w, struct err *e);
void watch_close(struct watch *w);

/* A file: its folder is watched, for editors put another one in its place.  A folder: all below it. */
int watch_add(struct watch *w, size_t index, const char *path, struct err *e);

/* Reads what has happened: changed() for every path that a source of has changed, maybe often. */
void watch_turn(struct watch *w, watch_changed *changed, void *context);

/* Folders that went and came again; now and then. */
void watch_renew(struct watch *w, watch_changed *changed, void *context);
