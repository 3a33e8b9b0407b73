/* test_router_fresh.c - the router and fresh workers: the test is zygote, init, and each request's process.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "router_rig.h"

#define HELLO "Content-Type: text/plain\r\n\r\nhello"

/* The lease's ends, and the request that was taken last. */
struct fresh {
	struct rig_worker worker; /* its requests are the request's socket */
	int zygote, init;
	uint32_t number;
};

/* zygote is the pid that the lease names. */
static void
lease_of(struct rig *g, struct fresh *f, uint64_t version, pid_t zygote)
{
	struct lease lease = { .worker = ++g->next_id, .pid = zygote, .version = version, .is_fresh = 1 };
	int channel[2], init[2], output[2];
	struct err e = { 0 };

	memset(f, 0, sizeof *f);
	f->worker.requests = -1;
	f->worker.id = lease.worker;
	assert_int_equal(message_pair(channel, &e), 0);
	assert_int_equal(message_pair(init, &e), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC), 0);
	f->zygote = channel[0];
	f->init = init[0];
	f->worker.output = output[1];
	message_send(g->master, MSG_LEASE, &lease, sizeof lease, (int[]){ channel[1], output[0], init[1] }, 3,
	             &e);
	close(channel[1]);
	close(init[1]);
	close(output[0]);
	rig_run(g);
}

static void
lease(struct rig *g, struct fresh *f, uint64_t version)
{
	/* Init's: whoever speaks here is another one. */
	lease_of(g, f, version, 1);
}

static void
done(struct fresh *f)
{
	rig_worker_done(&f->worker);
	fd_close(&f->zygote);
	fd_close(&f->init);
}

