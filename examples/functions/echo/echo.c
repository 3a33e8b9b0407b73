/* echo.c - tells what arrived: method, path, query, header fields, cookies and body. */
#include <cfn.h>

static int
print_pair(void *context, const char *name, const char *value)
{
	return cfn_printf(context, "  %s: %s\n", name, value);
}

static void
print_body(cfn_request *req, cfn_response *res)
{
	char piece[4096];
	ssize_t n;

	cfn_printf(res, "body\n");
	/* Piece by piece: a body of any size takes no more memory than this. */
	while ((n = cfn_read(req, piece, sizeof piece)) > 0)
		if (cfn_write(res, piece, (size_t)n) < 0)
			return;
}

int
echo(cfn_request *req, cfn_response *res)
{
	/* The name cannot be misused in a page, since the answer's type is text/plain unless it is set. */
	cfn_printf(res, "%s %s\nrequest %s\n", cfn_method(req), cfn_path(req), cfn_id(req));
	cfn_printf(res, "query\n");
	cfn_each(req, CFN_QUERY, print_pair, res);
	cfn_printf(res, "header\n");
	cfn_each(req, CFN_HEADER, print_pair, res);
	cfn_printf(res, "cookies\n");
	cfn_each(req, CFN_COOKIE, print_pair, res);
	print_body(req, res);
	cfn_set(res, "Cache-Control", "no-store");
	return 200;
}
