/* test_invocations.c - a worker for one asker: the test is the spawner and the askers of a master. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/invocations.h"
#include "pool/pools.h"
#include "pool/rollout.h"
#include "pool/routers.h"

struct fixture {
	struct master m;
	struct config config;
	struct pool *pool;
	int spawner;
	int askers[INVOCATIONS_MAX + 1]; /* the other ends of the connections */
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

static void
add_pool(struct fixture *f)
{
	struct registry_version *v = calloc(1, sizeof *v);
	struct err e;

	v->id = 100;
	v->number = 3;
	policy_init(&v->policy);
	snprintf(v->function, sizeof v->function, "hello");
	assert_int_equal(pool_new(&f->m, v, &f->pool, &e), 0);
	f->pool->start.slot = 8;
	f->pool->artifact = open("/dev/null", O_RDONLY | O_CLOEXEC);
	f->pool->environment = open("/dev/null", O_RDONLY | O_CLOEXEC);
	TAILQ_INSERT_TAIL(&f->m.artifacts, f->pool, artifact_link);
	f->m.n_artifacts++;
	free(v);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int pair[2];
	struct err e;

	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	config_init(&f->config);
	f->m.config = &f->config;
	f->m.phase = PHASE_SERVING;
	assert_int_equal(loop_init(&f->m.loop, &e), 0);
	rollout_init(&f->m);
	routers_init(&f->m);
	assert_int_equal(message_pair(pair, &e), 0);
	f->m.spawner_channel.on_message = ignore_message;
	f->m.spawner_channel.on_end = ignore_end;
	assert_int_equal(channel_open(&f->m.spawner_channel, &f->m.loop, pair[0], &e), 0);
	f->spawner = pair[1];
	fd_set_blocking(f->spawner, 0);
	for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		f->m.control.connections[i].watch.fd = -1;
	for (int i = 0; i <= INVOCATIONS_MAX; i++) {
		assert_int_equal(message_pair(pair, &e), 0);
		f->m.control.connections[i].peer = 4711;
		f->m.control.connections[i].watch.fd = pair[0];
		f->askers[i] = pair[1];
	}
	add_pool(f);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i <= INVOCATIONS_MAX; i++) {
		timer_cancel(&f->m.loop, &f->m.control.connections[i].timer);
		fd_close(&f->m.control.connections[i].watch.fd);
		fd_close(&f->askers[i]);
	}
	if (f->pool)
		pool_free(&f->m, f->pool);
	channel_close(&f->m.spawner_channel);
	fd_close(&f->spawner);
	loop_done(&f->m.loop);
	free(f);
	return 0;
}

/* The spawner's next message; 0: there is none. */
static uint32_t
next_message(struct fixture *f)
{
	struct err e;

	return message_receive(f->spawner, &f->message, &e) == 1 ? f->message.type : 0;
}

static struct control_connection *
asker(struct fixture *f, int i)
{
	return &f->m.control.connections[i];
}

/* Started for this asker: its id. */
static uint32_t
started(struct fixture *f, int i, bool is_explained)
{
	const struct start_worker *start = (const struct start_worker *)f->message.body;
	struct err e;

	assert_int_equal(invocation_start(&f->m, asker(f, i), f->pool, is_explained, &e), 0);
	assert_int_equal(next_message(f), MSG_START_WORKER);
	assert_int_equal(f->message.n_fds, 4);
	assert_true(start->is_invoked);
	assert_int_equal(start->is_explained, is_explained);
	assert_int_equal(start->cpu_ms, f->pool->public.cpu_ms);
	assert_int_equal(start->slot, 8);
	assert_string_equal(start->function, "hello");
	message_done(&f->message);
	return start->id;
}

static json_t *
answered(struct fixture *f, int i, int fds[CONTROL_FDS_MAX])
{
	json_t *answer = NULL;
	struct err e;

	assert_int_equal(control_next(f->askers[i], 5000, &answer, fds, &e), 0);
	return answer;
}

static void
ended(struct fixture *f, uint32_t id, const struct process_ended *how)
{
	const struct refused_call call = { .error = EACCES, .n = 7, .name = "socket" };
	struct process_ended e = *how;

	e.id = id;
	e.n_kinds = 1;
	e.n_refused = 9;
	invocation_has_ended(&f->m, invocation_find(&f->m, id), &e, &call);
}

static void
expect_text(json_t *answer, const char *name, const char *want)
{
	assert_string_equal(json_string_value(json_object_get(answer, name)), want);
}

