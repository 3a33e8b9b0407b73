/* approvals.c - which versions may run: their signatures against the trusted keys and the numbers seen
 * before. */
#include "pool/approvals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/pools.h"
#include "pool/tokens.h"
#include "trust/activation.h"
#include "trust/path.h"

enum {
	BATCH = 8,          /* signatures that are checked in one turn of the loop */
	BATCH_DELAY_MS = 1, /* between two turns */
	RETRY_MS = 1000,    /* when the numbers could not be written */
};

bool
approvals_are_required(const struct master *m)
{
	return m->approvals.keys.is_required;
}

int
approval_claim(const struct registry_version *v, const struct registry_activation *a,
               struct approval_claim *claim, struct err *e)
{
	const struct registry_activation none = { 0 };
	int rc = activation_digest(v, &none, &claim->contents, e);

	claim->activation = *a;
	return rc < 0 ? rc : activation_digest(v, a, &claim->document, e);
}

bool
approval_is_same(const struct approval_claim *a, const struct approval_claim *b)
{
	const struct registry_activation *x = &a->activation, *y = &b->activation;

	return memcmp(&a->document, &b->document, sizeof a->document) == 0 &&
	       memcmp(&x->key, &y->key, sizeof x->key) == 0 &&
	       memcmp(&x->signature, &y->signature, sizeof x->signature) == 0;
}

/* is_current: it was accepted before, and a newer one that cannot start may have been seen since. */
static int
verify(struct master *m, const struct pool *pool, const struct approval_claim *claim, bool is_current,
       struct err *e)
{
	const struct activation_subject subject = {
		.function = pool->start.function,
		.shared = pool->start.shared,
		.n_routes = pool->n_routes,
		.routes = pool->routes,
	};
	const struct registry_activation *a = &claim->activation;
	const struct trusted_key *signer;
	int rc = activation_check(&m->approvals.keys, a, &claim->document, &subject, &signer, e);

	if (rc == 0 && !is_current)
		rc = numbers_refresh(&m->approvals.numbers, e);
	if (rc == 0 && !is_current)
		rc = numbers_check(&m->approvals.numbers, subject.function, a->number, &claim->document, e);
	return rc;
}

static void
say_refusal(struct master *m, const struct pool *pool, const char *reason)
{
	const struct registry_activation *a = &pool->claim.activation;
	char key[KEY_ID_TEXT_SIZE];

	key_id_format(&a->key, key);
	if (a->number > 0)
		log_line(LOG_ERR, "function '%s' version %u is refused: %s (activation %" PRIu64 ", key %s)",
		         pool->start.function, pool->start.version, reason, a->number, key);
	else
		log_line(LOG_ERR, "function '%s' version %u is refused: %s, and signatures are required",
		         pool->start.function, pool->start.version, reason);
	audit_note(m, &(struct audit_note){ .event = AUDIT_SIGNATURE_REFUSED,
	                                    .function = pool->start.function,
	                                    .version = pool->start.version,
	                                    .detail = reason });
}

/* Refusals are few; only they need room for their words. */
static int
refuse(struct master *m, struct pool *pool, const struct err *e)
{
	free(pool->refusal);
	pool->refusal = strdup(e->text);
	pool->approval = APPROVAL_REFUSED;
	say_refusal(m, pool, e->text);
	return -EPERM;
}

int
approval_check(struct master *m, struct pool *pool, struct err *e)
{
	int rc;

	if (!approvals_are_required(m) || pool->approval == APPROVAL_GIVEN)
		return 0;
	if (pool->approval == APPROVAL_REFUSED)
		return err_set(e, -EPERM, "refused: %s", pool->refusal ? pool->refusal : "its signature");
	rc = verify(m, pool, &pool->claim, pool->is_settled, e);
	if (rc < 0) {
		refuse(m, pool, e);
		return err_set(e, -EPERM, "refused: %s", pool->refusal ? pool->refusal : "its signature");
	}
	pool->approval = APPROVAL_GIVEN;
	return 0;
}

int
approval_vote(struct master *m, struct pool *pool, const struct approval_claim *claim, struct err *e)
{
	int rc = approvals_are_required(m) ? verify(m, pool, claim, false, e) : 0;

	if (rc == -ENOKEY)
		return err_wrap(
		    e, "this pool runs what is signed by a key that it trusts; see 'cfn-deploy key'");
	if (rc < 0 || pool_is_serving(pool) || pool_is_wanted(pool))
		return rc;
	approval_forget(m, pool);
	pool->claim = *claim;
	pool->approval = APPROVAL_GIVEN;
	return 0;
}

