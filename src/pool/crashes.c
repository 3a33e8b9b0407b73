/* crashes.c - records of functions that failed: made, written, read again. */
#include "pool/crashes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "pool/crash_files.h"
#include "pool/crash_mask.h"
#include "pool/pools.h"

#define FOLDER_NAME "crashes"

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

static int
write_record(const struct master *m, const char *function, int64_t ms, int fd, const json_t *record)
{
	AUTO_FREE char *text = json_dumps(record, JSON_COMPACT);
	int rc = text ? fd_write_all(fd, text, strlen(text)) : -ENOMEM;

	if (rc < 0)
		crash_file_remove(m->crashes.folder, function, ms);
	return rc;
}

static void
tell_failing(struct master *m, int rc)
{
	if (rc < 0 && !m->crashes.is_failing)
		log_line(LOG_WARNING, "%s/" FOLDER_NAME ": %s; crashes are not recorded",
		         m->config->state_dir, strerror(-rc));
	m->crashes.is_failing = rc < 0;
	m->crashes.n_errors += rc < 0;
}

/* A line of the slow log is written at once, or not at all: it may be anybody's pipe. */
static bool
write_slow(const struct master *m, const json_t *record)
{
	AUTO_FREE char *text = json_dumps(record, JSON_COMPACT);
	struct iovec parts[] = { { text, text ? strlen(text) : 0 }, { (char[]){ "\n" }, 1 } };

	if (!text)
		return false;
	if (m->logs.slow_name.target < LOG_TO_SYSLOG)
		return writev(m->logs.slow, parts, ARRAY_SIZE(parts)) > 0;
	return log_system_send(m->logs.slow, &m->logs.slow_name,
	                       &(struct log_message){
				   .level = LOG_WARNING,
				   .text = text,
				   .n = strlen(text),
				   .function = json_string_value(json_object_get(record, "function")),
				   .request_id = json_string_value(json_object_get(record, "request_id")) });
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
	crash_mask(m, pool->start.function, text, lines.n);
	make_text(text, lines.n);
	add_lines(record, text, lines.n);
	return record;
}

static void
make_room(const struct master *m, const char *function)
{
	const struct crash_bounds bounds = { m->config->crashes_max, m->config->crashes_of_function,
		                             clock_wall_ms() - (int64_t)m->config->crashes_keep_ms };

	crash_files_make_room(m->crashes.folder, function, &bounds);
}

bool
crashes_are_kept(const struct master *m)
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
	if (crashes_are_kept(m)) {
		make_room(m, function);
		fd = crash_file_make(m->crashes.folder, function, &ms);
		if (fd < 0)
			tell_failing(m, fd);
	}
	made = record_of(m, pool, report, lines, ms);
	if (threads) {
		json_object_set_new(made, "threads", threads);
		if (report->cause == CAUSE_NONE)
			m->crashes.n_slow_errors += !write_slow(m, made);
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
	if (crashes_are_kept(m))
		record(m, pool, report, (struct crash_lines){ lines, n },
		       slow_last_look(m, pool->public.version_id, report->request));
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
read_record(const struct master *m, const struct crash_file *f)
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
answer_one(const struct master *m, const struct crash_files *f, int64_t id)
{
	json_t *record = NULL;

	for (size_t i = 0; i < f->n && !record; i++)
		if (crash_file_ms(&f->rows[i]) == id)
			record = read_record(m, &f->rows[i]);
	return json_pack("{s:b, s:o}", "ok", 1, "crashes", record ? json_pack("[o]", record) : json_array());
}

json_t *
crashes_answer(const struct master *m, const json_t *question)
{
	const char *function = json_string_value(json_object_get(question, "function"));
	json_int_t id = json_integer_value(json_object_get(question, "id")),
		   since = json_integer_value(json_object_get(question, "since"));
	AUTO_CRASH_FILES struct crash_files f;
	json_t *shown;

	if (crash_files_list(m->crashes.folder, &f) < 0)
		return json_pack("{s:b, s:[]}", "ok", 1, "crashes");
	if (id > 0)
		return answer_one(m, &f, id);
	shown = json_array();
	for (size_t i = f.n; i-- > 0 && json_array_size(shown) < CRASHES_LISTED_MAX;) {
		json_t *record;

		if (crash_file_ms(&f.rows[i]) < since ||
		    (function && strcmp(crash_file_function(&f.rows[i]), function) != 0))
			continue;
		record = read_record(m, &f.rows[i]);
		if (record)
			json_array_append_new(shown, brief(record));
		json_decref(record);
	}
	return json_pack("{s:b, s:o}", "ok", 1, "crashes", shown);
}
