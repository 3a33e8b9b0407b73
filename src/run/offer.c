/* offer.c - which languages are there, and what their tools say of themselves. */
#include "run/offer.h"

#include "run/engine.h"

void
run_offer_begin(const struct run_language *language, struct run_offer *offer)
{
	*offer = (struct run_offer){ 0 };
	offer->is_available = run_language_is_available(language, offer->missing);
}

int
run_offer_find(const struct run_place *place, const struct run_language *language, struct run_offer *offer,
               struct err *e)
{
	int rc = 0;

	run_offer_begin(language, offer);
	if (offer->is_available)
		rc = run_version(place, language, offer->said, e);
	offer->is_asked = true;
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
