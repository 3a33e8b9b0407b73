/* token.c - `cfn-deploy token`: what clients show to be let in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/report.h"
#include "deploy-tool/signing.h"
#include "deploy-tool/since.h"
#include "token/text.h"
#include "trust/token.h"

struct token_options {
	struct argument_list scopes;
	const char *expires;
};

const struct argument_row token_options[] = {
	{ "scope", 0, ARGUMENT_LIST, offsetof(struct token_options, scopes), "SCOPE",
	  "create: call:FUNCTION, call:* or run (repeatable); else call:*" },
	{ "expires", 0, ARGUMENT_TEXT, offsetof(struct token_options, expires), "TIME",
	  "create: from then on it is worth nothing: 90d, 12h, 2026-12-31; else never" },
};
const size_t token_n_options = ARRAY_SIZE(token_options);

struct token_call {
	struct tool *tool;
	const struct token_options *options;
	const char *name; /* NULL: of the verbs without */
};

static json_t *
scopes_json(const char *scopes)
{
	json_t *list = json_array();

	for (size_t n; *scopes != '\0'; scopes += n + (scopes[n] == ' ')) {
		n = strcspn(scopes, " ");
		json_array_append_new(list, json_stringn(scopes, n));
	}
	return list;
}

static json_t *
time_json(int64_t seconds)
{
	char text[REPORT_TIME_SIZE];

	if (seconds == 0)
		return json_null();
	report_time(seconds, text);
	return json_string(text);
}

/* How many pools have it now; -1 when one that lives has not, which is reported. */
static int
tell_pools(const struct tool *t)
{
	AUTO_POOLS struct pools p = { 0 };
	size_t n, n_live = 0;
	struct err e;

	if (pools_connect(t, &p, &e) < 0) {
		tool_fail(&e);
		return -1;
	}
	n = pools_poke(&p);
	for (size_t i = 0; i < p.n; i++)
		n_live += p.socks[i] >= 0;
	return n == n_live ? (int)n : -1;
}

static int
settle_scopes(const struct token_options *o, struct registry_token *token, struct err *e)
{
	int rc = 0;

	if (o->scopes.n == 0)
		return token_scopes_add(token->scopes, "call:" TOKEN_ANY, e);
	for (size_t i = 0; rc == 0 && i < o->scopes.n; i++)
		rc = token_scopes_add(token->scopes, o->scopes.items[i], e);
	return rc;
}

static int
settle_expiry(const struct token_options *o, struct registry_token *token, struct err *e)
{
	uint64_t ms;

	if (o->expires == NULL)
		return 0;
	if (option_parse_duration(o->expires, &ms) == 0 && ms / 1000 < INT32_MAX)
		token->expires_at = token->created_at + (int64_t)(ms / 1000);
	else if (since_parse_date(o->expires, &token->expires_at) < 0)
		return err_set(e, -EINVAL, "--expires: '%.40s' is no time; say 90d, 12h or 2026-12-31",
		               o->expires);
	if (token->expires_at <= token->created_at)
		return err_set(e, -EINVAL, "--expires: '%.40s' is not in the future", o->expires);
	return 0;
}

/* Signed when there is a key: pools that trust keys take no other. */
static int
sign(const struct tool *t, struct registry_token *token, struct err *e)
{
	AUTO_SIGNING signing = { 0 };
	const struct trusted_key *signer;
	struct keys keys = { 0 };
	int rc = signing_open(t, &signing, e);

	if (rc == 0 && signing.has_key)
		rc = token_sign(&signing.key, token, e);
	if (rc == 0)
		rc = signing_keys(t, &keys, e);
	if (rc == 0 && keys.is_required)
		rc = token_check(&keys, token, &signer, e);
	keys_done(&keys);
	return rc == -ENOKEY
	           ? err_wrap(e, "the keys of %.100s are required; see 'cfn-deploy key'", t->config.keys_dir)
	           : rc;
}

static int
report_created(const struct tool *t, const struct registry_token *token, const char *text, int n_pools)
{
	char expires[REPORT_TIME_SIZE] = "never";

	if (t->json)
		return tool_print_json(json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:i}", "name", token->name,
		                                 "token", text, "scopes", scopes_json(token->scopes),
		                                 "created", time_json(token->created_at), "expires",
		                                 time_json(token->expires_at), "registry", t->config.registry,
		                                 "pools", n_pools > 0 ? n_pools : 0));
	if (token->expires_at > 0)
		report_time(token->expires_at, expires);
	fprintf(stderr, "cfn-deploy: token '%s' (%s; expires: %s); it is shown this once:\n", token->name,
	        token->scopes, expires);
	printf("%s\n", text);
	return tool_flush();
}

