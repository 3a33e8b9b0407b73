/* secret.c - values sealed to a pool's public key. */
#include "secret/secret.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdbool.h>
#include <string.h>

enum { FORMAT = 1, TAG_SIZE = 16, NONCE_SIZE = 12, ABOUT_MAX = 160 };

static void
free_pkey(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
#define AUTO_PKEY __attribute__((cleanup(free_pkey))) EVP_PKEY

static EVP_PKEY *
public_half(const unsigned char bytes[SECRET_KEY_SIZE])
{
	return EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, bytes, SECRET_KEY_SIZE);
}

int
secret_keys_complete(struct secret_keys *k, struct err *e)
{
	AUTO_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, k->private, SECRET_KEY_SIZE);
	size_t n = SECRET_KEY_SIZE;

	if (key && EVP_PKEY_get_raw_public_key(key, k->public, &n) && n == SECRET_KEY_SIZE)
		return 0;
	ERR_clear_error();
	return err_set(e, -EIO, "key of secrets");
}

int
secret_keys_make(struct secret_keys *k, struct err *e)
{
	AUTO_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	size_t n = SECRET_KEY_SIZE;

	if (key && EVP_PKEY_get_raw_private_key(key, k->private, &n) && n == SECRET_KEY_SIZE)
		return secret_keys_complete(k, e);
	ERR_clear_error();
	return err_set(e, -EIO, "a key cannot be made");
}

/* A shared secret of zeros, which a public key of small order would give, is refused by libcrypto (RFC 7748
 * section 6.1). */
static bool
share(const unsigned char private[SECRET_KEY_SIZE], const unsigned char public[SECRET_KEY_SIZE],
      unsigned char shared[SECRET_KEY_SIZE])
{
	AUTO_PKEY *own = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, private, SECRET_KEY_SIZE);
	AUTO_PKEY *peer = public_half(public);
	EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
	size_t n = SECRET_KEY_SIZE;
	bool is_shared = context && peer && EVP_PKEY_derive_init(context) > 0 &&
	                 EVP_PKEY_derive_set_peer(context, peer) > 0 &&
	                 EVP_PKEY_derive(context, shared, &n) > 0 && n == SECRET_KEY_SIZE;

	EVP_PKEY_CTX_free(context);
	return is_shared;
}

static bool
stretch(unsigned char shared[SECRET_KEY_SIZE], unsigned char salt[2 * SECRET_KEY_SIZE],
        unsigned char key[SECRET_KEY_SIZE])
{
	char digest[] = "SHA256", info[] = "cfn secret 1";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared, SECRET_KEY_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, 2 * SECRET_KEY_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool is_made = context && EVP_KDF_derive(context, key, SECRET_KEY_SIZE, params) > 0;

	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return is_made;
}

/* once: public key of the value; pool: of the pool; private belongs to either, peer is the other one. */
static bool
derive(const struct secret_keys *own, const unsigned char peer[SECRET_KEY_SIZE], bool is_sealing,
       unsigned char key[SECRET_KEY_SIZE])
{
	unsigned char shared[SECRET_KEY_SIZE], salt[2 * SECRET_KEY_SIZE];
	bool is_made;

	memcpy(salt, is_sealing ? own->public : peer, SECRET_KEY_SIZE);
	memcpy(salt + SECRET_KEY_SIZE, is_sealing ? peer : own->public, SECRET_KEY_SIZE);
	is_made = share(own->private, peer, shared) && stretch(shared, salt, key);
	OPENSSL_cleanse(shared, sizeof shared);
	return is_made;
}

/* Function and name, with a NUL between them, which neither has. */
static size_t
about_write(char about[ABOUT_MAX], const char *function, const char *name)
{
	size_t n = strlen(function) + 1, n_name = strlen(name);

	if (n + n_name > ABOUT_MAX)
		return 0;
	memcpy(about, function, n);
	memcpy(about + n, name, n_name);
	return n + n_name;
}

struct text {
	const unsigned char *from;
	unsigned char *to;
	size_t n;
	unsigned char *tag;
};

static bool
crypt_text(const unsigned char key[SECRET_KEY_SIZE], const char *function, const char *name, bool is_sealing,
           const struct text *t)
{
	static const unsigned char nonce[NONCE_SIZE];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	char about[ABOUT_MAX];
	size_t n_about = about_write(about, function, name);
	int n = 0, last = 0;
	bool is_done = c && n_about > 0 &&
	               EVP_CipherInit_ex(c, EVP_chacha20_poly1305(), NULL, key, nonce, is_sealing) &&
	               (is_sealing || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, t->tag)) &&
	               EVP_CipherUpdate(c, NULL, &n, (unsigned char *)about, (int)n_about) &&
	               EVP_CipherUpdate(c, t->to, &n, t->from, (int)t->n) &&
	               EVP_CipherFinal_ex(c, t->to + n, &last) && (size_t)(n + last) == t->n &&
	               (!is_sealing || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, t->tag));

	EVP_CIPHER_CTX_free(c);
	return is_done;
}

int
secret_seal(const unsigned char public[SECRET_KEY_SIZE], const char *function, const char *name,
            const void *value, size_t n, unsigned char *sealed, struct err *e)
{
	unsigned char key[SECRET_KEY_SIZE], *text = sealed + 1 + SECRET_KEY_SIZE;
	const struct text t = { value, text, n, text + n };
	struct secret_keys once;
	bool is_sealed;

	if (n > SECRET_VALUE_MAX)
		return err_set(e, -E2BIG, "a secret has at most %d bytes", SECRET_VALUE_MAX);
	if (secret_keys_make(&once, e) < 0)
		return -e->code;
	sealed[0] = FORMAT;
	memcpy(sealed + 1, once.public, SECRET_KEY_SIZE);
	is_sealed = derive(&once, public, true, key) && crypt_text(key, function, name, true, &t);
	OPENSSL_cleanse(&once, sizeof once);
	OPENSSL_cleanse(key, sizeof key);
	ERR_clear_error();
	return is_sealed ? 0 : err_set(e, -EIO, "a secret cannot be sealed");
}

int
secret_open(const struct secret_keys *k, const char *function, const char *name, const unsigned char *sealed,
            size_t n, unsigned char *value, struct err *e)
{
	unsigned char key[SECRET_KEY_SIZE], tag[TAG_SIZE];
	struct text t = { sealed + 1 + SECRET_KEY_SIZE, value, n - SECRET_OVERHEAD, tag };
	bool is_open;

	if (n < SECRET_OVERHEAD || n > SECRET_SEALED_MAX || sealed[0] != FORMAT)
		return err_set(e, -EBADMSG, "not a sealed secret");
	memcpy(tag, t.from + t.n, sizeof tag);
	is_open = derive(k, sealed + 1, false, key) && crypt_text(key, function, name, false, &t);
	OPENSSL_cleanse(key, sizeof key);
	ERR_clear_error();
	return is_open ? 0
	               : err_set(e, -EBADMSG, "it was sealed for another pool, function or name, or changed");
}

int
secret_check_name(const char *name, struct err *e)
{
	static const char all[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	size_t n = strlen(name);

	if (n > 0 && n < SECRET_NAME_SIZE && strspn(name, all) == n && !strchr("0123456789", name[0]))
		return 0;
	return err_set(e, -EINVAL, "'%.80s' is not the name of a secret: 1 to 64 of A-Z, a-z, 0-9 and '_'",
	               name);
}
