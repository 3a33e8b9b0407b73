/* test_leases.c - who gets which worker: a master between a spawner and routers that the test plays. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "pool/pools.h"
#include "pool/rollout.h"
#include "pool/routers.h"
#include "pool/streams.h"
#include "pool/workers.h"

enum { N_ROUTERS = 3, N_POOLS = 4 };

struct fixture {
	struct master m;
	struct config config;
	struct function functions[N_POOLS];
	int spawner, routers[N_ROUTERS]; /* the other ends */
	struct message message;
};

static void
ignore_message(struct master *m, void *owner, struct message *message)
{
	(void)m;
	(void)owner;
	(void)message;
}

static void
ignore_end(struct master *m, void *owner, const struct err *why)
{
	(void)m;
	(void)owner;
	(void)why;
}

static int
play_peer(struct fixture *f, struct channel *c)
{
	int pair[2];
	struct err e;

	assert_int_equal(message_pair(pair, &e), 0);
	c->on_message = ignore_message;
	c->on_end = ignore_end;
	assert_int_equal(channel_open(c, &f->m.loop, pair[0], &e), 0);
	fd_set_blocking(pair[1], 0);
	return pair[1];
}

/* A function that serves, with its artifact in the cache. */
static void
add_pool(struct fixture *f, int i)
{
	struct registry_version *v = calloc(1, sizeof *v);
	struct function *function = &f->functions[i];
	struct pool *pool;
	struct err e;

	v->id = 100 + i;
	v->number = 1;
	v->is_enabled = true;
	policy_init(&v->policy);
	snprintf(v->function, sizeof v->function, "f%d", i);
	assert_int_equal(pool_new(&f->m, v, &pool, &e), 0);
	assert_int_equal(pool_insert(&f->m, pool, &e), 0);
	pool->start.slot = 8;
	pool->artifact = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pool->environment = open("/dev/null", O_RDONLY | O_CLOEXEC);
	TAILQ_INSERT_TAIL(&f->m.artifacts, pool, artifact_link);
	f->m.n_artifacts++;
	pool->function = function;
	function->serving = function->wanted = pool;
	free(v);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e;

	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	config_init(&f->config);
	f->m.config = &f->config;
	f->m.phase = PHASE_SERVING;
	assert_int_equal(loop_init(&f->m.loop, &e), 0);
	rollout_init(&f->m);
	routers_init(&f->m);
	f->m.n_routers = N_ROUTERS;
	f->spawner = play_peer(f, &f->m.spawner_channel);
	for (int i = 0; i < N_ROUTERS; i++) {
		f->routers[i] = play_peer(f, &f->m.routers[i].channel);
		f->m.routers[i].stage = ROUTER_SERVING;
	}
	for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		f->m.control.connections[i].watch.fd = -1;
	for (int i = 0; i < N_POOLS; i++)
		add_pool(f, i);
	*state = f;
	return 0;
}

static struct pool *
pool_at(struct fixture *f, int i)
{
	return pool_find(&f->m, (uint64_t)(100 + i));
}

static void
end_all_workers(struct fixture *f)
{
	struct process_ended ended = { 0 };
	struct node *n;

	f->m.phase = PHASE_STOPPED;
	while ((n = table_next(&f->m.workers, NULL))) {
		((struct worker *)n)->is_stopping = true;
		worker_has_ended(&f->m, (struct worker *)n, &ended);
	}
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	end_all_workers(f);
	for (int i = 0; i < N_POOLS; i++) {
		struct pool *pool = pool_at(f, i);

		table_remove(&f->m.pools, &pool->by_version);
		pool_free(&f->m, pool);
	}
	table_done(&f->m.pools);
	table_done(&f->m.workers);
	channel_close(&f->m.spawner_channel);
	fd_close(&f->spawner);
	for (int i = 0; i < N_ROUTERS; i++) {
		channel_close(&f->m.routers[i].channel);
		fd_close(&f->routers[i]);
	}
	loop_done(&f->m.loop);
	free(f);
	return 0;
}

