/* test_base.c - texts, buffers, numbers, endings. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/digest.h"
#include "base/ending.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/siphash.h"
#include "base/utf8.h"
#include "base/words.h"

static void
errors_are_wrapped_outermost_first(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ENOENT, "open '%s'", "x"), -ENOENT);
	assert_int_equal(err_wrap(&e, "deploy"), -ENOENT);
	assert_string_equal(e.text, "deploy: open 'x': No such file or directory");
	assert_int_equal(err_set(&e, -EINVAL, "own words"), -EINVAL);
	assert_string_equal(e.text, "own words");
}

static void
errors_stay_within_their_bound(void **state)
{
	char longer[400];
	struct err e;

	(void)state;
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	err_set(&e, EIO, "%s", longer);
	err_wrap(&e, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void
a_buffer_takes_its_maximum_and_not_a_byte_more(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_append(&b, "12345678", 8), 0);
	assert_int_equal(buf_append(&b, "9", 1), -ENOSPC);
	buf_consume(&b, 3);
	assert_int_equal(buf_append(&b, "abc", 3), 0);
	assert_memory_equal(buf_head(&b), "45678abc", 8);
	buf_clear(&b);
	assert_int_equal(buf_printf(&b, "%s", "12345678"), 0);
	assert_int_equal(buf_printf(&b, "x"), -ENOSPC);
	buf_done(&b);
}

static void
sizes_and_durations_are_read_as_written(void **state)
{
	static const struct {
		int (*parse)(const char *, uint64_t *);
		const char *text;
		int rc;
		uint64_t value;
	} cases[] = {
		{ option_parse_number, "17", 0, 17 },
		{ option_parse_number, "17x", -EINVAL, 0 },
		{ option_parse_number, "-1", -EINVAL, 0 },
		{ option_parse_number, "", -EINVAL, 0 },
		{ option_parse_number, "18446744073709551616", -ERANGE, 0 },
		{ option_parse_size, "128M", 0, 128u << 20 },
		{ option_parse_size, "10MiB", 0, 10u << 20 },
		{ option_parse_size, "512", 0, 512 },
		{ option_parse_size, "1T", -EINVAL, 0 },
		{ option_parse_duration, "10", 0, 10000 },
		{ option_parse_duration, "250ms", 0, 250 },
		{ option_parse_duration, "2m", 0, 120000 },
		{ option_parse_duration, "s", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;

		assert_int_equal(cases[i].parse(cases[i].text, &value), cases[i].rc);
		assert_int_equal(value, cases[i].value);
	}
}

static void
what_is_formatted_parses_to_the_same_value(void **state)
{
	static const uint64_t values[] = { 0, 1, 999, 1000, 1024, 60000, 90000, 128u << 20, 3600000 };
	char text[OPTION_TEXT_SIZE];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		option_format_size(values[i], text);
		assert_int_equal(option_parse_size(text, &back), 0);
		assert_int_equal(back, values[i]);
		option_format_duration(values[i], text);
		assert_int_equal(option_parse_duration(text, &back), 0);
		assert_int_equal(back, values[i]);
	}
}

static void
utf8_is_checked_as_the_rfc_says(void **state)
{
	static const struct {
		const char *text;
		size_t n, length;
	} cases[] = {
		{ "a", 1, 1 },
		{ "\xc3\xa9", 2, 2 },
		{ "\xc3", 1, 0 },
		{ "\xc0\x80", 2, 0 },
		{ "\xed\xa0\x80", 3, 0 },
		{ "\xe2\x82\xac", 3, 3 },
		{ "\xf0\x9f\x98\x80", 4, 4 },
		{ "\xf4\x90\x80\x80", 4, 0 },
		{ "\xff", 1, 0 },
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(utf8_sequence(cases[i].text, cases[i].n), cases[i].length);
}

static void
control_bytes_never_reach_the_log(void **state)
{
	char text[64];

	(void)state;
	log_escape(text, sizeof text, "a\nb\x1b\\\xff", 6);
	assert_string_equal(text, "a\\x0ab\\x1b\\\\\\xff");
	log_escape_json(text, sizeof text, "a\"\n\xff\xc3\xa9", 6);
	assert_string_equal(text, "a\\\"\\u000a\\ufffd\xc3\xa9");
	log_escape(text, 6, "aaaaaaaaaa", 10);
	assert_true(strlen(text) < 6);
}

static void
a_digest_has_its_text(void **state)
{
	char text[DIGEST_TEXT_SIZE];
	struct digest d;
	struct err e;

	(void)state;
	assert_int_equal(digest_of("abc", 3, &d, &e), 0);
	digest_format(&d, text);
	assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
bytes_are_parsed_as_they_are_formatted_and_nothing_else(void **state)
{
	static const char *const wrong[] = { "", "00", "00ff1", "00ff1g", "00FF10", "00ff1000", " 0ff10" };
	unsigned char bytes[3] = { 0x00, 0xff, 0x10 }, back[3] = { 1, 1, 1 };
	char text[7];

	(void)state;
	hex_format(bytes, 3, text);
	assert_string_equal(text, "00ff10");
	assert_int_equal(hex_parse(text, back, 3), 0);
	assert_memory_equal(back, bytes, 3);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(hex_parse(wrong[i], back, 3), -EINVAL);
}

static void
a_number_has_its_digits(void **state)
{
	static const struct {
		uint64_t n;
		const char *digits;
	} cases[] = {
		{ 0, "0" }, { 9, "9" }, { 10, "10" }, { 1900, "1900" }, { UINT64_MAX, "18446744073709551615" }
	};
	char text[DECIMAL_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(decimal_write(text, cases[i].n), strlen(cases[i].digits));
		assert_memory_equal(text, cases[i].digits, strlen(cases[i].digits));
	}
}

static void
endings_have_a_verdict(void **state)
{
	static const struct {
		struct ending ending;
		enum cause cause;
		const char *text;
	} cases[] = {
		{ { CLD_EXITED, 3, 0, 0 }, CAUSE_CRASH, "exit 3" },
		{ { CLD_KILLED, SIGSEGV, 0, 100 }, CAUSE_CRASH, "signal SEGV" },
		{ { CLD_DUMPED, SIGSEGV, 0, 110 * 1024 }, CAUSE_MEMORY_LIMIT, "signal SEGV" },
		{ { CLD_KILLED, SIGXCPU, 0, 0 }, CAUSE_CPU_TIME_LIMIT, "signal XCPU" },
		{ { CLD_KILLED, SIGSYS, 0, 0 }, CAUSE_SYSCALL_DENIED, "signal SYS" },
		{ { 0, 0, 0, 0 }, CAUSE_CRASH, "not known" },
	};
	char text[ENDING_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ending_cause(&cases[i].ending, 128u << 20), cases[i].cause);
		ending_format(&cases[i].ending, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void
every_cause_has_a_word_and_a_status(void **state)
{
	(void)state;
	for (enum cause c = CAUSE_NONE + 1; c < CAUSE_COUNT; c++) {
		assert_true(strlen(cause_word(c)) > 0);
		assert_in_range(cause_status(c), 400, 599);
		assert_true(strlen(cause_sentence(c)) > 0);
		assert_true(strlen(cause_sentence_of_lane(c)) > 0);
		/* At a path where there is nothing, no run was asked for. */
		assert_true(c == CAUSE_NO_ROUTE || !strstr(cause_sentence_of_lane(c), "function"));
	}
	assert_int_equal(cause_status(CAUSE_COUNT), 500);
}

