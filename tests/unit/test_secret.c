/* test_secret.c - sealed secrets: what opens them, and what does not. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "secret/secret.h"

static struct secret_keys pool, other;

static int
setup(void **state)
{
	struct err e;

	(void)state;
	return secret_keys_make(&pool, &e) < 0 || secret_keys_make(&other, &e) < 0 ? -1 : 0;
}

static void
a_secret_opens_for_its_function_and_name(void **state)
{
	static unsigned char value[SECRET_VALUE_MAX + 1], sealed[SECRET_SEALED_MAX + 1],
	    back[SECRET_VALUE_MAX];
	static const size_t sizes[] = { 0, 1, 100, SECRET_VALUE_MAX };
	struct err e;

	(void)state;
	memset(value, 's', sizeof value);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(secret_seal(pool.public, "shop", "KEY", value, sizes[i], sealed, &e), 0);
		assert_int_equal(secret_open(&pool, "shop", "KEY", sealed, sizes[i] + SECRET_OVERHEAD, back,
		                             &e),
		                 0);
		assert_memory_equal(back, value, sizes[i]);
		assert_true(sizes[i] < 100 || !memmem(sealed, sizeof sealed, value, 8));
	}
	assert_int_equal(secret_seal(pool.public, "shop", "KEY", value, SECRET_VALUE_MAX + 1, sealed, &e),
	                 -E2BIG);
}

static void
it_does_not_open_elsewhere(void **state)
{
	static const struct {
		const struct secret_keys *keys;
		const char *function, *name;
	} places[] = {
		{ &other, "shop", "KEY" }, { &pool, "shop2", "KEY" }, { &pool, "shop", "KEY2" },
		{ &pool, "sho", "KEY" },   { &pool, "shop", "" },     { &pool, "", "KEY" },
	};
	unsigned char sealed[5 + SECRET_OVERHEAD], back[5];
	struct err e;

	(void)state;
	assert_int_equal(secret_seal(pool.public, "shop", "KEY", "value", 5, sealed, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		assert_int_equal(secret_open(places[i].keys, places[i].function, places[i].name, sealed,
		                             sizeof sealed, back, &e),
		                 -EBADMSG);
}

static void
nor_with_any_bit_flipped_or_any_byte_missing(void **state)
{
	unsigned char sealed[5 + SECRET_OVERHEAD], back[5];
	struct err e;

	(void)state;
	assert_int_equal(secret_seal(pool.public, "shop", "KEY", "value", 5, sealed, &e), 0);
	for (size_t i = 0; i < 8 * sizeof sealed; i++) {
		sealed[i / 8] ^= (unsigned char)(1U << i % 8);
		assert_int_equal(secret_open(&pool, "shop", "KEY", sealed, sizeof sealed, back, &e),
		                 -EBADMSG);
		sealed[i / 8] ^= (unsigned char)(1U << i % 8);
	}
	for (size_t n = 0; n < sizeof sealed; n++)
		assert_int_equal(secret_open(&pool, "shop", "KEY", sealed, n, back, &e), -EBADMSG);
	assert_int_equal(secret_open(&pool, "shop", "KEY", sealed, sizeof sealed, back, &e), 0);
}

static void
equal_values_are_sealed_differently(void **state)
{
	unsigned char a[5 + SECRET_OVERHEAD], b[5 + SECRET_OVERHEAD];
	struct err e;

	(void)state;
	secret_seal(pool.public, "shop", "KEY", "value", 5, a, &e);
	secret_seal(pool.public, "shop", "KEY", "value", 5, b, &e);
	assert_memory_not_equal(a + 1, b + 1, sizeof a - 1);
}

/* RFC 7748 section 6.1: the shared secret would be known to everybody. */
static void
a_public_key_of_small_order_is_refused(void **state)
{
	static const unsigned char zero[SECRET_KEY_SIZE];
	unsigned char sealed[5 + SECRET_OVERHEAD];
	struct err e;

	(void)state;
	assert_int_equal(secret_seal(zero, "shop", "KEY", "value", 5, sealed, &e), -EIO);
}

static void
names_are_those_of_the_environment(void **state)
{
	static const struct {
		const char *name;
		int rc;
	} cases[] = {
		{ "A", 0 },
		{ "_a9", 0 },
		{ "", -EINVAL },
		{ "9a", -EINVAL },
		{ "a-b", -EINVAL },
		{ "a=b", -EINVAL },
		{ "a b", -EINVAL },
		{ "\xc3\xa9", -EINVAL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -EINVAL },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(secret_check_name(cases[i].name, &e), cases[i].rc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_opens_for_its_function_and_name),
		cmocka_unit_test(it_does_not_open_elsewhere),
		cmocka_unit_test(nor_with_any_bit_flipped_or_any_byte_missing),
		cmocka_unit_test(equal_values_are_sealed_differently),
		cmocka_unit_test(a_public_key_of_small_order_is_refused),
		cmocka_unit_test(names_are_those_of_the_environment),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
