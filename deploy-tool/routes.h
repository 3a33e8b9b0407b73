/* routes.h - which routes a version gets, from options, the artifact's table, or the function's name. */
#pragma once
#include <stddef.h>

#include "base/err.h"
#include "deploy-tool/arguments.h"
#include "registry/registry.h"

struct routes {
	size_t n;
	struct registry_route rows[REGISTRY_ROUTES_MAX];
};

/* Methods of --method options, or GET, HEAD, POST when there is none.  -EINVAL. */
int routes_methods(const struct argument_list *methods, unsigned *bits, struct err *e);

/* Appends one; -EINVAL for a pattern that is none, -EEXIST when it collides with one before, -E2BIG. */
int routes_add(struct routes *r, const char *pattern, unsigned methods, uint32_t index, struct err *e);

/* What --route says: "/x", or "GET,HEAD /x" with methods of its own. */
int routes_add_option(struct routes *r, const char *text, unsigned methods, struct err *e);

/* Reads n_rows lines "METHODS PATH\n": what an artifact says of itself in its trial.  -EBADMSG. */
int routes_parse(struct routes *r, const char *text, size_t n, size_t n_rows, struct err *e);

/* Appends "GET, HEAD /a; POST /b", cut with "..." where size ends. */
void routes_format(const struct registry_route *rows, size_t n, char *text, size_t size);
