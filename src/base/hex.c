/* hex.c - bytes as lower-case hexadecimal digits. */
#include "base/hex.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

void
hex_format(const void *bytes, size_t n, char *text)
{
	const unsigned char *from = bytes;

	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[from[i] >> 4];
		text[2 * i + 1] = digits[from[i] & 15];
	}
	text[2 * n] = '\0';
}

int
hex_parse(const char *text, void *bytes, size_t n)
{
	unsigned char *to = bytes;

	if (strlen(text) != 2 * n || strspn(text, digits) != 2 * n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)((strchr(digits, text[2 * i]) - digits) << 4 |
		                        (strchr(digits, text[2 * i + 1]) - digits));
	return 0;
}
