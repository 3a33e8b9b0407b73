/* workers.c - one worker: started, leased, retired, ended. */
#include "pool/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "pool/lanes.h"
#include "pool/pools.h"
#include "pool/repeats.h"
#include "pool/rollout.h"
#include "pool/routers.h"

/* The worker's ends, in the order of MSG_START_WORKER. */
enum { FD_ARTIFACT, FD_ENVIRONMENT, FD_REQUESTS, FD_OUTPUT, FD_INIT, N_START_FDS };

struct worker *
worker_find(const struct master *m, uint32_t id)
{
	return (struct worker *)table_find(&m->workers, id);
}

static void
close_ends(struct worker *w)
{
	fd_close(&w->requests);
	fd_close(&w->output);
	fd_close(&w->listener);
	fd_close(&w->init);
}

/* One timer, whatever the stage: the limit was reached. */
static void
limit_reached(void *context, void *owner)
{
	struct master *m = context;
	struct worker *w = owner;

	if (w->stage == WORKER_STARTING)
		log_line(LOG_WARNING, "function '%s' version %u: worker %u was not ready within %d s",
		         w->pool->start.function, w->pool->start.version, (unsigned)w->by_id.key,
		         START_TIMEOUT_MS / 1000);
	worker_kill(m, w, CAUSE_UNAVAILABLE);
}

struct worker *
worker_new(struct master *m, struct pool *pool, struct err *e)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w || table_put(&m->workers, &w->by_id, master_next_id(m)) < 0) {
		free(w);
		err_set(e, ENOMEM, "start a worker");
		return NULL;
	}
	w->pool = pool;
	w->started_us = clock_now_us();
	w->requests = w->output = w->listener = w->init = -1;
	w->timer = (struct timer){ .fire = limit_reached, .owner = w };
	TAILQ_INSERT_TAIL(&pool->workers, w, link);
	return w;
}

void
worker_free(struct master *m, struct worker *w)
{
	timer_cancel(&m->loop, &w->timer);
	close_ends(w);
	table_remove(&m->workers, &w->by_id);
	TAILQ_REMOVE(&w->pool->workers, w, link);
	free(w);
}

int
worker_channels(int mine[2], int theirs[2], struct err *e)
{
	int requests[2], output[2], rc = message_pair(requests, e);

	if (rc < 0)
		return rc;
	if (pipe2(output, O_CLOEXEC) < 0) {
		rc = err_set(e, errno, "pipe");
		fd_close(&requests[0]);
		fd_close(&requests[1]);
		return rc;
	}
	mine[0] = requests[0];
	theirs[0] = requests[1];
	mine[1] = output[0];
	theirs[1] = output[1];
	return 0;
}

static int
make_channels(struct worker *w, int fds[N_START_FDS], struct err *e)
{
	int mine[2] = { -1, -1 }, init[2], rc = worker_channels(mine, &fds[FD_REQUESTS], e);

	w->requests = mine[0];
	w->output = mine[1];
	if (rc < 0 || !w->pool->start.is_fresh)
		return rc;
	rc = message_pair(init, e);
	if (rc < 0)
		return rc;
	w->init = init[0];
	fds[FD_INIT] = init[1];
	return 0;
}

int
worker_start(struct master *m, struct pool *pool, struct err *e)
{
	int fds[N_START_FDS] = { -1, -1, -1, -1, -1 };
	struct worker *w;
	int rc;

	if (workers_running(m) >= m->config->process_max)
		return err_set(e, -EAGAIN, "process.max = %" PRIu64 " workers run already",
		               m->config->process_max);
	rc = artifacts_open(m, pool, e);
	if (rc < 0)
		return rc;
	sockets_watch(m, pool);
	w = worker_new(m, pool, e);
	if (!w)
		return -e->code;
	rc = make_channels(w, fds, e);
	if (rc == 0) {
		fds[FD_ARTIFACT] = pool->artifact;
		fds[FD_ENVIRONMENT] = pool->environment;
		pool->start.id = (uint32_t)w->by_id.key;
		channel_send(&m->spawner_channel, MSG_START_WORKER, &pool->start, sizeof pool->start, fds,
		             pool->start.is_fresh ? N_START_FDS : FD_INIT);
		timer_arm(&m->loop, &w->timer, START_TIMEOUT_MS * UINT64_C(1000));
		pool->start.id = 0;
		w->awaited_us = pool_waiting(pool) > 0 ? clock_now_us() : 0;
		pool->n_starts++;
		if (pool->function)
			pool->function->counts.n_starts++;
	} else {
		worker_free(m, w);
	}
	fd_close(&fds[FD_REQUESTS]);
	fd_close(&fds[FD_OUTPUT]);
	fd_close(&fds[FD_INIT]);
	return rc;
}

