/* move.c - versions that travel from one registry to another, all of a selection in one transaction. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "registry/sql.h"

/* One version on its way, with all that it is made of. */
struct luggage {
	struct registry_version v;
	struct registry_candidate candidate;
	char policy[POLICY_TEXT_MAX + 1];
	char *source, *artifact, *debug;
};

static void
luggage_empty(struct luggage *l)
{
	free_pointer(&l->source);
	free_pointer(&l->artifact);
	free_pointer(&l->debug);
}

static void
luggage_free(struct luggage **l)
{
	if (*l)
		luggage_empty(*l);
	free(*l);
}

/* What version_read() has checked and does not keep. */
static int
read_rest(struct registry *from, struct luggage *l, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	const char *policy;
	int rc = sql_prepare(&from->base, &row, e,
	                     "SELECT policy, routes_from_options FROM version WHERE id = ?", "i", l->v.id);

	if (rc == 0)
		rc = sql_step(&from->base, row, e);
	if (rc < 0)
		return rc;
	policy = rc > 0 ? (const char *)sqlite3_column_text(row, 0) : NULL;
	if (!policy || strlen(policy) >= sizeof l->policy)
		return err_set(e, -EBADMSG, "registry %s: a policy is out of range", from->base.path);
	memcpy(l->policy, policy, strlen(policy) + 1);
	l->candidate.routes_from_options = sqlite3_column_int(row, 1) != 0;
	return 0;
}

static int
read_blobs(struct registry *from, struct luggage *l, struct err *e)
{
	struct registry_candidate *c = &l->candidate;
	int rc = registry_blob(from, &l->v.source, &l->source, &c->source_size, e);

	if (rc == 0)
		rc = registry_blob(from, &l->v.artifact, &l->artifact, &c->artifact_size, e);
	if (rc == 0)
		rc = registry_blob(from, &l->v.debug, &l->debug, &c->debug_size, e);
	return rc;
}

/* Inside of a transaction on from. */
static int
luggage_pack(struct registry *from, int64_t id, struct luggage *l, struct err *e)
{
	struct registry_candidate *c = &l->candidate;
	const struct registry_version *v = &l->v;
	int rc;

	luggage_empty(l);
	*c = (struct registry_candidate){ .policy = &v->policy,
		                          .policy_text = l->policy,
		                          .compiler = v->compiler,
		                          .flags = v->flags,
		                          .source_name = v->source_name,
		                          .author = v->author,
		                          .routes = v->routes,
		                          .defers_routes = true };
	rc = version_read(from, id, &l->v, e);
	if (rc == 0)
		rc = read_rest(from, l, e);
	if (rc == 0)
		rc = read_blobs(from, l, e);
	memcpy(c->function, v->function, sizeof c->function);
	memcpy(c->entry, v->entry, sizeof c->entry);
	c->source = l->source;
	c->artifact = l->artifact;
	c->debug = l->debug;
	c->n_routes = v->n_routes;
	c->number = v->number;
	c->created_at = v->created_at;
	c->is_disabled = !v->is_enabled;
	return rc;
}

/* ---- out ---- */

struct export
{
	struct registry *from;
	const struct registry_selection *what;
	struct registry_moved *moved;
	struct luggage *luggage;
};

static int
keep_activation(struct registry *to, const struct registry_version *v, struct err *e)
{
	const struct registry_activation *a = &v->activation;

	return sql_run(&to->base, e,
	               "INSERT INTO activation (function, number, version, is_enabled, key, signature,"
	               " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
	               "tiiiksi", v->function, (int64_t)a->number, (int64_t)a->version,
	               (int64_t)a->is_enabled, &a->key, &a->signature, v->created_at);
}

static int
put_version(struct registry *to, struct export *x, int64_t id, struct err *e)
{
	const struct registry_version *v = &x->luggage->v;
	struct version_addition a = { .candidate = &x->luggage->candidate };
	int rc = luggage_pack(x->from, id, x->luggage, e);

	if (rc == 0)
		rc = version_add(to, &a, e);
	if (rc == 0 && v->is_active)
		rc = sql_run(&to->base, e, "UPDATE function SET active_version = ? WHERE name = ?", "it",
		             a.id, v->function);
	if (rc == 0 && v->is_active && v->activation.number > 0)
		rc = keep_activation(to, v, e);
	x->moved->versions++;
	return rc;
}

