/* rollout.c - from the registry to the routers: what is wanted is started where it has to be, published. */
#include "pool/rollout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "pool/approvals.h"
#include "pool/loading.h"
#include "pool/manager.h"
#include "pool/pools.h"
#include "pool/routers.h"
#include "pool/runner.h"
#include "pool/tokens.h"
#include "pool/workers.h"

enum {
	PUBLISH_DELAY_MS = 1, /* versions that become ready together are published together */
	RETRY_MIN_MS = 1000,  /* of a new version that cannot start, or a snapshot that cannot be made */
};

/* A new version replaces one that serves only when it has a worker; nothing has to wait for the first
 * publication, a new function, or one that is switched off. */
static bool
may_be_published(const struct master *m, const struct function *f)
{
	if (f->wanted == f->serving || !f->serving || m->snapshot < 0)
		return true;
	return f->wanted->approval != APPROVAL_REFUSED &&
	       (!f->wanted->public.is_enabled || pool_count(f->wanted, STAGES_READY) > 0);
}

static struct pool *
next_serving(const struct master *m, const struct function *f)
{
	if (!f->wanted)
		return NULL;
	return may_be_published(m, f) ? f->wanted : f->serving;
}

struct drawing {
	const struct snapshot_function **functions;
	struct snapshot_route *routes;
	size_t n_functions, n_routes;
};

/* From before the path was the runner's; of what is deployed now the vote says so. */
static bool
is_lost(struct master *m, struct pool *pool, const struct registry_route *route)
{
	const char *path = config_run_reserves(&m->config->run, route->pattern) ? m->config->run.path
	                   : config_management_reserves(&m->config->management, route->pattern)
	                       ? m->config->management.path
	                       : NULL;

	if (pool->lanes || !path)
		return false;
	if (!pool->has_said_lost)
		log_line(LOG_ERR, "function '%s' version %u loses its route %s: %s is not for functions",
		         pool->public.name, pool->public.version, route->pattern, path);
	return true;
}

static void
draw_pool(struct master *m, struct drawing *d, struct pool *pool)
{
	bool has_lost = false;

	for (size_t i = 0; i < pool->n_routes; i++) {
		if (is_lost(m, pool, &pool->routes[i])) {
			has_lost = true;
			continue;
		}
		d->routes[d->n_routes++] = (struct snapshot_route){
			.pattern = pool->routes[i].pattern,
			.methods = pool->routes[i].methods,
			.function = (uint32_t)d->n_functions,
			.index = pool->routes[i].index,
		};
	}
	pool->has_said_lost = has_lost;
	d->functions[d->n_functions++] = &pool->public;
}

/* A sealed snapshot of what every function is to serve next. */
static int
draw_snapshot(struct master *m, struct err *e)
{
	AUTO_FREE const struct snapshot_function **functions = NULL;
	AUTO_FREE struct snapshot_route *routes = NULL;
	struct drawing d = { 0 };
	size_t n_routes = 0;
	struct node *n;

	for (n = table_next(&m->functions, NULL); n; n = table_next(&m->functions, n)) {
		struct function *f = (struct function *)n;

		f->next = next_serving(m, f);
		n_routes += f->next ? f->next->n_routes : 0;
	}
	m->runner.function.next = m->runner.function.wanted;
	if (m->runner.function.next)
		n_routes += m->runner.function.next->n_routes;
	m->manager.function.next = m->manager.function.wanted;
	if (m->manager.function.next)
		n_routes += m->manager.function.next->n_routes;
	functions = calloc(m->functions.n + 3, sizeof *functions);
	routes = calloc(n_routes + 1, sizeof *routes);
	if (!functions || !routes)
		return err_set(e, ENOMEM, "snapshot");
	d.functions = functions;
	d.routes = routes;
	for (n = table_next(&m->functions, NULL); n; n = table_next(&m->functions, n)) {
		struct pool *pool = ((struct function *)n)->next;

		if (pool)
			draw_pool(m, &d, pool);
	}
	if (m->runner.function.next)
		draw_pool(m, &d, m->runner.function.next);
	if (m->manager.function.next)
		draw_pool(m, &d, m->manager.function.next);
	return snapshot_build_from(m->mark.generation, d.functions, d.n_functions, d.routes, d.n_routes, e);
}

void
rollout_has_failed(struct master *m, struct pool *pool, const char *reason)
{
	uint64_t left = backoff_left(&pool->backoff, clock_now_us()), least = RETRY_MIN_MS * UINT64_C(1000);
	const struct pool *serving;

	if (!pool_is_wanted(pool))
		return;
	serving = pool->function->serving;
	if (pool->start_failure == CAUSE_NONE)
		log_line(LOG_ERR, "function '%s' version %u cannot start: %s; version %u goes on serving",
		         pool->public.name, pool->public.version, reason,
		         serving ? serving->public.version : 0);
	pool->start_failure = CAUSE_UNAVAILABLE;
	timer_arm(&m->loop, &pool->retry, left > least ? left : least);
}

static void
start_wanted(struct master *m, struct pool *pool)
{
	uint64_t left = backoff_left(&pool->backoff, clock_now_us());
	struct err e;

	if (pool_count(pool, STAGES_LIVE) > 0 || pool->retry.due_us != 0 || approval_check(m, pool, &e) < 0)
		return;
	if (left == 0 && worker_start(m, pool, &e) < 0) {
		rollout_has_failed(m, pool, e.text);
		return;
	}
	if (left > 0)
		timer_arm(&m->loop, &pool->retry, left);
}

