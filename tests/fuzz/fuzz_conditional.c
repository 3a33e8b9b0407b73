/* fuzz_conditional.c - Range and lists of entity tags: a range is inside its file, a tag listed is in the
 * text. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "http/http.h"

static void
range_holds(const char *text, uint64_t size)
{
	struct http_range range = { 1, 0 };
	int rc = http_range_read(text, size, &range);

	REQUIRE(rc == 0 || rc == 1 || rc == -ERANGE);
	REQUIRE(rc != 1 || (range.first <= range.last && range.last < size));
	REQUIRE(rc == 1 || (range.first == 1 && range.last == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint64_t sizes[] = { 0, 1, 10, UINT64_C(1) << 40 };
	static const char tag[] = "\"ab\"";
	char text[4096];

	if (n >= sizeof text || memchr(data, '\0', n))
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		range_holds(text, sizes[i]);
	if (http_etag_is_listed(text, tag, HTTP_STRONG))
		REQUIRE(http_etag_is_listed(text, tag, HTTP_WEAK));
	if (http_etag_is_listed(text, tag, HTTP_WEAK))
		REQUIRE(strstr(text, tag) || strchr(text, '*'));
	if (http_is_etag(text))
		REQUIRE(http_etag_is_listed(text, text, HTTP_WEAK));
	return 0;
}
