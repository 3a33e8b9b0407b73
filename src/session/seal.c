/* seal.c - bytes sealed under a key that nothing else is sealed under. */
#include "session/seal.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>

#include "base/digest.h"
#include "base/libcrypto.h"

enum { KEY_SIZE = 32, NONCE_SIZE = 12, OWNER_MAX = 128 };

static const char domain[] = "cfn session 1";

void
sealer_close(struct sealer *s)
{
	EVP_CIPHER_CTX_free(s->cipher_context);
	EVP_CIPHER_free(s->cipher);
	EVP_MAC_CTX_free(s->mac_context);
	EVP_MAC_free(s->mac);
	*s = (struct sealer){ 0 };
}

static int
set_digest(EVP_MAC_CTX *context)
{
	char name[] = "SHA256";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		                      OSSL_PARAM_construct_end() };

	return EVP_MAC_CTX_set_params(context, params);
}

int
sealer_open(struct sealer *s, struct err *e)
{
	int rc = libcrypto_prepare(e);

	*s = (struct sealer){ 0 };
	if (rc < 0)
		return rc;
	*s = (struct sealer){
		.cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL),
		.cipher_context = EVP_CIPHER_CTX_new(),
		.mac = EVP_MAC_fetch(NULL, "HMAC", NULL),
	};
	s->mac_context = s->mac ? EVP_MAC_CTX_new(s->mac) : NULL;
	if (s->cipher && s->cipher_context && s->mac_context && set_digest(s->mac_context))
		return 0;
	ERR_clear_error();
	sealer_close(s);
	return err_set(e, -EIO, "libcrypto has no ChaCha20-Poly1305 or HMAC-SHA-256");
}

/* One block of HKDF-Expand (RFC 5869 section 2.3): all that a key needs. */
static bool
expand(struct sealer *s, unsigned char key[KEY_SIZE], const void *info, size_t n)
{
	unsigned char out[KEY_SIZE];
	size_t size = 0;
	bool is_made = EVP_MAC_init(s->mac_context, key, KEY_SIZE, NULL) &&
	               EVP_MAC_update(s->mac_context, info, n) &&
	               EVP_MAC_update(s->mac_context, (const unsigned char *)"\1", 1) &&
	               EVP_MAC_final(s->mac_context, out, &size, sizeof out) && size == sizeof out;

	memcpy(key, out, KEY_SIZE);
	OPENSSL_cleanse(out, sizeof out);
	return is_made;
}

static bool
derive(struct sealer *s, const struct seal *how, const unsigned char *salt, unsigned char key[KEY_SIZE])
{
	char info[sizeof domain + OWNER_MAX];
	size_t n = strlen(how->owner);

	if (n > OWNER_MAX)
		return false;
	memcpy(info, domain, sizeof domain);
	memcpy(info + sizeof domain, how->owner, n);
	memcpy(key, how->secret, KEY_SIZE);
	return expand(s, key, info, sizeof domain + n) && expand(s, key, salt, SEAL_SALT_SIZE);
}

static bool
crypt_begin(struct sealer *s, const struct seal *how, const unsigned char *salt, int is_sealing)
{
	static const unsigned char nonce[NONCE_SIZE];
	unsigned char key[KEY_SIZE];
	int n;
	bool is_ready = derive(s, how, salt, key) &&
	                EVP_CipherInit_ex2(s->cipher_context, s->cipher, key, nonce, is_sealing, NULL) &&
	                EVP_CipherUpdate(s->cipher_context, NULL, &n, how->about, (int)how->n_about);

	OPENSSL_cleanse(key, sizeof key);
	return is_ready;
}

int
sealer_seal(struct sealer *s, const struct seal *how, unsigned char *data, size_t n)
{
	unsigned char *text = data + SEAL_SALT_SIZE;
	int done = 0, last = 0;

	random_bytes(data, SEAL_SALT_SIZE);
	if (crypt_begin(s, how, data, 1) && EVP_CipherUpdate(s->cipher_context, text, &done, text, (int)n) &&
	    EVP_CipherFinal_ex(s->cipher_context, text + done, &last) && (size_t)(done + last) == n &&
	    EVP_CIPHER_CTX_ctrl(s->cipher_context, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_SIZE, text + n))
		return 0;
	ERR_clear_error();
	return -EIO;
}

int
sealer_unseal(struct sealer *s, const struct seal *how, unsigned char *data, size_t n)
{
	unsigned char *text = data + SEAL_SALT_SIZE;
	int done = 0, last = 0;

	if (crypt_begin(s, how, data, 0) &&
	    EVP_CIPHER_CTX_ctrl(s->cipher_context, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_SIZE, text + n) &&
	    EVP_CipherUpdate(s->cipher_context, text, &done, text, (int)n) &&
	    EVP_CipherFinal_ex(s->cipher_context, text + done, &last) && (size_t)(done + last) == n)
		return 0;
	ERR_clear_error();
	return -EBADMSG;
}
