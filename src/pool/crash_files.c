/* crash_files.c - the files of crashes/: listed, bounded, made. */
#include "pool/crash_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/policy.h"

enum { FILES_MAX = 8192, NAME_TRIES = 100, MS_DIGITS = 13 };

void
crash_files_done(struct crash_files *f)
{
	free(f->rows);
}

const char *
crash_file_function(const struct crash_file *f)
{
	return f->name + MS_DIGITS + 1;
}

int64_t
crash_file_ms(const struct crash_file *f)
{
	return strtoll(f->name, NULL, 10);
}

static bool
is_record(const char *name)
{
	struct err e;

	return strspn(name, "0123456789") == MS_DIGITS && name[MS_DIGITS] == '-' &&
	       policy_check_name(name + MS_DIGITS + 1, &e) == 0;
}

static int
by_time(const void *a, const void *b)
{
	return strcmp(((const struct crash_file *)a)->name, ((const struct crash_file *)b)->name);
}

int
crash_files_list(int folder, struct crash_files *f)
{
	int fd = folder < 0 ? -1 : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *open = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	*f = (struct crash_files){ 0, NULL };
	if (!open) {
		fd_close(&fd);
		return -ENOENT;
	}
	f->rows = calloc(FILES_MAX, sizeof *f->rows);
	while (f->rows && f->n < FILES_MAX && (entry = readdir(open)))
		if (is_record(entry->d_name))
			snprintf(f->rows[f->n++].name, CRASH_FILE_NAME_SIZE, "%.*s", CRASH_FILE_NAME_SIZE - 1,
			         entry->d_name);
	closedir(open);
	if (!f->rows)
		return -ENOMEM;
	qsort(f->rows, f->n, sizeof *f->rows, by_time);
	return 0;
}

/* ---- bounds ---- */

/* The files of one function are side by side in rows, the oldest first. */
struct share {
	const struct crash_file *const *rows;
	size_t n, kept; /* of the newest */
};

struct shares {
	size_t n;
	const struct crash_file **rows;
	struct share *of;
};

static void
shares_done(struct shares *s)
{
	free((void *)s->rows);
	free(s->of);
}

static int
by_function(const void *a, const void *b)
{
	const struct crash_file *one = *(const struct crash_file *const *)a,
				*other = *(const struct crash_file *const *)b;
	int order = strcmp(crash_file_function(one), crash_file_function(other));

	return order != 0 ? order : by_time(one, other);
}

static int
shares_make(const struct crash_files *f, struct shares *s)
{
	*s = (struct shares){ .rows = calloc(f->n + 1, sizeof *s->rows),
		              .of = calloc(f->n + 1, sizeof *s->of) };
	if (!s->rows || !s->of)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++)
		s->rows[i] = &f->rows[i];
	qsort(s->rows, f->n, sizeof *s->rows, by_function);
	for (size_t i = 0; i < f->n; i++) {
		if (i == 0 ||
		    strcmp(crash_file_function(s->rows[i - 1]), crash_file_function(s->rows[i])) != 0)
			s->of[s->n++].rows = &s->rows[i];
		s->of[s->n - 1].n++;
	}
	return 0;
}

/* What each may keep by its age and its own bound. */
static void
bound_each(struct shares *s, const char *function, const struct crash_bounds *b)
{
	for (size_t i = 0; i < s->n; i++) {
		struct share *one = &s->of[i];
		bool is_own = strcmp(crash_file_function(one->rows[0]), function) == 0;
		uint64_t most = b->of_function - is_own;

		one->kept = one->n;
		while (one->kept > 0 && crash_file_ms(one->rows[one->n - one->kept]) < b->oldest_ms)
			one->kept--;
		if (one->kept > most)
			one->kept = (size_t)most;
	}
}

static uint64_t
sum_up_to(const struct shares *s, uint64_t each)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->of[i].kept < each ? s->of[i].kept : each;
	return sum;
}

/* The highest equal share with which all fit; what is left over goes to the first of those that have more. */
static void
bound_all(struct shares *s, uint64_t all)
{
	uint64_t low = 0, high = FILES_MAX, left;

	if (sum_up_to(s, high) <= all)
		return;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		*(sum_up_to(s, middle) <= all ? &low : &high) = middle;
	}
	left = all - sum_up_to(s, low);
	for (size_t i = 0; i < s->n; i++) {
		if (s->of[i].kept <= low)
			continue;
		s->of[i].kept = (size_t)low + (left > 0);
		left -= left > 0;
	}
}

void
crash_files_make_room(int folder, const char *function, const struct crash_bounds *bounds)
{
	AUTO_CRASH_FILES struct crash_files f;
	__attribute__((cleanup(shares_done))) struct shares s = { 0 };

	if (crash_files_list(folder, &f) < 0 || shares_make(&f, &s) < 0)
		return;
	bound_each(&s, function, bounds);
	bound_all(&s, bounds->all - 1);
	for (size_t i = 0; i < s.n; i++)
		for (size_t k = 0; k < s.of[i].n - s.of[i].kept; k++)
			unlinkat(folder, s.of[i].rows[k]->name, 0);
}

/* ---- one ---- */

static void
format_name(char name[CRASH_FILE_NAME_SIZE], const char *function, int64_t ms)
{
	snprintf(name, CRASH_FILE_NAME_SIZE, "%0*" PRId64 "-%s", MS_DIGITS, ms, function);
}

int
crash_file_make(int folder, const char *function, int64_t *ms)
{
	char name[CRASH_FILE_NAME_SIZE];
	int fd = -1;

	for (int i = 0; i < NAME_TRIES; i++, (*ms)++) {
		format_name(name, function, *ms);
		fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	return fd < 0 ? -errno : fd;
}

void
crash_file_remove(int folder, const char *function, int64_t ms)
{
	char name[CRASH_FILE_NAME_SIZE];

	format_name(name, function, ms);
	unlinkat(folder, name, 0);
}
