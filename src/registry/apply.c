/* apply.c - several changes of what is active, as one transaction. */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "registry/sql.h"

struct application {
	const struct registry_change *changes;
	size_t n, failed;
	bool is_trial, has_succeeded;
	struct activation *activation; /* of one after the other */
};

static int
change_one(struct registry *r, struct application *a, const struct registry_change *c, struct err *e)
{
	if (c->removed)
		return removal_change(r, c->removed, c->a, e);
	*a->activation = (struct activation){ .version_id = c->version_id, .how = c->how, .signed_as = c->a };
	return activation_change(r, a->activation, e);
}

static int
check_one(struct registry *r, struct application *a, const struct registry_change *c, struct err *e)
{
	struct registry_version *v = &a->activation->candidate;
	int rc = c->removed ? 0 : version_read(r, c->version_id, v, e);

	return rc < 0 || c->removed ? rc : routes_check(r, v->function, v->routes, v->n_routes, e);
}

static int
each_change(struct registry *r, struct application *a,
            int (*what)(struct registry *, struct application *, const struct registry_change *,
                        struct err *),
            struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < a->n && rc == 0; i++) {
		rc = what(r, a, &a->changes[i], e);
		a->failed = i;
	}
	return rc;
}

/* When all are what they will be: at once, for one after the other looks at all routes each time, which tells
 * whose fault it is. */
static int
check_all(struct registry *r, struct application *a, struct err *e)
{
	return a->n > 1 && routes_check_all(r, e) == 0 ? 0 : each_change(r, a, check_one, e);
}

static int
change_all(struct registry *r, void *context, struct err *e)
{
	struct application *a = context;
	int rc = each_change(r, a, change_one, e);

	if (rc == 0)
		rc = check_all(r, a, e);
	if (rc < 0)
		return rc;
	a->has_succeeded = true;
	return a->is_trial ? err_set(e, -ECANCELED, "only tried") : 0;
}

int
registry_apply(struct registry *r, const struct registry_change *changes, size_t n, bool is_trial,
               size_t *failed, struct err *e)
{
	struct application a = { .changes = changes, .n = n, .is_trial = is_trial };
	int rc;

	a.activation = malloc(sizeof *a.activation);
	if (!a.activation)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	rc = registry_transact(r, change_all, &a, e);
	free_pointer(&a.activation);
	*failed = a.failed;
	return is_trial && a.has_succeeded ? 0 : rc;
}
