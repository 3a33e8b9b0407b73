/* uids.c - which host uid a function or a shared folder has. */
#include "pool/uids.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/options.h"

enum { UIDS_FILE_MAX = 16 << 20, LINE_MAX_SIZE = 128 };

#define FILE_NAME "uids"
#define HEADER                                                                                               \
	"# Which slot of the uid range belongs to whom.  Kept by cfn-pool; a slot is never given twice.\n"

struct uid_row {
	struct node by_name;
	enum uid_kind kind;
	uint32_t slot;
	char name[NAME_MAX_SIZE];
};

static const char *const kind_words[] = { [UID_FUNCTION] = "function", [UID_SHARED] = "shared" };

static struct uid_row *
find(const struct uids *u, enum uid_kind kind, const char *name)
{
	struct node *node = table_find(&u->names, table_key_of(name));

	for (; node; node = table_find_next(node)) {
		struct uid_row *row = (struct uid_row *)node;

		if (row->kind == kind && strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

static void
forget_all(struct uids *u)
{
	struct node *node = table_next(&u->names, NULL);

	while (node) {
		struct node *next = table_next(&u->names, node);

		free(node);
		node = next;
	}
	table_done(&u->names);
	u->next = UIDS_FIRST;
}

static int
add(struct uids *u, enum uid_kind kind, const char *name, uint32_t slot, struct err *e)
{
	struct uid_row *row = calloc(1, sizeof *row);

	if (!row || table_put(&u->names, &row->by_name, table_key_of(name)) < 0) {
		free(row);
		return err_set(e, ENOMEM, "uid table");
	}
	row->kind = kind;
	row->slot = slot;
	snprintf(row->name, sizeof row->name, "%s", name);
	if (slot >= u->next)
		u->next = slot + 1;
	return 0;
}

static int
parse_kind(const char *word, enum uid_kind *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kind_words); i++) {
		if (strcmp(word, kind_words[i]) != 0)
			continue;
		*kind = (enum uid_kind)i;
		return 0;
	}
	return -EINVAL;
}

/* "SLOT KIND NAME" */
static int
read_line(struct uids *u, char *line, struct err *e)
{
	char *rest = line, *slot_text = strsep(&rest, " "), *kind_text = strsep(&rest, " ");
	enum uid_kind kind = UID_FUNCTION;
	uint64_t slot = 0;

	if (!kind_text || !rest || option_parse_number(slot_text, &slot) < 0 || slot < UIDS_FIRST ||
	    slot > UINT32_MAX - 1 || parse_kind(kind_text, &kind) < 0 || !rest[0] ||
	    strlen(rest) >= NAME_MAX_SIZE)
		return err_set(e, -EBADMSG, "not 'SLOT KIND NAME'");
	if (find(u, kind, rest))
		return err_set(e, -EBADMSG, "'%s' has two slots", rest);
	return add(u, kind, rest, (uint32_t)slot, e);
}

static int
read_lines(struct uids *u, char *text, struct err *e)
{
	int number = 0;

	for (char *line; (line = strsep(&text, "\n"));) {
		number++;
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (read_line(u, line, e) < 0) {
			err_wrap(e, "uid table, line %d", number);
			return -EBADMSG;
		}
	}
	return 0;
}

/* Reads the file when it is another one than last time. */
static int
refresh(struct uids *u, struct err *e)
{
	AUTO_FD fd = openat(u->folder, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t n;
	int rc;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "uid table");
	if (st.st_ino == u->inode && st.st_size == u->size)
		return 0;
	rc = fd_read_file(fd, UIDS_FILE_MAX, &text, &n, e);
	if (rc < 0)
		return err_wrap(e, "uid table");
	forget_all(u);
	rc = read_lines(u, text, e);
	u->inode = rc == 0 ? st.st_ino : 0;
	u->size = st.st_size;
	return rc;
}

static int
format_all(const struct uids *u, struct buf *text, struct err *e)
{
	int rc = buf_append(text, HEADER, strlen(HEADER));

	for (struct node *node = table_next(&u->names, NULL); node && rc == 0;
	     node = table_next(&u->names, node)) {
		const struct uid_row *row = (const struct uid_row *)node;

		rc = buf_printf(text, "%" PRIu32 " %s %s\n", row->slot, kind_words[row->kind], row->name);
	}
	return rc < 0 ? err_set(e, -rc, "uid table") : 0;
}

static int
replace_file(struct uids *u, const struct buf *text, struct err *e)
{
	AUTO_FD fd =
	    openat(u->folder, FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "write uid table");
	rc = fd_write_all(fd, buf_head(text), buf_used(text));
	if (rc < 0)
		return err_set(e, -rc, "write uid table");
	if (fsync(fd) < 0 || renameat(u->folder, FILE_NAME ".new", u->folder, FILE_NAME) < 0 ||
	    fsync(u->folder) < 0)
		return err_set(e, errno, "write uid table");
	u->inode = st.st_ino;
	u->size = (off_t)buf_used(text);
	return 0;
}

static int
save(struct uids *u, struct err *e)
{
	struct buf text;
	int rc;

	buf_init(&text, UIDS_FILE_MAX);
	rc = format_all(u, &text, e);
	if (rc == 0)
		rc = replace_file(u, &text, e);
	buf_done(&text);
	return rc;
}

/* With the folder locked: another pool of the registry may have given slots meanwhile. */
static int
give(struct uids *u, enum uid_kind kind, const char *name, uint32_t *slot, struct err *e)
{
	struct uid_row *row;
	int rc = refresh(u, e);

	if (rc < 0)
		return rc;
	row = find(u, kind, name);
	if (!row && u->next >= u->end)
		return err_set(e, -ENOSPC, "the uid range is used up: %u slots; raise uid_range_size",
		               u->end);
	if (!row) {
		*slot = u->next;
		rc = add(u, kind, name, u->next, e);
		if (rc == 0)
			rc = save(u, e);
		if (rc < 0)
			u->inode = 0; /* what is on the disk holds: read it again next time */
		return rc;
	}
	*slot = row->slot;
	return 0;
}

int
uids_slot(struct uids *u, enum uid_kind kind, const char *name, uint32_t *slot, struct err *e)
{
	struct uid_row *row = u->inode ? find(u, kind, name) : NULL;
	int rc;

	if (row) {
		*slot = row->slot;
		return 0;
	}
	if (flock(u->folder, LOCK_EX) < 0)
		return err_set(e, errno, "lock uid table");
	rc = give(u, kind, name, slot, e);
	flock(u->folder, LOCK_UN);
	return rc;
}

int
uids_open(struct uids *u, const char *state_dir, uint32_t n_slots, struct err *e)
{
	int rc;

	*u = (struct uids){ .end = n_slots, .next = UIDS_FIRST };
	u->folder = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->folder < 0)
		return err_set(e, errno, "state folder '%s'", state_dir);
	/* Where others could put a table of their own, one function would be given the uid of another. */
	rc = fd_check_own_folder(u->folder, e) < 0 ? err_wrap(e, "state folder '%s'", state_dir)
	                                           : refresh(u, e);
	if (rc < 0)
		uids_close(u);
	return rc;
}

void
uids_close(struct uids *u)
{
	forget_all(u);
	fd_close(&u->folder);
}
