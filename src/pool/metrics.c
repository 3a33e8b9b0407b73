/* metrics.c - the pool's metrics: a table of families of the pool, and one of families of its functions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "pool/pages.h"
#include "pool/pools.h"
#include "pool/runner.h"
#include "pool/workers.h"
#include "scoreboard/exposition.h"

/* What all rows are made of. */
struct facts {
	const struct master *m;
	struct router_counters counters;
	struct score_row *rows;
	size_t n_rows;
	const struct function **functions; /* those that have or had workers, by name */
	size_t n_functions;
};

/* ---- of the pool ---- */

static const struct {
	const char *name, *help;
	enum metric_type type;
	size_t offset; /* in router_counters */
} pool_rows[] = {
#define ROW(name, type, field, help)                                                                         \
	{                                                                                                    \
		name, help, type, offsetof(struct router_counters, field)                                    \
	}
	ROW("cfn_connections_accepted", METRIC_COUNTER, connections_accepted, "Connections of web servers."),
	ROW("cfn_connections", METRIC_GAUGE, connections_active, "Connections of web servers that are open."),
	ROW("cfn_requests_active", METRIC_GAUGE, requests_active, "Requests that are not answered yet."),
	ROW("cfn_requests_queued", METRIC_GAUGE, requests_queued, "Requests that wait for a worker."),
	ROW("cfn_workers_busy", METRIC_GAUGE, workers_busy, "Workers that execute a request."),
	ROW("cfn_streams", METRIC_GAUGE, streams_active, "Answers that leave piece by piece."),
	ROW("cfn_max_children_reached", METRIC_COUNTER, max_children_reached,
	    "Times that requests had to wait because a function had all the workers that it may have."),
	ROW("cfn_slow_requests", METRIC_COUNTER, slow_requests, "Requests that the slow log tells of."),
	ROW("cfn_cache_bytes", METRIC_GAUGE, cache_bytes, "Bytes of kept answers."),
	ROW("cfn_cache_entries", METRIC_GAUGE, cache_entries, "Answers that are kept."),
#undef ROW
};

static void
put_pool_rows(struct exposition *x, const struct facts *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(pool_rows); i++) {
		uint64_t n;

		memcpy(&n, (const char *)&f->counters + pool_rows[i].offset, sizeof n);
		exposition_family(x, pool_rows[i].name, pool_rows[i].type, pool_rows[i].help);
		if (pool_rows[i].type == METRIC_COUNTER)
			exposition_counter(x, pool_rows[i].name, NULL, n);
		else
			exposition_gauge(x, pool_rows[i].name, NULL, (double)n);
	}
}

static const char *
level_word(const struct master *m)
{
	switch (m->spawner.ready.level) {
	case ISOLATION_FULL:
		return "full";
	case ISOLATION_STRONG:
		return "strong";
	default:
		return "none";
	}
}

static void
put_info(struct exposition *x, const struct facts *f)
{
	const struct metric_label labels[] = { { "version", PACKAGE_VERSION },
		                               { "isolation", level_word(f->m) },
		                               { NULL, NULL } };

	exposition_family(x, "cfn_pool_info", METRIC_GAUGE, "What the pool is; always 1.");
	exposition_gauge(x, "cfn_pool_info", labels, 1);
}

static void
put_gauge(struct exposition *x, const char *name, const char *help, double n)
{
	exposition_family(x, name, METRIC_GAUGE, help);
	exposition_gauge(x, name, NULL, n);
}

