/* header.c - the fields of the answer that a handler sets, cookies among them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "function/bounds.h"
#include "function/exchange.h"
#include "http/http.h"

/* The pool's business: framing, its own fields, and those that make a web server do something for a
 * responder.  A '*' stands for any rest. */
static const char *const refused_names[] = {
	"Status",      "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
	"Trailer",     "Upgrade",        "X-Request-Id",      "X-CFN-*",    "X-Accel-*",
	"X-Sendfile*", "X-LIGHTTPD-*",   "Proxy-*",           "TE",
};

static bool
is_refused(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused_names); i++) {
		const char *star = strchr(refused_names[i], '*');

		if (star && strncasecmp(name, refused_names[i], (size_t)(star - refused_names[i])) == 0)
			return true;
		if (strcasecmp(name, refused_names[i]) == 0)
			return true;
	}
	return false;
}

/* Authors seldom look at what cfn_set returns: so the log says what is missing from the answer. */
static int
refuse(struct cfn_response *r, const char *name, int code, const char *why)
{
	cfn_log(r->request, CFN_WARNING, "answer field '%s' refused: %s", name ? name : "", why);
	return -code;
}

static int
header_check(struct cfn_response *r, const char *name, const char *value)
{
	if (r->is_stream)
		return refuse(r, name, EALREADY, "the header fields have left");
	if (!name || !http_is_token(name, strlen(name)))
		return refuse(r, name, EINVAL, "not a field name");
	if (is_refused(name))
		return refuse(r, name, EPERM, "the pool's own");
	if (value && !http_is_field_value(value, strlen(value)))
		return refuse(r, name, EINVAL, "control bytes in the value");
	return 0;
}

/* The line after the one at p. */
static char *
line_after(char *p)
{
	return strchr(p, '\n') + 1;
}

static bool
line_is(const char *line, const char *name, size_t n, const char *start)
{
	return strncasecmp(line, name, n) == 0 && line[n] == ':' &&
	       strncmp(line + n + 2, start, strlen(start)) == 0;
}

bool
header_is_set(const struct cfn_response *r, const char *name)
{
	size_t n = strlen(name);
	char *line = buf_head(&r->head);

	for (size_t i = 0; i < r->n_headers; i++, line = line_after(line))
		if (line_is(line, name, n, ""))
			return true;
	return false;
}

/* Removes the fields of this name whose value begins with start. */
static void
header_remove(struct cfn_response *r, const char *name, const char *start)
{
	size_t n = strlen(name), kept = 0;
	char *from = buf_head(&r->head), *to = from;

	for (size_t i = 0; i < r->n_headers; i++) {
		char *next = line_after(from);

		if (!line_is(from, name, n, start)) {
			memmove(to, from, (size_t)(next - from));
			to += next - from;
			kept++;
		}
		from = next;
	}
	r->head.end -= (size_t)(from - to);
	r->n_headers = kept;
}

/* Adds without a check of its own: of texts that were checked or made here. */
static int
header_append(struct cfn_response *r, const char *name, const char *value)
{
	size_t n = strlen(name) + strlen(value) + sizeof ": \r\n" - 1;

	if (r->n_headers >= ANSWER_HEADERS_MAX || n > buf_room(&r->head))
		return refuse(r, name, E2BIG, "too many or too long fields");
	if (!buf_reserve(&r->head, n))
		return -ENOMEM;
	buf_append(&r->head, name, strlen(name));
	buf_append(&r->head, ": ", 2);
	buf_append(&r->head, value, strlen(value));
	buf_append(&r->head, "\r\n", 2);
	r->n_headers++;
	return 0;
}

int
header_set(struct cfn_response *r, const char *name, const char *value)
{
	header_remove(r, name, "");
	return header_append(r, name, value);
}

int
cfn_set(cfn_response *r, const char *header, const char *value)
{
	int rc = header_check(r, header, value);

	if (rc < 0)
		return rc;
	header_remove(r, header, "");
	return value ? header_append(r, header, value) : 0;
}

int
cfn_add(cfn_response *r, const char *header, const char *value)
{
	int rc = header_check(r, header, value);

	if (rc < 0)
		return rc;
	return value ? header_append(r, header, value) : -EINVAL;
}

/* Text without a charset is in ours. */
int
header_set_type(struct cfn_response *r, const char *type)
{
	static const char charset[] = "; charset=utf-8";
	char text[ANSWER_TYPE_MAX + sizeof charset];
	bool is_bare = type && strncasecmp(type, "text/", 5) == 0 && !strchr(type, ';');

	if (!type)
		return 0;
	if (strlen(type) > ANSWER_TYPE_MAX)
		return refuse(r, "Content-Type", EINVAL, "too long");
	strcpy(stpcpy(text, type), is_bare ? charset : "");
	return cfn_set(r, "Content-Type", text);
}

