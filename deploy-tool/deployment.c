/* deployment.c - one function on its way from files to the active version. */
#include "deploy-tool/deployment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "config/smoke.h"
#include "deploy-tool/progress.h"
#include "deploy-tool/smoke_run.h"
#include "deploy-tool/source_archive.h"

static int
refuse(const struct deployment *d, int exit_status, const struct err *e)
{
	return tool_fail_as(exit_status, "%s%s", d->prefix, e->text);
}

static int
check_options_form(struct deployment *d)
{
	const char *entry = d->options.entry;

	if (entry == NULL || artifact_is_symbol(entry))
		return 0;
	return tool_fail_as(EX_USAGE, "%s--entry '%.80s' is not the name of a C function", d->prefix, entry);
}

/* Folders and sockets are given by who writes the registry himself: a token's scope says nothing of them. */
static int
check_token_form(struct deployment *d)
{
	if (d->tool->token_option == NULL || (d->options.shared == NULL && d->options.grants.n == 0))
		return 0;
	return tool_fail_as(EX_NOPERM, "a token gives no function a shared folder or a socket");
}

static int
read_source(struct deployment *d)
{
	const struct source_wish wish = {
		.folder = d->folder,
		.shown = d->shown,
		.is_confined = d->is_declared,
		.n = d->rest.n,
		.paths = d->rest.items,
		.function = d->options.function,
		.n_given = d->options.sources.n,
		.given = d->options.sources.items,
	};
	struct err e;
	int rc = source_read(&d->artifact.source, &wish, &e);
	return rc < 0 ? refuse(d, rc == -EINVAL ? EX_USAGE : tool_exit_status(rc), &e) : 0;
}

static int
pack_source(struct deployment *d)
{
	struct err e;

	return source_pack(&d->artifact.source, &d->archive, &d->archive_size, &e) < 0 ? tool_fail(&e) : 0;
}

static int
find_previous(struct deployment *d)
{
	struct err e;
	int rc = d->tool->registry == NULL ? tool_open_registry(d->tool, REGISTRY_WRITE) : 0;

	if (rc != 0)
		return rc;
	rc = registry_version_find(d->tool->registry, d->artifact.source.function, 0, &d->previous, &e);
	if (rc < 0 && rc != -ENOENT)
		return tool_fail(&e);
	d->has_previous = rc == 0;
	return 0;
}

/* Before anything is compiled; whoever locks it later is obeyed all the same, when it is to be written. */
static int
check_lock(struct deployment *d)
{
	struct err e;

	return registry_name_check(d->tool->registry, d->artifact.source.function, &e) < 0 ? tool_fail(&e)
	                                                                                   : 0;
}

/* Given ones take the place of all that were kept. */
static int
settle_smokes(struct deployment *d, struct err *e)
{
	const struct argument_list *smokes = &d->options.smokes;
	int rc = 0;

	if (smokes->n > 0)
		d->policy.smokes_size = 0;
	if (smokes->n == 1 && strcmp(smokes->items[0], "none") == 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < smokes->n; i++)
		rc = policy_add_smoke(&d->policy, smokes->items[i], e);
	return rc;
}

static int
settle_origins(struct deployment *d, struct err *e)
{
	const struct argument_list *given = &d->options.origins;
	int rc = 0;

	if (given->n > 0)
		d->policy.origins[0] = '\0';
	for (size_t i = 0; rc == 0 && i < given->n; i++)
		rc = policy_add_origin(&d->policy, given->items[i], e);
	return rc;
}

/* Those that are named, before anything is compiled; all of them once more when they are added. */
static int
check_scope(struct deployment *d)
{
	struct err e;

	for (size_t i = 0; d->options.routes.n > 0 && i < d->routes.n; i++)
		if (registry_check_scope(d->tool->registry, d->routes.rows[i].pattern, &e) < 0)
			return tool_fail(&e);
	return 0;
}

