/* live.c - `cfn-deploy status` and `restart`: asked of the pools that are running. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/live.h"
#include "deploy-tool/pools.h"
#include "deploy-tool/report.h"

int
live_connect(struct tool *t, struct pools *p)
{
	struct err e;

	if (pools_connect(t, p, &e) < 0)
		return tool_fail(&e);
	if (p->n > 0)
		return 0;
	return tool_fail_as(EX_UNAVAILABLE,
	                    "no pool serves registry %s; start one with: cfn-pool --registry %s",
	                    t->config.registry, t->config.registry);
}

static json_t *
ask_status(struct pools *p, size_t i)
{
	json_t *answer = NULL;
	struct err e;

	if (pools_ask(p, i, json_pack("{s:s}", "command", "status"), -1, POOLS_ASK_MS, &answer, &e) == 0)
		return answer;
	return json_pack("{s:b, s:i, s:s}", "ok", 0, "pid", (int)p->pids[i], "error", e.text);
}

/* Members that are plain values, one a line; lists of objects as a table of their own. */
static void
print_value(const char *name, const json_t *value)
{
	char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	printf("%-24s %s\n", name, json_is_string(value) ? json_string_value(value) : text ? text : "");
	free_pointer(&text);
}

static size_t
collect_headings(json_t *rows, const char *headings[TABLE_COLUMNS_MAX])
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(json_array_get(rows, 0), key, value)
	{
		if (n < TABLE_COLUMNS_MAX && !json_is_object(value) && !json_is_array(value))
			headings[n++] = key;
	}
	return n;
}

static void
add_cells(struct table *table, const json_t *row, const char *const *headings, size_t n)
{
	char cells[TABLE_COLUMNS_MAX][64];
	const char *pointers[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(row, headings[i]);
		char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		snprintf(cells[i], sizeof cells[i], "%s",
		         json_is_string(value) ? json_string_value(value)
		         : text                ? text
		                               : "");
		free_pointer(&text);
		pointers[i] = cells[i];
	}
	table_add(table, pointers);
}

static void
print_rows(const char *name, json_t *rows)
{
	const char *headings[TABLE_COLUMNS_MAX];
	size_t n = collect_headings(rows, headings), i;
	struct table table;
	json_t *row;

	printf("%s:%s\n", name, json_array_size(rows) == 0 ? " none" : "");
	if (n == 0)
		return;
	table_init(&table, headings, n);
	json_array_foreach(rows, i, row)
	{
		add_cells(&table, row, headings, n);
	}
	table_print(&table);
	table_done(&table);
}

static void
print_status(json_t *status)
{
	const char *key;
	json_t *value;

	json_object_foreach(status, key, value)
	{
		if (!json_is_array(value) && strcmp(key, "ok") != 0)
			print_value(key, value);
	}
	json_object_foreach(status, key, value)
	{
		if (json_is_array(value))
			print_rows(key, value);
	}
}

int
run_status(struct tool *t, char *const *arguments)
{
	AUTO_POOLS struct pools pools = { 0 };
	AUTO_JSON json_t *all = json_array();
	struct argument_list rest;
	struct err e;
	int rc = tool_plain_arguments(t, 0, 0, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	if (rc != 0 || t->wants_help)
		return rc;
	if (pools_connect(t, &pools, &e) < 0)
		return tool_fail(&e);
	for (size_t i = 0; i < pools.n; i++)
		json_array_append_new(all, ask_status(&pools, i));
	if (t->json)
		return tool_print_json(json_pack("{s:s, s:O}", "registry", t->config.registry, "pools", all));
	if (pools.n == 0)
		printf("no pool serves registry %s\n", t->config.registry);
	for (size_t i = 0; i < pools.n; i++)
		print_status(json_array_get(all, i));
	return tool_flush();
}

static int
check_function(struct tool *t, const char *name)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	struct err e;

	if (v == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	return registry_version_find(t->registry, name, 0, v, &e) < 0 ? tool_fail(&e) : 0;
}

static int
restart(struct tool *t, const char *function)
{
	AUTO_POOLS struct pools pools = { 0 };
	struct err e;
	int rc = live_connect(t, &pools);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < pools.n; i++)
		if (pools_ask(&pools, i, json_pack("{s:s, s:s}", "command", "restart", "function", function),
		              -1, POOLS_ASK_MS, NULL, &e) < 0)
			return tool_fail(&e);
	if (t->json)
		return tool_print_json(
		    json_pack("{s:s, s:I}", "function", function, "pools", (json_int_t)pools.n));
	printf("%s: restarted (%zu pool%s)\n", function, pools.n, pools.n == 1 ? "" : "s");
	return tool_flush();
}

int
run_restart(struct tool *t, char *const *arguments)
{
	struct argument_list rest;
	int rc = tool_plain_arguments(t, 1, 1, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	if (rc == 0 && !t->wants_help)
		rc = check_function(t, rest.items[0]);
	return rc != 0 || t->wants_help ? rc : restart(t, rest.items[0]);
}