/* The first number of the next message on sock, which has to be of this type; 0 when there is none. */
static uint32_t
next_id(struct fixture *f, int sock, uint32_t type)
{
	struct process_ref ref = { 0 };
	struct err e;
	int rc = message_receive(sock, &f->message, &e);

	if (rc == -EAGAIN)
		return 0;
	assert_int_equal(rc, 1);
	assert_int_equal(f->message.type, type);
	memcpy(&ref, f->message.body, sizeof ref);
	message_done(&f->message);
	return ref.id;
}

static uint32_t
started(struct fixture *f)
{
	return next_id(f, f->spawner, MSG_START_WORKER);
}

static uint32_t
leased_to(struct fixture *f, int router)
{
	return next_id(f, f->routers[router], MSG_LEASE);
}

static uint32_t
retired_at(struct fixture *f, int router)
{
	return next_id(f, f->routers[router], MSG_RETIRE);
}

static void
want(struct fixture *f, int router, int pool, uint32_t waiting)
{
	struct want w = { .version = (uint64_t)(100 + pool), .waiting = waiting };

	leases_want(&f->m, &f->m.routers[router], &w);
}

static void
ready(struct fixture *f, uint32_t id)
{
	worker_became_ready(&f->m, worker_find(&f->m, id), &(struct process_ready){ .id = id, .pid = 7 }, -1);
}

static void
released(struct fixture *f, uint32_t id)
{
	leases_released(&f->m, worker_find(&f->m, id));
}

static void
ended(struct fixture *f, uint32_t id, int signal)
{
	struct process_ended e = { .id = id, .ending = { .code = CLD_KILLED, .status = signal } };

	worker_has_ended(&f->m, worker_find(&f->m, id), &e);
}

/* A lease is held for a moment before it may move; the test does not wait for it. */
static void
let_hold_pass(struct fixture *f, uint32_t id, int pool)
{
	worker_find(&f->m, id)->leased_us = 0;
	leases_serve(&f->m, pool_at(f, pool));
}

static void
a_want_starts_a_worker_that_goes_to_the_router_that_waits(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	want(f, 1, 0, 1);
	id = started(f);
	assert_true(id > 0);
	assert_int_equal(started(f), 0);
	ready(f, id);
	assert_int_equal(leased_to(f, 1), id);
	assert_int_equal(pool_waiting(pool_at(f, 0)), 0);
	want(f, 1, 0, 0);
	assert_int_equal(started(f), 0);
}

static void
no_more_workers_start_than_wait_or_may_run(void **state)
{
	struct fixture *f = *state;

	want(f, 0, 0, 2);
	assert_true(started(f) && started(f));
	assert_int_equal(started(f), 0);
	want(f, 0, 0, 100);
	assert_true(started(f) && started(f)); /* four in all: pm.max_children */
	assert_int_equal(started(f), 0);
}

static void
a_static_function_is_complete_without_a_want_and_its_workers_are_spread(void **state)
{
	struct fixture *f = *state;
	struct pool *pool = pool_at(f, 0);
	uint32_t ids[3];

	pool->manager = PM_STATIC;
	pool->min_workers = pool->public.max_workers = 3;
	leases_serve(&f->m, pool);
	for (int i = 0; i < 3; i++)
		ids[i] = started(f);
	assert_int_equal(started(f), 0);
	for (int i = 0; i < 3; i++)
		ready(f, ids[i]);
	for (int i = 0; i < N_ROUTERS; i++)
		assert_true(leased_to(f, i) > 0);
	leases_idle(&f->m, worker_find(&f->m, ids[0]));
	assert_int_equal(retired_at(f, 0), 0);
}

static void
an_idle_worker_on_demand_retires_and_its_requests_are_closed(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	want(f, 0, 0, 1);
	id = started(f);
	ready(f, id);
	assert_int_equal(leased_to(f, 0), id);
	leases_idle(&f->m, worker_find(&f->m, id));
	assert_int_equal(retired_at(f, 0), id);
	released(f, id);
	assert_int_equal(worker_find(&f->m, id)->requests, -1);
	assert_int_equal(worker_find(&f->m, id)->stage, WORKER_ENDING);
}

/* One worker, at router 0. */
static uint32_t
only_worker(struct fixture *f)
{
	uint32_t id;

	pool_at(f, 0)->public.max_workers = 1;
	want(f, 0, 0, 1);
	id = started(f);
	ready(f, id);
	assert_int_equal(leased_to(f, 0), id);
	return id;
}

