/* report.h - versions and outcomes for people and as JSON. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "deploy-tool/tool.h"
#include "registry/registry.h"

struct report_outcome {
	const struct registry_version *version;
	bool is_unchanged, is_active;
	size_t n_pools;
};

/* "hello v3: GET /hello (registry r.db, 1 pool serves it)".  An exit status. */
int report_outcome(const struct tool *t, const struct report_outcome *o);

/* Function, number, state, routes, who and when; is_whole: everything else too. */
json_t *report_version(const struct registry_version *v, bool is_whole);

/* "active", "disabled", "inactive" */
const char *report_state(const struct registry_version *v);

enum { REPORT_TIME_SIZE = 32 };
void report_time(int64_t seconds, char text[REPORT_TIME_SIZE]);

/* One limit as text. */
void report_limit(const struct function_policy *p, const struct policy_row *row, char text[OPTION_TEXT_SIZE]);

/* An array of its lines. */
json_t *report_lines(const struct buf *lines);

/* A table for people: column widths follow the content. */
enum { COLUMNS_MAX = 9, COLUMNS_CELL_SIZE = 200 };

struct columns {
	size_t n_columns, n_rows, n_allocated;
	char (*cells)[COLUMNS_CELL_SIZE];
};

/* headings: n of them. */
void columns_init(struct columns *t, const char *const *headings, size_t n);
void columns_add(struct columns *t, const char *const *cells);
void columns_print(const struct columns *t);
bool columns_fit(const struct columns *t); /* into the terminal; always where there is none */
void columns_done(struct columns *t);
