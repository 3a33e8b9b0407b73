/* hello.c - the shortest useful function: GET /hello?name=Ada */
#include <cfn.h>

int
hello(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_query(req, "name");

	return cfn_send(res, 200, "text/plain", "Hello, %s!\n", name ? name : "world");
}
