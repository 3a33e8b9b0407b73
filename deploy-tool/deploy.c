/* deploy.c - `cfn-deploy deploy` and `check`: from a file to an active version. */
#include <stdio.h>
#include <stdlib.h>

#include "deploy-tool/commands.h"
#include "deploy-tool/deployment.h"
#include "deploy-tool/report.h"

/* A version that is active as it is has no vote above. */
static int
check_unchanged(struct deployment *d)
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
finish(struct deployment *d)
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

int
run_deploy(struct tool *t, const char *const *arguments)
{
	AUTO_DEPLOYMENT *d = deployment_new(t);
	const struct argument_row *limit_rows;
	size_t n_limits = limits_options(&limit_rows);
	int rc;

	if (d == NULL)
		return EX_OSERR;
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { deploy_options, deploy_n_options, &d->options },
						       { limit_rows, n_limits, &d->limits } },
	                                           2, 0, SOURCE_FILES_MAX },
	                    arguments, &d->rest);
	if (rc != 0 || t->wants_help)
		return rc;
	if (d->rest.n + d->options.sources.n == 0)
		return tool_fail_as(EX_USAGE, "an argument is missing: cfn-deploy deploy %s",
		                    t->command->usage);
	rc = deployment_walk(d, DEPLOYMENT_READ, DEPLOYMENT_ACTIVATE);
	return rc != 0 ? rc : finish(d);
}

int
run_check(struct tool *t, const char *const *arguments)
{
	AUTO_DEPLOYMENT *d = deployment_new(t);
	int rc;

	if (d == NULL)
		return EX_OSERR;
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { check_options, check_n_options, &d->options } },
	                                           1, 1, SOURCE_FILES_MAX },
	                    arguments, &d->rest);
	if (rc == 0 && t->wants_help)
		return 0;
	if (rc == 0)
		rc = tool_configure(t, false);
	if (rc == 0)
		rc = deployment_walk(d, DEPLOYMENT_READ, DEPLOYMENT_READ);
	if (rc == 0)
		rc = deployment_walk(d, DEPLOYMENT_COMPILE, DEPLOYMENT_COMPILE);
	if (rc != 0)
		return rc;
	if (t->json)
		return tool_print_json(json_pack("{s:b, s:s, s:s}", "ok", 1, "function",
		                                 d->artifact.source.function, "entry", d->artifact.entry));
	printf("%s: ok\n", d->artifact.source.path);
	return tool_flush();
}
