/* confine.c - the router's sandbox, entered by itself. */
#include "sandbox/confine.h"

#include "base/fd.h"
#include "sandbox/sandbox.h"

/* The spawner cloned and released it, and it came here by an exec with its own descriptors alone: nothing is
 * open that it may not have. */
int
confine_router(struct err *e)
{
	AUTO_FD program = sandbox_filters_seal(FILTER_BIT(FILTER_ROUTER), e);
	struct sandbox s;
	int rc;

	if (program < 0)
		return program;
	sandbox_init(&s, &sandbox_router, "router");
	rc = sandbox_filters_map(program, &s.filters, e);
	if (rc == 0)
		rc = sandbox_enter(&s, SANDBOX_ROOT, e);
	if (rc == 0)
		rc = sandbox_enter(&s, SANDBOX_PAYLOAD, e);
	return rc;
}
