/* change.c - `cfn-deploy init`, `rollback`, `enable`, `disable`, `remove`: changes without a compiler.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/numbers.h"
#include "deploy-tool/pools.h"
#include "deploy-tool/report.h"
#include "deploy-tool/signing.h"

int
run_init(struct tool *t, const char *const *arguments)
{
	struct argument_list rest;
	int rc = tool_plain_arguments(t, 0, 0, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_CREATE);
	if (rc != 0 || t->wants_help)
		return rc;
	if (t->json)
		return tool_print_json(json_pack("{s:s}", "registry", t->config.registry));
	printf("registry %s is ready\n", t->config.registry);
	return tool_flush();
}

/* Arguments, then the registry to write. */
static int
open_for_change(struct tool *t, const char *const *arguments, size_t max, struct argument_list *rest)
{
	int rc = tool_plain_arguments(t, 1, max, arguments, rest);

	return rc != 0 || t->wants_help ? rc : tool_open_registry(t, REGISTRY_WRITE);
}

struct search {
	bool is_past; /* the active version has been met */
	int64_t id;   /* of the one before it */
};

static int
find_before_active(void *context, const struct registry_version *v)
{
	struct search *s = context;

	if (s->is_past && s->id == 0)
		s->id = v->id;
	s->is_past = s->is_past || v->is_active;
	return 0;
}

/* The version to go back to: the one that is named, else the newest one that is older than the active. */
static int
find_target(struct tool *t, const struct argument_list *rest, struct registry_version *v)
{
	struct search search = { 0 };
	uint32_t number = 0;
	struct err e;
	int rc;

	if (rest->n == 2 && numbers_version(rest->items[1], &number) < 0)
		return tool_fail_as(EX_USAGE, "'%.40s' is not the number of a version", rest->items[1]);
	if (number > 0)
		return registry_version_find(t->registry, rest->items[0], number, v, &e) < 0 ? tool_fail(&e)
		                                                                             : 0;
	rc = registry_each_version(t->registry, rest->items[0], find_before_active, &search, &e);
	if (rc < 0)
		return tool_fail(&e);
	if (search.id == 0)
		return tool_fail_as(EX_NOINPUT, "%s has no version before the active one", rest->items[0]);
	return registry_version_by_id(t->registry, search.id, v, &e) < 0 ? tool_fail(&e) : 0;
}

static int
activate_by_vote(struct tool *t, const struct registry_version *v)
{
	AUTO_POOLS struct pools pools = { 0 };
	AUTO_SIGNING signing = { 0 };
	struct report_outcome outcome = { .version = v, .is_active = true };
	const struct registry_activation *a = NULL;
	struct err e;
	int rc = signing_open(t, &signing, &e);

	if (rc == 0)
		rc = pools_connect(t, &pools, &e);
	if (rc == 0)
		rc = signing_activate(t, &signing, v, v->is_enabled, &a, &e);
	if (rc == 0)
		rc = signing_vote(t, &pools, v, a, true, &e);
	/* Going back means exactly what was there: routes that came later go. */
	if (rc == 0)
		rc = registry_activate(t->registry, v->id, REGISTRY_REPLACE_ROUTES, a, &e);
	if (rc < 0) {
		tool_fail_as(EX_DATAERR, "%s v%u is not active: %s", v->function, v->number, e.text);
		return tool_exit_status(rc);
	}
	outcome.n_pools = pools_poke(&pools);
	return report_outcome(t, &outcome);
}

/* It is active already, which need not mean that the pools take it. */
static int
keep_active(struct tool *t, const struct registry_version *v)
{
	AUTO_POOLS struct pools pools = { 0 };
	struct err e;
	int rc = pools_connect(t, &pools, &e);

	if (rc == 0)
		rc = signing_check(t, &pools, v, &e);
	if (rc < 0) {
		tool_fail_as(EX_DATAERR, "%s: %s", v->function, e.text);
		return tool_exit_status(rc);
	}
	return report_outcome(t, &(struct report_outcome){ v, true, true, pools_poke(&pools) });
}

