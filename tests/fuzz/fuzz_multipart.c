/* fuzz_multipart.c - a multipart body: whatever the pieces that it comes in, the same parts; bounded texts.
 */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "function/multipart.h"
#include "fuzz.h"

enum { SEEN_MAX = 1 << 20 };

struct input {
	const uint8_t *data;
	size_t left, piece;
};

static ssize_t
input_pull(void *context, void *data, size_t n)
{
	struct input *in = context;

	REQUIRE(n > 0);
	n = n < in->left ? n : in->left;
	n = n < in->piece ? n : in->piece;
	memcpy(data, in->data, n);
	in->data += n;
	in->left -= n;
	return (ssize_t)n;
}

static void
name_is_harmless(const char *name)
{
	REQUIRE(strlen(name) <= PART_FILE_NAME_MAX && !strpbrk(name, "/\\") && name[0] != '.');
}

/* Everything that came out, one part after the other; its length. */
static size_t
form_read(const uint8_t *data, size_t n, size_t piece, char *seen, int *end)
{
	static struct multipart m;
	struct input in = { data, n, piece };
	struct arena arena;
	struct cfn_part part;
	size_t length = 0;
	ssize_t got = 0;

	REQUIRE(arena_init(&arena) == 0);
	*end = multipart_open(&m, "multipart/form-data; boundary=X", &arena, input_pull, &in);
	REQUIRE(*end == 0);
	while ((*end = multipart_next(&m, &arena, &part)) > 0) {
		REQUIRE(part.name && part.type && utf8_is_valid(part.name, strlen(part.name)));
		if (part.filename)
			name_is_harmless(part.filename);
		length += strlen(strcpy(seen + length, part.name));
		while ((got = multipart_read(&m, seen + length, piece)) > 0)
			length += (size_t)got;
		REQUIRE(got == 0 || got == -EBADMSG);
	}
	REQUIRE(*end == 0 || *end == -EBADMSG || *end == -EMSGSIZE);
	arena_done(&arena);
	return length;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char whole[SEEN_MAX], pieces[SEEN_MAX];
	int end_whole, end_pieces;
	size_t length;

	if (n > SEEN_MAX / 2)
		return 0;
	length = form_read(data, n, PART_WINDOW, whole, &end_whole);
	REQUIRE(length <= n);
	for (size_t piece = 1; piece <= 7; piece += 3) {
		REQUIRE(form_read(data, n, piece, pieces, &end_pieces) == length || end_pieces < 0);
		REQUIRE(end_pieces == end_whole && (end_whole < 0 || memcmp(whole, pieces, length) == 0));
	}
	return 0;
}