static int
create(const struct token_call *c)
{
	AUTO_FREE struct registry_token *token = calloc(1, sizeof *token);
	char text[TOKEN_TEXT_SIZE];
	struct err e;
	int rc, n_pools;

	if (token == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	snprintf(token->name, sizeof token->name, "%s", c->name);
	token->created_at = clock_wall_s();
	tool_author(token->author);
	if (policy_check_name(c->name, &e) < 0 || settle_scopes(c->options, token, &e) < 0 ||
	    settle_expiry(c->options, token, &e) < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	rc = tool_open_registry(c->tool, REGISTRY_WRITE);
	if (rc != 0)
		return rc;
	token_make(text);
	token_hash(text, &token->hash);
	if (sign(c->tool, token, &e) < 0 || registry_add_token(c->tool->registry, token, &e) < 0)
		return tool_fail(&e);
	n_pools = tell_pools(c->tool);
	rc = report_created(c->tool, token, text, n_pools);
	explicit_bzero(text, sizeof text);
	return rc == 0 && n_pools < 0 ? EX_TEMPFAIL : rc;
}

static int
revoke(const struct token_call *c)
{
	struct err e;
	int rc = tool_open_registry(c->tool, REGISTRY_WRITE), n_pools;

	if (rc != 0)
		return rc;
	if (registry_remove_token(c->tool->registry, c->name, &e) < 0)
		return tool_fail(&e);
	n_pools = tell_pools(c->tool);
	if (n_pools < 0)
		return tool_fail_as(EX_TEMPFAIL,
		                    "token '%s' is gone from the registry, but not every pool knows it yet",
		                    c->name);
	if (c->tool->json)
		return tool_print_json(json_pack("{s:s, s:b, s:s, s:i}", "name", c->name, "revoked", 1,
		                                 "registry", c->tool->config.registry, "pools", n_pools));
	printf("token '%s' is revoked (registry %s, %d pool%s)\n", c->name, c->tool->config.registry, n_pools,
	       n_pools == 1 ? "" : "s");
	return tool_flush();
}

struct token_listing {
	const struct tool *tool;
	json_t *json; /* NULL: for people */
	struct columns table;
	struct keys keys; /* for their names; none when they cannot be read */
	int64_t now;
	size_t n_bad;
};

static void
add_json(struct token_listing *l, const struct registry_token *token, const char *signer)
{
	json_array_append_new(l->json,
	                      json_pack("{s:s, s:o, s:o, s:o, s:b, s:s, s:o}", "name", token->name, "scopes",
	                                scopes_json(token->scopes), "created", time_json(token->created_at),
	                                "expires", time_json(token->expires_at), "expired",
	                                (int)(token->expires_at > 0 && token->expires_at <= l->now), "author",
	                                token->author, "signer",
	                                token->is_signed ? json_string(signer) : json_null()));
}

static int
take(void *context, const struct registry_token *token, const struct err *why)
{
	struct token_listing *l = context;
	char created[REPORT_TIME_SIZE], expires[REPORT_TIME_SIZE + 16] = "never", signer[SIGNER_TEXT_SIZE];

	if (token == NULL) {
		tool_fail(why);
		l->n_bad++;
		return 0;
	}
	signing_name(&l->keys, &(struct registry_activation){ .number = token->is_signed, .key = token->key },
	             signer);
	if (l->json != NULL) {
		add_json(l, token, signer);
		return 0;
	}
	report_time(token->created_at, created);
	if (token->expires_at > 0)
		report_time(token->expires_at, expires);
	if (token->expires_at > 0 && token->expires_at <= l->now)
		strcat(expires, " (expired)");
	columns_add(&l->table, (const char *const[]){ token->name, token->scopes, created, expires,
	                                              token->author, signer });
	return 0;
}

static int
print_listing(struct token_listing *l)
{
	if (l->json != NULL)
		return tool_print_json(json_incref(l->json));
	if (l->table.n_rows > 1)
		columns_print(&l->table);
	else
		printf("no tokens in registry %s; make one with: cfn-deploy token create NAME\n",
		       l->tool->config.registry);
	return tool_flush();
}

static int
list(const struct token_call *c)
{
	static const char *const headings[] = { "NAME", "SCOPES", "CREATED", "EXPIRES", "BY", "SIGNED" };
	struct token_listing l = { .tool = c->tool, .now = clock_wall_s() };
	struct err e;
	int rc = tool_open_registry(c->tool, REGISTRY_READ);

	if (rc != 0)
		return rc;
	signing_keys(c->tool, &l.keys, &e);
	l.json = c->tool->json ? json_array() : NULL;
	columns_init(&l.table, headings, ARRAY_SIZE(headings));
	rc = registry_each_token(c->tool->registry, take, &l, &e) < 0 ? tool_fail(&e) : print_listing(&l);
	json_decref(l.json);
	columns_done(&l.table);
	keys_done(&l.keys);
	return rc == 0 && l.n_bad > 0 ? EX_DATAERR : rc;
}

static const struct {
	const char *name;
	bool has_name;
	int (*run)(const struct token_call *c);
} verbs[] = {
	{ "create", true, create },
	{ "list", false, list },
	{ "revoke", true, revoke },
};

int
run_token(struct tool *t, const char *const *arguments)
{
	struct token_options own = { 0 };
	const struct argument_table table = { token_options, token_n_options, &own };
	struct argument_list rest;
	struct token_call call = { .tool = t, .options = &own };
	int rc = tool_arguments(t, &(struct tool_syntax){ &table, 1, 1, 2 }, arguments, &rest);

	if (rc != 0 || t->wants_help)
		return rc;
	call.name = rest.n == 2 ? rest.items[1] : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, rest.items[0]) != 0)
			continue;
		if (verbs[i].has_name == (call.name != NULL))
			return verbs[i].run(&call);
		return tool_fail_as(EX_USAGE, "token %s takes %s; see 'cfn-deploy help token'", verbs[i].name,
		                    verbs[i].has_name ? "a NAME" : "no argument");
	}
	return tool_fail_as(EX_USAGE, "unknown 'token %.40s'; see 'cfn-deploy help token'", rest.items[0]);
}