static void
put_master(struct exposition *x, const struct facts *f)
{
	const struct master *m = f->m;
	uint64_t up_s = (clock_now_us() - m->started_us) / 1000000;
	size_t n_serving = 0, n_storms = 0;
	const struct storm *s;
	struct buf text;

	for (size_t i = 0; i < m->n_routers; i++)
		n_serving += m->routers[i].stage == ROUTER_SERVING;
	TAILQ_FOREACH (s, &m->storms.list, link)
		n_storms++;
	buf_init(&text, 4096);
	put_info(x, f);
	put_gauge(x, "cfn_ready", "Whether all is in order, as /readyz says it.", page_ready(m, &text));
	put_gauge(x, "cfn_start_time_seconds", "When the pool was started, since 1970.",
	          (double)((uint64_t)clock_wall_s() - up_s));
	put_gauge(x, "cfn_isolation_level", "2 is full, 1 is strong.", m->spawner.ready.level);
	put_gauge(x, "cfn_cgroup_active", "Whether cgroups hold the limits of memory and CPU.",
	          cgroup_is_open(&m->cgroup));
	put_gauge(x, "cfn_functions", "Functions that are active.", (double)m->functions.n);
	put_gauge(x, "cfn_registry_generation", "Of the registry, as it was read last.",
	          (double)m->mark.generation);
	put_gauge(x, "cfn_published_generation", "Of the registry, as it is served.", (double)m->published);
	put_gauge(x, "cfn_routers", "Routers that are to serve.", (double)m->n_routers);
	put_gauge(x, "cfn_routers_serving", "Routers that serve.", (double)n_serving);
	put_gauge(x, "cfn_processes", "Workers that run.", (double)workers_running(m));
	put_gauge(x, "cfn_processes_limit", "process.max", (double)m->config->process_max);
	put_gauge(x, "cfn_versions_disabled", "Versions that were disabled for their refused calls.",
	          (double)n_storms);
	put_gauge(x, "cfn_audit_failing", "Whether the audit log cannot be written.", m->auditor.is_failing);
	buf_done(&text);
}

static void
put_spares(struct exposition *x, const struct facts *f)
{
	const struct spares_seen *s = &f->m->spares;

	put_gauge(x, "cfn_spare_sandboxes", "Sandboxes that wait for any function.", (double)s->n_waiting);
	put_gauge(x, "cfn_spare_sandboxes_wanted", "How many are to wait.",
	          (double)f->m->config->spare_sandboxes);
	exposition_family(x, "cfn_spare_sandboxes_taken", METRIC_COUNTER, "Workers that began in one.");
	exposition_counter(x, "cfn_spare_sandboxes_taken", NULL, s->n_taken);
	exposition_family(x, "cfn_spare_sandboxes_missed", METRIC_COUNTER, "Workers that found none.");
	exposition_counter(x, "cfn_spare_sandboxes_missed", NULL, s->n_missed);
}

/* A full disk stops nothing, so somebody has to be told. */
static void
put_log_errors(struct exposition *x, const struct facts *f)
{
	const struct {
		const char *log;
		uint64_t n;
	} rows[] = {
		{ "access", f->counters.access_log_errors },
		{ "function", f->counters.function_log_errors },
		{ "error", log_n_lost() },
		{ "slow", f->m->crashes.n_slow_errors },
		{ "crashes", f->m->crashes.n_errors },
	};

	exposition_family(
	    x, "cfn_log_write_errors", METRIC_COUNTER,
	    "Lines, batches of lines, and records of failures that could not be written, by log.");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct metric_label labels[] = { { "log", rows[i].log }, { NULL, NULL } };

		exposition_counter(x, "cfn_log_write_errors", labels, rows[i].n);
	}
}

static void
put_runs(struct exposition *x, const struct facts *f)
{
	struct run_counters c;

	if (!f->m->config->run.is_enabled)
		return;
	runner_counters(f->m, &c);
	exposition_family(x, "cfn_runs", METRIC_COUNTER, "Runs that have ended, by verdict.");
	for (size_t i = 0; i < RUN_STATUSES_MAX; i++) {
		const struct metric_label labels[] = { { "verdict", c.done[i].status }, { NULL, NULL } };

		if (c.done[i].status[0])
			exposition_counter(x, "cfn_runs", labels, c.done[i].n);
	}
	put_gauge(x, "cfn_runs_running", "Runs that are under way.", (double)c.running);
	put_gauge(x, "cfn_runs_queued", "Runs that wait.", (double)c.queued);
	exposition_family(x, "cfn_runs_refused", METRIC_COUNTER, "Runs that were not taken, by reason.");
	exposition_counter(x, "cfn_runs_refused",
	                   (const struct metric_label[]){ { "reason", "share" }, { NULL, NULL } },
	                   c.refused_share);
	exposition_counter(x, "cfn_runs_refused",
	                   (const struct metric_label[]){ { "reason", "queue" }, { NULL, NULL } },
	                   c.refused_full);
	exposition_family(x, "cfn_run_cache_hits", METRIC_COUNTER, "Programs that were compiled already.");
	exposition_counter(x, "cfn_run_cache_hits", NULL, c.cache_hits);
	exposition_family(x, "cfn_run_cache_misses", METRIC_COUNTER, "Programs that had to be compiled.");
	exposition_counter(x, "cfn_run_cache_misses", NULL, c.cache_misses);
	put_gauge(x, "cfn_run_store_bytes", "Bytes of kept results.", (double)c.store_bytes);
}

