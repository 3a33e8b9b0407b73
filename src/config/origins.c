/* origins.c - whose pages may read what a function answers: origins as browsers write them. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "config/policy.h"

enum { HOST_MAX = 253 };

/* A name in lower case, an IPv4 address, or an IPv6 address in brackets. */
static bool
is_host(const char *p, size_t n)
{
	if (n == 0 || n > HOST_MAX)
		return false;
	if (p[0] == '[')
		return n > 2 && strspn(p + 1, "0123456789abcdef:.") == n - 2 && p[n - 1] == ']';
	if (strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789-_.") < n || p[0] == '.' || p[n - 1] == '.')
		return false;
	return !memmem(p, n, "..", 2);
}

/* The scheme's own port is left out, or no browser would ever say this origin. */
static bool
is_port(const char *text, const char *own)
{
	size_t n = strlen(text);

	return n > 0 && n <= 5 && strspn(text, "0123456789") == n && text[0] != '0' && atoi(text) <= 65535 &&
	       strcmp(text, own) != 0;
}

/* RFC 6454 section 6.2. */
static bool
is_origin(const char *text)
{
	bool is_secure = strncmp(text, "https://", 8) == 0;
	const char *host = text + (is_secure ? 8 : 7);
	size_t n;

	if (!is_secure && strncmp(text, "http://", 7) != 0)
		return false;
	n = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");
	n += host[n] == ']';
	if (!is_host(host, n))
		return false;
	return host[n] == '\0' || (host[n] == ':' && is_port(host + n + 1, is_secure ? "443" : "80"));
}

int
policy_add_origin(struct function_policy *p, const char *text, struct err *e)
{
	bool is_any = strcmp(text, "*") == 0;
	size_t n = strlen(text);

	if (strcmp(text, "none") == 0) {
		p->origins[0] = '\0';
		return 0;
	}
	if (!is_any && !is_origin(text))
		return err_set(
		    e, -EINVAL,
		    "cors: '%.120s' is not http[s]://host[:port] as browsers write it (lower case, "
		    "no path, no port 80 of http and 443 of https), nor * or none",
		    text);
	if (p->origins[0] && !words_have(p->origins, text, n) && (is_any || words_have(p->origins, "*", 1)))
		return err_set(e, -EINVAL, "cors: * stands alone");
	if (words_have(p->origins, text, n))
		return 0;
	if (words_count(p->origins) == ORIGINS_MAX || words_add(p->origins, sizeof p->origins, text, n) < 0)
		return err_set(e, -E2BIG, "cors: more than %d origins, or over %d bytes together",
		               ORIGINS_MAX, POLICY_ORIGINS_SIZE - 1);
	return 0;
}
