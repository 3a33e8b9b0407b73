/* lanes.c - the runner's function: its pool, its routes, and the lanes of its routers. */
#include "pool/lanes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "http/http.h"
#include "pool/pools.h"
#include "pool/routers.h"
#include "pool/runner.h"
#include "pool/workers.h"

enum { IDLE_TIMEOUT_MS = 10 * 1000 };

/* The registry's ids are below. */
#define FIRST_VERSION (UINT64_C(1) << 63)

/* ---- the function ---- */

static const struct lane_route runner_routes[] = {
	{ "", HTTP_GET | HTTP_POST },
	{ "/*", HTTP_GET | HTTP_DELETE },
};

/* Every run that may be under way or wait has one, and questions have some more. */
static uint32_t
most_lanes(const struct start_runner *values)
{
	return values->max_concurrent + values->queue + RUN_LANES_ASIDE;
}

static void
fill_public(struct snapshot_function *f, const struct start_runner *values, uint32_t auth)
{
	f->wall_ms = f->stream_idle_ms = (uint32_t)(values->total_ms + RUN_WALL_MARGIN_MS);
	f->max_workers = f->queue = most_lanes(values);
	f->auth = auth;
	f->body_max = RUN_BODY_MAX;
}

int
lanes_pool_init(struct master *m, struct pool *pool, const struct lane_kind *kind, const char *path,
                struct err *e)
{
	struct snapshot_function *f = &pool->public;

	pool->routes = calloc(kind->n_routes, sizeof *pool->routes);
	if (!pool->routes)
		return err_set(e, ENOMEM, "routes of %s", kind->what);
	for (size_t i = 0; i < kind->n_routes; i++) {
		struct registry_route *r = &pool->routes[i];

		r->methods = kind->routes[i].methods;
		snprintf(r->pattern, sizeof r->pattern, "%s%s", path, kind->routes[i].below);
	}
	pool->n_routes = kind->n_routes;
	pool->lanes = kind;
	TAILQ_INIT(&pool->workers);
	pool->artifact = pool->environment = -1;
	pool->approval = APPROVAL_GIVEN;
	pool->concurrency = CONCURRENCY_ANY;
	pool->start.version = f->version = ++m->n_lane_versions;
	f->version_id = FIRST_VERSION + m->n_lane_versions;
	f->is_enabled = f->is_run = 1;
	f->cpu_ms = f->denied_max = UINT32_MAX;
	f->idle_timeout_ms = IDLE_TIMEOUT_MS;
	f->output_max = RUN_ANSWER_MAX;
	snprintf(f->name, sizeof f->name, "%s", kind->function);
	snprintf(pool->start.function, sizeof pool->start.function, "%s", kind->function);
	return 0;
}

static struct channel *
runner_channel(struct master *m)
{
	return &m->runner.channel;
}

static const struct lane_kind runner_kind = { .what = "the runner",
	                                      .function = RUNNER_FUNCTION,
	                                      .routes = runner_routes,
	                                      .n_routes = ARRAY_SIZE(runner_routes),
	                                      .serves = runner_serves,
	                                      .channel = runner_channel };

int
lanes_pool_new(struct master *m, const struct start_runner *values, uint32_t auth, struct pool **made,
               struct err *e)
{
	struct pool *pool = calloc(1, sizeof *pool);
	int rc = pool ? 0 : err_set(e, ENOMEM, "the runner's function");

	if (rc == 0 && !(pool->runner = malloc(sizeof *pool->runner)))
		rc = err_set(e, ENOMEM, "the runner's function");
	if (rc == 0)
		rc = lanes_pool_init(m, pool, &runner_kind, values->path, e);
	if (rc < 0) {
		if (pool)
			free(pool->runner);
		free(pool);
		return rc;
	}
	*pool->runner = *values;
	pool->streams = most_lanes(values);
	fill_public(&pool->public, values, auth);
	*made = pool;
	return 0;
}

int
runner_settle(struct master *m, struct err *e)
{
	struct function *f = &m->runner.function;
	const struct config_run *c = &m->config->run;
	struct pool *old = f->wanted, *pool = NULL;
	struct start_runner values;

	config_run_fill(c, cgroup_is_open(&m->cgroup), &values);
	values.level = m->spawner.ready.level;
	values.languages = m->runner.languages;
	snprintf(values.location, sizeof values.location, "%s%s", m->config->mount_prefix, c->path);
	if (c->is_enabled && old && old->public.auth == c->auth &&
	    memcmp(&values, old->runner, sizeof values) == 0)
		return 0;
	if (c->is_enabled && lanes_pool_new(m, &values, (uint32_t)c->auth, &pool, e) < 0)
		return -e->code;
	if (pool && pool_insert(m, pool, e) < 0) {
		pool_free(m, pool);
		return -e->code;
	}
	if (pool)
		pool->function = f;
	f->wanted = pool;
	if (old)
		pool_drop_unused(m, old);
	return 0;
}

