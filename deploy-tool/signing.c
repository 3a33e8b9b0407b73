/* signing.c - the deployer's private key, and activations signed with it. */
#include "deploy-tool/signing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
signing_done(struct signing *s)
{
	key_forget(&s->key);
}

int
signing_find(const struct tool *t, char path[CONFIG_PATH_MAX], bool *is_named, struct err *e)
{
	const char *variable = getenv("CFN_KEY"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	const char *named = t->key_option != NULL ? t->key_option : variable;
	int n;

	*is_named = named != NULL && named[0] != '\0';
	if (*is_named)
		n = snprintf(path, CONFIG_PATH_MAX, "%s", named);
	else if (data != NULL && data[0] == '/')
		n = snprintf(path, CONFIG_PATH_MAX, "%s/cfn/deploy.key", data);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, CONFIG_PATH_MAX, "%s/.local/share/cfn/deploy.key", home);
	else
		return err_set(e, -ENOENT, "no key: give --key FILE or set CFN_KEY");
	return n < CONFIG_PATH_MAX ? 0 : err_set(e, ENAMETOOLONG, "key");
}

int
signing_open(const struct tool *t, struct signing *s, struct err *e)
{
	char path[CONFIG_PATH_MAX];
	bool is_named = false;
	int rc = signing_find(t, path, &is_named, e);

	if (rc == 0)
		rc = key_read(&s->key, path, e);
	s->has_key = rc == 0;
	return rc == -ENOENT && !is_named ? 0 : rc;
}

static int
begin(const struct tool *t, struct signing *s, const char *function, struct err *e)
{
	uint64_t last = 0;
	int rc = registry_last_activation(t->registry, function, &last, e);

	s->activation = (struct registry_activation){ .number = activation_number_after(last) };
	return rc;
}

int
signing_activate(const struct tool *t, struct signing *s, const struct registry_version *v, bool is_enabled,
                 const struct registry_activation **a, struct err *e)
{
	struct digest d;
	int rc;

	*a = NULL;
	if (!s->has_key)
		return 0;
	rc = begin(t, s, v->function, e);
	s->activation.version = v->number;
	s->activation.is_enabled = is_enabled;
	if (rc == 0)
		rc = activation_digest(v, &s->activation, &d, e);
	if (rc == 0)
		rc = activation_sign(&s->key, &d, &s->activation, e);
	if (rc == 0)
		*a = &s->activation;
	return rc;
}

int
signing_remove(const struct tool *t, struct signing *s, const char *function,
               const struct registry_activation **a, struct err *e)
{
	struct digest d;
	int rc;

	*a = NULL;
	if (!s->has_key)
		return 0;
	rc = begin(t, s, function, e);
	if (rc == 0)
		rc = activation_digest_removal(function, &s->activation, &d, e);
	if (rc == 0)
		rc = activation_sign(&s->key, &d, &s->activation, e);
	if (rc == 0)
		*a = &s->activation;
	return rc;
}

int
signing_keys(const struct tool *t, struct keys *k, struct err *e)
{
	uid_t owner = geteuid();
	struct stat st;
	int rc;

	if (stat(t->config.registry, &st) == 0)
		owner = st.st_uid;
	rc = keys_read(k, t->config.keys_dir, owner, e);
	return rc == -ENOENT || rc == -EACCES ? 0 : rc;
}

static int
check_here(const struct tool *t, const struct registry_version *v, const struct registry_activation *a,
           struct err *e)
{
	const struct registry_activation none = { 0 };
	const struct activation_subject subject = { v->function, v->policy.shared, v->n_routes, v->routes };
	const struct trusted_key *signer;
	struct keys keys = { 0 };
	struct digest d;
	int rc = signing_keys(t, &keys, e);

	if (rc == 0 && keys.is_required)
		rc = activation_digest(v, a != NULL ? a : &none, &d, e);
	if (rc == 0 && keys.is_required)
		rc = activation_check(&keys, a != NULL ? a : &none, &d, &subject, &signer, e);
	keys_done(&keys);
	return rc == -ENOKEY
	           ? err_wrap(e, "the keys of %.100s are required; see 'cfn-deploy key'", t->config.keys_dir)
	           : rc;
}

int
signing_vote(const struct tool *t, struct pools *p, const struct registry_version *v,
             const struct registry_activation *a, bool is_load, struct err *e)
{
	if (p->n == 0)
		return check_here(t, v, a, e);
	return pools_vote(p, v->id, a, is_load, e);
}

int
signing_check(const struct tool *t, struct pools *p, const struct registry_version *v, struct err *e)
{
	const struct registry_activation *a = v->activation.number > 0 ? &v->activation : NULL;
	int rc = signing_vote(t, p, v, a, false, e);

	return rc < 0
	           ? err_wrap(e, "version %u is active and unchanged, but refused (cfn-deploy key sign %s)",
	                      v->number, v->function)
	           : 0;
}

int
signing_change(const struct tool *t, struct signing *s, const struct registry_version *v, bool is_enabled,
               const struct registry_activation **a, struct err *e)
{
	AUTO_POOLS struct pools pools = { 0 };
	int rc = signing_activate(t, s, v, is_enabled, a, e);

	if (rc < 0 || *a == NULL)
		return rc;
	rc = pools_connect(t, &pools, e);
	return rc < 0 ? rc : signing_vote(t, &pools, v, *a, false, e);
}

void
signing_name(const struct keys *k, const struct registry_activation *a, char text[SIGNER_TEXT_SIZE])
{
	char id[KEY_ID_TEXT_SIZE];

	key_id_format(&a->key, id);
	snprintf(text, SIGNER_TEXT_SIZE, "%s", a->number > 0 ? id : "-");
	for (size_t i = 0; a->number > 0 && i < k->n; i++)
		if (memcmp(&k->rows[i].id, &a->key, sizeof a->key) == 0)
			snprintf(text, SIGNER_TEXT_SIZE, "%s", k->rows[i].name);
}
