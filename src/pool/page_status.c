/* page_status.c - the status page: php-fpm's keys in php-fpm's order, and behind them some of ours.
 *
 * Whatever a router says of a worker is shown only of one that it has. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "pool/lanes.h"
#include "pool/pages.h"
#include "pool/pools.h"
#include "pool/workers.h"

enum { KEY_WIDTH = 21, TIME_SIZE = 32 };

static void
put(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

/* What clients wrote: whatever is no plain text is escaped. */
static void
put_text(json_t *o, const char *key, const char *text)
{
	char shown[512];

	log_escape(shown, sizeof shown, text, strlen(text));
	json_object_set_new(o, key, json_string(shown));
}

/* The registry's file without its ending. */
static void
put_name(json_t *o, const struct master *m)
{
	const char *slash = strrchr(m->config->registry, '/');
	const char *name = slash ? slash + 1 : m->config->registry;
	char text[CONFIG_PATH_MAX];

	snprintf(text, sizeof text, "%.*s", (int)strcspn(name, "."), name);
	put_text(o, "pool", text);
}

/* Of whole seconds the start would be now one, now another, by when it is asked for. */
static void
put_since(json_t *o, uint64_t started_us)
{
	uint64_t ms = (clock_now_us() - started_us) / 1000;

	put(o, "start time", ((uint64_t)clock_wall_ms() - ms) / 1000);
	put(o, "start since", ms / 1000);
}

static size_t
count_workers(const struct master *m, unsigned stages)
{
	size_t n = 0;

	for (struct node *node = table_next(&m->workers, NULL); node; node = table_next(&m->workers, node)) {
		const struct worker *w = (const struct worker *)node;

		n += (stages & STAGE_BIT(w->stage)) != 0 && !worker_is_lane(w);
	}
	return n;
}

static json_t *
summary(const struct master *m)
{
	json_t *o = json_object();
	size_t total = count_workers(m, ~0U),
	       live = count_workers(m, STAGES_READY | STAGE_BIT(WORKER_RETIRING));
	struct router_counters c;

	pages_counters(m, &c);
	put_name(o, m);
	put_text(o, "process manager", policy_pm_word(m->config->defaults.pm));
	put_since(o, m->started_us);
	put(o, "accepted conn", c.connections_accepted);
	put(o, "listen queue", c.requests_queued);
	put(o, "max listen queue", c.requests_queued_max);
	put(o, "listen queue len", m->config->defaults.queue);
	put(o, "idle processes", live > c.workers_busy ? live - c.workers_busy : 0);
	put(o, "active processes", c.workers_busy);
	put(o, "total processes", total);
	put(o, "max active processes", c.workers_busy_max);
	put(o, "max children reached", c.max_children_reached);
	put(o, "slow requests", c.slow_requests);
	put(o, "requests", c.requests);
	put(o, "active requests", c.requests_active);
	put(o, "functions", m->functions.n);
	put(o, "generation", c.generation);
	return o;
}

/* ---- each worker ---- */

static const char *const stage_words[] = {
	[WORKER_STARTING] = "Starting", [WORKER_READY] = "Idle",         [WORKER_LEASED] = "Idle",
	[WORKER_MOVING] = "Idle",       [WORKER_RETIRING] = "Finishing", [WORKER_ENDING] = "Ending",
};

static void
put_script(json_t *o, const struct worker *w)
{
	char text[NAME_MAX_SIZE + 16];

	snprintf(text, sizeof text, "%s v%u", w->pool->start.function, w->pool->start.version);
	put_text(o, "script", text);
}

/* said is of a router that has it, or NULL. */
static json_t *
process(const struct worker *w, const struct score_worker *said)
{
	static const struct score_worker nothing;
	const struct score_worker *s = said ? said : &nothing;
	json_t *o = json_object();

	put(o, "pid", (uint64_t)w->pid);
	put_text(o, "state", s->is_running ? "Running" : stage_words[w->stage]);
	put_since(o, w->started_us);
	put(o, "requests", said ? s->n_served : w->n_served);
	put(o, "request duration", s->duration_us);
	put_text(o, "request method", s->method[0] ? s->method : "-");
	put_text(o, "request uri", s->path[0] ? s->path : "-");
	put(o, "content length", s->content_length);
	put_text(o, "user", s->user[0] ? s->user : "-");
	put_script(o, w);
	put(o, "cpu time", s->cpu_us);
	put(o, "memory peak", w->pool->memory_peak_kb * 1024);
	return o;
}

static void
append_leased(const struct master *m, const struct router *router, json_t *list)
{
	size_t n = router->board && router->stage != ROUTER_DOWN ? scoreboard_n_workers(router->board) : 0;

	for (size_t i = 0; i < n; i++) {
		struct score_worker said;
		struct worker *w;

		scoreboard_worker(router->board, i, &said);
		w = worker_find(m, said.id);
		if (!w || w->router != router || worker_is_lane(w) || w->is_shown)
			continue;
		w->is_shown = true;
		json_array_append_new(list, process(w, &said));
	}
}

static json_t *
processes(const struct master *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_routers; i++)
		append_leased(m, &m->routers[i], list);
	for (struct node *n = table_next(&m->workers, NULL); n; n = table_next(&m->workers, n)) {
		struct worker *w = (struct worker *)n;

		if (!w->is_shown && !worker_is_lane(w))
			json_array_append_new(list, process(w, NULL));
		w->is_shown = false;
	}
	return list;
}

/* ---- as text ---- */

/* As php-fpm and access logs have it. */
static void
put_time(struct buf *text, const char *key, json_int_t at)
{
	time_t t = (time_t)at;
	char shown[TIME_SIZE];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(shown, sizeof shown, "%d/%b/%Y:%H:%M:%S +0000", &tm);
	buf_printf(text, "%s:%*s%s\n", key, (int)(KEY_WIDTH - strlen(key)), "", shown);
}

static void
put_lines(struct buf *text, json_t *o)
{
	const char *key;
	json_t *value;

	json_object_foreach(o, key, value)
	{
		int pad = (int)(KEY_WIDTH - strlen(key));

		if (strcmp(key, "start time") == 0)
			put_time(text, key, json_integer_value(value));
		else if (json_is_string(value))
			buf_printf(text, "%s:%*s%s\n", key, pad, "", json_string_value(value));
		else
			buf_printf(text, "%s:%*s%lld\n", key, pad, "", (long long)json_integer_value(value));
	}
}

static void
put_json(struct buf *text, const json_t *o)
{
	char *dump = json_dumps(o, JSON_COMPACT);

	if (dump)
		buf_printf(text, "%s\n", dump);
	free(dump);
}

void
page_status(const struct master *m, bool is_full, bool is_json, struct buf *text)
{
	json_t *o = summary(m), *list = is_full ? processes(m) : NULL, *one;
	size_t i;

	if (is_json) {
		if (list)
			json_object_set(o, "processes", list);
		put_json(text, o);
	} else {
		put_lines(text, o);
		json_array_foreach(list, i, one)
		{
			buf_printf(text, "\n************************\n");
			put_lines(text, one);
		}
	}
	json_decref(list);
	json_decref(o);
}
