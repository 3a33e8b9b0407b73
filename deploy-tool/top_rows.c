/* top_rows.c - the rows of `cfn-deploy top`: taken, compared with the look before, sorted, written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "deploy-tool/top.h"

static const struct {
	const char *key, *heading;
	const char *member; /* of the pool's answer; NULL: reckoned here */
	double unit;        /* what the member is divided by */
	int width, places;
	bool is_greatest; /* of several pools; else they are added up */
} columns[TOP_COLUMNS] = {
	[TOP_RATE] = { "rate", "REQ/S", NULL, 1, 9, 1, false },
	[TOP_WORKERS] = { "workers", "WORK", "workers", 1, 5, 0, false },
	[TOP_WAITING] = { "waiting", "WAIT", "waiting", 1, 5, 0, false },
	[TOP_REQUESTS] = { "requests", "REQUESTS", "requests", 1, 11, 0, false },
	[TOP_ERRORS] = { "errors", "5XX", "errors", 1, 8, 0, false },
	[TOP_P50] = { "p50", "P50 MS", "p50_us", 1000, 8, 1, true },
	[TOP_P99] = { "p99", "P99 MS", "p99_us", 1000, 8, 1, true },
	[TOP_CPU] = { "cpu", "CPU %", NULL, 1, 7, 1, false },
	[TOP_COLD] = { "cold", "COLD", "cold_starts", 1, 7, 0, false },
	[TOP_CRASHES] = { "crashes", "CRASH", "restarts", 1, 7, 0, false },
};

const char *
top_key(size_t key)
{
	return key < TOP_COLUMNS ? columns[key].key : "function";
}

int
top_find_key(const char *word, size_t *key)
{
	for (size_t i = 0; i < TOP_KEYS; i++) {
		if (strcmp(top_key(i), word) != 0)
			continue;
		*key = i;
		return 0;
	}
	return -EINVAL;
}

void
top_begin(struct top_rows *rows, uint64_t now_us)
{
	rows->before_us = rows->at_us;
	rows->at_us = now_us;
	for (size_t i = 0; i < rows->n; i++) {
		struct top_row *row = &rows->rows[i];

		row->requests_before = row->values[TOP_REQUESTS];
		row->cpu_before_us = row->cpu_us;
		memset(row->values, 0, sizeof row->values);
		row->cpu_us = 0;
		row->was_seen = row->is_seen;
		row->is_seen = false;
	}
}

static struct top_row *
row_of(struct top_rows *rows, const char *function)
{
	enum { MORE = 64 };
	struct top_row *row;

	for (size_t i = 0; i < rows->n; i++)
		if (strcmp(rows->rows[i].function, function) == 0)
			return &rows->rows[i];
	if (rows->n == rows->n_allocated) {
		row = realloc(rows->rows, (rows->n + MORE) * sizeof *row);
		if (row == NULL)
			return NULL;
		rows->rows = row;
		rows->n_allocated += MORE;
	}
	row = &rows->rows[rows->n++];
	*row = (struct top_row){ 0 };
	snprintf(row->function, sizeof row->function, "%s", function);
	return row;
}

static void
add_value(struct top_row *row, size_t i, const json_t *function)
{
	double n = json_number_value(json_object_get(function, columns[i].member)) / columns[i].unit;

	if (!columns[i].is_greatest)
		row->values[i] += n;
	else if (n > row->values[i])
		row->values[i] = n;
}

void
top_add(struct top_rows *rows, const json_t *function)
{
	const char *name = json_string_value(json_object_get(function, "name"));
	char shown[4 * NAME_MAX_SIZE];
	struct top_row *row;

	if (name == NULL)
		return;
	log_escape(shown, sizeof shown, name, strlen(name));
	row = row_of(rows, shown);
	if (row == NULL)
		return;
	row->is_seen = true;
	row->cpu_us += json_number_value(json_object_get(function, "cpu_us"));
	for (size_t i = 0; i < TOP_COLUMNS; i++)
		if (columns[i].member != NULL)
			add_value(row, i, function);
}

/* Of what only grows; a pool that was started anew begins with nothing. */
static double
per_second(const struct top_rows *rows, const struct top_row *row, double more)
{
	double s = (double)(rows->at_us - rows->before_us) / 1e6;

	return rows->before_us == 0 || !row->was_seen || more < 0 || s <= 0 ? 0 : more / s;
}

void
top_end(struct top_rows *rows)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->n; i++) {
		struct top_row *row = &rows->rows[i];

		if (!row->is_seen)
			continue;
		row->values[TOP_RATE] =
		    per_second(rows, row, row->values[TOP_REQUESTS] - row->requests_before);
		row->values[TOP_CPU] = per_second(rows, row, row->cpu_us - row->cpu_before_us) / 1e4;
		if (kept != i)
			rows->rows[kept] = *row;
		kept++;
	}
	rows->n = kept;
}

static int
compare(const void *a, const void *b, void *context)
{
	const struct top_row *x = a, *y = b;
	size_t key = *(const size_t *)context;

	if (key < TOP_COLUMNS && (x->values[key] < y->values[key] || x->values[key] > y->values[key]))
		return x->values[key] < y->values[key] ? 1 : -1;
	return strcmp(x->function, y->function);
}

void
top_sort(struct top_rows *rows, size_t key)
{
	if (rows->n > 1)
		qsort_r(rows->rows, rows->n, sizeof *rows->rows, compare, &key);
}

void
top_done(struct top_rows *rows)
{
	free(rows->rows);
	*rows = (struct top_rows){ 0 };
}

double
top_rate(const struct top_rows *rows)
{
	double sum = 0;

	for (size_t i = 0; i < rows->n; i++)
		sum += rows->rows[i].values[TOP_RATE];
	return sum;
}

void
top_heading(char line[TOP_LINE_SIZE])
{
	size_t n = 0;

	for (size_t i = 0; i < TOP_COLUMNS; i++)
		n += (size_t)snprintf(line + n, TOP_LINE_SIZE - n, "%*s ", columns[i].width,
		                      columns[i].heading);
	snprintf(line + n, TOP_LINE_SIZE - n, " FUNCTION");
}

/* A number takes its width or, when it is as large as no pool's is, a little more. */
void
top_format(const struct top_row *row, char line[TOP_LINE_SIZE])
{
	size_t n = 0;

	for (size_t i = 0; i < TOP_COLUMNS; i++) {
		double value = row->values[i] < 1e15 ? row->values[i] : 1e15;

		n += (size_t)snprintf(line + n, TOP_LINE_SIZE - n, "%*.*f ", columns[i].width,
		                      columns[i].places, value);
	}
	snprintf(line + n, TOP_LINE_SIZE - n, " %s", row->function);
}

/* Of one look: what has no time to be reckoned over is left out. */
json_t *
top_json(const struct top_rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows->n; i++) {
		const struct top_row *row = &rows->rows[i];
		json_t *one = json_pack("{s:s, s:f}", "function", row->function, "cpu_s", row->cpu_us / 1e6);

		for (size_t k = 0; k < TOP_COLUMNS; k++)
			if (columns[k].member != NULL && columns[k].is_greatest)
				json_object_set_new(one, columns[k].member,
				                    json_integer(
							(json_int_t)(row->values[k] * columns[k].unit)));
			else if (columns[k].member != NULL)
				json_object_set_new(one, columns[k].member,
				                    json_integer((json_int_t)row->values[k]));
		json_array_append_new(list, one);
	}
	return list;
}
