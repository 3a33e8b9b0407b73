/* digest.c - SHA-256 by libcrypto, and its text form. */
#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>

#include "base/hex.h"
#include "base/libcrypto.h"

int
digest_of(const void *data, size_t n, struct digest *d, struct err *e)
{
	size_t length = 0;
	int rc = libcrypto_prepare(e);

	if (rc < 0)
		return rc;
	if (!EVP_Q_digest(NULL, "SHA256", NULL, data, n, d->bytes, &length) || length != DIGEST_SIZE)
		return err_set(e, -EIO, "SHA-256 failed");
	return 0;
}

void
digest_format(const struct digest *d, char text[DIGEST_TEXT_SIZE])
{
	hex_format(d->bytes, sizeof d->bytes, text);
}
