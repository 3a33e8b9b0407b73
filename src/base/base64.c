/* base64.c - bytes as letters. */
#include "base/base64.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

static const struct {
	char last[2]; /* what stands for 62 and 63 */
	bool is_padded;
} forms[] = {
	[BASE64_PLAIN] = { { '+', '/' }, true },
	[BASE64_URL] = { { '-', '_' }, false },
};

static char
letter_of(enum base64_form form, uint32_t six)
{
	static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return six < 62 ? common[six] : forms[form].last[six - 62];
}

/* -1: it is no letter. */
static int
six_of(enum base64_form form, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == forms[form].last[0] ? 62 : c == forms[form].last[1] ? 63 : -1;
}

size_t
base64_encode(enum base64_form form, const void *data, size_t n, char *text)
{
	const unsigned char *p = data;
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			text[length++] = letter_of(form, bits >> (n_bits - 6) & 63);
	}
	if (n_bits > 0)
		text[length++] = letter_of(form, bits << (6 - n_bits) & 63);
	while (forms[form].is_padded && length % 4 != 0)
		text[length++] = '=';
	return length;
}

/* The characters that are letters; -EINVAL: not as many as there have to be. */
static int
without_padding(enum base64_form form, const char *text, size_t n)
{
	size_t padding = 0;

	if (n > INT_MAX || (forms[form].is_padded && n % 4 != 0))
		return -EINVAL;
	while (forms[form].is_padded && padding < 2 && padding < n && text[n - 1 - padding] == '=')
		padding++;
	return (n - padding) % 4 == 1 ? -EINVAL : (int)(n - padding);
}

int
base64_decode(enum base64_form form, const char *text, size_t n, void *data, size_t max)
{
	int letters = without_padding(form, text, n);
	unsigned char *to = data;
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t length = 0;

	if (letters < 0 || (size_t)letters / 4 * 3 + (size_t)letters % 4 * 3 / 4 > max)
		return -EINVAL;
	for (int i = 0; i < letters; i++) {
		int six = six_of(form, text[i]);

		if (six < 0)
			return -EINVAL;
		bits = (bits << 6 | (uint32_t)six) & 0xffffff;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		to[length++] = (unsigned char)(bits >> n_bits);
	}
	return bits & ((1U << n_bits) - 1) ? -EINVAL : (int)length;
}
