/* crashes.c - records of functions that failed: made, kept within their bounds, read again. */
#include "pool/crashes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/utf8.h"
#include "http/http.h"
#include "ipc/start.h"
#include "pool/pools.h"

#define FOLDER_NAME "crashes"

enum { FILES_MAX = 8192, FILE_NAME_SIZE = 96, NAME_TRIES = 100, MS_DIGITS = 13 };

struct file {
	char name[FILE_NAME_SIZE]; /* texts are in the order of time */
};

struct files {
	size_t n;
	struct file *rows;
};

static void
files_done(struct files *f)
{
	free(f->rows);
}
#define AUTO_FILES __attribute__((cleanup(files_done)))

static const char *
function_of(const struct file *f)
{
	return f->name + MS_DIGITS + 1;
}

static int64_t
ms_of(const struct file *f)
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
compare(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/* Several pools may share the folder, so it is read anew. */
static int
list(const struct master *m, struct files *f)
{
	int fd =
	    m->crashes.folder < 0 ? -1 : openat(m->crashes.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	*f = (struct files){ 0, NULL };
	if (!folder) {
		fd_close(&fd);
		return -ENOENT;
	}
	f->rows = calloc(FILES_MAX, sizeof *f->rows);
	while (f->rows && f->n < FILES_MAX && (entry = readdir(folder)))
		if (is_record(entry->d_name))
			snprintf(f->rows[f->n++].name, FILE_NAME_SIZE, "%.*s", FILE_NAME_SIZE - 1,
			         entry->d_name);
	closedir(folder);
	if (!f->rows)
		return -ENOMEM;
	qsort(f->rows, f->n, sizeof *f->rows, compare);
	return 0;
}

/* ---- bounds ---- */

static void
drop(const struct master *m, struct files *f, size_t i)
{
	unlinkat(m->crashes.folder, f->rows[i].name, 0);
	memmove(&f->rows[i], &f->rows[i + 1], (f->n - i - 1) * sizeof *f->rows);
	f->n--;
}

static size_t
count_of(const struct files *f, const char *function)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += strcmp(function_of(&f->rows[i]), function) == 0;
	return n;
}

static void
drop_oldest_of(const struct master *m, struct files *f, const char *function)
{
	size_t i = 0;

	while (i < f->n && strcmp(function_of(&f->rows[i]), function) != 0)
		i++;
	if (i < f->n)
		drop(m, f, i);
}

/* Who has most of them pays. */
static void
drop_one(const struct master *m, struct files *f)
{
	char function[FILE_NAME_SIZE] = "";
	size_t most = 0;

	for (size_t i = 0; i < f->n; i++) {
		size_t n = count_of(f, function_of(&f->rows[i]));

		if (n <= most)
			continue;
		most = n;
		snprintf(function, sizeof function, "%s", function_of(&f->rows[i]));
	}
	drop_oldest_of(m, f, function);
}

static void
drop_expired(const struct master *m, struct files *f)
{
	int64_t before = clock_wall_ms() - (int64_t)m->config->crashes_keep_ms;

	while (f->n > 0 && ms_of(&f->rows[0]) < before)
		drop(m, f, 0);
}

static void
make_room(const struct master *m, const char *function)
{
	AUTO_FILES struct files f;

	if (list(m, &f) < 0)
		return;
	drop_expired(m, &f);
	while (count_of(&f, function) >= m->config->crashes_of_function)
		drop_oldest_of(m, &f, function);
	while (f.n >= m->config->crashes_max)
		drop_one(m, &f);
}

static bool
is_too_often(struct pool *pool)
{
	uint64_t minute = clock_now_us() / 60000000;
	struct crash_rate *rate = &pool->crash_rate;

	if (rate->minute != minute)
		*rate = (struct crash_rate){ .minute = minute, .n_left_out = rate->n_left_out };
	return rate->n++ >= CRASHES_MINUTE_MAX;
}

/* ---- one record ---- */

/* Valid UTF-8 without NUL, in place: what else there is becomes '?'. */
static void
make_text(char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t length = utf8_sequence(p + i, n - i);

		if (length == 0 || p[i] == '\0')
			p[i] = '?';
		i += length ? length : 1;
	}
}

/* What it said, without the ends of lines: a value may be cut into several. */
struct flat {
	size_t n;
	char text[FAILURE_OUTPUT_MAX];
	uint16_t at[FAILURE_OUTPUT_MAX]; /* of each byte, in the lines */
};