int
runner_check_routes(const struct master *m, const struct registry_route *list, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (config_management_reserves(&m->config->management, list[i].pattern))
			return err_set(e, -EEXIST,
			               "route %s is reserved: functions are managed at and below %s (see "
			               "[management] in cfn.conf)",
			               list[i].pattern, m->config->management.path);
	for (size_t i = 0; i < n; i++)
		if (config_run_reserves(&m->config->run, list[i].pattern))
			return err_set(
			    e, -EEXIST,
			    "route %s is reserved: what is at and below %s runs anybody's programs "
			    "(see [run] in cfn.conf)",
			    list[i].pattern, m->config->run.path);
	return 0;
}

/* ---- its lanes ---- */

static void
lane_is_over(void *context, void *owner)
{
	struct master *m = context;
	struct worker *w = owner;
	struct pool *pool = w->pool;

	worker_free(m, w);
	m->n_lanes--;
	leases_serve(m, pool);
	pool_drop_unused(m, pool);
	drain_check(m);
}

/* Not at once: whoever asks for it may still hold it. */
void
lane_end(struct master *m, struct worker *w)
{
	if (w->stage == WORKER_ENDING)
		return;
	w->stage = WORKER_ENDING;
	w->is_stopping = true;
	w->is_stream = false;
	w->router = w->next_router = NULL;
	w->timer.fire = lane_is_over;
	timer_arm(&m->loop, &w->timer, 0);
}

void
lane_kill(struct master *m, struct worker *w, enum cause cause)
{
	const struct worker_ended told = { .worker = (uint32_t)w->by_id.key, .cause = cause };

	if (w->stage == WORKER_ENDING)
		return;
	if (w->router)
		channel_send(&w->router->channel, MSG_WORKER_ENDED, &told, sizeof told, NULL, 0);
	if (cause != CAUSE_UNAVAILABLE)
		log_line(LOG_WARNING, "a request to %s was cut off: %s", w->pool->lanes->what,
		         cause_word(cause));
	lane_end(m, w);
}

void
lanes_kill_all_of(struct master *m, const struct lane_kind *kind, enum cause cause)
{
	for (struct node *n = table_next(&m->workers, NULL); n; n = table_next(&m->workers, n))
		if (((struct worker *)n)->pool->lanes == kind)
			lane_kill(m, (struct worker *)n, cause);
}

void
lanes_kill_all(struct master *m, enum cause cause)
{
	lanes_kill_all_of(m, &runner_kind, cause);
}

/* The end of a pipe that nobody writes to: a lane has no output. */
static int
open_output(struct worker *w, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	w->output = ends[0];
	close(ends[1]);
	return 0;
}

static int
lane_open(struct master *m, struct pool *pool, struct router *router, struct err *e)
{
	struct worker *w = worker_new(m, pool, e);
	struct process_ref ref;
	int pair[2] = { -1, -1 };

	if (!w)
		return -e->code;
	if (message_pair(pair, e) < 0 || open_output(w, e) < 0) {
		fd_close(&pair[0]);
		fd_close(&pair[1]);
		worker_free(m, w);
		return -e->code;
	}
	ref.id = (uint32_t)w->by_id.key;
	m->n_lanes++;
	channel_send(pool->lanes->channel(m), MSG_LANE, &ref, sizeof ref, &pair[1], 1);
	w->requests = pair[0];
	worker_lease(m, w, router);
	fd_close(&pair[1]);
	fd_close(&w->requests);
	fd_close(&w->output);
	return 0;
}

static size_t
count_lanes(const struct pool *pool)
{
	const struct worker *w;
	size_t n = 0;

	TAILQ_FOREACH (w, &pool->workers, link)
		n++;
	return n;
}

/* One for each router in turn.  False: nobody waits, or there are enough. */
static bool
serve_round(struct master *m, struct pool *pool)
{
	bool is_opened = false;
	struct err e;

	for (size_t i = 0; i < m->n_routers; i++) {
		struct router *router = &m->routers[i];

		if (pool->waiting[i] == 0 || !router_is_serving(router) ||
		    count_lanes(pool) >= pool->public.max_workers)
			continue;
		if (lane_open(m, pool, router, &e) < 0) {
			log_line(LOG_ERR, "a lane to %s: %s", pool->lanes->what, e.text);
			return false;
		}
		is_opened = true;
	}
	return is_opened;
}

void
lanes_serve(struct master *m, struct pool *pool)
{
	if (!pool->lanes->serves(m, pool)) {
		if (pool->start_failure != CAUSE_NONE)
			leases_refuse(m, pool, pool->start_failure);
		return;
	}
	while (serve_round(m, pool))
		;
}
