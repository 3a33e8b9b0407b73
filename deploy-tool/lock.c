/* lock.c - `cfn-deploy lock` and `unlock`: deployers keep each other from changing a function. */
#include <stdio.h>

#include "deploy-tool/commands.h"

struct lock_arguments {
	const char *reason;
};

const struct argument_row lock_options[] = {
	{ "reason", 0, ARGUMENT_TEXT, offsetof(struct lock_arguments, reason), "TEXT",
	  "why, for those who meet the lock" },
};
const size_t lock_n_options = ARRAY_SIZE(lock_options);

/* The pools need not know: nothing that runs has changed. */
static int
report_lock(const struct tool *t, const char *function, const char *what)
{
	if (t->json)
		return tool_print_json(json_pack("{s:s, s:s, s:s}", "function", function, "change", what,
		                                 "registry", t->config.registry));
	printf("%s: %s (registry %s)\n", function, what, t->config.registry);
	return tool_flush();
}

int
run_lock(struct tool *t, const char *const *arguments)
{
	struct lock_arguments own = { 0 };
	const struct argument_table table = { lock_options, lock_n_options, &own };
	struct argument_list rest;
	struct err e;
	int rc = tool_arguments(t, &(struct tool_syntax){ &table, 1, 1, 1 }, arguments, &rest);

	if (rc != 0 || t->wants_help)
		return rc;
	if (own.reason == NULL)
		return tool_fail_as(EX_USAGE, "lock needs --reason TEXT; see 'cfn-deploy help lock'");
	rc = tool_open_registry(t, REGISTRY_WRITE);
	if (rc != 0)
		return rc;
	if (registry_lock(t->registry, rest.items[0], own.reason, &e) < 0)
		return tool_fail(&e);
	return report_lock(t, rest.items[0], "locked");
}

int
run_unlock(struct tool *t, const char *const *arguments)
{
	struct argument_list rest;
	struct err e;
	int rc = tool_plain_arguments(t, 1, 1, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_WRITE);
	if (rc != 0 || t->wants_help)
		return rc;
	if (registry_unlock(t->registry, rest.items[0], &e) < 0)
		return tool_fail(&e);
	return report_lock(t, rest.items[0], "unlocked");
}