/* After the snapshot has left: f serves what it says. */
static void
switch_function(struct master *m, struct function *f)
{
	struct pool *old = f->serving, *next = f->next;

	f->serving = next;
	f->is_changed = false;
	if (old && old != next) {
		memset(old->waiting, 0, sizeof old->waiting);
		pool_drain(m, old);
		pool_drop_unused(m, old);
	}
	if (next && !next->public.is_enabled)
		pool_drain(m, next);
	else if (next)
		leases_serve(m, next);
	if (f->wanted && f->wanted != f->serving)
		start_wanted(m, f->wanted);
}

static void
function_free(struct master *m, struct function *f)
{
	for (struct node *n = table_next(&m->pools, NULL); n; n = table_next(&m->pools, n))
		if (((struct pool *)n)->function == f)
			((struct pool *)n)->function = NULL;
	table_remove(&m->functions, &f->by_name);
	free(f);
}

static void
switch_all(struct master *m)
{
	struct node *n = table_next(&m->functions, NULL);

	while (n) {
		struct node *next = table_next(&m->functions, n);
		struct function *f = (struct function *)n;

		/* Of many functions most go on as they are. */
		if (f->is_changed || f->serving != f->next || f->serving != f->wanted)
			switch_function(m, f);
		if (!f->serving && !f->wanted)
			function_free(m, f);
		n = next;
	}
	switch_function(m, &m->runner.function);
	runner_follow(m);
	switch_function(m, &m->manager.function);
	manager_follow(m);
}

static int
publish(struct master *m, struct err *e)
{
	int fd = draw_snapshot(m, e);

	timer_cancel(&m->loop, &m->publish);
	if (fd >= 0 && token_list_follow(m, e) < 0)
		fd_close(&fd);
	if (fd < 0)
		return -e->code;
	routers_tell(m, MSG_SNAPSHOT, &fd, 1);
	switch_all(m);
	/* Only now: the first one asks for no ready workers. */
	fd_close(&m->snapshot);
	m->snapshot = fd;
	m->published = m->mark.generation;
	return 0;
}

/* A route may have moved from one function to another one that is not ready: then the last snapshot stays
 * until both are, which somebody tells.  Of whatever else ran out nobody tells when there is some again. */
static void
publish_or_complain(void *context, void *owner)
{
	struct master *m = context;
	struct err e;
	int rc = publish(m, &e);

	(void)owner;
	m->is_publish_short = rc < 0 && rc != -EEXIST;
	if (rc == 0) {
		m->is_publish_failing = false;
		return;
	}
	if (m->is_publish_short)
		timer_arm(&m->loop, &m->publish, RETRY_MIN_MS * UINT64_C(1000));
	if (!m->is_publish_failing)
		log_line(LOG_WARNING, "generation %" PRIu64 " is not published yet: %s", m->mark.generation,
		         e.text);
	m->is_publish_failing = true;
}

void
rollout_init(struct master *m)
{
	m->snapshot = -1;
	m->publish = (struct timer){ .fire = publish_or_complain };
	TAILQ_INIT(&m->hungry);
	TAILQ_INIT(&m->artifacts);
}

/* Starts what publishing waits for even if the snapshot cannot be built meanwhile. */
static void
start_all_wanted(struct master *m)
{
	for (struct node *n = table_next(&m->functions, NULL); n; n = table_next(&m->functions, n)) {
		struct function *f = (struct function *)n;

		if (f->wanted && !may_be_published(m, f))
			start_wanted(m, f->wanted);
	}
}

int
rollout_load(struct master *m, struct err *e)
{
	int rc;

	storms_check(m);
	rc = loading_run(m, m->is_load_forced, e);
	if (rc < 0)
		return rc;
	m->is_load_forced = false;
	approvals_go_on(m);
	if (m->snapshot < 0)
		return publish(m, e);
	publish_or_complain(m, NULL);
	start_all_wanted(m);
	return 0;
}

int
rollout_test(struct master *m, struct err *e)
{
	int rc = loading_run(m, true, e), fd;

	if (rc < 0)
		return rc;
	fd = draw_snapshot(m, e);
	if (fd < 0)
		return fd;
	fd_close(&fd);
	return 0;
}

void
rollout_publish_soon(struct master *m)
{
	if (m->publish.due_us == 0)
		timer_arm(&m->loop, &m->publish, PUBLISH_DELAY_MS * UINT64_C(1000));
}

void
rollout_is_ready(struct master *m, struct pool *pool)
{
	if (pool_is_wanted(pool))
		rollout_publish_soon(m);
}

void
rollout_retry(struct master *m, struct pool *pool)
{
	if (pool_is_wanted(pool))
		start_wanted(m, pool);
}

size_t
rollout_n_pending(const struct master *m)
{
	size_t n = 0;

	for (struct node *node = table_next(&m->functions, NULL); node;
	     node = table_next(&m->functions, node)) {
		const struct function *f = (const struct function *)node;

		if (f->wanted != f->serving)
			n++;
	}
	return n;
}
