/* pools.c - the workers of one version, as a whole. */
#include "pool/pools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "pool/approvals.h"
#include "pool/repeats.h"
#include "pool/rollout.h"
#include "pool/workers.h"

static uint32_t
saturate(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static uint32_t
least(uint64_t a, uint64_t b)
{
	return saturate(a < b ? a : b);
}

static void
fill_start(struct pool *pool, const struct registry_version *v, const struct function_policy *p)
{
	struct start_worker *s = &pool->start;

	s->memory = p->memory;
	s->tmp_size = p->tmp_size;
	s->file_size = p->file_size;
	s->tmp_inodes = saturate(p->tmp_inodes);
	s->threads = saturate(p->threads);
	s->cpu_share = p->cpu_share < CPU_SHARE_ANY ? saturate(p->cpu_share) : 0;
	s->files = saturate(p->files);
	s->is_fresh = p->mode == MODE_FRESH;
	s->version = v->number;
	s->shared_read_only = p->shared_read_only != 0;
	snprintf(s->function, sizeof s->function, "%s", v->function);
	snprintf(s->shared, sizeof s->shared, "%s", p->shared);
	snprintf(s->entry, sizeof s->entry, "%s", v->entry);
}

/* Who writes the registry does not say what is loaded from this machine: that is the configuration's. */
static void
fill_grants(struct pool *pool, const struct config *c, const struct function_policy *p)
{
	struct err e;

	snprintf(pool->start.sockets, sizeof pool->start.sockets, "%s", p->sockets);
	if (libraries_resolve(&c->libraries, p->links, pool->start.libraries, &e) < 0 ||
	    config_check_sockets(c, p->sockets, &e) < 0)
		pool->forbidden = strdup(e.text);
}

_Static_assert((int)SNAPSHOT_ORIGINS_SIZE == (int)POLICY_ORIGINS_SIZE, "a list is there as a whole");

static void
fill_public(struct pool *pool, const struct registry_version *v, const struct function_policy *p)
{
	struct snapshot_function *f = &pool->public;

	f->version_id = (uint64_t)v->id;
	f->version = v->number;
	f->is_enabled = v->is_enabled;
	f->wall_ms = saturate(p->wall_ms);
	f->cpu_ms = saturate(p->cpu_ms);
	f->stream_idle_ms = saturate(p->stream_idle_ms);
	f->slow_ms = saturate(p->slow_ms);
	f->idle_timeout_ms = saturate(p->idle_timeout_ms);
	f->queue = saturate(p->queue);
	f->denied_max = saturate(p->denied_limit);
	f->max_requests = saturate(p->max_requests);
	f->auth = saturate(p->auth);
	f->body_max = p->body_max;
	f->output_max = p->output_max;
	f->memory = p->memory;
	f->has_session = p->uses_session != 0;
	f->session_is_secure = p->session_cookie == SESSION_COOKIE_SECURE;
	f->session_s = saturate(p->session_ms / 1000);
	f->session_length_s = saturate(p->session_length_ms / 1000);
	f->cache_ms = p->cache_ms;
	snprintf(f->name, sizeof f->name, "%s", v->function);
	snprintf(f->origins, sizeof f->origins, "%s", p->origins);
}

static void
fill_bounds(struct pool *pool, const struct function_policy *p)
{
	pool->streams = saturate(p->streams);
	pool->concurrency = p->is_exclusive ? 1 : saturate(p->concurrency);
	pool->public.max_workers = least(p->max_children, pool->concurrency);
}

static void
fill_denied(struct pool *pool, const struct function_policy *p)
{
	pool->denied.max_calls = p->denied_calls;
	pool->denied.max_kills = p->denied_kills;
	pool->denied.window_ms = p->denied_window_ms;
}

static bool
counts_alike(const struct pool *a, const struct pool *b)
{
	return a->denied.max_calls == b->denied.max_calls && a->denied.max_kills == b->denied.max_kills &&
	       a->denied.window_ms == b->denied.window_ms;
}

static void
fill_manager(struct pool *pool, const struct function_policy *p)
{
	const uint64_t minimum[] = {
		[PM_ONDEMAND] = 0,
		[PM_DYNAMIC] = p->min_spare,
		[PM_STATIC] = UINT32_MAX,
	};

	pool->manager = p->pm <= PM_STATIC ? (enum process_manager)p->pm : PM_ONDEMAND;
	pool->min_workers = least(minimum[pool->manager], pool->public.max_workers);
}

static void
retry_now(void *context, void *owner)
{
	struct master *m = context;
	struct pool *pool = owner;

	rollout_retry(m, pool);
	leases_serve(m, pool);
}

static void
vote_is_over(void *context, void *owner)
{
	struct master *m = context;
	struct pool *pool = owner;

	if (!pool_is_serving(pool) && !pool_is_wanted(pool))
		pool_drain(m, pool);
	pool_drop_unused(m, pool);
}

int
pool_new(struct master *m, const struct registry_version *v, struct pool **made, struct err *e)
{
	struct pool *pool = calloc(1, sizeof *pool);
	struct function_policy policy = v->policy;

	if (!pool)
		return err_set(e, ENOMEM, "function '%s'", v->function);
	config_apply(m->config, v->function, &policy);
	fill_start(pool, v, &policy);
	fill_grants(pool, m->config, &policy);
	fill_public(pool, v, &policy);
	fill_bounds(pool, &policy);
	fill_manager(pool, &policy);
	fill_denied(pool, &policy);
	/* What was disabled by a signature is enabled by one alone. */
	if (approvals_are_required(m) && v->activation.number > 0 && !v->activation.is_enabled)
		pool->public.is_enabled = false;
	if (storms_has(m, pool->public.version_id))
		pool->public.is_enabled = false;
	pool->digest = v->artifact;
	pool->artifact = pool->environment = -1;
	pool->retry = (struct timer){ .fire = retry_now, .owner = pool };
	pool->vote = (struct timer){ .fire = vote_is_over, .owner = pool };
	sockets_init(pool);
	TAILQ_INIT(&pool->workers);
	pool->n_routes = v->n_routes;
	pool->policy_text = v->policy_text;
	pool->routes = calloc(v->n_routes + 1, sizeof *pool->routes);
	if (!pool->routes)
		err_set(e, ENOMEM, "function '%s'", v->function);
	if (!pool->routes || approval_claim(v, &v->activation, &pool->claim, e) < 0 ||
	    secrets_digest(m->registry, v->function, &pool->secrets, e) < 0) {
		free(pool->routes);
		free(pool->forbidden);
		free(pool);
		return -e->code;
	}
	memcpy(pool->routes, v->routes, v->n_routes * sizeof *pool->routes);
	*made = pool;
	return 0;
}

void
pool_free(struct master *m, struct pool *pool)
{
	timer_cancel(&m->loop, &pool->retry);
	timer_cancel(&m->loop, &pool->vote);
	timer_cancel(&m->loop, &pool->sockets);
	repeats_free(m, pool);
	if (pool->is_hungry)
		TAILQ_REMOVE(&m->hungry, pool, hungry_link);
	artifacts_close(m, pool);
	approval_forget(m, pool);
	free(pool->routes);
	free(pool->forbidden);
	free(pool->runner);
	free(pool);
}

int
pool_insert(struct master *m, struct pool *pool, struct err *e)
{
	if (table_put(&m->pools, &pool->by_version, pool->public.version_id) < 0)
		return err_set(e, ENOMEM, "function '%s'", pool->public.name);
	return 0;
}

struct pool *
pool_find(const struct master *m, uint64_t version)
{
	return (struct pool *)table_find(&m->pools, version);
}

/* Everything but the slot, which comes later. */
static bool
starts_alike(const struct pool *x, const struct pool *y)
{
	const struct start_worker *a = &x->start, *b = &y->start;

	return a->memory == b->memory && a->tmp_size == b->tmp_size && a->file_size == b->file_size &&
	       a->tmp_inodes == b->tmp_inodes && a->threads == b->threads && a->cpu_share == b->cpu_share &&
	       a->files == b->files && a->is_fresh == b->is_fresh &&
	       a->shared_read_only == b->shared_read_only && strcmp(a->shared, b->shared) == 0 &&
	       strcmp(a->libraries, b->libraries) == 0 && strcmp(a->sockets, b->sockets) == 0 &&
	       !x->forbidden == !y->forbidden &&
	       memcmp(&x->claim.contents, &y->claim.contents, sizeof x->claim.contents) == 0 &&
	       memcmp(&x->secrets, &y->secrets, sizeof x->secrets) == 0;
}

bool
pool_is_same(const struct pool *a, const struct pool *b)
{
	return starts_alike(a, b) && approval_is_same(&a->claim, &b->claim) &&
	       memcmp(&a->public, &b->public, sizeof a->public) == 0 && a->min_workers == b->min_workers &&
	       a->manager == b->manager && a->streams == b->streams && a->concurrency == b->concurrency &&
	       counts_alike(a, b);
}

/* A version never changes, but for who writes the registry by other means: then nothing of the old one stays.
 */
static void
take_contents(struct master *m, struct pool *pool, struct pool *fresh)
{
	struct registry_route *routes = pool->routes;

	if (memcmp(&pool->claim.contents, &fresh->claim.contents, sizeof fresh->claim.contents) != 0 ||
	    memcmp(&pool->secrets, &fresh->secrets, sizeof fresh->secrets) != 0)
		artifacts_close(m, pool);
	pool->secrets = fresh->secrets;
	if (!approval_is_same(&pool->claim, &fresh->claim)) {
		approval_forget(m, pool);
		pool->approval = fresh->approval;
	}
	pool->claim = fresh->claim;
	pool->digest = fresh->digest;
	pool->policy_text = fresh->policy_text;
	pool->routes = fresh->routes;
	pool->n_routes = fresh->n_routes;
	fresh->routes = routes;
}

void
pool_update(struct master *m, struct pool *pool, struct pool *fresh)
{
	bool is_alike = starts_alike(pool, fresh);
	uint32_t slot = strcmp(pool->start.shared, fresh->start.shared) == 0 ? pool->start.slot : 0;

	take_contents(m, pool, fresh);
	pool->start = fresh->start;
	free(pool->forbidden);
	pool->forbidden = fresh->forbidden;
	fresh->forbidden = NULL;
	pool->start.slot = slot;
	pool->public = fresh->public;
	pool->min_workers = fresh->min_workers;
	pool->manager = fresh->manager;
	pool->streams = fresh->streams;
	pool->concurrency = fresh->concurrency;
	pool->denied.max_calls = fresh->denied.max_calls;
	pool->denied.max_kills = fresh->denied.max_kills;
	pool->denied.window_ms = fresh->denied.window_ms;
	if (!is_alike)
		pool_replace(m, pool);
	pool_free(m, fresh);
}

bool
pool_is_serving(const struct pool *pool)
{
	return pool->function && pool->function->serving == pool && pool->public.is_enabled;
}

bool
pool_is_wanted(const struct pool *pool)
{
	return pool->function && pool->function->wanted == pool && pool->function->serving != pool;
}

size_t
pool_count(const struct pool *pool, unsigned stages)
{
	const struct worker *w;
	size_t n = 0;

	TAILQ_FOREACH (w, &pool->workers, link)
		if (STAGE_BIT(w->stage) & stages && !(w->is_stream && w->stage == WORKER_LEASED))
			n++;
	return n;
}

size_t
pool_count_streams(const struct pool *pool)
{
	const struct worker *w;
	size_t n = 0;

	TAILQ_FOREACH (w, &pool->workers, link)
		n += w->is_stream;
	return n;
}

size_t
pool_count_leases(const struct pool *pool, const struct router *router)
{
	const struct worker *w;
	size_t n = 0;

	TAILQ_FOREACH (w, &pool->workers, link)
		if (w->stage == WORKER_LEASED && w->router == router && !w->is_stream)
			n++;
	return n;
}

uint32_t
pool_waiting(const struct pool *pool)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ROUTERS_MAX; i++)
		n += pool->waiting[i];
	return saturate(n);
}

void
pool_drain(struct master *m, struct pool *pool)
{
	struct worker *w, *next;

	for (w = TAILQ_FIRST(&pool->workers); w; w = next) {
		next = TAILQ_NEXT(w, link);
		worker_retire(m, w, NULL, m->config->drain_timeout_ms);
	}
}

/* Only behind RETIRE: who waited for a kept answer asks anew, and would get one of them. */
void
pool_replace(struct master *m, struct pool *pool)
{
	struct version_ref ref = { pool->public.version_id };

	pool_drain(m, pool);
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].stage != ROUTER_DOWN)
			channel_send(&m->routers[i].channel, MSG_REPLACED, &ref, sizeof ref, NULL, 0);
}

void
pool_drop_unused(struct master *m, struct pool *pool)
{
	struct function *f = pool->function;

	if (!TAILQ_EMPTY(&pool->workers) || pool->vote.due_us != 0)
		return;
	if (f && (f->serving == pool || f->wanted == pool))
		return;
	votes_have_failed(m, pool, "the version is not needed any more");
	table_remove(&m->pools, &pool->by_version);
	pool_free(m, pool);
}
