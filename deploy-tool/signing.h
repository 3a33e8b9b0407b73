/* signing.h - the deployer's private key, and activations signed with it. */
#pragma once
#include "deploy-tool/pools.h"
#include "deploy-tool/tool.h"
#include "trust/activation.h"

struct signing {
	bool has_key;
	struct private_key key;
	struct registry_activation activation; /* as made last */
};

void signing_done(struct signing *s);
#define AUTO_SIGNING __attribute__((cleanup(signing_done))) struct signing

/* Where the key is: --key, CFN_KEY, else XDG_DATA_HOME/cfn/deploy.key.  *is_named: not the last.  -ENOENT:
 * there is no home. */
int signing_find(const struct tool *t, char path[CONFIG_PATH_MAX], bool *is_named, struct err *e);

/* Reads the key; without one, unless it was named, nothing is signed. */
int signing_open(const struct tool *t, struct signing *s, struct err *e);

/* NULL, or the activation of the version or of a function's removal, signed. */
int signing_activate(const struct tool *t, struct signing *s, const struct registry_version *v,
                     bool is_enabled, const struct registry_activation **a, struct err *e);
int signing_remove(const struct tool *t, struct signing *s, const char *function,
                   const struct registry_activation **a, struct err *e);

/* Every pool approves of it (and loads the version, if it is to); without a pool the keys of this
 * configuration decide. */
int signing_vote(const struct tool *t, struct pools *p, const struct registry_version *v,
                 const struct registry_activation *a, bool is_load, struct err *e);

/* Whether an active version is served as it is signed: what is active need not be what the pools take. */
int signing_check(const struct tool *t, struct pools *p, const struct registry_version *v, struct err *e);

/* Signs the active version once more, as it is to be from now on, and asks the pools whether that counts. */
int signing_change(const struct tool *t, struct signing *s, const struct registry_version *v, bool is_enabled,
                   const struct registry_activation **a, struct err *e);

/* Who signed: the name of a trusted key, the id of another one, "-" for nobody. */
enum { SIGNER_TEXT_SIZE = NAME_MAX_SIZE };
void signing_name(const struct keys *k, const struct registry_activation *a, char text[SIGNER_TEXT_SIZE]);

/* The keys of the configuration, as its pools read them; none when they cannot be read by the caller. */
int signing_keys(const struct tool *t, struct keys *k, struct err *e);