void
worker_became_ready(struct master *m, struct worker *w, const struct process_ready *ready, int listener)
{
	struct pool *pool = w->pool;

	if (w->stage != WORKER_STARTING) {
		/* Retired or killed meanwhile; a retired one may end by itself now. */
		fd_close(&listener);
		return;
	}
	timer_cancel(&m->loop, &w->timer);
	w->stage = WORKER_READY;
	w->ready_us = clock_now_us();
	w->pid = ready->pid;
	w->listener = listener;
	pool->start_failure = CAUSE_NONE;
	spares_count(m, w->awaited_us, ready->was_spare);
	votes_are_ready(m, pool);
	rollout_is_ready(m, pool);
	leases_serve(m, pool);
}

void
worker_lease(struct master *m, struct worker *w, struct router *router)
{
	struct lease lease = { .worker = (uint32_t)w->by_id.key,
		               .pid = w->pid,
		               .version = w->pool->public.version_id,
		               .n_served = w->n_served,
		               .is_fresh = w->init >= 0 };
	int fds[4] = { w->requests, w->output };
	size_t n_fds = 2;

	timer_cancel(&m->loop, &w->timer);
	w->stage = WORKER_LEASED;
	w->was_leased = true;
	w->router = router;
	w->next_router = NULL;
	w->leased_us = w->pool->leased_us[router->index] = clock_now_us();
	/* As the router counts, too: each lease answers one of its wants. */
	if (w->pool->waiting[router->index] > 0)
		w->pool->waiting[router->index]--;
	if (w->init >= 0)
		fds[n_fds++] = w->init;
	if (w->listener >= 0)
		fds[n_fds++] = w->listener;
	channel_send(&router->channel, MSG_LEASE, &lease, sizeof lease, fds, n_fds);
}

void
worker_end(struct master *m, struct worker *w)
{
	if (worker_is_lane(w)) {
		lane_end(m, w);
		return;
	}
	w->stage = WORKER_ENDING;
	w->is_stopping = true;
	w->router = w->next_router = NULL;
	close_ends(w);
	timer_arm(&m->loop, &w->timer, END_TIMEOUT_MS * UINT64_C(1000));
}

void
worker_retire(struct master *m, struct worker *w, struct router *next, uint64_t limit_ms)
{
	struct process_ref ref = { (uint32_t)w->by_id.key };
	bool is_leased;

	if (w->stage == WORKER_ENDING)
		return;
	if (w->stage == WORKER_STARTING || w->stage == WORKER_READY) {
		worker_end(m, w);
		return;
	}
	is_leased = w->stage == WORKER_LEASED;
	w->next_router = next;
	w->stage = next ? WORKER_MOVING : WORKER_RETIRING;
	if (limit_ms > 0)
		timer_arm(&m->loop, &w->timer, limit_ms * 1000);
	if (is_leased)
		channel_send(&w->router->channel, MSG_RETIRE, &ref, sizeof ref, NULL, 0);
}

/* The lease stays until the end: the router has to be told. */
void
worker_kill(struct master *m, struct worker *w, enum cause cause)
{
	if (worker_is_lane(w)) {
		lane_kill(m, w, cause);
		return;
	}
	if (w->cause == CAUSE_NONE)
		w->cause = cause;
	timer_cancel(&m->loop, &w->timer);
	if (w->stage != WORKER_STARTING)
		w->stage = WORKER_ENDING;
	if (!w->is_looked_at)
		spawner_kill(m, (uint32_t)w->by_id.key);
}

