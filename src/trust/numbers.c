/* numbers.c - the highest activation seen of each function, in a file that only grows. */
#include "trust/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/options.h"
#include "ipc/protocol.h"

enum {
	FILE_MAX = 64 << 20,
	LINES_SPARE = 1024, /* lines beyond two for each function before the file is written anew */
};

#define FILE_NAME "activations"

struct row {
	struct node by_function;
	uint64_t number;
	struct digest digest;
	char function[NAME_MAX_SIZE];
};

static struct row *
find(const struct numbers *n, const char *function)
{
	struct node *node = table_find(&n->rows, table_key_of(function));

	for (; node; node = table_find_next(node))
		if (strcmp(((struct row *)node)->function, function) == 0)
			return (struct row *)node;
	return NULL;
}

static void
forget_all(struct numbers *n)
{
	struct node *node = table_next(&n->rows, NULL);

	while (node) {
		struct node *next = table_next(&n->rows, node);

		free(node);
		node = next;
	}
	table_done(&n->rows);
	n->inode = 0;
	n->size = 0;
	n->n_lines = 0;
}

static int
set(struct numbers *n, const char *function, uint64_t number, const struct digest *d, struct err *e)
{
	struct row *row = find(n, function);

	if (row && number <= row->number)
		return 0;
	if (!row) {
		row = calloc(1, sizeof *row);
		if (!row || table_put(&n->rows, &row->by_function, table_key_of(function)) < 0) {
			free(row);
			return err_set(e, ENOMEM, FILE_NAME);
		}
		snprintf(row->function, sizeof row->function, "%s", function);
	}
	row->number = number;
	row->digest = *d;
	return 0;
}

/* "NUMBER DIGEST FUNCTION" */
static int
read_line(struct numbers *n, char *line, struct err *e)
{
	char *rest = line, *number_text = strsep(&rest, " "), *digest_text = strsep(&rest, " ");
	struct digest d;
	uint64_t number;

	if (line[0] == '#' || line[0] == '\0')
		return 0;
	if (!digest_text || !rest || option_parse_number(number_text, &number) < 0 || number == 0 ||
	    hex_parse(digest_text, d.bytes, sizeof d.bytes) < 0 || !rest[0] || strlen(rest) >= NAME_MAX_SIZE)
		return err_set(e, -EBADMSG, "not 'NUMBER DIGEST FUNCTION'");
	return set(n, rest, number, &d, e);
}

/* Whole lines; what is behind the last of them was being written when somebody was killed. */
static int
read_lines(struct numbers *n, char *text, struct err *e)
{
	for (char *end; (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		n->n_lines++;
		if (read_line(n, text, e) < 0)
			return err_wrap(e, FILE_NAME ", line %zu", n->n_lines);
		n->size += end + 1 - text;
	}
	return 0;
}

static int
read_rest(struct numbers *n, int fd, const struct stat *st, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t length;
	ssize_t got;

	if (st->st_ino != n->inode || st->st_size < n->size)
		forget_all(n);
	n->inode = st->st_ino;
	if (st->st_size == n->size)
		return 0;
	if (st->st_size > FILE_MAX)
		return err_set(e, -EFBIG, FILE_NAME ": larger than %d bytes", FILE_MAX);
	length = (size_t)(st->st_size - n->size);
	text = malloc(length + 1);
	if (!text)
		return err_set(e, ENOMEM, FILE_NAME);
	got = pread(fd, text, length, n->size);
	if (got < 0)
		return err_set(e, errno, FILE_NAME);
	text[got] = '\0';
	return read_lines(n, text, e);
}

int
numbers_refresh(struct numbers *n, struct err *e)
{
	AUTO_FD fd = openat(n->folder, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0 && errno == ENOENT) {
		forget_all(n);
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, FILE_NAME);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, FILE_NAME ": not a regular file");
	rc = read_rest(n, fd, &st, e);
	if (rc < 0)
		forget_all(n); /* read anew next time */
	return rc;
}

bool
numbers_has(const struct numbers *n, const char *function, uint64_t number, const struct digest *d)
{
	const struct row *row = find(n, function);

	return row && row->number == number && memcmp(&row->digest, d, sizeof *d) == 0;
}

bool
numbers_is_older(const struct numbers *n, const char *function, uint64_t number)
{
	const struct row *row = find(n, function);

	return row && row->number < number;
}

/* Numbers are times.  Whoever may sign one activation of a function could take the last number that there is,
 * and nobody's would ever be above it. */
static int
check_ahead(uint64_t last, uint64_t number, struct err *e)
{
	uint64_t now = (uint64_t)clock_wall_ms();

	if (number <= (last > now ? last : now) + NUMBERS_AHEAD_MAX)
		return 0;
	return err_set(e, -ERANGE, "its number %" PRIu64 " is more than a day ahead of the clock", number);
}

int
numbers_check(const struct numbers *n, const char *function, uint64_t number, const struct digest *d,
              struct err *e)
{
	const struct row *row = find(n, function);

