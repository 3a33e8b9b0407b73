/* cache_trim.c - the cache of compiled programs stays within its size: the least recently used entries go. */
#include "run/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

enum {
	LISTED_MAX = 2 * RUN_CACHE_ENTRIES_MAX, /* beyond, whatever comes is removed */
	TEMPORARY_S = 600,                      /* nobody writes one for so long: its writer was killed */
};

struct entry {
	char name[DIGEST_TEXT_SIZE];
	uint64_t size;
	struct timespec used;
};

struct listing {
	int folder;
	size_t n;
	uint64_t size; /* bytes of all */
	struct entry entries[LISTED_MAX];
};

/* A half-written one is its writer's for a while. */
static bool
is_left_behind(const char *name, const struct stat *st)
{
	return strncmp(name, "new-", 4) == 0 && time(NULL) - st->st_mtim.tv_sec > TEMPORARY_S;
}

static void
listing_add(struct listing *l, const char *name)
{
	struct stat st;
	struct entry *new;

	if (fstatat(l->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (is_left_behind(name, &st) || l->n == LISTED_MAX) {
		unlinkat(l->folder, name, 0);
		return;
	}
	if (strlen(name) != DIGEST_TEXT_SIZE - 1)
		return;
	new = &l->entries[l->n++];
	memcpy(new->name, name, sizeof new->name);
	new->size = (uint64_t)st.st_size;
	new->used = st.st_mtim;
	l->size += new->size;
}

/* A description of its own: several processes have inherited the folder's. */
static void
listing_fill(struct listing *l)
{
	int fd = openat(l->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		fd_close(&fd);
		return;
	}
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			listing_add(l, entry->d_name);
	closedir(folder);
}

static int
compare(const void *a, const void *b)
{
	const struct timespec *x = &((const struct entry *)a)->used, *y = &((const struct entry *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

void
run_cache_trim(const struct run_cache *cache)
{
	AUTO_FREE struct listing *l = calloc(1, sizeof *l);
	size_t left;

	if (!l)
		return;
	l->folder = cache->folder;
	listing_fill(l);
	left = l->n;
	qsort(l->entries, l->n, sizeof *l->entries, compare);
	for (size_t i = 0; i < l->n && (l->size > cache->max || left > RUN_CACHE_ENTRIES_MAX); i++, left--) {
		unlinkat(l->folder, l->entries[i].name, 0);
		l->size -= l->entries[i].size;
	}
}
