/* web_listen.c - where the pool of this machine listens. */
#include "deploy-tool/web_listen.h"

#include <stdio.h>

#include "deploy-tool/pools.h"

/* Where the first pool of the registry listens. */
static void
listen_ask(const struct tool *t, char *to, size_t size)
{
	AUTO_POOLS struct pools pools = { 0 };
	AUTO_JSON json_t *status = NULL;
	const char *text;
	struct err e;

	if (pools_connect(t, &pools, &e) < 0 || pools.n == 0 ||
	    pools_ask(&pools, 0, json_pack("{s:s}", "command", "status"), -1, POOLS_ASK_MS, &status, &e) < 0)
		return;
	text = json_string_value(json_object_get(status, "listen"));
	if (text != NULL)
		snprintf(to, size, "%s", text);
}

void
web_listen_find(const struct tool *t, const char *given, char *to, size_t size)
{
	snprintf(to, size, "%s", given != NULL ? given : t->config.listen);
	if (to[0] == '\0' && t->config.registry[0] != '\0')
		listen_ask(t, to, size);
}
