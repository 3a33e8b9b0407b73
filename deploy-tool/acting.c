/* acting.c - `cfn-deploy --token FILE`: a token acts, within its scopes, instead of the user of this process.
 */
#include "deploy-tool/acting.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "deploy-tool/signing.h"
#include "token/text.h"
#include "trust/token.h"

/* One line; a longer one is no token. */
static int
read_hash(const char *path, struct digest *hash, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char text[TOKEN_LENGTH + 2];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	int rc = 0;

	if (n < 0)
		return err_set(e, errno, "token %.160s", path);
	if (n == TOKEN_LENGTH + 1 && text[TOKEN_LENGTH] == '\n')
		n--;
	if (token_is_text(text, (size_t)n))
		token_hash(text, hash);
	else
		rc = err_set(e, -EACCES, "%.160s: there is no token in it", path);
	explicit_bzero(text, sizeof text);
	return rc;
}

/* Where keys are trusted, a token is worth what whoever signed it could deploy. */
static int
check_signature(const struct tool *t, const struct registry_token *token, struct err *e)
{
	struct token_grant scopes[TOKEN_SCOPES_MAX];
	const struct trusted_key *signer;
	struct keys keys = { 0 };
	int n = token_scopes_read(token->scopes, scopes, e), rc = n < 0 ? n : signing_keys(t, &keys, e);

	if (rc == 0 && keys.is_required)
		rc = token_check(&keys, token, &signer, e);
	for (int i = 0; rc == 0 && keys.is_required && i < n; i++)
		if (scopes[i].kind == TOKEN_DEPLOY && !token_key_may_deploy(signer, scopes[i].subject))
			rc = err_set(e, -ENOKEY,
			             "token '%s': its key may not sign what it is to deploy, deploy:%s",
			             token->name, scopes[i].subject);
	keys_done(&keys);
	return rc;
}

int
acting_begin(const struct tool *t, struct err *e)
{
	const struct registry_token *token;
	struct digest hash;
	int rc = read_hash(t->token_option, &hash, e);

	if (rc == 0)
		rc = registry_act_as(t->registry, &hash, &token, e);
	return rc < 0 ? rc : check_signature(t, token, e);
}

int
acting_exit_status(const struct tool *t, int exit_status)
{
	if (t->token_option == NULL || exit_status != EX_NOPERM || t->registry == NULL)
		return exit_status;
	return registry_has_met_lock(t->registry) ? ACTING_LOCKED : exit_status;
}
