/* fuzz_params.c - FastCGI name-value pairs: what is read is inside, and written again it reads the same. */
#include <errno.h>
#include <string.h>

#include "fcgi/fcgi.h"
#include "fuzz.h"

static void
pair_survives(const struct fcgi_pair *pair)
{
	size_t size = fcgi_pair_size(pair->name_length, pair->value_length), left = size;
	unsigned char *bytes = malloc(size);
	const unsigned char *p = bytes;
	struct fcgi_pair again;

	REQUIRE(bytes && size > 0 && fcgi_pair_write(bytes, pair) == size);
	REQUIRE(fcgi_pair_next(&p, &left, &again) == 1 && left == 0);
	REQUIRE(again.name_length == pair->name_length && again.value_length == pair->value_length);
	REQUIRE(memcmp(again.name, pair->name, pair->name_length) == 0);
	REQUIRE(memcmp(again.value, pair->value, pair->value_length) == 0);
	free(bytes);
}

/* The same pairs as texts, in no more memory than they took. */
static void
texts_are_the_pairs(const uint8_t *data, size_t n)
{
	unsigned char *bytes = malloc(n ? n : 1), *to = bytes;
	const unsigned char *p = data;
	size_t left = n;
	struct fcgi_pair pair;
	char *text;
	int rc;

	REQUIRE(bytes);
	if (n > 0)
		memcpy(bytes, data, n);
	while ((rc = fcgi_pair_to_text(&to, &left, &text)) > 0) {
		size_t there = n - (size_t)(p - data);

		REQUIRE(fcgi_pair_next(&p, &there, &pair) == 1 && there == left);
		REQUIRE(memcmp(text, pair.name, pair.name_length) == 0 && text[pair.name_length] == '=');
		text += pair.name_length + 1;
		REQUIRE(memcmp(text, pair.value, pair.value_length) == 0 && text[pair.value_length] == '\0');
		REQUIRE(text + pair.value_length < (char *)to);
	}
	REQUIRE(rc == -EBADMSG || left == 0);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const unsigned char *p = data, *end = data + n;
	struct fcgi_pair pair;
	int rc;

	texts_are_the_pairs(data, n);
	while ((rc = fcgi_pair_next(&p, &n, &pair)) > 0) {
		REQUIRE(pair.name >= (const char *)data && pair.value == pair.name + pair.name_length);
		REQUIRE(pair.value + pair.value_length == (const char *)p && p <= end);
		REQUIRE(n == (size_t)(end - p));
		pair_survives(&pair);
	}
	REQUIRE(rc == -EBADMSG || (rc == 0 && p == end));
	return 0;
}
