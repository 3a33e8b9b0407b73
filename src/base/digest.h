/* digest.h - SHA-256 (FIPS 180-4) and its text form. */
#pragma once
#include <stddef.h>

#include "base/err.h"

enum { DIGEST_SIZE = 32, DIGEST_TEXT_SIZE = 65 };

struct digest {
	unsigned char bytes[DIGEST_SIZE];
};

int digest_of(const void *data, size_t n, struct digest *d, struct err *e);

/* The same where libcrypto must not look for its configuration: it opens no file and cannot fail. */
void digest_plain(const void *data, size_t n, struct digest *d);

/* 64 lower-case hexadecimal digits and NUL. */
void digest_format(const struct digest *d, char text[DIGEST_TEXT_SIZE]);

/* Fills p with n random bytes of getrandom(2); never fails on Linux >= 5.6. */
void random_bytes(void *p, size_t n);
