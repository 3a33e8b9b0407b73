/* storms.c - functions that a running pool has disabled for a storm of refused system calls. */
#include "deploy-tool/storms.h"

#include <string.h>

#include "deploy-tool/pools.h"

json_t *
storms_ask(const struct tool *t)
{
	AUTO_POOLS struct pools pools = { 0 };
	json_t *all = json_array();
	struct err e;

	if (pools_connect(t, &pools, &e) < 0)
		return all;
	for (size_t i = 0; i < pools.n; i++) {
		AUTO_JSON json_t *status = NULL;

		if (pools_ask(&pools, i, json_pack("{s:s}", "command", "status"), -1, STORMS_ASK_MS, &status,
		              &e) == 0)
			json_array_extend(all, json_object_get(status, "storms"));
	}
	return all;
}

bool
storms_include(const json_t *storms, const struct registry_version *v)
{
	json_t *storm;
	size_t i;

	json_array_foreach(storms, i, storm)
	{
		const char *function = json_string_value(json_object_get(storm, "function"));

		if (v->is_active && function && strcmp(function, v->function) == 0 &&
		    json_integer_value(json_object_get(storm, "version")) == (json_int_t)v->number)
			return true;
	}
	return false;
}