bool
approval_may_follow(struct master *m, struct pool *pool, struct pool *fresh)
{
	struct err e;

	if (!approvals_are_required(m) || approval_is_same(&pool->claim, &fresh->claim) ||
	    pool->approval != APPROVAL_GIVEN)
		return true;
	if (approval_is_same(&pool->refused, &fresh->claim))
		return false; /* said already */
	if (approval_check(m, fresh, &e) == 0)
		return true;
	pool->refused = fresh->claim;
	return false;
}

static void
queue(struct master *m, struct pool *pool)
{
	if (pool->is_unsettled)
		return;
	pool->is_unsettled = true;
	TAILQ_INSERT_TAIL(&m->approvals.unsettled, pool, unsettled_link);
}

static void
unqueue(struct master *m, struct pool *pool)
{
	if (!pool->is_unsettled)
		return;
	pool->is_unsettled = false;
	TAILQ_REMOVE(&m->approvals.unsettled, pool, unsettled_link);
}

/* One that was seen before was verified before, and is again when it is to run.  One that is left from
 * earlier was approved of when it was current, which it need not be any more. */
void
approval_settle(struct master *m, struct pool *pool)
{
	const struct approval_claim *claim = &pool->claim;
	bool is_known;

	if (!approvals_are_required(m) || pool->approval == APPROVAL_REFUSED)
		return;
	is_known = numbers_has(&m->approvals.numbers, pool->start.function, claim->activation.number,
	                       &claim->document);
	if (pool->is_settled && !is_known)
		approval_forget(m, pool);
	pool->is_settled = is_known;
	if (!is_known)
		queue(m, pool);
}

static void
settle(struct master *m, struct pool *pool)
{
	const struct approval_claim *claim = &pool->claim;
	struct err e;

	unqueue(m, pool);
	if (approval_check(m, pool, &e) < 0) {
		pool_drain(m, pool);
		return;
	}
	pool->is_settled = true;
	if (numbers_note(&m->approvals.numbers, pool->start.function, claim->activation.number,
	                 &claim->document, &e) < 0)
		log_line(LOG_ERR, "function '%s': %s", pool->start.function, e.text);
}

/* What could not be written is written with the next ones; until then another start of the pool could be
 * shown something older. */
static bool
save(struct master *m)
{
	struct approvals *a = &m->approvals;
	struct err e;
	int rc = numbers_save(&a->numbers, &e);

	if (rc < 0 && !a->is_save_failing)
		log_line(LOG_ERR, "numbers of activations: %s", e.text);
	a->is_save_failing = rc < 0;
	return rc == 0;
}

static void
go_on(void *context, void *owner)
{
	struct master *m = context;
	struct approvals *a = &m->approvals;
	struct pool *pool;

	(void)owner;
	for (int n = 0; n < BATCH && (pool = TAILQ_FIRST(&a->unsettled)); n++)
		settle(m, pool);
	if (!save(m))
		timer_arm(&m->loop, &a->turn, RETRY_MS * UINT64_C(1000));
	else if (!TAILQ_EMPTY(&a->unsettled))
		timer_arm(&m->loop, &a->turn, BATCH_DELAY_MS * UINT64_C(1000));
}

/* Not while the pool starts: what is refused belongs into the error log, which is the starter's until then.
 */
void
approvals_go_on(struct master *m)
{
	if (approvals_are_required(m) && m->phase != PHASE_STARTING)
		go_on(m, NULL);
}

/* Of functions that were never seen a removal says nothing: there is nothing older to keep from coming back.
 * So who fills the registry with removals costs us little. */
void
approval_remove(struct master *m, const char *function, const struct registry_activation *a)
{
	const struct activation_subject subject = { .function = function, .shared = "" };
	struct numbers *numbers = &m->approvals.numbers;
	const struct trusted_key *signer;
	struct digest document;
	struct err e;

	if (!approvals_are_required(m) || !numbers_is_older(numbers, function, a->number))
		return;
	if (activation_digest_removal(function, a, &document, &e) < 0 ||
	    numbers_check(numbers, function, a->number, &document, &e) < 0 ||
	    activation_check(&m->approvals.keys, a, &document, &subject, &signer, &e) < 0 ||
	    numbers_note(numbers, function, a->number, &document, &e) < 0)
		log_line(LOG_ERR, "the removal of function '%s' is refused: %s", function, e.text);
}