static void
a_worker_on_its_way_to_another_router_still_counts(void **state)
{
	struct fixture *f = *state;
	uint32_t id = only_worker(f);

	want(f, 1, 0, 1);
	assert_int_equal(retired_at(f, 0), 0); /* held for a moment */
	let_hold_pass(f, id, 0);
	assert_int_equal(retired_at(f, 0), id);
	want(f, 2, 0, 5);
	assert_int_equal(started(f), 0);
	released(f, id);
	assert_int_equal(leased_to(f, 1), id);
	assert_int_equal(started(f), 0);
}

static void
routers_take_turns_when_there_is_one_worker(void **state)
{
	struct fixture *f = *state;
	uint32_t id = only_worker(f);
	static const int turns[] = { 1, 2, 0, 1, 2, 0 };
	int at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(turns); i++) {
		for (int r = 0; r < N_ROUTERS; r++)
			want(f, r, 0, r == at ? 0 : 3);
		let_hold_pass(f, id, 0);
		assert_int_equal(retired_at(f, at), id);
		released(f, id);
		at = turns[i];
		assert_int_equal(leased_to(f, at), id);
	}
}

static void
who_began_to_wait_during_a_move_is_looked_at_after_it(void **state)
{
	struct fixture *f = *state;
	uint32_t id = only_worker(f);
	struct pool *pool = pool_at(f, 0);

	want(f, 1, 0, 1);
	let_hold_pass(f, id, 0);
	assert_int_equal(retired_at(f, 0), id);
	timer_cancel(&f->m.loop, &pool->retry);
	want(f, 0, 0, 1);
	released(f, id);
	assert_int_equal(leased_to(f, 1), id);
	assert_true(pool->retry.due_us > 0);
}

static void
a_move_to_a_router_that_died_goes_to_another(void **state)
{
	struct fixture *f = *state;
	uint32_t id = only_worker(f);

	want(f, 1, 0, 1);
	let_hold_pass(f, id, 0);
	assert_int_equal(retired_at(f, 0), id);
	f->m.routers[1].stage = ROUTER_DOWN;
	leases_router_gone(&f->m, &f->m.routers[1]);
	want(f, 2, 0, 1);
	released(f, id);
	assert_int_equal(leased_to(f, 2), id);
}

static void
workers_of_a_dead_router_are_killed(void **state)
{
	struct fixture *f = *state;
	uint32_t id = only_worker(f);

	f->m.routers[0].stage = ROUTER_DOWN;
	leases_router_gone(&f->m, &f->m.routers[0]);
	assert_int_equal(next_id(f, f->spawner, MSG_KILL), id);
	want(f, 1, 0, 1);
	assert_true(started(f) > 0); /* the dying one does not count */
}

static void
every_function_that_waits_for_room_gets_it_from_another(void **state)
{
	struct fixture *f = *state;
	uint32_t ids[2];

	f->config.process_max = 2;
	for (int i = 0; i < 2; i++) {
		want(f, 0, i, 1);
		ids[i] = started(f);
		ready(f, ids[i]);
		assert_int_equal(leased_to(f, 0), ids[i]);
	}
	want(f, 0, 2, 1);
	want(f, 0, 3, 1);
	assert_int_equal(started(f), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(retired_at(f, 0), ids[i]);
		released(f, ids[i]);
	}
	for (int i = 0; i < 2; i++) {
		ended(f, ids[i], SIGKILL);
		assert_true(started(f) > 0);
	}
}

static void
when_all_functions_are_busy_the_one_beyond_is_refused(void **state)
{
	struct fixture *f = *state;
	struct start_refused refused;
	uint32_t id;

	f->config.process_max = 1;
	want(f, 0, 0, 1);
	id = started(f);
	ready(f, id);
	assert_int_equal(leased_to(f, 0), id);
	want(f, 0, 0, 3);
	want(f, 1, 1, 1);
	assert_int_equal(next_id(f, f->routers[1], MSG_START_REFUSED), 101);
	memcpy(&refused, f->message.body, sizeof refused);
	assert_int_equal(refused.cause, CAUSE_OVERLOADED);
	assert_true(refused.retry_after_s > 0);
}

