/* libcrypto.h - libcrypto as we want it. */
#pragma once
#include "base/err.h"

/* Initializes it without openssl.cnf, which may name providers and engines, and whose path comes from the
 * environment.  Only what has not been initialized yet can be kept from reading it, so whoever uses libcrypto
 * begins with this; it costs nothing the second time.  0 or -EIO. */
int libcrypto_prepare(struct err *e);
