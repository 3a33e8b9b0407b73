/* breaks.c - crashes, each time. */
#include <cfn.h>

int breaks(cfn_request *q, cfn_response *r);

int
breaks(cfn_request *q, cfn_response *r)
{
	(void)q;
	(void)r;
	__builtin_trap();
}
