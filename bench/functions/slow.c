/* slow.c - sleeps 100 ms, or as many as ?ms= says. */
#include <cfn.h>
#include <stdlib.h>
#include <unistd.h>

int
slow(cfn_request *q, cfn_response *r)
{
	const char *ms = cfn_query(q, "ms");

	usleep(1000 * (ms ? (unsigned)atoi(ms) : 100));
	return cfn_send(r, 200, "text/plain", "slow\n");
}
