/* loading.c - what is active in the registry, as what functions are to be: all of it, or what has changed. */
#include "pool/loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/approvals.h"
#include "pool/manager.h"
#include "pool/pools.h"
#include "pool/rollout.h"
#include "pool/runner.h"

/* What one reading of the registry gives, until all of it is known to be good. */
struct loading {
	struct master *m;
	struct pool **pools;
	size_t n, size;
	struct function *gone[REGISTRY_CHANGES_MAX]; /* what is not active any more */
	size_t n_gone;
	struct err *e;
};

static int
take_version(void *context, const struct registry_version *v)
{
	struct loading *l = context;

	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 64;
		struct pool **pools = reallocarray(l->pools, size, sizeof(struct pool *));

		if (!pools)
			return err_set(l->e, ENOMEM, "read the registry");
		l->pools = pools;
		l->size = size;
	}
	if (pool_new(l->m, v, &l->pools[l->n], l->e) < 0)
		return -l->e->code;
	l->n++;
	return 0;
}

static void
loading_done(struct loading *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->pools[i])
			pool_free(l->m, l->pools[i]);
	free(l->pools);
}

struct function *
function_find(const struct master *m, const char *name)
{
	struct node *node = table_find(&m->functions, table_key_of(name));

	for (; node; node = table_find_next(node))
		if (strcmp(((struct function *)node)->name, name) == 0)
			return (struct function *)node;
	return NULL;
}

static struct function *
function_get(struct master *m, const char *name, struct err *e)
{
	struct function *f = function_find(m, name);

	if (f)
		return f;
	f = calloc(1, sizeof *f);
	if (!f || table_put(&m->functions, &f->by_name, table_key_of(name)) < 0) {
		free(f);
		err_set(e, ENOMEM, "function '%s'", name);
		return NULL;
	}
	snprintf(f->name, sizeof f->name, "%s", name);
	return f;
}

static void
say_what_is_not_held(const struct master *m, const struct pool *pool)
{
	if (pool->start.cpu_share > 0 && !cgroup_is_open(&m->cgroup))
		log_line(LOG_WARNING, "function '%s' version %u: cpu_share is not held: it needs a cgroup",
		         pool->public.name, pool->public.version);
}

/* The pool that stays for this version: the known one, brought up to date, or the fresh one. */
static struct pool *
settle_pool(struct master *m, struct pool *fresh, struct err *e)
{
	struct pool *known = pool_find(m, fresh->public.version_id);

	if (!known) {
		say_what_is_not_held(m, fresh);
		return pool_insert(m, fresh, e) < 0 ? NULL : fresh;
	}
	if (pool_is_same(known, fresh) || !approval_may_follow(m, known, fresh)) {
		pool_free(m, fresh);
		return known;
	}
	pool_update(m, known, fresh);
	say_what_is_not_held(m, known);
	return known;
}

/* A version never goes to another function, but for who writes the registry by other means, who may even give
 * two functions one id: the pool is the last one's alone, or it would be freed while the other holds it. */
static void
take_pool(struct function *f, struct pool *pool)
{
	struct function *before = pool->function;

	if (before && before != f && before->serving == pool)
		before->serving = NULL;
	if (before && before != f && before->wanted == pool)
		before->wanted = NULL;
	/* A vote has started workers of it before. */
	if (!before) {
		f->counts.n_starts += pool->n_starts;
		f->counts.n_crashes += pool->n_crashes;
	}
	f->wanted = pool;
	pool->function = f;
}

static int
settle_function(struct master *m, struct pool **fresh, struct err *e)
{
	struct function *f = function_get(m, (*fresh)->start.function, e);
	struct pool *pool = f ? settle_pool(m, *fresh, e) : NULL;

	if (!pool)
		return -e->code;
	*fresh = NULL;
	f->is_seen = f->is_changed = true;
	take_pool(f, pool);
	approval_settle(m, pool);
	return 0;
}

static int
settle_read(struct loading *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (settle_function(l->m, &l->pools[i], l->e) < 0)
			return -l->e->code;
	for (size_t i = 0; i < l->n_gone; i++) {
		l->gone[i]->wanted = NULL;
		l->gone[i]->is_changed = true;
	}
	return runner_settle(l->m, l->e) < 0 ? -l->e->code : manager_settle(l->m, l->e);
}

/* All that is active was read: what was not among it is active no more. */
static int
settle_all(struct loading *l)
{
	struct master *m = l->m;
	struct node *n;

	for (n = table_next(&m->functions, NULL); n; n = table_next(&m->functions, n))
		((struct function *)n)->is_seen = false;
	if (settle_read(l) < 0)
		return -l->e->code;
	for (n = table_next(&m->functions, NULL); n; n = table_next(&m->functions, n))
		if (!((struct function *)n)->is_seen)
			((struct function *)n)->wanted = NULL;
	return 0;
}

static int
take_removal(void *context, const char *function, const struct registry_activation *a)
{
	struct loading *l = context;

	approval_remove(l->m, function, a);
	return 0;
}

static int
load_all(struct loading *l, struct registry_mark *mark)
{
	int rc = registry_each_active(l->m->registry, mark, take_version, l, l->e);

	if (rc == 0)
		rc = registry_each_removed(l->m->registry, take_removal, l, l->e);
	return rc < 0 ? rc : settle_all(l);
}

static int
take_gone(void *context, const char *function, const struct registry_activation *a)
{
	struct loading *l = context;
	struct function *f = function_find(l->m, function);

	if (a->number > 0)
		approval_remove(l->m, function, a);
	if (f && l->n_gone < ARRAY_SIZE(l->gone))
		l->gone[l->n_gone++] = f;
	return 0;
}

/* What the audit rows name; of many functions a deploy changes one. */
static int
load_changed(struct loading *l, struct registry_mark *mark)
{
	const struct registry_changes to = { .each = take_version, .gone = take_gone, .context = l };
	int rc = registry_each_changed(l->m->registry, mark, &to, l->e);

	return rc < 0 ? rc : settle_read(l);
}

int
loading_run(struct master *m, bool is_all, struct err *e)
{
	struct loading l = { .m = m, .e = e };
	struct registry_mark mark = m->mark;
	int rc = is_all ? -ESTALE : load_changed(&l, &mark);

	if (rc == -ESTALE)
		rc = load_all(&l, &mark);
	loading_done(&l);
	if (rc == 0)
		m->mark = mark;
	return rc;
}
