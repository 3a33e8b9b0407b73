/* versions.c - `cfn-deploy list`, `show`, `history`: what the registry holds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/numbers.h"
#include "deploy-tool/report.h"
#include "deploy-tool/routes.h"
#include "deploy-tool/signing.h"
#include "deploy-tool/storms.h"

struct listing {
	struct registry *registry;
	bool is_history;
	json_t *json;   /* NULL: for people */
	json_t *storms; /* what pools have disabled; NULL: nobody asked */
	struct columns table;
	struct keys keys; /* that are trusted, for their names; none when they cannot be read */
};

/* What the registry says, and what a pool has made of it. */
static const char *
state_of(const json_t *storms, const struct registry_version *v)
{
	return v->is_enabled && storms_include(storms, v) ? "disabled (storm)" : report_state(v);
}

/* A lock that cannot be read is none here: verify says what is wrong with the registry. */
static bool
find_lock(struct registry *r, const struct registry_version *v, struct registry_lock *lock)
{
	struct err ignored;

	return registry_lock_find(r, v->function, lock, &ignored) > 0;
}

static void
add_lock(json_t *object, struct registry *r, const struct registry_version *v)
{
	struct registry_lock lock;
	char when[REPORT_TIME_SIZE];

	if (!find_lock(r, v, &lock))
		return;
	report_time(lock.time, when);
	json_object_set_new(object, "lock",
	                    json_pack("{s:s, s:s, s:s}", "since", when, "by", lock.actor, "reason",
	                              lock.reason));
}

static json_t *
version_json(const struct keys *keys, const json_t *storms, const struct registry_version *v, bool is_whole)
{
	json_t *object = report_version(v, is_whole), *signer = json_null();
	char name[SIGNER_TEXT_SIZE];

	signing_name(keys, &v->activation, name);
	if (v->activation.number > 0)
		signer = json_string(name);
	json_object_set_new(object, "signer", signer);
	json_object_set_new(object, "activation", json_integer((json_int_t)v->activation.number));
	if (storms_include(storms, v))
		json_object_set_new(object, "storm", json_true());
	return object;
}

static void
add_row(struct listing *l, const struct registry_version *v)
{
	char number[16], routes[COLUMNS_CELL_SIZE], when[REPORT_TIME_SIZE], signer[SIGNER_TEXT_SIZE];
	char state[64];
	struct registry_lock lock;

	snprintf(number, sizeof number, "v%u", v->number);
	routes_format(v->routes, v->n_routes, routes, sizeof routes);
	report_time(v->created_at, when);
	signing_name(&l->keys, &v->activation, signer);
	snprintf(state, sizeof state, "%s%s", state_of(l->storms, v),
	         find_lock(l->registry, v, &lock) ? ", locked" : "");
	if (l->is_history)
		columns_add(&l->table, (const char *const[]){ number, report_state(v), when, v->author,
		                                              signer, v->source_name, routes });
	else
		columns_add(&l->table, (const char *const[]){ v->function, number, state, when, v->author,
		                                              signer, routes });
}

static int
take(void *context, const struct registry_version *v)
{
	struct listing *l = context;

	json_t *object;

	if (l->json == NULL) {
		add_row(l, v);
		return 0;
	}
	object = version_json(&l->keys, l->storms, v, false);
	if (!l->is_history)
		add_lock(object, l->registry, v);
	json_array_append_new(l->json, object);
	return 0;
}

/* function: NULL for a list of all. */
static int
list(struct tool *t, const char *function)
{
	static const char *const all[] = { "FUNCTION", "VERSION", "STATE", "DEPLOYED",
		                           "BY",       "SIGNED",  "ROUTES" };
	static const char *const one[] = { "VERSION", "STATE", "DEPLOYED", "BY", "SIGNED", "FILE", "ROUTES" };
	struct listing l = { .registry = t->registry,
		             .is_history = function != NULL,
		             .json = t->json ? json_array() : NULL };
	struct err e;
	int rc;

	signing_keys(t, &l.keys, &e);
	if (function == NULL)
		l.storms = storms_ask(t);
	columns_init(&l.table, function != NULL ? one : all, ARRAY_SIZE(all));
	rc = function != NULL ? registry_each_version(t->registry, function, take, &l, &e)
	                      : registry_each_function(t->registry, take, &l, &e);
	json_decref(l.storms);
	if (rc < 0) {
		json_decref(l.json);
		columns_done(&l.table);
		keys_done(&l.keys);
		return tool_fail(&e);
	}
	if (l.json != NULL)
		rc = tool_print_json(l.json);
	else if (l.table.n_rows > 1)
		columns_print(&l.table);
	else
		printf("no functions in registry %s yet; deploy one with: cfn-deploy FILE.c\n",
		       t->config.registry);
	columns_done(&l.table);
	keys_done(&l.keys);
	return rc != 0 ? rc : tool_flush();
}