/* What the version before had, under what is given now. */
static int
settle_policy(struct deployment *d)
{
	const struct deploy_options *o = &d->options;
	struct err e;
	int rc;

	if (d->has_previous && !o->defaults)
		d->policy = d->previous.policy;
	else
		policy_init(&d->policy);
	/* A gate is not opened by the way. */
	if (d->has_previous)
		d->policy.auth = d->previous.policy.auth;
	rc = limits_apply(&d->limits, &d->policy, &e);
	for (size_t i = 0; rc == 0 && i < o->env.n; i++)
		rc = policy_set_env(&d->policy, o->env.items[i], &e);
	if (rc == 0 && o->shared != NULL)
		rc = policy_set_shared(&d->policy, o->shared, &e);
	if (rc == 0)
		rc = settle_smokes(d, &e);
	if (rc == 0)
		rc = settle_origins(d, &e);
	if (rc == 0)
		rc = policy_check_below(&d->policy, &d->tool->config.maximum, &e);
	return rc < 0 ? refuse(d, EX_USAGE, &e) : 0;
}

/* Those of the version before, unless others are named.  What this server does not give is said before
 * anything is compiled. */
static int
settle_grants(struct deployment *d)
{
	const struct argument_list *given = &d->options.grants;
	struct err e;

	if (given->n > 0)
		d->policy.sockets[0] = '\0';
	for (size_t i = 0; i < given->n; i++)
		if (policy_add_grant(&d->policy, given->items[i], &e) < 0)
			return refuse(d, EX_USAGE, &e);
	return config_check_sockets(&d->tool->config, d->policy.sockets, &e) < 0 ? refuse(d, EX_NOPERM, &e)
	                                                                         : 0;
}

