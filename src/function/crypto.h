/* crypto.h - the few functions of libcrypto that handlers can get.
 *
 * The library makes a worker three times as large.  So the worker is not linked with it: preload.c loads it
 * for an artifact that names one of the functions below, and here it is looked up at the first use. */
#pragma once
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

struct crypto {
	__typeof__(HMAC) *hmac;
	__typeof__(EVP_sha256) *sha256;
	__typeof__(EVP_PBE_scrypt) *scrypt;
	__typeof__(EVP_EncodeBlock) *encode;
	__typeof__(EVP_DecodeBlock) *decode;
	__typeof__(CRYPTO_memcmp) *compare;
};

/* NULL with ENOSYS when the library is not there. */
const struct crypto *crypto(void);