/* Takes the next request as its process does; false: there is none. */
static bool
take(struct fresh *f)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct fresh_request request;
	struct iovec part = { &request, sizeof request };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};

	if (recvmsg(f->zygote, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof request)
		return false;
	fd_close(&f->worker.requests);
	memcpy(&f->worker.requests, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	fd_set_blocking(f->worker.requests, 0);
	f->number = request.number;
	return true;
}

/* What its process says first. */
static void
say_taken(const struct fresh *f)
{
	const struct fresh_request word = { f->number };

	assert_int_equal(send(f->zygote, &word, sizeof word, 0), sizeof word);
}

static void
begin(struct rig *g, struct fresh *f)
{
	assert_true(take(f));
	say_taken(f);
	rig_run(g);
	assert_true(rig_receive(&f->worker));
}

static void
answer(struct rig *g, struct fresh *f)
{
	rig_reply(g, &f->worker, HELLO);
}

static void
say_ended(struct rig *g, const struct fresh *f, int code, int status)
{
	const struct fresh_ended ended = { .number = f->number,
		                           .ending = { .code = code, .status = status } };

	assert_int_equal(send(f->init, &ended, sizeof ended, 0), sizeof ended);
	rig_run(g);
}

/* The router asks init to end the process of this request. */
static bool
is_kill_asked(const struct fresh *f)
{
	struct fresh_kill message;

	return recv(f->init, &message, sizeof message, MSG_DONTWAIT) == sizeof message &&
	       message.number == f->number;
}

static int
asked_for(struct rig *g, const char *path)
{
	int fd = rig_connect(g);

	rig_get(g, fd, path);
	return fd;
}

static int
asked(struct rig *g)
{
	return asked_for(g, "/fast");
}

static void
age(struct rig *g, const struct fresh *f, unsigned ms)
{
	struct worker *worker = worker_find(&g->router, f->worker.id);

	worker->since_us = worker->active_us = g->router.now_us - ms * 1000ULL;
	rig_tick(g);
}

/* Answers a request whole: the worker can be used. */
static void
serves(struct rig *g, struct fresh *f)
{
	int fd = asked(g);

	begin(g, f);
	answer(g, f);
	say_ended(g, f, CLD_EXITED, 0);
	assert_true(rig_answers(fd, 200, "hello"));
	close(fd);
}

static void
is_killed_whole(struct rig *g, const struct fresh *f, enum cause cause)
{
	const struct rig_message *m = rig_said(g, MSG_OVERRUN);

	assert_non_null(m);
	assert_int_equal(m->overrun.worker, f->worker.id);
	assert_int_equal(m->overrun.cause, cause);
}

static void
a_worker_takes_its_next_request_when_init_says_that_the_last_ones_process_is_gone(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	uint32_t first;
	int fds[2] = { asked(g), asked(g) };

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	first = f.number;
	answer(g, &f);
	assert_true(rig_answers(fds[0], 200, "hello"));
	assert_false(take(&f));
	say_ended(g, &f, CLD_EXITED, 0);
	begin(g, &f);
	assert_int_not_equal(f.number, first);
	answer(g, &f);
	assert_true(rig_answers(fds[1], 200, "hello"));
	assert_null(rig_said(g, MSG_OVERRUN));
	assert_null(rig_said(g, MSG_REQUEST_FAILED));
	done(&f);
	close(fds[0]);
	close(fds[1]);
}

static void
who_is_asked_again_before_its_only_worker_is_renewed_gets_a_second_one(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fds[2] = { asked(g) };

	lease(g, &f, RIG_FAST);
	while (rig_said(g, MSG_WANT))
		;
	begin(g, &f);
	answer(g, &f);
	assert_null(rig_said(g, MSG_WANT));
	fds[1] = asked(g);
	assert_non_null(rig_said(g, MSG_WANT));
	done(&f);
	close(fds[0]);
	close(fds[1]);
}

static void
inits_word_may_come_before_the_answer_is_read(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	/* Both lie there when the router looks. */
	struct fresh_ended ended = { .number = f.number, .ending = { .code = CLD_EXITED } };
	assert_int_equal(send(f.init, &ended, sizeof ended, 0), sizeof ended);
	answer(g, &f);
	assert_true(rig_answers(fd, 200, "hello"));
	serves(g, &f);
	done(&f);
	close(fd);
}

static void
a_fresh_worker_is_never_packed(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fds[2];

	lease(g, &f, RIG_FAST);
	for (int i = 0; i < 50; i++)
		serves(g, &f);
	fds[0] = asked(g);
	fds[1] = asked(g);
	assert_true(take(&f));
	assert_false(take(&f));
	done(&f);
	close(fds[0]);
	close(fds[1]);
}

static void
a_process_says_that_it_has_the_request_before_it_answers_and_is_not_the_zygote(void **state)
{
	struct rig *g = *state;
	static const struct {
		const char *name;
		unsigned times, number, size;
		bool is_zygote;
	} cases[] = {
		{ "nothing", 0, 0, 4, false },        { "another request", 1, 1, 4, false },
		{ "too much", 1, 0, 5, false },       { "too little", 1, 0, 3, false },
		{ "the same again", 2, 0, 4, false }, { "the zygote itself", 1, 0, 4, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fresh_request words[2] = { 0 };
		struct fresh f;
		int fd = asked(g);

		lease_of(g, &f, RIG_FAST, cases[i].is_zygote ? getpid() : 1);
		assert_true(take(&f));
		words[0].number = f.number + cases[i].number;
		for (unsigned n = 0; n < cases[i].times; n++)
			assert_int_equal(send(f.zygote, words, cases[i].size, 0), cases[i].size);
		assert_true(rig_receive(&f.worker));
		answer(g, &f);
		if (!rig_answers(fd, 500, "bad_response"))
			fail_msg("%s", cases[i].name);
		is_killed_whole(g, &f, CAUSE_BAD_RESPONSE);
		rig_ended(g, &f.worker, CAUSE_BAD_RESPONSE);
		done(&f);
		close(fd);
	}
}

static void
a_first_word_with_a_descriptor_ends_the_worker(void **state)
{
	struct rig *g = *state;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct fresh_request word;
	struct iovec part = { &word, sizeof word };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	assert_true(take(&f));
	word.number = f.number;
	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
		               .cmsg_type = SCM_RIGHTS,
		               .cmsg_len = CMSG_LEN(sizeof fd) };
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	assert_int_equal(sendmsg(f.zygote, &m, 0), sizeof word);
	rig_tick(g); /* read without an answer, too */
	assert_true(rig_answers(fd, 500, "bad_response"));
	is_killed_whole(g, &f, CAUSE_BAD_RESPONSE);
	done(&f);
	close(fd);
}

static void
a_process_that_breaks_the_protocol_is_ended_alone(void **state)
{
	struct rig *g = *state;
	const struct rig_message *m;
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	rig_write(g, &f.worker, "x", 1);
	assert_true(rig_answers(fd, 500, "bad_response"));
	assert_true(is_kill_asked(&f));
	assert_null(rig_said(g, MSG_OVERRUN));
	say_ended(g, &f, CLD_KILLED, SIGKILL);
	m = rig_said(g, MSG_REQUEST_FAILED);
	assert_non_null(m);
	assert_int_equal(m->failed.worker, f.worker.id);
	assert_int_equal(m->failed.cause, CAUSE_BAD_RESPONSE);
	assert_int_equal(m->failed.n, 1);
	serves(g, &f);
	done(&f);
	close(fd);
}

static void
how_a_process_ended_is_the_verdict_on_its_request(void **state)
{
	struct rig *g = *state;
	static const struct {
		int code, status;
		const char *cause;
	} cases[] = {
		{ CLD_KILLED, SIGSEGV, "crash" },
		{ CLD_EXITED, 0, "crash" },
		{ CLD_KILLED, SIGSYS, "syscall_denied" },
	};
	struct fresh f;

	lease(g, &f, RIG_FAST);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool is_init_first = i == 1;
		int fd = asked(g);

		begin(g, &f);
		if (is_init_first)
			say_ended(g, &f, cases[i].code, cases[i].status);
		fd_close(&f.worker.requests);
		rig_run(g);
		if (!is_init_first)
			say_ended(g, &f, cases[i].code, cases[i].status);
		assert_true(rig_answers(fd, 500, cases[i].cause));
		close(fd);
		while (is_kill_asked(&f))
			;
	}
	serves(g, &f);
	done(&f);
}

