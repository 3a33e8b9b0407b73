/* session_relay.c - a router's part in sessions, for commands that speak to a worker themselves. */
#include "deploy-tool/session_relay.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "fcgi/fcgi.h"

int
session_relay_open(struct session_relay *s, struct err *e)
{
	*s = (struct session_relay){ 0 };
	if (sessions_open(&s->sessions, e) < 0)
		return -e->code;
	session_keys_make(&s->sessions.keys);
	return 0;
}

void
session_relay_close(struct session_relay *s)
{
	sessions_close(&s->sessions);
}

static int
append(struct buf *params, const char *name, const char *value, size_t n)
{
	const struct fcgi_pair pair = { name, value, strlen(name), n };
	char *to = buf_reserve(params, fcgi_pair_size(pair.name_length, n));

	if (to == NULL)
		return -E2BIG;
	buf_commit(params, fcgi_pair_write((unsigned char *)to, &pair));
	return 0;
}

static bool
is_cookies(const struct fcgi_pair *pair)
{
	static const char name[] = "HTTP_COOKIE";

	return pair->name_length == sizeof name - 1 && memcmp(pair->name, name, sizeof name - 1) == 0;
}

/* In all fields of this name: a command line may give several. */
static void
take_cookies(struct session_relay *s, struct buf *params)
{
	const unsigned char *at = (const unsigned char *)buf_head(params);
	size_t left = buf_used(params);
	struct fcgi_pair pair;

	while (left > 0 && fcgi_pair_next(&at, &left, &pair) > 0) {
		if (!is_cookies(&pair))
			continue;
		if (s->is_used && !s->has_session)
			s->has_session = session_find(&s->sessions, &s->place, pair.value, pair.value_length,
			                              clock_wall_s(), &s->session);
		session_hide(buf_head(params) + (pair.value - buf_head(params)), pair.value_length);
	}
}

int
session_relay_request(struct session_relay *s, const char *function, const struct function_policy *policy,
                      struct buf *params)
{
	int rc = 0;

	s->has_session = false;
	s->is_used = policy->uses_session != 0;
	s->place = (struct session_place){ .function = function,
		                           .idle_s = (uint32_t)(policy->session_ms / 1000),
		                           .length_s = (uint32_t)(policy->session_length_ms / 1000) };
	take_cookies(s, params);
	if (s->has_session)
		rc = append(params, "CFN_SESSION", s->session.text, s->session.n);
	if (rc == 0 && s->has_session && s->session.is_due)
		rc = append(params, "CFN_SESSION_DUE", "1", 1);
	return rc;
}

static void
drop_sessions(struct http_answer_head *head)
{
	size_t n = 0;

	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		if (!http_field_is(f, "Set-Cookie") || !session_is_set_by(f->value, f->value_length))
			head->fields[n++] = *f;
	}
	head->n_fields = n;
}

enum cause
session_relay_answer(struct session_relay *s, struct http_answer_head *head)
{
	const struct http_field *wanted = &head->session;
	int n;

	drop_sessions(head);
	if (wanted->value == NULL || !s->is_used)
		return CAUSE_NONE;
	n = session_field(&s->sessions, &s->place, s->has_session ? &s->session : NULL, wanted->value,
	                  wanted->value_length, clock_wall_s(), s->field);
	/* X-CFN-Session was a line of it, so there is room for one. */
	if (n < 0 || head->n_fields == HTTP_HEADERS_MAX)
		return CAUSE_BAD_RESPONSE;
	head->fields[head->n_fields++] =
	    (struct http_field){ "Set-Cookie", s->field, strlen("Set-Cookie"), (size_t)n };
	return CAUSE_NONE;
}
