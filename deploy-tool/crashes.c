/* crashes.c - `cfn-deploy crashes`: functions that failed, as the pools have recorded it.
 *
 * Much of a record is the function's own word: nothing of it is printed unescaped, and what it could have
 * made up is said to be its word. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/live.h"
#include "deploy-tool/report.h"
#include "deploy-tool/since.h"
#include "deploy-tool/symbols.h"

enum { FRAMES_SIZE = 64 * 1024, LINE_SIZE = 16 * 1024, ID_DIGITS = 13 };

struct crashes_options {
	const char *since;
};

const struct argument_row crashes_options[] = {
	{ "since", 0, ARGUMENT_TEXT, offsetof(struct crashes_options, since), "TIME",
	  "from then on: 10m, 2h, 2026-11-22T08:30" },
};
const size_t crashes_n_options = ARRAY_SIZE(crashes_options);

static const char *
member(const json_t *record, const char *name)
{
	const char *text = json_string_value(json_object_get(record, name));

	return text != NULL ? text : "";
}

static json_int_t
number(const json_t *record, const char *name)
{
	return json_integer_value(json_object_get(record, name));
}

static void
print_text(const char *label, const char *text)
{
	char safe[LINE_SIZE];

	log_escape(safe, sizeof safe, text, strlen(text));
	printf("%s%s\n", label, safe);
}

/* ---- what the pools say ---- */

/* Pools of one state folder have the same records. */
static bool
is_known(const json_t *all, const json_t *record)
{
	json_t *other;
	size_t i;

	json_array_foreach(all, i, other) if (json_equal(other, record)) return true;
	return false;
}

static void
take(json_t *all, const json_t *records)
{
	json_t *record;
	size_t i;

	json_array_foreach(records, i, record) if (json_is_object(record) && !is_known(all, record))
	    json_array_append(all, record);
}

/* All that the pools have for the question; NULL with *status set. */
static json_t *
ask(struct tool *t, const json_t *question, int *status)
{
	AUTO_POOLS struct pools pools = { 0 };
	json_t *all;
	struct err e;

	*status = live_connect(t, &pools);
	if (*status != 0)
		return NULL;
	all = json_array();
	for (size_t i = 0; i < pools.n; i++) {
		AUTO_JSON json_t *answer = NULL;

		if (pools_ask(&pools, i, json_deep_copy(question), -1, POOLS_ASK_MS, &answer, &e) == 0)
			take(all, json_object_get(answer, "crashes"));
		else
			*status = tool_fail(&e);
	}
	return all;
}

/* ---- a list ---- */

/* Where the table does not fit into the terminal: two lines for each. */
static void
print_narrow(const struct columns *table)
{
	for (size_t i = 1; i < table->n_rows; i++) {
		const char(*row)[COLUMNS_CELL_SIZE] = (const void *)&table->cells[i * table->n_columns];

		printf("%s  %s  %s v%s\n  %s%s%s  %s\n", row[0], row[1], row[2], row[3], row[4],
		       row[5][0] != '\0' ? ", " : "", row[5], row[6]);
	}
}

static void
print_table(const json_t *all)
{
	static const char *const headings[] = { "id",    "time",   "function", "version",
		                                "cause", "ending", "request" };
	struct columns table;
	json_t *record;
	size_t i;

	columns_init(&table, headings, ARRAY_SIZE(headings));
	json_array_foreach(all, i, record)
	{
		char id[24], version[24], request[COLUMNS_CELL_SIZE], cells[5][COLUMNS_CELL_SIZE];
		static const char *const names[] = { "time", "function", "cause", "ending", "route" };
		const char *row[ARRAY_SIZE(headings)] = { id,       cells[0], cells[1], version,
			                                  cells[2], cells[3], request };

		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			log_escape(cells[k], sizeof cells[k], member(record, names[k]),
			           strlen(member(record, names[k])));
		snprintf(id, sizeof id, "%" JSON_INTEGER_FORMAT, number(record, "id"));
		snprintf(version, sizeof version, "%" JSON_INTEGER_FORMAT, number(record, "version"));
		snprintf(request, sizeof request, "%.8s %.180s", member(record, "method"), cells[4]);
		columns_add(&table, row);
	}
	if (json_array_size(all) > 0 && columns_fit(&table))
		columns_print(&table);
	else if (json_array_size(all) > 0)
		print_narrow(&table);
	columns_done(&table);
}

