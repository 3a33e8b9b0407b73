/* session.h - a function's session as a sealed cookie: made, found, hidden.  Pure but for random bytes.
 *
 * A session is a text: an id of SESSION_ID_SIZE hexadecimal digits, then "&name=value" for each name, both
 * URL-encoded.  Whoever holds the keys seals it; the function that it belongs to sees and writes the text
 * alone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "session/limits.h"
#include "session/seal.h"

enum { SESSION_SECRETS_MAX = 2 };

/* A secret of the pool.  Its epoch says which, and grows when a new one takes its place. */
struct session_secret {
	uint32_t epoch; /* 0: there is none */
	unsigned char bytes[SEAL_SECRET_SIZE];
};

/* The first seals; the others still open. */
struct session_keys {
	struct session_secret secrets[SESSION_SECRETS_MAX];
};

struct sessions {
	struct sealer sealer;
	struct session_keys keys;
};

/* Before a sandbox is entered.  Without keys there are no sessions. */
int sessions_open(struct sessions *s, struct err *e);
void sessions_close(struct sessions *s);

/* A first key of its own, for who is asked by nobody but itself. */
void session_keys_make(struct session_keys *k);
/* A new secret before the one that sealed until now; an older one opens nothing any more. */
void session_keys_rotate(struct session_keys *k);

/* What a session belongs to. */
struct session_place {
	const char *function;
	bool is_secure;  /* the browser speaks HTTPS: another cookie, which plain HTTP can neither set nor see
	                  */
	uint32_t idle_s; /* it ends so long after it was sealed, */
	uint32_t length_s; /* and so long after it began */
};

struct session {
	int64_t begun_s; /* since 1970 */
	bool is_due;     /* more than half of idle_s is over: to be sealed again */
	size_t n;
	char text[SESSION_TEXT_MAX + 1];
};

/* The session of a Cookie field's value: the first one of this place's name that is authentic and not over,
 * of the first SESSION_COOKIES_TRIED.  False: there is none. */
bool session_find(struct sessions *s, const struct session_place *place, const char *field, size_t n,
                  int64_t now_s, struct session *found);

/* Overwrites all sessions in a Cookie field's value, whosever they are, with blanks; also where only a reader
 * that splits at commas and blanks finds them. */
void session_hide(char *field, size_t n);

/* Whether a Set-Cookie field's value sets a cookie of a name that only sessions have. */
bool session_is_set_by(const char *value, size_t n);

/* True for a session's text: its form, UTF-8 without control bytes, at most SESSION_TEXT_MAX bytes. */
bool session_text_is_good(const char *text, size_t n);

enum { SESSION_FIELD_SIZE = SESSION_COOKIE_MAX + 128 };

/* The value of Set-Cookie, with a NUL, for this text, which begins a new session unless it has the id of that
 * one (NULL: there was none).  Its length; -EBADMSG: no session's text; -ENOKEY; -EIO. */
int session_field(struct sessions *s, const struct session_place *place, const struct session *was,
                  const char *text, size_t n, int64_t now_s, char field[SESSION_FIELD_SIZE]);
