/* test_run_event.c - events of a run as bytes: whole, in pieces, and lies. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "run/event.h"

enum { BYTES_MAX = 8192 };

static const struct run_event events[] = {
	{ .type = RUN_EVENT_COMPILING },
	{ .type = RUN_EVENT_COMPILED,
	  .report = { .status = RUN_COMPILE_ERROR,
	              .ending = { CLD_EXITED, 1, 5, 6, 7, 0, 0 },
	              .cpu_us = 1,
	              .wall_us = 2,
	              .memory_peak = 3,
	              .processes_peak = 4,
	              .n_out = 0,
	              .n_err = 9,
	              .is_cached = true,
	              .out = "",
	              .err = "error\0!\n",
	              .size_err = 8 } },
	{ .type = RUN_EVENT_CASE, .index = RUN_INDEX_MAX - 1 },
	{ .type = RUN_EVENT_OUTPUT, .index = 3, .stream = 2, .data = "a\0b\xff", .n = 4 },
	{ .type = RUN_EVENT_USAGE, .index = 3, .usage = { 1, 2, 3, 4 } },
	{ .type = RUN_EVENT_FILE, .index = 3, .name = "out/\xc3\xa9.bin", .data = "", .n = 0 },
	{ .type = RUN_EVENT_CASE_ENDED,
	  .index = 3,
	  .report = { .status = RUN_SYSCALL_DENIED,
	              .ending = { CLD_KILLED, SIGKILL, 0, 0, 0, 0, 0 },
	              .n_out = 3,
	              .has_cgroup = true,
	              .syscall = "ptrace",
	              .message = "one line",
	              .out = "out",
	              .err = "",
	              .size_out = 3 } },
	{ .type = RUN_EVENT_ENDED, .report = { .status = RUN_WRONG_ANSWER, .out = "", .err = "" } },
};

/* The bytes of one. */
static size_t
bytes_of(const struct run_event *event, char *bytes)
{
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(run_event_write(pair[0], event), 0);
	close(pair[0]);
	n = fd_read_all(pair[1], bytes, BYTES_MAX);
	close(pair[1]);
	assert_true(n > 0);
	return (size_t)n;
}

static void
same_bytes(const char *a, size_t n_a, const char *b, size_t n_b)
{
	assert_int_equal(n_a, n_b);
	assert_memory_equal(a, b, n_b);
}

static void
same(const struct run_event *a, const struct run_event *b)
{
	const struct run_report *r = &a->report, *s = &b->report;

	assert_int_equal(a->type, b->type);
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->stream, b->stream);
	assert_memory_equal(&a->usage, &b->usage, sizeof a->usage);
	if (b->name)
		assert_string_equal(a->name, b->name);
	same_bytes(a->data, a->n, b->data, b->n);
	assert_int_equal(r->status, s->status);
	assert_memory_equal(&r->ending, &s->ending, sizeof r->ending);
	assert_memory_equal(&r->cpu_us, &s->cpu_us, 6 * sizeof r->cpu_us);
	assert_int_equal(r->has_cgroup, s->has_cgroup);
	assert_int_equal(r->is_cached, s->is_cached);
	assert_string_equal(r->syscall, s->syscall);
	assert_string_equal(r->message, s->message);
	same_bytes(r->out, r->size_out, s->out, s->size_out);
	same_bytes(r->err, r->size_err, s->err, s->size_err);
}

static void
every_event_comes_as_it_went_byte_by_byte_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		char bytes[BYTES_MAX];
		size_t n = bytes_of(&events[i], bytes);
		struct run_event event;
		struct buf in;

		buf_init(&in, BYTES_MAX);
		for (size_t at = 0; at < n; at++) {
			assert_int_equal(run_event_read(&in, &event), 0);
			assert_int_equal(buf_append(&in, bytes + at, 1), 0);
		}
		assert_int_equal(run_event_read(&in, &event), 1);
		same(&event, &events[i]);
		assert_int_equal(buf_used(&in), 0);
		buf_done(&in);
	}
}

