/* session.c - sessions between a browser's cookies and a worker's texts.  The keys never leave this process,
 * and no worker sees a cookie of any session. */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/log.h"
#include "router/router.h"

static struct session_place
place_of(const struct request *q, const struct snapshot_function *f)
{
	return (struct session_place){ .function = f->name,
		                       .is_secure = q->is_secure || f->session_is_secure,
		                       .idle_s = f->session_s,
		                       .length_s = f->session_length_s };
}

static enum cause
give(struct router *r, struct request *q)
{
	enum cause cause = gate_add(r, q, "CFN_SESSION", (struct span){ q->session.text, q->session.n });

	if (cause == CAUSE_NONE && q->session.is_due)
		cause = gate_add(r, q, "CFN_SESSION_DUE", (struct span){ "1", 1 });
	return cause;
}

enum cause
session_take(struct router *r, struct request *q, const struct snapshot_function *f)
{
	const struct session_place place = place_of(q, f);

	if (q->cookie.n == 0)
		return CAUSE_NONE;
	q->has_session = f->has_session && session_find(&r->sessions, &place, q->cookie.p, q->cookie.n,
	                                                clock_wall_s(), &q->session);
	/* Params lie in a buffer of ours. */
	session_hide((char *)(uintptr_t)q->cookie.p, q->cookie.n);
	return q->has_session ? give(r, q) : CAUSE_NONE;
}

enum cause
session_make(struct router *r, const struct request *q, const struct http_answer_head *head)
{
	const struct snapshot_function *f = &q->pool->function;
	const struct session_place place = place_of(q, f);
	int n;

	r->n_session = 0;
	if (!head->session.value || !f->has_session)
		return CAUSE_NONE;
	n = session_field(&r->sessions, &place, q->has_session ? &q->session : NULL, head->session.value,
	                  head->session.value_length, clock_wall_s(), r->session);
	if (n == -EBADMSG)
		return CAUSE_BAD_RESPONSE;
	if (n < 0)
		log_line(LOG_ERR, "function '%s': its session cannot be sealed: %s", f->name, strerror(-n));
	else
		r->n_session = (size_t)n;
	return CAUSE_NONE;
}

static bool
is_private(const struct http_field *f)
{
	return memmem(f->value, f->value_length, "no-store", 8) ||
	       memmem(f->value, f->value_length, "private", 7);
}

bool
session_drops(const struct router *r, const struct http_field *f)
{
	if (http_field_is(f, "Set-Cookie"))
		return session_is_set_by(f->value, f->value_length);
	return r->n_session > 0 && http_field_is(f, "Cache-Control") && !is_private(f);
}
