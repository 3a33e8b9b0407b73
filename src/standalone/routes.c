/* routes.c - the function's table as a router has it. */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "standalone/standalone.h"

static int
read_rows(const struct function *f, struct snapshot_route *rows, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *methods;
		unsigned bits;

		function_route(f, i, &methods, &rows[i].pattern);
		if (http_methods_parse(methods, &bits) < 0)
			return err_set(e, -EINVAL, "route '%.100s': unknown method in '%.60s'",
			               rows[i].pattern, methods);
		rows[i].methods = bits;
		rows[i].index = (uint32_t)i;
	}
	return 0;
}

int
routes_open(const struct function *f, struct snapshot **map, struct err *e)
{
	static const struct snapshot_function function = { .version_id = 1, .is_enabled = 1, .name = "it" };
	size_t n = function_n_routes(f);
	AUTO_FREE struct snapshot_route *rows = calloc(n + 1, sizeof *rows);
	AUTO_FD fd = -1;

	if (!rows)
		return err_set(e, ENOMEM, "routes");
	*map = NULL;
	if (n == 0)
		return 0;
	if (read_rows(f, rows, n, e) < 0)
		return -e->code;
	fd = snapshot_build(1, &function, 1, rows, n, e);
	return fd < 0 ? fd : snapshot_map(fd, map, e);
}

enum cause
routes_find(const struct snapshot *map, struct params *p, unsigned *methods, struct err *e)
{
	struct route_match m;
	int rc = 0;

	if (!map)
		return CAUSE_NONE;
	snapshot_match(map, p->path, p->method, &m);
	*methods = m.methods;
	if (!m.function)
		return m.methods == 0 ? CAUSE_NO_ROUTE : CAUSE_METHOD_NOT_ALLOWED;
	rc = params_add(p, e, "CFN_ROUTE=%u", m.index);
	for (size_t i = 0; i < m.n_params && rc == 0; i++)
		rc = params_add(p, e, "CFN_PARAM_%s=%.*s", m.params[i].name, (int)m.params[i].value_length,
		                m.params[i].value);
	return rc == 0 ? CAUSE_NONE : CAUSE_PARAMS_TOO_LARGE;
}