static void
the_asker_gets_the_ends_of_a_worker_and_later_the_word_about_it(void **state)
{
	const struct process_ended how = {
		.ending = { .code = CLD_KILLED, .status = SIGSEGV, .max_rss_kb = 1700 }, .cpu_us = 1500
	};
	struct fixture *f = *state;
	int fds[CONTROL_FDS_MAX];
	uint32_t id = started(f, 0, true);
	json_t *answer, *call;

	invocation_is_ready(&f->m, invocation_find(&f->m, id));
	answer = answered(f, 0, fds);
	expect_text(answer, "event", "ready");
	assert_int_equal(json_integer_value(json_object_get(answer, "wall_ms")), f->pool->public.wall_ms);
	assert_true(fds[0] >= 0 && fds[1] >= 0);
	json_decref(answer);
	/* The master has them no more: closing them is the asker's word to the worker. */
	assert_int_equal(invocation_find(&f->m, id)->requests, -1);
	close(fds[0]);
	close(fds[1]);

	ended(f, id, &how);
	answer = answered(f, 0, fds);
	assert_true(fds[0] < 0 && fds[1] < 0);
	expect_text(answer, "event", "ended");
	expect_text(answer, "cause", "crash");
	expect_text(answer, "how", "signal SEGV");
	assert_int_equal(json_integer_value(json_object_get(answer, "cpu_us")), 1500);
	assert_int_equal(json_integer_value(json_object_get(answer, "n_refused")), 9);
	call = json_array_get(json_object_get(answer, "refused"), 0);
	expect_text(call, "call", "socket");
	assert_int_equal(json_integer_value(json_object_get(call, "n")), 7);
	assert_int_equal(json_integer_value(json_object_get(call, "errno")), EACCES);
	json_decref(answer);
	assert_null(invocation_find(&f->m, id));
	assert_int_equal(asker(f, 0)->wait, CONTROL_NOTHING);
	assert_int_equal(f->m.auditor.n_queued, 1);
	assert_string_equal(f->m.auditor.queue[0].event, "invoke");
	assert_string_equal(f->m.auditor.queue[0].function, "hello");
	assert_string_equal(f->m.auditor.queue[0].detail, "by uid 4711");
}

static void
a_worker_that_does_not_get_ready_is_one_answer_with_its_output(void **state)
{
	struct process_ended how = { .reason = "cfn_init refused" };
	struct fixture *f = *state;
	int fds[CONTROL_FDS_MAX];
	uint32_t id = started(f, 0, false);
	json_t *answer;

	ended(f, id, &how);
	answer = answered(f, 0, fds);
	assert_true(json_is_false(json_object_get(answer, "ok")));
	expect_text(answer, "error", "cfn_init refused");
	assert_int_equal(json_array_size(json_object_get(answer, "refused")), 1);
	assert_true(fds[0] >= 0 && fds[1] < 0);
	json_decref(answer);
	close(fds[0]);
	assert_int_equal(asker(f, 0)->wait, CONTROL_NOTHING);
}

static void
one_that_is_late_is_killed_and_said_to_be(void **state)
{
	const struct process_ended how = { .ending = { .code = CLD_KILLED, .status = SIGKILL } };
	struct fixture *f = *state;
	int fds[CONTROL_FDS_MAX];
	uint32_t id = started(f, 0, false);
	struct invocation *i = invocation_find(&f->m, id);
	json_t *answer;

	i->timer.fire(&f->m, i->timer.owner);
	assert_int_equal(next_message(f), MSG_KILL);
	ended(f, id, &how);
	answer = answered(f, 0, fds);
	assert_non_null(strstr(json_string_value(json_object_get(answer, "error")), "not ready within 15 s"));
	json_decref(answer);
	fd_close(&fds[0]);
}

static void
only_so_many_run_and_the_end_of_one_makes_room(void **state)
{
	const struct process_ended how = { .ending = { .code = CLD_EXITED } };
	struct fixture *f = *state;
	uint32_t ids[INVOCATIONS_MAX];
	struct err e;

	for (int i = 0; i < INVOCATIONS_MAX; i++)
		ids[i] = started(f, i, false);
	assert_int_equal(invocation_start(&f->m, asker(f, INVOCATIONS_MAX), f->pool, false, &e), -EBUSY);
	assert_int_equal(next_message(f), 0);
	assert_int_equal(asker(f, INVOCATIONS_MAX)->wait, CONTROL_NOTHING);
	ended(f, ids[1], &how);
	ids[1] = started(f, INVOCATIONS_MAX, false);
	assert_true(invocations_are_running(&f->m));
	for (int i = 0; i < INVOCATIONS_MAX; i++)
		ended(f, ids[i], &how);
	assert_false(invocations_are_running(&f->m));
}