/* RFC 6265 section 4.1.1, cookie-octet; '%' too is encoded, so that decoding gives the value back. */
static bool
is_cookie_octet(unsigned char c)
{
	return c > 0x20 && c < 0x7f && !strchr("\",;\\%", c);
}

/* "name=value" with what a cookie cannot hold percent-encoded; its length, or -E2BIG. */
static int
cookie_encode(char text[ANSWER_COOKIE_MAX + 2], const char *name, const char *value)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = strlen(name);

	if (n >= ANSWER_COOKIE_MAX)
		return -E2BIG;
	memcpy(text, name, n);
	text[n++] = '=';
	for (const char *p = value; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool is_plain = is_cookie_octet(c);

		/* The '=' does not count. */
		if (n + (is_plain ? 1 : 3) > ANSWER_COOKIE_MAX + 1)
			return -E2BIG;
		if (!is_plain) {
			text[n++] = '%';
			text[n++] = digits[c >> 4];
		}
		text[n++] = is_plain ? (char)c : digits[c & 15];
	}
	text[n] = '\0';
	return (int)n;
}

static bool
cookie_flags_fit(const char *name, unsigned flags)
{
	const unsigned known = CFN_COOKIE_HTTP | CFN_COOKIE_SCRIPT | CFN_COOKIE_STRICT | CFN_COOKIE_CROSS;

	if (flags & ~known)
		return false;
	if ((flags & CFN_COOKIE_CROSS) && (flags & (CFN_COOKIE_HTTP | CFN_COOKIE_STRICT)))
		return false;
	/* Browsers drop a cookie with these names that is not Secure. */
	return !(flags & CFN_COOKIE_HTTP) ||
	       (strncasecmp(name, "__Host-", 7) != 0 && strncasecmp(name, "__Secure-", 9) != 0);
}

static const char *
cookie_same_site(unsigned flags)
{
	if (flags & CFN_COOKIE_STRICT)
		return "Strict";
	return flags & CFN_COOKIE_CROSS ? "None" : "Lax";
}

static int
cookie_check(struct cfn_response *r, const char *name, const char *value, unsigned flags)
{
	if (!name || !http_is_token(name, strlen(name)))
		return refuse(r, "Set-Cookie", EINVAL, "not a cookie name");
	if (strncasecmp(name, "cfn-", 4) == 0 || strncasecmp(name, "__Host-cfn-", 11) == 0)
		return refuse(r, "Set-Cookie", EPERM, "the name of a session");
	if (!value || !text_is_clean(value, strlen(value)))
		return refuse(r, "Set-Cookie", EINVAL, "the value is not UTF-8 or has control bytes");
	if (!cookie_flags_fit(name, flags))
		return refuse(r, "Set-Cookie", EINVAL, "these flags do not go together");
	return 0;
}

/* One answer sets a cookie once (RFC 6265 section 4.1.1): a later one replaces it. */
static int
cookie_put(struct cfn_response *r, const char *name, const char *text)
{
	char start[ANSWER_COOKIE_MAX + 2];
	int rc = header_check(r, "Set-Cookie", text);

	if (rc < 0)
		return rc;
	snprintf(start, sizeof start, "%s=", name);
	header_remove(r, "Set-Cookie", start);
	return header_append(r, "Set-Cookie", text);
}

int
cfn_set_cookie(cfn_response *r, const char *name, const char *value, long max_age, unsigned flags)
{
	char text[ANSWER_COOKIE_MAX + 2 + 128], age[32] = "";
	int n = cookie_check(r, name, value, flags);

	if (n < 0)
		return n;
	n = cookie_encode(text, name, value);
	if (n < 0)
		return refuse(r, "Set-Cookie", E2BIG, "too long");
	if (max_age >= 0)
		snprintf(age, sizeof age, "; Max-Age=%ld",
		         max_age < COOKIE_AGE_MAX ? max_age : COOKIE_AGE_MAX);
	snprintf(text + n, sizeof text - (size_t)n, "; Path=/%s%s%s; SameSite=%s", age,
	         flags & CFN_COOKIE_HTTP ? "" : "; Secure", flags & CFN_COOKIE_SCRIPT ? "" : "; HttpOnly",
	         cookie_same_site(flags));
	return cookie_put(r, name, text);
}
