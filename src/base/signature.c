/* signature.c - Ed25519 by libcrypto: keys, their files, and signatures over digests. */
#include "base/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/libcrypto.h"

static void
pkey_free(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
#define AUTO_PKEY __attribute__((cleanup(pkey_free))) EVP_PKEY

static void
bio_free(BIO **b)
{
	BIO_free(*b);
}
#define AUTO_BIO __attribute__((cleanup(bio_free))) BIO

static void
context_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}
#define AUTO_CONTEXT __attribute__((cleanup(context_free))) EVP_MD_CTX

static int
take_public(const EVP_PKEY *pkey, struct public_key *k, struct err *e)
{
	size_t n = sizeof k->bytes;

	if (!EVP_PKEY_is_a(pkey, "ED25519"))
		return err_set(e, -EINVAL, "not an Ed25519 key");
	if (!EVP_PKEY_get_raw_public_key(pkey, k->bytes, &n) || n != sizeof k->bytes)
		return err_set(e, -EIO, "public half of the key");
	return 0;
}

static int
take_private(const EVP_PKEY *pkey, struct private_key *k, struct err *e)
{
	size_t n = sizeof k->seed;
	int rc = take_public(pkey, &k->public, e);

	if (rc < 0)
		return rc;
	if (!EVP_PKEY_get_raw_private_key(pkey, k->seed, &n) || n != sizeof k->seed)
		return err_set(e, -EIO, "private half of the key");
	return 0;
}

int
key_make(struct private_key *k, struct err *e)
{
	AUTO_PKEY *pkey = NULL;

	if (libcrypto_prepare(e) < 0)
		return -e->code;
	pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return pkey ? take_private(pkey, k, e) : err_set(e, -EIO, "a key cannot be made");
}

void
key_forget(struct private_key *k)
{
	OPENSSL_cleanse(k, sizeof *k);
}

static EVP_PKEY *
open_private(const struct private_key *k)
{
	return EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, k->seed, sizeof k->seed);
}

static int
write_bio(int fd, BIO *bio)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	int rc = fd_write_all(fd, text, (size_t)n);

	OPENSSL_cleanse(text, (size_t)n);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	return rc;
}

int
key_write(const struct private_key *k, const char *path, struct err *e)
{
	AUTO_PKEY *pkey = NULL;
	AUTO_BIO *bio = NULL;
	AUTO_FD fd = -1;
	int rc;

	if (libcrypto_prepare(e) < 0)
		return -e->code;
	pkey = open_private(k);
	bio = BIO_new(BIO_s_mem());
	if (!pkey || !bio || !PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL))
		return err_set(e, -EIO, "key file %s: PEM", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, errno, "key file %s", path);
	rc = write_bio(fd, bio);
	if (rc < 0)
		unlink(path);
	return rc < 0 ? err_set(e, -rc, "key file %s", path) : 0;
}

static int
check_secrecy(int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat");
	if (st.st_uid != geteuid())
		return err_set(e, -EPERM, "it belongs to uid %u, not to you", st.st_uid);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(e, -EPERM, "others may read or write it; chmod 600 it");
	return 0;
}

/* libcrypto would ask the terminal otherwise. */
static int
no_passphrase(char *buffer, int size, int is_write, void *context)
{
	(void)buffer;
	(void)size;
	(void)is_write;
	(void)context;
	return -1;
}

static int
parse_private(const char *text, size_t n, struct private_key *k, struct err *e)
{
	AUTO_BIO *bio = BIO_new_mem_buf(text, (int)n);
	AUTO_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	ERR_clear_error();
	if (!pkey)
		return err_set(e, -EINVAL, "not a private key in PEM without a passphrase");
	return take_private(pkey, k, e);
}

static int
read_private(int fd, struct private_key *k, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int rc = check_secrecy(fd, e);

	if (rc == 0)
		rc = fd_read_file(fd, KEY_FILE_MAX, &text, &n, e);
	if (rc < 0)
		return rc;
	rc = parse_private(text, n, k, e);
	OPENSSL_cleanse(text, n);
	return rc;
}

