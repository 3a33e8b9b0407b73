/* status.c - what a pool says of itself. */
#include "pool/status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"
#include "pool/pages.h"
#include "pool/pools.h"
#include "pool/routers.h"
#include "pool/workers.h"

/* More than any entry takes as text: two names, and numbers. */
enum { FUNCTION_TEXT_SIZE = 640 };

static const char *const router_words[] = {
	[ROUTER_DOWN] = "down",
	[ROUTER_STARTING] = "starting",
	[ROUTER_SERVING] = "serving",
	[ROUTER_DRAINED] = "drained",
};

static const char *const runner_words[] = {
	[RUNNER_DOWN] = "down",
	[RUNNER_STARTING] = "starting",
	[RUNNER_READY] = "ready",
	[RUNNER_DRAINING] = "draining",
};

static json_t *
status_of_router(const struct router *r)
{
	struct router_counters counters, *s = &counters;
	json_t *answers = json_array();

	router_counters(r, s);
	for (size_t i = 0; i < ARRAY_SIZE(s->answers); i++)
		json_array_append_new(answers, json_integer((json_int_t)s->answers[i]));
	return json_pack("{s:s,s:b,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "stage",
	                 router_words[r->stage], "is_current", r->has_counters, "connections_accepted",
	                 (json_int_t)s->connections_accepted, "connections_active",
	                 (json_int_t)s->connections_active, "requests", (json_int_t)s->requests, "answers",
	                 answers, "requests_active", (json_int_t)s->requests_active, "requests_queued",
	                 (json_int_t)s->requests_queued, "streams_active", (json_int_t)s->streams_active,
	                 "cache_hits", (json_int_t)s->cache_hits, "cache_misses", (json_int_t)s->cache_misses,
	                 "cache_bytes", (json_int_t)s->cache_bytes, "cache_entries",
	                 (json_int_t)s->cache_entries, "generation", (json_int_t)s->generation);
}

/* What the boards say of a function, whatever its version; NULL: it was not called yet. */
static void
add_scores(json_t *o, const struct function *f, const struct score_row *row)
{
	static const struct score_row nothing;
	const struct score_row *s = row ? row : &nothing;
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = {
		{ "requests", score_requests(s) },
		{ "errors", score_errors(s) },
		{ "p50_us", score_quantile(&s->duration_us, score_time_bounds_us, 0.5) },
		{ "p99_us", score_quantile(&s->duration_us, score_time_bounds_us, 0.99) },
		{ "cpu_us", s->cpu_us.sum },
		{ "cold_starts", s->cold_starts },
		{ "restarts", f->counts.n_crashes },
		{ "denied_calls", f->counts.n_denied },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		json_object_set_new(o, rows[i].name, json_integer((json_int_t)rows[i].n));
}

static json_t *
status_of_pool(const struct pool *pool)
{
	const struct function *f = pool->function;
	uint64_t left_us = backoff_left(&pool->backoff, clock_now_us());

	return json_pack("{s:s,s:I,s:I,s:b,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "name",
	                 pool->public.name, "version", (json_int_t)pool->public.version, "wanted",
	                 (json_int_t)(f->wanted ? f->wanted->public.version : 0), "enabled",
	                 (int)(pool->public.is_enabled != 0), "pm", policy_pm_word(pool->manager),
	                 "max_workers", (json_int_t)pool->public.max_workers, "workers",
	                 (json_int_t)pool_count(pool, STAGES_READY), "streams",
	                 (json_int_t)pool_count_streams(pool), "starting",
	                 (json_int_t)pool_count(pool, STAGE_BIT(WORKER_STARTING)), "ending",
	                 (json_int_t)pool_count(pool, STAGE_BIT(WORKER_RETIRING) | STAGE_BIT(WORKER_ENDING)),
	                 "waiting", (json_int_t)pool_waiting(pool), "starts", (json_int_t)pool->n_starts,
	                 "crashes", (json_int_t)pool->n_crashes, "backoff_ms", (json_int_t)(left_us / 1000),
	                 "memory_peak_kb",
	                 pool->memory_peak_kb > 0 ? json_integer((json_int_t)pool->memory_peak_kb)
	                                          : json_null());
}

/* Of all routers together, by name. */
struct scores {
	struct score_row *rows;
	size_t n;
};

static int
by_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct score_row *)row)->function);
}

static json_t *
status_of_function(const struct pool *pool, const struct scores *scores)
{
	json_t *o = status_of_pool(pool);

	add_scores(o, pool->function,
	           bsearch(pool->public.name, scores->rows, scores->n, sizeof *scores->rows, by_name));
	return o;
}

static struct scores
read_scores(const struct master *m)
{
	const struct scoreboard *boards[ROUTERS_MAX];
	struct scores scores = { 0 };
	struct err e;
	int n = scoreboard_sum(boards, pages_boards(m, boards), &scores.rows, &e);

	scores.n = n > 0 ? (size_t)n : 0;
	return scores;
}

/* Appends those with workers, or those without. */
static void
append_functions(const struct master *m, const struct scores *scores, json_t *functions, bool with_workers)
{
	for (struct node *n = table_next(&m->functions, NULL); n; n = table_next(&m->functions, n)) {
		const struct pool *pool = ((const struct function *)n)->serving;

		if (json_array_size(functions) >= CONTROL_STATUS_MAX / FUNCTION_TEXT_SIZE)
			return;
		if (pool && TAILQ_EMPTY(&pool->workers) != with_workers)
			json_array_append_new(functions, status_of_function(pool, scores));
	}
}

enum { STORMS_SHOWN_MAX = 64 };

