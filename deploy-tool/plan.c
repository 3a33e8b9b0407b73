/* plan.c - what deploying a function would change. */
#include "deploy-tool/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "deploy-tool/check.h"
#include "deploy-tool/links.h"

const char *
plan_word(enum plan_act act)
{
	static const char *const words[] = { "unchanged", "create", "change", "remove" };

	return words[act];
}

static void
add_word(struct plan_row *row, const char *word)
{
	size_t n = strlen(row->what);

	row->act = PLAN_CHANGE;
	snprintf(row->what + n, sizeof row->what - n, "%s%s", n > 0 ? ", " : "", word);
}

/* ---- the policy ---- */

static bool
has_other_environment(const struct function_policy *a, const struct function_policy *b)
{
	return a->env_size != b->env_size || memcmp(a->env, b->env, a->env_size) != 0;
}

static bool
has_other_smokes(const struct function_policy *a, const struct function_policy *b)
{
	return a->smokes_size != b->smokes_size || memcmp(a->smokes, b->smokes, a->smokes_size) != 0;
}

/* What has no word of its own is said in general.  What comes of the source is compared with that. */
static int
compare_policies(struct function_policy given, const struct registry_version *v, struct plan_row *row,
                 struct err *e)
{
	struct function_policy *before = (struct function_policy *)(uintptr_t)&v->policy;
	const struct function_policy *p = &given;
	char text[POLICY_TEXT_MAX];
	enum plan_act act = row->act;
	struct digest digest;
	int rc;

	row->act = PLAN_KEEP;
	given.uses_session = before->uses_session;
	for (size_t i = 0; i < policy_n_version_rows; i++)
		if (*policy_value(&given, &policy_rows[i]) != *policy_value(before, &policy_rows[i]))
			add_word(row, policy_rows[i].name);
	if (strcmp(p->links, before->links) != 0)
		add_word(row, "libraries");
	if (has_other_environment(p, before))
		add_word(row, "environment");
	if (has_other_smokes(p, before))
		add_word(row, "smoke");
	if (strcmp(p->origins, before->origins) != 0)
		add_word(row, "cors");
	if (strcmp(p->shared, before->shared) != 0 || p->shared_read_only != before->shared_read_only)
		add_word(row, "shared folder");
	rc = policy_pack(p, text, sizeof text, e);
	if (rc == 0)
		rc = digest_of(text, strlen(text), &digest, e);
	if (rc == 0 && row->act == PLAN_KEEP && memcmp(&digest, &v->policy_text, sizeof digest) != 0)
		add_word(row, "policy");
	if (row->act == PLAN_KEEP)
		row->act = act;
	return rc;
}

/* ---- what else a version is made of ---- */

static int
compare_source(const struct deployment *d, struct plan_row *row, struct err *e)
{
	struct digest digest;
	int rc = digest_of(d->archive, d->archive_size, &digest, e);

	if (rc == 0 && memcmp(&digest, &d->previous.source, sizeof digest) != 0)
		add_word(row, "source");
	return rc;
}

static bool
has_other_routes(const struct deployment *d)
{
	const struct registry_version *v = &d->previous;

	if (v->n_routes != d->routes.n)
		return true;
	for (size_t i = 0; i < v->n_routes; i++)
		if (v->routes[i].methods != d->routes.rows[i].methods ||
		    strcmp(v->routes[i].pattern, d->routes.rows[i].pattern) != 0)
			return true;
	return false;
}

/* A version of the same source: which handler would be chosen today, its artifact tells. */
static int
compare_entry(struct deployment *d, struct plan_row *row, struct err *e)
{
	struct build b = { 0 };
	struct elf_report report;
	size_t n = 0;
	int rc = registry_blob(d->tool->registry, &d->previous.artifact, &b.artifact, &n, e);

	b.artifact_size = n;
	artifact_set_entries(&d->artifact, d->options.entry, NULL);
	if (rc == 0)
		rc = links_resolve(&d->tool->config, d->policy.links, b.libraries, e);
	tool_open_boxes(d->tool);
	if (rc == 0)
		rc = check_artifact(&d->tool->boxes, &b, d->artifact.entries, &report, e);
	free_pointer(&b.artifact);
	if (rc < 0)
		return rc;
	if (strcmp(artifact_entry(&d->artifact, &report), d->previous.entry) != 0)
		add_word(row, "entry");
	return 0;
}

static int
compare_compiler(struct deployment *d, struct plan_row *row, struct err *e)
{
	struct build b;
	int rc;

	tool_open_boxes(d->tool);
	rc = build_describe(&d->tool->boxes, &d->artifact.source, &b, e);
	if (rc == 0 &&
	    (strcmp(b.compiler, d->previous.compiler) != 0 || strcmp(b.flags, d->previous.flags) != 0))
		add_word(row, "compiler");
	return rc;
}

static int
compare(struct deployment *d, struct plan_row *row, struct err *e)
{
	int rc = compare_source(d, row, e);

	if (rc == 0)
		rc = compare_policies(d->policy, &d->previous, row, e);
	/* Those of a table are in the source. */
	if (rc == 0 && (d->previous.entry[0] != '\0' || d->routes_from_options) && has_other_routes(d))
		add_word(row, "routes");
	if (rc == 0 && row->act == PLAN_KEEP)
		rc = compare_compiler(d, row, e);
	if (rc == 0 && row->act == PLAN_KEEP)
		rc = compare_entry(d, row, e);
	return rc;
}

int
plan_make(struct deployment *d, struct plan_row *row)
{
	/* One that has never been active is not there for anybody. */
	bool is_there = d->has_previous && d->previous.is_active;
	struct err e;

	*row = (struct plan_row){ .act = is_there ? PLAN_KEEP : PLAN_CREATE,
		                  .function = d->artifact.source.function };
	if (!is_there || compare(d, row, &e) == 0)
		return 0;
	return tool_fail_as(tool_exit_status(e.code), "%s%s", d->prefix, e.text);
}