static void
several_that_came_together_are_several(void **state)
{
	char bytes[BYTES_MAX];
	struct run_event event;
	struct buf in;

	(void)state;
	buf_init(&in, 16 * BYTES_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		assert_int_equal(buf_append(&in, bytes, bytes_of(&events[i], bytes)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		assert_int_equal(run_event_read(&in, &event), 1);
		assert_int_equal(event.type, events[i].type);
	}
	assert_int_equal(run_event_read(&in, &event), 0);
	buf_done(&in);
}

/* Offsets in the bytes: the head's numbers are of 8 bytes each, the report begins at 72. */
enum { TYPE = 0, INDEX = 8, STREAM = 16, N_NAME = 24, N_DATA = 32, USAGE = 40, REPORT = 72 };
enum { STATUS = REPORT, FLAGS = REPORT + 8, CODE = REPORT + 16, ENDED_BY = CODE + 4 };
enum { N_OUT = CODE + 40 + 4 * 8, SIZE_OUT = N_OUT + 16, SYSCALL = SIZE_OUT + 16, MESSAGE = SYSCALL + 32 };

static const struct {
	const char *name;
	size_t event, offset;
	unsigned char byte;
} lies[] = {
	{ "no_type", 0, TYPE, 0 },
	{ "a_type_that_there_is_not", 0, TYPE, RUN_EVENT_TYPES },
	{ "a_type_of_two_bytes", 0, TYPE + 1, 1 },
	{ "an_index_without_a_case", 0, INDEX, 1 },
	{ "a_case_too_many", 2, INDEX, RUN_INDEX_MAX },
	{ "no_stream", 3, STREAM, 0 },
	{ "a_third_stream", 3, STREAM, 3 },
	{ "a_stream_of_a_file", 5, STREAM, 1 },
	{ "data_of_a_case", 2, N_DATA, 1 },
	{ "more_output_than_a_piece", 3, N_DATA + 3, 1 },
	{ "a_name_of_output", 3, N_NAME, 1 },
	{ "a_file_without_a_name", 5, N_NAME, 1 },
	{ "a_name_longer_than_may_be", 5, N_NAME + 1, 2 },
	{ "a_name_that_ends_early", 5, REPORT + 2, 0 },
	{ "a_name_from_the_root", 5, REPORT, '/' },
	{ "a_name_with_a_line_in_it", 5, REPORT + 1, '\n' },
	{ "usage_of_a_case", 2, USAGE, 1 },
	{ "a_status_that_there_is_not", 1, STATUS, RUN_STATUSES },
	{ "a_flag_that_there_is_not", 1, FLAGS, 4 },
	{ "an_ending_that_there_is_not", 1, CODE, 77 },
	{ "an_exit_status_past_255", 1, ENDED_BY + 1, 1 },
	{ "a_signal_past_64", 6, ENDED_BY, 65 },
	{ "more_kept_than_came", 6, N_OUT, 2 },
	{ "far_more_kept_than_may_be", 6, SIZE_OUT + 5, 1 },
	{ "a_system_call_with_an_escape", 6, SYSCALL, 033 },
	{ "a_message_of_two_lines", 6, MESSAGE + 3, '\n' },
	{ "a_message_that_is_no_text", 6, MESSAGE, 0xff },
};

static void
a_lie_is_noticed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		char bytes[BYTES_MAX];
		size_t n = bytes_of(&events[lies[i].event], bytes);
		struct run_event event;
		struct buf in;
		int rc;

		buf_init(&in, BYTES_MAX);
		assert_true(lies[i].offset < n);
		bytes[lies[i].offset] = (char)lies[i].byte;
		assert_int_equal(buf_append(&in, bytes, n), 0);
		rc = run_event_read(&in, &event);
		if (rc != -EBADMSG)
			fail_msg("%s: %d", lies[i].name, rc);
		buf_done(&in);
	}
}

static void
one_that_never_fits_is_not_waited_for(void **state)
{
	char bytes[BYTES_MAX];
	size_t n = bytes_of(&events[3], bytes);
	struct run_event event;
	struct buf in;

	(void)state;
	buf_init(&in, n - 1);
	assert_int_equal(buf_append(&in, bytes, n - 1), 0);
	assert_int_equal(run_event_read(&in, &event), -EBADMSG);
	buf_done(&in);
}

static void
a_name_is_plain_and_below_the_folder(void **state)
{
	static const struct {
		const char *name;
		bool is_good;
	} names[] = {
		{ "a", true },        { "a/b.c", true },  { "..a/b..", true }, { ".hidden", true },
		{ "\xc3\xa9", true }, { "", false },      { "/a", false },     { "a/", false },
		{ "a//b", false },    { ".", false },     { "a/../b", false }, { "./a", false },
		{ "a\tb", false },    { "a\x7f", false }, { "\xff", false },   { "a/..", false },
		{ "a b", true },
	};
	char longest[RUN_FILE_NAME_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (run_event_name_is_good(names[i].name) != names[i].is_good)
			fail_msg("'%s'", names[i].name);
	memset(longest, 'a', sizeof longest);
	longest[RUN_FILE_NAME_SIZE - 1] = '\0';
	assert_true(run_event_name_is_good(longest));
	longest[RUN_FILE_NAME_SIZE - 1] = 'a';
	longest[RUN_FILE_NAME_SIZE] = '\0';
	assert_false(run_event_name_is_good(longest));
}

static void
who_has_left_ends_the_writing(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[1]);
	assert_int_equal(run_event_write(pair[0], &events[0]), -EPIPE);
	close(pair[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_comes_as_it_went_byte_by_byte_too),
		cmocka_unit_test(several_that_came_together_are_several),
		cmocka_unit_test(a_lie_is_noticed),
		cmocka_unit_test(one_that_never_fits_is_not_waited_for),
		cmocka_unit_test(a_name_is_plain_and_below_the_folder),
		cmocka_unit_test(who_has_left_ends_the_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
