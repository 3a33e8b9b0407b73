/* sync.c - a client that waits for the whole result. */
#include "runner/front_parts.h"

/* Web servers wait for 60 s, and a run may take 50 of them at most when its turn comes at once: beyond this
 * nobody would be there to hear the result. */
enum { TURN_MAX_S = 30 };

static void
has_waited_enough(void *context, void *owner)
{
	struct run *r = owner;
	struct lane *l = r->lane;
	struct front *f = r->front;

	(void)context;
	run_free(r);
	f->counters.refused_full++;
	reply_later(l, 503, "its turn did not come in time; nothing was run", RETRY_FULL_S);
}

static void
sync_queued(struct run *r)
{
	r->timer.fire = has_waited_enough;
	timer_arm(r->front->loop, &r->timer, (uint64_t)TURN_MAX_S * 1000000);
}

static bool
sync_ended(struct run *r, const char *document, size_t n)
{
	struct lane *l = r->lane;

	r->lane = NULL;
	lane_set_owner(l, NULL);
	lane_answer(l, 200, "Cache-Control: no-store\r\n", "application/json", document, n);
	return true;
}

const struct run_kind run_kind_sync = { .queued = sync_queued, .ended = sync_ended };
