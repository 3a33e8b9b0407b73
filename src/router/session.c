/* session.c - sessions between a browser's cookies and a worker's texts.  The keys never leave this process,
 * and no worker sees a cookie of any session. */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/log.h"
#include "router/answer.h"

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

/* A request whose version was replaced while it waited comes by again, and its cookies are hidden by then. */
static bool
is_taken(const struct request *q, const struct session_place *place)
{
	return q->has_session && q->session_is_secure == place->is_secure &&
	       strcmp(q->session_function, place->function) == 0;
}

static bool
find(struct router *r, struct request *q, const struct session_place *place)
{
	if (is_taken(q, place))
		return true;
	strcpy(q->session_function, place->function); /* of a snapshot, as long */
	q->session_is_secure = place->is_secure;
	return session_find(&r->sessions, place, q->cookie.p, q->cookie.n, clock_wall_s(), &q->session);
}

enum cause
session_take(struct router *r, struct request *q, const struct snapshot_function *f)
{
	const struct session_place place = place_of(q, f);

	if (q->cookie.n == 0)
		return CAUSE_NONE;
	q->has_session = f->has_session && find(r, q, &place);
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

/* Some shared caches obey these before Cache-Control (RFC 9213, Edge Architecture 1.0). */
static bool
is_for_shared_caches(const struct http_field *f)
{
	return http_field_is(f, "CDN-Cache-Control") || http_field_is(f, "Surrogate-Control");
}

bool
session_drops(const struct router *r, const struct http_field *f)
{
	if (http_field_is(f, "Set-Cookie"))
		return session_is_set_by(f->value, f->value_length);
	if (r->n_session == 0)
		return false;
	return is_for_shared_caches(f) || (http_field_is(f, "Cache-Control") && !is_private(f));
}

/* As the library writes it: what else has the word in it may mean something else, as private="name" does. */
static bool
is_private_for_certain(const struct http_field *f)
{
	static const char word[] = "private";
	const size_t n = sizeof word - 1;

	return http_field_is(f, "Cache-Control") && f->value_length >= n && memcmp(f->value, word, n) == 0 &&
	       (f->value_length == n || f->value[n] == ',');
}

/* Without any word a shared cache may keep it, too (RFC 9111 section 4.2.2). */
static bool
is_left_to_others(const struct http_answer_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++)
		if (is_private_for_certain(&head->fields[i]))
			return false;
	return true;
}

void
session_head_put(struct text *t, const struct router *r, const struct http_answer_head *head)
{
	if (r->n_session == 0)
		return;
	if (is_left_to_others(head))
		text_line(t, "\r\nCache-Control: private");
	text_line(t, "\r\nSet-Cookie: ");
	text_put(t, r->session, r->n_session);
}