static void
a_sealed_memory_file_cannot_change(void **state)
{
	struct err e;
	int fd = fd_sealed_memory("t", "abc", 3, &e);
	char *data;
	size_t n;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_check_sealed(fd), 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(fd_read_file(fd, 3, &data, &n, &e), 0);
	assert_string_equal(data, "abc");
	free_pointer(&data);
	assert_int_equal(fd_read_file(fd, 2, &data, &n, &e), -EFBIG);
	close(fd);
}

static void
placed_descriptors_keep_their_files(void **state)
{
	int a[2], b[2], fds[2];
	char c = 0;

	(void)state;
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	/* Sources that stand where the others have to go. */
	fds[0] = dup2(a[1], 21);
	fds[1] = dup2(b[1], 20);
	assert_int_equal(fd_place(fds, 2, 20), 0);
	assert_int_equal(write(20, "a", 1), 1);
	assert_int_equal(read(a[0], &c, 1), 1);
	assert_int_equal(c, 'a');
}

static void
the_cpu_clock_of_a_process_is_read(void **state)
{
	(void)state;
	assert_true(clock_cpu_us(getpid()) >= 0);
	assert_int_equal(clock_cpu_us(4194303), -1);
}

static void
a_list_of_words_is_sorted_and_has_each_once(void **state)
{
	char list[13] = "";
	size_t n;
	const char *at = list;

	(void)state;
	assert_null(words_next(&at, &n));
	assert_int_equal(words_add(list, sizeof list, "m", 1), 0);
	assert_int_equal(words_add(list, sizeof list, "jansson", 7), 0);
	assert_int_equal(words_add(list, sizeof list, "jansson", 7), 0);
	assert_int_equal(words_add(list, sizeof list, "z", 1), 0);
	assert_string_equal(list, "jansson m z");
	/* One byte is left, and a space would be needed, too. */
	assert_int_equal(words_add(list, sizeof list, "a", 1), -E2BIG);
	assert_string_equal(list, "jansson m z");
	assert_int_equal(words_count(list), 3);
	assert_true(words_have(list, "m", 1));
	assert_false(words_have(list, "jans", 4));
	assert_false(words_have(list, "", 0));
	list[0] = '\0';
	assert_int_equal(words_add(list, sizeof list, "twelve_bytes", 12), 0);
}

