/* test_router_said.c - what functions write, and the system calls that they are refused, in their log. */
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "router_rig.h"
#include "sandbox/filter.h"

#define HELLO "Content-Type: text/plain\r\n\r\nhello"

/* ---- what functions say ---- */

static void
what_a_function_writes_reaches_its_log_in_lines(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	char log[4096] = "";
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	buf_init(&bytes, 1000);
	rig_record(&bytes, FCGI_STDERR, w.request, "warning: on\x1b purpose\n", 21);
	rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	assert_int_equal(write(w.output, "half a", 6), 6);
	assert_int_equal(write(w.output, " line\n", 6), 6);
	rig_run(g);
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	assert_true(pread(g->logs[1], log, sizeof log - 1, 0) > 0);
	assert_non_null(strstr(log, "\"level\":\"warning\",\"text\":\"on\\u001b purpose\"}"));
	assert_non_null(strstr(log, "\"function\":\"fast\",\"version\":1,\"request_id\":\""));
	assert_non_null(strstr(log, "\"level\":\"notice\",\"text\":\"half a line\"}"));
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

static void
the_log_of_a_request_is_bounded(void **state)
{
	struct rig *g = *state;
	struct rig_worker w;
	struct buf bytes;
	char text[1000];
	int fd = rig_asked(g);

	rig_lease(g, &w, RIG_FAST);
	rig_receive(&w);
	memset(text, 'l', sizeof text);
	buf_init(&bytes, 2000);
	rig_record(&bytes, FCGI_STDERR, w.request, text, sizeof text);
	for (int i = 0; i < 500; i++)
		rig_write(g, &w, buf_head(&bytes), buf_used(&bytes));
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	assert_in_range(lseek(g->logs[1], 0, SEEK_END), STDERR_REQUEST_MAX, STDERR_REQUEST_MAX * 2);
	buf_done(&bytes);
	close(fd);
	rig_worker_done(&w);
}

/* ---- refused system calls ---- */

/* A process under a function's filter that makes the calls, in order; its listener comes here.  It ends with
 * how many of them were not refused. */
static pid_t
caller_start(const int *calls, size_t n_calls, int *listener)
{
	struct err e = { 0 };
	struct message m;
	int pair[2];
	pid_t pid;

	assert_int_equal(message_pair(pair, &e), 0);
	pid = fork();
	if (pid == 0) {
		const struct sandbox_filters *filters = NULL;
		int given = 0, sealed = sandbox_filters_seal(FILTER_BIT(FILTER_FUNCTION_LOAD), &e);

		if (sandbox_filters_map(sealed, &filters, &e) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			_exit(100);
		sealed = sandbox_filter_load(filters, FILTER_FUNCTION_LOAD, &e);
		message_send(pair[1], 1, NULL, 0, &sealed, 1, &e);
		close(sealed);
		for (size_t i = 0; i < n_calls; i++)
			given += syscall(calls[i], -1, 0, 0, 0, 0, 0) >= 0;
		_exit(given);
	}
	close(pair[1]);
	assert_int_equal(message_receive(pair[0], &m, &e), 1);
	*listener = message_take_fd(&m, 0);
	message_done(&m);
	close(pair[0]);
	return pid;
}

static void
caller_await(struct rig *g, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0)
		rig_run(g);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What the log holds: its size, and the text with a NUL behind it. */
static void
log_read(int log, char *text, size_t size)
{
	ssize_t n = pread(log, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

static unsigned
count_of(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

static void
a_call_refused_again_and_again_is_one_line_of_its_request(void **state)
{
	static const int calls[] = { SYS_ptrace, SYS_ptrace, SYS_mount, SYS_ptrace };
	struct rig *g = *state;
	struct rig_worker w;
	char log[4096];
	int listener, fd = rig_asked(g);
	pid_t pid = caller_start(calls, ARRAY_SIZE(calls), &listener);

	rig_lease_listened(g, &w, RIG_FAST, listener);
	assert_true(rig_receive(&w));
	caller_await(g, pid);
	rig_reply(g, &w, HELLO);
	assert_true(rig_answers(fd, 200, "hello"));
	log_read(g->logs[1], log, sizeof log);
	assert_int_equal(count_of(log, "\n"), 2);
	assert_int_equal(count_of(log, "\"request_id\":"), 2);
	assert_non_null(
	    strstr(log, "\"level\":\"warning\",\"text\":\"system call refused: ptrace, 3 times\""));
	assert_non_null(strstr(log, "\"text\":\"system call refused: mount\""));
	log_read(g->logs[0], log, sizeof log);
	assert_null(strstr(log, "\"syscall\""));
	close(fd);
	rig_worker_done(&w);
}

static void
refused_calls_beyond_the_names_that_are_kept_are_counted_together(void **state)
{
	static const int calls[] = { SYS_ptrace, SYS_mount,  SYS_bpf,  SYS_keyctl, SYS_unshare, SYS_setns,
		                     SYS_chroot, SYS_reboot, SYS_acct, SYS_swapon, SYS_acct };
	const struct rig_message *report;
	struct rig *g = *state;
	struct rig_worker w;
	char log[8192];
	int listener, fd = rig_asked(g);
	pid_t pid = caller_start(calls, ARRAY_SIZE(calls), &listener);

	rig_lease_listened(g, &w, RIG_FAST, listener);
	assert_true(rig_receive(&w));
	caller_await(g, pid);
	rig_reply(g, &w, HELLO);
	log_read(g->logs[1], log, sizeof log);
	assert_int_equal(count_of(log, "\n"), DENIED_CALLS_MAX + 1);
	assert_non_null(strstr(log, "system call refused: reboot\""));
	assert_non_null(strstr(log, "system call refused: others, 3 times\""));
	/* The master hears of all of them at once. */
	rig_tick(g);
	report = rig_said(g, MSG_DENIED);
	assert_non_null(report);
	assert_int_equal(report->denied.version, RIG_FAST);
	assert_int_equal(report->denied.n, ARRAY_SIZE(calls));
	assert_int_equal(report->denied.n_kinds, DENIED_KINDS_MAX);
	assert_string_equal(report->denied.kinds[0].name, "ptrace");
	assert_int_equal(report->denied.kinds[0].n, 1);
	assert_true(strlen(report->denied.request) == 32);
	assert_null(rig_said(g, MSG_DENIED));
	close(fd);
	rig_worker_done(&w);
}

/* One call of another kind comes last: that is the one that the access log names. */
static void
refused_calls_up_to(struct rig *g, unsigned n, char *log, size_t size)
{
	int calls[DENIED_MAX + 1], listener, fd = rig_asked(g);
	struct rig_worker w;
	pid_t pid;

	for (unsigned i = 0; i < n; i++)
		calls[i] = i + 1 < n ? SYS_mount : SYS_ptrace;
	pid = caller_start(calls, n, &listener);
	rig_lease_listened(g, &w, RIG_FAST, listener);
	assert_true(rig_receive(&w));
	caller_await(g, pid);
	if (n > DENIED_MAX) {
		assert_true(rig_answers(fd, 500, "was stopped"));
		assert_true(rig_killed_for(g, &w, CAUSE_SYSCALL_DENIED));
		rig_ended(g, &w, CAUSE_SYSCALL_DENIED);
	} else {
		rig_reply(g, &w, HELLO);
		assert_true(rig_answers(fd, 200, "hello"));
		assert_null(rig_said(g, MSG_OVERRUN));
	}
	log_read(g->logs[0], log, size);
	close(fd);
	rig_worker_done(&w);
}

static void
a_request_may_try_so_many_refused_calls(void **state)
{
	char log[4096];

	refused_calls_up_to(*state, DENIED_MAX, log, sizeof log);
	assert_null(strstr(log, "syscall"));
}

static void
one_refused_call_more_ends_the_worker_and_is_named(void **state)
{
	struct rig *g = *state;
	char log[4096];

	refused_calls_up_to(g, DENIED_MAX + 1, log, sizeof log);
	assert_non_null(strstr(log, "\"cause\":\"syscall_denied\",\"syscall\":\"ptrace\""));
	log_read(g->logs[1], log, sizeof log);
	assert_non_null(strstr(log, "system call refused: mount, 64 times\""));
	assert_int_equal(count_of(log, "\n"), 2);
}

static void
calls_that_are_refused_between_requests_belong_to_none(void **state)
{
	static const int calls[] = { SYS_ptrace, SYS_ptrace };
	struct rig *g = *state;
	struct rig_worker w;
	char log[4096];
	int listener;
	pid_t pid = caller_start(calls, ARRAY_SIZE(calls), &listener);

	rig_lease_listened(g, &w, RIG_FAST, listener);
	caller_await(g, pid);
	rig_tick(g);
	log_read(g->logs[1], log, sizeof log);
	assert_int_equal(count_of(log, "\n"), 1);
	assert_non_null(strstr(log, "ptrace, 2 times"));
	assert_null(strstr(log, "request_id"));
	rig_worker_done(&w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_function_writes_reaches_its_log_in_lines),
		TEST(the_log_of_a_request_is_bounded),
		TEST(a_call_refused_again_and_again_is_one_line_of_its_request),
		TEST(refused_calls_beyond_the_names_that_are_kept_are_counted_together),
		TEST(a_request_may_try_so_many_refused_calls),
		TEST(one_refused_call_more_ends_the_worker_and_is_named),
		TEST(calls_that_are_refused_between_requests_belong_to_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
