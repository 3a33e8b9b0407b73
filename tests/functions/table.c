/* table.c - a route table with static handlers. */
#include <cfn.h>

static int
list(cfn_request *req, cfn_response *res)
{
	return cfn_send(res, 200, NULL, "list %s", cfn_method(req));
}

static int
note(cfn_request *req, cfn_response *res)
{
	return cfn_send(res, 200, NULL, "note %s", cfn_param(req, "id"));
}

static int
file(cfn_request *req, cfn_response *res)
{
	return cfn_send(res, 200, NULL, "file %s", cfn_param(req, "*"));
}

CFN_ROUTES({ "GET", "/notes", list }, { "GET DELETE", "/notes/:id", note }, { "GET", "/files/*", file });
