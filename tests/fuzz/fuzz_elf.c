/* fuzz_elf.c - a shared object as bytes: the check ends, stays inside, and has a reason whenever it refuses.
 */
#include <errno.h>
#include <string.h>

#include "deploy-tool/elf.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const entries[] = { "hello", "handle", NULL };
	struct elf_report report;
	int rc = elf_check(data, n, entries, "libjansson.so.4", &report);

	REQUIRE(memchr(report.reason, '\0', sizeof report.reason) != NULL);
	REQUIRE(report.entry >= -1 && report.entry < 2);
	REQUIRE(rc == 0 || (rc == -EBADMSG && report.reason[0] != '\0'));
	REQUIRE(rc != 0 || (report.reason[0] == '\0' && (report.entry >= 0 || report.has_routes)));
	for (const char *p = report.reason; *p != '\0'; p++)
		REQUIRE(*p >= 0x20 && *p < 0x7f);
	return 0;
}
