/* fuzz_run_compare.c - two outputs, the first up to a byte 0xfe: each way takes what the stricter ones take.
 */
#include <string.h>

#include "fuzz.h"
#include "run/compare.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *end = n > 0 ? memchr(data, 0xfe, n) : NULL;
	const char *a = (const char *)data, *b = end ? (const char *)end + 1 : a;
	size_t n_a = end ? (size_t)(end - data) : n, n_b = end ? n - n_a - 1 : n;
	bool was_equal = false;

	for (enum run_compare how = RUN_COMPARE_EXACT; how < RUN_COMPARES; how++) {
		bool is_equal = run_compare_equal(how, 1e-6, a, n_a, b, n_b);

		REQUIRE(run_compare_equal(how, 0, a, n_a, a, n_a));
		REQUIRE(is_equal || !was_equal);
		REQUIRE(how == RUN_COMPARE_FLOAT || is_equal == run_compare_equal(how, 0, b, n_b, a, n_a));
		was_equal = is_equal;
	}
	return 0;
}
