/* defer.c - what a handler wants to have done when it has returned. */
#include <errno.h>

#include "function/exchange.h"

struct deferred {
	struct deferred *next;
	void (*run)(void *what);
	void *what;
};

int
cfn_defer(cfn_request *q, void (*run)(void *what), void *what)
{
	struct deferred *d = arena_take(&q->arena, sizeof *d);

	if (!d)
		return -ENOMEM;
	*d = (struct deferred){ q->deferred, run, what };
	q->deferred = d;
	return 0;
}

/* One may defer another. */
void
deferred_run(struct cfn_request *q)
{
	while (q->deferred) {
		struct deferred *d = q->deferred;

		q->deferred = d->next;
		d->run(d->what);
	}
}
