/* activation.c - a signed activation: what is signed, and whether the signature counts. */
#include "trust/activation.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define DOMAIN "cfn activation v1"

enum { DOCUMENT_MAX = REGISTRY_ROUTES_MAX * (ROUTE_PATTERN_MAX + 32) + 4096 };

static int
put_digest(struct buf *text, const char *word, const struct digest *d)
{
	char digits[DIGEST_TEXT_SIZE];

	digest_format(d, digits);
	return buf_printf(text, "%s %s\n", word, digits);
}

/* One line a fact, in a fixed order.  No value can hold a newline (read.c refuses control bytes), so no two
 * versions have one text.  What is not here changes nothing of what a pool does. */
static int
put_version(struct buf *text, const struct registry_version *v, const struct registry_activation *a)
{
	int rc = buf_printf(text, "function %s\nnumber %" PRIu64 "\nversion %u\nenabled %d\nentry %s\n",
	                    v->function, a->number, v->number, a->is_enabled, v->entry);

	if (rc == 0)
		rc = put_digest(text, "artifact", &v->artifact);
	if (rc == 0)
		rc = put_digest(text, "source", &v->source);
	if (rc == 0)
		rc = put_digest(text, "debug", &v->debug);
	if (rc == 0)
		rc = put_digest(text, "policy", &v->policy_text);
	for (size_t i = 0; rc == 0 && i < v->n_routes; i++)
		rc = buf_printf(text, "route %x %u %s\n", v->routes[i].methods, v->routes[i].index,
		                v->routes[i].pattern);
	return rc;
}

static int
finish(struct buf *text, int rc, struct digest *d, struct err *e)
{
	rc = rc < 0 ? err_set(e, -rc, "activation") : digest_of(buf_head(text), buf_used(text), d, e);
	buf_done(text);
	return rc;
}

int
activation_digest(const struct registry_version *v, const struct registry_activation *a, struct digest *d,
                  struct err *e)
{
	struct buf text;

	buf_init(&text, DOCUMENT_MAX);
	return finish(&text, put_version(&text, v, a), d, e);
}

int
activation_digest_removal(const char *function, const struct registry_activation *a, struct digest *d,
                          struct err *e)
{
	struct buf text;

	buf_init(&text, DOCUMENT_MAX);
	return finish(&text,
	              buf_printf(&text, "function %s\nnumber %" PRIu64 "\nremoved\n", function, a->number), d,
	              e);
}

int
activation_sign(const struct private_key *k, const struct digest *d, struct registry_activation *a,
                struct err *e)
{
	int rc = key_id_of(&k->public, &a->key, e);

	return rc < 0 ? rc : signature_make(k, DOMAIN, d, &a->signature, e);
}

uint64_t
activation_number_after(uint64_t last)
{
	uint64_t now = (uint64_t)clock_wall_ms();

	return now > last ? now : last + 1;
}

static int
forbidden(const struct trusted_key *k, enum key_rule_kind kind, const char *value, struct err *e)
{
	return err_set(e, -EACCES, "key '%s' may not sign %s %s", k->name,
	               kind == KEY_SHARED ? "shared folder" : key_rule_word(kind), value);
}

static int
check_rights(const struct trusted_key *k, const struct activation_subject *s, struct err *e)
{
	if (!key_may_sign(k, KEY_FUNCTION, s->function))
		return forbidden(k, KEY_FUNCTION, s->function, e);
	if (s->shared[0] && !key_may_sign(k, KEY_SHARED, s->shared))
		return forbidden(k, KEY_SHARED, s->shared, e);
	for (size_t i = 0; i < s->n_routes; i++)
		if (!key_may_sign(k, KEY_ROUTE, s->routes[i].pattern))
			return forbidden(k, KEY_ROUTE, s->routes[i].pattern, e);
	return 0;
}

int
activation_check(const struct keys *k, const struct registry_activation *a, const struct digest *d,
                 const struct activation_subject *s, const struct trusted_key **signer, struct err *e)
{
	char id[KEY_ID_TEXT_SIZE];
	const struct trusted_key *key;
	int rc;

	if (a->number == 0)
		return err_set(e, -ENOKEY, "it is not signed");
	key_id_format(&a->key, id);
	key = keys_find(k, &a->key);
	if (!key)
		return err_set(e, -ENOKEY, "it is signed by key %s, which is not trusted", id);
	rc = check_rights(key, s, e);
	if (rc < 0)
		return rc;
	rc = signature_check(&key->public, DOMAIN, d, &a->signature, e);
	if (rc == -EBADMSG)
		return err_set(e, -EKEYREJECTED, "the signature of key '%s' is not of what the registry says",
		               key->name);
	if (rc == 0)
		*signer = key;
	return rc;
}