/* ---- of functions, from the boards ---- */

static void
put_requests(struct exposition *x, const struct facts *f)
{
	exposition_family(
	    x, "cfn_requests", METRIC_COUNTER,
	    "Requests that were answered, by status and, where it was no function's answer, cause.");
	for (size_t i = 0; i < f->n_rows; i++) {
		const struct score_row *row = &f->rows[i];

		for (size_t j = 0; j < SCORE_ANSWERS; j++) {
			const struct score_answers *a = &row->answers[j];
			char status[12] = "other";
			const struct metric_label labels[] = { { "function", row->function },
				                               { "status", status },
				                               { "cause", cause_word((enum cause)a->cause) },
				                               { NULL, NULL } };

			if (a->n == 0)
				continue;
			if (a->status > 0)
				snprintf(status, sizeof status, "%u", (unsigned)a->status);
			exposition_counter(x, "cfn_requests", labels, a->n);
		}
	}
}

static const struct {
	const char *name, *help;
	size_t offset; /* in score_row */
} histogram_rows[] = {
	{ "cfn_request_duration_seconds", "From a request's first byte to its answer.",
	  offsetof(struct score_row, duration_us) },
	{ "cfn_queue_wait_seconds", "From a request's last byte to its worker.",
	  offsetof(struct score_row, queue_us) },
	{ "cfn_request_cpu_seconds", "CPU time of requests; of fast ones the mean of some together.",
	  offsetof(struct score_row, cpu_us) },
};

static void
put_histograms(struct exposition *x, const struct facts *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(histogram_rows); i++) {
		exposition_family(x, histogram_rows[i].name, METRIC_HISTOGRAM, histogram_rows[i].help);
		for (size_t j = 0; j < f->n_rows; j++) {
			const void *h = (const char *)&f->rows[j] + histogram_rows[i].offset;

			if (score_count(h) > 0)
				exposition_histogram(x, histogram_rows[i].name, f->rows[j].function, h,
				                     &metric_seconds);
		}
	}
}

static const struct {
	const char *name, *help;
	size_t offset; /* in score_row */
} counter_rows[] = {
	{ "cfn_cold_starts", "Requests that found no worker of their function.",
	  offsetof(struct score_row, cold_starts) },
	{ "cfn_cache_hits", "Requests that were answered with a kept answer.",
	  offsetof(struct score_row, cache_hits) },
	{ "cfn_cache_misses", "Requests whose answer could have been kept, and was not there.",
	  offsetof(struct score_row, cache_misses) },
};

static void
put_function_counter(struct exposition *x, const char *name, const char *function, uint64_t n)
{
	exposition_counter(x, name, (const struct metric_label[]){ { "function", function }, { NULL, NULL } },
	                   n);
}

static void
put_counters(struct exposition *x, const struct facts *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(counter_rows); i++) {
		exposition_family(x, counter_rows[i].name, METRIC_COUNTER, counter_rows[i].help);
		for (size_t j = 0; j < f->n_rows; j++) {
			uint64_t n;

			memcpy(&n, (const char *)&f->rows[j] + counter_rows[i].offset, sizeof n);
			if (f->rows[j].function[0])
				put_function_counter(x, counter_rows[i].name, f->rows[j].function, n);
		}
	}
}

/* ---- of functions, as the master knows it ---- */

static const struct {
	const char *name, *help;
	size_t offset; /* in function_counts */
} count_rows[] = {
	{ "cfn_worker_starts", "Workers that were started.", offsetof(struct function_counts, n_starts) },
	{ "cfn_worker_restarts", "Workers that crashed or were ended for what they did.",
	  offsetof(struct function_counts, n_crashes) },
	{ "cfn_denied_calls", "System calls that were refused.", offsetof(struct function_counts, n_denied) },
};