/* ---- one record ---- */

/* The lines of its source, or else the offsets. */
static void
find_lines(struct tool *t, const json_t *record, const struct stack *s, struct buf *frames)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	AUTO_FREE struct subject *subject = calloc(1, sizeof *subject);
	struct err e;

	if (v == NULL || subject == NULL)
		return;
	if (registry_version_find(t->registry, member(record, "function"),
	                          (uint32_t)number(record, "version"), v, &e) < 0) {
		tool_fail(&e);
		for (size_t i = 0; i < s->n; i++)
			buf_printf(frames, "%s+0x%" PRIx64 "\n", s->frames[i].file, s->frames[i].at);
		return;
	}
	subject_take(t, v, subject);
	if (symbols_format(t, subject, s, frames, &e) < 0)
		tool_fail(&e);
	subject_done(subject);
}

static bool
find_stack(struct tool *t, const json_t *record, const char *name, struct stack *s, struct buf *frames)
{
	const char *line = member(record, name);

	buf_init(frames, FRAMES_SIZE);
	if (!stack_read(line, strlen(line), s))
		return false;
	find_lines(t, record, s, frames);
	return true;
}

static void
print_frames(const struct buf *frames)
{
	const char *p = buf_head(frames);
	size_t n = buf_used(frames);

	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - p) + 1 : n;

		printf("  %.*s", (int)length, p);
		p += length;
		n -= length;
	}
}

