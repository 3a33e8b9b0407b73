/* top.h - the rows of `cfn-deploy top`: what each function has done, and in the time since the last look. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/protocol.h"

enum top_column {
	TOP_RATE,
	TOP_WORKERS,
	TOP_WAITING,
	TOP_REQUESTS,
	TOP_ERRORS,
	TOP_P50,
	TOP_P99,
	TOP_CPU,
	TOP_COLD,
	TOP_CRASHES,
	TOP_COLUMNS,
	TOP_FUNCTION = TOP_COLUMNS, /* to sort by */
	TOP_KEYS
};

struct top_row {
	char function[4 * NAME_MAX_SIZE]; /* escaped, whatever the pool said */
	double values[TOP_COLUMNS];
	double cpu_us, cpu_before_us, requests_before; /* all of it, now and at the last look */
	bool is_seen, was_seen;
};

struct top_rows {
	struct top_row *rows;
	size_t n, n_allocated;
	uint64_t at_us, before_us; /* of this look and the one before; 0: there was none */
};

const char *top_key(size_t key);                 /* the word for it, below TOP_KEYS */
int top_find_key(const char *word, size_t *key); /* -EINVAL */

/* A look: begin, what each pool says of its functions (of several pools added up), end. */
void top_begin(struct top_rows *rows, uint64_t now_us);
void top_add(struct top_rows *rows, const json_t *function);
void top_end(struct top_rows *rows); /* functions that are gone are left out */
void top_sort(struct top_rows *rows, size_t key);
void top_done(struct top_rows *rows);

double top_rate(const struct top_rows *rows); /* requests a second of all of them */
enum { TOP_LINE_SIZE = 512 };
void top_heading(char line[TOP_LINE_SIZE]);
void top_format(const struct top_row *row, char line[TOP_LINE_SIZE]);
json_t *top_json(const struct top_rows *rows);
