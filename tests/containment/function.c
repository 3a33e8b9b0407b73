/* function.c - the attempts as a function: ?attempt=NAME is answered by the lines of that attempt. */
#include <cfn.h>

static char attempt_lines[8 * ATTEMPT_LINE_SIZE];

static void
attempt_line(const char *line)
{
	size_t used = strlen(attempt_lines);

	snprintf(attempt_lines + used, sizeof attempt_lines - used, "%s", line);
}

#ifdef __cplusplus
extern "C" {
#endif
int attempts(cfn_request *q, cfn_response *r);
#ifdef __cplusplus
}
#endif

int
attempts(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_query(q, "attempt");

	attempt_lines[0] = '\0';
	if (!name || attempt_run(name) < 0)
		return cfn_error(r, 404, "no such attempt\n");
	return cfn_send(r, 200, "text/plain", "%s", attempt_lines);
}
