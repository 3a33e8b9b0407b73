/* log.c - an audit chain in files: appending, rotating, making good what a crash has left. */
#include "audit/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/head.h"
#include "audit/lines.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"

void
audit_file_name(char name[AUDIT_FILE_NAME_SIZE], unsigned index)
{
	if (index == 0)
		snprintf(name, AUDIT_FILE_NAME_SIZE, "%s", AUDIT_LOG_NAME);
	else
		snprintf(name, AUDIT_FILE_NAME_SIZE, "%s.%u", AUDIT_LOG_NAME, index % 1000);
}

static int
open_file(int folder, const char *name, int flags, struct err *e)
{
	int fd = openat(folder, name, flags | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0640);

	return fd < 0 ? err_set(e, errno, "%s", name) : fd;
}

static int
open_current(struct audit_log *l, struct err *e)
{
	AUTO_FD fd = open_file(l->folder, AUDIT_LOG_NAME, O_RDWR | O_APPEND | O_CREAT, e);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%s", AUDIT_LOG_NAME);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s: not a regular file", AUDIT_LOG_NAME);
	fd_close(&l->fd);
	l->fd = fd;
	fd = -1;
	l->device = st.st_dev;
	l->inode = st.st_ino;
	l->size = st.st_size;
	return 0;
}

/* ---- appending ---- */

static int
write_lines(struct audit_log *l, const struct buf *lines, struct err *e)
{
	int rc = fd_write_all(l->fd, buf_head(lines), buf_used(lines));

	if (rc == 0) {
		l->size += (off_t)buf_used(lines);
		return 0;
	}
	/* Half a batch is cut off again; where even that fails, the next look at the file does it. */
	if (ftruncate(l->fd, l->size) < 0)
		return err_set(e, errno, "undo a write to %s", AUDIT_LOG_NAME);
	return err_set(e, -rc, "write %s", AUDIT_LOG_NAME);
}

/* The lock is held, and l->last is where the file ends. */
static int
append_locked(struct audit_log *l, struct audit_record *records, size_t n, struct err *e)
{
	struct audit_head last = l->last;
	char line[AUDIT_LINE_SIZE];
	struct buf lines;
	int rc = 0;

	buf_init(&lines, n * AUDIT_LINE_SIZE);
	for (size_t i = 0; i < n && rc >= 0; i++) {
		struct digest previous = last.hash;

		records[i].number = ++last.number;
		rc = audit_format(&records[i], &previous, line, &last.hash, e);
		if (rc > 0 && buf_append(&lines, line, (size_t)rc) < 0)
			rc = err_set(e, ENOMEM, "write %s", AUDIT_LOG_NAME);
	}
	if (rc >= 0)
		rc = write_lines(l, &lines, e);
	buf_done(&lines);
	if (rc < 0)
		return rc;
	l->last = last;
	return 0;
}

static int
append_event(struct audit_log *l, enum audit_event event, uint64_t count, const char *detail, struct err *e)
{
	struct audit_record r = { .time_ms = clock_wall_ms(), .count = count };

	snprintf(r.event, sizeof r.event, "%s", audit_event_word(event));
	snprintf(r.detail, sizeof r.detail, "%s", detail);
	return append_locked(l, &r, 1, e);
}

/* ---- rotation ---- */

/* The number of a file's first entry; 0: it has none. */
static uint64_t
first_number(int folder, const char *name)
{
	struct err e;
	AUTO_FD fd = open_file(folder, name, O_RDONLY, &e);
	char text[64];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text, 0);

	return n > 0 ? line_number(text, (size_t)n) : 0;
}

static uint64_t
find_oldest(const struct audit_log *l)
{
	char name[AUDIT_FILE_NAME_SIZE];
	uint64_t number = 0;

	for (unsigned i = l->n_files; i > 0 && number == 0; i--) {
		audit_file_name(name, i);
		number = first_number(l->folder, name);
	}
	return number;
}

/* The oldest file goes.  What is on the disk before the names change is not lost with them. */
static int
rename_files(struct audit_log *l, struct err *e)
{
	char from[AUDIT_FILE_NAME_SIZE], to[AUDIT_FILE_NAME_SIZE];

	if (fdatasync(l->fd) < 0)
		return err_set(e, errno, "rotate %s", AUDIT_LOG_NAME);
	for (unsigned i = l->n_files; i-- > 0;) {
		audit_file_name(from, i);
		audit_file_name(to, i + 1);
		if (renameat(l->folder, from, l->folder, to) < 0 && errno != ENOENT)
			return err_set(e, errno, "rotate %s", from);
	}
	return open_current(l, e);
}

