/* test_lanes.c - requests to the runner: a master between a spawner, routers and runners that the test plays.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/lanes.h"
#include "pool/pools.h"
#include "pool/predecessors.h"
#include "pool/rollout.h"
#include "pool/routers.h"
#include "pool/runner.h"
#include "pool/workers.h"

enum { N_ROUTERS = 2, CONCURRENT = 2, QUEUE = 3, LANES = CONCURRENT + QUEUE + RUN_LANES_ASIDE };

struct fixture {
	struct master m;
	struct config config;
	int spawner, routers[N_ROUTERS], runner; /* the other ends */
	struct message message;                  /* the last one */
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

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e;

	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	config_init(&f->config);
	f->config.run.is_enabled = 1;
	f->config.run.max_concurrent = CONCURRENT;
	f->config.run.queue = QUEUE;
	snprintf(f->config.state_dir, sizeof f->config.state_dir, "/tmp/cfn-lanes-XXXXXX");
	assert_non_null(mkdtemp(f->config.state_dir));
	f->m.config = &f->config;
	f->m.phase = PHASE_SERVING;
	f->m.takeover.sock = f->m.takeover.process = -1;
	assert_int_equal(loop_init(&f->m.loop, &e), 0);
	predecessors_init(&f->m);
	rollout_init(&f->m);
	routers_init(&f->m);
	hearing_init(&f->m);
	runner_init(&f->m);
	f->m.n_routers = N_ROUTERS;
	f->runner = -1;
	f->spawner = play_peer(f, &f->m.spawner_channel);
	for (int i = 0; i < N_ROUTERS; i++) {
		f->routers[i] = play_peer(f, &f->m.routers[i].channel);
		f->m.routers[i].stage = ROUTER_SERVING;
	}
	for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		f->m.control.connections[i].watch.fd = -1;
	*state = f;
	return 0;
}

/* What the end of a turn does: lanes that were ended are gone. */
static void
turn(struct fixture *f)
{
	struct err e;

	for (int i = 0; i < 2 * LANES; i++) {
		const struct timer *first = TAILQ_FIRST(&f->m.loop.timers);

		if (!first || first == &f->m.runner.timer)
			break;
		assert_int_equal(loop_turn(&f->m.loop, &f->m, &e), 0);
	}
}

/* What a publication does. */
static void
publish(struct fixture *f)
{
	struct function *function = &f->m.runner.function;
	struct pool *old = function->serving;
	struct err e;

	assert_int_equal(runner_settle(&f->m, &e), 0);
	function->serving = function->wanted;
	if (old && old != function->serving) {
		pool_drain(&f->m, old);
		pool_drop_unused(&f->m, old);
	}
	runner_follow(&f->m);
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char path[CONFIG_PATH_MAX + 8];

	f->m.phase = PHASE_STOPPED; /* nothing is opened anew */
	lanes_kill_all(&f->m, CAUSE_UNAVAILABLE);
	turn(f);
	f->config.run.is_enabled = 0;
	publish(f);
	timer_cancel(&f->m.loop, &f->m.runner.timer);
	runner_close(&f->m);
	assert_int_equal(f->m.pools.n, 0);
	table_done(&f->m.pools);
	table_done(&f->m.workers);
	channel_close(&f->m.spawner_channel);
	fd_close(&f->spawner);
	fd_close(&f->runner);
	for (int i = 0; i < N_ROUTERS; i++) {
		channel_close(&f->m.routers[i].channel);
		fd_close(&f->routers[i]);
	}
	hearing_close(&f->m);
	loop_done(&f->m.loop);
	snprintf(path, sizeof path, "%s/runs", f->config.state_dir);
	rmdir(path);
	rmdir(f->config.state_dir);
	free(f);
	return 0;
}

/* The first number of the next message on sock, which has to be of this type; 0 when there is none.  Its
 * descriptors stay in f->message. */
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
	return ref.id;
}

