/* subject.c - what is invoked or tested: a version of the registry, or a file that is compiled for this
 * alone. */
#include "deploy-tool/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "deploy-tool/subject_manifest.h"
#include "deploy-tool/trial.h"

#define AT(field) offsetof(struct subject_options, field)

enum { OWN_ROWS = 9 };

static const struct argument_row own_rows[OWN_ROWS] = {
	{ "method", 0, ARGUMENT_LIST, AT(methods), "METHODS", "of a file: what its routes take" },
	{ "entry", 0, ARGUMENT_TEXT, AT(entry), "SYMBOL", "of a file: its handler, as for deploy" },
	{ "function", 0, ARGUMENT_TEXT, AT(function), "NAME", "of a file: what it is called" },
	{ "route", 0, ARGUMENT_LIST, AT(routes), "PATH", "of a file: serve this path (repeatable)" },
	{ "env", 0, ARGUMENT_LIST, AT(env), "NAME=VALUE", "of a file: for cfn_env() (repeatable)" },
	{ "shared", 0, ARGUMENT_TEXT, AT(shared), "NAME[:ro]",
	  "of a file: an empty shared folder, then removed" },
	{ "asan", 0, ARGUMENT_FLAG, AT(asan), NULL,
	  "of a file: with the sanitizers of addresses and of undefined behaviour" },
	{ "grant", 0, ARGUMENT_LIST, AT(grants), "unix:PATH", "of a file: a socket, as for deploy" },
	{ "link", 0, ARGUMENT_TEXT, AT(link), "NAMES", "of a file: its libraries, as for deploy" },
};

size_t
subject_options(const struct argument_row **rows)
{
	static struct argument_row all[OWN_ROWS + LIMITS_MAX];
	const struct argument_row *limits;
	size_t n = limits_options(&limits);

	memcpy(all, own_rows, sizeof own_rows);
	for (size_t i = 0; i < n; i++) {
		all[OWN_ROWS + i] = limits[i];
		all[OWN_ROWS + i].offset += AT(limits);
	}
	*rows = all;
	return OWN_ROWS + n;
}

size_t
subject_options_but_method(const struct argument_row **rows)
{
	size_t n = subject_options(rows);

	++*rows;
	return n - 1;
}

bool
subject_is_given(const struct subject_options *o)
{
	static const struct subject_options none;

	return memcmp(o, &none, sizeof none) != 0;
}

bool
subject_is_file(const char *name)
{
	return strpbrk(name, "./") != NULL;
}

static void
settle_policy(const struct tool *t, struct subject *s)
{
	s->policy = s->version.policy;
	config_apply(&t->config, s->version.function, &s->policy);
}

void
subject_take(const struct tool *t, const struct registry_version *v, struct subject *s)
{
	s->version = *v;
	snprintf(s->label, sizeof s->label, "%s v%u", v->function, v->number);
	settle_policy(t, s);
}

int
subject_find(struct tool *t, const char *function, uint32_t number, struct subject *s)
{
	struct err e;
	int rc = tool_open_registry(t, REGISTRY_READ);

	if (rc != 0)
		return rc;
	if (registry_version_find(t->registry, function, number, &s->version, &e) < 0)
		return tool_fail(&e);
	snprintf(s->label, sizeof s->label, "%s v%u", s->version.function, s->version.number);
	settle_policy(t, s);
	return 0;
}

/* ---- a file ---- */

static int
read_source(const char *path, const struct subject_options *o, struct subject *s)
{
	const struct source_wish wish = {
		.folder = AT_FDCWD, .n = 1, .paths = &path, .function = o->function
	};
	struct err e;
	int rc;

	if (o->entry != NULL && !artifact_is_symbol(o->entry))
		return tool_fail_as(EX_USAGE, "--entry '%.80s' is not the name of a C function", o->entry);
	rc = source_read(&s->artifact.source, &wish, &e);
	if (rc == -EINVAL)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	if (rc < 0)
		return tool_fail(&e);
	s->is_file = true;
	log_escape(s->label, sizeof s->label, path, strlen(path));
	snprintf(s->version.function, sizeof s->version.function, "%s", s->artifact.source.function);
	return 0;
}