/* The first entry of a new file says which is the oldest that is left: what lacks before that one was rotated
 * away, and everything else that lacks was removed. */
static int
start_file(struct audit_log *l, struct err *e)
{
	int rc = rename_files(l, e);

	return rc < 0 ? rc : append_event(l, AUDIT_ROTATED, find_oldest(l), "", e);
}

/* ---- going on from what is known ---- */

/* How far a file goes on from an entry that is known. */
struct follow {
	struct lines lines;
	struct audit_head last; /* number 0: nothing is known, whatever comes first is taken */
	size_t torn;            /* bytes behind the last newline */
	bool is_broken;         /* there is a line that does not go on */
};

static bool
goes_on(const struct audit_head *last, const struct audit_record *r, const struct digest *previous)
{
	return last->number == 0 ||
	       (r->number == last->number + 1 && memcmp(previous, &last->hash, sizeof *previous) == 0);
}

static void
follow_line(struct follow *f, const char *text, size_t n)
{
	struct audit_head next;
	struct audit_record record;
	struct digest previous;
	struct err e;

	if (audit_parse(text, n, &record, &previous, &next.hash, &e) < 0 ||
	    !goes_on(&f->last, &record, &previous)) {
		f->is_broken = true;
		return;
	}
	next.number = record.number;
	f->last = next;
}

static int
follow_file(struct follow *f, int fd, off_t from, struct err *e)
{
	const char *text;
	size_t n;
	int kind;

	lines_open(&f->lines, fd, from);
	while (!f->is_broken && (kind = lines_next(&f->lines, &text, &n, e)) != LINE_END) {
		if (kind < 0)
			return kind;
		if (kind == LINE_TORN)
			f->torn = n;
		else if (kind == LINE_WHOLE)
			follow_line(f, text, n);
		else
			f->is_broken = true;
	}
	return 0;
}

/* Where the line behind the entry begins; -ENOENT: the file has no entry with this number and hash. */
static off_t
find_entry(struct follow *f, int fd, const struct audit_head *head, struct err *e)
{
	struct audit_record record;
	struct digest previous, hash;
	const char *text;
	size_t n;
	int kind;

	lines_open(&f->lines, fd, 0);
	while ((kind = lines_next(&f->lines, &text, &n, e)) > LINE_END) {
		if (kind != LINE_WHOLE || line_number(text, n) != head->number)
			continue;
		if (audit_parse(text, n, &record, &previous, &hash, e) == 0 &&
		    memcmp(&hash, &head->hash, sizeof hash) == 0)
			return f->lines.at;
	}
	return -ENOENT;
}

/* The entry may be in the file before, when that was rotated just then. */
static int
follow_from(struct audit_log *l, struct follow *f, struct err *e)
{
	AUTO_FD before = -1;
	off_t at = f->last.number > 0 ? find_entry(f, l->fd, &f->last, e) : 0;

	if (at >= 0)
		return follow_file(f, l->fd, at, e);
	before = open_file(l->folder, AUDIT_LOG_NAME ".1", O_RDONLY, e);
	at = before < 0 ? -ENOENT : find_entry(f, before, &f->last, e);
	if (at < 0) {
		f->is_broken = true;
		return 0;
	}
	if (follow_file(f, before, at, e) < 0)
		return -e->code;
	f->is_broken |= f->torn > 0;
	return follow_file(f, l->fd, 0, e);
}

/* ---- making good ---- */

static int
cut_torn(struct audit_log *l, size_t torn, struct err *e)
{
	if (torn > 0 && ftruncate(l->fd, l->size - (off_t)torn) < 0)
		return err_set(e, errno, "repair %s", AUDIT_LOG_NAME);
	l->size -= (off_t)torn;
	return 0;
}

/* The last whole line of the file, when it is an entry. */
static bool
find_last(struct audit_log *l, struct follow *f, struct audit_head *last)
{
	bool is_entry = false;
	const char *text;
	size_t n;
	struct err e;
	int kind;

	lines_open(&f->lines, l->fd, 0);
	while ((kind = lines_next(&f->lines, &text, &n, &e)) > LINE_END) {
		struct audit_record record;
		struct digest previous;

		f->torn = kind == LINE_TORN ? n : 0;
		if (kind == LINE_TORN)
			continue;
		is_entry =
		    kind == LINE_WHOLE && audit_parse(text, n, &record, &previous, &last->hash, &e) == 0;
		last->number = is_entry ? record.number : last->number;
	}
	return is_entry;
}

