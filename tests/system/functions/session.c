/* session.c - a session as a function sees it, and one that lies about it. */
#include <cfn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
show(cfn_request *q, cfn_response *r)
{
	const char *user = cfn_session(q, "user"), *cookie = cfn_header(q, "Cookie");

	return cfn_send(r, 200, "text/plain", "user %s cookie '%s'\n", user ? user : "nobody",
	                cookie ? cookie : "");
}

static int
login(cfn_request *q, cfn_response *r)
{
	int rc = cfn_session_new(q, r);

	if (rc == 0)
		rc = cfn_session_set(q, r, "user", cfn_query(q, "user"));
	return cfn_send(r, rc < 0 ? 500 : 200, "text/plain", "login %d\n", rc);
}

static int
logout(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, 200, "text/plain", "logout %d\n", cfn_session_new(q, r));
}

static int
form(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, 200, "text/plain", "%s", cfn_csrf(q));
}

static int
post(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, cfn_csrf_ok(q) ? 200 : 403, "text/plain", "posted\n");
}

static int
plain(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "plain\n");
}

static int
failed(cfn_request *q, cfn_response *r)
{
	cfn_session_set(q, r, "user", "nobody");
	return -1;
}

static int
stream(cfn_request *q, cfn_response *r)
{
	int before = cfn_session_set(q, r, "user", "streamer");
	int begun = cfn_stream(r, 200, "text/plain");

	cfn_printf(r, "%d %d %d\n", before, begun, cfn_session_set(q, r, "user", "late"));
	return 0;
}

CFN_ROUTES({ "GET", "/s/show", show }, { "GET", "/s/login", login }, { "GET", "/s/logout", logout },
           { "GET", "/s/form", form }, { "POST", "/s/post", post }, { "GET", "/s/plain", plain },
           { "GET", "/s/failed", failed }, { "GET", "/s/stream", stream });
