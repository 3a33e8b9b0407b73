/* token.h - a signed token: what is signed, and what the signature is worth. */
#pragma once
#include "registry/registry.h"
#include "trust/keys.h"

/* What a signature is over: all of the token but who made it. */
int token_digest(const struct registry_token *t, struct digest *d, struct err *e);

/* Fills in key and signature. */
int token_sign(const struct private_key *k, struct registry_token *t, struct err *e);

/* 0 with *signer, which lives as long as k.  -ENOKEY: not signed, or by a key that is not trusted;
 * -EKEYREJECTED: the signature is of something else. */
int token_check(const struct keys *k, const struct registry_token *t, const struct trusted_key **signer,
                struct err *e);

/* Whether who may sign with this key may let somebody call the function: he could deploy it, with these
 * routes. */
bool token_key_may_open(const struct trusted_key *k, const char *function,
                        const struct registry_route *routes, size_t n_routes);

/* The same for whatever has the routes that the subject of a TOKEN_DEPLOY scope covers. */
bool token_key_may_deploy(const struct trusted_key *k, const char *subject);

/* The same for every function that there will ever be. */
bool token_key_may_open_all(const struct trusted_key *k);
