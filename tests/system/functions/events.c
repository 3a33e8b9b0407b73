/* events.c - an event at once, then a long silence; how it ends is said and logged. */
#include <cfn.h>
#include <errno.h>

/* ?deaf=1: it hears of nothing. */
static int
events(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_header(q, "X-Name");
	int rc = cfn_stream(r, 200, "text/event-stream");

	if (rc == 0)
		rc = cfn_event(r, "first", name ? name : "nobody");
	while (rc == 0 || (rc != -EPIPE && cfn_query(q, "deaf")))
		rc = cfn_wait(q, 60000);
	cfn_log(q, CFN_NOTICE, "stream ended: %s",
	        rc == -EPIPE       ? "gone"
	        : rc == -ESHUTDOWN ? "told"
	                           : "other");
	if (rc == -ESHUTDOWN)
		cfn_event(r, "bye", "see you");
	return 0;
}

static int
plain(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "plain\n");
}

CFN_ROUTES({ "GET", "/events", events }, { "GET", "/plain", plain });