static void
put_counts(struct exposition *x, const struct facts *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(count_rows); i++) {
		exposition_family(x, count_rows[i].name, METRIC_COUNTER, count_rows[i].help);
		for (size_t j = 0; j < f->n_functions; j++) {
			uint64_t n;

			memcpy(&n, (const char *)&f->functions[j]->counts + count_rows[i].offset, sizeof n);
			put_function_counter(x, count_rows[i].name, f->functions[j]->name, n);
		}
	}
	exposition_family(x, "cfn_worker_memory_peak_bytes", METRIC_HISTOGRAM,
	                  "Highest use of memory of workers that have ended.");
	for (size_t j = 0; j < f->n_functions; j++)
		if (score_count(&f->functions[j]->counts.memory_kb) > 0)
			exposition_histogram(x, "cfn_worker_memory_peak_bytes", f->functions[j]->name,
			                     &f->functions[j]->counts.memory_kb, &metric_bytes);
}

static const struct {
	const char *word;
	unsigned stages;
} states[] = {
	{ "starting", STAGE_BIT(WORKER_STARTING) },
	{ "ready", STAGES_READY },
	{ "ending", STAGE_BIT(WORKER_RETIRING) | STAGE_BIT(WORKER_ENDING) },
};

static void
put_workers(struct exposition *x, const struct facts *f)
{
	exposition_family(x, "cfn_workers", METRIC_GAUGE, "Workers of the version that is served, by state.");
	for (size_t i = 0; i < f->n_functions; i++) {
		const struct function *one = f->functions[i];

		for (size_t j = 0; one->serving && j < ARRAY_SIZE(states); j++) {
			const struct metric_label labels[] = { { "function", one->name },
				                               { "state", states[j].word },
				                               { NULL, NULL } };

			exposition_gauge(x, "cfn_workers", labels,
			                 (double)pool_count(one->serving, states[j].stages));
		}
	}
}

/* ---- all of it ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(const struct function *const *)a)->name, (*(const struct function *const *)b)->name);
}

static bool
has_workers(const struct function *f)
{
	return f->serving && !TAILQ_EMPTY(&f->serving->workers);
}

/* As many as there are rows on a board: that is what bounds the text. */
static int
collect_functions(struct facts *f)
{
	f->functions = calloc(f->m->functions.n + 1, sizeof *f->functions);
	if (!f->functions)
		return -1;
	for (struct node *n = table_next(&f->m->functions, NULL); n; n = table_next(&f->m->functions, n)) {
		const struct function *one = (const struct function *)n;

		if ((one->counts.n_starts > 0 || has_workers(one)) && f->n_functions < SCORE_ROWS)
			f->functions[f->n_functions++] = one;
	}
	qsort(f->functions, f->n_functions, sizeof f->functions[0], by_name);
	return 0;
}

static bool
is_known(const void *master, const char *name)
{
	const struct master *m = master;
	const struct node *n = table_find(&m->functions, table_key_of(name));

	while (n && strcmp(((const struct function *)n)->name, name) != 0)
		n = table_find_next(n);
	return n != NULL;
}

static void (*const parts[])(struct exposition *, const struct facts *) = {
	put_master,     put_spares,   put_pool_rows, put_log_errors, put_requests,
	put_histograms, put_counters, put_counts,    put_workers,    put_runs,
};

int
page_metrics(const struct master *m, bool is_openmetrics, struct buf *text, struct err *e)
{
	const struct scoreboard *boards[ROUTERS_MAX];
	struct exposition x = { .text = text, .is_openmetrics = is_openmetrics };
	struct facts f = { .m = m };
	int n = scoreboard_sum(boards, pages_boards(m, boards), &f.rows, e);

	if (n < 0)
		return n;
	f.n_rows = scoreboard_keep(f.rows, (size_t)n, is_known, m);
	pages_counters(m, &f.counters);
	if (collect_functions(&f) < 0)
		n = err_set(e, ENOMEM, "metrics");
	for (size_t i = 0; n >= 0 && i < ARRAY_SIZE(parts); i++)
		parts[i](&x, &f);
	free(f.rows);
	free(f.functions);
	if (n >= 0 && exposition_end(&x) < 0)
		n = err_set(e, -ENOSPC, "more than %d bytes", PAGE_TEXT_MAX);
	return n < 0 ? n : 0;
}
