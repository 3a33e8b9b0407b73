/* secrets.h - the secrets of functions: the key that opens them, and what a worker gets of them. */
#pragma once
#include "base/buf.h"
#include "base/digest.h"
#include "registry/registry.h"
#include "secret/secret.h"

/* Reads the key of the state folder, makes it when there is none.  Errors as of key_file_read; -EBADMSG. */
int secrets_open(const char *state_dir, struct secret_keys *k, struct err *e);

/* What tells the function's secrets from those that it had before; zeros: it has none, as without a
 * registry (NULL). */
int secrets_digest(struct registry *r, const char *function, struct digest *d, struct err *e);

/* Appends "NAME=VALUE" NUL for each secret of the function.  One that cannot be opened is left out, and said
 * in the error log. */
int secrets_add(struct registry *r, const struct secret_keys *k, const char *function,
                struct buf *environment, struct err *e);
