/* digest.c - SHA-256 by libcrypto, and its text form. */
#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>

int
digest_of(const void *data, size_t n, struct digest *d, struct err *e)
{
	size_t length = 0;

	if (!EVP_Q_digest(NULL, "SHA256", NULL, data, n, d->bytes, &length) || length != DIGEST_SIZE)
		return err_set(e, -EIO, "SHA-256 failed");
	return 0;
}

void
digest_format(const struct digest *d, char text[DIGEST_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		text[2 * i] = hex[d->bytes[i] >> 4];
		text[2 * i + 1] = hex[d->bytes[i] & 15];
	}
	text[DIGEST_TEXT_SIZE - 1] = '\0';
}
