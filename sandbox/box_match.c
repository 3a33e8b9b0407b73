/* box_match.c - init of a box finds the files that patterns name, when nobody else lives there any more: what
 * it meets was made by a stranger's program all the same. */
#include "sandbox/box_parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/message.h"

enum { LISTING_SIZE = 8 * 1024, FOLDERS_MAX = 256 };

/* The kernel's, getdents64(2). */
struct listed {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* The folders found and not yet looked into are at the end: no recursion, whatever there is. */
struct walk {
	const char *const *patterns;
	int report;
	unsigned n_names, n_sent;
	uint32_t n_missed;
	bool is_cut; /* there are folders that it has no room for */
	size_t n_folders;
	char folders[FOLDERS_MAX][BOX_MATCH_NAME_SIZE];
};

static bool
is_wanted(const struct walk *w, const char *path)
{
	for (const char *const *p = w->patterns; *p; p++)
		if (fnmatch(*p, path, FNM_PATHNAME | FNM_PERIOD) == 0)
			return true;
	return false;
}

static unsigned
depth_of(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* That it is a regular file with one name is for the keeper to see, who has to anyway. */
static void
file_send(struct walk *w, const char *path)
{
	AUTO_FD fd = w->n_sent < BOX_MATCHES_MAX ? box_file_open(path) : -1;
	struct err ignored;

	w->n_missed += w->n_sent == BOX_MATCHES_MAX;
	if (fd >= 0 && message_send(w->report, BOX_MATCH, path, strlen(path), &fd, 1, &ignored) == 0)
		w->n_sent++;
}

/* Types come from the tmpfs, which has them all; opening checks again. */
static void
name_meet(struct walk *w, const char *folder, const struct listed *l)
{
	char path[BOX_MATCH_NAME_SIZE];
	int n = snprintf(path, sizeof path, "%s%s%s", folder, folder[0] ? "/" : "", l->name);

	if (n >= (int)sizeof path || strcmp(l->name, ".") == 0 || strcmp(l->name, "..") == 0)
		return;
	if (l->type == DT_DIR && w->n_folders < FOLDERS_MAX && depth_of(path) < BOX_MATCH_DEPTH)
		memcpy(w->folders[w->n_folders++], path, sizeof path);
	else if (l->type == DT_DIR)
		w->is_cut |= w->n_folders == FOLDERS_MAX;
	else if (l->type == DT_REG && is_wanted(w, path))
		file_send(w, path);
}

static void
listing_read(struct walk *w, const char *folder, const char *listing, size_t n)
{
	for (size_t at = 0; at < n && w->n_names < BOX_NAMES_MAX; w->n_names++) {
		const struct listed *l = (const void *)(listing + at);

		name_meet(w, folder, l);
		at += l->length;
	}
}

static void
folder_read(struct walk *w, const char *folder)
{
	_Alignas(struct listed) char listing[LISTING_SIZE];
	AUTO_FD fd = box_file_open(folder[0] ? folder : ".");
	long n;

	while (fd >= 0 && w->n_names < BOX_NAMES_MAX &&
	       (n = syscall(SYS_getdents64, fd, listing, sizeof listing)) > 0)
		listing_read(w, folder, listing, (size_t)n);
}

/* Of names that nobody looks at it is not known which are wanted: together they are one. */
static void
missed_say(struct walk *w)
{
	struct err ignored;

	w->n_missed += w->is_cut || w->n_names == BOX_NAMES_MAX;
	if (w->n_missed > 0)
		message_send(w->report, BOX_MISSED, &w->n_missed, sizeof w->n_missed, NULL, 0, &ignored);
}

void
box_matches_send(const char *const *patterns, int report)
{
	struct walk w = { .patterns = patterns, .report = report, .n_folders = 1 };

	for (size_t i = 0; i < w.n_folders; i++)
		folder_read(&w, w.folders[i]);
	missed_say(&w);
}
