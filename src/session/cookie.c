/* cookie.c - a session's cookie: its name, its bytes, and where it stands in a Cookie field. */
#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "session/session.h"

/* Browsers take a cookie whose name begins like the first from HTTPS alone, without a domain and for "/"
 * alone: no other host and no plain HTTP can plant one (RFC 6265bis section 4.1.3.2). */
static const char *const prefixes[] = { "__Host-cfn-", "cfn-" };

enum { FORMAT = 1, NAME_SIZE = 96 };

/* What a cookie holds. */
struct sealed {
	unsigned char format;
	unsigned char epoch[4];
	unsigned char salt[SEAL_SALT_SIZE];
	/* Sealed from here: */
	unsigned char begun[8], sealed[8];
	char text[SESSION_TEXT_MAX];
	unsigned char tag[SEAL_TAG_SIZE];
};

enum {
	SEALED_AT = offsetof(struct sealed, begun),
	TEXT_AT = offsetof(struct sealed, text),
	SEALED_MIN = TEXT_AT + SESSION_ID_SIZE + SEAL_TAG_SIZE,
};
_Static_assert(sizeof(struct sealed) == TEXT_AT + SESSION_TEXT_MAX + SEAL_TAG_SIZE, "no gaps");
_Static_assert(BASE64_URL_SIZE(sizeof(struct sealed)) + NAME_SIZE <= SESSION_COOKIE_MAX, "it fits");

int
sessions_open(struct sessions *s, struct err *e)
{
	s->keys = (struct session_keys){ 0 };
	return sealer_open(&s->sealer, e);
}

void
sessions_close(struct sessions *s)
{
	sealer_close(&s->sealer);
	OPENSSL_cleanse(&s->keys, sizeof s->keys);
}

void
session_keys_make(struct session_keys *k)
{
	*k = (struct session_keys){ .secrets[0].epoch = 1 };
	random_bytes(k->secrets[0].bytes, sizeof k->secrets[0].bytes);
}

void
session_keys_rotate(struct session_keys *k)
{
	k->secrets[1] = k->secrets[0];
	k->secrets[0].epoch++;
	random_bytes(k->secrets[0].bytes, sizeof k->secrets[0].bytes);
}

static size_t
name_write(const struct session_place *place, char name[NAME_SIZE])
{
	int n = snprintf(name, NAME_SIZE, "%s%s", prefixes[!place->is_secure], place->function);

	return n < NAME_SIZE ? (size_t)n : 0;
}

