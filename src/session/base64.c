/* base64.c - base64url without padding. */
#include "session/base64.h"

#include <errno.h>
#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t
base64_encode(const void *data, size_t n, char *text)
{
	const unsigned char *p = data;
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			text[length++] = alphabet[bits >> (n_bits - 6) & 63];
	}
	if (n_bits > 0)
		text[length++] = alphabet[bits << (6 - n_bits) & 63];
	return length;
}

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int
base64_decode(const char *text, size_t n, void *data, size_t max)
{
	unsigned char *to = data;
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t length = 0;

	if (n % 4 == 1 || n * 3 / 4 > max)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int value = value_of(text[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		to[length++] = (unsigned char)(bits >> n_bits);
	}
	return bits & ((1U << n_bits) - 1) ? -EINVAL : (int)length;
}
