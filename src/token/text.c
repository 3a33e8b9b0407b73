/* text.c - a token as text. */
#include "token/text.h"

#include <string.h>

#include "base/hex.h"

void
token_make(char text[TOKEN_TEXT_SIZE])
{
	unsigned char bytes[TOKEN_BYTES];

	random_bytes(bytes, sizeof bytes);
	memcpy(text, TOKEN_PREFIX, sizeof TOKEN_PREFIX);
	hex_format(bytes, sizeof bytes, text + sizeof TOKEN_PREFIX - 1);
	explicit_bzero(bytes, sizeof bytes);
}

bool
token_is_text(const char *text, size_t n)
{
	const size_t prefix = sizeof TOKEN_PREFIX - 1;

	if (n != TOKEN_LENGTH || memcmp(text, TOKEN_PREFIX, prefix) != 0)
		return false;
	for (size_t i = prefix; i < n; i++)
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return true;
}

void
token_hash(const char *text, struct digest *hash)
{
	digest_plain(text, TOKEN_LENGTH, hash);
}