static void
flatten(struct flat *f, const char *lines, size_t n)
{
	f->n = 0;
	for (size_t i = 0; i < n && i < FAILURE_OUTPUT_MAX; i++) {
		if (lines[i] == '\n')
			continue;
		f->at[f->n] = (uint16_t)i;
		f->text[f->n++] = lines[i];
	}
}

static size_t
without_ends(char *value)
{
	size_t n = 0;

	for (const char *p = value; *p; p++)
		if (*p != '\n')
			value[n++] = *p;
	return n;
}

static void
hide(char *lines, const struct flat *f, const char *found, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lines[f->at[found - f->text + (ptrdiff_t)i]] = '*';
}

static void
mask_one(char *lines, const struct flat *f, const char *value, size_t n)
{
	const char *end = f->text + f->n, *at = f->text, *found;

	/* Its beginning may have made room for what came later. */
	for (size_t i = 1; i + CRASHES_MASK_MIN <= n; i++)
		if (n - i <= f->n && memcmp(at, value + i, n - i) == 0)
			hide(lines, f, at, n - i);
	for (; (found = memmem(at, (size_t)(end - at), value, n)); at = found + n)
		hide(lines, f, found, n);
}

/* The values of its secrets, as they are now. */
static void
mask(struct master *m, const char *function, char *lines, size_t n)
{
	struct flat flat;
	struct buf values;
	struct err e;
	size_t at = 0;

	flatten(&flat, lines, n);
	buf_init(&values, (size_t)SECRETS_MAX * (SECRET_NAME_SIZE + SECRET_VALUE_MAX + 2));
	if (!m->registry || secrets_add(m->registry, &m->secret_keys, function, &values, &e) < 0)
		memset(lines, '*', n); /* better none than one */
	while (at < buf_used(&values)) {
		char *entry = buf_head(&values) + at, *value = strchr(entry, '=') + 1;
		size_t length;

		at += strlen(entry) + 1;
		length = without_ends(value);
		if (length >= CRASHES_MASK_MIN)
			mask_one(lines, &flat, value, length);
	}
	if (buf_used(&values) > 0)
		OPENSSL_cleanse(buf_head(&values), buf_used(&values));
	buf_done(&values);
}

/* The line about the crash apart from the others. */
static void
add_lines(json_t *record, const char *lines, size_t n)
{
	static const char start[] = CRASH_LINE_START;
	json_t *list = json_array();

	while (n > 0) {
		const char *end = memchr(lines, '\n', n);
		size_t length = end ? (size_t)(end - lines) : n;

		if (length >= sizeof start - 1 && memcmp(lines, start, sizeof start - 1) == 0)
			json_object_set_new(record, "said", json_stringn(lines, length));
		else
			json_array_append_new(list, json_stringn(lines, length));
		length += end != NULL;
		lines += length;
		n -= length;
	}
	json_object_set_new(record, "log", list);
}

static void
add_ending(json_t *record, const struct ending *ending)
{
	char text[ENDING_TEXT_SIZE];

	if (ending->code == 0)
		return;
	ending_format(ending, text);
	json_object_set_new(record, "ending", json_string(text));
	if (ending->code == CLD_KILLED || ending->code == CLD_DUMPED)
		json_object_set_new(record, "signal", json_integer(ending->status));
	json_object_set_new(record, "memory_kb", json_integer((json_int_t)ending_memory_kb(ending)));
	json_object_set_new(record, "process_cpu_us", json_integer((json_int_t)ending->cpu_us));
}

/* What it was allowed. */
static void
add_limit(json_t *record, const struct pool *pool, uint32_t cause)
{
	const struct snapshot_function *f = &pool->public;
	const struct {
		const char *name;
		uint64_t value;
	} limits[CAUSE_COUNT] = {
		[CAUSE_WALL_TIME_LIMIT] = { "wall_time_ms", f->wall_ms },
		[CAUSE_CPU_TIME_LIMIT] = { "cpu_time_ms", f->cpu_ms },
		[CAUSE_MEMORY_LIMIT] = { "memory", f->memory },
		[CAUSE_OUTPUT_LIMIT] = { "output_size", f->output_max },
		[CAUSE_SYSCALL_DENIED] = { "denied.limit", f->denied_max },
	};

	if (limits[cause].name)
		json_object_set_new(record, "limit",
		                    json_pack("{s:I}", limits[cause].name, (json_int_t)limits[cause].value));
}

