/* scratch.c - a folder that a function has filled: emptied, and made to look as it did when it was new.
 *
 * A function may leave anything there: folders that it may not read any more, nested deeper than any stack or
 * table of descriptors.  So a folder's folders are first moved up to /tmp itself, and nothing is ever walked
 * down more than one level.  Every entry is met a bounded number of times, and all of them are counted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/scratch.h"

enum {
	STEPS_PER_INODE = 8, /* an entry is listed twice, moved once and may meet a name that is taken */
	STEPS_MORE = 64,
};

struct clearing {
	int top;
	uint64_t left; /* steps */
	unsigned n_moved;
};

typedef int entry_function(struct clearing *c, int folder, const char *name);

static bool
is_itself_or_parent(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* One buffer of entries.  1 when there were any, 0 when there are none, -errno. */
static int
take_some(struct clearing *c, int folder, entry_function *take)
{
	_Alignas(struct dirent64) char list[4096];
	ssize_t n = lseek(folder, 0, SEEK_SET) < 0 ? -1 : getdents64(folder, list, sizeof list);
	int rc = 0;

	if (n < 0)
		return -errno;
	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *entry = (const struct dirent64 *)(void *)(list + at);

		at += entry->d_reclen;
		if (is_itself_or_parent(entry->d_name))
			continue;
		if (c->left-- == 0)
			return -ELOOP;
		rc = take(c, folder, entry->d_name);
		if (rc < 0)
			return rc;
		rc = 1;
	}
	return rc;
}

static int
take_all(struct clearing *c, int folder, entry_function *take)
{
	int rc;

	do
		rc = take_some(c, folder, take);
	while (rc > 0);
	return rc;
}

static int
move_to_top(struct clearing *c, int folder, const char *name)
{
	char to[32];
	int rc;

	do {
		if (c->left-- == 0)
			return -ELOOP;
		snprintf(to, sizeof to, "cfn-%u", c->n_moved++);
		rc = renameat2(folder, name, c->top, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
	} while (rc == -EEXIST);
	return rc;
}

/* Moving a folder writes its "..": it has to be writable itself.  By name a mode is changed only when nothing
 * else helps: whoever owns the tree could put a link there meanwhile, and root, whom no mode holds up, would
 * follow it. */
static int
move_up(struct clearing *c, int folder, const char *name)
{
	int rc = move_to_top(c, folder, name);

	if (rc != -EACCES)
		return rc;
	return fchmodat(folder, name, 0700, 0) < 0 ? -errno : move_to_top(c, folder, name);
}

static int
open_inner(const struct clearing *c, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(c->top, name, flags);

	if (fd < 0 && errno == EACCES && fchmodat(c->top, name, 0700, 0) == 0)
		fd = openat(c->top, name, flags);
	return fd < 0 ? -errno : fd;
}

static int
take_inner(struct clearing *c, int folder, const char *name)
{
	if (unlinkat(folder, name, 0) == 0)
		return 0;
	return errno == EISDIR ? move_up(c, folder, name) : -errno;
}

static int
take_folder(struct clearing *c, const char *name)
{
	AUTO_FD folder = open_inner(c, name);
	int rc;

	if (folder < 0)
		return folder;
	if (fchmod(folder, 0700) < 0)
		return -errno;
	rc = take_all(c, folder, take_inner);
	if (rc == 0 && unlinkat(c->top, name, AT_REMOVEDIR) < 0)
		rc = -errno;
	return rc;
}

static int
take_outer(struct clearing *c, int folder, const char *name)
{
	if (unlinkat(folder, name, 0) == 0)
		return 0;
	return errno == EISDIR ? take_folder(c, name) : -errno;
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
scratch_is_clean(const struct scratch *s, const struct stat *now)
{
	return now->st_size == s->empty.st_size && now->st_mode == s->empty.st_mode &&
	       is_same_time(&now->st_mtim, &s->empty.st_mtim) &&
	       is_same_time(&now->st_atim, &s->empty.st_atim);
}

int
scratch_empty(const struct scratch *s, int folder)
{
	struct clearing c = { .top = folder, .left = s->n_inodes * STEPS_PER_INODE + STEPS_MORE };
	const struct timespec times[] = { s->empty.st_atim, s->empty.st_mtim };
	int rc = fchmod(folder, s->empty.st_mode & 07777) < 0 ? -errno : take_all(&c, folder, take_outer);

	if (rc == 0 && futimens(folder, times) < 0)
		rc = -errno;
	return rc;
}

int
scratch_init(struct scratch *s, int folder, uint64_t n_inodes)
{
	int rc = fstat(folder, &s->empty) < 0 ? -errno : 0;

	s->n_inodes = n_inodes;
	if (rc == 0)
		rc = scratch_empty(s, folder);
	/* With what was in it the size was another. */
	if (rc == 0 && fstat(folder, &s->empty) < 0)
		rc = -errno;
	return rc;
}
