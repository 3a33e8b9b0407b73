/* crypto.c - the few functions of libcrypto that handlers can get. */
#include "function/crypto.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macros.h"

static const struct {
	const char *name;
	size_t offset;
} names[] = {
	{ "HMAC", offsetof(struct crypto, hmac) },
	{ "EVP_sha256", offsetof(struct crypto, sha256) },
	{ "EVP_PBE_scrypt", offsetof(struct crypto, scrypt) },
	{ "EVP_EncodeBlock", offsetof(struct crypto, encode) },
	{ "EVP_DecodeBlock", offsetof(struct crypto, decode) },
	{ "CRYPTO_memcmp", offsetof(struct crypto, compare) },
};

/* There are no configuration files in a sandbox. */
static bool
start(void)
{
	__typeof__(OPENSSL_init_crypto) *init;
	void *symbol = dlsym(RTLD_DEFAULT, "OPENSSL_init_crypto");

	memcpy(&init, &symbol, sizeof init);
	return symbol && init(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1;
}

static bool
look_up(struct crypto *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		void *symbol = dlsym(RTLD_DEFAULT, names[i].name);

		if (!symbol)
			return false;
		memcpy((char *)c + names[i].offset, &symbol, sizeof symbol);
	}
	return start();
}

/* Handlers of one worker run one at a time; a thread of a function's own must not come here first. */
const struct crypto *
crypto(void)
{
	static struct crypto found;
	static bool is_there;

	is_there = is_there || look_up(&found);
	if (is_there)
		return &found;
	errno = ENOSYS;
	return NULL;
}