int
run_list(struct tool *t, const char *const *arguments)
{
	struct argument_list rest;
	int rc = tool_plain_arguments(t, 0, 0, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	return rc != 0 || t->wants_help ? rc : list(t, NULL);
}

int
run_history(struct tool *t, const char *const *arguments)
{
	struct argument_list rest;
	int rc = tool_plain_arguments(t, 1, 1, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	return rc != 0 || t->wants_help ? rc : list(t, rest.items[0]);
}

static void
print_environment(const struct function_policy *p)
{
	for (size_t at = 0; at < p->env_size; at += strlen(p->env + at) + 1)
		printf("%-24s %.*s\n", "environment", (int)strcspn(p->env + at, "="), p->env + at);
}

static void
print_lock(struct registry *r, const struct registry_version *v)
{
	struct registry_lock lock;
	char when[REPORT_TIME_SIZE];

	if (!find_lock(r, v, &lock))
		return;
	report_time(lock.time, when);
	printf("%-24s since %s by %s: %s\n", "locked", when, lock.actor, lock.reason);
}

static void
print_smokes(const struct function_policy *p)
{
	for (size_t at = 0; at < p->smokes_size; at += strlen(p->smokes + at) + 1)
		printf("%-24s %s\n", "smoke", p->smokes + at);
}

static void
print_version(const struct keys *keys, const struct registry_version *v, const char *state)
{
	char signer[SIGNER_TEXT_SIZE];
	char text[REPORT_TIME_SIZE], routes[4096];

	report_time(v->created_at, text);
	routes_format(v->routes, v->n_routes, routes, sizeof routes);
	printf("%-24s %s v%u (%s)\n", "function", v->function, v->number, state);
	printf("%-24s %s\n", "routes", routes);
	printf("%-24s %s\n", "handler", v->entry[0] != '\0' ? v->entry : "CFN_ROUTES");
	printf("%-24s %s by %s from %s\n", "deployed", text, v->author, v->source_name);
	signing_name(keys, &v->activation, signer);
	if (v->activation.number > 0)
		printf("%-24s %s, activation %" PRIu64 "\n", "signed", signer, v->activation.number);
	printf("%-24s %s\n%-24s %s\n", "compiler", v->compiler, "flags", v->flags);
	if (v->policy.shared[0] != '\0')
		printf("%-24s %s%s\n", "shared folder", v->policy.shared,
		       v->policy.shared_read_only ? " (read-only)" : "");
	if (v->policy.links[0] != '\0')
		printf("%-24s %s\n", "libraries", v->policy.links);
	if (v->policy.sockets[0] != '\0')
		printf("%-24s %s\n", "sockets", v->policy.sockets);
	if (v->policy.origins[0] != '\0')
		printf("%-24s %s\n", "cors", v->policy.origins);
	print_environment(&v->policy);
	print_smokes(&v->policy);
	for (size_t i = 0; i < policy_n_version_rows; i++) {
		char value[OPTION_TEXT_SIZE];

		report_limit(&v->policy, &policy_rows[i], value);
		printf("%-24s %s\n", policy_rows[i].name, value);
	}
}

static int
show(struct tool *t, const char *function, uint32_t number)
{
	AUTO_JSON json_t *storms = NULL;
	struct registry_version v;
	struct keys keys = { 0 };
	struct err e;
	int rc;

	if (registry_version_find(t->registry, function, number, &v, &e) < 0)
		return tool_fail(&e);
	storms = storms_ask(t);
	signing_keys(t, &keys, &e);
	if (t->json) {
		json_t *object = version_json(&keys, storms, &v, true);

		add_lock(object, t->registry, &v);
		rc = tool_print_json(object);
	} else {
		print_version(&keys, &v, state_of(storms, &v));
		print_lock(t->registry, &v);
		rc = tool_flush();
	}
	keys_done(&keys);
	return rc;
}

int
run_show(struct tool *t, const char *const *arguments)
{
	struct argument_list rest;
	uint32_t number = 0;
	int rc = tool_plain_arguments(t, 1, 2, arguments, &rest);

	if (rc == 0 && rest.n == 2 && numbers_version(rest.items[1], &number) < 0)
		rc = tool_fail_as(EX_USAGE, "'%.40s' is not the number of a version", rest.items[1]);
	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	return rc != 0 || t->wants_help ? rc : show(t, rest.items[0], number);
}
