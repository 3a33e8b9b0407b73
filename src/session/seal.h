/* seal.h - bytes sealed under a key that nothing else is sealed under.
 *
 * key of a function = HKDF-Expand(the pool's secret, domain, the function's name)
 * key of a cookie   = HKDF-Expand(key of the function, 192 random bits)
 * sealed            = ChaCha20-Poly1305(key of the cookie, nonce 0, what it belongs to as additional data)
 *
 * HKDF is RFC 5869's, without its first step: the secret is uniform.  A key is used once, so the nonce can be
 * constant, and nothing has to be counted or shared between routers, pools and restarts: 2^80 cookies of one
 * function meet with a chance of 2^-33.  A random 96-bit nonce under one key would be used up after 2^32.
 * ChaCha20-Poly1305 (RFC 8439) runs in constant time on every processor; AES only where it has instructions
 * for it. */
#pragma once
#include <openssl/evp.h>
#include <stddef.h>

#include "base/err.h"

enum { SEAL_SECRET_SIZE = 32, SEAL_SALT_SIZE = 24, SEAL_TAG_SIZE = 16 };

/* The algorithms, found once: afterwards no file is opened and nothing is looked up. */
struct sealer {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *cipher_context;
	EVP_MAC *mac;
	EVP_MAC_CTX *mac_context;
};

int sealer_open(struct sealer *s, struct err *e);
void sealer_close(struct sealer *s);

/* What is sealed, and what it belongs to. */
struct seal {
	const unsigned char *secret; /* SEAL_SECRET_SIZE */
	const char *owner;           /* the function */
	const void *about;           /* additional data */
	size_t n_about;
};

/* n bytes behind SEAL_SALT_SIZE, which it fills; SEAL_TAG_SIZE bytes follow them.  data: all of it.
 * 0 or -EIO. */
int sealer_seal(struct sealer *s, const struct seal *how, unsigned char *data, size_t n);

/* Back, in place: 0, or -EBADMSG for anything that sealer_seal did not make; then data is of no use. */
int sealer_unseal(struct sealer *s, const struct seal *how, unsigned char *data, size_t n);
