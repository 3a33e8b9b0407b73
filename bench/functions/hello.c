/* hello.c - what nearly all scenarios ask for. */
#include <cfn.h>

int
hello(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_query(q, "name");

	return cfn_send(r, 200, "text/plain", "Hello, %s!\n", name ? name : "world");
}
