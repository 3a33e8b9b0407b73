/* libcrypto.c - libcrypto without anybody's configuration. */
#include "base/libcrypto.h"

#include <errno.h>
#include <openssl/crypto.h>

int
libcrypto_prepare(struct err *e)
{
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		return 0;
	return err_set(e, -EIO, "libcrypto cannot be initialized");
}
