/* offer.h - what this machine has of the languages: which are there, and in which version. */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "run/job.h"
#include "run/language.h"

enum { RUN_VERSION_NUMBER_SIZE = 32 };

/* Plain data: whoever gets it from a less trusted process checks it. */
struct run_offer {
	bool is_available;
	bool is_asked;                        /* its tool was asked for its version: what follows is final */
	char missing[RUN_LANGUAGE_PATH_SIZE]; /* what is not there when it is not available */
	char said[RUN_VERSION_SIZE]; /* the first line that its tool says of its version; may be "" */
	char version[RUN_VERSION_NUMBER_SIZE]; /* the number in it: "12.2.0"; may be "" */
};

struct run_place;

/* Fills one row's but for its version, which takes a box. */
void run_offer_begin(const struct run_language *language, struct run_offer *offer);

/* Fills one row's: runs its version command in a box.  A tool that does not say its version is there all the
 * same.  -errno: a box could not be made; it says no version. */
int run_offer_find(const struct run_place *place, const struct run_language *language,
                   struct run_offer *offer, struct err *e);

/* All rows': for the start of whoever lists them. */
int run_offers_find(const struct run_place *place, const struct run_languages *l,
                    struct run_offer offers[RUN_LANGUAGES_MAX], struct err *e);

/* The first number of a line that is not a part of a name and not in parentheses, else the first in them; ""
 * when there is none or it is longer than fits: "gcc (Debian 12.2.0-14) 12.2.0" → "12.2.0". */
void run_version_number(const char *line, char number[RUN_VERSION_NUMBER_SIZE]);

/* "3" and "3.11" fit "3.11.2", "3.1" does not; "" fits everything. */
bool run_version_fits(const char *version, const char *wanted);

/* Of the rows with this name or alias the first that is available and whose version fits; NULL: none. offers,
 * one a row, may be NULL: then all are available, in any version.  Of the rows that are not chosen the first
 * is *first, which tells why: NULL, there is no such name.  One that was not asked yet fits no version. */
const struct run_language *run_languages_choose(const struct run_languages *l, const struct run_offer *offers,
                                                const char *name, const char *version,
                                                const struct run_language **first);
