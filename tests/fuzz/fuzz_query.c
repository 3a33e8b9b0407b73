/* fuzz_query.c - a query or an urlencoded form as a handler gets it, from anywhere. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "function/text.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a;
	struct pairs pairs = { 0 };

	if (n > 16384 || arena_init(&a) < 0)
		return 0;
	if (pairs_read_urlencoded(&pairs, (const char *)data, n, &a) == 0)
		for (size_t i = 0; i < pairs.n; i++)
			if (!utf8_is_valid(pairs.rows[i].value, strlen(pairs.rows[i].value)) ||
			    strlen(pairs.rows[i].name) + strlen(pairs.rows[i].value) > n)
				abort();
	arena_done(&a);
	return 0;
}
