/* clock.c - a page that ticks: GET /clock shows it, GET /clock/ticks is the stream of Server-Sent Events.
 *
 * A stream may last for days, so it has to hear that its version ends: it says goodbye, and the browser,
 * which asks again by itself, is with the new one a moment later. */
#include <cfn.h>
#include <errno.h>
#include <limits.h>
#include <time.h>

static const char page[] = "<!doctype html><meta charset=utf-8><title>clock</title>\n"
			   "<h1 id=now>...</h1>\n"
			   "<script>\n"
			   "const show = e => document.getElementById('now').textContent = e.data;\n"
			   "const ticks = new EventSource('/clock/ticks');\n"
			   "ticks.addEventListener('tick', show);\n"
			   "ticks.addEventListener('bye', show);\n"
			   "</script>\n";

static int
show(cfn_request *req, cfn_response *res)
{
	(void)req;
	return cfn_send(res, 200, "text/html", "%s", page);
}

static const char *
now(cfn_request *req)
{
	char text[32];
	time_t t = time(NULL);
	struct tm tm;

	strftime(text, sizeof text, "%H:%M:%S", gmtime_r(&t, &tm));
	return cfn_sprintf(req, "%s UTC", text);
}

/* n=3 ends after three ticks; without it the stream lasts until the client goes. */
static int
ticks(cfn_request *req, cfn_response *res)
{
	long n = LONG_MAX;
	int rc = cfn_query_int(req, "n", 1, 3600, &n);

	if (rc < 0 && rc != -ENOENT)
		return cfn_error(res, 400, "n is a number from 1 to 3600.");
	cfn_cache(res, -1, 0);
	rc = cfn_stream(res, 200, "text/event-stream");
	while (rc == 0 && n-- > 0) {
		rc = cfn_event(res, "tick", now(req));
		if (rc == 0 && n > 0)
			rc = cfn_wait(req, 1000);
	}
	if (rc == -ESHUTDOWN)
		cfn_event(res, "bye", "back in a moment");
	return 0;
}

CFN_ROUTES({ "GET", "/clock", show }, { "GET", "/clock/ticks", ticks });