static void
a_socket_that_somebody_else_keeps_open_does_not_hide_a_death(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	say_ended(g, &f, CLD_KILLED, SIGABRT);
	assert_true(rig_answers(fd, 500, "crash"));
	serves(g, &f);
	done(&f);
	close(fd);
}

static void
a_process_that_is_too_slow_is_ended_alone_and_the_next_is_served_after_it(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fd = asked(g), second;

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	age(g, &f, 10001);
	assert_true(rig_answers(fd, 504, "wall_time_limit"));
	/* The client has its answer; where it was stuck is looked up meanwhile. */
	assert_non_null(rig_said(g, MSG_SLOW));
	assert_false(is_kill_asked(&f));
	age(g, &f, LOOK_WAIT_MS + 1);
	assert_true(is_kill_asked(&f));
	assert_null(rig_said(g, MSG_OVERRUN));
	second = asked(g);
	assert_false(take(&f));
	say_ended(g, &f, CLD_KILLED, SIGKILL);
	begin(g, &f);
	answer(g, &f);
	assert_true(rig_answers(second, 200, "hello"));
	done(&f);
	close(fd);
	close(second);
}

static void
a_word_about_another_request_is_nobodys(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	f.number += 7;
	say_ended(g, &f, CLD_KILLED, SIGSEGV);
	f.number -= 7;
	answer(g, &f);
	assert_true(rig_answers(fd, 200, "hello"));
	say_ended(g, &f, CLD_EXITED, 0);
	/* And a second time. */
	say_ended(g, &f, CLD_KILLED, SIGSEGV);
	serves(g, &f);
	done(&f);
	close(fd);
}

static void
a_process_that_answered_and_stays_is_ended_then_its_worker(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	answer(g, &f);
	assert_true(rig_answers(fd, 200, "hello"));
	assert_false(is_kill_asked(&f));
	age(g, &f, RENEW_WAIT_MS + 1);
	assert_true(is_kill_asked(&f));
	assert_null(rig_said(g, MSG_OVERRUN));
	age(g, &f, RENEW_MAX_MS + 1);
	is_killed_whole(g, &f, CAUSE_WALL_TIME_LIMIT);
	done(&f);
	close(fd);
}

static void
a_request_that_nobody_took_goes_to_another_worker_but_not_for_ever(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fd = asked(g);

	for (int i = 0; i < AGAIN_MAX; i++) {
		lease(g, &f, RIG_FAST);
		done(&f); /* the zygote is killed, with the request unread */
		rig_run(g);
		rig_ended(g, &f.worker, CAUSE_CRASH);
	}
	lease(g, &f, RIG_FAST);
	begin(g, &f);
	answer(g, &f);
	assert_true(rig_answers(fd, 200, "hello"));
	done(&f);
	rig_run(g);
	close(fd);

	fd = asked(g);
	for (int i = 0; i <= AGAIN_MAX; i++) {
		lease(g, &f, RIG_FAST);
		done(&f);
		rig_run(g);
		rig_ended(g, &f.worker, CAUSE_CRASH);
	}
	assert_true(rig_answers(fd, 500, "crash"));
	close(fd);
}

