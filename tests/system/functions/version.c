/* version.c - says its version in the head and at both ends of a long answer; VERSION is replaced by a
 * number. */
#include <cfn.h>

#include <unistd.h>

int v(cfn_request *q, cfn_response *r);

int
v(cfn_request *q, cfn_response *r)
{
	long ms = 0;

	cfn_query_int(q, "ms", 0, 10000, &ms);
	cfn_set(r, "X-Version", "VERSION");
	cfn_printf(r, "v=VERSION ");
	for (int i = 0; i < 2000; i++)
		cfn_write(r, "0123456789", 10);
	usleep((useconds_t)ms * 1000);
	cfn_printf(r, " v=VERSION\n");
	return 200;
}
