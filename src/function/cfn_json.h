/* cfn_json.h - JSON bodies and answers, for functions that are linked with jansson: cfn_json(3).
 *
 *     cfn-deploy deploy --link jansson FILE */
#ifndef CFN_JSON_H
#define CFN_JSON_H

#include <cfn.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* A sandbox has no /dev/urandom, and jansson would take the time for a seed: who sends bodies must not be
 * able to choose keys that fall together. */
__attribute__((constructor)) static void
cfn_json_seed(void)
{
	size_t seed = 0;

	if (getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed)
		json_object_seed(seed);
}

/* RFC 6839: application/json, or anything +json, whatever its parameters say. */
static inline bool
cfn_json_is_type(const char *type)
{
	size_t n = type ? strcspn(type, "; \t") : 0;

	return (n == 16 && strncasecmp(type, "application/json", n) == 0) ||
	       (n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0);
}

static inline void
cfn_json_drop(void *json)
{
	json_decref((json_t *)json);
}

static inline json_t *
cfn_json_failed(json_error_t *error, int code, const char *text)
{
	if (error)
		snprintf(error->text, sizeof error->text - 1, "%s", text);
	errno = code;
	return NULL;
}

/* The body as an object or an array, which lives until the handler returns; who wants it longer takes a
 * reference.  error may be NULL.  EINVAL: its type is not JSON; EBADMSG: it is malformed, has a key twice in
 * an object or is nested more than 2,048 deep, *error says where; else as cfn_body. */
static inline json_t *
cfn_json(cfn_request *request, json_error_t *error)
{
	const char *body;
	size_t size = 0;
	json_t *json;

	if (error)
		memset(error, 0, sizeof *error);
	if (!cfn_json_is_type(cfn_header(request, "Content-Type")))
		return cfn_json_failed(error, EINVAL, "the body is not of type application/json");
	body = (const char *)cfn_body(request, &size);
	if (!body)
		return cfn_json_failed(error, errno, strerror(errno));
	json = json_loadb(body, size, JSON_REJECT_DUPLICATES, error);
	if (!json) {
		errno = EBADMSG;
		return NULL;
	}
	if (cfn_defer(request, cfn_json_drop, json) < 0) {
		json_decref(json);
		return cfn_json_failed(error, ENOMEM, "out of memory");
	}
	return json;
}

/* Finishes: the value in its shortest form, as application/json.  Takes the reference over, also when it
 * fails.  -EINVAL for NULL, and for what cannot be written (a value within itself). */
static inline int
cfn_send_json(cfn_response *response, int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	int rc;

	json_decref(json);
	if (!text)
		return -EINVAL;
	rc = cfn_send(response, status, "application/json", "%s", text);
	free(text);
	return rc;
}

#endif
