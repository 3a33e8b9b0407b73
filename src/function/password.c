/* password.c - passwords and signed messages: scrypt (RFC 7914) in the form of the PHC's string format,
 * HMAC-SHA-256 (RFC 2104). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "function/bounds.h"
#include "function/crypto.h"
#include "function/exchange.h"

/* RFC 7914 section 2: N = 2^ln, memory 128 * N * r bytes, and p times that work. */
struct scrypt {
	unsigned ln, r, p;
	size_t n_salt, n_key;
	unsigned char salt[PASSWORD_SALT_MAX + 3],
	    key[PASSWORD_KEY_MAX + 3]; /* decoding writes whole blocks */
};

static bool
costs_are_bearable(const struct scrypt *s)
{
	return s->ln >= 1 && s->ln <= PASSWORD_LN_MAX && s->r >= 1 && s->r <= PASSWORD_R_MAX && s->p >= 1 &&
	       s->p <= PASSWORD_P_MAX;
}

static bool
derive(const struct crypto *c, const struct scrypt *s, const char *password, unsigned char *key)
{
	size_t n = strlen(password);

	return n <= PASSWORD_MAX && c->scrypt(password, n, s->salt, s->n_salt, UINT64_C(1) << s->ln, s->r,
	                                      s->p, PASSWORD_MEMORY, key, s->n_key) == 1;
}

/* Base64 without its padding; the length of what it says, or 0. */
static size_t
unpadded_decode(const struct crypto *c, const char *text, size_t n, unsigned char *to, size_t max)
{
	unsigned char padded[PASSWORD_TEXT_MAX + 4];
	size_t padding = (4 - n % 4) % 4;
	int length;

	if (n == 0 || padding == 3 || n > PASSWORD_TEXT_MAX || (n + padding) / 4 * 3 > max + 3)
		return 0;
	memcpy(padded, text, n);
	memset(padded + n, '=', padding);
	length = c->decode(to, padded, (int)(n + padding));
	return length > 0 && (size_t)length - padding <= max ? (size_t)length - padding : 0;
}

/* "$scrypt$ln=14,r=8,p=5$salt$key" */
static bool
hash_read(const struct crypto *c, const char *text, struct scrypt *s)
{
	int n = 0;
	const char *end;

	if (strlen(text) > PASSWORD_TEXT_MAX ||
	    sscanf(text, "$scrypt$ln=%2u,r=%2u,p=%2u$%n", &s->ln, &s->r, &s->p, &n) != 3 || n == 0)
		return false;
	text += n;
	end = strchr(text, '$');
	if (!end)
		return false;
	s->n_salt = unpadded_decode(c, text, (size_t)(end - text), s->salt, PASSWORD_SALT_MAX);
	s->n_key = unpadded_decode(c, end + 1, strlen(end + 1), s->key, PASSWORD_KEY_MAX);
	return s->n_salt > 0 && s->n_key >= PASSWORD_KEY_MIN && costs_are_bearable(s);
}

bool
cfn_password_ok(const char *password, const char *hash)
{
	const struct crypto *c = crypto();
	unsigned char key[PASSWORD_KEY_MAX];
	struct scrypt s;

	if (!c || !password || !hash || !hash_read(c, hash, &s) || !derive(c, &s, password, key))
		return false;
	return c->compare(key, s.key, s.n_key) == 0;
}

static char *
unpadded_encode(const struct crypto *c, const unsigned char *from, size_t n, char *to)
{
	int length = c->encode((unsigned char *)to, from, (int)n);

	while (length > 0 && to[length - 1] == '=')
		length--;
	to[length] = '\0';
	return to;
}

char *
cfn_password_hash(cfn_request *q, const char *password)
{
	struct scrypt s = { .ln = 14, .r = 8, .p = 5, .n_salt = 16, .n_key = 32 };
	char salt[PASSWORD_TEXT_MAX], key[PASSWORD_TEXT_MAX];
	const struct crypto *c = crypto();

	if (!c)
		return NULL;
	if (!password || strlen(password) > PASSWORD_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if (getrandom(s.salt, s.n_salt, 0) != (ssize_t)s.n_salt || !derive(c, &s, password, s.key)) {
		errno = ENOMEM;
		return NULL;
	}
	return cfn_sprintf(q, "$scrypt$ln=%u,r=%u,p=%u$%s$%s", s.ln, s.r, s.p,
	                   unpadded_encode(c, s.salt, s.n_salt, salt),
	                   unpadded_encode(c, s.key, s.n_key, key));
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
hex_read(const char *text, unsigned char *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		to[i] = (unsigned char)(high << 4 | low);
	}
	return text[2 * n] == '\0';
}

bool
cfn_hmac_ok(const char *key, const void *data, size_t size, const char *hex)
{
	enum { N = 32 };
	const struct crypto *c = crypto();
	unsigned char claimed[N], made[EVP_MAX_MD_SIZE];

	if (!c || !key || !*key || !hex || strlen(key) > HMAC_KEY_MAX)
		return false;
	if (strncmp(hex, "sha256=", 7) == 0)
		hex += 7;
	if (!hex_read(hex, claimed, N))
		return false;
	if (!c->hmac(c->sha256(), key, (int)strlen(key), data, size, made, NULL))
		return false;
	return c->compare(claimed, made, N) == 0;
}
