/* arrival.c - versions of another registry: whether they may be loaded here, and making them active. */
#include "deploy-tool/arrival.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "deploy-tool/check.h"
#include "deploy-tool/links.h"
#include "deploy-tool/pools.h"
#include "deploy-tool/signing.h"
#include "deploy-tool/smoke_run.h"
#include "deploy-tool/trial.h"

/* ---- may it be loaded? ---- */

static int
check_elf(struct tool *t, const struct registry_version *v, struct build *b, struct err *e)
{
	const char *const entries[] = { v->entry[0] != '\0' ? v->entry : NULL, NULL };
	struct elf_report report;
	int rc = links_resolve(&t->config, v->policy.links, b->libraries, e);

	tool_open_boxes(t);
	if (rc == 0)
		rc = check_artifact(&t->boxes, b, entries, &report, e);
	if (rc == 0 && (v->entry[0] != '\0' ? report.entry != 0 : !report.has_routes))
		rc = err_set(e, -ENOEXEC, "the artifact has not the handler that the registry names");
	return rc;
}

static int
check_allowed(const struct tool *t, struct registry_version *v, struct err *e)
{
	int rc = policy_check_below(&v->policy, &t->config.maximum, e);

	return rc == 0 ? config_check_sockets(&t->config, v->policy.sockets, e) : rc;
}

/* The rows say what its own table says, or a request would meet another handler than its route names. */
static int
compare_routes(const struct registry_version *v, const struct routes *own, struct err *e)
{
	bool is_same = v->n_routes == own->n;

	for (size_t i = 0; is_same && i < own->n; i++)
		is_same = v->routes[i].methods == own->rows[i].methods &&
		          v->routes[i].index == own->rows[i].index &&
		          strcmp(v->routes[i].pattern, own->rows[i].pattern) == 0;
	return is_same ? 0 : err_set(e, -EBADMSG, "its routes are not those of its artifact");
}

static int
try_loading(struct tool *t, const struct registry_version *v, const struct build *b, struct err *e)
{
	AUTO_FREE struct trial *trial = calloc(1, sizeof *trial);
	int rc;

	if (trial == NULL)
		return err_set(e, ENOMEM, "trial load");
	trial->function = v->function;
	trial->entry = v->entry;
	trial->policy = &v->policy;
	trial->artifact = b->artifact;
	trial->artifact_size = b->artifact_size;
	rc = trial_load(&t->config, &t->cgroup, trial, e);
	return rc == 0 && v->entry[0] == '\0' ? compare_routes(v, &trial->routes, e) : rc;
}

int
arrival_check(struct tool *t, struct registry *from, int64_t id, const struct arrival *a)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	struct build b = { 0 };
	struct err e;
	int rc = v != NULL ? registry_version_by_id(from, id, v, &e) : err_set(&e, ENOMEM, "import");

	if (rc == 0)
		rc = registry_blob(from, &v->artifact, &b.artifact, &b.artifact_size, &e);
	if (rc == 0)
		rc = check_elf(t, v, &b, &e);
	if (rc == 0 && a->is_chosen)
		rc = check_allowed(t, v, &e);
	if (rc == 0 && a->is_chosen)
		rc = try_loading(t, v, &b, &e);
	free_pointer(&b.artifact);
	if (rc == 0)
		return 0;
	err_wrap(&e, "nothing is changed: %s v%u", a->function, a->number_there);
	return tool_fail(&e);
}

/* ---- making them active ---- */

struct turn {
	const struct arrival *row;
	struct signing signing;
	const struct registry_activation *activation;
};

struct activating {
	const struct arrivals_plan *plan;
	struct keys keys;
	struct pools pools;
	struct registry_version *v; /* of one after the other, as it is here */
	size_t n;
	struct turn *turns;
	struct registry_change *changes;
};

static void
activating_done(struct activating *a)
{
	for (size_t i = 0; i < a->n; i++)
		signing_done(&a->turns[i].signing);
	keys_done(&a->keys);
	pools_done(&a->pools);
	free_pointer(&a->v);
	free_pointer(&a->turns);
	free_pointer(&a->changes);
}

static int
refuse(const struct activating *a, size_t i, int rc, const struct err *e)
{
	const struct arrival *row = a->turns[i].row;

	tool_fail_as(EX_DATAERR, "nothing is active that was not: %s v%u of %.100s: %s", row->function,
	             row->number_there, a->plan->file, e->text);
	return tool_exit_status(rc);
}

/* What is active already is left as it is. */
static int
collect(struct activating *a, struct err *e)
{
	const struct arrivals_plan *p = a->plan;
	int rc = 0;

	a->v = malloc(sizeof *a->v);
	a->turns = calloc(p->n + 1, sizeof *a->turns);
	a->changes = calloc(p->n + 1, sizeof *a->changes);
	if (a->v == NULL || a->turns == NULL || a->changes == NULL)
		return err_set(e, ENOMEM, "import");
	for (size_t i = 0; i < p->n && rc == 0; i++) {
		if (!p->rows[i].is_chosen)
			continue;
		rc = registry_version_by_id(p->tool->registry, p->rows[i].id, a->v, e);
		if (rc < 0 || a->v->is_active)
			continue;
		a->changes[a->n] =
		    (struct registry_change){ .version_id = p->rows[i].id, .how = REGISTRY_REPLACE_ROUTES };
		a->turns[a->n++].row = &p->rows[i];
	}
	return rc;
}

