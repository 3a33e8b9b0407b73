/* webhook.c - an inbox for signed messages of another service: POST /webhook
 *
 *     X-Webhook-Id: msg-1
 *     X-Webhook-Timestamp: 1790000000
 *     X-Webhook-Signature: sha256=HEX      the HMAC-SHA-256 of "ID.TIMESTAMP.BODY"
 *
 * The secret is WEBHOOK_SECRET (cfn-deploy secret).  A message becomes the file ID.msg of the shared folder,
 * once, however often it is delivered; whatever works on it comes and takes it from there. */
#include <cfn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BYTES = 256 << 10, MAX_ID = 64, MAX_AGE = 300 };

/* Without '.', so that what is signed can be taken apart in one way alone, and without '/'. */
static bool
is_id(const char *id)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t n = id ? strlen(id) : 0;

	return n > 0 && n <= MAX_ID && strspn(id, allowed) == n;
}

/* Seconds since 1970, or -1. */
static long long
read_time(const char *text)
{
	size_t n = text ? strlen(text) : 0;

	return n > 0 && n <= 12 && strspn(text, "0123456789") == n ? atoll(text) : -1;
}

/* The body may hold any bytes, so this is no business of cfn_sprintf alone. */
static bool
is_signed(cfn_request *req, const char *secret, const char *id, const char *timestamp)
{
	const char *signature = cfn_header(req, "X-Webhook-Signature");
	size_t n, head = strlen(id) + strlen(timestamp) + 2;
	const void *body = cfn_body(req, &n);
	char *text = body ? cfn_alloc(req, head + n + 1) : NULL;

	if (!signature || !text)
		return false;
	stpcpy(stpcpy(stpcpy(stpcpy(text, id), "."), timestamp), ".");
	memcpy(text + head, body, n);
	return cfn_hmac_ok(secret, text, head + n, signature);
}

/* A message that was caught on its way can be sent again: soon, then its id is known; or later, then it is
 * old. */
static bool
is_recent(const char *timestamp)
{
	const char *text = cfn_env("WEBHOOK_MAX_AGE");
	long long sent = read_time(timestamp), age = text ? read_time(text) : MAX_AGE;

	return sent >= 0 && llabs((long long)time(NULL) - sent) <= age;
}

static int
receive(cfn_request *req, cfn_response *res)
{
	const char *id = cfn_header(req, "X-Webhook-Id"), *timestamp = cfn_header(req, "X-Webhook-Timestamp");
	const char *secret = cfn_env("WEBHOOK_SECRET"), *path;
	int64_t saved;

	if (!secret) {
		cfn_log(req, CFN_ERROR, "WEBHOOK_SECRET is not set");
		return cfn_error(res, 503, "No secret was agreed on.");
	}
	if (cfn_length(req) > MAX_BYTES)
		return cfn_error(res, 413, "A message has at most %d bytes.", MAX_BYTES);
	/* One word for all of it: who guesses learns nothing. */
	if (!is_id(id) || !timestamp || !is_signed(req, secret, id, timestamp))
		return cfn_error(res, 403, "The message is not signed as it should be.");
	if (!is_recent(timestamp))
		return cfn_error(res, 403, "The message was signed too long ago.");
	path = cfn_sprintf(req, "/%s.msg", id);
	if (access(path, F_OK) == 0)
		return cfn_send(res, 200, NULL, "%s is known\n", id);
	/* Twice at the same moment: both write the same bytes under the same name. */
	saved = cfn_save(req, path, MAX_BYTES);
	if (saved == -EFBIG)
		return cfn_error(res, 413, "A message has at most %d bytes.", MAX_BYTES);
	if (saved < 0) {
		/* Not 2xx: the sender tries again. */
		cfn_log(req, CFN_ERROR, "%s: %s", path, strerror((int)-saved));
		return cfn_error(res, 500, "The message could not be kept.");
	}
	return cfn_send(res, 202, NULL, "%s is kept\n", id);
}

CFN_ROUTES({ "POST", "/webhook", receive });
