/* say.c - what a starting worker tells the spawner. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/message.h"
#include "ipc/start.h"
#include "worker/worker.h"

int
say(uint32_t type, const void *body, size_t length)
{
	static char message[sizeof type + MESSAGE_BODY_MAX];

	if (length > MESSAGE_BODY_MAX)
		return -EMSGSIZE;
	memcpy(message, &type, sizeof type);
	memcpy(message + sizeof type, body, length);
	return write(WORKER_FD_CHANNEL, message, sizeof type + length) < 0 ? -errno : 0;
}

void
say_failed(uint32_t type, const struct err *failure)
{
	say(type, failure->text, strlen(failure->text));
}

static bool
is_plain(const char *text, size_t max)
{
	size_t n = strnlen(text, max);

	if (n == 0 || n == max)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

/* "METHODS PATH\n"; methods separated by commas, because a space ends them. */
static int
add_route(char *text, size_t size, size_t *used, const struct function *f, size_t i)
{
	const char *methods, *path;
	char names[ROUTE_METHODS_MAX];
	int n;

	function_route(f, i, &methods, &path);
	if (!methods || !path || !is_plain(methods, sizeof names) || !is_plain(path, ROUTE_PATH_MAX))
		return -EINVAL;
	snprintf(names, sizeof names, "%s", methods);
	for (char *c = names; *c; c++)
		if (*c == ' ')
			*c = ',';
	n = snprintf(text + *used, size - *used, "%s %s\n", names, path);
	if ((size_t)n >= size - *used)
		return -E2BIG;
	*used += (size_t)n;
	return 0;
}

int
say_ready(const struct worker *w, const struct function *f, struct err *e)
{
	static char body[MESSAGE_BODY_MAX];
	struct process_ready ready = { .n_routes = (uint32_t)function_n_routes(f) };
	size_t used = sizeof ready;
	int rc = 0;

	memcpy(body, &ready, sizeof ready);
	for (size_t i = 0; w->start.is_trial && i < function_n_routes(f) && rc == 0; i++)
		rc = add_route(body, sizeof body, &used, f, i);
	if (rc == -EINVAL)
		return err_set(e, rc,
		               "the route table has a row without methods or path, or with control "
		               "bytes in them");
	if (rc < 0)
		return err_set(e, rc, "the route table is too long");
	rc = say(REPORT_READY, body, used);
	return rc < 0 ? err_set(e, -rc, "say ready") : 0;
}
