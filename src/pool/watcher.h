/* watcher.h - notices that the registry has changed: poked, by inotify, or within a second. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/loop.h"

struct master;

struct watcher {
	struct watch inotify; /* fd -1 where there is none: the poll alone does it */
	struct timer poll;
	dev_t device; /* of the file that is open */
	ino_t inode;
	bool is_failing; /* said once in the log */
};

int watcher_open(struct master *m, struct err *e);

/* Looks now.  0 when what is active has been read, or nothing has changed; else -errno, the last good
 * generation goes on serving. */
int watcher_check(struct master *m, struct err *e);