/* The signature of where it comes from counts when a key that is trusted here made it, over just this. */
static void
take_signature(struct activating *a, struct turn *turn)
{
	const struct registry_version *v = a->v;
	const struct registry_activation *from = &turn->row->activation;
	const struct activation_subject subject = { v->function, v->policy.shared, v->n_routes, v->routes };
	const struct trusted_key *signer;
	uint64_t last = 0;
	struct digest d;
	struct err ignored;

	if (from->number > 0 && from->version == v->number && from->is_enabled == v->is_enabled &&
	    registry_last_activation(a->plan->tool->registry, v->function, &last, &ignored) == 0 &&
	    last < from->number && activation_digest(v, from, &d, &ignored) == 0 &&
	    activation_check(&a->keys, from, &d, &subject, &signer, &ignored) == 0)
		turn->activation = from;
}

static int
vote_one(struct activating *a, struct turn *turn, struct err *e)
{
	struct tool *t = a->plan->tool;
	int rc = registry_version_by_id(t->registry, turn->row->id, a->v, e);

	if (rc == 0)
		rc = signing_open(t, &turn->signing, e);
	if (rc == 0)
		rc = signing_activate(t, &turn->signing, a->v, a->v->is_enabled, &turn->activation, e);
	if (rc == 0 && turn->activation == NULL)
		take_signature(a, turn);
	return rc == 0 ? signing_vote(t, &a->pools, a->v, turn->activation, true, e) : rc;
}

static int
vote(struct activating *a)
{
	struct err e;
	int rc = 0;

	for (size_t i = 0; i < a->n && rc == 0; i++) {
		rc = vote_one(a, &a->turns[i], &e);
		if (rc < 0)
			return refuse(a, i, rc, &e);
		a->changes[i].a = a->turns[i].activation;
		rc = smoke_run(a->plan->tool, a->v);
	}
	return rc;
}

static int
change(struct activating *a, bool is_trial)
{
	size_t failed = 0;
	struct err e;
	int rc = registry_apply(a->plan->tool->registry, a->changes, a->n, is_trial, &failed, &e);

	return rc < 0 ? refuse(a, failed, rc, &e) : 0;
}

int
arrivals_activate(const struct arrivals_plan *p)
{
	__attribute__((cleanup(activating_done))) struct activating a = { .plan = p };
	struct err e;
	int rc = collect(&a, &e);

	if (rc == 0)
		rc = signing_keys(p->tool, &a.keys, &e);
	if (rc == 0 && a.n > 0)
		rc = pools_connect(p->tool, &a.pools, &e);
	if (rc < 0)
		return tool_fail(&e);
	if (a.n > 0) {
		rc = change(&a, true);
		if (rc == 0)
			rc = vote(&a);
		if (rc == 0)
			rc = change(&a, false);
		if (rc != 0)
			return rc;
	}
	return arrivals_show(p, true, a.n > 0 ? pools_poke(&a.pools) : 0);
}

/* ---- for people ---- */

static json_t *
rows_json(const struct arrivals_plan *p, bool is_done)
{
	struct registry_version *v = malloc(sizeof *v);
	json_t *rows = json_array();
	struct err ignored;

	for (size_t i = 0; i < p->n; i++) {
		const struct arrival *a = &p->rows[i];
		bool is_known = is_done && v != NULL &&
		                registry_version_by_id(p->tool->registry, a->id, v, &ignored) == 0;

		json_array_append_new(rows, json_pack("{s:s, s:I, s:I, s:b, s:b}", "function", a->function,
		                                      "version_there", (json_int_t)a->number_there, "version",
		                                      (json_int_t)(is_known ? v->number : 0), "new",
		                                      (int)a->is_new, "activate", (int)a->is_chosen));
	}
	free(v);
	return rows;
}

int
arrivals_show(const struct arrivals_plan *p, bool is_done, size_t n_pools)
{
	const struct tool *t = p->tool;
	size_t n_chosen = 0;

	if (t->json)
		return tool_print_json(json_pack("{s:s, s:b, s:I, s:o, s:s, s:I}", "file", p->file, "applied",
		                                 (int)is_done, "added", (json_int_t)p->n_new, "versions",
		                                 rows_json(p, is_done), "registry", t->config.registry,
		                                 "pools", (json_int_t)n_pools));
	for (size_t i = 0; i < p->n; i++) {
		n_chosen += p->rows[i].is_chosen;
		printf("%c %s v%u%s\n", p->rows[i].is_new ? '+' : ' ', p->rows[i].function,
		       p->rows[i].number_there, p->rows[i].is_chosen ? ", active" : "");
	}
	printf("%s: %zu new, %zu there already, %zu active (registry %s)\n", is_done ? "imported" : "plan",
	       p->n_new, p->n - p->n_new, n_chosen, t->config.registry);
	return tool_flush();
}
