/* test_hearing.c - what processes below the master write to their standard error: who, how much, and where
 * to.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/master.h"

enum { LOG_MAX = 1 << 20 };

struct fixture {
	struct master m;
	int log, writer; /* the master's log; whose standard error the other end is */
	char text[LOG_MAX];
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e;

	assert_non_null(f);
	assert_int_equal(loop_init(&f->m.loop, &e), 0);
	hearing_init(&f->m);
	f->log = memfd_create("log", MFD_CLOEXEC);
	assert_true(f->log >= 0);
	log_init("cfn-pool", f->log);
	f->writer = hearing_open(&f->m, HEARD_RUNNER, &e);
	assert_true(f->writer >= 0);
	assert_int_equal(hearing_watch(&f->m, HEARD_RUNNER, &e), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	hearing_close(&f->m);
	log_set_fd(STDERR_FILENO);
	loop_done(&f->m.loop);
	fd_close(&f->writer);
	fd_close(&f->log);
	free(f);
	return 0;
}

static void
turn(struct fixture *f)
{
	struct err e;

	assert_int_equal(loop_turn(&f->m.loop, &f->m, &e), 0);
}

/* What the log has. */
static const char *
logged(struct fixture *f)
{
	ssize_t n = pread(f->log, f->text, sizeof f->text - 1, 0);

	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static size_t
n_logged(struct fixture *f, const char *what)
{
	size_t n = 0;

	for (const char *p = strstr(logged(f), what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

static void
put(const struct fixture *f, const char *bytes, size_t n)
{
	assert_int_equal(send(f->writer, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void
a_line_has_the_name_of_its_socket_the_senders_pid_and_no_other(void **state)
{
	static const struct {
		const char *said, *line;
	} cases[] = {
		{ "<4>it ended", " warning: it ended\n" },
		{ "<5>it began\n", " notice: it began\n" },
		{ "malloc(): corrupted", " error: malloc(): corrupted\n" },
		{ "<0>wake everybody", " error: wake everybody\n" },
		{ "<9>no level", " error: <9>no level\n" },
		{ "<3>one\n2026-01-01 cfn-pool[1] error: two",
		  " error: one\\x0a2026-01-01 cfn-pool[1] error: two\n" },
		{ "<3>a \033[31m \\", " error: a \\x1b[31m \\\\\n" },
	};
	struct fixture *f = *state;
	char want[128];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(f, cases[i].said, strlen(cases[i].said));
		turn(f);
		snprintf(want, sizeof want, " cfn-runner[%d]%s", (int)getpid(), cases[i].line);
		if (!strstr(logged(f), want))
			fail_msg("%s: %s", cases[i].said, f->text);
	}
	assert_int_equal(n_logged(f, "\n"), ARRAY_SIZE(cases));
}

static void
a_line_is_cut_off_at_its_maximum(void **state)
{
	struct fixture *f = *state;
	char line[HEARING_BYTES + 2], want[HEARING_BYTES + 1];

	memset(line, 'x', sizeof line);
	memcpy(line, "<3>", 3);
	memset(want, 'x', sizeof want);
	want[HEARING_BYTES - 3] = '\0';
	put(f, line, HEARING_BYTES);
	turn(f);
	assert_int_equal(n_logged(f, want), 1);
	put(f, line, HEARING_BYTES + 1);
	turn(f);
	assert_int_equal(n_logged(f, want), 2);
	assert_int_equal(n_logged(f, "\n"), 2);
}

static void
a_record_of_nothing_is_no_end_and_a_descriptor_is_not_taken(void **state)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { (char[]){ "<3>with a gift" }, 14 };
	struct msghdr h = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	struct fixture *f = *state;
	int ends[2];
	char byte;

	put(f, "", 0);
	turn(f);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
		               .cmsg_type = SCM_RIGHTS,
		               .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
	assert_int_equal(sendmsg(f->writer, &h, MSG_NOSIGNAL), 14);
	close(ends[1]);
	turn(f);
	assert_int_equal(n_logged(f, "error: with a gift\n"), 1);
	/* Nobody else has it. */
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

/* The rest waits in the socket, and the master does not look at it before the second is over. */
static void
who_floods_is_heard_so_many_times_a_second_and_the_master_does_other_things(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2 * HEARING_LINES_MAX; i++)
		put(f, "<3>again", 8);
	turn(f);
	assert_int_equal(n_logged(f, "again"), HEARING_LINES_MAX);
	assert_int_equal(n_logged(f, "warning: cfn-runner: 64 lines within a second"), 1);
	assert_true(f->m.hearing[HEARD_RUNNER].pause.due_us != 0);
	/* The next thing that the loop sees is the end of the pause. */
	turn(f);
	assert_true(f->m.hearing[HEARD_RUNNER].pause.due_us == 0);
	turn(f);
	assert_int_equal(n_logged(f, "again"), 2 * HEARING_LINES_MAX);
}

/* As such a process does, in one of its own: 0 when it lost lines and never waited, though somebody with whom
 * it shares the socket wants it to. */
static int
write_more_than_is_read(const struct fixture *f)
{
	if (dup2(f->writer, STDERR_FILENO) < 0)
		return 1;
	log_init("cfn-runner", STDERR_FILENO);
	fd_set_blocking(STDERR_FILENO, 1);
	log_to_starter();
	for (int i = 0; i < 100000; i++)
		log_line(LOG_WARNING, "line");
	return log_n_lost() > 0 ? 0 : 2;
}

static void
nobody_waits_for_a_master_that_reads_nothing(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(60);
		_exit(write_more_than_is_read(f));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	turn(f);
	assert_true(n_logged(f, "] warning: line\n") > 0);
}

/* In a process of its own, which is the master, too, for a moment. */
static int
lose_and_go_on(struct fixture *f)
{
	if (dup2(f->writer, STDERR_FILENO) < 0)
		return 1;
	log_init("cfn-runner", STDERR_FILENO);
	log_to_starter();
	while (log_n_lost() < 2)
		log_line(LOG_WARNING, "line");
	for (char c; recv(f->m.hearing[HEARD_RUNNER].watch.fd, &c, 1, MSG_DONTWAIT) >= 0;)
		;
	log_line(LOG_WARNING, "at last");
	return log_n_lost() == 0 ? 0 : 2;
}

static void
what_was_lost_is_said_when_there_is_room_again(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(60);
		_exit(lose_and_go_on(f));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	turn(f);
	assert_int_equal(n_logged(f, "] warning: 2 lines before this were lost\n"), 1);
	assert_int_equal(n_logged(f, "] warning: at last\n"), 1);
}

static void
last_words_are_heard_when_their_writer_has_gone(void **state)
{
	struct fixture *f = *state;

	put(f, "<3>this is why", 14);
	fd_close(&f->writer);
	hearing_take(&f->m, HEARD_RUNNER);
	assert_int_equal(n_logged(f, "error: this is why\n"), 1);
	assert_int_equal(f->m.hearing[HEARD_RUNNER].watch.fd, -1);
}

static void
a_new_socket_takes_the_place_of_the_old_one_of_which_nothing_is_lost(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int old = f->writer;

	put(f, "<3>before", 9);
	f->writer = hearing_open(&f->m, HEARD_RUNNER, &e);
	assert_true(f->writer >= 0);
	assert_int_equal(hearing_watch(&f->m, HEARD_RUNNER, &e), 0);
	assert_int_equal(n_logged(f, "error: before\n"), 1);
	assert_int_equal(send(old, "<3>late", 7, MSG_NOSIGNAL), -1);
	close(old);
	put(f, "<3>after", 8);
	turn(f);
	assert_int_equal(n_logged(f, "error: after\n"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_the_name_of_its_socket_the_senders_pid_and_no_other),
		TEST(a_line_is_cut_off_at_its_maximum),
		TEST(a_record_of_nothing_is_no_end_and_a_descriptor_is_not_taken),
		TEST(who_floods_is_heard_so_many_times_a_second_and_the_master_does_other_things),
		TEST(nobody_waits_for_a_master_that_reads_nothing),
		TEST(what_was_lost_is_said_when_there_is_room_again),
		TEST(last_words_are_heard_when_their_writer_has_gone),
		TEST(a_new_socket_takes_the_place_of_the_old_one_of_which_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