static void
nobody_is_told_of_one_whose_asker_has_gone(void **state)
{
	const struct process_ended how = { .ending = { .code = CLD_KILLED, .status = SIGKILL } };
	struct fixture *f = *state;
	uint32_t id = started(f, 0, false);

	invocation_abandon(&f->m, invocation_find(&f->m, id));
	assert_int_equal(next_message(f), MSG_KILL);
	assert_int_equal(((struct process_ref *)f->message.body)->id, id);
	invocation_is_ready(&f->m, invocation_find(&f->m, id));
	ended(f, id, &how);
	assert_null(invocation_find(&f->m, id));
	fd_set_blocking(f->askers[0], 0);
	assert_int_equal(read(f->askers[0], &id, sizeof id), -1);
}

static void
one_that_was_asked_to_end_did_not_crash(void **state)
{
	const struct process_ended how = { .ending = { .code = CLD_KILLED, .status = SIGKILL } };
	struct fixture *f = *state;
	int fds[CONTROL_FDS_MAX];
	uint32_t id = started(f, 0, false);
	json_t *answer;

	invocation_is_ready(&f->m, invocation_find(&f->m, id));
	json_decref(answered(f, 0, fds));
	invocation_stop(&f->m, invocation_find(&f->m, id));
	assert_int_equal(next_message(f), MSG_KILL);
	ended(f, id, &how);
	close(fds[0]);
	close(fds[1]);
	answer = answered(f, 0, fds);
	expect_text(answer, "cause", "");
	json_decref(answer);
}

/* A deploy may replace it meanwhile. */
static void
the_version_may_go_while_its_worker_runs(void **state)
{
	const struct process_ended how = { .cause = CAUSE_CPU_TIME_LIMIT };
	struct fixture *f = *state;
	int fds[CONTROL_FDS_MAX];
	uint32_t id = started(f, 0, false);
	json_t *answer;

	pool_free(&f->m, f->pool);
	f->pool = NULL;
	invocation_is_ready(&f->m, invocation_find(&f->m, id));
	json_decref(answered(f, 0, fds));
	close(fds[0]);
	close(fds[1]);
	ended(f, id, &how);
	answer = answered(f, 0, fds);
	expect_text(answer, "cause", "cpu_time_limit");
	json_decref(answer);
}

static void
a_graceful_stop_waits_for_it(void **state)
{
	const struct process_ended how = { .ending = { .code = CLD_EXITED } };
	struct fixture *f = *state;
	uint32_t id = started(f, 0, false);

	f->m.phase = PHASE_DRAINING;
	drain_check(&f->m);
	assert_int_equal(f->m.phase, PHASE_DRAINING);
	ended(f, id, &how);
	assert_int_equal(f->m.phase, PHASE_STOPPED);
}

/* Asks the master's own socket, and lets it accept. */
static int
connected(struct fixture *f, char *folder)
{
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX];
	struct err e;

	assert_non_null(mkdtemp(folder));
	snprintf(f->config.registry, sizeof f->config.registry, "%s/r.db", folder);
	close(open(f->config.registry, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(control_server_open(&f->m, &e), 0);
	assert_int_equal(control_connect(f->config.registry, socks, pids, &e), 1);
	assert_int_equal(loop_turn(&f->m.loop, &f->m, &e), 0);
	return socks[0];
}

/* Its answer would end the invocation's question, and leave nobody who ends the worker. */
static void
a_malformed_question_meanwhile_ends_the_connection_and_the_worker(void **state)
{
	const struct process_ended how = { .ending = { .code = CLD_KILLED, .status = SIGKILL } };
	struct fixture *f = *state;
	char folder[] = "/tmp/cfn-test-XXXXXX", command[64];
	AUTO_FD sock = -1;
	struct err e;
	uint32_t id;

	for (int i = 0; i <= INVOCATIONS_MAX; i++)
		fd_close(&asker(f, i)->watch.fd);
	sock = connected(f, folder);
	id = started(f, 0, false);
	assert_int_equal(message_send(sock, 1, "no object", 9, NULL, 0, &e), 0);
	assert_int_equal(loop_turn(&f->m.loop, &f->m, &e), 0);
	assert_int_equal(next_message(f), MSG_KILL);
	assert_int_equal(asker(f, 0)->watch.fd, -1);
	assert_null(invocation_find(&f->m, id)->caller);
	ended(f, id, &how);
	control_server_close(&f->m);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_asker_gets_the_ends_of_a_worker_and_later_the_word_about_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_worker_that_does_not_get_ready_is_one_answer_with_its_output, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_is_late_is_killed_and_said_to_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_so_many_run_and_the_end_of_one_makes_room, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(nobody_is_told_of_one_whose_asker_has_gone, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(one_that_was_asked_to_end_did_not_crash, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_version_may_go_while_its_worker_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_malformed_question_meanwhile_ends_the_connection_and_the_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_graceful_stop_waits_for_it, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
