/* loop.c - the event loop: descriptors, turns, and what is put off to the end of a turn. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "router/pages.h"

int
loop_watch(struct router *r, struct source *s, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = s };

	if (epoll_ctl(r->epoll, s->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, s->fd, &event) < 0)
		return -errno;
	s->events = events;
	return 0;
}

void
loop_forget(struct router *r, struct source *s)
{
	if (s->fd < 0)
		return;
	/* Not left to close(): another process may hold the same open file, and its events would go on
	 * coming with a pointer to freed memory. */
	if (s->events)
		epoll_ctl(r->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	s->events = 0;
	fd_close(&s->fd);
}

void
loop_todo_front(struct router *r, struct front *f)
{
	if (f->is_todo || f->stage == FRONT_CLOSED)
		return;
	f->is_todo = true;
	TAILQ_INSERT_TAIL(&r->todo_fronts, f, todo_link);
}

void
loop_todo_worker(struct router *r, struct worker *w)
{
	if (w->is_todo || w->stage >= WORKER_GONE)
		return;
	if (w->is_held)
		TAILQ_REMOVE(&r->held_workers, w, todo_link);
	w->is_held = false;
	w->is_todo = true;
	TAILQ_INSERT_TAIL(&r->todo_workers, w, todo_link);
}

void
loop_hold_worker(struct router *r, struct worker *w)
{
	if (w->is_todo || w->is_held || w->stage >= WORKER_GONE)
		return;
	if (TAILQ_EMPTY(&r->held_workers))
		r->held_us = r->now_us;
	w->is_held = true;
	TAILQ_INSERT_TAIL(&r->held_workers, w, todo_link);
}

static void
release_held(struct router *r, bool is_quiet)
{
	struct worker *w;

	if (!is_quiet && r->now_us < r->held_us + HOLD_US)
		return;
	while ((w = TAILQ_FIRST(&r->held_workers))) {
		TAILQ_REMOVE(&r->held_workers, w, todo_link);
		w->is_held = false;
		loop_todo_worker(r, w);
	}
}

static void
do_fronts(struct router *r)
{
	struct fronts now = TAILQ_HEAD_INITIALIZER(now);
	struct front *f;

	TAILQ_CONCAT(&now, &r->todo_fronts, todo_link);
	while ((f = TAILQ_FIRST(&now))) {
		TAILQ_REMOVE(&now, f, todo_link);
		f->is_todo = false;
		if (f->stage != FRONT_CLOSED)
			front_resume(r, f);
	}
}

static void
do_workers(struct router *r)
{
	struct workers now = TAILQ_HEAD_INITIALIZER(now);
	struct worker *w;

	TAILQ_CONCAT(&now, &r->todo_workers, todo_link);
	while ((w = TAILQ_FIRST(&now))) {
		TAILQ_REMOVE(&now, w, todo_link);
		w->is_todo = false;
		if (w->stage < WORKER_GONE)
			worker_resume(r, w);
	}
}

/* Requests are read from all connections first and sent to the workers then: a worker that is woken has the
 * whole batch before it.  A bound, so that one busy pair cannot keep the others from the kernel's events. */
static void
do_todo(struct router *r)
{
	enum { PASSES = 8 };

	for (int i = 0; i < PASSES; i++) {
		do_fronts(r);
		do_workers(r);
		cached_serve_released(r);
		if (TAILQ_EMPTY(&r->todo_fronts) && TAILQ_EMPTY(&r->todo_workers) &&
		    TAILQ_EMPTY(&r->released))
			return;
	}
}

/* What was closed in this turn may be named by an event of the same turn, so its memory lives until here. */
static void
bury(struct router *r)
{
	struct front *f;
	struct worker *w;

	while ((f = TAILQ_FIRST(&r->fronts[FRONT_CLOSED]))) {
		TAILQ_REMOVE(&r->fronts[FRONT_CLOSED], f, link);
		front_free(r, f);
	}
	while ((w = TAILQ_FIRST(&r->dead_workers))) {
		TAILQ_REMOVE(&r->dead_workers, w, link);
		worker_free(r, w);
	}
}

static void
drain_check(struct router *r)
{
	if (r->is_handing_over)
		fronts_give(r);
	if (!r->is_draining || r->is_drained || r->n_fronts > 0)
		return;
	r->is_drained = true;
	logs_flush(r, true);
	master_say(r, MSG_DRAINED, NULL, 0);
}

