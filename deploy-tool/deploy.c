/* deploy.c - `cfn-deploy deploy` and `check`: from a file to an active version. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/utf8.h"
#include "deploy-tool/artifact.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/limits.h"
#include "deploy-tool/pools.h"
#include "deploy-tool/report.h"
#include "deploy-tool/routes.h"
#include "deploy-tool/signing.h"
#include "deploy-tool/trial.h"

struct options {
	const char *function, *entry, *shared;
	struct argument_list routes, methods, env;
	bool replace_routes, defaults;
};

struct deploy {
	struct tool *tool;
	struct options options;
	struct limits limits;
	struct argument_list rest;
	struct artifact artifact;
	struct function_policy policy;
	struct trial trial;
	struct routes routes;
	bool routes_from_options;
	bool has_previous, is_finished;
	struct registry_version previous, version;
	struct pools pools;
	struct signing signing;
	const struct registry_activation *activation; /* NULL: it is not signed */
	int64_t version_id;
	bool is_new;
	char source_name[256], author[64];
};

#define AT(field) offsetof(struct options, field)

const struct argument_row deploy_options[] = {
	{ "route", 0, ARGUMENT_LIST, AT(routes), "PATH", "serve this path (repeatable); else /NAME" },
	{ "method", 0, ARGUMENT_LIST, AT(methods), "METHODS", "for these methods; else GET, HEAD, POST" },
	{ "entry", 0, ARGUMENT_TEXT, AT(entry), "SYMBOL", "the handler; else the file's name, else handle" },
	{ "function", 0, ARGUMENT_TEXT, AT(function), "NAME", "the function's name; else the file's" },
	{ "replace-routes", 0, ARGUMENT_FLAG, AT(replace_routes), NULL,
	  "drop routes that are not named now" },
	{ "env", 0, ARGUMENT_LIST, AT(env), "NAME=VALUE", "a variable for cfn_env() (repeatable)" },
	{ "shared", 0, ARGUMENT_TEXT, AT(shared), "NAME[:ro]", "its shared folder" },
	{ "defaults", 0, ARGUMENT_FLAG, AT(defaults), NULL,
	  "begin with the default limits, not with those of the version before" },
};
const size_t deploy_n_options = ARRAY_SIZE(deploy_options);

const struct argument_row check_options[] = {
	{ "entry", 0, ARGUMENT_TEXT, AT(entry), "SYMBOL", "the handler; else the file's name, else handle" },
	{ "function", 0, ARGUMENT_TEXT, AT(function), "NAME", "the function's name; else the file's" },
};
const size_t check_n_options = ARRAY_SIZE(check_options);

static int
read_source(struct deploy *d)
{
	const char *path = d->rest.items[0];
	struct err e;
	int rc;

	if (d->options.entry != NULL && !artifact_is_symbol(d->options.entry))
		return tool_fail_as(EX_USAGE, "--entry '%.80s' is not the name of a C function",
		                    d->options.entry);
	rc = source_read(&d->artifact.source, path, d->options.function, &e);
	if (rc == -EINVAL)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	return rc < 0 ? tool_fail(&e) : 0;
}

static int
find_previous(struct deploy *d)
{
	struct err e;
	int rc = tool_open_registry(d->tool, REGISTRY_WRITE);

	if (rc != 0)
		return rc;
	rc = registry_version_find(d->tool->registry, d->artifact.source.function, 0, &d->previous, &e);
	if (rc < 0 && rc != -ENOENT)
		return tool_fail(&e);
	d->has_previous = rc == 0;
	return 0;
}

/* What the version before had, under what is given now. */
static int
settle_policy(struct deploy *d)
{
	const struct options *o = &d->options;
	struct err e;
	int rc;

	if (d->has_previous && !o->defaults)
		d->policy = d->previous.policy;
	else
		policy_init(&d->policy);
	rc = limits_apply(&d->limits, &d->policy, &e);
	for (size_t i = 0; rc == 0 && i < o->env.n; i++)
		rc = policy_set_env(&d->policy, o->env.items[i], &e);
	if (rc == 0 && o->shared != NULL)
		rc = policy_set_shared(&d->policy, o->shared, &e);
	if (rc == 0)
		rc = policy_check_below(&d->policy, &d->tool->config.maximum, &e);
	return rc < 0 ? tool_fail_as(EX_USAGE, "%s", e.text) : 0;
}

