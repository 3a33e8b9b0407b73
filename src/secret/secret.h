/* secret.h - values sealed to a pool's public key, each for one function and one name.  Pure but for random
 * bytes.
 *
 * format, 1 | X25519 key of this value (RFC 7748) | ChaCha20-Poly1305 (RFC 8439) of the value | its tag
 *
 * under HKDF-SHA-256 (RFC 5869) of the shared secret, with both public keys as salt.  Function and name are
 * additional data: under another one it cannot be opened.  The key is used once, so the nonce is constant. */
#pragma once
#include <stddef.h>

#include "base/err.h"

enum {
	SECRET_KEY_SIZE = 32,
	SECRET_VALUE_MAX = 4096,                    /* bytes */
	SECRET_OVERHEAD = 1 + SECRET_KEY_SIZE + 16, /* bytes around a sealed value */
	SECRET_SEALED_MAX = SECRET_VALUE_MAX + SECRET_OVERHEAD,
	SECRETS_MAX = 32,     /* of one function */
	SECRET_NAME_SIZE = 65 /* [A-Za-z_][A-Za-z0-9_]{0,63} and NUL */
};

struct secret_keys {
	unsigned char private[SECRET_KEY_SIZE], public[SECRET_KEY_SIZE];
};

int secret_keys_make(struct secret_keys *k, struct err *e);

/* Fills the public half in. */
int secret_keys_complete(struct secret_keys *k, struct err *e);

/* sealed has n + SECRET_OVERHEAD bytes.  0 or -EIO. */
int secret_seal(const unsigned char public[SECRET_KEY_SIZE], const char *function, const char *name,
                const void *value, size_t n, unsigned char *sealed, struct err *e);

/* The value's n - SECRET_OVERHEAD bytes.  -EBADMSG: it was sealed for another pool, function or name, or
 * changed. */
int secret_open(const struct secret_keys *k, const char *function, const char *name,
                const unsigned char *sealed, size_t n, unsigned char *value, struct err *e);

/* -EINVAL with *e saying why: a name as of --env. */
int secret_check_name(const char *name, struct err *e);