static void
log_ending(struct master *m, const struct worker *w, const struct process_ended *ended, enum cause cause)
{
	char text[ENDING_TEXT_SIZE], what[ENDING_TEXT_SIZE * 2];

	ending_format(&ended->ending, text);
	snprintf(what, sizeof what, "%s, %s", text, cause_word(cause));
	pool_say(m, w->pool, w->cause == CAUSE_UNAVAILABLE && w->is_stopping ? LOG_NOTICE : LOG_WARNING, what,
	         ": worker %u (pid %d) ended: %s; cpu %" PRIu64 " ms, memory %" PRIu64 " KiB%s%s",
	         (unsigned)w->by_id.key, (int)w->pid, what, ended->ending.cpu_us / 1000,
	         ending_memory_kb(&ended->ending), ended->reason[0] ? "; " : "", ended->reason);
}

/* Time limits are the request's fault as often as the function's, and bound themselves; nobody's client may
 * hold a function back. */
static bool
counts_as_crash(enum cause cause)
{
	return cause != CAUSE_WALL_TIME_LIMIT && cause != CAUSE_CPU_TIME_LIMIT &&
	       cause != CAUSE_REQUEST_TIMEOUT && cause != CAUSE_UNAVAILABLE;
}

static void
count_crashes(struct pool *pool, uint32_t n)
{
	pool->n_crashes += n;
	if (pool->function)
		pool->function->counts.n_crashes += n;
}

/* Ends that are recorded; others, such as a client's being gone, are nobody's fault. */
static const enum audit_event events_of_causes[CAUSE_COUNT] = {
	[CAUSE_CRASH] = AUDIT_CRASH,         [CAUSE_MEMORY_LIMIT] = AUDIT_KILL,
	[CAUSE_SYSCALL_DENIED] = AUDIT_KILL, [CAUSE_BAD_RESPONSE] = AUDIT_KILL,
	[CAUSE_OUTPUT_LIMIT] = AUDIT_KILL,   [CAUSE_WALL_TIME_LIMIT] = AUDIT_KILL,
	[CAUSE_CPU_TIME_LIMIT] = AUDIT_KILL,
};

static void
record_ending(struct master *m, const struct worker *w, const struct ending *ending, enum cause cause)
{
	char text[ENDING_TEXT_SIZE], detail[AUDIT_TEXT_SIZE];

	if (cause >= CAUSE_COUNT || events_of_causes[cause] == 0)
		return;
	ending_format(ending, text);
	snprintf(detail, sizeof detail, "%s; cpu %" PRIu64 " ms, memory %" PRIu64 " KiB", text,
	         ending->cpu_us / 1000, ending->max_rss_kb);
	audit_note(m, &(struct audit_note){ .event = events_of_causes[cause],
	                                    .function = w->pool->start.function,
	                                    .version = w->pool->start.version,
	                                    .cause = cause_word(cause),
	                                    .detail = detail });
}

static void
crashed(struct master *m, struct worker *w, const struct process_ended *ended)
{
	enum cause cause = w->cause ? w->cause : ending_cause(&ended->ending, w->pool->start.memory);
	struct worker_ended told = { .worker = (uint32_t)w->by_id.key,
		                     .cause = cause,
		                     .ending = ended->ending };

	log_ending(m, w, ended, cause);
	record_ending(m, w, &ended->ending, cause);
	if (cause == CAUSE_SYSCALL_DENIED)
		storm_kill(m, w->pool);
	if (counts_as_crash(cause)) {
		count_crashes(w->pool, 1);
		backoff_failed_among(&w->pool->backoff, &m->failing, clock_now_us(), w->ready_us);
	}
	if (w->router)
		channel_send(&w->router->channel, MSG_WORKER_ENDED, &told, sizeof told, NULL, 0);
	else if (counts_as_crash(cause))
		crash_record_idle(m, w->pool, cause, &ended->ending);
}

