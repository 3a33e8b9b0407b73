/* apply.c - `cfn-deploy apply`: the functions of a manifest, all of them or none. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "deploy-tool/apply_show.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/manifest.h"

enum { REMOVED_MAX = 256 };

struct options {
	bool dry_run, yes, prune;
};

/* One of the registry's that the manifest does not have. */
struct removed {
	char function[NAME_MAX_SIZE];
	struct signing signing;
};

struct apply {
	struct tool *tool;
	struct options options;
	struct argument_list rest;
	char path[SOURCE_PATH_SIZE + 8]; /* of the manifest, as it is named in errors */
	char shown[SOURCE_PATH_SIZE];    /* of its folder: "", "sub/" */
	int folder;
	struct manifest manifest;
	struct deployment *deployments[MANIFEST_FUNCTIONS_MAX];
	size_t n_removed;
	struct removed *removed;
	struct apply_plan plan; /* the manifest's functions in its order, then what is removed */
	struct registry_change changes[MANIFEST_FUNCTIONS_MAX + REMOVED_MAX];
	size_t rows[MANIFEST_FUNCTIONS_MAX + REMOVED_MAX]; /* of the plan, by change */
	size_t n_changes;
};

#define AT(field) offsetof(struct options, field)

const struct argument_row apply_options[] = {
	{ "dry-run", 'n', ARGUMENT_FLAG, AT(dry_run), NULL, "show the plan and leave it at that" },
	{ "yes", 'y', ARGUMENT_FLAG, AT(yes), NULL, "do not ask" },
	{ "prune", 0, ARGUMENT_FLAG, AT(prune), NULL, "remove functions that are not in the manifest" },
};
const size_t apply_n_options = ARRAY_SIZE(apply_options);

/* ---- the manifest ---- */

static int
open_file(int folder, const char *path, struct err *e)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd >= 0 ? fd : err_set(e, errno, "%.160s", path);
}

/* The folder of a file, or the file in a folder: the sources are found from the one descriptor. */
static int
open_manifest(struct apply *a, const char *path, int *file, struct err *e)
{
	const char *slash = strrchr(path, '/');
	int n = slash != NULL ? (int)(slash - path) + 1 : 0;
	int fd = open_file(AT_FDCWD, path, e);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		a->folder = fd;
		if (strcmp(path, ".") != 0)
			snprintf(a->shown, sizeof a->shown, "%s%s", path,
			         slash != NULL && slash[1] == '\0' ? "" : "/");
		snprintf(a->path, sizeof a->path, "%scfn.ini", a->shown);
		*file = open_file(fd, "cfn.ini", e);
		return *file >= 0 ? 0 : err_set(e, e->code, "%.160s", a->path);
	}
	*file = fd;
	snprintf(a->path, sizeof a->path, "%s", path);
	snprintf(a->shown, sizeof a->shown, "%.*s", n, path);
	a->folder = open(n > 0 ? a->shown : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return a->folder >= 0 ? 0 : err_set(e, errno, "%.160s", a->shown);
}

static int
read_manifest(struct apply *a)
{
	const char *path = a->rest.n > 0 ? a->rest.items[0] : ".";
	AUTO_FREE char *text = NULL;
	AUTO_FD file = -1;
	size_t n = 0;
	struct err e;
	int rc = strlen(path) + sizeof "/" <= sizeof a->shown ? 0 : err_set(&e, ENAMETOOLONG, "manifest");

	if (rc == 0)
		rc = open_manifest(a, path, &file, &e);
	if (rc == 0 && fd_read_file(file, MANIFEST_SIZE_MAX, &text, &n, &e) < 0)
		rc = err_wrap(&e, "%.160s", a->path);
	if (rc < 0)
		return tool_fail(&e);
	rc = manifest_read(&a->manifest, a->path, text, n, &e);
	return rc < 0 ? tool_fail_as(EX_DATAERR, "%s", e.text) : 0;
}

/* ---- what it would change ---- */

