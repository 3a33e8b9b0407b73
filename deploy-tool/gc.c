/* gc.c - `cfn-deploy gc`: old versions that nobody serves and nobody would go back to are deleted. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/options.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/pools.h"

enum { IDS_ASKED = 1000 }; /* of one question, which is far below CONTROL_MAX */

struct gc_arguments {
	const char *keep, *older_than;
	bool dry_run;
};

#define AT(field) offsetof(struct gc_arguments, field)

const struct argument_row gc_options[] = {
	{ "keep", 0, ARGUMENT_TEXT, AT(keep), "N",
	  "how many of the newest of each function stay; else gc.keep of the configuration (5)" },
	{ "older-than", 0, ARGUMENT_TEXT, AT(older_than), "TIME",
	  "only what is older: 30d, 12h; else gc.age of the configuration (0s)" },
	{ "dry-run", 'n', ARGUMENT_FLAG, AT(dry_run), NULL, "say what would go and leave it at that" },
};
const size_t gc_n_options = ARRAY_SIZE(gc_options);

struct old {
	int64_t id;
	char function[NAME_MAX_SIZE];
	uint32_t number;
	bool is_used; /* by a pool */
};

struct gc {
	struct tool *tool;
	struct gc_arguments own;
	struct argument_list functions;
	struct registry_retention what;
	struct old *old; /* by id, as the registry was when the pools were asked */
	size_t n, size, n_used;
	bool is_short; /* of memory */
	struct registry_swept swept;
	uint64_t bytes; /* by which the file became smaller */
};

/* ---- which ---- */

static bool
collect(void *context, int64_t id, const char *function, uint32_t number)
{
	struct gc *g = context;
	struct old *old = g->old;

	if (g->n == g->size) {
		g->size = g->size > 0 ? 2 * g->size : 64;
		old = reallocarray(g->old, g->size, sizeof *old);
		if (old == NULL) {
			g->size = g->n;
			g->is_short = true;
			return true;
		}
		g->old = old;
	}
	g->old[g->n] = (struct old){ .id = id, .number = number };
	snprintf(g->old[g->n++].function, NAME_MAX_SIZE, "%s", function);
	return false;
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t one = ((const struct old *)a)->id, other = ((const struct old *)b)->id;

	return (one > other) - (one < other);
}

static struct old *
find(const struct gc *g, int64_t id)
{
	const struct old key = { .id = id };

	return g->n > 0 ? bsearch(&key, g->old, g->n, sizeof key, compare_ids) : NULL;
}

/* A pool may answer what it likes. */
static void
note_used(struct gc *g, int64_t id)
{
	struct old *old = find(g, id);

	if (old == NULL || old->is_used)
		return;
	old->is_used = true;
	g->n_used++;
}

static int
ask_about(struct gc *g, struct pools *p, size_t pool, size_t first, struct err *e)
{
	size_t n = g->n - first < IDS_ASKED ? g->n - first : IDS_ASKED, i;
	json_t *ids = json_array(), *id;
	AUTO_JSON json_t *answer = NULL;
	int rc;

	for (i = 0; i < n; i++)
		json_array_append_new(ids, json_integer((json_int_t)g->old[first + i].id));
	rc = pools_ask(p, pool, json_pack("{s:s, s:o}", "command", "uses", "versions", ids), -1, POOLS_ASK_MS,
	               &answer, e);
	if (rc == -ENOTCONN)
		return 0;
	if (rc < 0)
		return err_wrap(e, "what pool %d serves", (int)p->pids[pool]);
	json_array_foreach(json_object_get(answer, "used"), i, id) note_used(g, json_integer_value(id));
	return 0;
}

/* What is active need not be what a pool serves: it may have refused that, or have it no longer than this. */
static int
ask_pools(struct gc *g, struct err *e)
{
	AUTO_POOLS struct pools pools = { 0 };
	int rc = pools_connect(g->tool, &pools, e);

	for (size_t i = 0; i < pools.n && rc == 0; i++)
		for (size_t first = 0; first < g->n && rc == 0; first += IDS_ASKED)
			rc = ask_about(g, &pools, i, first, e);
	return rc;
}

