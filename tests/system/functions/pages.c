/* pages.c - an answer with the id of the request that made it and what was seen of the client; its fields are
 * asked for in the query. */
#include <cfn.h>
#include <stdlib.h>

static const char *
seen(const char *value)
{
	return value ? value : "-";
}

static int
page(cfn_request *q, cfn_response *r)
{
	long status = 200, wait = 0, size = 0;

	cfn_query_int(q, "status", 200, 599, &status);
	cfn_query_int(q, "wait", 0, 10000, &wait);
	cfn_query_int(q, "size", 0, 4 << 20, &size);
	cfn_wait(q, (int)wait);
	if (cfn_query(q, "die"))
		abort();
	cfn_status(r, (int)status);
	cfn_set(r, "Cache-Control", cfn_query(q, "control"));
	cfn_set(r, "Vary", cfn_query(q, "vary"));
	cfn_set(r, "X-Cache", cfn_query(q, "x-cache"));
	if (cfn_query(q, "cookie"))
		cfn_set_cookie(r, "a", "b", 100, 0);
	if (cfn_query(q, "tag") && cfn_etag(r, cfn_query(q, "tag")))
		return 304;
	cfn_printf(r, "made for %s\nhost %s\nforwarded %s\nagent %s\ncookie %s\n", cfn_id(q),
	           seen(cfn_header(q, "Host")), seen(cfn_header(q, "X-Forwarded-Host")),
	           seen(cfn_header(q, "User-Agent")), seen(cfn_header(q, "Cookie")));
	for (; size > 0; size--)
		cfn_write(r, "x", 1);
	return (int)status;
}

CFN_ROUTES({ "GET", "/pages", page });
