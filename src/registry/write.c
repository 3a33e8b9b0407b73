/* write.c - what is added to the registry and changed in it, one transaction each. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "registry/sql.h"

int
generation_bump(struct registry *r, struct err *e)
{
	return sql_run(&r->base, e, "UPDATE state SET value = value + 1 WHERE name = 'generation'", "");
}

static int
add_blob(struct registry *r, const void *data, size_t size, struct digest *d, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int rc = digest_of(data, size, d, e);

	if (rc < 0)
		return rc;
	if (size > REGISTRY_BLOB_MAX)
		return err_set(e, -EFBIG, "larger than %d bytes", REGISTRY_BLOB_MAX);
	rc = sql_prepare(&r->base, &row, e,
	                 "INSERT INTO blob (digest, data) VALUES (?, ?) ON CONFLICT DO NOTHING", "d", d);
	if (rc < 0)
		return rc;
	if (sqlite3_bind_blob64(row, 2, size ? data : "", size, SQLITE_STATIC) != SQLITE_OK)
		return sql_error(&r->base, "bind", e);
	return sql_step(&r->base, row, e);
}

struct addition {
	const struct registry_candidate *candidate;
	char policy[POLICY_TEXT_MAX];
	struct digest identity, artifact, source, debug;
	bool is_any; /* as of struct version_addition */
	int64_t version_id;
	bool is_new;
};

enum {
	NUMBERS_SKIPPED_MAX = 1000000
}; /* by one version that brings its number along: they must not run out */

/* Everything that makes a version what it is, but for the artifact: a compiler need not be reproducible. */
static int
identify(struct addition *a, struct err *e)
{
	const struct registry_candidate *c = a->candidate;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	const char *texts[] = { c->entry, a->policy, c->compiler, c->flags };
	unsigned length = 0;
	int ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
	         EVP_DigestUpdate(md, &a->source, sizeof a->source);

	/* Each text with its NUL, so that no two lists of texts are the same bytes. */
	for (size_t i = 0; ok && i < ARRAY_SIZE(texts); i++)
		ok = EVP_DigestUpdate(md, texts[i], strlen(texts[i]) + 1);
	for (size_t i = 0; ok && i < c->n_routes; i++)
		ok = EVP_DigestUpdate(md, &c->routes[i].methods, sizeof c->routes[i].methods) &&
		     EVP_DigestUpdate(md, &c->routes[i].index, sizeof c->routes[i].index) &&
		     EVP_DigestUpdate(md, c->routes[i].pattern, strlen(c->routes[i].pattern) + 1);
	ok = ok && EVP_DigestFinal_ex(md, a->identity.bytes, &length);
	EVP_MD_CTX_free(md);
	return ok ? 0 : err_set(e, -EIO, "SHA-256 failed");
}

static int
find_unchanged(struct registry *r, struct addition *a, struct err *e)
{
	int rc = sql_integer(&r->base, &a->version_id, e,
	                     "SELECT v.id FROM version v JOIN function f ON f.id = v.function_id"
	                     " WHERE f.name = ? AND v.identity = ? AND (? OR v.number = f.last_number)"
	                     " ORDER BY v.number DESC LIMIT 1",
	                     "tdi", a->candidate->function, &a->identity, (int64_t)a->is_any);

	return rc == -ENOENT ? 0 : rc < 0 ? rc : 1;
}

