/* session.c - the session of a request and the token of its forms.
 *
 * The session comes as a text in a param and leaves as one in a field of the answer; whoever relays both
 * seals it for the browser.  session/session.h has the form of the text. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "function/exchange.h"
#include "session/limits.h"

enum {
	ID_BYTES = SESSION_ID_SIZE / 2,
	TOKEN_BYTES = 2 * ID_BYTES, /* a mask, and the id under it */
	TOKEN_SIZE = 2 * TOKEN_BYTES + 1,
};

static bool
came_with(const struct cfn_request *q)
{
	return q->session_text && strnlen(q->session_text, SESSION_ID_SIZE) == SESSION_ID_SIZE;
}

/* ---- its text ---- */

static bool
is_plain(unsigned char c)
{
	return c > ' ' && c != 0x7f && !strchr("%&=+", c);
}

static size_t
encoded_size(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += is_plain((unsigned char)*text) || *text == ' ' ? 1 : 3;
	return n;
}

static char *
encode(char *to, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (is_plain(c) || c == ' ') {
			*to++ = c == ' ' ? '+' : (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	return to;
}

static int
write_text(struct cfn_request *q, const struct pairs *pairs, const char *id, const char **text)
{
	size_t n = 0;
	char *to;

	for (size_t i = 0; i < pairs->n; i++)
		n += encoded_size(pairs->rows[i].name) + encoded_size(pairs->rows[i].value) + 2;
	if (n > SESSION_DATA_MAX)
		return -E2BIG;
	*text = to = arena_take(&q->arena, SESSION_ID_SIZE + n + 1);
	if (!to)
		return -ENOMEM;
	to = mempcpy(to, id, SESSION_ID_SIZE);
	for (size_t i = 0; i < pairs->n; i++) {
		*to++ = '&';
		to = encode(to, pairs->rows[i].name);
		*to++ = '=';
		to = encode(to, pairs->rows[i].value);
	}
	*to = '\0';
	return 0;
}

/* ---- the session ---- */

static int
make_id(char id[SESSION_ID_SIZE + 1])
{
	unsigned char bytes[ID_BYTES];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return -EIO;
	hex_format(bytes, sizeof bytes, id);
	return 0;
}

/* These pairs are the session from now on, or everything stays as it was. */
static int
change(struct cfn_request *q, const struct pairs *pairs, const char *id)
{
	struct session_state *s = &q->session;
	const char *text;
	int rc;

	if (q->response->is_stream)
		return -EALREADY;
	rc = write_text(q, pairs, id, &text);
	if (rc < 0)
		return rc;
	s->pairs = *pairs;
	memmove(s->id, id, sizeof s->id);
	s->changed_text = text;
	return 0;
}

/* Whoever looks at it has an answer that is nobody else's; and one that is used goes on living. */
static int
session_read(struct cfn_request *q)
{
	struct session_state *s = &q->session;
	int rc = 0;

	s->is_used = true;
	if (s->is_read)
		return 0;
	if (came_with(q)) {
		const char *rest = q->session_text + SESSION_ID_SIZE;

		memcpy(s->id, q->session_text, SESSION_ID_SIZE);
		rc = pairs_read_urlencoded(&s->pairs, rest, strlen(rest), &q->arena);
	}
	s->is_read = rc == 0;
	if (rc == 0 && q->session_due && !q->response->is_stream)
		s->changed_text = q->session_text;
	return rc;
}

const char *
cfn_session(cfn_request *q, const char *key)
{
	int rc = session_read(q);

	if (rc == 0)
		return pairs_find(&q->session.pairs, key);
	errno = -rc;
	return NULL;
}

/* The pairs that there are but this key, and room for one more. */
static int
copy_without(struct cfn_request *q, const char *key, struct pairs *to)
{
	const struct pairs *from = &q->session.pairs;

	*to = (struct pairs){ .is_read = true };
	to->rows = arena_take(&q->arena, (from->n + 1) * sizeof *to->rows);
	if (!to->rows)
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++)
		if (strcmp(from->rows[i].name, key) != 0)
			to->rows[to->n++] = from->rows[i];
	return 0;
}

static int
add_pair(struct cfn_request *q, struct pairs *to, const char *key, const char *value)
{
	struct pair row = { arena_copy(&q->arena, key, strlen(key)),
		            arena_copy(&q->arena, value, strlen(value)) };

	if (!row.name || !row.value)
		return -ENOMEM;
	if (to->n >= SESSION_KEYS_MAX)
		return -E2BIG;
	to->rows[to->n++] = row;
	return 0;
}

static int
check_texts(const char *key, const char *value)
{
	size_t n = key ? strlen(key) : 0;

	if (n == 0 || n > SESSION_NAME_MAX || !text_is_clean(key, n))
		return -EINVAL;
	return value && !utf8_is_valid(value, strlen(value)) ? -EINVAL : 0;
}

int
cfn_session_set(cfn_request *q, cfn_response *r, const char *key, const char *value)
{
	struct session_state *s = &q->session;
	char id[SESSION_ID_SIZE + 1];
	struct pairs pairs;
	int rc = check_texts(key, value);

	if (rc == 0 && r != q->response)
		rc = -EINVAL;
	if (rc == 0)
		rc = session_read(q);
	/* No session is begun by taking something out of none. */
	if (rc == 0 && !value && !s->id[0])
		return 0;
	if (rc == 0)
		rc = copy_without(q, key, &pairs);
	if (rc == 0 && value)
		rc = add_pair(q, &pairs, key, value);
	memcpy(id, s->id, sizeof id);
	if (rc == 0 && !id[0])
		rc = make_id(id);
	return rc < 0 ? rc : change(q, &pairs, id);
}

int
cfn_session_new(cfn_request *q, cfn_response *r)
{
	const struct pairs none = { .is_read = true };
	char id[SESSION_ID_SIZE + 1];
	int rc = r == q->response ? session_read(q) : -EINVAL;

	if (rc == 0)
		rc = make_id(id);
	return rc < 0 ? rc : change(q, &none, id);
}

/* ---- the token ----
 *
 * What a page of another site cannot know is the session's id.  A page shows it under a mask of its own, so
 * that what a compressed answer's length tells about the token is worth nothing (BREACH). */

static void
mask(unsigned char *to, const unsigned char *id, const unsigned char *bytes)
{
	for (size_t i = 0; i < ID_BYTES; i++)
		to[i] = id[i] ^ bytes[i];
}

const char *
cfn_csrf(cfn_request *q)
{
	struct session_state *s = &q->session;
	unsigned char token[TOKEN_BYTES], id[ID_BYTES];
	char *text = arena_take(&q->arena, TOKEN_SIZE);
	int rc = text ? session_read(q) : -ENOMEM;

	if (rc == 0 && !s->id[0])
		rc = cfn_session_new(q, q->response);
	if (rc == 0 && (hex_parse(s->id, id, sizeof id) < 0 || getrandom(token, ID_BYTES, 0) != ID_BYTES))
		rc = -EIO;
	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	mask(token + ID_BYTES, id, token);
	hex_format(token, sizeof token, text);
	return text;
}

bool
cfn_csrf_ok(cfn_request *q)
{
	const char *text = cfn_header(q, "X-CSRF-Token");
	unsigned char token[TOKEN_BYTES], id[ID_BYTES];
	char came[SESSION_ID_SIZE + 1] = "";
	unsigned difference = 0;

	q->session.is_used = true;
	/* The one that came: a new one that was begun meanwhile is in no form yet. */
	if (came_with(q))
		memcpy(came, q->session_text, SESSION_ID_SIZE);
	if (!text)
		text = cfn_form(q, "csrf");
	if (!text || hex_parse(came, id, sizeof id) < 0 || hex_parse(text, token, sizeof token) < 0)
		return false;
	mask(token + ID_BYTES, token + ID_BYTES, token);
	for (size_t i = 0; i < ID_BYTES; i++)
		difference |= (unsigned)(token[ID_BYTES + i] ^ id[i]);
	return difference == 0;
}

/* ---- in the answer ---- */

void
session_put_head(struct cfn_response *r)
{
	const struct session_state *s = &r->request->session;

	if (s->is_used && !header_is_set(r, "Cache-Control"))
		buf_printf(&r->wire, "Cache-Control: private, no-store\r\n");
	if (s->changed_text)
		buf_printf(&r->wire, "X-CFN-Session: %s\r\n", s->changed_text);
}

void
session_forget(struct cfn_request *q)
{
	q->session.changed_text = NULL;
}