static int
read_policy(const struct tool *t, const struct subject_options *o, struct subject *s)
{
	struct function_policy *p = &s->version.policy;
	struct err e;
	int rc;

	policy_init(p);
	rc = limits_apply(&o->limits, p, &e);
	for (size_t i = 0; rc == 0 && i < o->env.n; i++)
		rc = policy_set_env(p, o->env.items[i], &e);
	if (rc == 0 && o->shared != NULL)
		rc = policy_set_shared(p, o->shared, &e);
	if (rc == 0 && o->link != NULL)
		rc = policy_set_links(p, o->link, &e);
	for (size_t i = 0; rc == 0 && i < o->grants.n; i++)
		rc = policy_add_grant(p, o->grants.items[i], &e);
	if (rc == 0)
		rc = config_check_sockets(&t->config, p->sockets, &e);
	if (rc == 0)
		rc = policy_check_below(p, &t->config.maximum, &e);
	if (rc < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	settle_policy(t, s);
	return 0;
}

static int
make_folder(struct subject *s)
{
	struct err e;

	return s->policy.shared[0] != '\0' && folder_make(&s->folder, &e) < 0 ? tool_fail(&e) : 0;
}

int
subject_renew_folder(struct subject *s, struct err *e)
{
	int rc = folder_remove(&s->folder, e);

	return rc == 0 && s->policy.shared[0] != '\0' ? folder_make(&s->folder, e) : rc;
}

static int
compile(struct tool *t, const struct subject_options *o, struct subject *s)
{
	int rc;

	artifact_set_entries(&s->artifact, o->entry, NULL);
	s->artifact.build.has_sanitizers = o->asan;
	s->artifact.links = s->version.policy.links;
	rc = artifact_make(t, &s->artifact);
	if (rc != 0)
		return rc;
	snprintf(s->version.entry, sizeof s->version.entry, "%s", s->artifact.entry);
	s->version.policy.uses_session = s->policy.uses_session = artifact_uses_session(&s->artifact);
	return 0;
}

static void
take_routes(struct subject *s, const struct routes *r)
{
	s->version.n_routes = r->n;
	memcpy(s->version.routes, r->rows, r->n * sizeof r->rows[0]);
}

/* Its own table is known when it has been loaded once. */
static int
ask_routes(struct tool *t, struct subject *s)
{
	AUTO_FREE struct trial *trial = calloc(1, sizeof *trial);
	char shown[4 * TRIAL_OUTPUT_MAX + 1];
	struct err e;

	if (trial == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	trial->function = s->version.function;
	trial->entry = "";
	trial->policy = &s->version.policy;
	trial->artifact = s->artifact.build.artifact;
	trial->artifact_size = s->artifact.build.artifact_size;
	trial->shared_dir = subject_folder(s);
	trial->has_sanitizers = s->artifact.build.has_sanitizers;
	if (trial_load(&t->config, &t->cgroup, trial, &e) == 0) {
		take_routes(s, &trial->routes);
		return 0;
	}
	log_escape(shown, sizeof shown, trial->output, trial->output_size);
	if (shown[0] != '\0')
		fprintf(stderr, "cfn-deploy: it printed: %s\n", shown);
	return tool_fail_as(tool_exit_status(e.code), "%s: %s", s->label, e.text);
}

static int
settle_routes(struct tool *t, const struct subject_options *o, struct subject *s)
{
	AUTO_FREE struct routes *routes = calloc(1, sizeof *routes);
	char standard[NAME_MAX_SIZE + 1];
	unsigned methods;
	struct err e;
	int rc;

	if (s->version.entry[0] == '\0' && o->routes.n == 0)
		return ask_routes(t, s);
	if (s->version.entry[0] == '\0')
		return tool_fail_as(EX_USAGE,
		                    "%s has a route table (CFN_ROUTES); with --route also say --entry",
		                    s->label);
	if (routes == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	rc = routes_methods(&o->methods, &methods, &e);
	for (size_t i = 0; rc == 0 && i < o->routes.n; i++)
		rc = routes_add_option(routes, o->routes.items[i], methods, &e);
	snprintf(standard, sizeof standard, "/%s", s->version.function);
	if (rc == 0 && routes->n == 0)
		rc = routes_add(routes, standard, methods, 0, &e);
	if (rc < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	take_routes(s, routes);
	return 0;
}

static int
make(struct tool *t, const char *path, const struct subject_options *o, struct subject *s)
{
	int rc = read_source(path, o, s);

	if (rc == 0)
		rc = read_policy(t, o, s);
	if (rc == 0)
		rc = make_folder(s);
	if (rc == 0)
		rc = compile(t, o, s);
	return rc == 0 ? settle_routes(t, o, s) : rc;
}

int
subject_make(struct tool *t, const char *path, const struct subject_options *given, struct subject *s)
{
	__attribute__((cleanup(manifest_done))) struct manifest m = { 0 };
	AUTO_FREE struct subject_options *o = malloc(sizeof *o);
	int rc = tool_configure(t, false);

	if (o == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	*o = *given;
	if (rc == 0)
		rc = subject_manifest_add(path, o, &m);
	return rc == 0 ? make(t, path, o, s) : rc;
}

const char *
subject_folder(const struct subject *s)
{
	return s->folder.path[0] != '\0' ? s->folder.path : NULL;
}

void
subject_done(struct subject *s)
{
	struct err e;

	if (folder_remove(&s->folder, &e) < 0)
		tool_fail(&e);
	artifact_done(&s->artifact);
}