	if (numbers_has(n, function, number, d))
		return 0;
	if (!row || number > row->number)
		return check_ahead(row ? row->number : 0, number, e);
	if (number == row->number)
		return err_set(e, -ESTALE, "its number %" PRIu64 " was of another activation", number);
	return err_set(e, -ESTALE, "it is an older one: number %" PRIu64 ", and %" PRIu64 " was seen", number,
	               row->number);
}

static int
put_line(struct buf *text, const char *function, uint64_t number, const struct digest *d, struct err *e)
{
	char digits[DIGEST_TEXT_SIZE];
	int rc;

	digest_format(d, digits);
	rc = buf_printf(text, "%" PRIu64 " %s %s\n", number, digits, function);
	return rc < 0 ? err_set(e, -rc, FILE_NAME) : 0;
}

int
numbers_note(struct numbers *n, const char *function, uint64_t number, const struct digest *d, struct err *e)
{
	int rc = put_line(&n->unsaved, function, number, d, e);

	return rc < 0 ? rc : set(n, function, number, d, e);
}

/* At the end of what is known to be whole lines. */
static int
append(struct numbers *n, struct err *e)
{
	AUTO_FD fd = openat(n->folder, FILE_NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0 || lseek(fd, n->size, SEEK_SET) < 0)
		return err_set(e, errno, "write " FILE_NAME);
	rc = fd_write_all(fd, buf_head(&n->unsaved), buf_used(&n->unsaved));
	if (rc < 0)
		return err_set(e, -rc, "write " FILE_NAME);
	if (fdatasync(fd) < 0 || (n->inode == 0 && fsync(n->folder) < 0))
		return err_set(e, errno, "write " FILE_NAME);
	n->inode = st.st_ino;
	return 0;
}

static int
format_all(const struct numbers *n, struct buf *text, struct err *e)
{
	int rc = 0;

	for (struct node *node = table_next(&n->rows, NULL); node && rc == 0;
	     node = table_next(&n->rows, node)) {
		const struct row *row = (const struct row *)node;

		rc = put_line(text, row->function, row->number, &row->digest, e);
	}
	return rc;
}

/* One line a function again, in a new file. */
static int
compact(struct numbers *n, struct err *e)
{
	AUTO_FD fd =
	    openat(n->folder, FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct buf text;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "write " FILE_NAME);
	buf_init(&text, FILE_MAX);
	rc = format_all(n, &text, e);
	if (rc == 0)
		rc = fd_write_all(fd, buf_head(&text), buf_used(&text));
	if (rc == 0 && (fsync(fd) < 0 || renameat(n->folder, FILE_NAME ".new", n->folder, FILE_NAME) < 0 ||
	                fsync(n->folder) < 0))
		rc = err_set(e, errno, "write " FILE_NAME);
	if (rc == 0) {
		n->inode = st.st_ino;
		n->size = (off_t)buf_used(&text);
		n->n_lines = n->rows.n;
	}
	buf_done(&text);
	return rc;
}

/* With the folder locked: other pools may have added lines meanwhile, or somebody has taken the file away. */
static int
save_locked(struct numbers *n, struct err *e)
{
	int rc = numbers_refresh(n, e);

	if (rc == 0)
		rc = append(n, e);
	if (rc < 0)
		return rc;
	buf_clear(&n->unsaved);
	rc = numbers_refresh(n, e);
	return rc == 0 && n->n_lines > 2 * n->rows.n + LINES_SPARE ? compact(n, e) : rc;
}

int
numbers_save(struct numbers *n, struct err *e)
{
	int rc;

	if (buf_used(&n->unsaved) == 0)
		return 0;
	if (flock(n->folder, LOCK_EX) < 0)
		return err_set(e, errno, "lock " FILE_NAME);
	rc = save_locked(n, e);
	flock(n->folder, LOCK_UN);
	return rc;
}

static int
open_folder(struct numbers *n, const char *state_dir, bool is_own, struct err *e)
{
	int rc = 0;

	*n = (struct numbers){ .folder = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	buf_init(&n->unsaved, FILE_MAX);
	if (n->folder < 0)
		return err_set(e, errno, "state folder '%s'", state_dir);
	/* Where others could put a file of their own, they could bring back what was replaced. */
	if (is_own && fd_check_own_folder(n->folder, e) < 0)
		rc = err_wrap(e, "state folder '%s'", state_dir);
	if (rc == 0)
		rc = numbers_refresh(n, e);
	if (rc < 0)
		numbers_close(n);
	return rc;
}

int
numbers_open(struct numbers *n, const char *state_dir, struct err *e)
{
	return open_folder(n, state_dir, true, e);
}

int
numbers_open_to_read(struct numbers *n, const char *state_dir, struct err *e)
{
	return open_folder(n, state_dir, false, e);
}

void
numbers_close(struct numbers *n)
{
	forget_all(n);
	buf_done(&n->unsaved);
	fd_close(&n->folder);
}
