/* request.h - the request that `cfn-deploy invoke` makes, as a web server and a router would.  Pure. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "deploy-tool/arguments.h"
#include "registry/registry.h"

enum {
	REQUEST_PARAMS_MAX = 96 * 1024, /* bytes of all params: what a router takes */
	REQUEST_FIELDS_MAX = 128,       /* --header */
};

/* As the options say it. */
struct request_options {
	const char *method;           /* NULL: GET, or POST with a body */
	const char *path;             /* as in a URL, maybe with a query; NULL: the version's first route */
	struct argument_list queries; /* joined with '&' */
	struct argument_list fields;  /* "Name: value" */
	const char *user;             /* whom the gate let in; NULL: nobody */
};

struct request {
	unsigned method;  /* filled in */
	enum cause cause; /* filled in: a router would answer for this by itself */
	uint64_t auth;    /* enum call_auth of the function */
	bool has_body;
	uint64_t n_body;
};

/* Fills params with name-value pairs and the method in.  -EINVAL with *e saying which option is wrong, or
 * that the version has no such route, and which it has; -E2BIG over REQUEST_PARAMS_MAX. */
int request_compose(const struct request_options *o, const struct registry_version *v, struct request *q,
                    struct buf *params, struct err *e);

/* What the function is told of its limits; who runs it knows them.  0 or -E2BIG. */
int request_add_limits(struct buf *params, uint64_t body_max, uint64_t output_max);
