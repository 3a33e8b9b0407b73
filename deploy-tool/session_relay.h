/* session_relay.h - a router's part in sessions, for commands that speak to a worker themselves.  Pure but
 * for random bytes. */
#pragma once
#include "base/buf.h"
#include "base/ending.h"
#include "config/policy.h"
#include "http/http.h"
#include "session/session.h"

struct session_relay {
	struct sessions sessions; /* keys of its own: what it seals is worth something to itself alone */
	struct session_place place;
	bool is_used; /* the function has sessions */
	bool has_session;
	struct session session; /* of the last request */
	char field[SESSION_FIELD_SIZE];
};

/* For as many requests as are to share their cookies. */
int session_relay_open(struct session_relay *s, struct err *e);
void session_relay_close(struct session_relay *s);

/* In the params of a request to this function (its name stays the caller's): hides all sessions, and gives
 * the function its own.  -E2BIG. */
int session_relay_request(struct session_relay *s, const char *function, const struct function_policy *policy,
                          struct buf *params);

/* In the head of its answer: takes fields away that set sessions, and puts the one in that it wants.  The
 * field is the relay's.  CAUSE_NONE or CAUSE_BAD_RESPONSE. */
enum cause session_relay_answer(struct session_relay *s, struct http_answer_head *head);
