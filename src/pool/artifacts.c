/* artifacts.c - artifacts and environments as sealed memory files, kept while there is room. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "pool/approvals.h"
#include "pool/pools.h"

void
artifacts_close(struct master *m, struct pool *pool)
{
	if (pool->artifact < 0)
		return;
	TAILQ_REMOVE(&m->artifacts, pool, artifact_link);
	m->n_artifacts--;
	m->artifact_bytes -= pool->artifact_size;
	fd_close(&pool->artifact);
	fd_close(&pool->environment);
}

static bool
is_full(const struct master *m)
{
	return m->n_artifacts > ARTIFACTS_MAX || m->artifact_bytes > ARTIFACTS_MAX_BYTES;
}

/* Pools that have workers keep theirs: they will start more. */
static void
make_room(struct master *m, const struct pool *keep)
{
	struct pool *pool = TAILQ_FIRST(&m->artifacts), *next;

	for (; pool && is_full(m); pool = next) {
		next = TAILQ_NEXT(pool, artifact_link);
		if (pool != keep && TAILQ_EMPTY(&pool->workers))
			artifacts_close(m, pool);
	}
}

static int
add_signed(const struct registry_version *v, struct buf *all, struct err *e)
{
	int rc = buf_append(all, v->policy.env, v->policy.env_size);

	return rc < 0 ? err_set(e, -rc, "environment") : 0;
}

/* Of two with one name the first is found: the secret, but where signatures are required what was signed,
 * since whoever writes the registry can set a secret. */
static int
seal_environment(struct master *m, const struct registry_version *v, struct err *e)
{
	bool is_signed = approvals_are_required(m);
	struct buf all;
	int rc;

	buf_init(&all, (size_t)SECRETS_MAX * (SECRET_NAME_SIZE + SECRET_VALUE_MAX + 1) + POLICY_ENV_MAX);
	rc = is_signed ? add_signed(v, &all, e) : 0;
	if (rc == 0)
		rc = secrets_add(m->registry, &m->secret_keys, v->function, &all, e);
	if (rc == 0 && !is_signed)
		rc = add_signed(v, &all, e);
	if (rc == 0)
		rc = fd_sealed_memory("environment", buf_head(&all), buf_used(&all), e);
	if (all.data)
		OPENSSL_cleanse(all.data, all.size);
	buf_done(&all);
	return rc;
}

/* The environment is not kept with every pool: it is up to 16 KiB for each of 10,000 functions. */
static int
open_environment(struct master *m, struct pool *pool, struct err *e)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	int rc;

	if (!v)
		return err_set(e, ENOMEM, "environment");
	rc = registry_version_by_id(m->registry, (int64_t)pool->public.version_id, v, e);
	if (rc < 0)
		return rc;
	/* Somebody changed it by other means, which is not looked for when other functions are deployed. */
	if (memcmp(&v->policy_text, &pool->policy_text, sizeof v->policy_text) != 0) {
		m->is_load_forced = true;
		return err_set(e, -ESTALE, "its policy is another one than was read");
	}
	return seal_environment(m, v, e);
}

static int
open_both(struct master *m, struct pool *pool, struct err *e)
{
	AUTO_FREE char *data = NULL;
	AUTO_FD artifact = -1;
	int environment, rc;
	size_t n;

	rc = registry_blob(m->registry, &pool->digest, &data, &n, e);
	if (rc < 0)
		return rc;
	artifact = fd_sealed_memory("artifact", data, n, e);
	if (artifact < 0)
		return artifact;
	environment = open_environment(m, pool, e);
	if (environment < 0)
		return environment;
	pool->environment = environment;
	pool->artifact = artifact;
	pool->artifact_size = n;
	artifact = -1;
	return 0;
}

static int
give_slot(struct master *m, struct pool *pool, struct err *e)
{
	const struct start_worker *s = &pool->start;

	if (s->slot != 0)
		return 0;
	if (s->shared[0])
		return uids_slot(&m->uids, UID_SHARED, s->shared, &pool->start.slot, e);
	return uids_slot(&m->uids, UID_FUNCTION, s->function, &pool->start.slot, e);
}

static int
open_artifact(struct master *m, struct pool *pool, struct err *e)
{
	int rc;

	if (pool->artifact >= 0) {
		TAILQ_REMOVE(&m->artifacts, pool, artifact_link);
		TAILQ_INSERT_TAIL(&m->artifacts, pool, artifact_link);
		return 0;
	}
	rc = open_both(m, pool, e);
	if (rc < 0)
		return rc;
	TAILQ_INSERT_TAIL(&m->artifacts, pool, artifact_link);
	m->n_artifacts++;
	m->artifact_bytes += pool->artifact_size;
	make_room(m, pool);
	return 0;
}

/* Nothing is started without coming by here, and nothing leaves here that may not run. */
int
artifacts_open(struct master *m, struct pool *pool, struct err *e)
{
	int rc = approval_check(m, pool, e);

	if (rc == 0 && pool->forbidden)
		rc = err_set(e, -EPERM, "%s", pool->forbidden);
	if (rc == 0)
		rc = give_slot(m, pool, e);
	return rc < 0 ? rc : open_artifact(m, pool, e);
}

void
artifacts_preload(struct master *m)
{
	for (struct node *node = table_next(&m->pools, NULL); node; node = table_next(&m->pools, node)) {
		struct pool *pool = (struct pool *)node;
		struct err e;

		if (m->n_artifacts >= ARTIFACTS_MAX || m->artifact_bytes >= ARTIFACTS_MAX_BYTES / 2)
			return;
		/* What cannot be read now is said when it is needed. */
		if (pool->public.is_enabled && !pool->lanes && pool->artifact < 0 &&
		    open_artifact(m, pool, &e) < 0)
			continue;
	}
}