/* A runner was asked for: its id, and its end of the channel is the test's. */
static uint32_t
runner_asked(struct fixture *f)
{
	uint32_t id = next_id(f, f->spawner, MSG_START_RUNNER);

	if (id == 0)
		return 0;
	fd_close(&f->runner);
	f->runner = message_take_fd(&f->message, 0);
	fd_set_blocking(f->runner, 0);
	message_done(&f->message);
	hearing_take(&f->m, HEARD_RUNNER); /* it has closed its standard error */
	return id;
}

static void
runner_up(struct fixture *f)
{
	publish(f);
	assert_true(runner_asked(f) > 0);
	runner_became_ready(&f->m);
}

static void
runner_dies(struct fixture *f, const char *reason)
{
	struct process_ended ended = { .id = f->m.runner.id,
		                       .ending = { .code = CLD_KILLED, .status = SIGKILL } };

	snprintf(ended.reason, sizeof ended.reason, "%s", reason);
	runner_has_ended(&f->m, &ended);
}

static void
want(struct fixture *f, int router, uint32_t waiting)
{
	struct want w = { .version = f->m.runner.function.serving->public.version_id, .waiting = waiting };

	leases_want(&f->m, &f->m.routers[router], &w);
}

/* How many messages of this type wait there, and nothing else does. */
static size_t
count(struct fixture *f, int sock, uint32_t type)
{
	size_t n = 0;

	for (; next_id(f, sock, type) > 0; n++)
		message_done(&f->message);
	return n;
}

static void
a_lane_joins_the_router_that_waits_with_the_runner(void **state)
{
	struct fixture *f = *state;
	int at_runner, at_router;
	struct lease lease;
	uint32_t id;
	char byte;

	runner_up(f);
	want(f, 1, 1);
	id = next_id(f, f->runner, MSG_LANE);
	assert_true(id > 0);
	at_runner = message_take_fd(&f->message, 0);
	assert_int_equal(next_id(f, f->routers[1], MSG_LEASE), id);
	memcpy(&lease, f->message.body, sizeof lease);
	assert_int_equal(lease.pid, 0);
	assert_int_equal(lease.is_fresh, 0);
	at_router = message_take_fd(&f->message, 0);
	assert_int_equal(f->message.n_fds, 2);
	message_done(&f->message);
	assert_int_equal(send(at_router, "x", 1, 0), 1);
	assert_int_equal(recv(at_runner, &byte, 1, 0), 1);
	/* Nobody else holds an end. */
	close(at_router);
	assert_int_equal(recv(at_runner, &byte, 1, MSG_DONTWAIT), 0);
	close(at_runner);
}

static void
who_wants_one_before_there_is_a_runner_gets_it_then(void **state)
{
	struct fixture *f = *state;

	publish(f);
	want(f, 0, 1);
	assert_true(runner_asked(f) > 0);
	assert_int_equal(count(f, f->routers[0], MSG_LEASE), 0);
	runner_became_ready(&f->m);
	assert_int_equal(count(f, f->routers[0], MSG_LEASE), 1);
	assert_int_equal(count(f, f->runner, MSG_LANE), 1);
}

static void
there_are_lanes_for_all_runs_and_some_questions_and_no_more(void **state)
{
	struct fixture *f = *state;

	runner_up(f);
	want(f, 0, 1000);
	want(f, 1, 1000);
	assert_int_equal(count(f, f->routers[0], MSG_LEASE) + count(f, f->routers[1], MSG_LEASE), LANES);
	assert_int_equal(count(f, f->runner, MSG_LANE), LANES);
}

static void
lanes_take_no_room_of_workers(void **state)
{
	struct fixture *f = *state;

	f->config.process_max = 1;
	runner_up(f);
	want(f, 0, 3);
	assert_int_equal(count(f, f->routers[0], MSG_LEASE), 3);
	assert_int_equal(workers_running(&f->m), 0);
	assert_int_equal(f->m.n_lanes, 3);
}

