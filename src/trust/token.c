/* token.c - a signed token: what is signed, and what the signature is worth. */
#include "trust/token.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"

#define DOMAIN "cfn token v1"

enum { DOCUMENT_MAX = TOKEN_SCOPES_TEXT_SIZE + 1024 };

/* One line a fact, in a fixed order; no value can hold a newline. */
int
token_digest(const struct registry_token *t, struct digest *d, struct err *e)
{
	char hash[DIGEST_TEXT_SIZE];
	struct buf text;
	int rc;

	digest_format(&t->hash, hash);
	buf_init(&text, DOCUMENT_MAX);
	rc = buf_printf(&text, "token %s\nhash %s\nscopes %s\ncreated %" PRId64 "\nexpires %" PRId64 "\n",
	                t->name, hash, t->scopes, t->created_at, t->expires_at);
	rc = rc < 0 ? err_set(e, -rc, "token") : digest_of(buf_head(&text), buf_used(&text), d, e);
	buf_done(&text);
	return rc;
}

int
token_sign(const struct private_key *k, struct registry_token *t, struct err *e)
{
	struct digest d;
	int rc = token_digest(t, &d, e);

	if (rc == 0)
		rc = key_id_of(&k->public, &t->key, e);
	if (rc == 0)
		rc = signature_make(k, DOMAIN, &d, &t->signature, e);
	t->is_signed = rc == 0;
	return rc;
}

int
token_check(const struct keys *k, const struct registry_token *t, const struct trusted_key **signer,
            struct err *e)
{
	const struct trusted_key *key = t->is_signed ? keys_find(k, &t->key) : NULL;
	char id[KEY_ID_TEXT_SIZE];
	struct digest d;
	int rc;

	key_id_format(&t->key, id);
	if (!t->is_signed)
		return err_set(e, -ENOKEY, "token '%s' is not signed", t->name);
	if (!key)
		return err_set(e, -ENOKEY, "token '%s' is signed by key %s, which is not trusted", t->name,
		               id);
	rc = token_digest(t, &d, e);
	if (rc == 0)
		rc = signature_check(&key->public, DOMAIN, &d, &t->signature, e);
	if (rc == -EBADMSG)
		return err_set(e, -EKEYREJECTED,
		               "token '%s': the signature of key '%s' is not of what the registry says",
		               t->name, key->name);
	if (rc == 0)
		*signer = key;
	return rc;
}

bool
token_key_may_open(const struct trusted_key *k, const char *function, const struct registry_route *routes,
                   size_t n_routes)
{
	if (!key_may_sign(k, KEY_FUNCTION, function))
		return false;
	for (size_t i = 0; i < n_routes; i++)
		if (!key_may_sign(k, KEY_ROUTE, routes[i].pattern))
			return false;
	return true;
}

/* As "/a*" covers "/abc", too, only a whole segment is a pattern that a key's rule can cover. */
bool
token_key_may_deploy(const struct trusted_key *k, const char *subject)
{
	size_t n = strlen(subject);

	if (!key_may_sign(k, KEY_FUNCTION, "*"))
		return false;
	if (n > 0 && subject[n - 1] == '*' && (n < 2 || subject[n - 2] != '/'))
		return key_may_sign(k, KEY_ROUTE, "/*");
	return key_may_sign(k, KEY_ROUTE, subject);
}

bool
token_key_may_open_all(const struct trusted_key *k)
{
	return key_may_sign(k, KEY_FUNCTION, "*") && key_may_sign(k, KEY_ROUTE, "/*");
}
