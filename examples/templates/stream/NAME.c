/* NAME.c - a page that counts by itself: GET /NAME shows it, GET /NAME/events is its stream of Server-Sent
 * Events. */
#include <cfn.h>
#include <errno.h>
#include <limits.h>

static int
show(cfn_request *req, cfn_response *res)
{
	(void)req;
	return cfn_send(res, 200, "text/html",
	                "<!doctype html><meta charset=utf-8><title>NAME</title>\n"
	                "<h1 id=count>...</h1>\n"
	                "<script>\n"
	                "new EventSource('/NAME/events').addEventListener('count',\n"
	                "\te => document.getElementById('count').textContent = e.data);\n"
	                "</script>\n");
}

/* n=3 ends after three; without it the stream lasts until the client goes, which a negative result says. */
static int
events(cfn_request *req, cfn_response *res)
{
	long n = LONG_MAX;
	int rc = cfn_query_int(req, "n", 1, 1000, &n);

	if (rc < 0 && rc != -ENOENT)
		return cfn_error(res, 400, "n is a number from 1 to 1000.");
	cfn_set(res, "Cache-Control", "no-store");
	rc = cfn_stream(res, 200, "text/event-stream");
	for (long i = 1; rc == 0 && i <= n; i++) {
		rc = cfn_event(res, "count", cfn_sprintf(req, "%ld", i));
		if (rc == 0 && i < n)
			rc = cfn_wait(req, 1000);
	}
	return 0;
}

CFN_ROUTES({ "GET", "/NAME", show }, { "GET", "/NAME/events", events });