static int
add_option_routes(struct deployment *d, unsigned methods, struct err *e)
{
	for (size_t i = 0; i < d->options.routes.n; i++) {
		int rc = routes_add_option(&d->routes, d->options.routes.items[i], methods, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Those that the function got from options before; new methods hold for them as well. */
static int
keep_option_routes(struct deployment *d, unsigned methods, struct err *e)
{
	int rc = d->is_declared ? 0
	                        : registry_option_routes(d->tool->registry, d->artifact.source.function,
	                                                 d->routes.rows, &d->routes.n, e);

	for (size_t i = 0; rc == 0 && i < d->routes.n && d->options.methods.n > 0; i++)
		d->routes.rows[i].methods = methods;
	return rc;
}

/* Before anything is compiled: what is wrong with the options is said at once. */
static int
settle_option_routes(struct deployment *d)
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
	return rc < 0 ? refuse(d, EX_USAGE, &e) : 0;
}

/* Those of the version before, unless others are named; of `check`, which asks no registry, none. */
static int
settle_links(struct deployment *d)
{
	const char *given = d->options.link;
	struct err e;

	if (given != NULL && policy_set_links(&d->policy, given, &e) < 0)
		return refuse(d, EX_USAGE, &e);
	d->artifact.links = d->policy.links;
	return 0;
}

/* What fails here fails again when it is wanted, and says so then. */
static int
begin_trial(struct deployment *d)
{
	struct err ignored;

	d->trial.function = d->artifact.source.function;
	d->trial.policy = &d->policy;
	/* The spawner makes its seccomp programs while the boxes' are made here. */
	tool_open_cgroup(d->tool);
	(void)trial_begin(&d->tool->config, &d->tool->cgroup, &d->trial, &ignored);
	tool_open_boxes(d->tool);
	return 0;
}

static int
compile(struct deployment *d)
{
	return artifact_compile(d->tool, &d->artifact);
}

static int
check(struct deployment *d)
{
	bool is_kept = d->has_previous && !d->is_declared;
	int rc;

	artifact_set_entries(&d->artifact, d->options.entry, is_kept ? d->previous.entry : NULL);
	rc = artifact_check(d->tool, &d->artifact);
	d->policy.uses_session = rc == 0 && artifact_uses_session(&d->artifact);
	return rc;
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
try_loading(struct deployment *d)
{
	struct trial *t = &d->trial;
	struct err e;

	t->entry = d->artifact.entry;
	t->artifact = d->artifact.build.artifact;
	t->artifact_size = d->artifact.build.artifact_size;
	if (trial_load(&d->tool->config, &d->tool->cgroup, t, &e) == 0)
		return 0;
	show_output(t);
	tool_fail_as(EX_DATAERR, "%s: %s%s", d->artifact.source.path, e.text,
	             t->lacks_folder ? " (the trial load has an empty folder in place of its shared one)"
	                             : "");
	return tool_exit_status(e.code);
}

static int
settle_routes(struct deployment *d)
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
name_author(struct deployment *d)
{
	const struct source *s = &d->artifact.source;

	if (d->tool->token_option != NULL)
		registry_actor(d->tool->registry, d->author);
	else
		tool_author(d->author);
	log_escape(d->source_name, sizeof d->source_name, s->path, strlen(s->path));
}

static int
add_candidate(struct deployment *d)
{
	const struct artifact *a = &d->artifact;
	struct registry_candidate c = {
		.source = d->archive,
		.source_size = d->archive_size,
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
		.defers_routes = d->is_declared,
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
read_key(struct deployment *d)
{
	struct err e;

	return signing_open(d->tool, &d->signing, &e) < 0 ? tool_fail(&e) : 0;
}

/* Signed before the vote, so that the pools see what they will read. */
static int
vote(struct deployment *d)
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

/* Behind the vote: what cannot be loaded is said in the pool's words. */
static int
ask_smokes(struct deployment *d)
{
	return smoke_run(d->tool, &d->version);
}

static int
activate(struct deployment *d)
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
static const struct {
	enum deployment_part part;
	int (*run)(struct deployment *d);
	const char *name; /* of what takes its time; NULL: it is not shown */
} steps[] = {
	{ DEPLOYMENT_READ, check_options_form, NULL },
	{ DEPLOYMENT_READ, check_token_form, NULL },
	{ DEPLOYMENT_READ, read_source, NULL },
	{ DEPLOYMENT_READ, pack_source, NULL },
	{ DEPLOYMENT_SETTLE, read_key, NULL },
	{ DEPLOYMENT_SETTLE, find_previous, NULL },
	{ DEPLOYMENT_SETTLE, check_lock, NULL },
	{ DEPLOYMENT_SETTLE, settle_policy, NULL },
	{ DEPLOYMENT_SETTLE, settle_grants, NULL },
	{ DEPLOYMENT_SETTLE, settle_option_routes, NULL },
	{ DEPLOYMENT_SETTLE, check_scope, NULL },
	{ DEPLOYMENT_SETTLE, settle_links, NULL },
	{ DEPLOYMENT_COMPILE, settle_links, NULL }, /* of check, which settles nothing else */
	{ DEPLOYMENT_PREPARE, begin_trial, NULL },
	{ DEPLOYMENT_COMPILE, compile, "compile" },
	{ DEPLOYMENT_COMPILE, check, "check" },
	{ DEPLOYMENT_TRY, try_loading, "load" },
	{ DEPLOYMENT_TRY, settle_routes, NULL },
	{ DEPLOYMENT_ADD, add_candidate, NULL },
	{ DEPLOYMENT_VOTE, vote, "vote" },
	{ DEPLOYMENT_VOTE, ask_smokes, "smoke" },
	{ DEPLOYMENT_ACTIVATE, activate, "activate" },
};

static int
run_step(struct deployment *d, size_t i)
{
	bool is_shown = steps[i].name != NULL && (steps[i].run != ask_smokes || d->policy.smokes_size > 0);
	struct progress p;
	int rc;

	if (!is_shown)
		return steps[i].run(d);
	progress_begin(&p, d->tool, d->artifact.source.function, steps[i].name);
	rc = steps[i].run(d);
	if (rc == 0)
		progress_end(&p);
	return rc;
}

int
deployment_walk(struct deployment *d, enum deployment_part first, enum deployment_part last)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && rc == 0 && !d->is_finished; i++)
		if (steps[i].part >= first && steps[i].part <= last)
			rc = run_step(d, i);
	return rc;
}

struct deployment *
deployment_new(struct tool *t)
{
	struct deployment *d = calloc(1, sizeof *d);

	if (d == NULL) {
		tool_fail_as(EX_OSERR, "out of memory");
		return NULL;
	}
	d->tool = t;
	d->folder = AT_FDCWD;
	return d;
}

void
deployment_free(struct deployment **d)
{
	if (*d == NULL)
		return;
	trial_done(&(*d)->trial);
	artifact_done(&(*d)->artifact);
	free_pointer(&(*d)->archive);
	pools_done(&(*d)->pools);
	signing_done(&(*d)->signing);
	free(*d);
}
