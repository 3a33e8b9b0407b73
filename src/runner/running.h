/* running.h - jobs under way, as the front sees them: it asks the maker for a keeper and reads its events. */
#pragma once
#include "base/err.h"
#include "base/loop.h"
#include "run/event.h"
#include "run/job.h"
#include "run/language.h"
#include "run/offer.h"

/* The front's end of the channel to the maker. */
struct maker_link;
struct running;

struct running_rules {
	/* Pointers of the event are good for the time of the call. */
	void (*event)(void *owner, const struct run_event *event);
	/* The last call.  0: RUN_EVENT_ENDED came before; -errno: no keeper could be had, or it died or lied.
	 */
	void (*ended)(void *owner, int rc);
	/* A keeper of whom nothing more was to be heard is not there any more.  context: the loop's. */
	void (*gone)(void *context);
};

/* Takes sock, which is the channel to the maker.  offers has RUN_LANGUAGES_MAX rows and is filled as the
 * maker says what there is. */
int maker_link_open(struct maker_link **link, struct loop *loop, int sock, struct run_offer *offers,
                    struct err *e);
/* The maker's table: with it the maker hears of each job which language it is of. */
void maker_link_know(struct maker_link *link, const struct run_languages *languages);

/* Cancels all that runs. */
void maker_link_close(struct maker_link *link);

/* The maker has said what there is. */
bool maker_link_has_offers(const struct maker_link *link);
/* And in which versions. */
bool maker_link_has_versions(const struct maker_link *link);

/* Starts a job, which may be freed when this returns.  Nothing is called before the next turn of the loop.
 * NULL: *e says why. */
struct running *running_start(struct maker_link *link, const struct run_job *job,
                              const struct running_rules *rules, void *owner, struct err *e);

/* Keepers that are there, those too that were cancelled or have said how it ended: the maker has no more of
 * them than twice what may run. */
size_t maker_link_n_keepers(const struct maker_link *link);

/* Ends it at once, whatever it does; nothing more is called but gone. */
void running_cancel(struct running *r);