static void
print_numbers(const json_t *record)
{
	static const struct {
		const char *member, *label, *unit;
		json_int_t divisor;
	} rows[] = {
		{ "elapsed_us", "elapsed", "ms", 1000 },
		{ "cpu_us", "cpu", "ms", 1000 },
		{ "memory_kb", "memory", "KiB", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (json_object_get(record, rows[i].member) != NULL)
			printf("%-9s %" JSON_INTEGER_FORMAT " %s\n", rows[i].label,
			       number(record, rows[i].member) / rows[i].divisor, rows[i].unit);
	if (number(record, "others") > 0)
		printf("%-9s %" JSON_INTEGER_FORMAT " more failures that are not recorded\n", "others",
		       number(record, "others"));
}

static void
print_head(const json_t *record)
{
	AUTO_FREE char *limit = json_object_get(record, "limit") != NULL
	                            ? json_dumps(json_object_get(record, "limit"), JSON_COMPACT)
	                            : NULL;
	char words[LINE_SIZE];

	snprintf(words, sizeof words, "%s v%" JSON_INTEGER_FORMAT, member(record, "function"),
	         number(record, "version"));
	print_text("function  ", words);
	print_text("time      ", member(record, "time"));
	snprintf(words, sizeof words, "%s%s%s%s%s", member(record, "cause"),
	         member(record, "ending")[0] ? ", " : "", member(record, "ending"),
	         limit != NULL ? ", limit " : "", limit != NULL ? limit : "");
	print_text("cause     ", words);
	if (member(record, "request_id")[0] == '\0')
		return;
	snprintf(words, sizeof words, "%s %s, id %s", member(record, "method"), member(record, "route"),
	         member(record, "request_id"));
	print_text("request   ", words);
}

static void
print_log(const json_t *record)
{
	const json_t *line, *lines = json_object_get(record, "log");
	size_t i;

	if (json_array_size(lines) > 0)
		printf("its last lines, as it wrote them:\n");
	json_array_foreach(lines, i, line)
	    print_text("  ", json_string_value(line) != NULL ? json_string_value(line) : "");
}

/* "= FILE+0xAT" is where it is; "?" marks what the function could have put on its stack. */
static void
read_frames(const json_t *frames, struct stack *s)
{
	struct buf line;
	const json_t *frame;
	size_t i;

	buf_init(&line, LINE_SIZE);
	buf_printf(&line, CRASH_LINE_START "stack:");
	json_array_foreach(frames, i, frame)
	{
		const char *text = json_string_value(frame);

		if (text != NULL && strlen(text) > 2)
			buf_printf(&line, " %s", text + 2);
	}
	*s = (struct stack){ .n = 0 };
	stack_read(buf_head(&line), buf_used(&line), s);
	buf_done(&line);
}

static void
print_thread(struct tool *t, const json_t *record, json_t *thread)
{
	struct buf frames;
	struct stack s;
	char words[LINE_SIZE];

	read_frames(json_object_get(thread, "frames"), &s);
	buf_init(&frames, FRAMES_SIZE);
	find_lines(t, record, &s, &frames);
	if (t->json) {
		json_object_set_new(thread, "lines", report_lines(&frames));
	} else {
		snprintf(words, sizeof words, "thread %s, %s%s%s:", member(thread, "tid"),
		         member(thread, "state"), strcmp(member(thread, "call"), "-") != 0 ? " in " : "",
		         strcmp(member(thread, "call"), "-") != 0 ? member(thread, "call") : "");
		print_text("", words);
		print_frames(&frames);
	}
	buf_done(&frames);
}

static void
print_threads(struct tool *t, const json_t *record)
{
	json_t *thread, *threads = json_object_get(record, "threads");
	size_t i;

	if (json_array_size(threads) > 0 && !t->json)
		printf("it was stuck here; behind the first place of a thread stands what its stack looks "
		       "like:\n");
	json_array_foreach(threads, i, thread) print_thread(t, record, thread);
}

/* It was there when it crashed, but it could have said so anywhere. */
static int
print_whole(struct tool *t, json_t *record)
{
	struct buf frames;
	struct stack s;
	bool has_said = find_stack(t, record, "said", &s, &frames);

	if (t->json) {
		print_threads(t, record);
		if (has_said)
			json_object_set_new(record, "said_stack", report_lines(&frames));
		buf_done(&frames);
		return tool_print_json(json_incref(record));
	}
	print_head(record);
	print_numbers(record);
	if (has_said) {
		printf("it says that it crashed (%s) here:\n", s.what);
		print_frames(&frames);
	}
	buf_done(&frames);
	print_threads(t, record);
	print_log(record);
	return tool_flush();
}

/* ---- the command ---- */

static bool
is_id(const char *text)
{
	return strlen(text) == ID_DIGITS && strspn(text, "0123456789") == ID_DIGITS;
}

static int
show_one(struct tool *t, const char *id)
{
	AUTO_JSON json_t *question =
	    json_pack("{s:s, s:I}", "command", "crashes", "id", (json_int_t)strtoll(id, NULL, 10));
	int status;
	AUTO_JSON json_t *all = ask(t, question, &status);

	if (all == NULL || status != 0)
		return status;
	if (json_array_size(all) == 0)
		return tool_fail_as(EX_NOINPUT, "there is no record '%s', or no more", id);
	return print_whole(t, json_array_get(all, 0));
}

/* Nothing was found: as it did not fail, or as there is none of that name? */
static int
check_function(const struct tool *t, const char *function)
{
	struct registry_version v;
	struct err e;

	return registry_version_find(t->registry, function, 0, &v, &e) == -ENOENT ? tool_fail(&e) : 0;
}

static int
show_list(struct tool *t, const char *function, int64_t since_s)
{
	AUTO_JSON json_t *question = json_pack("{s:s, s:s*, s:I}", "command", "crashes", "function", function,
	                                       "since", (json_int_t)since_s * 1000);
	int status;
	AUTO_JSON json_t *all = ask(t, question, &status);

	if (status == 0 && function != NULL && json_array_size(all) == 0)
		status = check_function(t, function);
	if (all == NULL || status != 0)
		return status;
	if (t->json)
		return tool_print_json(json_pack("{s:O}", "crashes", all));
	print_table(all);
	return tool_flush();
}

int
run_crashes(struct tool *t, const char *const *arguments)
{
	struct crashes_options own = { 0 };
	const struct argument_table table = { crashes_options, crashes_n_options, &own };
	const struct tool_syntax syntax = { &table, 1, 0, 1 };
	struct argument_list rest;
	int64_t since = 0;
	struct err e;
	int rc = tool_arguments(t, &syntax, arguments, &rest);

	if (rc == 0 && !t->wants_help && own.since != NULL &&
	    since_parse(own.since, clock_wall_s(), &since, &e) < 0)
		rc = tool_fail_as(EX_USAGE, "%s", e.text);
	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	if (rc != 0 || t->wants_help)
		return rc;
	if (rest.n > 0 && is_id(rest.items[0]))
		return show_one(t, rest.items[0]);
	return show_list(t, rest.n > 0 ? rest.items[0] : NULL, since);
}