/* No back-off: what failed is gone already, and nothing has to be started anew. */
void
worker_request_failed(struct master *m, struct worker *w, const struct request_failed *failed)
{
	char text[ENDING_TEXT_SIZE];
	enum cause cause = (enum cause)failed->cause;

	if (cause <= CAUSE_NONE || cause >= CAUSE_COUNT)
		return;
	ending_format(&failed->ending, text);
	log_line(LOG_WARNING,
	         "function '%s' version %u: a request's process of worker %u ended: %s, %s; cpu %" PRIu64
	         " ms, memory %" PRIu64 " KiB; %u since this was said last",
	         w->pool->start.function, w->pool->start.version, (unsigned)w->by_id.key, text,
	         cause_word(cause), failed->ending.cpu_us / 1000, failed->ending.max_rss_kb, failed->n);
	record_ending(m, w, &failed->ending, cause);
	if (cause == CAUSE_SYSCALL_DENIED)
		storm_kill(m, w->pool);
	if (counts_as_crash(cause))
		count_crashes(w->pool, failed->n);
}

static void
start_failed(struct master *m, struct pool *pool, const struct process_ended *ended, bool was_killed)
{
	char ending[ENDING_TEXT_SIZE], reason[REASON_SIZE];

	ending_format(&ended->ending, ending);
	if (was_killed)
		snprintf(reason, sizeof reason, "it was not ready within %d s", START_TIMEOUT_MS / 1000);
	else if (ended->reason[0])
		snprintf(reason, sizeof reason, "%s", ended->reason);
	else
		snprintf(reason, sizeof reason, "it ended while it was loaded: %s", ending);
	backoff_failed_among(&pool->backoff, &m->failing, clock_now_us(), 0);
	audit_note(m, &(struct audit_note){ .event = AUDIT_START_REFUSED,
	                                    .function = pool->start.function,
	                                    .version = pool->start.version,
	                                    .detail = reason });
	votes_have_failed(m, pool, reason);
	if (pool_is_wanted(pool))
		rollout_has_failed(m, pool, reason);
	else
		pool_say(m, pool, LOG_ERR, reason, " cannot start: %s", reason);
	/* Whose fault it is: the function's, or ours who could not make its sandbox. */
	pool->start_failure = ended->was_confined ? CAUSE_START_FAILED : CAUSE_UNAVAILABLE;
	leases_refuse(m, pool, pool->start_failure);
}

/* Neither the function nor its sandbox failed: it is started as if it had not been yet. */
static bool
start_again(struct master *m, struct pool *pool, const struct process_ended *ended)
{
	struct err e;

	return ended->is_lost && worker_start(m, pool, &e) == 0;
}

/* 0: nobody knows it. */
static void
count_memory(struct pool *pool, uint64_t kb)
{
	if (kb > pool->memory_peak_kb)
		pool->memory_peak_kb = kb;
	if (kb > 0 && pool->function)
		score_observe(&pool->function->counts.memory_kb, score_memory_bounds_kb, kb, 1);
}

void
worker_has_ended(struct master *m, struct worker *w, const struct process_ended *ended)
{
	struct pool *pool = w->pool;
	bool is_start = w->stage == WORKER_STARTING, was_killed = w->cause != CAUSE_NONE;

	count_memory(pool, ending_memory_kb(&ended->ending));
	/* Nothing in flight could notice an end that was asked for, unless a router still had it. */
	if (!is_start && (!w->is_stopping || w->router))
		crashed(m, w, ended);
	worker_free(m, w);
	if (is_start && (was_killed || !start_again(m, pool, ended)))
		start_failed(m, pool, ended, was_killed);
	leases_serve(m, pool);
	/* What replaced it may have waited for its end. */
	if (pool->function && pool->function->serving && pool->function->serving != pool)
		leases_serve(m, pool->function->serving);
	if (pool_count(pool, STAGES_LIVE) == 0)
		votes_have_failed(m, pool, "its worker ended");
	leases_feed_hungry(m);
	pool_drop_unused(m, pool);
	drain_check(m);
}