/* Of versions that would serve, were it not for the storm. */
static json_t *
status_of_storms(const struct master *m)
{
	json_t *storms = json_array();
	const struct storm *s;

	TAILQ_FOREACH (s, &m->storms.list, link) {
		const struct pool *pool = pool_find(m, s->version_id);
		char since[CLOCK_TEXT_SIZE];

		if (!pool || !pool->function || pool->function->wanted != pool ||
		    json_array_size(storms) >= STORMS_SHOWN_MAX)
			continue;
		clock_format(s->time_ms, since);
		json_array_append_new(storms, json_pack("{s:s,s:I,s:s}", "function", s->function, "version",
		                                        (json_int_t)s->version, "since", since));
	}
	return storms;
}

/* Where the audit log ends as this pool knows it, whatever the files say by now. */
static json_t *
status_of_audit(const struct master *m)
{
	const struct auditor *a = &m->auditor;
	char hash[DIGEST_TEXT_SIZE];

	digest_format(&a->log.last.hash, hash);
	return json_pack("{s:s,s:I,s:s,s:b,s:I}", "folder", m->config->state_dir, "number",
	                 (json_int_t)a->log.last.number, "hash", hash, "failing", a->is_failing, "dropped",
	                 (json_int_t)a->n_dropped);
}

static json_t *
status_of_runs(const struct run_counters *c)
{
	json_t *done = json_object();

	for (size_t i = 0; i < RUN_STATUSES_MAX; i++)
		if (c->done[i].status[0])
			json_object_set_new(done, c->done[i].status, json_integer((json_int_t)c->done[i].n));
	return done;
}

/* null: switched off. */
static json_t *
status_of_runner(const struct master *m)
{
	const struct runner *r = &m->runner;
	const struct run_counters *c = &r->counters;

	if (!m->config->run.is_enabled)
		return json_null();
	return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "path",
	                 m->config->run.path, "stage", runner_words[r->stage], "starts",
	                 (json_int_t)r->n_starts, "crashes", (json_int_t)r->n_crashes, "lanes",
	                 (json_int_t)m->n_lanes, "queued", (json_int_t)c->queued, "running",
	                 (json_int_t)c->running, "accepted", (json_int_t)c->accepted, "refused_share",
	                 (json_int_t)c->refused_share, "refused_full", (json_int_t)c->refused_full,
	                 "cancelled", (json_int_t)c->cancelled, "cache_hits", (json_int_t)c->cache_hits,
	                 "cache_misses", (json_int_t)c->cache_misses, "cache_bytes",
	                 (json_int_t)c->cache_bytes, "store_bytes", (json_int_t)c->store_bytes, "done",
	                 status_of_runs(c));
}

/* null: switched off. */
static json_t *
status_of_manager(const struct master *m)
{
	const struct manager *g = &m->manager;
	const struct manage_counters *c = &g->counters;

	if (!m->config->management.is_enabled)
		return json_null();
	return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "path", m->config->management.path, "stage",
	                 runner_words[g->stage], "starts", (json_int_t)g->n_starts, "crashes",
	                 (json_int_t)g->n_crashes, "done", (json_int_t)c->done, "unauthorized",
	                 (json_int_t)c->unauthorized, "forbidden", (json_int_t)c->forbidden, "limited",
	                 (json_int_t)c->limited);
}

/* Of those that requests waited for. */
static json_t *
status_of_cold_starts(const struct cold_starts *c, bool was_spare)
{
	return json_pack("{s:b,s:I,s:I,s:I}", "spare", (int)was_spare, "n", (json_int_t)c->n, "mean_us",
	                 (json_int_t)(c->n > 0 ? c->total_us / c->n : 0), "longest_us",
	                 (json_int_t)c->longest_us);
}

json_t *
status_of(const struct master *m)
{
	static const char *const levels[] = {
		[ISOLATION_NONE] = "none",
		[ISOLATION_STRONG] = "strong",
		[ISOLATION_FULL] = "full",
	};
	uint32_t level = m->spawner.ready.level;
	json_t *routers = json_array(), *functions = json_array();
	char memory[CGROUP_TEXT_SIZE];

	struct scores scores = read_scores(m);

	cgroup_describe(&m->cgroup, memory);
	for (size_t i = 0; i < m->n_routers; i++)
		json_array_append_new(routers, status_of_router(&m->routers[i]));
	append_functions(m, &scores, functions, true);
	append_functions(m, &scores, functions, false);
	free(scores.rows);
	return json_pack(
	    "{s:b,s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:[o,o],s:o,s:o,s:o,s:o,s:o,"
	    "s:I,s:o}",
	    "ok", 1, "pid", (int)getpid(), "program", PACKAGE_VERSION, "registry", m->config->registry,
	    "listen", m->listener.text, "isolation", level < ARRAY_SIZE(levels) ? levels[level] : "none",
	    "layers", m->spawner.ready.layers, "memory", memory, "generation", (json_int_t)m->mark.generation,
	    "published", (json_int_t)m->published, "workers", (json_int_t)workers_running(m), "process_max",
	    (json_int_t)m->config->process_max, "spares", (json_int_t)m->spares.n_waiting, "spares_wanted",
	    (json_int_t)m->config->spare_sandboxes, "spares_taken", (json_int_t)m->spares.n_taken,
	    "spares_missed", (json_int_t)m->spares.n_missed, "cold_starts",
	    status_of_cold_starts(&m->spares.with, true), status_of_cold_starts(&m->spares.without, false),
	    "audit", status_of_audit(m), "storms", status_of_storms(m), "run", status_of_runner(m),
	    "management", status_of_manager(m), "routers", routers, "n_functions", (json_int_t)m->functions.n,
	    "functions", functions);
}
