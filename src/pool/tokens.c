/* tokens.c - what clients may show: from the registry to the routers. */
#include "pool/tokens.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/approvals.h"
#include "pool/manager.h"
#include "pool/rollout.h"
#include "trust/token.h"

enum {
	BATCH = 64,         /* signatures that are checked in one turn of the loop */
	BATCH_DELAY_MS = 1, /* between two turns */
};

struct pool_token {
	char name[NAME_MAX_SIZE];
	struct digest hash, document; /* document: what its signature is over */
	int64_t expires_at;
	char *scopes;
	bool is_signed;
	struct key_id key;
	struct signature signature;
	enum approval approval;
	int64_t created_at;
};

static void
free_rows(struct pool_token *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(rows[i].scopes);
	free(rows);
}

/* ---- reading ---- */

struct reading {
	struct pool_token *rows;
	size_t n, size, n_bad;
	struct err *e;
};

static int
grow(struct reading *l)
{
	size_t size = l->size ? l->size * 2 : 64;
	struct pool_token *rows;

	if (l->n == TOKENS_MAX)
		return err_set(l->e, -E2BIG, "there are more than %d tokens", TOKENS_MAX);
	if (l->n < l->size)
		return 0;
	rows = reallocarray(l->rows, size, sizeof *rows);
	if (!rows)
		return err_set(l->e, ENOMEM, "tokens");
	l->rows = rows;
	l->size = size;
	return 0;
}

static int
take_token(void *context, const struct registry_token *t, const struct err *why)
{
	struct reading *l = context;
	struct pool_token *row;

	if (!t) {
		if (l->n_bad++ == 0)
			log_line(LOG_ERR, "%s; it lets nobody in", why->text);
		return 0;
	}
	if (grow(l) < 0)
		return -l->e->code;
	row = &l->rows[l->n];
	*row = (struct pool_token){ .hash = t->hash,
		                    .expires_at = t->expires_at,
		                    .created_at = t->created_at,
		                    .is_signed = t->is_signed,
		                    .key = t->key,
		                    .signature = t->signature };
	memcpy(row->name, t->name, sizeof row->name);
	row->scopes = strdup(t->scopes);
	l->n++;
	return row->scopes ? token_digest(t, &row->document, l->e) : err_set(l->e, ENOMEM, "tokens");
}

/* What was found out about the same signature of the same text stays. */
static void
keep_verdicts(const struct token_list *old, struct reading *l)
{
	for (size_t i = 0, k = 0; i < l->n; i++) {
		struct pool_token *row = &l->rows[i];

		while (k < old->n && strcmp(old->rows[k].name, row->name) < 0)
			k++;
		if (k < old->n && row->is_signed == old->rows[k].is_signed &&
		    memcmp(&row->document, &old->rows[k].document, sizeof row->document) == 0 &&
		    memcmp(&row->key, &old->rows[k].key, sizeof row->key) == 0 &&
		    memcmp(&row->signature, &old->rows[k].signature, sizeof row->signature) == 0)
			row->approval = old->rows[k].approval;
	}
}

static int
read_all(struct master *m, struct err *e)
{
	struct token_list *list = &m->tokens;
	struct reading l = { .e = e };
	int rc = registry_each_token(m->registry, take_token, &l, e);

	if (rc < 0) {
		free_rows(l.rows, l.n);
		return rc;
	}
	if (l.n_bad > 1)
		log_line(LOG_ERR, "%zu more tokens are damaged", l.n_bad - 1);
	keep_verdicts(list, &l);
	free_rows(list->rows, list->n);
	list->rows = l.rows;
	list->n = list->n_unchecked = l.n;
	return 0;
}

/* ---- signatures ---- */

static void
check(struct master *m, struct pool_token *row)
{
	struct registry_token t = { .hash = row->hash,
		                    .created_at = row->created_at,
		                    .expires_at = row->expires_at,
		                    .is_signed = row->is_signed,
		                    .key = row->key,
		                    .signature = row->signature };
	const struct trusted_key *signer;
	struct err e;

	memcpy(t.name, row->name, sizeof t.name);
	snprintf(t.scopes, sizeof t.scopes, "%s", row->scopes);
	row->approval = APPROVAL_GIVEN;
	if (token_check(&m->approvals.keys, &t, &signer, &e) == 0)
		return;
	row->approval = APPROVAL_REFUSED;
	log_line(LOG_ERR, "%s; it lets nobody in", e.text);
	audit_note(m, &(struct audit_note){ .event = AUDIT_SIGNATURE_REFUSED, .detail = e.text });
}

/* Some of those that nobody has looked at; true when there are more. */
static bool
check_some(struct master *m)
{
	struct token_list *list = &m->tokens;
	int n = 0;

	if (!approvals_are_required(m))
		list->n_unchecked = 0;
	while (list->n_unchecked > 0 && n < BATCH) {
		struct pool_token *row = &list->rows[list->n - list->n_unchecked--];

		if (row->approval != APPROVAL_UNKNOWN)
			continue;
		check(m, row);
		n++;
	}
	return list->n_unchecked > 0;
}

/* Not while the pool starts: what is refused belongs into the error log, which is the starter's until then.
 */
static bool
must_wait(struct master *m)
{
	if (m->phase == PHASE_STARTING)
		return approvals_are_required(m) && m->tokens.n_unchecked > 0;
	return check_some(m);
}

/* ---- what the routers get ---- */

/* The list while it is made. */
struct drawing {
	struct master *m;
	bool is_ahead; /* of functions as the next snapshot has them */
	struct token_row *rows;
	struct token_grant *grants;
	size_t n_rows, n_grants;
};