static void
a_lane_is_cut_off_alone(void **state)
{
	struct fixture *f = *state;
	struct worker_ended ended;
	uint32_t id;

	runner_up(f);
	want(f, 0, 2);
	id = next_id(f, f->routers[0], MSG_LEASE);
	message_done(&f->message);
	assert_int_equal(count(f, f->routers[0], MSG_LEASE), 1);
	worker_kill(&f->m, worker_find(&f->m, id), CAUSE_WALL_TIME_LIMIT);
	worker_kill(&f->m, worker_find(&f->m, id), CAUSE_CRASH);
	assert_int_equal(next_id(f, f->routers[0], MSG_WORKER_ENDED), id);
	memcpy(&ended, f->message.body, sizeof ended);
	assert_int_equal(ended.cause, CAUSE_WALL_TIME_LIMIT);
	assert_int_equal(count(f, f->routers[0], MSG_WORKER_ENDED), 0);
	assert_int_equal(count(f, f->spawner, MSG_KILL), 0);
	turn(f);
	assert_null(worker_find(&f->m, id));
	assert_int_equal(f->m.n_lanes, 1);
	assert_int_equal(f->m.runner.stage, RUNNER_READY);
}

static void
an_idle_lane_is_retired_and_one_that_is_given_back_is_gone(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	runner_up(f);
	want(f, 0, 1);
	id = next_id(f, f->routers[0], MSG_LEASE);
	message_done(&f->message);
	leases_idle(&f->m, worker_find(&f->m, id));
	assert_int_equal(next_id(f, f->routers[0], MSG_RETIRE), id);
	leases_released(&f->m, worker_find(&f->m, id));
	turn(f);
	assert_int_equal(f->m.n_lanes, 0);
	assert_int_equal(count(f, f->spawner, MSG_KILL), 0);
}

static void
the_end_of_the_runner_ends_its_lanes_and_another_one_starts(void **state)
{
	struct fixture *f = *state;
	struct worker_ended ended;

	runner_up(f);
	want(f, 0, 1);
	assert_int_equal(count(f, f->routers[0], MSG_LEASE), 1);
	want(f, 1, LANES);
	count(f, f->routers[1], MSG_LEASE);
	runner_dies(f, "");
	assert_true(next_id(f, f->routers[0], MSG_WORKER_ENDED) > 0);
	memcpy(&ended, f->message.body, sizeof ended);
	assert_int_equal(ended.cause, CAUSE_UNAVAILABLE);
	turn(f);
	assert_int_equal(f->m.n_lanes, 0);
	assert_int_equal(f->m.runner.n_crashes, 1);
	assert_true(runner_asked(f) > 0);
	count(f, f->routers[1], MSG_WORKER_ENDED);
	runner_became_ready(&f->m);
	assert_int_equal(count(f, f->routers[1], MSG_LEASE), 1); /* which had waited for the last lane */
}

static void
one_that_cannot_start_keeps_nobody_waiting_and_is_tried_again_later(void **state)
{
	struct fixture *f = *state;

	publish(f);
	want(f, 0, 1);
	for (int i = 0; i <= BACKOFF_CREDIT_MS / BACKOFF_USELESS_MS; i++) {
		assert_true(runner_asked(f) > 0);
		runner_dies(f, "no languages");
	}
	assert_int_equal(count(f, f->routers[0], MSG_START_REFUSED), 1);
	assert_int_equal(runner_asked(f), 0);
	assert_true(f->m.runner.timer.due_us != 0);
	want(f, 0, 1);
	assert_int_equal(count(f, f->routers[0], MSG_START_REFUSED), 1);
	assert_int_equal(f->m.runner.n_crashes, 0);
}

static void
the_same_values_are_the_same_runner(void **state)
{
	struct fixture *f = *state;
	const struct pool *pool;

	runner_up(f);
	pool = f->m.runner.function.serving;
	publish(f);
	assert_ptr_equal(f->m.runner.function.serving, pool);
	assert_int_equal(count(f, f->runner, MSG_DRAIN), 0);
}