static int
settle_one(struct apply *a, size_t i)
{
	struct manifest_function *f = a->manifest.functions[i];
	struct deployment *d = a->deployments[i] = deployment_new(a->tool);
	int rc;

	if (d == NULL)
		return EX_OSERR;
	d->folder = a->folder;
	d->shown = a->shown;
	d->is_declared = true;
	d->options = f->options;
	d->options.function = f->name;
	d->options.replace_routes = d->options.defaults = true;
	d->limits = f->limits;
	d->rest = f->sources;
	snprintf(d->prefix, sizeof d->prefix, "[function %s]: ", f->name);
	rc = deployment_walk(d, DEPLOYMENT_READ, DEPLOYMENT_SETTLE);
	return rc == 0 ? plan_make(d, &a->plan.rows[a->plan.n++]) : rc;
}

static bool
is_in_manifest(const struct apply *a, const char *function)
{
	for (size_t i = 0; i < a->manifest.n; i++)
		if (strcmp(a->manifest.functions[i]->name, function) == 0)
			return true;
	return false;
}

static int
take_function(void *context, const struct registry_version *v)
{
	struct apply *a = context;

	if (is_in_manifest(a, v->function))
		return 0;
	if (a->n_removed == REMOVED_MAX)
		return -E2BIG;
	snprintf(a->removed[a->n_removed++].function, NAME_MAX_SIZE, "%s", v->function);
	return 0;
}

static int
settle_removals(struct apply *a)
{
	struct err e;
	int rc = registry_each_function(a->tool->registry, take_function, a, &e);

	if (rc == -E2BIG)
		return tool_fail_as(EX_DATAERR, "more than %d functions to remove at once", REMOVED_MAX);
	if (rc < 0)
		return tool_fail(&e);
	for (size_t i = 0; i < a->n_removed; i++) {
		const char *function = a->removed[i].function;

		if (registry_lock_check(a->tool->registry, function, &e) < 0)
			return tool_fail(&e);
		a->plan.rows[a->plan.n++] = (struct plan_row){ .act = PLAN_REMOVE, .function = function };
	}
	return 0;
}

/* Those that are known before anything is compiled; the transaction looks at all. */
static int
check_collisions(const struct apply *a)
{
	for (size_t i = 0; i < a->manifest.n; i++)
		for (size_t k = 0; k < i; k++) {
			const struct deployment *d = a->deployments[i], *other = a->deployments[k];
			const char *route = apply_collision(&d->routes, &other->routes);

			if (d->routes_from_options && other->routes_from_options && route != NULL)
				return tool_fail_as(EX_DATAERR, "%sroute %s is that of [function %s], too",
				                    d->prefix, route, other->artifact.source.function);
		}
	return 0;
}

static int
settle(struct apply *a)
{
	int rc = 0;

	for (size_t i = 0; i < a->manifest.n && rc == 0; i++)
		rc = settle_one(a, i);
	if (rc == 0)
		rc = check_collisions(a);
	return rc == 0 && a->options.prune ? settle_removals(a) : rc;
}

/* ---- doing it ---- */

static int
is_kept(const struct apply *a, size_t i)
{
	return a->plan.rows[i].act == PLAN_KEEP;
}

/* What its memory held is in the registry from here on. */
static int
build_one(struct apply *a, size_t i)
{
	struct deployment *d = a->deployments[i];
	int rc = deployment_walk(d, DEPLOYMENT_PREPARE, DEPLOYMENT_ADD);

	artifact_done(&d->artifact);
	free_pointer(&d->archive);
	if (rc == 0 && d->is_finished)
		a->plan.rows[i].act = PLAN_KEEP;
	return rc;
}

static void
add_change(struct apply *a, size_t row, const struct registry_change *c)
{
	a->rows[a->n_changes] = row;
	a->changes[a->n_changes++] = *c;
}

static void
collect_changes(struct apply *a)
{
	a->n_changes = 0;
	for (size_t i = 0; i < a->manifest.n; i++)
		if (!is_kept(a, i))
			add_change(a, i,
			           &(struct registry_change){ .version_id = a->deployments[i]->version_id,
			                                      .how = REGISTRY_REPLACE_ROUTES,
			                                      .a = a->deployments[i]->activation });
	for (size_t i = 0; i < a->n_removed; i++)
		add_change(a, a->manifest.n + i,
		           &(struct registry_change){ .removed = a->removed[i].function });
}

