/* signature.h - Ed25519 (RFC 8032): keys, their files, and signatures over digests.
 *
 * What is signed is "DOMAIN" NUL DIGEST: a signature made for one purpose is worth nothing for another. */
#pragma once
#include "base/digest.h"
#include "base/err.h"

enum {
	SIGNATURE_SIZE = 64,
	SIGNATURE_TEXT_SIZE = 2 * SIGNATURE_SIZE + 1,
	SIGNATURE_DOMAIN_MAX = 64, /* bytes of a domain, NUL included */
	KEY_SIZE = 32,             /* of either half */
	KEY_ID_SIZE = 8,
	KEY_ID_TEXT_SIZE = 2 * KEY_ID_SIZE + 1,
	KEY_FILE_MAX = 4096, /* bytes of a private key's file, of a public key's PEM block */
};

struct public_key {
	unsigned char bytes[KEY_SIZE];
};

struct private_key {
	unsigned char seed[KEY_SIZE];
	struct public_key public;
};

/* The first bytes of SHA-256 of the public key: finds a key, proves nothing. */
struct key_id {
	unsigned char bytes[KEY_ID_SIZE];
};

struct signature {
	unsigned char bytes[SIGNATURE_SIZE];
};

int key_make(struct private_key *k, struct err *e);

/* Overwrites the secret; for the cleanup attribute. */
void key_forget(struct private_key *k);
#define AUTO_KEY __attribute__((cleanup(key_forget))) struct private_key

/* A new file of mode 0600 in PEM (PKCS#8), on the disk when this returns.  -EEXIST: one is there, and stays.
 */
int key_write(const struct private_key *k, const char *path, struct err *e);

/* -ENOENT; -EPERM: it belongs to another user, or others may read it; -EINVAL: not an Ed25519 key without a
 * passphrase. */
int key_read(struct private_key *k, const char *path, struct err *e);

/* The first block "PUBLIC KEY" of PEM in text of n bytes, NUL behind them; what stands before it is skipped.
 * -EINVAL. */
int key_parse_public(const char *text, size_t n, struct public_key *k, struct err *e);

/* PEM, as openssl(1) writes it: text of KEY_FILE_MAX. */
int key_format_public(const struct public_key *k, char *text, size_t size, struct err *e);

int key_id_of(const struct public_key *k, struct key_id *id, struct err *e);
void key_id_format(const struct key_id *id, char text[KEY_ID_TEXT_SIZE]);

int signature_make(const struct private_key *k, const char *domain, const struct digest *d,
                   struct signature *s, struct err *e);

/* 0 when it is good; -EBADMSG when it is not; another -errno when that could not be found out. */
int signature_check(const struct public_key *k, const char *domain, const struct digest *d,
                    const struct signature *s, struct err *e);
