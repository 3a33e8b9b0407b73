/* pool.c - the pools by version, and what a new snapshot means for them. */
#include <stdlib.h>

#include "router/router.h"

enum { SERVICE_FIRST_NS = 1000 * 1000 }; /* not fast until it was seen to be */

static struct pools *
bucket_of(struct router *r, uint64_t version_id)
{
	return &r->buckets[version_id % POOL_BUCKETS];
}

struct pool *
pool_find(struct router *r, uint64_t version_id)
{
	struct pool *p;

	TAILQ_FOREACH (p, bucket_of(r, version_id), link)
		if (p->function.version_id == version_id)
			return p;
	return NULL;
}

static struct pool *
pool_make(struct router *r, uint64_t version_id)
{
	struct pool *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->function.version_id = version_id;
	p->service_ns = p->cpu_ns = p->wall_ns = SERVICE_FIRST_NS;
	TAILQ_INIT(&p->idle);
	TAILQ_INIT(&p->busy);
	TAILQ_INIT(&p->renewing);
	TAILQ_INIT(&p->queue);
	TAILQ_INSERT_HEAD(bucket_of(r, version_id), p, link);
	return p;
}

static void
pool_renew(struct router *r, struct pool *p, const struct snapshot_function *function)
{
	if (!p->score)
		p->score = scoreboard_row(r->board, function->name);
	p->has_cached |= function->cache_ms > 0;
	snapshot_function_copy(&p->function, function);
	p->is_current = p->was_current = true;
}

struct pool *
pool_of(struct router *r, const struct snapshot_function *function)
{
	struct pool **slot = &r->by_function[snapshot_function_index(r->snapshot, function)];

	if (!*slot) {
		/* A worker may have been leased before the first request. */
		*slot = pool_find(r, function->version_id);
		if (!*slot)
			*slot = pool_make(r, function->version_id);
		if (*slot)
			pool_renew(r, *slot, function);
	}
	return *slot;
}

/* A worker may come before the first request of its function: the master keeps some without being asked. */
struct pool *
pool_leased(struct router *r, uint64_t version_id)
{
	struct pool *p = pool_find(r, version_id);
	size_t n = r->snapshot ? snapshot_n_functions(r->snapshot) : 0;

	if (p)
		return p->was_current && !p->is_current ? NULL : p;
	for (size_t i = 0; i < n; i++) {
		const struct snapshot_function *function = snapshot_function_at(r->snapshot, i);

		if (function->version_id == version_id)
			return pool_of(r, function);
	}
	return pool_make(r, version_id);
}

void
pool_learn_memory(struct pool *p, const struct ending *ending)
{
	if (ending_memory_kb(ending) > p->memory_kb)
		p->memory_kb = ending_memory_kb(ending);
}

void
pool_release(struct router *r, struct pool *p)
{
	if (p->is_current || p->n_requests > 0 || p->n_held > 0)
		return;
	if (p->is_waiting)
		TAILQ_REMOVE(&r->waiting, p, wait_link);
	denied_report(r, p);
	TAILQ_REMOVE(bucket_of(r, p->function.version_id), p, link);
	free(p);
}

/* The requests that wait are judged anew: by the next version's routes, or as the function is gone. */
static void
queue_move(struct router *r, struct pool *p)
{
	unsigned n = p->n_queued;

	while (n-- > 0) {
		struct request *q = TAILQ_FIRST(&p->queue);

		dispatch_forget(r, q);
		cached_forget(r, q);
		if (gate_passes(r, q))
			dispatch_request(r, q);
	}
}

static void
workers_retire(struct router *r, struct pool *p)
{
	struct worker *w, *next;

	TAILQ_FOREACH (w, &p->renewing, link)
		worker_retire(r, w);
	for (w = TAILQ_FIRST(&p->busy); w; w = next) {
		next = TAILQ_NEXT(w, link);
		worker_retire(r, w);
	}
	while ((w = TAILQ_FIRST(&p->idle)))
		worker_retire(r, w);
}

static void
pool_leave(struct router *r, struct pool *p)
{
	bool is_over = p->was_current && !p->is_current;

	if (p->has_cached && (is_over || !p->function.is_enabled))
		cached_purge(r, p->function.version_id);
	if (is_over || !p->function.is_enabled)
		queue_move(r, p);
	if (is_over)
		workers_retire(r, p);
}

static void
pools_leave(struct router *r)
{
	for (size_t i = 0; i < POOL_BUCKETS; i++) {
		struct pool *p = TAILQ_FIRST(&r->buckets[i]);

		while (p) {
			struct pool *next;

			/* Held, or it could be freed below with its last request. */
			p->n_requests++;
			pool_leave(r, p);
			p->n_requests--;
			next = TAILQ_NEXT(p, link);
			pool_release(r, p);
			p = next;
		}
	}
}

void
pools_review(struct router *r)
{
	for (size_t i = 0; i < POOL_BUCKETS; i++) {
		struct pool *p = TAILQ_FIRST(&r->buckets[i]);

		while (p) {
			struct pool *next;

			/* Held, as above. */
			p->n_requests++;
			if (p->function.auth != AUTH_NONE)
				queue_move(r, p);
			p->n_requests--;
			next = TAILQ_NEXT(p, link);
			pool_release(r, p);
			p = next;
		}
	}
}

void
pools_swap(struct router *r, struct snapshot *next)
{
	size_t n = snapshot_n_functions(next);
	struct pool **by_function = calloc(n + 1, sizeof(struct pool *));

	if (!by_function) {
		snapshot_unmap(next);
		return;
	}
	for (size_t i = 0; i < POOL_BUCKETS; i++) {
		struct pool *p;

		TAILQ_FOREACH (p, &r->buckets[i], link)
			p->is_current = false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct snapshot_function *function = snapshot_function_at(next, i);

		by_function[i] = pool_find(r, function->version_id);
		if (by_function[i])
			pool_renew(r, by_function[i], function);
	}
	free(r->by_function);
	r->by_function = by_function;
	if (r->snapshot)
		snapshot_unmap(r->snapshot);
	r->snapshot = next;
	r->counters.generation = snapshot_generation(next);
	pools_leave(r);
}