int
router_turn(struct router *r, int timeout_ms, struct err *e)
{
	int n = epoll_wait(r->epoll, r->events, EVENTS_MAX, timeout_ms);

	if (n < 0 && errno != EINTR)
		return err_set(e, errno, "epoll_wait");
	r->now_us = clock_now_us();
	for (int i = 0; i < n; i++) {
		struct source *s = r->events[i].data.ptr;

		if (s->fd >= 0)
			s->ready(r, s, r->events[i].events);
	}
	r->now_us = clock_now_us();
	release_held(r, n <= 0);
	do_todo(r);
	dispatch_review(r);
	deadline_check(r);
	do_todo(r);
	logs_flush(r, false);
	score_flush(r);
	drain_check(r);
	bury(r);
	return 0;
}

int
router_run(struct router *r, struct err *e)
{
	while (!r->is_done) {
		int rc = router_turn(r, deadline_timeout_ms(r), e);

		if (rc < 0)
			return rc;
	}
	logs_flush(r, true);
	function_logs_done(r);
	return 0;
}

static void
lists_init(struct router *r)
{
	for (size_t i = 0; i < FRONT_STAGES; i++)
		TAILQ_INIT(&r->fronts[i]);
	TAILQ_INIT(&r->todo_fronts);
	TAILQ_INIT(&r->free_fronts);
	TAILQ_INIT(&r->free_requests);
	TAILQ_INIT(&r->workers);
	TAILQ_INIT(&r->gone);
	TAILQ_INIT(&r->todo_workers);
	TAILQ_INIT(&r->held_workers);
	TAILQ_INIT(&r->dead_workers);
	TAILQ_INIT(&r->released);
	TAILQ_INIT(&r->waiting);
	TAILQ_INIT(&r->denied);
	for (size_t i = 0; i < POOL_BUCKETS; i++)
		TAILQ_INIT(&r->buckets[i]);
}

int
router_open(struct router *r, const struct start_router *start, const struct router_fds *fds, struct err *e)
{
	struct siphash_key seed;
	int rc;

	/* From there on are buffers, whose pages are taken when they are used. */
	memset(r, 0, offsetof(struct router, entropy));
	lists_init(r);
	r->start = *start;
	buf_init(&r->text, READ_SIZE / 2);
	r->listener.fd = r->master.fd = r->plain_listener.fd = -1;
	r->entropy_used = ENTROPY_SIZE;
	r->now_us = clock_now_us();
	if (r->start.n_connections == 0)
		r->start.n_connections = CONNECTIONS_DEFAULT;
	r->epoll = -1;
	rc = score_open(r, fds->scoreboard, e);
	if (rc < 0)
		return rc;
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0)
		return err_set(e, errno, "epoll_create1");
	logs_open(r, fds);
	pages_open(r);
	if (sessions_open(&r->sessions, e) < 0)
		return -e->code;
	request_random(r, &seed, sizeof seed);
	if (cache_open(&r->cache, (size_t)start->cache_size, &seed) < 0)
		return err_set(e, ENOMEM, "the cache");
	rc = master_open(r, fds->master, e);
	if (rc == 0)
		rc = plain_open(r, fds->metrics, e);
	if (rc == 0)
		rc = accept_open(r, fds->listener, e);
	return rc;
}

static void
pools_done(struct router *r)
{
	for (size_t i = 0; i < POOL_BUCKETS; i++) {
		struct pool *p;

		while ((p = TAILQ_FIRST(&r->buckets[i]))) {
			TAILQ_REMOVE(&r->buckets[i], p, link);
			free(p);
		}
	}
	free(r->by_function);
	snapshot_unmap(r->snapshot);
	tokens_unmap(r->tokens);
}

static void
free_lists_done(struct router *r)
{
	struct front *f;
	struct request *q;

	bury(r);
	while ((f = TAILQ_FIRST(&r->free_fronts))) {
		TAILQ_REMOVE(&r->free_fronts, f, link);
		free(f);
	}
	while ((q = TAILQ_FIRST(&r->free_requests))) {
		TAILQ_REMOVE(&r->free_requests, q, link);
		request_done(q);
	}
}

void
router_done(struct router *r)
{
	struct worker *w;
	struct front *f;

	for (size_t i = 0; i < FRONT_CLOSED; i++)
		while ((f = TAILQ_FIRST(&r->fronts[i])))
			front_close(r, f);
	while ((w = TAILQ_FIRST(&r->workers)))
		worker_ended(r, w, &(struct worker_ended){ .cause = CAUSE_UNAVAILABLE });
	cache_done(&r->cache);
	free_lists_done(r);
	pools_done(r);
	loop_forget(r, &r->listener);
	loop_forget(r, &r->master);
	sessions_close(&r->sessions);
	scoreboard_done(r->board);
	plain_done(r);
	pages_done(r);
	buf_done(&r->text);
	buf_done(&r->to_master);
	buf_done(&r->access.buf);
	buf_done(&r->function.buf);
	function_logs_done(r);
	fd_close(&r->epoll);
}
