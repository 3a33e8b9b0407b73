/* test_function_password.c - passwords and signed messages, by the vectors of their standards. */
#include "fake_client.h"

#include <dlfcn.h>

#include "function/bounds.h"

/* RFC 7914 section 12, the third. */
#define SALT   "U29kaXVtQ2hsb3JpZGU"
#define KEY    "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
#define HASHED "$scrypt$ln=14,r=8,p=1$" SALT "$" KEY

/* RFC 4231 section 4.3. */
static const char message[] = "what do ya want for nothing?";
#define MAC "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

static void
a_password_is_checked_against_its_hash(void **state)
{
	(void)state;
	assert_true(cfn_password_ok("pleaseletmein", HASHED));
	assert_false(cfn_password_ok("pleaseletmeix", HASHED));
	assert_false(cfn_password_ok("", HASHED));
	assert_false(cfn_password_ok(NULL, HASHED));
	assert_false(cfn_password_ok("pleaseletmein", NULL));
}

static void
a_malformed_hash_is_nobodys(void **state)
{
	static const char *const hashes[] = {
		"",
		"pleaseletmein",
		"$scrypt$",
		"$scrypt$ln=14,r=8,p=1$" SALT,
		"$scrypt$ln=14,r=8,p=1$" SALT "$",
		"$scrypt$ln=14,r=8,p=1$$" KEY,
		"$scrypt$ln=14,r=8,p=1$" SALT "$" KEY "A",
		"$scrypt$ln=14,r=8,p=1$" SALT "$*" KEY,
		"$scrypt$ln=14,r=8,p=1$" SALT "$" KEY "$",
		"$scrypt$ln=14,r=8,p=2$" SALT "$" KEY,
		"$scrypt$ln=0,r=8,p=1$" SALT "$" KEY,
		"$scrypt$ln=16,r=8,p=1$" SALT "$" KEY,
		"$scrypt$ln=14,r=9,p=1$" SALT "$" KEY,
		"$scrypt$ln=14,r=8,p=17$" SALT "$" KEY,
		"$scrypt$ln=-1,r=8,p=1$" SALT "$" KEY,
		"$argon2id$ln=14,r=8,p=1$" SALT "$" KEY,
		/* Too few bytes to be compared. */
		"$scrypt$ln=14,r=8,p=1$" SALT "$cCO9yzr9c0hGHAbNgf04",
	};
	char longest[PASSWORD_TEXT_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
		assert_false(cfn_password_ok("pleaseletmein", hashes[i]));
	memset(longest, 'A', sizeof longest - 1);
	memcpy(longest, "$scrypt$ln=14,r=8,p=1$", 22);
	longest[sizeof longest - 1] = '\0';
	assert_false(cfn_password_ok("pleaseletmein", longest));
	/* The derived key's first bytes alone would do, were it only long enough. */
	assert_true(
	    cfn_password_ok("pleaseletmein", "$scrypt$ln=14,r=8,p=1$" SALT "$cCO9yzr9c0hGHAbNgf046w"));
}

static void
costs_are_borne_up_to_a_bound(void **state)
{
	static const struct {
		const char *hash;
		bool is_ok;
	} cases[] = {
		{ "$scrypt$ln=15,r=1,p=1$c2FsdA$KV2kZOB6zyDe1dlbxUHacA", true },
		{ "$scrypt$ln=16,r=2,p=1$c2FsdA$E/FJyziCWSwVmcEE5kQwqw", false },
		{ "$scrypt$ln=4,r=8,p=1$c2FsdA$q/ULCSz3cracxkCNh2AIxQ", true },
		{ "$scrypt$ln=4,r=9,p=1$c2FsdA$xkdg0+h2cpILCaASUwPU3g", false },
		{ "$scrypt$ln=4,r=1,p=16$c2FsdA$R6MQad9GePX1R2vyf1i2lA", true },
		{ "$scrypt$ln=4,r=1,p=17$c2FsdA$bg4XqOLbVLwNO+/863OYsw", false },
		{ "$scrypt$ln=1,r=1,p=1$c2FsdA$Pq6nPP9sSt3hth3FmeUpbA", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cfn_password_ok("x", cases[i].hash), cases[i].is_ok);
}

static const char *password;

static int
hash_it(cfn_request *q, cfn_response *r)
{
	const char *one = cfn_password_hash(q, password), *other = cfn_password_hash(q, password);

	if (!one || !other)
		return cfn_error(r, errno == EINVAL ? 422 : 500, "no hash");
	if (!cfn_password_ok(password, one) || !cfn_password_ok(password, other) || strcmp(one, other) == 0)
		return 500;
	return cfn_send(r, 200, NULL, "%s", one);
}

static void
a_hash_that_is_made_has_a_salt_of_its_own_and_is_ok(void **state)
{
	static char longest[PASSWORD_MAX + 2];

	(void)state;
	password = "correct horse";
	ask(hash_it);
	assert_int_equal(answer_status(), 200);
	assert_int_equal(strncmp(answer_body(), "$scrypt$ln=14,r=8,p=5$", 22), 0);
	assert_int_equal(strlen(answer_body()), 22 + 22 + 1 + 43);
	memset(longest, 'x', PASSWORD_MAX);
	password = longest;
	ask(hash_it);
	assert_int_equal(answer_status(), 200);
	longest[PASSWORD_MAX] = 'x';
	ask(hash_it);
	assert_int_equal(answer_status(), 422);
	password = NULL;
	ask(hash_it);
	assert_int_equal(answer_status(), 422);
}

static void
a_signed_message_is_told_from_another(void **state)
{
	size_t n = sizeof message - 1;

	(void)state;
	assert_true(cfn_hmac_ok("Jefe", message, n, MAC));
	assert_true(cfn_hmac_ok("Jefe", message, n, "sha256=" MAC));
	assert_true(cfn_hmac_ok("Jefe", message, n,
	                        "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843"));
	assert_false(cfn_hmac_ok("Jeff", message, n, MAC));
	assert_false(cfn_hmac_ok("Jefe", message, n - 1, MAC));
	assert_false(cfn_hmac_ok("Jefe", message, n, MAC "0"));
	assert_false(cfn_hmac_ok("Jefe", message, n, "5bdcc146"));
	assert_false(cfn_hmac_ok("Jefe", message, n, ""));
	assert_false(cfn_hmac_ok("Jefe", message, n, "sha256="));
	assert_false(cfn_hmac_ok("Jefe", message, n, "g" MAC));
	assert_false(cfn_hmac_ok("Jefe", message, n,
	                         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec384g"));
	assert_false(cfn_hmac_ok("Jefe", message, n, NULL));
	assert_false(cfn_hmac_ok("", message, n, MAC));
	assert_false(cfn_hmac_ok(NULL, message, n, MAC));
}

/* As preload.c does it. */
static int
begin(void **state)
{
	return dlopen("libcrypto.so.3", RTLD_NOW | RTLD_GLOBAL) ? fake_begin(state) : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_checked_against_its_hash),
		cmocka_unit_test(a_malformed_hash_is_nobodys),
		cmocka_unit_test(costs_are_borne_up_to_a_bound),
		cmocka_unit_test(a_hash_that_is_made_has_a_salt_of_its_own_and_is_ok),
		cmocka_unit_test(a_signed_message_is_told_from_another),
	};

	return cmocka_run_group_tests(tests, begin, fake_end);
}