/* With trusted keys: whether whoever signed could deploy the function as it is. */
static bool
may_grant(const struct drawing *d, const struct pool_token *token, const struct token_grant *grant)
{
	const struct trusted_key *key;
	const struct function *f;
	const struct pool *pool;

	if (!approvals_are_required(d->m))
		return true;
	key = token->approval == APPROVAL_GIVEN ? keys_find(&d->m->approvals.keys, &token->key) : NULL;
	if (!key)
		return false;
	/* What may be run is anything. */
	if (grant->kind == TOKEN_RUN || (grant->kind == TOKEN_CALL && strcmp(grant->subject, TOKEN_ANY) == 0))
		return token_key_may_open_all(key);
	if (grant->kind == TOKEN_DEPLOY)
		return token_key_may_deploy(key, grant->subject);
	f = function_find(d->m, grant->subject);
	pool = !f ? NULL : d->is_ahead ? f->next : f->serving;
	return pool && token_key_may_open(key, grant->subject, pool->routes, pool->n_routes);
}

static void
draw_token(struct drawing *d, const struct pool_token *token)
{
	struct token_row *row = &d->rows[d->n_rows];
	struct token_grant scopes[TOKEN_SCOPES_MAX];
	struct err e;
	int n = token_scopes_read(token->scopes, scopes, &e);

	*row = (struct token_row){ .hash = token->hash,
		                   .expires_at = token->expires_at,
		                   .first_grant = (uint32_t)d->n_grants };
	memcpy(row->name, token->name, sizeof row->name);
	/* One that is not approved of is not there at all: what it is good for is nobody's to know. */
	if (approvals_are_required(d->m) && token->approval != APPROVAL_GIVEN)
		return;
	for (int i = 0; i < n && d->n_grants < TOKEN_GRANTS_MAX; i++)
		if (may_grant(d, token, &scopes[i]))
			d->grants[d->n_grants++] = scopes[i];
	row->n_grants = (uint32_t)(d->n_grants - row->first_grant);
	d->n_rows++;
}

static int
draw(struct drawing *d, struct err *e)
{
	const struct token_list *list = &d->m->tokens;
	AUTO_FREE struct token_row *rows = calloc(list->n + 1, sizeof *rows);
	AUTO_FREE struct token_grant *grants = calloc(TOKEN_GRANTS_MAX, sizeof *grants);

	if (!rows || !grants)
		return err_set(e, ENOMEM, "tokens");
	d->rows = rows;
	d->grants = grants;
	for (size_t i = 0; i < list->n; i++)
		draw_token(d, &list->rows[i]);
	return tokens_seal(rows, d->n_rows, grants, d->n_grants, e);
}

void
token_list_tell(struct master *m, struct router *router)
{
	const struct tokens_serial body = { m->tokens.serial };

	if (m->tokens.fd >= 0)
		channel_send(&router->channel, MSG_TOKENS, &body, sizeof body, &m->tokens.fd, 1);
}

static int
publish(struct master *m, bool is_ahead, struct err *e)
{
	struct drawing d = { .m = m, .is_ahead = is_ahead };
	int fd = draw(&d, e);

	if (fd < 0)
		return fd;
	fd_close(&m->tokens.fd);
	m->tokens.fd = fd;
	m->tokens.serial++;
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].stage != ROUTER_DOWN)
			token_list_tell(m, &m->routers[i]);
	manager_tell_tokens(m);
	return 0;
}

bool
token_list_is_everywhere(const struct master *m)
{
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].stage != ROUTER_DOWN && m->routers[i].tokens != m->tokens.serial)
			return false;
	return true;
}

static void
go_on(void *context, void *owner)
{
	struct master *m = context;
	struct err e;

	(void)owner;
	if (must_wait(m))
		timer_arm(&m->loop, &m->tokens.turn, BATCH_DELAY_MS * UINT64_C(1000));
	else if (publish(m, false, &e) < 0)
		log_line(LOG_ERR, "%s", e.text);
}

int
token_list_look(struct master *m, struct err *e)
{
	struct token_list *list = &m->tokens;
	uint64_t stamp = 0;
	int rc = registry_tokens_stamp(m->registry, &stamp, e);

	if (rc < 0 || (list->is_read && stamp == list->stamp))
		return rc;
	rc = read_all(m, e);
	if (rc < 0)
		return rc;
	/* What is gone is gone at once, however many others wait to be looked at. */
	if (must_wait(m))
		timer_arm(&m->loop, &list->turn, BATCH_DELAY_MS * UINT64_C(1000));
	rc = publish(m, false, e);
	list->is_read = rc == 0;
	list->stamp = stamp;
	return rc;
}

int
token_list_follow(struct master *m, struct err *e)
{
	return approvals_are_required(m) && m->tokens.n > 0 ? publish(m, true, e) : 0;
}

void
token_list_forget(struct master *m)
{
	for (size_t i = 0; i < m->tokens.n; i++)
		m->tokens.rows[i].approval = APPROVAL_UNKNOWN;
	m->tokens.is_read = false;
}

void
token_list_init(struct master *m)
{
	m->tokens = (struct token_list){ .fd = -1, .turn = { .fire = go_on } };
}

void
token_list_close(struct master *m)
{
	timer_cancel(&m->loop, &m->tokens.turn);
	free_rows(m->tokens.rows, m->tokens.n);
	fd_close(&m->tokens.fd);
	m->tokens.rows = NULL;
	m->tokens.n = 0;
}
