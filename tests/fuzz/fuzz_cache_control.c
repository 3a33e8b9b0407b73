/* fuzz_cache_control.c - the field Cache-Control. */
#include <string.h>

#include "fuzz.h"
#include "http/http.h"

static bool
is_age(int64_t age)
{
	return age >= -1 && age <= HTTP_AGE_MAX;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct http_cache_control once, twice;

	http_cache_control_init(&once);
	http_cache_control_read(&once, (const char *)data, n);
	REQUIRE(is_age(once.max_age) && is_age(once.s_maxage));
	/* The same field again says nothing more. */
	twice = once;
	http_cache_control_read(&twice, (const char *)data, n);
	REQUIRE(twice.no_store == once.no_store && twice.no_cache == once.no_cache &&
	        twice.is_private == once.is_private && twice.max_age == once.max_age &&
	        twice.s_maxage == once.s_maxage);
	return 0;
}
