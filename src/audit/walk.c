/* walk.c - reading an audit chain from its files and finding what is not as it was written. */
#include "audit/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/lines.h"
#include "base/fd.h"

enum { LOCK_TRIES = 200, LOCK_WAIT_US = 10 * 1000 };

struct state {
	struct audit_walk *w;
	struct lines lines;
	char file[AUDIT_FILE_NAME_SIZE];
	unsigned line;
	uint64_t n_bad;  /* lines since the last good entry */
	uint64_t oldest; /* number of the oldest entry, as the newest file says it; 0: it does not */
};

static void fault(struct state *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
fault(struct state *s, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	s->w->fault(s->w->context, text);
}

static void
fault_range(struct state *s, uint64_t from, uint64_t to, const char *where)
{
	if (from == to)
		fault(s, "entry %" PRIu64 " is missing %s", from, where);
	else
		fault(s, "entries %" PRIu64 " to %" PRIu64 " are missing %s", from, to, where);
}

static void
check_place(struct state *s, const struct audit_record *r, const struct digest *previous)
{
	const struct audit_head *last = &s->w->last;
	char where[96];

	if (last->number == 0)
		return;
	snprintf(where, sizeof where, "before entry %" PRIu64 " (%s, line %u)", r->number, s->file, s->line);
	if (r->number <= last->number)
		fault(s, "entry %" PRIu64 " stands behind entry %" PRIu64 " (%s, line %u)", r->number,
		      last->number, s->file, s->line);
	else if (r->number - last->number - 1 > s->n_bad)
		fault_range(s, last->number + 1, r->number - 1, where);
	else if (s->n_bad == 0 && memcmp(previous, &last->hash, sizeof *previous) != 0)
		fault(s,
		      "entry %" PRIu64 " does not go on from entry %" PRIu64
		      ", one of them is not what was written (%s, line %u)",
		      r->number, last->number, s->file, s->line);
}

static void
meet_witnesses(struct state *s, const struct audit_head *head)
{
	for (size_t i = 0; i < s->w->n_witnesses; i++) {
		struct audit_witness *w = &s->w->witnesses[i];

		if (w->head.number != head->number || w->is_met)
			continue;
		w->is_met = true;
		if (memcmp(&w->head.hash, &head->hash, sizeof head->hash) != 0)
			fault(s, "entry %" PRIu64 " is not the one that %s knows", head->number, w->who);
	}
}

static void
take_entry(struct state *s, const char *text, size_t n)
{
	struct audit_walk *w = s->w;
	struct audit_record r;
	struct digest previous, hash;
	struct err e;

	if (audit_parse(text, n, &r, &previous, &hash, &e) < 0) {
		uint64_t number = line_number(text, n);

		fault(s, "%s, line %u (entry %" PRIu64 "): %s", s->file, s->line, number, e.text);
		s->n_bad++;
		return;
	}
	check_place(s, &r, &previous);
	if (w->first == 0)
		w->first = r.number;
	w->last = (struct audit_head){ r.number, hash };
	w->last_ms = r.time_ms;
	w->n_entries++;
	s->n_bad = 0;
	if (strcmp(r.event, audit_event_word(AUDIT_ROTATED)) == 0)
		s->oldest = r.count;
	meet_witnesses(s, &w->last);
	w->entry(w->context, &r);
}

static int
read_lines(struct state *s, int fd, struct err *e)
{
	const char *text;
	size_t n;
	int kind;

	lines_open(&s->lines, fd, 0);
	s->line = 0;
	while ((kind = lines_next(&s->lines, &text, &n, e)) != LINE_END) {
		if (kind < 0)
			return kind;
		s->line++;
		if (kind == LINE_WHOLE) {
			take_entry(s, text, n);
			continue;
		}
		fault(s, "%s, line %u: %s", s->file, s->line,
		      kind == LINE_TORN ? "it is torn; the next start of the pool removes it"
		                        : "it is longer than any entry");
		s->n_bad++;
	}
	return 0;
}

/* A file that is not there is missed by the numbers of the entries in it. */
static int
read_file(struct state *s, int folder, struct err *e)
{
	AUTO_FD fd = openat(folder, s->file, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "%s", s->file);
	if (!S_ISREG(st.st_mode) || st.st_size > s->w->max_size + AUDIT_TAIL_MAX)
		return err_set(e, -EBADMSG, "%s: not a file that a pool has written", s->file);
	return read_lines(s, fd, e);
}

static void
check_ends(struct state *s)
{
	struct audit_walk *w = s->w;
	uint64_t oldest = s->oldest ? s->oldest : 1;

	if (w->first > oldest)
		fault_range(s, oldest, w->first - 1, "at the beginning");
	for (size_t i = 0; i < w->n_witnesses; i++) {
		const struct audit_witness *known = &w->witnesses[i];
		char where[128];

		snprintf(where, sizeof where, "at the end: %s knows them", known->who);
		if (known->is_met || known->head.number == 0)
			continue;
		if (known->head.number > w->last.number)
			fault_range(s, w->last.number + 1, known->head.number, where);
		else if (known->head.number >= w->first)
			fault(s, "entry %" PRIu64 ", which %s knows, is not there", known->head.number,
			      known->who);
	}
}

static int
read_all(struct audit_walk *w, int folder, struct err *e)
{
	AUTO_FREE struct state *s = calloc(1, sizeof *s);
	int rc = 0;

	if (!s)
		return err_set(e, ENOMEM, "audit log");
	s->w = w;
	for (unsigned i = AUDIT_FILES + 1; i-- > 0 && rc == 0;) {
		audit_file_name(s->file, i);
		rc = read_file(s, folder, e);
	}
	if (rc == 0)
		check_ends(s);
	return rc;
}

static int
lock_for_reading(int folder, struct err *e)
{
	int fd = openat(folder, AUDIT_HEAD_NAME, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "%s", AUDIT_HEAD_NAME);
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_SH | LOCK_NB) == 0)
			return fd;
		usleep(LOCK_WAIT_US);
	}
	close(fd);
	return err_set(e, -EAGAIN, "%s: a pool writes all the time; try again", AUDIT_HEAD_NAME);
}

int
audit_walk(struct audit_walk *w, int folder, struct err *e)
{
	AUTO_FD lock = lock_for_reading(folder, e);

	/* Without the file nobody can write, and what is there is still to be looked at. */
	if (lock < 0 && lock != -ENOENT)
		return lock;
	if (w->max_size == 0)
		w->max_size = AUDIT_FILE_MAX;
	return read_all(w, folder, e);
}

int
audit_walk_head(int folder, struct audit_signed_head *head, struct err *e)
{
	AUTO_FD lock = lock_for_reading(folder, e);

	return lock < 0 ? lock : audit_head_read(lock, head, e);
}