static void
a_list_of_words_from_elsewhere_is_checked(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
	} cases[] = {
		{ "", true },    { "ab", true },    { "a b", true },   { " a", false },
		{ "a ", false }, { "a  b", false }, { "a\tb", false }, { "a c", false },
		{ " ", false },  { "ab ab", true }, { "a\n", false },
	};
	const char unterminated[4] = "abab";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(words_are_of(cases[i].text, 16, "ab"), cases[i].is_good);
	assert_false(words_are_of(unterminated, sizeof unterminated, "ab"));
}

/* The vectors of the reference implementation: key 00 01 ... 0f, data 00 01 02 ... of each length. */
static void
siphash_is_what_the_paper_says(void **state)
{
	static const uint64_t vectors[] = {
		UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
		UINT64_C(0x85676696d7fb7e2d), UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
		UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137), UINT64_C(0x93f5f5799a932462),
	};
	static const struct siphash_key key = { { UINT64_C(0x0706050403020100),
		                                  UINT64_C(0x0f0e0d0c0b0a0908) } };
	static const unsigned char data[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(vectors); n++)
		assert_true(siphash(&key, data, n) == vectors[n]);
}

struct firing {
	struct timer timer;
	char mark;
};

static void
fire(void *context, void *owner)
{
	strncat(context, &((struct firing *)owner)->mark, 1);
}

static void
timers_fire_in_the_order_of_their_time_and_once(void **state)
{
	struct loop loop;
	char log[8] = "";
	struct firing f[4];
	struct err e;

	(void)state;
	assert_int_equal(loop_init(&loop, &e), 0);
	for (int i = 0; i < 4; i++)
		f[i] = (struct firing){ { .fire = fire, .owner = &f[i] }, (char)('a' + i) };
	timer_arm(&loop, &f[0].timer, 3000);
	timer_arm(&loop, &f[1].timer, 1000);
	timer_arm(&loop, &f[2].timer, 2000);
	timer_arm(&loop, &f[3].timer, 500);
	timer_cancel(&loop, &f[3].timer);
	timer_arm(&loop, &f[1].timer, 4000); /* armed anew */
	while (!TAILQ_EMPTY(&loop.timers))
		assert_int_equal(loop_turn(&loop, log, &e), 0);
	assert_string_equal(log, "cab");
	loop_done(&loop);
}