static void
add_request(json_t *record, const struct pool *pool, const struct failure_report *f)
{
	char methods[HTTP_METHODS_TEXT_SIZE];

	http_methods_format(f->method, methods);
	json_object_set_new(record, "request_id", json_string(f->request));
	json_object_set_new(record, "method", json_string(methods));
	for (size_t i = 0; i < pool->n_routes; i++)
		if (pool->routes[i].index == f->route && (pool->routes[i].methods & f->method))
			json_object_set_new(record, "route", json_string(pool->routes[i].pattern));
	json_object_set_new(record, "elapsed_us", json_integer((json_int_t)f->elapsed_us));
	if (f->cpu_us >= 0)
		json_object_set_new(record, "cpu_us", json_integer(f->cpu_us));
}

static json_t *
make_record(const struct pool *pool, const struct failure_report *f, int64_t ms)
{
	char time[CLOCK_TEXT_SIZE];
	json_t *record;

	clock_format(ms, time);
	record = json_pack("{s:I, s:s, s:s, s:I, s:s, s:I}", "id", (json_int_t)ms, "time", time, "function",
	                   pool->start.function, "version", (json_int_t)pool->start.version, "cause",
	                   f->cause == CAUSE_NONE ? "slow" : cause_word((enum cause)f->cause), "others",
	                   (json_int_t)(pool->crash_rate.n_left_out + (f->n > 0 ? f->n - 1 : 0)));
	if (f->request[0] != '\0')
		add_request(record, pool, f);
	add_ending(record, &f->ending);
	add_limit(record, pool, f->cause);
	return record;
}

/* ---- files ---- */

