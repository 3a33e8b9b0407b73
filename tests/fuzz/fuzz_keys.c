/* fuzz_keys.c - a file of keys.d: who may write the folder trusts whom he likes, but a file that is none is
 * refused whole. */
#include <string.h>

#include "fuzz.h"
#include "trust/keys.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct trusted_key k;
	struct err e = { 0 };
	bool has_route = false;

	memset(&k, 0, sizeof k);
	if (keys_parse(&k, (const char *)data, n, &e) == 0) {
		REQUIRE(k.n_rules <= KEYS_RULES_MAX);
		for (size_t i = 0; i < k.n_rules; i++) {
			REQUIRE(k.rules[i].kind < KEY_RULE_KINDS);
			REQUIRE(key_rule_check(k.rules[i].kind, k.rules[i].value, &e) == 0);
			has_route |= k.rules[i].kind == KEY_ROUTE;
		}
		/* Without a rule of its kind a key may sign no route at all. */
		REQUIRE(has_route || !key_may_sign(&k, KEY_ROUTE, "/"));
	} else {
		REQUIRE(e.text[0] != '\0');
	}
	free(k.text);
	return 0;
}
