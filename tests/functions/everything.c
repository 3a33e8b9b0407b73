/* everything.c - takes the address of every name that a worker offers: linked with -z defs it proves that the
 * stub has them all. */
#include <cfn.h>

typedef void any(void);

#define X(name) (any *)name,
CFN_EXPORT extern any *const names[];
any *const names[] = {
#include "function/symbols.h"
	0,
};

int
everything(cfn_request *req, cfn_response *res)
{
	(void)req;
	return cfn_send(res, 200, NULL, "everything");
}
