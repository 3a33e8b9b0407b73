/* accept.c - what kind of answer a client prefers: RFC 9110 section 12.5.1. */
#include <string.h>

#include "base/macros.h"
#include "http/http.h"

enum { Q_ONE = 1000, POSITION_MAX = 4095 };

/* How well a media range fits a type: 0 not at all, 1 by "*" "/" "*", 2 by "type/" "*", 3 by name. */
static unsigned
range_fits(const char *range, size_t n, const char *type)
{
	size_t major = (size_t)(strchr(type, '/') - type) + 1;

	if (n == 3 && memcmp(range, "*/*", 3) == 0)
		return 1;
	if (n == major + 1 && range[major] == '*' && strncasecmp(range, type, major) == 0)
		return 2;
	return n == strlen(type) && strncasecmp(range, type, n) == 0 ? 3 : 0;
}

/* Thousandths of "0.8", "1", "1.000"; what is not one counts as 1. */
static unsigned
q_read(const char *p, size_t n)
{
	unsigned q = 0, unit = Q_ONE / 10;

	if (n == 0 || (*p != '0' && *p != '1') || (n > 1 && p[1] != '.'))
		return Q_ONE;
	if (*p == '1')
		return Q_ONE;
	for (size_t i = 2; i < n && p[i] >= '0' && p[i] <= '9'; i++, unit /= 10)
		q += unit * (unsigned)(p[i] - '0');
	return q;
}

/* The text without the blanks around it. */
static const char *
trimmed(const char *p, size_t *n)
{
	while (*n > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		--*n;
	}
	while (*n > 0 && (p[*n - 1] == ' ' || p[*n - 1] == '\t'))
		--*n;
	return p;
}

/* One element, "text/html;level=1;q=0.8": its range in *p and *n, and its q. */
static unsigned
element_read(const char **p, size_t *n)
{
	const char *end = *p + *n, *semicolon = memchr(*p, ';', *n);
	unsigned q = Q_ONE;

	if (semicolon)
		*n = (size_t)(semicolon - *p);
	*p = trimmed(*p, n);
	while (semicolon) {
		const char *at = semicolon + 1, *text;
		size_t length;

		semicolon = memchr(at, ';', (size_t)(end - at));
		length = (size_t)((semicolon ? semicolon : end) - at);
		text = trimmed(at, &length);
		if (length >= 2 && (text[0] == 'q' || text[0] == 'Q') && text[1] == '=')
			q = q_read(text + 2, length - 2);
	}
	return q;
}

/* The element that fits a type best decides its rank; greater ranks are preferred: by q, then by how
 * exactly it is named, then by who is named first. */
struct rank {
	const char *type;
	unsigned fit, value;
};

static void
element_rank(struct rank *ranks, size_t n_ranks, const char *p, size_t n, unsigned position)
{
	unsigned q = element_read(&p, &n);

	for (size_t i = 0; i < n_ranks; i++) {
		unsigned fit = range_fits(p, n, ranks[i].type);

		if (fit <= ranks[i].fit)
			continue;
		ranks[i].fit = fit;
		ranks[i].value = q ? ((q * 4) + fit) * (POSITION_MAX + 1) + POSITION_MAX - position : 0;
	}
}

static void
ranks_read(struct rank *ranks, size_t n_ranks, const char *accept, size_t n)
{
	const char *end = accept + n;

	for (unsigned position = 0; accept < end && position <= POSITION_MAX; position++) {
		const char *comma = memchr(accept, ',', (size_t)(end - accept));
		size_t length = (size_t)((comma ? comma : end) - accept);

		element_rank(ranks, n_ranks, accept, length, position);
		accept += length + 1;
	}
}

bool
http_prefers_json(const char *accept, size_t n)
{
	enum { N_JSON = 2 };
	struct rank ranks[] = { { .type = "application/json" },
		                { .type = "application/problem+json" },
		                { .type = "text/plain" },
		                { .type = "text/html" } };
	unsigned best[2] = { 0, 0 }; /* of the texts, of JSON */

	ranks_read(ranks, ARRAY_SIZE(ranks), accept, n);
	for (size_t i = 0; i < ARRAY_SIZE(ranks); i++)
		if (ranks[i].value > best[i < N_JSON])
			best[i < N_JSON] = ranks[i].value;
	return best[1] > best[0];
}

unsigned
http_accept_rank(const char *accept, size_t n, const char *type)
{
	struct rank rank = { .type = type };

	ranks_read(&rank, 1, accept, n);
	return rank.value;
}
