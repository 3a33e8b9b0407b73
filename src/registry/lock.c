/* lock.c - a function that deployers have locked: who, when and why; kept beside it until somebody unlocks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "registry/sql.h"

enum { LOCK_SCHEMA = 4 }; /* in an older registry nothing is locked */

static int
take_lock(sqlite3_stmt *row, struct registry_lock *lock)
{
	int64_t time = sqlite3_column_int64(row, 0);

	if (time < 0 || take_text(row, 1, lock->actor, sizeof lock->actor) < 0 ||
	    take_text(row, 2, lock->reason, sizeof lock->reason) < 0)
		return -EBADMSG;
	lock->time = time;
	return 0;
}

int
registry_lock_find(struct registry *r, const char *function, struct registry_lock *lock, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int64_t schema = 0;
	int rc = sql_integer(&r->base, &schema, e, "PRAGMA user_version", "");

	if (rc < 0 || schema < LOCK_SCHEMA)
		return rc;
	rc = sql_prepare(&r->base, &row, e,
	                 "SELECT locked_at, locked_by, lock_reason FROM function"
	                 " WHERE name = ? AND locked_at IS NOT NULL",
	                 "t", function);
	if (rc == 0)
		rc = sql_step(&r->base, row, e);
	if (rc <= 0)
		return rc;
	if (take_lock(row, lock) < 0)
		return err_set(e, -EBADMSG, "registry %s: the lock of '%s' is out of range", r->base.path,
		               function);
	return 1;
}

int
registry_lock_check(struct registry *r, const char *function, struct err *e)
{
	struct registry_lock lock;
	char when[CLOCK_TEXT_SIZE];
	int rc = agent_check(r, function, e);

	if (rc == 0)
		rc = registry_lock_find(r, function, &lock, e);
	if (rc <= 0)
		return rc;
	r->has_met_lock = true;
	clock_format(lock.time * 1000, when);
	return err_set(e, -EPERM, "%s is locked since %s by %s: %s", function, when, lock.actor, lock.reason);
}

bool
registry_has_met_lock(const struct registry *r)
{
	return r->has_met_lock;
}

struct change {
	const char *function, *reason;
};

static int
check_reason(const char *reason, struct err *e)
{
	size_t n = strlen(reason);

	if (n == 0 || n >= REGISTRY_LOCK_REASON_SIZE)
		return err_set(e, -EINVAL, "a reason has 1 to %d bytes", REGISTRY_LOCK_REASON_SIZE - 1);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)reason[i] < 0x20 || reason[i] == 0x7f)
			return err_set(e, -EINVAL, "a reason is one line, without control bytes");
	return utf8_is_valid(reason, n) ? 0 : err_set(e, -EINVAL, "a reason is UTF-8");
}

/* It changes nothing that runs: the generation stays. */
static int
change_lock(struct registry *r, void *context, struct err *e)
{
	const struct change *c = context;
	char actor[AUDIT_NAME_SIZE];
	int rc = registry_lock_check(r, c->function, e);

	registry_actor(r, actor);
	if (rc == 0)
		rc = sql_run(
		    &r->base, e,
		    "UPDATE function SET locked_at = ?, locked_by = ?, lock_reason = ? WHERE name = ?",
		    "ittt", clock_wall_s(), actor, c->reason, c->function);
	if (rc == 0 && sqlite3_changes(r->base.db) == 0)
		rc = no_function(r, c->function, e);
	return rc < 0 ? rc
	              : audit_add(r,
	                          &(struct audit_change){
				      .event = AUDIT_LOCK, .function = c->function, .detail = c->reason },
	                          e);
}

/* A token takes back its own lock and nobody else's: who locks a function against deployers means tokens,
 * too. */
static int
check_owner(struct registry *r, const char *function, const struct registry_lock *lock, struct err *e)
{
	char actor[AUDIT_NAME_SIZE];

	registry_actor(r, actor);
	if (!r->agent || strcmp(actor, lock->actor) == 0)
		return 0;
	r->has_met_lock = true;
	return err_set(e, -EPERM, "%s was locked by %s, and a token cannot unlock it: %s", function,
	               lock->actor, lock->reason);
}

static int
change_unlock(struct registry *r, void *context, struct err *e)
{
	const struct change *c = context;
	struct registry_lock lock;
	int64_t id;
	int rc = sql_integer(&r->base, &id, e, "SELECT id FROM function WHERE name = ?", "t", c->function);

	if (rc == -ENOENT)
		return no_function(r, c->function, e);
	if (rc == 0)
		rc = agent_check(r, c->function, e);
	if (rc == 0)
		rc = registry_lock_find(r, c->function, &lock, e);
	if (rc == 0)
		return err_set(e, -ENOENT, "%s is not locked", c->function);
	if (rc > 0)
		rc = check_owner(r, c->function, &lock, e);
	if (rc == 0)
		rc = sql_run(&r->base, e,
		             "UPDATE function SET locked_at = NULL, locked_by = NULL, lock_reason = NULL"
		             " WHERE name = ?",
		             "t", c->function);
	return rc < 0 ? rc
	              : audit_add(r, &(struct audit_change){ .event = AUDIT_UNLOCK, .function = c->function },
	                          e);
}

int
registry_lock(struct registry *r, const char *function, const char *reason, struct err *e)
{
	struct change c = { function, reason };
	int rc = check_reason(reason, e);

	return rc < 0 ? rc : registry_transact(r, change_lock, &c, e);
}

int
registry_unlock(struct registry *r, const char *function, struct err *e)
{
	struct change c = { function, NULL };

	return registry_transact(r, change_unlock, &c, e);
}