static void
other_values_are_the_next_runners_when_the_last_one_has_drained(void **state)
{
	struct fixture *f = *state;
	uint64_t version;
	uint32_t id;
	struct err e;

	runner_up(f);
	want(f, 0, 1);
	id = next_id(f, f->routers[0], MSG_LEASE);
	message_done(&f->message);
	assert_int_equal(count(f, f->runner, MSG_LANE), 1);
	version = f->m.runner.version;
	f->config.run.queue = QUEUE + 1;
	publish(f);
	assert_int_equal(next_id(f, f->routers[0], MSG_RETIRE), id);
	assert_int_equal(message_receive(f->runner, &f->message, &e), 1);
	assert_int_equal(f->message.type, MSG_DRAIN);
	want(f, 1, 1);
	assert_int_equal(runner_asked(f), 0);
	leases_released(&f->m, worker_find(&f->m, id));
	turn(f);
	assert_int_equal(f->m.pools.n, 1);
	runner_dies(f, "");
	assert_int_equal(f->m.runner.n_crashes, 0);
	assert_true(runner_asked(f) > 0);
	assert_int_not_equal(f->m.runner.version, version);
	runner_became_ready(&f->m);
	assert_int_equal(count(f, f->routers[1], MSG_LEASE), 1);
}

static void
switched_off_it_is_drained_and_no_other_starts(void **state)
{
	struct fixture *f = *state;

	runner_up(f);
	f->config.run.is_enabled = 0;
	publish(f);
	assert_int_equal(f->m.runner.stage, RUNNER_DRAINING);
	runner_dies(f, "");
	assert_int_equal(runner_asked(f), 0);
	assert_int_equal(f->m.runner.timer.due_us, 0);
}

static void
a_runner_that_breaks_the_protocol_is_killed(void **state)
{
	struct fixture *f = *state;
	struct err e;

	runner_up(f);
	assert_int_equal(message_send(f->runner, MSG_LEASE, "", 0, NULL, 0, &e), 0);
	assert_int_equal(loop_turn(&f->m.loop, &f->m, &e), 0);
	assert_int_equal(next_id(f, f->spawner, MSG_KILL), f->m.runner.id);
	runner_dies(f, "");
	assert_true(runner_asked(f) > 0);
}

static void
its_routes_are_refused_while_it_is_on(void **state)
{
	static const struct registry_route list[] = {
		{ .pattern = "/api/:x", .methods = 1 },
		{ .pattern = "/api/run/:id", .methods = 1 },
	};
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(runner_check_routes(&f->m, list, 1, &e), 0);
	assert_int_equal(runner_check_routes(&f->m, list, 2, &e), -EEXIST);
	assert_non_null(strstr(e.text, "route /api/run/:id is reserved"));
	assert_null(strchr(e.text, '\n'));
	f->config.run.is_enabled = 0;
	assert_int_equal(runner_check_routes(&f->m, list, 2, &e), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_lane_joins_the_router_that_waits_with_the_runner),
		TEST(who_wants_one_before_there_is_a_runner_gets_it_then),
		TEST(there_are_lanes_for_all_runs_and_some_questions_and_no_more),
		TEST(lanes_take_no_room_of_workers),
		TEST(a_lane_is_cut_off_alone),
		TEST(an_idle_lane_is_retired_and_one_that_is_given_back_is_gone),
		TEST(the_end_of_the_runner_ends_its_lanes_and_another_one_starts),
		TEST(one_that_cannot_start_keeps_nobody_waiting_and_is_tried_again_later),
		TEST(the_same_values_are_the_same_runner),
		TEST(other_values_are_the_next_runners_when_the_last_one_has_drained),
		TEST(switched_off_it_is_drained_and_no_other_starts),
		TEST(a_runner_that_breaks_the_protocol_is_killed),
		TEST(its_routes_are_refused_while_it_is_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
