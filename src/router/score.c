/* score.c - what is counted of requests and workers, for the master to read. */
#include <string.h>

#include "base/fd.h"
#include "http/http.h"
#include "router/router.h"

int
score_open(struct router *r, int fd, struct err *e)
{
	int rc = scoreboard_write(fd, &r->board, e);

	if (rc < 0)
		return rc;
	fd_close(&fd);
	scoreboard_counters(r->board, &r->counters);
	return 0;
}

uint64_t
request_queue_us(const struct router *r, const struct request *q)
{
	if (q->queued_us == 0)
		return 0;
	return (q->dispatched_us ? q->dispatched_us : r->now_us) - q->queued_us;
}

void
score_request(struct router *r, const struct request *q)
{
	struct score_row *row = q->pool ? q->pool->score : &r->board->rows[0];
	int status = q->status > 0 ? q->status : cause_status(q->cause);

	r->counters.requests++;
	r->counters.answers[q->status / 100 < 6 ? q->status / 100 : 0]++;
	score_answer(row, (unsigned)status, q->cause);
	score_observe(&row->duration_us, score_time_bounds_us, r->now_us - q->begun_us, 1);
	if (q->queued_us > 0)
		score_observe(&row->queue_us, score_time_bounds_us, request_queue_us(r, q), 1);
	if (q->cpu_us >= 0)
		score_observe(&row->cpu_us, score_time_bounds_us, (uint64_t)q->cpu_us, 1);
}

void
score_cpu(struct pool *p, uint64_t us, unsigned n)
{
	if (n > 0)
		score_observe(&p->score->cpu_us, score_time_bounds_us, us / n, n);
}

void
score_queued(struct router *r, const struct pool *p)
{
	if (r->counters.requests_queued > r->counters.requests_queued_max)
		r->counters.requests_queued_max = r->counters.requests_queued;
	if (p->n_workers == p->n_streams)
		p->score->cold_starts++;
}

void
score_flush(struct router *r)
{
	if (r->counters.workers_busy > r->counters.workers_busy_max)
		r->counters.workers_busy_max = r->counters.workers_busy;
	r->counters.connections_active = r->n_fronts;
	r->counters.cache_bytes = r->cache.used;
	r->counters.cache_entries = r->cache.n_entries;
	r->board->counters = r->counters;
}

static void
text_of(char *to, size_t size, struct span s)
{
	size_t n = s.n < size - 1 ? s.n : size - 1;

	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

/* The path alone: what stands behind it may be a secret. */
static void
describe(const struct router *r, const struct worker *w, struct score_worker *to)
{
	const struct request *q = TAILQ_FIRST(&w->in_flight);
	int64_t cpu = worker_idle_cpu_us(w);

	*to = (struct score_worker){ .id = w->id,
		                     .is_running = w->stage == WORKER_BUSY,
		                     .n_served = w->n_served,
		                     .cpu_us = cpu > 0 ? (uint64_t)cpu : 0 };
	memcpy(to->function, w->pool->function.name, sizeof to->function);
	if (!q)
		return;
	to->duration_us = r->now_us - w->since_us;
	to->content_length = q->received;
	text_of(to->method, sizeof to->method, q->method_text);
	text_of(to->path, sizeof to->path, q->path);
	text_of(to->user, sizeof to->user, (struct span){ q->user, strlen(q->user) });
}

void
score_workers(struct router *r)
{
	const struct worker *w;
	uint32_t n = 0;

	TAILQ_FOREACH (w, &r->workers, all_link)
		if (w->stage < WORKER_GONE && n < SCORE_WORKERS)
			describe(r, w, &r->board->workers[n++]);
	r->board->n_workers = n;
}
