/* mirror.c - says what request it got, for invoke.bats: method, path, query, some fields, the body. */
#include <cfn.h>

#include <string.h>

static int
stream(cfn_response *r)
{
	cfn_stream(r, 200, "text/plain");
	for (int i = 0; i < 3; i++) {
		cfn_printf(r, "piece %d\n", i);
		cfn_flush(r);
	}
	return 0;
}

static int
mirror(cfn_request *q, cfn_response *r)
{
	const char *query = cfn_query(q, "name"), *id = cfn_param(q, "id"),
		   *type = cfn_header(q, "Content-Type");
	const char *own = cfn_header(q, "X-Own");
	size_t n = 0;
	const char *body = cfn_body(q, &n);

	if (cfn_query(q, "stream"))
		return stream(r);
	if (cfn_query(q, "escape"))
		return cfn_send(r, 200, "text/plain", "\033]0;title\007 plain\n");
	if (cfn_query(q, "binary"))
		return cfn_write(r, "a\0b\377", 4);
	cfn_log(q, 4, "a line of the log");
	cfn_printf(r, "%s %s id=%s name=%s type=%s own=%s body=%zu:", cfn_method(q), cfn_path(q),
	           id ? id : "-", query ? query : "-", type ? type : "-", own ? own : "-", n);
	if (n > 0 && n < 100)
		cfn_write(r, body, n);
	return cfn_query(q, "status") ? 404 : 200;
}

CFN_ROUTES({ "GET,POST,PUT", "/mirror", mirror }, { "GET,DELETE", "/mirror/:id", mirror });
