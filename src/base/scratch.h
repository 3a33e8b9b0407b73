/* scratch.h - a folder that a function has filled, its /tmp between two requests above all: emptied, and made
 * to look as it did when it was new. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct scratch {
	struct stat empty; /* how it looks then: a tmpfs counts a folder's entries in its size */
	uint64_t n_inodes; /* that it may hold */
};

/* Empties the folder and remembers how it looks.  0 or -errno. */
int scratch_init(struct scratch *s, int folder, uint64_t n_inodes);

/* False when something was made or changed since: one look instead of a list for every request. */
bool scratch_is_clean(const struct scratch *s, const struct stat *now);

/* Removes all that is in the folder.  -ELOOP when there is more than can be: somebody is still at work in it;
 * -errno when something cannot be removed. */
int scratch_empty(const struct scratch *s, int folder);
