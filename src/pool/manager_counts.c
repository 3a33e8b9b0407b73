/* manager_counts.c - what the management counts: of all its fronts together, and in the audit log. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pool/audit.h"
#include "pool/manager.h"

enum { NOTE_US = 60 * 1000 * 1000 };

/* Anybody can be refused as often as he likes: a line at once, and then what a minute has come to. */
static void
note_refusals(struct master *m)
{
	struct manager *g = &m->manager;
	const struct manage_counters *now = &g->counters, *said = &g->noted;
	uint64_t unauthorized = now->unauthorized - said->unauthorized,
		 forbidden = now->forbidden - said->forbidden, limited = now->limited - said->limited;
	char detail[160];

	if (unauthorized + forbidden + limited == 0 || g->note.due_us != 0)
		return;
	snprintf(detail, sizeof detail,
	         "%" PRIu64 " without a good token, %" PRIu64 " with one that may not, %" PRIu64 " too often",
	         unauthorized, forbidden, limited);
	audit_note(m, &(struct audit_note){ .event = AUDIT_MANAGE_REFUSED,
	                                    .count = unauthorized + forbidden + limited,
	                                    .detail = detail });
	g->noted = *now;
	timer_arm(&m->loop, &g->note, NOTE_US);
}

void
manager_note_refusals(void *context, void *owner)
{
	(void)owner;
	note_refusals(context);
}

/* Each front counts from 0. */
static void
add(uint64_t *total, uint64_t now, uint64_t before)
{
	*total += now > before ? now - before : 0;
}

void
manager_count(struct master *m, const void *counters)
{
	struct manager *g = &m->manager;
	struct manage_counters now, *total = &g->counters, *before = &g->heard;

	memcpy(&now, counters, sizeof now);
	add(&total->done, now.done, before->done);
	add(&total->unauthorized, now.unauthorized, before->unauthorized);
	add(&total->forbidden, now.forbidden, before->forbidden);
	add(&total->limited, now.limited, before->limited);
	*before = now;
	note_refusals(m);
}