bool
session_text_is_good(const char *text, size_t n)
{
	if (n < SESSION_ID_SIZE || n > SESSION_TEXT_MAX)
		return false;
	for (size_t i = 0; i < SESSION_ID_SIZE; i++)
		if (!(text[i] >= '0' && text[i] <= '9') && !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
	for (size_t i = SESSION_ID_SIZE; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return (n == SESSION_ID_SIZE || text[SESSION_ID_SIZE] == '&') && utf8_is_valid(text, n);
}

/* ---- sealing ---- */

/* The name is what it is about, so that the cookie of HTTP is none of HTTPS. */
static struct seal
seal_of(const struct session_place *place, const struct session_secret *secret, const char *name, size_t n)
{
	return (
	    struct seal){ .secret = secret->bytes, .owner = place->function, .about = name, .n_about = n };
}

static uint32_t
age_left(const struct session_place *place, int64_t begun_s, int64_t now_s)
{
	int64_t left = begun_s + place->length_s - now_s;

	return left < place->idle_s ? (uint32_t)(left > 0 ? left : 0) : place->idle_s;
}

static int
cookie_write(struct sessions *s, const struct session_place *place, struct sealed *c, size_t n_text,
             char *cookie)
{
	const struct session_secret *secret = &s->keys.secrets[0];
	const uint32_t epoch = htobe32(secret->epoch);
	size_t n_name = name_write(place, cookie), n = TEXT_AT - SEALED_AT + n_text;
	struct seal how = seal_of(place, secret, cookie, n_name);

	if (secret->epoch == 0)
		return -ENOKEY;
	c->format = FORMAT;
	memcpy(c->epoch, &epoch, sizeof epoch);
	if (n_name == 0 || sealer_seal(&s->sealer, &how, c->salt, n) < 0)
		return -EIO;
	cookie[n_name++] = '=';
	return (int)(n_name + base64_encode(BASE64_URL, c, SEALED_AT + n + SEAL_TAG_SIZE, cookie + n_name));
}

int
session_field(struct sessions *s, const struct session_place *place, const struct session *was,
              const char *text, size_t n, int64_t now_s, char field[SESSION_FIELD_SIZE])
{
	int64_t begun_s = now_s;
	struct sealed c;
	uint64_t begun, sealed = htobe64((uint64_t)now_s);
	int length;

	if (!session_text_is_good(text, n))
		return -EBADMSG;
	if (was && memcmp(was->text, text, SESSION_ID_SIZE) == 0)
		begun_s = was->begun_s;
	begun = htobe64((uint64_t)begun_s);
	memcpy(c.begun, &begun, sizeof begun);
	memcpy(c.sealed, &sealed, sizeof sealed);
	memcpy(c.text, text, n);
	length = cookie_write(s, place, &c, n, field);
	if (length < 0)
		return length;
	return length + snprintf(field + length, (size_t)(SESSION_FIELD_SIZE - length),
	                         "; Path=/; Max-Age=%u%s; HttpOnly; SameSite=Lax",
	                         age_left(place, begun_s, now_s), place->is_secure ? "; Secure" : "");
}

/* ---- unsealing ---- */

static const struct session_secret *
secret_of(const struct session_keys *k, uint32_t epoch)
{
	for (size_t i = 0; i < SESSION_SECRETS_MAX; i++)
		if (epoch != 0 && k->secrets[i].epoch == epoch)
			return &k->secrets[i];
	return NULL;
}

static int64_t
time_read(const unsigned char bytes[8])
{
	uint64_t n;

	memcpy(&n, bytes, sizeof n);
	return (int64_t)be64toh(n);
}

/* What was sealed is ours, and so are its times. */
static bool
is_over(const struct session_place *place, int64_t begun_s, int64_t sealed_s, int64_t now_s)
{
	return sealed_s > now_s + SESSION_AHEAD_MAX_S || now_s - sealed_s >= place->idle_s ||
	       now_s - begun_s >= place->length_s;
}

struct cookie {
	const char *name, *value;
	size_t n_name, n_value;
};

static bool
cookie_read(struct sessions *s, const struct session_place *place, const struct cookie *from, int64_t now_s,
            struct session *found)
{
	const struct session_secret *secret;
	struct sealed c;
	int64_t sealed_s;
	uint32_t epoch;
	struct seal how;
	size_t n_text;
	int n = base64_decode(BASE64_URL, from->value, from->n_value, &c, sizeof c);

	if (n < SEALED_MIN || c.format != FORMAT)
		return false;
	memcpy(&epoch, c.epoch, sizeof epoch);
	secret = secret_of(&s->keys, be32toh(epoch));
	if (!secret)
		return false;
	how = seal_of(place, secret, from->name, from->n_name);
	if (sealer_unseal(&s->sealer, &how, c.salt, (size_t)n - SEALED_AT - SEAL_TAG_SIZE) < 0)
		return false;
	sealed_s = time_read(c.sealed);
	found->begun_s = time_read(c.begun);
	if (is_over(place, found->begun_s, sealed_s, now_s))
		return false;
	n_text = (size_t)n - TEXT_AT - SEAL_TAG_SIZE;
	found->is_due = now_s - sealed_s >= place->idle_s / 2 || secret != &s->keys.secrets[0];
	found->n = n_text;
	memcpy(found->text, c.text, n_text);
	found->text[n_text] = '\0';
	return session_text_is_good(found->text, n_text);
}

/* ---- in a Cookie field ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next "name=value" (RFC 6265 section 4.2.1), whatever it is; false at the end. */
static bool
cookie_next(const char **at, const char *end, struct cookie *c)
{
	const char *start = *at, *stop, *equals;

	if (start >= end)
		return false;
	stop = memchr(start, ';', (size_t)(end - start));
	*at = stop ? stop + 1 : end;
	stop = stop ? stop : end;
	while (start < stop && is_blank(*start))
		start++;
	while (stop > start && is_blank(stop[-1]))
		stop--;
	equals = start < stop ? memchr(start, '=', (size_t)(stop - start)) : NULL;
	*c = (struct cookie){ start, equals ? equals + 1 : stop, (size_t)((equals ? equals : stop) - start),
		              equals ? (size_t)(stop - equals - 1) : 0 };
	return true;
}

static bool
is_ours(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (n >= strlen(prefixes[i]) && memcmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

bool
session_find(struct sessions *s, const struct session_place *place, const char *field, size_t n,
             int64_t now_s, struct session *found)
{
	const char *at = field, *end = field + n;
	char name[NAME_SIZE];
	size_t n_name = name_write(place, name);
	unsigned n_tried = 0;
	struct cookie c;

	while (n_tried < SESSION_COOKIES_TRIED && cookie_next(&at, end, &c)) {
		if (c.n_name != n_name || memcmp(c.name, name, n_name) != 0)
			continue;
		n_tried++;
		if (cookie_read(s, place, &c, now_s, found))
			return true;
	}
	return false;
}

/* Some readers split a field at commas and blanks, too, or pass over a '=' in front.  In the midst of a value
 * our names are text. */
static size_t
find_ours(const char *p, size_t n)
{
	bool is_start = true;

	for (size_t i = 0; i < n; i++) {
		if (is_start && is_ours(p + i, n - i))
			return i;
		is_start = p[i] == ',' || is_blank(p[i]) || (is_start && p[i] == '=');
	}
	return n;
}

/* Whoever split at a comma might take what is behind one of ours for its rest: all of it goes. */
void
session_hide(char *field, size_t n)
{
	const char *at = field, *end = field + n;
	struct cookie c;

	while (cookie_next(&at, end, &c)) {
		size_t length = (size_t)(c.value + c.n_value - c.name), start = find_ours(c.name, length);

		memset(field + (c.name - field) + start, ' ', length - start);
	}
}

/* A cookie without a name is sent back as its value alone, which then may look like one with a name. */
bool
session_is_set_by(const char *value, size_t n)
{
	while (n > 0 && (is_blank(*value) || *value == '='))
		value++, n--;
	return is_ours(value, n);
}
