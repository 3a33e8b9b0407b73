/* secrets.c - passwords and signed webhooks, as a handler uses them. */
#include <cfn.h>
#include <string.h>

static int
sign_up(cfn_request *q, cfn_response *r)
{
	const char *hash = cfn_password_hash(q, cfn_form(q, "password"));

	return hash ? cfn_send(r, 200, NULL, "%s", hash) : cfn_error(r, 500, "no hash");
}

static int
log_in(cfn_request *q, cfn_response *r)
{
	bool is_ok = cfn_password_ok(cfn_form(q, "password"), cfn_form(q, "hash"));

	return cfn_send(r, is_ok ? 200 : 403, NULL, "%s", is_ok ? "welcome" : "no");
}

static int
hook(cfn_request *q, cfn_response *r)
{
	size_t n;
	const void *body = cfn_body(q, &n);
	bool is_ok = body && cfn_hmac_ok(cfn_env("HOOK_KEY"), body, n, cfn_header(q, "X-Signature"));

	return cfn_send(r, is_ok ? 200 : 403, NULL, "%s", is_ok ? "taken" : "no");
}

CFN_ROUTES({ "POST", "/sign-up", sign_up }, { "POST", "/log-in", log_in }, { "POST", "/hook", hook });
