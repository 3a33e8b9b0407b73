/* loaded.h - a loaded artifact, as this folder's files share it. */
#pragma once
#include <stddef.h>

#include "function/cfn.h"
#include "function/exchange.h"

struct function {
	void *artifact;
	cfn_handler *handler;           /* of a plain entry, else NULL */
	const struct cfn_route *routes; /* the artifact's, else NULL */
	size_t n_handlers;              /* rows, or 1 */
	void (*fini)(void);
	struct exchange exchange;
};

static inline cfn_handler *
function_handler(const struct function *f, size_t i)
{
	return f->handler ? f->handler : f->routes[i].handler;
}

/* serve.c: -ENOMEM. */
int exchange_init(struct exchange *x);
void exchange_done(struct exchange *x);