static int
add_option_routes(struct deploy *d, unsigned methods, struct err *e)
{
	for (size_t i = 0; i < d->options.routes.n; i++) {
		int rc = routes_add(&d->routes, d->options.routes.items[i], methods, 0, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Those that the function got from options before; new methods hold for them as well. */
static int
keep_option_routes(struct deploy *d, unsigned methods, struct err *e)
{
	int rc = registry_option_routes(d->tool->registry, d->artifact.source.function, d->routes.rows,
	                                &d->routes.n, e);

	for (size_t i = 0; rc == 0 && i < d->routes.n && d->options.methods.n > 0; i++)
		d->routes.rows[i].methods = methods;
	return rc;
}

/* Before anything is compiled: what is wrong with the options is said at once. */
static int
settle_option_routes(struct deploy *d)
{
	char standard[NAME_MAX_SIZE + 1];
	unsigned methods;
	struct err e;
	int rc = routes_methods(&d->options.methods, &methods, &e);

	if (rc == 0)
		rc = d->options.routes.n > 0 ? add_option_routes(d, methods, &e)
		                             : keep_option_routes(d, methods, &e);
	d->routes_from_options = d->routes.n > 0 || d->options.methods.n > 0;
	snprintf(standard, sizeof standard, "/%s", d->artifact.source.function);
	if (rc == 0 && d->routes.n == 0)
		rc = routes_add(&d->routes, standard, methods, 0, &e);
	return rc < 0 ? tool_fail_as(EX_USAGE, "%s", e.text) : 0;
}

static int
compile(struct deploy *d)
{
	artifact_set_entries(&d->artifact, d->options.entry, d->has_previous ? d->previous.entry : NULL);
	return artifact_make(d->tool, &d->artifact);
}

static void
show_output(const struct trial *t)
{
	char shown[4 * TRIAL_OUTPUT_MAX + 1];

	if (t->output_size == 0)
		return;
	log_escape(shown, sizeof shown, t->output, t->output_size);
	fprintf(stderr, "cfn-deploy: it printed: %s\n", shown);
}

static int
try_loading(struct deploy *d)
{
	struct trial *t = &d->trial;
	struct err e;

	t->function = d->artifact.source.function;
	t->entry = d->artifact.entry;
	t->policy = &d->policy;
	t->artifact = d->artifact.build.artifact;
	t->artifact_size = d->artifact.build.artifact_size;
	if (trial_load(&d->tool->config, &d->tool->cgroup, t, &e) == 0)
		return 0;
	show_output(t);
	tool_fail_as(EX_DATAERR, "%s: %s%s", d->artifact.source.path, e.text,
	             t->lacks_folder ? " (the trial load cannot see its shared folder)" : "");
	return tool_exit_status(e.code);
}

static int
settle_routes(struct deploy *d)
{
	if (d->artifact.entry[0] != '\0')
		return 0;
	if (d->options.routes.n > 0 || d->options.methods.n > 0)
		return tool_fail_as(EX_USAGE,
		                    "%s has a route table (CFN_ROUTES); with --route or --method also say "
		                    "--entry SYMBOL, or leave them out",
		                    d->artifact.source.path);
	if (d->trial.routes.n == 0)
		return tool_fail_as(EX_DATAERR, "%s: CFN_ROUTES is empty", d->artifact.source.path);
	d->routes = d->trial.routes;
	d->routes_from_options = false;
	return 0;
}

static void
name_author(struct deploy *d)
{
	const struct passwd *user = getpwuid(getuid());
	const char *path = d->artifact.source.path;

	if (user != NULL)
		log_escape(d->author, sizeof d->author, user->pw_name, strlen(user->pw_name));
	else
		snprintf(d->author, sizeof d->author, "uid %u", getuid());
	log_escape(d->source_name, sizeof d->source_name, path, strlen(path));
}

static int
add_candidate(struct deploy *d)
{
	const struct artifact *a = &d->artifact;
	struct registry_candidate c = {
		.source = a->source.text,
		.source_size = a->source.size,
		.artifact = a->build.artifact,
		.artifact_size = a->build.artifact_size,
		.debug = a->build.debug,
		.debug_size = a->build.debug_size,
		.policy = &d->policy,
		.compiler = a->build.compiler,
		.flags = a->build.flags,
		.source_name = d->source_name,
		.author = d->author,
		.n_routes = d->routes.n,
		.routes = d->routes.rows,
		.routes_from_options = d->routes_from_options,
	};
	struct err e;
	int rc;

	name_author(d);
	snprintf(c.function, sizeof c.function, "%s", a->source.function);
	snprintf(c.entry, sizeof c.entry, "%s", a->entry);
	rc = registry_add(d->tool->registry, &c, &d->version_id, &d->is_new, &e);
	if (rc == 0)
		rc = registry_version_by_id(d->tool->registry, d->version_id, &d->version, &e);
	if (rc < 0)
		return tool_fail(&e);
	d->is_finished = !d->is_new && d->version.is_active;
	return 0;
}

/* Before anything is compiled: a key that cannot be used is said at once. */
static int
read_key(struct deploy *d)
{
	struct err e;

	return signing_open(d->tool, &d->signing, &e) < 0 ? tool_fail(&e) : 0;
}

/* Signed before the vote, so that the pools see what they will read. */
static int
vote(struct deploy *d)
{
	struct err e;
	int rc = pools_connect(d->tool, &d->pools, &e);

	if (rc == 0)
		rc = signing_activate(d->tool, &d->signing, &d->version, d->version.is_enabled,
		                      &d->activation, &e);
	if (rc == 0)
		rc = signing_vote(d->tool, &d->pools, &d->version, d->activation, true, &e);
	if (rc == 0)
		return 0;
	tool_fail_as(EX_DATAERR, "%s v%u is not active: %s", d->version.function, d->version.number, e.text);
	return tool_exit_status(rc);
}

static int
activate(struct deploy *d)
{
	struct err e;
	int rc = registry_activate(d->tool->registry, d->version_id,
	                           d->options.replace_routes ? REGISTRY_REPLACE_ROUTES : REGISTRY_KEEP_ROUTES,
	                           d->activation, &e);

	if (rc == 0)
		return 0;
	tool_fail_as(EX_DATAERR, "%s v%u is not active: %s", d->version.function, d->version.number, e.text);
	return tool_exit_status(rc);
}

/* In this order; what a step needs stands in the ones above it. */
static int (*const deploy_steps[])(struct deploy *) = {
	read_source,          read_key, find_previous, settle_policy,
	settle_option_routes, compile,  try_loading,   settle_routes,
	add_candidate,        vote,     activate,
};

/* A version that is active as it is has no vote above. */
static int
check_unchanged(struct deploy *d)
{
	struct err e;
	int rc = pools_connect(d->tool, &d->pools, &e);

	if (rc == 0)
		rc = signing_check(d->tool, &d->pools, &d->version, &e);
	if (rc == 0)
		return 0;
	tool_fail_as(EX_DATAERR, "%s: %s", d->version.function, e.text);
	return tool_exit_status(rc);
}

static int
finish(struct deploy *d)
{
	struct report_outcome outcome = {
		.version = &d->version,
		.is_unchanged = d->is_finished,
		.is_active = true,
	};
	int rc = d->is_finished ? check_unchanged(d) : 0;

	if (rc != 0)
		return rc;
	outcome.n_pools = pools_poke(&d->pools);
	return report_outcome(d->tool, &outcome);
}

static int
walk(struct deploy *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(deploy_steps) && !d->is_finished; i++) {
		int rc = deploy_steps[i](d);

		if (rc != 0)
			return rc;
	}
	return finish(d);
}

static void
free_deploy(struct deploy **d)
{
	if (*d == NULL)
		return;
	artifact_done(&(*d)->artifact);
	pools_done(&(*d)->pools);
	signing_done(&(*d)->signing);
	free(*d);
}

int
run_deploy(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(free_deploy))) struct deploy *d = calloc(1, sizeof *d);
	const struct argument_row *limit_rows;
	size_t n_limits = limits_options(&limit_rows);
	int rc;

	if (d == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	d->tool = t;
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { deploy_options, deploy_n_options, &d->options },
						       { limit_rows, n_limits, &d->limits } },
	                                           2, 1, 1 },
	                    arguments, &d->rest);
	return rc != 0 || t->wants_help ? rc : walk(d);
}

int
run_check(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(free_deploy))) struct deploy *d = calloc(1, sizeof *d);
	int rc;

	if (d == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	d->tool = t;
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { check_options, check_n_options, &d->options } },
	                                           1, 1, 1 },
	                    arguments, &d->rest);
	if (rc == 0 && t->wants_help)
		return 0;
	if (rc == 0)
		rc = tool_configure(t, false);
	if (rc == 0)
		rc = read_source(d);
	if (rc == 0)
		rc = compile(d);
	if (rc != 0)
		return rc;
	if (t->json)
		return tool_print_json(json_pack("{s:b, s:s, s:s}", "ok", 1, "function",
		                                 d->artifact.source.function, "entry", d->artifact.entry));
	printf("%s: ok\n", d->artifact.source.path);
	return tool_flush();
}