int
key_read(struct private_key *k, const char *path, struct err *e)
{
	AUTO_FD fd = -1;
	AUTO_KEY fresh = { 0 };

	if (libcrypto_prepare(e) < 0)
		return -e->code;
	/* Non-blocking: a FIFO in its place must not hold us. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "key file %s", path);
	if (read_private(fd, &fresh, e) < 0)
		return err_wrap(e, "key file %s", path);
	*k = fresh;
	return 0;
}

int
key_parse_public(const char *text, size_t n, struct public_key *k, struct err *e)
{
	AUTO_PKEY *pkey = NULL;
	AUTO_BIO *bio = NULL;
	struct public_key fresh;
	int rc;

	if (libcrypto_prepare(e) < 0)
		return -e->code;
	if (n > INT_MAX)
		return err_set(e, -EINVAL, "too long for a public key");
	bio = BIO_new_mem_buf(text, (int)n);
	pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
	ERR_clear_error();
	if (!pkey)
		return err_set(e, -EINVAL, "no public key in PEM");
	rc = take_public(pkey, &fresh, e);
	if (rc == 0)
		*k = fresh;
	return rc;
}

static EVP_PKEY *
open_public(const struct public_key *k)
{
	return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, k->bytes, sizeof k->bytes);
}

int
key_format_public(const struct public_key *k, char *text, size_t size, struct err *e)
{
	AUTO_PKEY *pkey = NULL;
	AUTO_BIO *bio = NULL;
	char *pem;
	long n;

	if (libcrypto_prepare(e) < 0)
		return -e->code;
	pkey = open_public(k);
	bio = BIO_new(BIO_s_mem());
	if (!pkey || !bio || !PEM_write_bio_PUBKEY(bio, pkey))
		return err_set(e, -EIO, "public key: PEM");
	n = BIO_get_mem_data(bio, &pem);
	if (n < 0 || (size_t)n >= size)
		return err_set(e, -ENOSPC, "public key: PEM");
	memcpy(text, pem, (size_t)n);
	text[n] = '\0';
	return 0;
}

int
key_id_of(const struct public_key *k, struct key_id *id, struct err *e)
{
	struct digest d;

	if (libcrypto_prepare(e) < 0 || digest_of(k->bytes, sizeof k->bytes, &d, e) < 0)
		return -e->code;
	memcpy(id->bytes, d.bytes, sizeof id->bytes);
	return 0;
}

void
key_id_format(const struct key_id *id, char text[KEY_ID_TEXT_SIZE])
{
	hex_format(id->bytes, sizeof id->bytes, text);
}

/* What Ed25519 itself sees; its length. */
static size_t
compose(const char *domain, const struct digest *d, unsigned char message[SIGNATURE_DOMAIN_MAX + DIGEST_SIZE])
{
	size_t n = strlen(domain) + 1;

	if (n > SIGNATURE_DOMAIN_MAX)
		return 0;
	memcpy(message, domain, n);
	memcpy(message + n, d->bytes, sizeof d->bytes);
	return n + sizeof d->bytes;
}

int
signature_make(const struct private_key *k, const char *domain, const struct digest *d, struct signature *s,
               struct err *e)
{
	unsigned char message[SIGNATURE_DOMAIN_MAX + DIGEST_SIZE];
	size_t n = compose(domain, d, message), size = sizeof s->bytes;
	AUTO_CONTEXT *context = NULL;
	AUTO_PKEY *pkey = NULL;

	if (libcrypto_prepare(e) < 0)
		return -e->code;
	pkey = open_private(k);
	context = EVP_MD_CTX_new();
	if (n == 0 || !pkey || !context || !EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) ||
	    !EVP_DigestSign(context, s->bytes, &size, message, n) || size != sizeof s->bytes)
		return err_set(e, -EIO, "sign");
	return 0;
}

int
signature_check(const struct public_key *k, const char *domain, const struct digest *d,
                const struct signature *s, struct err *e)
{
	unsigned char message[SIGNATURE_DOMAIN_MAX + DIGEST_SIZE];
	size_t n = compose(domain, d, message);
	AUTO_CONTEXT *context = NULL;
	AUTO_PKEY *pkey = NULL;
	int verdict;

	if (libcrypto_prepare(e) < 0)
		return -e->code;
	pkey = open_public(k);
	context = EVP_MD_CTX_new();
	if (n == 0 || !pkey || !context || !EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey))
		return err_set(e, -EIO, "check a signature");
	verdict = EVP_DigestVerify(context, s->bytes, sizeof s->bytes, message, n);
	ERR_clear_error();
	return verdict == 1 ? 0 : err_set(e, -EBADMSG, "the signature does not match");
}