/* A time that is another record's is moved on. */
static int
make_file(const struct master *m, const char *function, int64_t *ms)
{
	char name[FILE_NAME_SIZE];
	int fd = -1;

	for (int i = 0; i < NAME_TRIES; i++, (*ms)++) {
		snprintf(name, sizeof name, "%0*" PRId64 "-%s", MS_DIGITS, *ms, function);
		fd = openat(m->crashes.folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		            0600);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	return fd < 0 ? -errno : fd;
}

static void
remove_file(const struct master *m, const char *function, int64_t ms)
{
	char name[FILE_NAME_SIZE];

	snprintf(name, sizeof name, "%0*" PRId64 "-%s", MS_DIGITS, ms, function);
	unlinkat(m->crashes.folder, name, 0);
}

static int
write_record(const struct master *m, const char *function, int64_t ms, int fd, const json_t *record)
{
	AUTO_FREE char *text = json_dumps(record, JSON_COMPACT);
	int rc = text ? fd_write_all(fd, text, strlen(text)) : -ENOMEM;

	if (rc < 0)
		remove_file(m, function, ms);
	return rc;
}

static void
tell_failing(struct master *m, int rc)
{
	if (rc < 0 && !m->crashes.is_failing)
		log_line(LOG_WARNING, "%s/" FOLDER_NAME ": %s; crashes are not recorded",
		         m->config->state_dir, strerror(-rc));
	m->crashes.is_failing = rc < 0;
}

/* A line of the slow log is written at once, or not at all: it may be anybody's pipe. */
static void
write_slow(const struct master *m, const json_t *record)
{
	AUTO_FREE char *text = json_dumps(record, JSON_COMPACT);
	struct iovec parts[] = { { text, text ? strlen(text) : 0 }, { (char[]){ "\n" }, 1 } };
	ssize_t ignored;

	if (text && m->logs.slow_name.target >= LOG_TO_SYSLOG) {
		(void)log_system_send(m->logs.slow, &m->logs.slow_name,
		                      &(struct log_message){
					  .level = LOG_WARNING,
					  .text = text,
					  .n = strlen(text),
					  .function = json_string_value(json_object_get(record, "function")),
					  .request_id =
					      json_string_value(json_object_get(record, "request_id")) });
		return;
	}
	ignored = text ? writev(m->logs.slow, parts, ARRAY_SIZE(parts)) : 0;

	(void)ignored;
}

static json_t *
record_of(struct master *m, const struct pool *pool, const struct failure_report *report,
          struct crash_lines lines, int64_t ms)
{
	AUTO_FREE char *text = malloc(lines.n + 1);
	json_t *record = make_record(pool, report, ms);

	if (!text)
		return record;
	if (lines.n > 0)
		memcpy(text, lines.p, lines.n);
	mask(m, pool->start.function, text, lines.n);
	make_text(text, lines.n);
	add_lines(record, text, lines.n);
	return record;
}

static bool
keeps_records(const struct master *m)
{
	return m->crashes.folder >= 0 && m->config->crashes_max > 0 && m->config->crashes_of_function > 0;
}

/* threads: NULL, or taken over. */
static void
record(struct master *m, struct pool *pool, const struct failure_report *report, struct crash_lines lines,
       json_t *threads)
{
	const char *function = pool->start.function;
	int64_t ms = clock_wall_ms();
	json_t *made;
	AUTO_FD fd = -1;

	if (is_too_often(pool)) {
		pool->crash_rate.n_left_out += report->n > 0 ? report->n : 1;
		json_decref(threads);
		return;
	}
	if (keeps_records(m)) {
		make_room(m, function);
		fd = make_file(m, function, &ms);
		tell_failing(m, fd < 0 ? fd : 0);
	}
	made = record_of(m, pool, report, lines, ms);
	if (threads) {
		json_object_set_new(made, "threads", threads);
		write_slow(m, made);
	}
	if (fd >= 0)
		tell_failing(m, write_record(m, function, ms, fd, made));
	json_decref(made);
	pool->crash_rate.n_left_out = 0;
}

void
crash_record(struct master *m, struct pool *pool, const struct failure_report *report, const char *lines,
             size_t n)
{
	if (keeps_records(m))
		record(m, pool, report, (struct crash_lines){ lines, n }, NULL);
}

void
crash_record_slow(struct master *m, struct pool *pool, const struct failure_report *report,
                  struct crash_lines lines, json_t *threads)
{
	record(m, pool, report, lines, threads);
}

bool
crash_rate_allows(const struct pool *pool)
{
	return pool->crash_rate.minute != clock_now_us() / 60000000 ||
	       pool->crash_rate.n < CRASHES_MINUTE_MAX;
}

void
crash_record_idle(struct master *m, struct pool *pool, enum cause cause, const struct ending *ending)
{
	struct failure_report report = { .cause = cause, .n = 1, .ending = *ending, .cpu_us = -1 };

	crash_record(m, pool, &report, NULL, 0);
}

static int
open_folder(const struct master *m)
{
	if (mkdirat(m->uids.folder, FOLDER_NAME, 0700) < 0 && errno != EEXIST)
		return -errno;
	return openat(m->uids.folder, FOLDER_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void
crashes_open(struct master *m)
{
	m->crashes.folder = open_folder(m);
	if (m->crashes.folder < 0)
		tell_failing(m, -errno);
}

void
crashes_close(struct master *m)
{
	fd_close(&m->crashes.folder);
}

/* ---- reading ---- */

static json_t *
read_record(const struct master *m, const struct file *f)
{
	AUTO_FD fd = openat(m->crashes.folder, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	struct err e;
	size_t n;

	if (fd < 0 || fd_read_file(fd, CRASHES_TEXT_MAX, &text, &n, &e) < 0)
		return NULL;
	return json_loadb(text, n, 0, NULL);
}

static json_t *
brief(const json_t *record)
{
	static const char *const members[] = { "id",     "time",       "function", "version", "cause",
		                               "ending", "request_id", "method",   "route",   "others" };
	json_t *shown = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (json_object_get(record, members[i]))
			json_object_set(shown, members[i], json_object_get(record, members[i]));
	return shown;
}

static json_t *
answer_one(const struct master *m, const struct files *f, int64_t id)
{
	json_t *record = NULL;

	for (size_t i = 0; i < f->n && !record; i++)
		if (ms_of(&f->rows[i]) == id)
			record = read_record(m, &f->rows[i]);
	return json_pack("{s:b, s:o}", "ok", 1, "crashes", record ? json_pack("[o]", record) : json_array());
}

json_t *
crashes_answer(const struct master *m, const json_t *question)
{
	const char *function = json_string_value(json_object_get(question, "function"));
	json_int_t id = json_integer_value(json_object_get(question, "id")),
		   since = json_integer_value(json_object_get(question, "since"));
	AUTO_FILES struct files f;
	json_t *shown;

	if (list(m, &f) < 0)
		return json_pack("{s:b, s:[]}", "ok", 1, "crashes");
	if (id > 0)
		return answer_one(m, &f, id);
	shown = json_array();
	for (size_t i = f.n; i-- > 0 && json_array_size(shown) < CRASHES_LISTED_MAX;) {
		json_t *record;

		if (ms_of(&f.rows[i]) < since || (function && strcmp(function_of(&f.rows[i]), function) != 0))
			continue;
		record = read_record(m, &f.rows[i]);
		if (record)
			json_array_append_new(shown, brief(record));
		json_decref(record);
	}
	return json_pack("{s:b, s:o}", "ok", 1, "crashes", shown);
}