static int
roll_back(struct tool *t, const struct argument_list *rest)
{
	struct registry_version v = { 0 };
	struct err e;
	int rc;

	if (registry_lock_check(t->registry, rest->items[0], &e) < 0)
		return tool_fail(&e);
	rc = find_target(t, rest, &v);
	if (rc != 0)
		return rc;
	return v.is_active ? keep_active(t, &v) : activate_by_vote(t, &v);
}

int
run_rollback(struct tool *t, const char *const *arguments)
{
	struct argument_list rest;
	int rc = open_for_change(t, arguments, 2, &rest);

	return rc != 0 || t->wants_help ? rc : roll_back(t, &rest);
}

static int
report_change(const struct tool *t, const char *function, const char *what)
{
	char pools[64];
	size_t n = pools_tell(t);

	if (t->json)
		return tool_print_json(json_pack("{s:s, s:s, s:s, s:I}", "function", function, "change", what,
		                                 "registry", t->config.registry, "pools", (json_int_t)n));
	snprintf(pools, sizeof pools, n == 1 ? "1 pool knows" : "%zu pools know", n);
	printf("%s: %s (registry %s, %s)\n", function, what, t->config.registry, pools);
	return tool_flush();
}

/* What was disabled with a signature is enabled without one where none is required. */
static int
ask_unsigned(const struct tool *t, const struct registry_version *v, struct err *e)
{
	AUTO_POOLS struct pools pools = { 0 };
	int rc = pools_connect(t, &pools, e);

	if (rc == 0)
		rc = signing_vote(t, &pools, v, NULL, false, e);
	return rc < 0 ? err_wrap(e, "%s was disabled with a signature", v->function) : 0;
}

/* Signed only where that counts: a signature that the pools do not take would be in the way of one that they
 * do. */
static int
change_enabled(struct tool *t, const char *function, bool is_enabled, struct err *e)
{
	AUTO_SIGNING signing = { 0 };
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	const struct registry_activation *a = NULL;
	int rc = v != NULL ? signing_open(t, &signing, e) : err_set(e, ENOMEM, "%s", function);

	if (rc == 0)
		rc = registry_lock_check(t->registry, function, e);
	if (rc == 0)
		rc = registry_version_find(t->registry, function, 0, v, e);
	if (rc < 0)
		return rc;
	if (v->is_active)
		rc = signing_change(t, &signing, v, is_enabled, &a, e);
	if (rc == 0 && is_enabled && a == NULL && v->activation.number > 0 && !v->activation.is_enabled)
		rc = ask_unsigned(t, v, e);
	/* Whoever may write the registry may disable a function; no key is needed for that. */
	if (rc < 0 && is_enabled)
		return rc;
	return registry_set_enabled(t->registry, function, is_enabled, rc == 0 ? a : NULL, e);
}

static int
set_enabled(struct tool *t, const char *const *arguments, bool is_enabled)
{
	struct argument_list rest;
	struct err e;
	int rc = open_for_change(t, arguments, 1, &rest);

	if (rc != 0 || t->wants_help)
		return rc;
	if (change_enabled(t, rest.items[0], is_enabled, &e) < 0)
		return tool_fail(&e);
	return report_change(t, rest.items[0], is_enabled ? "enabled" : "disabled");
}

int
run_enable(struct tool *t, const char *const *arguments)
{
	return set_enabled(t, arguments, true);
}

int
run_disable(struct tool *t, const char *const *arguments)
{
	return set_enabled(t, arguments, false);
}

int
run_remove(struct tool *t, const char *const *arguments)
{
	AUTO_SIGNING signing = { 0 };
	const struct registry_activation *a = NULL;
	struct argument_list rest;
	struct err e;
	int rc = open_for_change(t, arguments, 1, &rest);

	if (rc != 0 || t->wants_help)
		return rc;
	if (signing_open(t, &signing, &e) < 0 || signing_remove(t, &signing, rest.items[0], &a, &e) < 0 ||
	    registry_remove(t->registry, rest.items[0], a, &e) < 0)
		return tool_fail(&e);
	return report_change(t, rest.items[0], "removed");
}
