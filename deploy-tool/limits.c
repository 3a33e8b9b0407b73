/* limits.c - the rows of the policy table as options of the command line. */
#include "deploy-tool/limits.h"

#include <stdio.h>

static struct argument_row options[LIMITS_MAX];
static char names[LIMITS_MAX][LIMIT_NAME_SIZE];

static const char *const arguments[] = {
	[POLICY_NUMBER] = "N",    [POLICY_SIZE] = "SIZE", [POLICY_DURATION] = "TIME",
	[POLICY_PM] = "WORD",     [POLICY_MODE] = "WORD", [POLICY_SWITCH] = "yes|no",
	[POLICY_COOKIE] = "WORD", [POLICY_AUTH] = "WORD",
};

static void
make_name(char *to, const char *from)
{
	size_t i = 0;

	for (; from[i] != '\0' && i < LIMIT_NAME_SIZE - 1; i++)
		to[i] = from[i] == '_' || from[i] == '.' ? '-' : from[i];
	to[i] = '\0';
}

size_t
limits_options(const struct argument_row **rows)
{
	size_t n = policy_n_version_rows < LIMITS_MAX ? policy_n_version_rows : LIMITS_MAX;

	for (size_t i = 0; i < n && options[i].name == NULL; i++) {
		make_name(names[i], policy_rows[i].name);
		options[i] = (struct argument_row){ names[i],
			                            0,
			                            ARGUMENT_TEXT,
			                            i * sizeof(const char *),
			                            arguments[policy_rows[i].kind],
			                            policy_rows[i].help };
	}
	*rows = options;
	return n;
}

int
limits_apply(const struct limits *given, struct function_policy *p, struct err *e)
{
	for (size_t i = 0; i < policy_n_version_rows && i < LIMITS_MAX; i++) {
		int rc = given->values[i] != NULL ? policy_set(p, &policy_rows[i], given->values[i], e) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}