void
approval_forget(struct master *m, struct pool *pool)
{
	unqueue(m, pool);
	free_pointer(&pool->refusal);
	pool->approval = APPROVAL_UNKNOWN;
	pool->is_settled = false;
}

/* Started as root, the master has become the registry's owner, whom root's keys are also for. */
static uid_t
keys_owner(const struct master *m)
{
	return m->identity.is_root_start ? 0 : geteuid();
}

/* The default folder need not be there. */
static int
read_keys(struct master *m, struct keys *keys, struct err *e)
{
	const char *folder = m->config->keys_dir;
	int rc = keys_read(keys, folder, keys_owner(m), e);

	if (rc != -ENOENT || strcmp(folder, config_default_keys) != 0)
		return rc;
	keys_done(keys);
	return 0;
}

int
approvals_open(struct master *m, struct err *e)
{
	struct approvals *a = &m->approvals;

	TAILQ_INIT(&a->unsettled);
	a->turn = (struct timer){ .fire = go_on };
	a->stamp = keys_stamp(m->config->keys_dir);
	return read_keys(m, &a->keys, e);
}

void
approvals_close(struct master *m)
{
	keys_done(&m->approvals.keys);
	numbers_close(&m->approvals.numbers);
}

int
approvals_check_state(const struct master *m, struct err *e)
{
	if (!approvals_are_required(m) || path_check(m->config->state_dir, geteuid(), e) == 0)
		return 0;
	return err_wrap(e, "state folder: signatures are required, and others could take it away");
}

/* Whether signatures are required decides which of two values a function sees. */
static void
forget_environments(struct master *m)
{
	for (struct node *n = table_next(&m->pools, NULL); n; n = table_next(&m->pools, n)) {
		if (((struct pool *)n)->lanes)
			continue;
		artifacts_close(m, (struct pool *)n);
		pool_drain(m, (struct pool *)n);
	}
}

/* What runs is looked at now, the rest before it runs, or one after the other. */
static void
approve_anew(struct master *m)
{
	for (struct node *n = table_next(&m->pools, NULL); n; n = table_next(&m->pools, n)) {
		struct pool *pool = (struct pool *)n;
		bool was_settled = pool->is_settled;
		struct err e;

		if (pool->lanes)
			continue; /* the configuration's own */
		approval_forget(m, pool);
		pool->refused = (struct approval_claim){ 0 };
		pool->is_settled = was_settled;
		if (!TAILQ_EMPTY(&pool->workers) && approval_check(m, pool, &e) < 0)
			pool_drain(m, pool);
	}
	token_list_forget(m);
	m->is_load_forced = true;
}

static void
say_keys(struct master *m)
{
	const struct keys *k = &m->approvals.keys;
	char text[AUDIT_TEXT_SIZE];

	snprintf(text, sizeof text, "%zu key%s trusted; signatures are %srequired", k->n,
	         k->n == 1 ? " is" : "s are", k->is_required ? "" : "not ");
	log_line(LOG_NOTICE, "%s", text);
	audit_note(m, &(struct audit_note){ .event = AUDIT_KEYS, .count = k->n, .detail = text });
}

void
approvals_reload(struct master *m)
{
	struct approvals *a = &m->approvals;
	uint64_t stamp = keys_stamp(m->config->keys_dir), last = a->stamp;
	bool was_required = a->keys.is_required;
	struct err e;

	a->stamp = stamp;
	if (read_keys(m, &a->keys, &e) < 0) {
		log_line(LOG_ERR, "%s; the keys that were read before hold", e.text);
		return;
	}
	if (stamp != last)
		say_keys(m);
	if (stamp != last && approvals_check_state(m, &e) < 0)
		log_line(LOG_ERR, "%s; the next start is refused", e.text);
	if (was_required != a->keys.is_required)
		forget_environments(m);
	approve_anew(m);
}

void
approvals_look(struct master *m)
{
	if (keys_stamp(m->config->keys_dir) != m->approvals.stamp)
		approvals_reload(m);
}
