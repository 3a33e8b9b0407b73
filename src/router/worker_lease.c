/* worker_lease.c - workers that this router has: where each stands, from its lease to its release. */
#include <stdlib.h>

#include "base/fd.h"
#include "router/router.h"

static struct workers *
list_of(struct router *r, struct worker *w)
{
	switch (w->stage) {
	case WORKER_IDLE:
		return &w->pool->idle;
	case WORKER_BUSY:
		return &w->pool->busy;
	case WORKER_RENEWING:
		return &w->pool->renewing;
	case WORKER_GONE:
		return &r->gone;
	default:
		return &r->dead_workers;
	}
}

void
worker_enter(struct router *r, struct worker *w, enum worker_stage stage)
{
	if (w->stage < WORKER_GONE && stage >= WORKER_GONE) {
		w->pool->n_workers--;
		stream_is_over(r, w);
	}
	r->n_renewing += (stage == WORKER_RENEWING) - (size_t)(w->stage == WORKER_RENEWING);
	r->counters.workers_busy += (stage == WORKER_BUSY) - (uint64_t)(w->stage == WORKER_BUSY);
	TAILQ_REMOVE(list_of(r, w), w, link);
	w->stage = stage;
	w->since_us = r->now_us;
	TAILQ_INSERT_HEAD(list_of(r, w), w, link);
}

void
worker_leave(struct router *r, struct worker *w)
{
	struct pool *p = w->pool;

	worker_enter(r, w, WORKER_FREED);
	TAILQ_REMOVE(&r->workers, w, all_link);
	p->n_held--;
	pool_release(r, p);
}

void
worker_free(struct router *r, struct worker *w)
{
	if (w->is_todo)
		TAILQ_REMOVE(&r->todo_workers, w, todo_link);
	if (w->is_held)
		TAILQ_REMOVE(&r->held_workers, w, todo_link);
	buf_done(&w->line);
	buf_done(&w->said);
	free(w);
}

void
worker_close_descriptors(struct router *r, struct worker *w)
{
	loop_forget(r, &w->requests);
	loop_forget(r, &w->zygote);
	loop_forget(r, &w->init);
	loop_forget(r, &w->denied);
	output_end(r, w);
	denied_log(r, w->pool, NULL, &w->denials);
}

static void
say(struct router *r, uint32_t type, const struct worker *w)
{
	master_say(r, type, &(struct process_ref){ w->id }, sizeof(struct process_ref));
}

void
worker_release(struct router *r, struct worker *w)
{
	worker_close_descriptors(r, w);
	say(r, MSG_RELEASED, w);
	worker_leave(r, w);
}

void
worker_give_up_lease(struct router *r, struct worker *w)
{
	struct stream_ended message = { .worker = w->id, .n_served = (uint32_t)w->n_served };

	worker_close_descriptors(r, w);
	master_say(r, MSG_STREAM_ENDED, &message, sizeof message);
	worker_leave(r, w);
}

struct worker *
worker_find(struct router *r, uint32_t id)
{
	struct worker *w;

	TAILQ_FOREACH (w, &r->workers, all_link)
		if (w->id == id)
			return w;
	return NULL;
}

static struct worker *
worker_new(struct router *r, const struct lease *lease)
{
	struct pool *p = pool_leased(r, lease->version);
	struct worker *w;

	w = p ? calloc(1, sizeof *w) : NULL;
	if (!w)
		return NULL;
	w->pool = p;
	w->id = lease->worker;
	w->pid = lease->pid;
	w->since_us = r->now_us;
	w->n_served = lease->n_served;
	w->cpu_start_us = w->cpu_last_us = w->cpu_mark_us = -1;
	w->requests.fd = w->output.fd = w->denied.fd = w->zygote.fd = w->init.fd = -1;
	buf_init(&w->line, LOG_TEXT_MAX);
	buf_init(&w->said, FAILURE_OUTPUT_MAX);
	TAILQ_INIT(&w->in_flight);
	TAILQ_INSERT_HEAD(&p->idle, w, link);
	TAILQ_INSERT_TAIL(&r->workers, w, all_link);
	p->n_workers++;
	p->n_held++;
	return w;
}

static int
watch(struct router *r, struct worker *w, const struct lease *lease, const struct lease_fds *fds)
{
	int rc;

	if (lease->is_fresh)
		return fresh_lease(r, w, fds->requests, fds->init);
	w->requests = (struct source){ .fd = fds->requests, .ready = worker_ready };
	rc = fd_set_blocking(fds->requests, 0);
	return rc < 0 ? rc : loop_watch(r, &w->requests, WORKER_EVENTS);
}

/* Its version was replaced while it started. */
static void
refuse(struct router *r, const struct lease *lease, const struct lease_fds *fds)
{
	struct lease_fds close_us = *fds;

	fd_close(&close_us.requests);
	fd_close(&close_us.output);
	fd_close(&close_us.init);
	fd_close(&close_us.denied);
	master_say(r, MSG_RELEASED, &(struct process_ref){ lease->worker }, sizeof(struct process_ref));
}

void
worker_lease(struct router *r, const struct lease *lease, const struct lease_fds *fds)
{
	struct worker *w = worker_find(r, lease->worker) ? NULL : worker_new(r, lease);

	if (!w) {
		refuse(r, lease, fds);
		return;
	}
	output_watch(r, w, fds->output);
	denied_watch(r, w, fds->denied);
	if (watch(r, w, lease, fds) < 0) {
		worker_release(r, w);
		return;
	}
	w->pool->wanted = w->pool->wanted > 1 ? w->pool->wanted - 1 : 0;
	dispatch_pump(r, w->pool);
}