static void
a_request_whose_whole_worker_goes_is_judged_by_how_it_ended(void **state)
{
	struct rig *g = *state;
	struct fresh f;

	for (int i = 0; i < 2; i++) {
		bool is_word_read = i == 0;
		int fd = asked(g);

		lease(g, &f, RIG_FAST);
		assert_true(take(&f));
		say_taken(&f);
		if (is_word_read)
			rig_tick(g);
		fd_close(&f.zygote);
		rig_run(g);
		done(&f);
		rig_run(g);
		assert_null(rig_said(g, MSG_OVERRUN));
		rig_ended(g, &f.worker, CAUSE_MEMORY_LIMIT);
		assert_true(rig_answers(fd, 500, "memory_limit"));
		close(fd);
	}
}

static void
a_process_that_died_before_it_spoke_has_begun_nothing(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	assert_true(take(&f));
	fd_close(&f.worker.requests);
	say_ended(g, &f, CLD_KILLED, SIGKILL);
	begin(g, &f); /* the same request, another process */
	answer(g, &f);
	assert_true(rig_answers(fd, 200, "hello"));
	done(&f);
	close(fd);
}

static void
a_worker_goes_when_its_last_process_is_gone(void **state)
{
	struct rig *g = *state;
	struct process_ref ref;
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	answer(g, &f);
	ref.id = f.worker.id;
	rig_say(g, MSG_RETIRE, &ref, sizeof ref);
	assert_null(rig_said(g, MSG_RELEASED));
	say_ended(g, &f, CLD_EXITED, 0);
	assert_non_null(rig_said(g, MSG_RELEASED));
	assert_true(rig_answers(fd, 200, "hello"));
	done(&f);
	close(fd);
}

static void
a_client_that_leaves_does_not_cost_the_worker(void **state)
{
	struct rig *g = *state;
	struct fresh f;
	int fd = asked(g);

	lease(g, &f, RIG_FAST);
	begin(g, &f);
	close(fd);
	rig_run(g);
	answer(g, &f);
	say_ended(g, &f, CLD_EXITED, 0);
	assert_null(rig_said(g, MSG_RELEASED));
	serves(g, &f);
	done(&f);
}

static void
many_failures_are_told_as_one(void **state)
{
	struct rig *g = *state;
	const struct rig_message *m;
	struct fresh f;

	lease(g, &f, RIG_FAST);
	for (int i = 0; i < 3; i++) {
		int fd = asked(g);

		begin(g, &f);
		say_ended(g, &f, CLD_KILLED, SIGSEGV);
		assert_true(rig_answers(fd, 500, "crash"));
		close(fd);
		if (i == 1)
			pool_find(&g->router, RIG_FAST)->failed_us = 0; /* a while ago */
	}
	m = rig_said(g, MSG_REQUEST_FAILED);
	assert_non_null(m);
	assert_int_equal(m->failed.n, 1);
	m = rig_said(g, MSG_REQUEST_FAILED);
	assert_non_null(m);
	assert_int_equal(m->failed.n, 2);
	assert_null(rig_said(g, MSG_REQUEST_FAILED));
	done(&f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_worker_takes_its_next_request_when_init_says_that_the_last_ones_process_is_gone),
		TEST(who_is_asked_again_before_its_only_worker_is_renewed_gets_a_second_one),
		TEST(inits_word_may_come_before_the_answer_is_read),
		TEST(a_fresh_worker_is_never_packed),
		TEST(a_process_says_that_it_has_the_request_before_it_answers_and_is_not_the_zygote),
		TEST(a_first_word_with_a_descriptor_ends_the_worker),
		TEST(a_process_that_breaks_the_protocol_is_ended_alone),
		TEST(how_a_process_ended_is_the_verdict_on_its_request),
		TEST(a_socket_that_somebody_else_keeps_open_does_not_hide_a_death),
		TEST(a_process_that_is_too_slow_is_ended_alone_and_the_next_is_served_after_it),
		TEST(a_word_about_another_request_is_nobodys),
		TEST(a_process_that_answered_and_stays_is_ended_then_its_worker),
		TEST(a_request_that_nobody_took_goes_to_another_worker_but_not_for_ever),
		TEST(a_request_whose_whole_worker_goes_is_judged_by_how_it_ended),
		TEST(a_process_that_died_before_it_spoke_has_begun_nothing),
		TEST(a_worker_goes_when_its_last_process_is_gone),
		TEST(a_client_that_leaves_does_not_cost_the_worker),
		TEST(many_failures_are_told_as_one),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