static int
change_registry(struct apply *a, bool is_trial)
{
	size_t failed = 0;
	struct err e;
	int rc = a->n_changes == 0
	             ? 0
	             : registry_apply(a->tool->registry, a->changes, a->n_changes, is_trial, &failed, &e);

	if (rc == 0)
		return 0;
	tool_fail_as(EX_DATAERR, "nothing is changed: %s: %s", a->plan.rows[a->rows[failed]].function,
	             e.text);
	return tool_exit_status(rc);
}

/* One that stays as it is has to be what the pools take. */
static int
vote_one(struct apply *a, size_t i)
{
	struct deployment *d = a->deployments[i];
	struct err e;
	int rc;

	if (!is_kept(a, i)) {
		rc = deployment_walk(d, DEPLOYMENT_VOTE, DEPLOYMENT_VOTE);
		pools_done(&d->pools);
		return rc;
	}
	rc = pools_connect(a->tool, &d->pools, &e);
	if (rc == 0)
		rc = signing_check(a->tool, &d->pools, d->is_finished ? &d->version : &d->previous, &e);
	pools_done(&d->pools);
	return rc < 0 ? tool_fail_as(tool_exit_status(rc), "%s%s", d->prefix, e.text) : 0;
}

static int
sign_removals(struct apply *a)
{
	size_t first = a->n_changes - a->n_removed;
	struct err e;

	for (size_t i = 0; i < a->n_removed; i++) {
		struct removed *r = &a->removed[i];

		if (signing_open(a->tool, &r->signing, &e) < 0 ||
		    signing_remove(a->tool, &r->signing, r->function, &a->changes[first + i].a, &e) < 0)
			return tool_fail(&e);
	}
	return 0;
}

/* Everything that can fail is tried before the one transaction that changes something. */
static int
carry_out(struct apply *a)
{
	int rc = 0;

	for (size_t i = 0; i < a->manifest.n && rc == 0; i++)
		rc = is_kept(a, i) ? 0 : build_one(a, i);
	if (rc != 0)
		return rc;
	collect_changes(a);
	rc = change_registry(a, true);
	for (size_t i = 0; i < a->manifest.n && rc == 0; i++)
		rc = vote_one(a, i);
	if (rc != 0)
		return rc;
	collect_changes(a);
	rc = sign_removals(a);
	return rc == 0 ? change_registry(a, false) : rc;
}

/* ---- all of it ---- */

/* The number of each version, as it is now. */
static void
number_rows(struct apply *a)
{
	for (size_t i = 0; i < a->manifest.n; i++) {
		const struct deployment *d = a->deployments[i];

		a->plan.versions[i] = d->version_id > 0 ? d->version.number : d->previous.number;
	}
}

static bool
has_work(const struct apply *a)
{
	for (size_t i = 0; i < a->plan.n; i++)
		if (!is_kept(a, i))
			return true;
	return false;
}

static int
apply(struct apply *a)
{
	int rc = read_manifest(a);

	if (rc == 0)
		rc = settle(a);
	if (rc != 0)
		return rc;
	number_rows(a);
	if (a->options.dry_run)
		return apply_show_plan(a->tool, &a->plan);
	rc = apply_confirm(a->tool, &a->plan, a->options.yes || !has_work(a));
	if (rc == 0)
		rc = carry_out(a);
	if (rc != 0)
		return rc;
	number_rows(a);
	return apply_show_result(a->tool, &a->plan, pools_tell(a->tool));
}

static void
free_apply(struct apply **a)
{
	if (*a == NULL)
		return;
	for (size_t i = 0; i < MANIFEST_FUNCTIONS_MAX; i++)
		deployment_free(&(*a)->deployments[i]);
	for (size_t i = 0; i < (*a)->n_removed; i++)
		signing_done(&(*a)->removed[i].signing);
	free_pointer(&(*a)->removed);
	manifest_done(&(*a)->manifest);
	fd_close(&(*a)->folder);
	free(*a);
}

int
run_apply(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(free_apply))) struct apply *a = calloc(1, sizeof *a);
	int rc;

	if (a == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	a->tool = t;
	a->folder = -1;
	a->removed = calloc(REMOVED_MAX, sizeof *a->removed);
	if (a->removed == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { apply_options, apply_n_options, &a->options } },
	                                           1, 0, 1 },
	                    arguments, &a->rest);
	return rc != 0 || t->wants_help ? rc : apply(a);
}
