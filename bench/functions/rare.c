/* rare.c - fast, but takes 100 ms once in a thousand requests, and says so: 202. */
#include <cfn.h>
#include <unistd.h>

int
rare(cfn_request *q, cfn_response *r)
{
	static unsigned n;

	(void)q;
	if (++n % 1000 != 0)
		return cfn_send(r, 200, "text/plain", "fast\n");
	usleep(100 * 1000);
	return cfn_send(r, 202, "text/plain", "slow\n");
}