static int
put_function(struct registry *to, struct export *x, const char *name, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	size_t before = x->moved->versions;
	int rc = sql_prepare(&x->from->base, &row, e,
	                     "SELECT v.id FROM version v JOIN function f ON f.id = v.function_id"
	                     " WHERE f.name = ? AND (? OR v.id = f.active_version) ORDER BY v.number",
	                     "ti", name, (int64_t)!x->what->is_active_only);

	while (rc == 0 && (rc = sql_step(&x->from->base, row, e)) > 0)
		rc = put_version(to, x, sqlite3_column_int64(row, 0), e);
	x->moved->functions += x->moved->versions > before;
	if (rc == 0 && x->moved->versions == before && x->what->n_functions > 0)
		return err_set(e, -ENOENT, "there is no %sfunction '%s' in registry %s",
		               x->what->is_active_only ? "active " : "", name, x->from->base.path);
	return rc;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By name, each once, whatever order they were asked for in. */
static int
put_named(struct registry *to, struct export *x, struct err *e)
{
	size_t n = x->what->n_functions;
	AUTO_FREE const char **names = calloc(n, sizeof *names);
	int rc = 0;

	if (!names)
		return err_set(e, ENOMEM, "registry %s", to->base.path);
	memcpy(names, x->what->functions, n * sizeof *names);
	qsort(names, n, sizeof *names, compare_names);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			rc = put_function(to, x, names[i], e);
	return rc;
}

static int
put_all(struct registry *to, void *context, struct err *e)
{
	struct export *x = context;
	AUTO_STATEMENT *row = NULL;
	int rc;

	if (x->what->n_functions > 0)
		return put_named(to, x, e);
	rc = sql_prepare(&x->from->base, &row, e, "SELECT name FROM function ORDER BY name", "");
	while (rc == 0 && (rc = sql_step(&x->from->base, row, e)) > 0) {
		const char *name = (const char *)sqlite3_column_text(row, 0);

		rc = name ? put_function(to, x, name, e)
		          : err_set(e, -EBADMSG, "registry %s: a name is none", x->from->base.path);
	}
	return rc;
}

int
registry_export(struct registry *r, struct registry *to, const struct registry_selection *what,
                struct registry_moved *moved, struct err *e)
{
	__attribute__((cleanup(luggage_free))) struct luggage *l = calloc(1, sizeof *l);
	struct export x = { r, what, moved, l };
	int rc;

	*moved = (struct registry_moved){ 0 };
	if (!l)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	rc = sql_begin(&r->base, "BEGIN", e);
	if (rc < 0)
		return rc;
	rc = registry_transact(to, put_all, &x, e);
	sql_rollback(&r->base);
	return rc;
}

/* ---- in ---- */

struct import {
	struct registry *from;
	struct registry_arrival *arrivals;
	size_t n, failed;
	bool is_trial, has_succeeded;
	struct luggage *luggage;
};

static int
take_all(struct registry *r, void *context, struct err *e)
{
	struct import *m = context;

	for (size_t i = 0; i < m->n; i++) {
		struct version_addition a = { .candidate = &m->luggage->candidate,
			                      .is_any = true,
			                      .is_recorded = true };
		int rc = luggage_pack(m->from, m->arrivals[i].there, m->luggage, e);

		if (rc == 0)
			rc = version_add(r, &a, e);
		m->failed = i;
		if (rc < 0)
			return rc;
		m->arrivals[i].id = a.id;
		m->arrivals[i].is_new = a.is_new;
	}
	m->has_succeeded = true;
	return m->is_trial ? err_set(e, -ECANCELED, "only tried") : 0;
}

int
registry_import(struct registry *r, struct registry *from, struct registry_arrival *arrivals, size_t n,
                bool is_trial, size_t *failed, struct err *e)
{
	__attribute__((cleanup(luggage_free))) struct luggage *l = calloc(1, sizeof *l);
	struct import m = { .from = from, .arrivals = arrivals, .n = n, .is_trial = is_trial, .luggage = l };
	int rc;

	*failed = 0;
	if (!l)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	rc = sql_begin(&from->base, "BEGIN", e);
	if (rc < 0)
		return rc;
	rc = registry_transact(r, take_all, &m, e);
	sql_rollback(&from->base);
	*failed = m.failed;
	return is_trial && m.has_succeeded ? 0 : rc;
}
