/* agent.c - a token that changes the registry in the place of its process's user: who it is, and what it may
 * touch.
 *
 * Asked inside of the transaction that changes something, so that no route can come in between, and the token
 * is still there when the change is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "registry/sql.h"

/* Beside them in the place of a user's name, which has no colon. */
#define ACTOR_PREFIX "token:"

struct agent {
	struct registry_token token;
	struct token_grant scopes[TOKEN_SCOPES_MAX];
	size_t n;
};

/* What a token may do; anything else is refused. */
static const enum audit_event permitted[] = { AUDIT_DEPLOY,  AUDIT_ACTIVATE, AUDIT_ROLLBACK, AUDIT_ENABLE,
	                                      AUDIT_DISABLE, AUDIT_REMOVE,   AUDIT_LOCK,     AUDIT_UNLOCK };

static int
not_valid(struct err *e)
{
	return err_set(e, -EACCES, "the token is not known, was revoked or has expired");
}

int
registry_act_as(struct registry *r, const struct digest *hash, const struct registry_token **token,
                struct err *e)
{
	AUTO_FREE struct agent *a = calloc(1, sizeof *a);
	int n, rc = a ? token_find(r, hash, &a->token, e) : err_set(e, ENOMEM, "token");

	if (rc == -ENOENT)
		return not_valid(e);
	if (rc < 0)
		return rc;
	if (strlen(ACTOR_PREFIX) + strlen(a->token.name) >= sizeof((struct registry_version *)0)->author)
		return err_set(e, -EACCES, "the name of the token is too long for an author's");
	n = token_scopes_read(a->token.scopes, a->scopes, e);
	if (n < 0)
		return n;
	a->n = (size_t)n;
	if (a->token.expires_at > 0 && clock_wall_s() >= a->token.expires_at)
		return not_valid(e);
	free(r->agent);
	r->agent = a;
	*token = &a->token;
	a = NULL;
	return 0;
}

void
registry_actor(const struct registry *r, char actor[AUDIT_NAME_SIZE])
{
	if (r->agent)
		snprintf(actor, AUDIT_NAME_SIZE, ACTOR_PREFIX "%.*s",
		         (int)(AUDIT_NAME_SIZE - sizeof ACTOR_PREFIX), r->agent->token.name);
	else
		audit_actor(actor);
}

/* The very token that was shown, and still good. */
static int
check_token(struct registry *r, struct err *e)
{
	const struct registry_token *t = &r->agent->token;
	int64_t one;
	int rc = sql_integer(&r->base, &one, e,
	                     "SELECT 1 FROM token WHERE hash = ? AND name = ? AND scopes = ?"
	                     " AND expires_at = ? AND (expires_at = 0 OR expires_at > ?)",
	                     "dttii", &t->hash, t->name, t->scopes, t->expires_at, clock_wall_s());

	return rc == -ENOENT ? not_valid(e) : rc;
}

static bool
is_covered(const struct agent *a, const char *pattern)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->scopes[i].kind == TOKEN_DEPLOY && token_scope_covers(a->scopes[i].subject, pattern))
			return true;
	return false;
}

int
registry_check_scope(const struct registry *r, const char *pattern, struct err *e)
{
	if (!r->agent || is_covered(r->agent, pattern))
		return 0;
	return err_set(e, -EACCES, "route %s is not within what token '%s' may deploy", pattern,
	               r->agent->token.name);
}

/* The routes of all versions: what was outside of the scope once may be rolled back to.  How many. */
static int
check_routes(struct registry *r, const char *function, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int n = 0,
	    rc = sql_prepare(&r->base, &row, e,
	                     "SELECT DISTINCT route.pattern FROM route JOIN version v ON v.id ="
	                     " route.version_id JOIN function f ON f.id = v.function_id WHERE f.name = ?",
	                     "t", function);

	while (rc == 0 && (rc = sql_step(&r->base, row, e)) > 0) {
		const char *pattern = (const char *)sqlite3_column_text(row, 0);

		rc = pattern ? registry_check_scope(r, pattern, e) : err_set(e, -EBADMSG, "a route is none");
		if (rc < 0)
			return err_wrap(e, "function '%s'", function);
		n += n < INT32_MAX;
	}
	return rc < 0 ? rc : n;
}

/* Secrets that were set for a function before its first deploy are for whoever was meant to deploy it. */
static int
check_secrets(struct registry *r, const char *function, struct err *e)
{
	int64_t n = 0;
	int rc =
	    sql_integer(&r->base, &n, e, "SELECT count(*) FROM secret WHERE function = ?", "t", function);

	return rc < 0 || n == 0 ? rc : err_set(e, -EACCES, "function '%s' has secrets", function);
}

/* What is not the token's is as if it was not there: who holds it learns no names, nor the routes of others.
 */
int
agent_check(struct registry *r, const char *function, struct err *e)
{
	int rc = r->agent ? check_token(r, e) : 0;

	if (!r->agent || rc < 0)
		return rc;
	rc = check_routes(r, function, e);
	if (rc == 0)
		rc = check_secrets(r, function, e);
	if (rc == -EACCES)
		return no_function(r, function, e);
	return rc < 0 ? rc : 0;
}

int
registry_name_check(struct registry *r, const char *function, struct err *e)
{
	int rc = registry_lock_check(r, function, e);

	if (rc != -ENOENT)
		return rc;
	return err_set(e, -ENOTUNIQ, "the name '%s' is taken: choose another one", function);
}

int
agent_check_change(struct registry *r, enum audit_event event, const char *function, struct err *e)
{
	bool is_permitted = false;
	int n, rc;

	if (!r->agent)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(permitted); i++)
		is_permitted |= permitted[i] == event;
	if (!is_permitted || !function)
		return err_set(e, -EACCES, "that is not for a token to change");
	rc = check_token(r, e);
	/* A function that is gone has no routes any more: they were looked at before. */
	if (rc < 0 || event == AUDIT_REMOVE)
		return rc;
	n = check_routes(r, function, e);
	return n == 0  ? err_set(e, -EACCES, "function '%s' has no routes that a token could have", function)
	       : n < 0 ? n
	               : 0;
}

bool
agent_sees(struct registry *r, const char *function)
{
	struct err ignored;

	return !r->agent || check_routes(r, function, &ignored) > 0;
}
