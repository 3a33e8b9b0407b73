/* fuzz_diagnostics.c - a compiler's words: what is shown is UTF-8 without a control byte but TAB, LF and our
 * own colours. */
#include <string.h>

#include "base/utf8.h"
#include "deploy-tool/diagnostics.h"
#include "fuzz.h"

static void
is_fit_to_be_shown(const char *p, size_t n)
{
	REQUIRE(utf8_is_valid(p, n));
	for (size_t i = 0; i < n; i++)
		REQUIRE((unsigned char)p[i] >= 0x20 || p[i] == '\t' || p[i] == '\n');
	REQUIRE(memchr(p, 0x7f, n) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct diagnostics_name rows[] = { { "a/x.h", "b\x1b/a/x.h" },
		                                        { "hello.c", "sub/hello.c" } };
	static const struct diagnostics_names names = { 2, rows };
	struct buf b;

	for (int is_colored = 0; is_colored < 2; is_colored++) {
		buf_init(&b, 1 << 20);
		REQUIRE(n > 100000 || diagnostics_format(&b, (const char *)data, n, &names, is_colored) == 0);
		if (!is_colored && buf_used(&b) > 0)
			is_fit_to_be_shown(buf_head(&b), buf_used(&b));
		buf_done(&b);
	}
	return 0;
}