/* The chain does not go on as it was left.  Numbers are never given twice: they go on behind the highest that
 * anybody has seen, and the gap is there for everybody to see. */
static int
mend_broken(struct audit_log *l, struct follow *f, const struct audit_head *known, struct err *e)
{
	struct audit_head last = { 0 };
	bool is_entry = find_last(l, f, &last);
	char detail[AUDIT_TEXT_SIZE];
	int rc = is_entry ? cut_torn(l, f->torn, e) : 0;

	if (rc < 0)
		return rc;
	l->last = is_entry ? last : *known;
	if (l->last.number < known->number)
		l->last.number = known->number;
	if (!is_entry && l->size > 0)
		rc = start_file(l, e);
	if (rc < 0)
		return rc;
	snprintf(detail, sizeof detail,
	         "the log did not go on from entry %" PRIu64 " as this pool had left it; it ended %s%s",
	         known->number, is_entry ? "with another entry" : "without one",
	         !is_entry && l->size > 0 ? ", and was put aside" : "");
	return append_event(l, AUDIT_REPAIRED, 0, detail, e);
}

static int
mend(struct audit_log *l, struct follow *f, const struct audit_head *known, struct err *e)
{
	char detail[AUDIT_TEXT_SIZE];
	int rc;

	if (f->is_broken)
		return mend_broken(l, f, known, e);
	rc = cut_torn(l, f->torn, e);
	l->last = f->last;
	if (rc < 0 || f->torn == 0)
		return rc;
	snprintf(detail, sizeof detail, "a torn last line of %zu bytes was removed", f->torn);
	return append_event(l, AUDIT_REPAIRED, 0, detail, e);
}

/* From our last look on: another pool may have appended or rotated, and anybody may have done anything. */
static int
refresh(struct audit_log *l, struct err *e)
{
	AUTO_FREE struct follow *f = NULL;
	struct audit_head known = l->last;
	struct stat st;
	int rc = 0;

	if (fstatat(l->folder, AUDIT_LOG_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == l->device &&
	    st.st_ino == l->inode && st.st_size == l->size)
		return 0;
	f = calloc(1, sizeof *f);
	if (!f)
		return err_set(e, ENOMEM, "%s", AUDIT_LOG_NAME);
	f->last = known;
	rc = open_current(l, e);
	if (rc == 0)
		rc = follow_from(l, f, e);
	return rc < 0 ? rc : mend(l, f, &known, e);
}

/* ---- what others call ---- */

int
audit_log_lock(const struct audit_log *l, struct err *e)
{
	if (flock(l->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return err_set(e, errno == EWOULDBLOCK ? EAGAIN : errno, "lock %s", AUDIT_HEAD_NAME);
}

void
audit_log_unlock(const struct audit_log *l)
{
	flock(l->lock, LOCK_UN);
}

int
audit_log_append(struct audit_log *l, struct audit_record *records, size_t n, struct err *e)
{
	int rc = audit_log_lock(l, e);

	if (rc < 0)
		return rc;
	rc = refresh(l, e);
	if (rc == 0 && l->size >= l->max_size)
		rc = start_file(l, e);
	if (rc == 0 && n > 0)
		rc = append_locked(l, records, n, e);
	audit_log_unlock(l);
	return rc;
}

int
audit_log_open(struct audit_log *l, int folder, struct err *e)
{
	struct audit_signed_head head = { 0 };
	int rc;

	*l = (struct audit_log){
		.folder = folder, .fd = -1, .max_size = AUDIT_FILE_MAX, .n_files = AUDIT_FILES
	};
	l->lock = open_file(folder, AUDIT_HEAD_NAME, O_RDWR | O_CREAT, e);
	if (l->lock < 0)
		return l->lock;
	/* A head that is damaged tells nothing; the next one replaces it. */
	if (audit_head_read(l->lock, &head, e) == 0)
		l->last = head.head;
	l->signed_number = l->last.number;
	rc = audit_log_append(l, NULL, 0, e);
	if (rc < 0)
		audit_log_close(l);
	return rc;
}

void
audit_log_close(struct audit_log *l)
{
	fd_close(&l->fd);
	fd_close(&l->lock);
}