static void
a_spare_that_was_killed_before_it_began_is_asked_for_again_and_nobody_is_refused(void **state)
{
	struct fixture *f = *state;
	struct process_ended lost = { .ending = { .code = CLD_KILLED, .status = SIGKILL }, .is_lost = 1 };

	want(f, 0, 0, 1);
	lost.id = started(f);
	worker_has_ended(&f->m, worker_find(&f->m, lost.id), &lost);
	assert_int_not_equal(started(f), 0);
	assert_int_equal(pool_at(f, 0)->start_failure, CAUSE_NONE);
	assert_int_equal(backoff_left(&pool_at(f, 0)->backoff, clock_now_us()), 0);
}

/* What requests had waited for counts, by whether it had been a spare. */
static void
starts_that_requests_waited_for_are_counted_by_what_they_were(void **state)
{
	struct fixture *f = *state;
	struct process_ready ready = { .pid = 7 };

	for (uint32_t was_spare = 0; was_spare < 2; was_spare++) {
		want(f, 0, (int)was_spare, 1);
		ready.id = started(f);
		ready.was_spare = was_spare;
		worker_became_ready(&f->m, worker_find(&f->m, ready.id), &ready, -1);
	}
	assert_int_equal(f->m.spares.without.n, 1);
	assert_int_equal(f->m.spares.with.n, 1);
	assert_int_equal(f->m.spares.n_taken, 1);
	assert_int_equal(f->m.spares.n_missed, 1);
	assert_true(f->m.spares.with.longest_us >= f->m.spares.with.total_us);
}

/* The cause that the router which waits for pool 0 is told when a start ends so. */
static enum cause
refusal_of(struct fixture *f, const struct process_ended *ended)
{
	struct process_ended e = *ended;
	struct start_refused refused;

	want(f, 2, 0, 1);
	e.id = started(f);
	worker_has_ended(&f->m, worker_find(&f->m, e.id), &e);
	assert_int_equal(next_id(f, f->routers[2], MSG_START_REFUSED), 100);
	memcpy(&refused, f->message.body, sizeof refused);
	assert_true(refused.retry_after_s > 0);
	assert_int_equal(started(f), 0);
	return (enum cause)refused.cause;
}

static void
a_start_that_fails_is_told_to_who_waits(void **state)
{
	static const struct process_ended crash = { .was_confined = 1,
		                                    .ending = { .code = CLD_KILLED, .status = SIGSEGV } };
	struct fixture *f = *state;

	assert_int_equal(refusal_of(f, &crash), CAUSE_START_FAILED);
	want(f, 2, 0, 1);
	assert_true(started(f) > 0);
}

static void
a_sandbox_that_cannot_be_made_is_not_the_functions_fault(void **state)
{
	static const struct process_ended ended = { .reason = "sandbox: root: fsopen" };

	assert_int_equal(refusal_of(*state, &ended), CAUSE_UNAVAILABLE);
}

static void
a_crash_is_told_to_the_router_and_held_back_when_it_repeats(void **state)
{
	struct fixture *f = *state;
	struct pool *pool = pool_at(f, 0);
	struct worker_ended told;

	for (int i = 0; i < BACKOFF_CREDIT_MS / BACKOFF_USELESS_MS + 1; i++) {
		uint32_t id;

		want(f, 0, 0, 1);
		id = started(f);
		assert_true(id > 0);
		ready(f, id);
		assert_int_equal(leased_to(f, 0), id);
		ended(f, id, SIGSEGV);
		assert_int_equal(next_id(f, f->routers[0], MSG_WORKER_ENDED), id);
		memcpy(&told, f->message.body, sizeof told);
		assert_int_equal(told.cause, CAUSE_CRASH);
	}
	want(f, 0, 0, 1);
	assert_int_equal(started(f), 0);
	assert_true(pool->retry.due_us > 0);
	assert_int_equal(pool_waiting(pool), 1); /* its requests wait */
}

static void
beside_loops_of_others_the_first_failure_is_free_and_the_next_waits(void **state)
{
	struct fixture *f = *state;

	f->m.failing.paid_us = clock_now_us() + (BACKOFF_CREDIT_MS + BACKOFF_MAX_MS) * UINT64_C(1000);
	for (int i = 0; i < 2; i++) {
		uint32_t id;

		want(f, 0, 0, 1);
		id = started(f);
		assert_true(id > 0);
		ready(f, id);
		assert_int_equal(leased_to(f, 0), id);
		ended(f, id, SIGKILL);
		assert_int_equal(next_id(f, f->routers[0], MSG_WORKER_ENDED), id);
	}
	want(f, 0, 0, 1);
	assert_int_equal(started(f), 0);
	assert_true(pool_at(f, 0)->retry.due_us > 0);
}

