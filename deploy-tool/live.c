/* live.c - `cfn-deploy status` and `restart`: asked of the pools that are running. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
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

/* What people see of a pool's answer; --json has all of it. */
static const char *const lines[] = {
	"pid",     "error",       "listen", "isolation",     "layers",       "memory",        "generation",
	"workers", "process_max", "spares", "spares_wanted", "spares_taken", "spares_missed", "n_functions",
};

static const struct section {
	const char *member;
	const char *columns[COLUMNS_MAX];
} sections[] = {
	{ "functions",
	  { "name", "version", "pm", "workers", "max_workers", "waiting", "crashes", "backoff_ms",
	    "memory_peak_kb" } },
	{ "cold_starts", { "spare", "n", "mean_us", "longest_us" } },
	{ "storms", { "function", "version", "since" } },
	{ "routers",
	  { "stage", "connections_active", "requests", "requests_active", "requests_queued", "streams_active",
	    "cache_hits", "cache_misses", "generation" } },
};

static void
format_value(const json_t *value, char text[COLUMNS_CELL_SIZE])
{
	AUTO_FREE char *dump =
	    json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	const char *plain = json_is_string(value) ? json_string_value(value) : dump;

	if (plain == NULL)
		plain = "-";
	log_escape(text, COLUMNS_CELL_SIZE, plain, strlen(plain));
}

static void
print_section(const struct section *section, const json_t *rows)
{
	struct columns table;
	size_t n = 0, i;
	json_t *row;

	while (n < COLUMNS_MAX && section->columns[n] != NULL)
		n++;
	columns_init(&table, section->columns, n);
	json_array_foreach(rows, i, row)
	{
		char cells[COLUMNS_MAX][COLUMNS_CELL_SIZE];
		const char *pointers[COLUMNS_MAX];

		for (size_t k = 0; k < n; k++) {
			format_value(json_object_get(row, section->columns[k]), cells[k]);
			pointers[k] = cells[k];
		}
		columns_add(&table, pointers);
	}
	printf("%s\n", section->member);
	columns_print(&table);
	columns_done(&table);
}

/* How runs have ended, of the ways that there were. */
static void
print_endings(json_t *done)
{
	const char *word, *between = "";
	json_t *n;

	json_object_foreach(done, word, n)
	{
		if (json_integer_value(n) == 0)
			continue;
		printf("%s %" JSON_INTEGER_FORMAT " %s", between, json_integer_value(n), word);
		between = ",";
	}
	puts(*between ? "" : " none");
}

static void
print_members(const char *label, const json_t *object, const char *const members[], size_t n)
{
	char text[COLUMNS_CELL_SIZE];

	printf("%-12s", label);
	for (size_t i = 0; i < n; i++) {
		format_value(json_object_get(object, members[i]), text);
		printf(" %s %s%s", members[i], text, i + 1 < n ? "," : "\n");
	}
}

static void
print_manager(const json_t *management)
{
	static const char *const members[] = { "path",    "stage",        "done",      "starts",
		                               "crashes", "unauthorized", "forbidden", "limited" };

	if (json_is_object(management))
		print_members("management", management, members, ARRAY_SIZE(members));
}

/* What there is of the runner, in two lines. */
static void
print_runner(const json_t *run)
{
	static const char *const members[] = { "stage",  "queued",       "running",      "accepted",
		                               "starts", "refused_full", "refused_share" };

	if (!json_is_object(run))
		return;
	print_members("run", run, members, ARRAY_SIZE(members));
	printf("run ended   ");
	print_endings(json_object_get(run, "done"));
}

static void
print_status(const json_t *status)
{
	char text[COLUMNS_CELL_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const json_t *value = json_object_get(status, lines[i]);

		if (value == NULL)
			continue;
		format_value(value, text);
		printf("%-12s %s\n", lines[i], text);
	}
	print_runner(json_object_get(status, "run"));
	print_manager(json_object_get(status, "management"));
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		const json_t *rows = json_object_get(status, sections[i].member);

		if (json_array_size(rows) > 0)
			print_section(&sections[i], rows);
	}
}

static int
print_all(const struct tool *t, const json_t *all)
{
	if (json_array_size(all) == 0)
		printf("no pool serves registry %s\n", t->config.registry);
	for (size_t i = 0; i < json_array_size(all); i++)
		print_status(json_array_get(all, i));
	return tool_flush();
}

static bool
all_answered(const json_t *all)
{
	for (size_t i = 0; i < json_array_size(all); i++)
		if (!json_is_true(json_object_get(json_array_get(all, i), "ok")))
			return false;
	return true;
}

int
run_status(struct tool *t, const char *const *arguments)
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
		rc = tool_print_json(json_pack("{s:s, s:O}", "registry", t->config.registry, "pools", all));
	else
		rc = print_all(t, all);
	return rc == 0 && !all_answered(all) ? EX_TEMPFAIL : rc;
}

static int
check_function(struct tool *t, const char *name)
{
	struct registry_version v;
	struct err e;

	return registry_version_find(t->registry, name, 0, &v, &e) < 0 ? tool_fail(&e) : 0;
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
run_restart(struct tool *t, const char *const *arguments)
{
	struct argument_list rest;
	int rc = tool_plain_arguments(t, 1, 1, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	if (rc == 0 && !t->wants_help)
		rc = check_function(t, rest.items[0]);
	return rc != 0 || t->wants_help ? rc : restart(t, rest.items[0]);
}