static int
add_routes(struct registry *r, const struct addition *a, struct err *e)
{
	for (size_t i = 0; i < a->candidate->n_routes; i++) {
		const struct registry_route *route = &a->candidate->routes[i];
		int rc = sql_run(
		    &r->base, e,
		    "INSERT INTO route (version_id, position, methods, pattern, row) VALUES (?, ?, ?, ?, ?)",
		    "iiiti", a->version_id, (int64_t)i, (int64_t)route->methods, route->pattern,
		    (int64_t)route->index);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
add_version(struct registry *r, struct addition *a, struct err *e)
{
	const struct registry_candidate *c = a->candidate;
	int64_t created_at = c->created_at > 0 ? c->created_at : clock_wall_s();
	int rc = sql_run(&r->base, e,
	                 "INSERT INTO function (name, is_enabled) VALUES (?, ?) ON CONFLICT DO NOTHING", "ti",
	                 c->function, (int64_t)!c->is_disabled);

	if (rc == 0)
		rc = sql_run(&r->base, e,
		             "UPDATE function SET last_number = CASE WHEN ?2 > last_number"
		             " AND ?2 <= last_number + ?3 THEN ?2 ELSE last_number + 1 END WHERE name = ?1",
		             "tii", c->function, (int64_t)c->number, (int64_t)NUMBERS_SKIPPED_MAX);
	if (rc == 0)
		rc = sql_run(&r->base, e,
		             "INSERT INTO version (function_id, number, identity, entry, artifact, source, "
		             "debug, policy,"
		             " compiler, flags, source_name, author, routes_from_options, created_at)"
		             " SELECT id, last_number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13"
		             " FROM function WHERE name = ?1",
		             "tdtdddtttttii", c->function, &a->identity, c->entry, &a->artifact, &a->source,
		             &a->debug, a->policy, c->compiler, c->flags, c->source_name, c->author,
		             (int64_t)c->routes_from_options, created_at);
	if (rc < 0)
		return rc;
	a->version_id = sqlite3_last_insert_rowid(r->base.db);
	a->is_new = true;
	return add_routes(r, a, e);
}

static int
record_addition(struct registry *r, const struct addition *a, struct err *e)
{
	char hex[DIGEST_TEXT_SIZE], detail[AUDIT_TEXT_SIZE];
	int64_t number = 0;
	int rc =
	    sql_integer(&r->base, &number, e, "SELECT number FROM version WHERE id = ?", "i", a->version_id);

	if (rc < 0)
		return rc;
	digest_format(&a->artifact, hex);
	snprintf(detail, sizeof detail, "artifact %s%s", hex,
	         a->candidate->policy_text ? ", of another registry" : "");
	return audit_add(r,
	                 &(struct audit_change){ .event = AUDIT_DEPLOY,
	                                         .function = a->candidate->function,
	                                         .version = (uint32_t)number,
	                                         .detail = detail },
	                 e);
}

static int
add(struct registry *r, struct addition *a, bool is_recorded, struct err *e)
{
	const struct registry_candidate *c = a->candidate;
	int rc = registry_name_check(r, c->function, e);

	if (rc == 0 && !c->defers_routes)
		rc = routes_check(r, c->function, c->routes, c->n_routes, e);
	if (rc == 0)
		rc = add_blob(r, c->source, c->source_size, &a->source, e);
	if (rc == 0)
		rc = identify(a, e);
	if (rc == 0)
		rc = find_unchanged(r, a, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = add_blob(r, c->artifact, c->artifact_size, &a->artifact, e);
	if (rc == 0)
		rc = add_blob(r, c->debug, c->debug_size, &a->debug, e);
	if (rc == 0)
		rc = add_version(r, a, e);
	return rc < 0 || !is_recorded ? rc : record_addition(r, a, e);
}

int
version_add(struct registry *r, struct version_addition *v, struct err *e)
{
	AUTO_FREE struct addition *a = calloc(1, sizeof *a);
	const struct registry_candidate *c = v->candidate;
	int rc;

	if (!a)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	if (c->n_routes > REGISTRY_ROUTES_MAX)
		return err_set(e, -E2BIG, "more than %d routes", REGISTRY_ROUTES_MAX);
	a->candidate = c;
	a->is_any = v->is_any;
	if (!c->policy_text)
		rc = policy_pack(c->policy, a->policy, sizeof a->policy, e);
	else if ((size_t)snprintf(a->policy, sizeof a->policy, "%s", c->policy_text) >= sizeof a->policy)
		rc = err_set(e, -EBADMSG, "policy");
	else
		rc = 0;
	if (rc == 0)
		rc = add(r, a, v->is_recorded, e);
	v->id = a->version_id;
	v->is_new = a->is_new;
	return rc;
}

static int
change_add(struct registry *r, void *context, struct err *e)
{
	return version_add(r, context, e);
}

int
registry_add(struct registry *r, const struct registry_candidate *c, int64_t *version_id, bool *is_new,
             struct err *e)
{
	struct version_addition a = { .candidate = c, .is_recorded = true };
	int rc = registry_transact(r, change_add, &a, e);

	if (rc < 0)
		return rc;
	*version_id = a.id;
	*is_new = a.is_new;
	return 0;
}

static int
stale(struct err *e)
{
	return err_set(e, -EAGAIN, "another change came in between; try again");
}

/* Keeps a signed activation, if there is one, as the newest of its function. */
static int
add_activation(struct registry *r, const char *function, const struct registry_activation *a, struct err *e)
{
	uint64_t last = 0;
	int rc = a ? registry_last_activation(r, function, &last, e) : 0;

	if (!a || rc < 0)
		return rc;
	if (a->number <= last || a->number > REGISTRY_NUMBER_MAX)
		return stale(e);
	return sql_run(&r->base, e,
	               "INSERT INTO activation (function, number, version, is_enabled, key, signature,"
	               " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
	               "tiiiksi", function, (int64_t)a->number, (int64_t)a->version, (int64_t)a->is_enabled,
	               &a->key, &a->signature, clock_wall_s());
}

static bool
is_kept(const struct registry_route *route, const struct registry_version *v)
{
	unsigned methods = route->methods;

	for (size_t i = 0; i < v->n_routes; i++)
		if (route_pattern_collides(route->pattern, v->routes[i].pattern))
			methods &= ~v->routes[i].methods;
	return methods == 0;
}

/* The active version's routes that the candidate lacks; none are lost silently. */
static int
check_kept_routes(struct registry *r, struct activation *a, struct err *e)
{
	int64_t active = 0;
	int rc =
	    sql_integer(&r->base, &active, e, "SELECT coalesce(active_version, 0) FROM function WHERE id = ?",
	                "i", a->candidate.function_id);

	if (rc < 0 || active == 0 || a->how == REGISTRY_REPLACE_ROUTES)
		return rc;
	rc = version_read(r, active, &a->current, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < a->current.n_routes; i++)
		if (!is_kept(&a->current.routes[i], &a->candidate))
			return err_set(e, -ENOTEMPTY,
			               "route %s of the active version would be dropped; say "
			               "--replace-routes to drop it",
			               a->current.routes[i].pattern);
	return 0;
}

/* To an older version than the one that was active: that is to roll back. */
static int
record_activation(struct registry *r, const struct activation *a, int64_t before, struct err *e)
{
	struct audit_change change = { .event =
		                           before > a->candidate.number ? AUDIT_ROLLBACK : AUDIT_ACTIVATE,
		                       .function = a->candidate.function,
		                       .version = a->candidate.number,
		                       .signed_as = a->signed_as };
	char detail[AUDIT_TEXT_SIZE];

	if (before > 0 && before != a->candidate.number) {
		snprintf(detail, sizeof detail, "instead of version %lld", (long long)before);
		change.detail = detail;
	}
	return audit_add(r, &change, e);
}

int
activation_change(struct registry *r, struct activation *a, struct err *e)
{
	const struct registry_activation *signed_as = a->signed_as;
	int64_t before = 0;
	int rc = version_read(r, a->version_id, &a->candidate, e);

	if (rc == 0)
		rc = registry_lock_check(r, a->candidate.function, e);
	if (rc == 0 && signed_as &&
	    (signed_as->version != a->candidate.number || signed_as->is_enabled != a->candidate.is_enabled))
		rc = stale(e);
	if (rc == 0)
		rc = check_kept_routes(r, a, e);
	if (rc == 0)
		rc = add_activation(r, a->candidate.function, signed_as, e);
	if (rc == 0)
		rc = sql_integer(&r->base, &before, e,
		                 "SELECT coalesce((SELECT number FROM version WHERE id = active_version), 0)"
		                 " FROM function WHERE id = ?",
		                 "i", a->candidate.function_id);
	if (rc == 0)
		rc = sql_run(&r->base, e, "UPDATE function SET active_version = ? WHERE id = ?", "ii",
		             a->version_id, a->candidate.function_id);
	if (rc == 0)
		rc = record_activation(r, a, before, e);
	return rc < 0 ? rc : generation_bump(r, e);
}

static int
change_activate(struct registry *r, void *context, struct err *e)
{
	struct activation *a = context;
	int rc = activation_change(r, a, e);

	return rc < 0 ? rc
	              : routes_check(r, a->candidate.function, a->candidate.routes, a->candidate.n_routes, e);
}

int
registry_activate(struct registry *r, int64_t version_id, enum registry_routes how,
                  const struct registry_activation *signed_as, struct err *e)
{
	AUTO_FREE struct activation *a = calloc(1, sizeof *a);

	if (!a)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	a->version_id = version_id;
	a->how = how;
	a->signed_as = signed_as;
	return registry_transact(r, change_activate, a, e);
}

struct function_change {
	const char *function;
	bool is_enabled;
	const struct registry_activation *signed_as; /* NULL: it is not */
};

/* After a statement on one function: it must have met its row. */
static int
finish_change(struct registry *r, const struct function_change *c, enum audit_event event, struct err *e)
{
	const struct audit_change change = { .event = event,
		                             .function = c->function,
		                             .signed_as = c->signed_as };
	int rc;

	if (sqlite3_changes(r->base.db) == 0)
		return no_function(r, c->function, e);
	rc = audit_add(r, &change, e);
	return rc < 0 ? rc : generation_bump(r, e);
}

/* What was signed is of the version that is active. */
static int
check_active(struct registry *r, const struct function_change *c, struct err *e)
{
	int64_t number = 0;
	int rc;

	if (!c->signed_as)
		return 0;
	rc = sql_integer(&r->base, &number, e,
	                 "SELECT v.number FROM function f JOIN version v ON v.id = f.active_version"
	                 " WHERE f.name = ?",
	                 "t", c->function);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	return rc < 0 || number != c->signed_as->version || c->is_enabled != c->signed_as->is_enabled
	           ? stale(e)
	           : 0;
}

static int
change_enabled(struct registry *r, void *context, struct err *e)
{
	const struct function_change *c = context;
	int rc = registry_lock_check(r, c->function, e);

	if (rc == 0)
		rc = check_active(r, c, e);
	if (rc == 0)
		rc = add_activation(r, c->function, c->signed_as, e);
	if (rc == 0)
		rc = sql_run(&r->base, e, "UPDATE function SET is_enabled = ? WHERE name = ?", "it",
		             (int64_t)c->is_enabled, c->function);
	return rc < 0 ? rc : finish_change(r, c, c->is_enabled ? AUDIT_ENABLE : AUDIT_DISABLE, e);
}

int
registry_set_enabled(struct registry *r, const char *function, bool is_enabled,
                     const struct registry_activation *a, struct err *e)
{
	struct function_change c = { function, is_enabled, a };

	return registry_transact(r, change_enabled, &c, e);
}

int
removal_change(struct registry *r, const char *function, const struct registry_activation *signed_as,
               struct err *e)
{
	const struct function_change change = { function, false, signed_as }, *c = &change;
	int rc = registry_lock_check(r, c->function, e);

	if (rc == 0 && c->signed_as && c->signed_as->version != 0)
		rc = stale(e);
	if (rc == 0)
		rc = add_activation(r, c->function, c->signed_as, e);
	/* A later function of this name is somebody else's, perhaps. */
	if (rc == 0)
		rc = sql_run(&r->base, e, "DELETE FROM secret WHERE function = ?", "t", c->function);
	if (rc == 0)
		rc = sql_run(&r->base, e, "DELETE FROM function WHERE name = ?", "t", c->function);
	return rc < 0 ? rc : finish_change(r, c, AUDIT_REMOVE, e);
}

static int
change_remove(struct registry *r, void *context, struct err *e)
{
	const struct function_change *c = context;

	return removal_change(r, c->function, c->signed_as, e);
}

int
registry_remove(struct registry *r, const char *function, const struct registry_activation *a, struct err *e)
{
	struct function_change c = { function, false, a };

	return registry_transact(r, change_remove, &c, e);
}

int
registry_option_routes(struct registry *r, const char *function, struct registry_route *routes, size_t *n,
                       struct err *e)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	int64_t id = 0;
	int rc = sql_integer(
	    &r->base, &id, e,
	    "SELECT v.id FROM version v JOIN function f ON f.id = v.function_id"
	    " WHERE f.name = ? AND v.routes_from_options = 1"
	    " AND v.id = coalesce(f.active_version, (SELECT max(id) FROM version WHERE function_id = f.id))",
	    "t", function);

	*n = 0;
	if (rc == -ENOENT)
		return 0;
	if (!v)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	if (rc < 0 || registry_version_by_id(r, id, v, e) < 0)
		return -e->code;
	*n = v->n_routes;
	memcpy(routes, v->routes, v->n_routes * sizeof v->routes[0]);
	return 0;
}
