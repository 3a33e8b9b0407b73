/* fuzz_table.c - an artifact's own route table: every row that is taken is one that a registry may hold. */
#include <string.h>

#include "base/utf8.h"
#include "deploy-tool/routes.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct routes routes;
	struct err e;
	int rc;

	routes.n = 0;
	rc = routes_parse(&routes, (const char *)data, n, n > 0 ? data[0] % 4 : 0, &e);
	REQUIRE(rc <= 0 && routes.n <= REGISTRY_ROUTES_MAX);
	for (size_t i = 0; i < routes.n; i++) {
		const char *pattern = routes.rows[i].pattern;

		REQUIRE(memchr(pattern, '\0', sizeof routes.rows[i].pattern) != NULL);
		REQUIRE(utf8_is_valid(pattern, strlen(pattern)));
		REQUIRE(route_pattern_check(pattern, &e) == 0);
		REQUIRE(routes.rows[i].methods != 0 && routes.rows[i].index < REGISTRY_ROUTES_MAX);
	}
	return 0;
}
