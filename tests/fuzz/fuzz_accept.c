/* fuzz_accept.c - Accept values and lists of methods. */
#include <string.h>

#include "fuzz.h"
#include "http/http.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[HTTP_METHODS_TEXT_SIZE];
	unsigned methods, again;
	char *copy = malloc(n + 1);

	REQUIRE(copy);
	http_prefers_json((const char *)data, n);
	memcpy(copy, data, n);
	copy[n] = '\0';
	if (http_methods_parse(copy, &methods) == 0) {
		http_methods_format(methods, text);
		REQUIRE(http_methods_parse(text, &again) == 0 && again == methods);
	}
	free(copy);
	return 0;
}
