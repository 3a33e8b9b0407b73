/* plain.c - one handler found by its name, and the two hooks. */
#include <cfn.h>
#include <stdio.h>

static int n_inits, n_finis;

CFN_EXPORT int *counter_of(int which);
CFN_EXPORT int *
counter_of(int which)
{
	return which ? &n_finis : &n_inits;
}

int
cfn_init(void)
{
	n_inits++;
	return 0;
}

void
cfn_fini(void)
{
	n_finis++;
}

int
hello(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_query(req, "name");

	printf("asked for %s", name ? name : "nobody");
	return cfn_send(res, 200, "text/plain", "Hello, %s!\n", name ? name : "world");
}
