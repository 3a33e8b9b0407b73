/* fuzz_manifest.c - cfn.ini: read whole or not at all, with a line that says why. */
#include <string.h>

#include "deploy-tool/manifest.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct manifest m;
	struct err e = { 0 };
	int rc;

	memset(&m, 0, sizeof m);
	rc = manifest_read(&m, "cfn.ini", (const char *)data, n, &e);
	REQUIRE(m.n <= MANIFEST_FUNCTIONS_MAX);
	REQUIRE(rc == 0 || (rc < 0 && strncmp(e.text, "cfn.ini", 7) == 0));
	for (size_t i = 0; rc == 0 && i < m.n; i++) {
		const struct manifest_function *f = m.functions[i];

		REQUIRE(f->name[0] != '\0' && strnlen(f->name, sizeof f->name) < sizeof f->name);
		REQUIRE(f->line > 0);
		for (size_t k = 0; k < i; k++)
			REQUIRE(strcmp(f->name, m.functions[k]->name) != 0);
	}
	manifest_done(&m);
	return 0;
}
