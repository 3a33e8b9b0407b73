/* auth.c - who calls: what a request shows, against the tokens and what the function asks. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/authorization.h"
#include "router/router.h"
#include "token/text.h"

/* The one value that the request shows; several are nobody's honest request. */
static bool
field_read(const struct request *q, struct span *value)
{
	const unsigned char *at = (const unsigned char *)buf_head(&q->authorization);
	size_t left = buf_used(&q->authorization);
	struct fcgi_pair pair;
	size_t n = 0;

	*value = (struct span){ "", 0 };
	while (left > 0 && fcgi_pair_next(&at, &left, &pair) > 0) {
		if (pair.name_length != strlen("HTTP_AUTHORIZATION"))
			continue;
		*value = (struct span){ (const char *)pair.value, pair.value_length };
		n++;
	}
	return n <= 1;
}

/* A token has one form, so what has another one is not hashed. */
static const struct token_row *
token_find(const struct router *r, const struct http_credentials *c)
{
	struct digest hash;

	if (!token_is_text(c->secret, c->n_secret))
		return NULL;
	token_hash(c->secret, &hash);
	return tokens_find(r->tokens, &hash);
}

static bool
is_named(const struct token_row *row, const char *user)
{
	char name[TOKEN_NAME_SIZE] = { 0 };

	if (strlen(user) >= sizeof name)
		return false;
	strcpy(name, user);
	return CRYPTO_memcmp(name, row->name, strlen(row->name) + 1) == 0;
}

static const struct token_row *
row_read(struct router *r, struct request *q, enum call_auth auth)
{
	const struct token_row *row = NULL;
	struct http_credentials c;
	struct span value;
	int rc = -EBADMSG;

	q->fault = AUTH_INVALID;
	if (field_read(q, &value))
		rc = http_authorization_read(value.p, value.n, auth == AUTH_BEARER ? HTTP_BEARER : HTTP_BASIC,
		                             &c);
	if (rc == -ENOENT)
		q->fault = AUTH_MISSING;
	if (rc == 0)
		row = token_find(r, &c);
	if (row && auth == AUTH_BASIC && !is_named(row, c.user))
		row = NULL;
	if (row && row->expires_at != 0 && clock_wall_s() >= row->expires_at)
		row = NULL;
	explicit_bzero(&c, sizeof c);
	return row;
}

enum cause
auth_check(struct router *r, struct request *q, const struct snapshot_function *f)
{
	const struct token_row *row;

	q->user[0] = '\0';
	q->tokens_serial = r->tokens_serial;
	if (f->auth == AUTH_NONE)
		return CAUSE_NONE;
	row = row_read(r, q, f->auth);
	if (!row)
		return CAUSE_UNAUTHORIZED;
	memcpy(q->user, row->name, sizeof q->user);
	if (f->is_run ? tokens_allow(r->tokens, row, TOKEN_RUN, TOKEN_ANY)
	              : tokens_allow(r->tokens, row, TOKEN_CALL, f->name))
		return CAUSE_NONE;
	q->fault = AUTH_SCOPE;
	return CAUSE_FORBIDDEN;
}

bool
auth_holds(struct router *r, struct request *q)
{
	enum cause cause = CAUSE_NONE;

	if (q->tokens_serial != r->tokens_serial)
		cause = auth_check(r, q, &q->pool->function);
	if (cause != CAUSE_NONE)
		answer_problem(r, q, cause, NULL);
	return cause == CAUSE_NONE;
}

/* RFC 6750 section 3, RFC 7617 section 2.  A function's name needs no quoting. */
const char *
auth_challenge(const struct request *q, char text[AUTH_CHALLENGE_SIZE])
{
	static const char *const errors[] = {
		[AUTH_MISSING] = "",
		[AUTH_INVALID] = ", error=\"invalid_token\"",
		[AUTH_SCOPE] = ", error=\"insufficient_scope\"",
	};
	const struct snapshot_function *f = &q->pool->function;
	const char *realm = f->is_run ? "run" : f->name; /* what the scope is called, too */

	if (f->auth == AUTH_BASIC && q->fault == AUTH_SCOPE)
		return NULL;
	if (f->auth == AUTH_BASIC)
		snprintf(text, AUTH_CHALLENGE_SIZE, "Basic realm=\"%s\", charset=\"UTF-8\"", realm);
	else if (q->fault == AUTH_SCOPE)
		snprintf(text, AUTH_CHALLENGE_SIZE, "Bearer realm=\"%s\"%s, scope=\"%s%s\"", realm,
		         errors[q->fault], f->is_run ? "" : "call:", realm);
	else
		snprintf(text, AUTH_CHALLENGE_SIZE, "Bearer realm=\"%s\"%s", realm, errors[q->fault]);
	return text;
}

void
auth_take(struct router *r, struct tokens *tokens, uint64_t serial)
{
	tokens_unmap(r->tokens);
	r->tokens = tokens;
	r->tokens_serial = serial;
	pools_review(r);
}
