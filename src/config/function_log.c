/* function_log.c - where the functions' lines go. */
#include "config/function_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/policy.h"

bool
function_log_is_each(const struct config *c)
{
	return strstr(c->function_log, "%n") != NULL;
}

/* A name in a folder's place would need folders that nobody made. */
int
function_log_check(const struct config *c, struct err *e)
{
	const char *at = strstr(c->function_log, "%n");

	if (at && (c->function_log[0] != '/' || strchr(at, '/') || strstr(at + 2, "%n")))
		return err_set(e, -EINVAL, "function_log: %%n stands once, in the name of a file");
	return 0;
}

int
function_log_path(const struct config *c, const char *name, char path[FUNCTION_LOG_PATH_SIZE], struct err *e)
{
	const char *at = strstr(c->function_log, "%n");
	int rc = policy_check_name(name, e);

	if (rc < 0)
		return rc;
	if (at)
		snprintf(path, FUNCTION_LOG_PATH_SIZE, "%.*s%s%s", (int)(at - c->function_log),
		         c->function_log, name, at + 2);
	else
		snprintf(path, FUNCTION_LOG_PATH_SIZE, "%s", c->function_log);
	return 0;
}