/* While it is to be seen whether the next one does better, one is started and not as many as wait. */
static void
after_failures_one_at_a_time_is_started(void **state)
{
	struct fixture *f = *state;
	struct pool *pool = pool_at(f, 0);
	uint32_t id;

	for (int i = 0; i < BACKOFF_CREDIT_MS / BACKOFF_USELESS_MS; i++)
		backoff_failed(&pool->backoff, clock_now_us(), 0);
	want(f, 0, 0, 3);
	id = started(f);
	assert_true(id > 0);
	assert_int_equal(started(f), 0);
	want(f, 0, 0, 4);
	assert_int_equal(started(f), 0);
	ready(f, id);
	assert_true(started(f) > 0);
	assert_int_equal(started(f), 0);
}

/* As when somebody kills it: no evidence against the next one. */
static void
what_had_served_is_replaced_at_once_again_and_again(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < BACKOFF_CREDIT_MS / BACKOFF_SERVED_MS; i++) {
		uint32_t id;

		want(f, 0, 0, 1);
		id = started(f);
		assert_true(id > 0);
		ready(f, id);
		worker_find(&f->m, id)->ready_us -= BACKOFF_LIFE_MS * UINT64_C(1000);
		assert_int_equal(leased_to(f, 0), id);
		ended(f, id, SIGKILL);
		assert_int_equal(next_id(f, f->routers[0], MSG_WORKER_ENDED), id);
	}
}

static void
a_limit_that_the_router_saw_is_the_verdict(void **state)
{
	struct fixture *f = *state;
	struct worker_ended told;
	uint32_t id = only_worker(f);

	worker_kill(&f->m, worker_find(&f->m, id), CAUSE_WALL_TIME_LIMIT);
	assert_int_equal(next_id(f, f->spawner, MSG_KILL), id);
	ended(f, id, SIGKILL);
	assert_int_equal(next_id(f, f->routers[0], MSG_WORKER_ENDED), id);
	memcpy(&told, f->message.body, sizeof told);
	assert_int_equal(told.cause, CAUSE_WALL_TIME_LIMIT);
	assert_int_equal(pool_at(f, 0)->backoff.paid_us, 0);
}

/* What router 0 hears about its question: 1 granted, 0 refused, -1 nothing. */
static int
asks_for_stream(struct fixture *f, int router, uint32_t id)
{
	struct stream_answer answer;

	stream_ask(&f->m, worker_find(&f->m, id));
	if (next_id(f, f->routers[router], MSG_STREAM_ANSWER) != id)
		return -1;
	memcpy(&answer, f->message.body, sizeof answer);
	return answer.is_granted != 0;
}

/* A worker leased to router 0 for a request that waits. */
static uint32_t
next_worker(struct fixture *f)
{
	uint32_t id;

	want(f, 0, 0, 1);
	id = started(f);
	assert_true(id > 0);
	ready(f, id);
	assert_int_equal(leased_to(f, 0), id);
	return id;
}

static void
workers_with_streams_are_beside_max_children_and_have_a_limit_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct pool *pool = pool_at(f, 0);
	uint32_t ids[3];

	pool->public.max_workers = 1;
	pool->streams = 2;
	for (int i = 0; i < 2; i++) {
		ids[i] = next_worker(f);
		assert_int_equal(asks_for_stream(f, 0, ids[i]), 1);
	}
	ids[2] = next_worker(f);
	assert_int_equal(asks_for_stream(f, 0, ids[2]), 0);
	want(f, 0, 0, 1);
	assert_int_equal(started(f), 0);
	/* One ends: the worker is one too many now.  Then there is room for a stream. */
	leases_stream_ended(&f->m, worker_find(&f->m, ids[0]), 3);
	assert_int_equal(worker_find(&f->m, ids[0])->stage, WORKER_ENDING);
	assert_int_equal(asks_for_stream(f, 0, ids[2]), 1);
}

