/* version.c - versions as tools and clients write them, and which language of a name is meant. */
#include <ctype.h>
#include <string.h>

#include "run/offer.h"

/* Bytes of the number that begins here: digits, and behind dots whatever such numbers have ("3.13.0rc1"). */
static size_t
number_length(const char *p)
{
	size_t n = strspn(p, "0123456789");

	while (n > 0 && p[n] == '.' && isdigit((unsigned char)p[n + 1])) {
		n++;
		while (isalnum((unsigned char)p[n]))
			n++;
	}
	return n;
}

/* Not the 86 and 64 of x86_64, not the 12 of gcc-12; but the one of go1.19.8. */
static bool
is_apart(const char *line, const char *p, size_t n)
{
	char before = p > line ? p[-1] : ' ', behind = p[n];

	return !isdigit((unsigned char)before) && !strchr("._-~+", before) && behind != '_' &&
	       !isalpha((unsigned char)behind);
}

static const char *
number_find(const char *line, bool with_parentheses, size_t *n)
{
	int depth = 0;

	for (const char *p = line; *p; p++) {
		depth += (*p == '(') - (*p == ')');
		*n = number_length(p);
		if (*n > 0 && (depth <= 0 || with_parentheses) && is_apart(line, p, *n))
			return p;
	}
	return NULL;
}

void
run_version_number(const char *line, char number[RUN_VERSION_NUMBER_SIZE])
{
	size_t n;
	const char *found = number_find(line, false, &n);

	if (!found)
		found = number_find(line, true, &n);
	if (!found || n >= RUN_VERSION_NUMBER_SIZE)
		n = 0;
	else
		memcpy(number, found, n);
	number[n] = '\0';
}

bool
run_version_fits(const char *version, const char *wanted)
{
	size_t n = strlen(wanted);

	return n == 0 || (strncmp(version, wanted, n) == 0 && (version[n] == '\0' || version[n] == '.'));
}

const struct run_language *
run_languages_choose(const struct run_languages *l, const struct run_offer *offers, const char *name,
                     const char *version, const struct run_language **first)
{
	*first = NULL;
	for (size_t i = 0; i < l->n; i++) {
		if (!run_language_is_named(&l->rows[i], name))
			continue;
		if (!offers || (offers[i].is_available && run_version_fits(offers[i].version, version)))
			return &l->rows[i];
		*first = *first ? *first : &l->rows[i];
	}
	return NULL;
}
