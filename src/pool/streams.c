/* streams.c - how many streams there may be, and how many requests of a function at once. */
#include "pool/streams.h"

#include <string.h>

#include "pool/lanes.h"
#include "pool/pools.h"
#include "pool/workers.h"

/* Streams of all functions together leave room in process.max for those that only answer. */
static size_t
most_streams(const struct master *m)
{
	return (size_t)(m->config->process_max - m->config->process_max / 4);
}

static size_t
count_all(const struct master *m)
{
	size_t n = 0;

	for (struct node *node = table_next(&m->workers, NULL); node; node = table_next(&m->workers, node))
		n += ((const struct worker *)node)->is_stream && !worker_is_lane((const struct worker *)node);
	return n;
}

/* A lane takes no room of anybody's. */
static bool
is_free(const struct master *m, const struct worker *w)
{
	if (worker_is_lane(w))
		return !w->is_stream;
	return !w->is_stream && pool_count_streams(w->pool) < w->pool->streams &&
	       count_all(m) < most_streams(m);
}

void
stream_ask(struct master *m, struct worker *w)
{
	struct stream_answer answer = { .worker = (uint32_t)w->by_id.key };

	/* Killed meanwhile: its end is on the way. */
	if (w->stage == WORKER_ENDING)
		return;
	answer.is_granted = is_free(m, w);
	w->is_stream = answer.is_granted;
	channel_send(&w->router->channel, MSG_STREAM_ANSWER, &answer, sizeof answer, NULL, 0);
	if (w->is_stream)
		leases_serve(m, w->pool);
}

size_t
streams_max_workers(const struct pool *pool)
{
	size_t n_streams = pool_count_streams(pool), max = pool->public.max_workers;
	size_t left = pool->concurrency > n_streams ? pool->concurrency - n_streams : 0;

	return max < left ? max : left;
}

/* From its first lease to its end, whatever was asked of it: only then is it certain that nothing runs. */
static bool
may_execute(const struct worker *w)
{
	return w->was_leased;
}

bool
stream_turn(const struct master *m, const struct worker *w)
{
	size_t n = 0;

	if (w->pool->concurrency >= CONCURRENCY_ANY)
		return true;
	for (struct node *node = table_next(&m->workers, NULL); node; node = table_next(&m->workers, node)) {
		const struct worker *other = (const struct worker *)node;

		if (other != w && may_execute(other) &&
		    strcmp(other->pool->start.function, w->pool->start.function) == 0)
			n++;
	}
	return n < w->pool->concurrency;
}
