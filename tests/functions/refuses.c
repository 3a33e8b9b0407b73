/* refuses.c - a function that does not want to serve. */
#include <cfn.h>

int
cfn_init(void)
{
	return -5;
}

static int
never(cfn_request *req, cfn_response *res)
{
	(void)req;
	(void)res;
	return 0;
}

CFN_ROUTES({ "GET", "/", never });
