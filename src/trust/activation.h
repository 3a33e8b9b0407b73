/* activation.h - a signed activation: what is signed, and whether the signature counts. */
#pragma once
#include "registry/registry.h"
#include "trust/keys.h"

/* What a signature is over: everything of the version that decides what runs, where and how, and a's number
 * and is_enabled.  The text that is digested is in activation.c. */
int activation_digest(const struct registry_version *v, const struct registry_activation *a, struct digest *d,
                      struct err *e);
/* The same for the removal of a function. */
int activation_digest_removal(const char *function, const struct registry_activation *a, struct digest *d,
                              struct err *e);

/* Fills in key and signature. */
int activation_sign(const struct private_key *k, const struct digest *d, struct registry_activation *a,
                    struct err *e);

/* The number of the activation that follows last: the time in milliseconds, so that one made after a
 * backup was put back is above those made before; but always more than last. */
uint64_t activation_number_after(uint64_t last);

/* What the key has to be trusted with. */
struct activation_subject {
	const char *function, *shared; /* shared: "" is none */
	size_t n_routes;
	const struct registry_route *routes;
};

/* 0 with *signer, which lives as long as k.  -ENOKEY: not signed, or by a key that is not trusted; -EACCES:
 * by one that may not sign this; -EKEYREJECTED: the signature is of something else. */
int activation_check(const struct keys *k, const struct registry_activation *a, const struct digest *d,
                     const struct activation_subject *s, const struct trusted_key **signer, struct err *e);
