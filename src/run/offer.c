/* offer.c - which languages are there, in which version, and which of them is meant. */
#include "run/offer.h"

#include <ctype.h>
#include <string.h>

#include "run/engine.h"

int
run_offer_find(const struct run_place *place, const struct run_language *language, struct run_offer *offer,
               struct err *e)
{
	int rc = 0;

	*offer = (struct run_offer){ 0 };
	offer->is_available = run_language_is_available(language, offer->missing);
	if (offer->is_available)
		rc = run_version(place, language, offer->said, e);
	if (rc < 0)
		return err_wrap(e, "version of %s", language->name);
	run_version_number(offer->said, offer->version);
	return 0;
}

int
run_offers_find(const struct run_place *place, const struct run_languages *l,
                struct run_offer offers[RUN_LANGUAGES_MAX], struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->n; i++)
		rc = run_offer_find(place, &l->rows[i], &offers[i], e);
	return rc;
}

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
