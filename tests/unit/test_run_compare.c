/* test_run_compare.c - what a program said against what was expected. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run/compare.h"

/* One letter a way in which both are equal: e(xact), l(ines), t(okens), f(loat). */
static const struct {
	const char *expected, *said, *equal;
} texts[] = {
	{ "", "", "eltf" },
	{ "a", "a", "eltf" },
	{ "a", "b", "" },
	{ "a\n", "a", "ltf" },
	{ "a", "a\n\n\n", "ltf" },
	{ "a\r\nb\r\n", "a\nb\n", "ltf" },
	{ "a \t\nb", "a\nb", "ltf" },
	{ "a\n\nb", "a\nb", "tf" },
	{ "\na", "a", "tf" },
	{ " a", "a", "tf" },
	{ "a b", "a  b", "tf" },
	{ "a b", "a\nb", "tf" },
	{ "a\vb", "a\fb", "tf" },
	{ "ab", "a b", "" },
	{ "a b", "a b c", "" },
	{ "a b c", "a b", "" },
	{ "", " \n\r\n", "ltf" },
	{ "", "x", "" },
	{ "a\rb", "a\nb", "tf" },
	{ "A", "a", "" },
	{ "é", "é", "eltf" },
	{ "\xff\xfe", "\xff\xfe", "eltf" },
	{ "\xff", "\xfe", "" },
	{ "0.5", "0.5000001", "f" },
	{ "0.5", ".5", "f" },
	{ "1", "1.0", "f" },
	{ "1e3", "1000", "f" },
	{ "1", "1.1", "" },
	{ "1000000", "1000000.9", "f" },
	{ "1000000", "1000002", "" },
	{ "0", "1e-7", "f" },
	{ "0", "-0", "f" },
	{ "0", "1e-400", "f" },
	{ "-1", "1", "" },
	{ "nan", "NaN", "f" },
	{ "nan", "-nan", "f" },
	{ "nan", "1", "" },
	{ "1", "nan", "" },
	{ "inf", "Infinity", "f" },
	{ "inf", "-inf", "" },
	{ "inf", "1e308", "" },
	{ "1.7e308", "-1.7e308", "" },
	{ "1e400", "1e400", "eltf" },
	{ "1e400", "1e401", "" },
	{ "1e400", "inf", "" },
	{ "0x10", "16", "" },
	{ "1,5", "1.5", "" },
	{ "1.5x", "1.5", "" },
	{ "nan(1)", "nan", "" },
	{ "-", "+", "" },
	{ "e", "e", "eltf" },
	{ "x 1", "x 1.0000001", "f" },
	{ "12345678901234567890", "12345678901234567891", "f" },
};

static void
each_way_has_its_own_idea_of_equal(void **state)
{
	static const char letters[] = "eltf";

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t way = 0; way < RUN_COMPARES; way++) {
			const char *a = texts[i].expected, *b = texts[i].said;
			bool is_wanted = strchr(texts[i].equal, letters[way]) != NULL;

			if (run_compare_equal((enum run_compare)way, 1e-6, a, strlen(a), b, strlen(b)) !=
			    is_wanted)
				fail_msg("'%s' and '%s' by %s", a, b,
				         run_compare_word((enum run_compare)way));
		}
	(void)state;
}

static void
nul_is_a_byte_like_others(void **state)
{
	for (size_t way = 0; way < RUN_COMPARES; way++) {
		enum run_compare how = (enum run_compare)way;

		assert_true(run_compare_equal(how, 0, "a\0b", 3, "a\0b", 3));
		assert_false(run_compare_equal(how, 0, "a\0b", 3, "a\0c", 3));
		assert_false(run_compare_equal(how, 0, "1\0", 2, "1", 1));
		assert_false(run_compare_equal(how, 0, "1", 1, "1\0", 2));
	}
	(void)state;
}

static void
no_bytes_may_have_no_place(void **state)
{
	for (size_t way = 0; way < RUN_COMPARES; way++) {
		assert_true(run_compare_equal((enum run_compare)way, 0, NULL, 0, "", 0));
		assert_false(run_compare_equal((enum run_compare)way, 0, "x", 1, NULL, 0));
	}
	(void)state;
}

static void
a_number_of_a_thousand_digits_is_its_own_text(void **state)
{
	char digits[1001];

	memset(digits, '7', 1000);
	digits[1000] = '\0';
	assert_true(run_compare_equal(RUN_COMPARE_FLOAT, 1, digits, 1000, digits, 1000));
	assert_false(run_compare_equal(RUN_COMPARE_FLOAT, 1, digits, 1000, digits, 999));
	(void)state;
}

static void
a_tolerance_of_zero_takes_other_spellings_alone(void **state)
{
	assert_true(run_compare_equal(RUN_COMPARE_FLOAT, 0, "1.50", 4, "15e-1", 5));
	assert_false(run_compare_equal(RUN_COMPARE_FLOAT, 0, "1.5", 3, "1.5000001", 9));
	(void)state;
}

static const struct {
	const char *text;
	int rc;
	enum run_compare how;
	double tolerance;
} words[] = {
	{ "exact", 0, RUN_COMPARE_EXACT, -1 },
	{ "lines", 0, RUN_COMPARE_LINES, -1 },
	{ "tokens", 0, RUN_COMPARE_TOKENS, -1 },
	{ "float", 0, RUN_COMPARE_FLOAT, 1e-6 },
	{ "float:1e-9", 0, RUN_COMPARE_FLOAT, 1e-9 },
	{ "float:0", 0, RUN_COMPARE_FLOAT, 0 },
	{ "float:1", 0, RUN_COMPARE_FLOAT, 1 },
	{ "float:", -EINVAL, RUN_COMPARES, -1 },
	{ "float:1.01", -EINVAL, RUN_COMPARES, -1 },
	{ "float:-1", -EINVAL, RUN_COMPARES, -1 },
	{ "float:nan", -EINVAL, RUN_COMPARES, -1 },
	{ "float:inf", -EINVAL, RUN_COMPARES, -1 },
	{ "float:0x1", -EINVAL, RUN_COMPARES, -1 },
	{ "float:1e-6 ", -EINVAL, RUN_COMPARES, -1 },
	{ "float1", -EINVAL, RUN_COMPARES, -1 },
	{ "exact:1", -EINVAL, RUN_COMPARES, -1 },
	{ "Lines", -EINVAL, RUN_COMPARES, -1 },
	{ "line", -EINVAL, RUN_COMPARES, -1 },
	{ "", -EINVAL, RUN_COMPARES, -1 },
};

static void
the_way_and_its_tolerance_are_one_word(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		enum run_compare how = RUN_COMPARES;
		double tolerance = -1;
		int rc = run_compare_parse(words[i].text, &how, &tolerance);

		if (rc != words[i].rc || how != words[i].how || tolerance < words[i].tolerance ||
		    tolerance > words[i].tolerance)
			fail_msg("'%s': %d, %d, %g", words[i].text, rc, (int)how, tolerance);
	}
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_has_its_own_idea_of_equal),
		cmocka_unit_test(nul_is_a_byte_like_others),
		cmocka_unit_test(no_bytes_may_have_no_place),
		cmocka_unit_test(a_number_of_a_thousand_digits_is_its_own_text),
		cmocka_unit_test(a_tolerance_of_zero_takes_other_spellings_alone),
		cmocka_unit_test(the_way_and_its_tolerance_are_one_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