static bool
is_needed(void *context, int64_t id, const char *function, uint32_t number)
{
	const struct old *old = find(context, id);

	(void)function;
	(void)number;
	return old == NULL || old->is_used; /* one that was not asked about became old in between */
}

/* ---- what comes of it ---- */

static json_t *
rows_json(const struct gc *g)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < g->n; i++)
		if (!g->old[i].is_used)
			json_array_append_new(rows, json_pack("{s:s, s:I}", "function", g->old[i].function,
			                                      "version", (json_int_t)g->old[i].number));
	return rows;
}

static int
show(const struct gc *g)
{
	const struct registry_swept *s = &g->swept;
	bool is_done = !g->own.dry_run;

	if (g->tool->json)
		return tool_print_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:s}", "deleted",
		                                 is_done, "versions", (json_int_t)s->versions, "blobs",
		                                 (json_int_t)s->blobs, "bytes", (json_int_t)s->bytes, "file",
		                                 (json_int_t)g->bytes, "used", (json_int_t)g->n_used, "rows",
		                                 rows_json(g), "registry", g->tool->config.registry));
	for (size_t i = 0; i < g->n && !is_done; i++)
		if (!g->old[i].is_used)
			printf("%s v%u\n", g->old[i].function, g->old[i].number);
	printf("%s %" PRIu64 " version%s and %" PRIu64 " blob%s, %" PRIu64 " bytes",
	       is_done ? "deleted" : "would delete", s->versions, s->versions == 1 ? "" : "s", s->blobs,
	       s->blobs == 1 ? "" : "s", s->bytes);
	if (g->n_used > 0)
		printf("; a pool still serves %zu", g->n_used);
	printf(" (registry %s)\n", g->tool->config.registry);
	return tool_flush();
}

static int
sweep(struct gc *g)
{
	struct registry *r = g->tool->registry;
	struct err e;
	int rc;

	g->what.is_trial = true;
	g->what.is_needed = collect;
	g->what.context = g;
	rc = registry_sweep(r, &g->what, &g->swept, &e);
	if (rc == 0 && g->is_short)
		rc = err_set(&e, ENOMEM, "gc");
	if (rc == 0)
		rc = ask_pools(g, &e);
	g->what.is_needed = is_needed;
	g->what.is_trial = g->own.dry_run;
	if (rc == 0)
		rc = registry_sweep(r, &g->what, &g->swept, &e);
	if (rc < 0)
		return tool_fail(&e);
	if (!g->own.dry_run && registry_shrink(r, &g->bytes, &e) < 0) {
		err_wrap(&e, "deleted %" PRIu64 " versions, but the file keeps its size", g->swept.versions);
		return tool_fail(&e);
	}
	return show(g);
}

/* ---- the command ---- */

/* What is said goes before what is configured. */
static int
settle(struct gc *g)
{
	const struct config *c = &g->tool->config;
	uint64_t keep = c->gc_keep, age_ms = c->gc_age_ms;

	if (g->own.keep != NULL && (option_parse_number(g->own.keep, &keep) < 0 || keep > CONFIG_GC_KEEP_MAX))
		return tool_fail_as(EX_USAGE, "--keep: '%.40s' is not a number up to %d", g->own.keep,
		                    CONFIG_GC_KEEP_MAX);
	if (g->own.older_than != NULL && option_parse_duration(g->own.older_than, &age_ms) < 0)
		return tool_fail_as(EX_USAGE, "--older-than: '%.40s' is not a time like 30d or 12h",
		                    g->own.older_than);
	g->what.keep = (uint32_t)keep;
	g->what.before = age_ms > 0 ? clock_wall_s() - (int64_t)(age_ms / 1000) : INT64_MAX;
	g->what.n_functions = g->functions.n;
	g->what.functions = g->functions.items;
	return 0;
}

static void
gc_done(struct gc *g)
{
	free_pointer(&g->old);
}

int
run_gc(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(gc_done))) struct gc g = { .tool = t };
	const struct argument_table table = { gc_options, gc_n_options, &g.own };
	int rc =
	    tool_arguments(t, &(struct tool_syntax){ &table, 1, 0, ARGUMENTS_MAX }, arguments, &g.functions);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_WRITE);
	if (rc != 0 || t->wants_help)
		return rc;
	rc = settle(&g);
	return rc != 0 ? rc : sweep(&g);
}