static void
a_character_may_be_cut_anywhere(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{ "", 0 },
		{ "a", 0 },
		{ "\xc3", 1 },
		{ "a\xe2\x82", 2 },
		{ "\xe2\x82\xac", 0 },
		{ "\xf0\x9f\x98", 3 },
		{ "\xf0\x9f\x98\x80", 0 },
		{ "\x80", 0 },
		{ "\xc3\x28", 0 },
		{ "\xe0\x80", 0 },
		{ "\xed\xa0", 0 },
		{ "\xf5", 0 },
		{ "\xc0", 0 },
		{ "\xff", 0 },
		{ "\xe2\x82\xac\xe2", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (utf8_unfinished(cases[i].text, strlen(cases[i].text)) != cases[i].n)
			fail_msg("%zu: '%s'", i, cases[i].text);
	(void)state;
}

static void
whole_characters_are_copied(void **state)
{
	char to[6];

	utf8_copy(to, sizeof to, "\u20ac\u20ac");
	assert_string_equal(to, "\u20ac");
	utf8_copy(to, sizeof to, "abcdefgh");
	assert_string_equal(to, "abcde");
	utf8_copy(to, sizeof to,
	          "ab\xff"
	          "cd");
	assert_string_equal(to, "ab");
	utf8_copy(to, 1, "a");
	assert_string_equal(to, "");
	(void)state;
}

static void
base64_is_that_of_rfc_4648_in_both_forms(void **state)
{
	static const struct {
		const char *bytes, *url, *plain;
	} cases[] = {
		{ "", "", "" },
		{ "f", "Zg", "Zg==" },
		{ "fo", "Zm8", "Zm8=" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE", "Zm9vYmE=" },
		{ "\xfb\xff\xfe", "-__-", "+//+" },
	};
	char text[16], bytes[16];

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		enum base64_form form = i % 2 ? BASE64_URL : BASE64_PLAIN;
		const char *from = cases[i / 2].bytes, *to = i % 2 ? cases[i / 2].url : cases[i / 2].plain;
		size_t n = strlen(from);

		assert_int_equal(base64_encode(form, from, n, text), strlen(to));
		assert_memory_equal(text, to, strlen(to));
		assert_int_equal(base64_decode(form, to, strlen(to), bytes, n), n);
		assert_memory_equal(bytes, from, n);
		if (n > 0)
			assert_int_equal(base64_decode(form, to, strlen(to), bytes, n - 1), -EINVAL);
	}
	(void)state;
}

static void
base64_has_one_text_for_each_thing(void **state)
{
	static const struct {
		enum base64_form form;
		const char *text;
	} wrong[] = {
		{ BASE64_URL, "Z" },        { BASE64_URL, "Zh" },         { BASE64_URL, "Zm9" },
		{ BASE64_URL, "Zg==" },     { BASE64_URL, "Zm+v" },       { BASE64_URL, "Zm/v" },
		{ BASE64_URL, "Zm v" },     { BASE64_URL, "Zm9vZ" },      { BASE64_PLAIN, "Zg" },
		{ BASE64_PLAIN, "Zg=" },    { BASE64_PLAIN, "Zh==" },     { BASE64_PLAIN, "Z===" },
		{ BASE64_PLAIN, "====" },   { BASE64_PLAIN, "=" },        { BASE64_PLAIN, "Zm-_" },
		{ BASE64_PLAIN, "Zm9v\n" }, { BASE64_PLAIN, "Zg==Zg==" },
	};
	char bytes[16];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (base64_decode(wrong[i].form, wrong[i].text, strlen(wrong[i].text), bytes, sizeof bytes) !=
		    -EINVAL)
			fail_msg("'%s'", wrong[i].text);
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_is_what_the_paper_says),
		cmocka_unit_test(errors_are_wrapped_outermost_first),
		cmocka_unit_test(errors_stay_within_their_bound),
		cmocka_unit_test(a_buffer_takes_its_maximum_and_not_a_byte_more),
		cmocka_unit_test(sizes_and_durations_are_read_as_written),
		cmocka_unit_test(what_is_formatted_parses_to_the_same_value),
		cmocka_unit_test(utf8_is_checked_as_the_rfc_says),
		cmocka_unit_test(control_bytes_never_reach_the_log),
		cmocka_unit_test(a_digest_has_its_text),
		cmocka_unit_test(bytes_are_parsed_as_they_are_formatted_and_nothing_else),
		cmocka_unit_test(a_character_may_be_cut_anywhere),
		cmocka_unit_test(whole_characters_are_copied),
		cmocka_unit_test(base64_is_that_of_rfc_4648_in_both_forms),
		cmocka_unit_test(base64_has_one_text_for_each_thing),
		cmocka_unit_test(a_number_has_its_digits),
		cmocka_unit_test(endings_have_a_verdict),
		cmocka_unit_test(every_cause_has_a_word_and_a_status),
		cmocka_unit_test(a_sealed_memory_file_cannot_change),
		cmocka_unit_test(placed_descriptors_keep_their_files),
		cmocka_unit_test(the_cpu_clock_of_a_process_is_read),
		cmocka_unit_test(a_list_of_words_is_sorted_and_has_each_once),
		cmocka_unit_test(a_list_of_words_from_elsewhere_is_checked),
		cmocka_unit_test(timers_fire_in_the_order_of_their_time_and_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
