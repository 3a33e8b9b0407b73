/* json.c - JSON bodies and answers, and what the linked libraries say of themselves. */
#include <cfn.h>
#include <cfn_json.h>
#include <errno.h>
#include <zlib.h>

static int
add(cfn_request *req, cfn_response *res)
{
	json_error_t why;
	json_t *in = cfn_json(req, &why);
	json_int_t a, b;

	if (!in)
		return cfn_error(res, errno == EINVAL ? 415 : 400, "%s", why.text);
	if (json_unpack_ex(in, &why, 0, "{s:I, s:I}", "a", &a, "b", &b) < 0)
		return cfn_error(res, 422, "%s", why.text);
	return cfn_send_json(res, 200, json_pack("{s:I, s:[b, n]}", "sum", a + b, "more", 1));
}

/* The tree of the body is freed with the request: a thousand of them are held at no time. */
static int
twice(cfn_request *req, cfn_response *res)
{
	json_t *one = cfn_json(req, NULL), *other = cfn_json(req, NULL);

	if (!one || !other)
		return -errno;
	json_incref(one);
	return cfn_send_json(res, 200, one);
}

static int
broken(cfn_request *req, cfn_response *res)
{
	json_t *outer = json_array(), *inner = json_pack("[O]", outer);

	(void)req;
	json_array_append_new(outer, inner);
	return cfn_send_json(res, 200, outer);
}

static int
nothing(cfn_request *req, cfn_response *res)
{
	(void)req;
	return cfn_send_json(res, 200, NULL);
}

static int
library(cfn_request *req, cfn_response *res)
{
	(void)req;
	return cfn_send_json(res, 200,
	                     json_pack("{s:s, s:i}", "zlib", zlibVersion(), "crc",
	                               (int)(crc32(0, (const Bytef *)"cfn", 3) != 0)));
}

CFN_ROUTES({ "POST", "/json/add", add }, { "POST", "/json/twice", twice }, { "POST", "/json/broken", broken },
           { "GET", "/json/nothing", nothing }, { "GET", "/json/library", library });
