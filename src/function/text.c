/* text.c - is a text fit for a handler, and decoding names and values. */
#include "function/text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "function/bounds.h"
#include "http/http.h"

enum { WORD = sizeof(uint64_t) };
#define EACH_BYTE(b) (UINT64_MAX / 255 * (b))

/* True when no byte of the eight is below 0x20, is 0x7f, or has its high bit set.  The first two terms may
 * err only towards the slow way. */
static bool
word_is_plain(uint64_t w)
{
	uint64_t controls = (w - EACH_BYTE(0x20)) & ~w;
	uint64_t without_del = w ^ EACH_BYTE(0x7f);
	uint64_t deletes = (without_del - EACH_BYTE(0x01)) & ~without_del;

	return ((w | controls | deletes) & EACH_BYTE(0x80)) == 0;
}

static bool
is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Eight bytes a step; the last step overlaps the one before, a short text is filled up with letters. */
static bool
text_is_plain(const char *text, size_t n)
{
	uint64_t word = EACH_BYTE('a');

	if (n < WORD) {
		memcpy(&word, text, n);
		return word_is_plain(word);
	}
	for (size_t i = 0; i + WORD <= n; i += WORD) {
		memcpy(&word, text + i, WORD);
		if (!word_is_plain(word))
			return false;
	}
	memcpy(&word, text + n - WORD, WORD);
	return word_is_plain(word);
}

/* Nearly all texts are plain ASCII. */
bool
text_is_clean(const char *text, size_t n)
{
	if (text_is_plain(text, n))
		return true;
	for (size_t i = 0; i < n; i++)
		if (is_control((unsigned char)text[i]))
			return false;
	return utf8_is_valid(text, n);
}

int
text_to_number(const char *text, long long *value)
{
	long long n = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *text - '0', &n))
			return -ERANGE;
	}
	*value = n;
	return 0;
}

size_t
text_count(const char *text, size_t n, char byte)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += text[i] == byte;
	return count;
}

/* Room for as many rows as there are separators, and a copy of the text to decode in. */
static int
pairs_begin(struct pairs *pairs, char **copy, size_t n_rows, struct arena *a)
{
	if (n_rows > REQUEST_PAIRS_MAX)
		return -EMSGSIZE;
	pairs->n = 0;
	pairs->rows = arena_take(a, n_rows * sizeof *pairs->rows);
	return pairs->rows && *copy ? 0 : -ENOMEM;
}

/* Decodes in place; what comes out is never longer. */
static int
urlencoded_decode(char *text, size_t n)
{
	int length;

	for (size_t i = 0; i < n; i++)
		if (text[i] == '+')
			text[i] = ' ';
	length = http_percent_decode(text, n, text);
	if (length < 0 || !utf8_is_valid(text, (size_t)length))
		return -EBADMSG;
	return memchr(text, '\0', (size_t)length) ? -EBADMSG : 0;
}

/* A piece between separators, which the NULs behind name and value overwrite. */
static int
urlencoded_piece(struct pair *row, char *piece, size_t n)
{
	char *equals = memchr(piece, '=', n);
	char *end = piece + n;

	row->name = piece;
	row->value = equals ? equals + 1 : "";
	if (!equals)
		return urlencoded_decode(piece, n);
	if (urlencoded_decode(equals + 1, (size_t)(end - equals - 1)) < 0)
		return -EBADMSG;
	return urlencoded_decode(piece, (size_t)(equals - piece));
}

int
pairs_read_urlencoded(struct pairs *pairs, const char *text, size_t n, struct arena *a)
{
	char *copy = arena_copy(a, text, n);
	int rc = pairs_begin(pairs, &copy, text_count(text, n, '&') + 1, a);

	if (rc < 0)
		return rc;
	for (size_t start = 0; start <= n;) {
		char *separator = memchr(copy + start, '&', n - start);
		size_t length = separator ? (size_t)(separator - copy) - start : n - start;

		if (length > 0 && urlencoded_piece(&pairs->rows[pairs->n++], copy + start, length) < 0)
			return -EBADMSG;
		start += length + 1;
	}
	pairs->is_read = true;
	return 0;
}

/* Decoded when that gives a text, else as it stands. */
static const char *
cookie_value(char *value, size_t n, struct arena *a)
{
	char *decoded;
	int length;

	value[n] = '\0';
	if (!memchr(value, '%', n))
		return value;
	decoded = arena_take(a, n + 1);
	if (!decoded)
		return NULL;
	length = http_percent_decode(value, n, decoded);
	return length >= 0 && utf8_is_valid(decoded, (size_t)length) ? decoded : value;
}

static int
cookie_piece(struct pairs *pairs, char *piece, size_t n, struct arena *a)
{
	char *equals;
	struct pair *row = &pairs->rows[pairs->n];

	while (n > 0 && (*piece == ' ' || *piece == '\t'))
		piece++, n--;
	while (n > 0 && (piece[n - 1] == ' ' || piece[n - 1] == '\t'))
		n--;
	equals = memchr(piece, '=', n);
	if (!equals || equals == piece)
		return 0;
	*equals = '\0';
	row->name = piece;
	row->value = cookie_value(equals + 1, n - (size_t)(equals + 1 - piece), a);
	pairs->n++;
	return row->value ? 0 : -ENOMEM;
}

int
pairs_read_cookies(struct pairs *pairs, const char *field, size_t n, struct arena *a)
{
	char *copy = arena_copy(a, field, n);
	int rc = pairs_begin(pairs, &copy, text_count(field, n, ';') + 1, a);

	for (size_t start = 0; rc == 0 && start <= n;) {
		char *separator = memchr(copy + start, ';', n - start);
		size_t length = separator ? (size_t)(separator - copy) - start : n - start;

		rc = cookie_piece(pairs, copy + start, length, a);
		start += length + 1;
	}
	pairs->is_read = rc == 0;
	return rc;
}

const char *
pairs_find(const struct pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (strcmp(pairs->rows[i].name, name) == 0)
			return pairs->rows[i].value;
	errno = ENOENT;
	return NULL;
}