static void
a_worker_whose_stream_is_over_serves_on_where_there_is_room(void **state)
{
	struct fixture *f = *state;
	uint32_t id = next_worker(f);
	struct lease lease;

	assert_int_equal(asks_for_stream(f, 0, id), 1);
	leases_stream_ended(&f->m, worker_find(&f->m, id), 3);
	assert_true(leased_to(f, 0) == id || leased_to(f, 1) == id || leased_to(f, 2) == id);
	memcpy(&lease, f->message.body, sizeof lease);
	assert_int_equal(lease.n_served, 3);
	assert_int_equal(pool_count_streams(pool_at(f, 0)), 0);
}

static void
streams_of_all_functions_leave_a_quarter_of_process_max(void **state)
{
	struct fixture *f = *state;

	f->config.process_max = 4;
	for (int i = 0; i < 4; i++) {
		uint32_t id = next_worker(f);

		assert_int_equal(asks_for_stream(f, 0, id), i < 3);
	}
}

static void
a_worker_with_a_stream_is_never_moved_nor_ended_to_make_room(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	f->config.process_max = 1;
	id = next_worker(f);
	assert_int_equal(asks_for_stream(f, 0, id), 1);
	let_hold_pass(f, id, 0);
	want(f, 1, 0, 1);
	want(f, 1, 1, 1);
	assert_int_equal(retired_at(f, 0), 0);
}

/* Also one of another version of the function, which is told to end and has not yet. */
static void
no_worker_is_leased_beyond_the_concurrency_of_its_function(void **state)
{
	struct fixture *f = *state;
	struct pool *old = pool_at(f, 0), *new = pool_at(f, 1);
	uint32_t first = next_worker(f), second;

	snprintf(new->start.function, sizeof new->start.function, "%s", old->start.function);
	old->concurrency = new->concurrency = 1;
	f->functions[0].serving = new;
	new->function = &f->functions[0];
	pool_drain(&f->m, old);
	assert_int_equal(retired_at(f, 0), first);
	want(f, 0, 1, 1);
	second = started(f);
	ready(f, second);
	assert_int_equal(leased_to(f, 0), 0);
	released(f, first);
	assert_int_equal(leased_to(f, 0), 0);
	ended(f, first, 0);
	assert_int_equal(leased_to(f, 0), second);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(a_want_starts_a_worker_that_goes_to_the_router_that_waits),
		TEST(no_more_workers_start_than_wait_or_may_run),
		TEST(a_static_function_is_complete_without_a_want_and_its_workers_are_spread),
		TEST(an_idle_worker_on_demand_retires_and_its_requests_are_closed),
		TEST(a_worker_on_its_way_to_another_router_still_counts),
		TEST(routers_take_turns_when_there_is_one_worker),
		TEST(who_began_to_wait_during_a_move_is_looked_at_after_it),
		TEST(a_move_to_a_router_that_died_goes_to_another),
		TEST(workers_of_a_dead_router_are_killed),
		TEST(every_function_that_waits_for_room_gets_it_from_another),
		TEST(when_all_functions_are_busy_the_one_beyond_is_refused),
		TEST(a_start_that_fails_is_told_to_who_waits),
		TEST(a_sandbox_that_cannot_be_made_is_not_the_functions_fault),
		TEST(a_crash_is_told_to_the_router_and_held_back_when_it_repeats),
		TEST(beside_loops_of_others_the_first_failure_is_free_and_the_next_waits),
		TEST(after_failures_one_at_a_time_is_started),
		TEST(what_had_served_is_replaced_at_once_again_and_again),
		TEST(a_limit_that_the_router_saw_is_the_verdict),
		TEST(a_spare_that_was_killed_before_it_began_is_asked_for_again_and_nobody_is_refused),
		TEST(starts_that_requests_waited_for_are_counted_by_what_they_were),
		TEST(workers_with_streams_are_beside_max_children_and_have_a_limit_of_their_own),
		TEST(a_worker_whose_stream_is_over_serves_on_where_there_is_room),
		TEST(streams_of_all_functions_leave_a_quarter_of_process_max),
		TEST(a_worker_with_a_stream_is_never_moved_nor_ended_to_make_room),
		TEST(no_worker_is_leased_beyond_the_concurrency_of_its_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
