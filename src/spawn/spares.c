/* spares.c - sandboxes that wait for a function: made one by one while nothing else is started, taken by who
 * comes first.  A spare holds nothing of any function; what ends while it waits is replaced. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "spawn/plan.h"

enum {
	PAUSE_MS = 50,            /* without a start before one is made, and between two of them */
	FAILED_PAUSE_MS = 1000,   /* after one that did not come up; doubled with each that follows */
	FAILED_PAUSE_DOUBLED = 6, /* so often */
};

static size_t
count(const struct spawn *s, bool has_to_wait)
{
	size_t n = 0;

	for (const struct process *p = s->processes; p; p = p->next)
		n += p->kind == PROCESS_SPARE && (p->is_waiting || !has_to_wait) && !p->was_killed;
	return n;
}

/* One that waits, else one that soon will. */
static struct process *
find(const struct spawn *s)
{
	struct process *best = NULL;

	for (struct process *p = s->processes; p; p = p->next)
		if (p->kind == PROCESS_SPARE && !p->was_killed && (!best || p->is_waiting))
			best = p;
	return best;
}

void
spares_pause(struct spawn *s)
{
	uint64_t due = clock_now_us() + PAUSE_MS * UINT64_C(1000);

	if (s->spares.due_us < due)
		s->spares.due_us = due;
}

/* While it is made it displaces nobody who wakes up; a pool that somebody has put into another class stays
 * there. */
static void
give_way(const struct process *spare, bool does)
{
	const struct sched_param none = { 0 };

	if (sched_getscheduler(0) == SCHED_OTHER)
		sched_setscheduler(spare->pid, does ? SCHED_BATCH : SCHED_OTHER, &none);
}

bool
spares_take(struct spawn *s, struct process *p, const struct sandboxed *what)
{
	struct process *spare;
	struct err e;

	/* Sanitizers are loaded before anything else; a copy has no leaf, and nobody waits for it. */
	if (what->has_sanitizers || !what->limits)
		return false;
	while ((spare = find(s))) {
		give_way(spare, false);
		if (sandboxed_assign(s, spare, what, &e) == 0 && process_adopt(s, p, spare, &e) == 0)
			return true;
		/* It has died, and that is not known yet. */
		process_set_reason(spare, e.text, strlen(e.text));
		process_kill(spare);
	}
	return false;
}

int
spares_want(struct spawn *s, unsigned n)
{
	struct process *spare;

	if (n > SPARES_MAX)
		return -EBADMSG;
	s->spares.n_wanted = n;
	while (count(s, false) > n && (spare = find(s)))
		process_kill(spare);
	return 0;
}

void
spares_waits(struct spawn *s, struct process *p)
{
	p->is_waiting = true;
	s->spares.n_failed = 0;
}

void
spares_ended(struct spawn *s, const struct process *p, const struct ending *ending)
{
	char text[ENDING_TEXT_SIZE];
	uint64_t wait_ms = FAILED_PAUSE_MS;

	if (p->was_killed && p->reason[0] == '\0')
		return;
	ending_format(ending, text);
	log_line(LOG_WARNING, "a spare sandbox ended: %s%s%s", text, p->reason[0] ? "; " : "", p->reason);
	if (p->is_waiting)
		return;
	wait_ms <<= s->spares.n_failed;
	if (s->spares.n_failed < FAILED_PAUSE_DOUBLED)
		s->spares.n_failed++;
	s->spares.due_us = clock_now_us() + wait_ms * 1000;
}

static void
make_one(struct spawn *s)
{
	static const struct cgroup_limits has_leaf;
	static const struct sandboxed anybody = { .profile = &sandbox_function,
		                                  .name = "spare",
		                                  .limits = &has_leaf };
	struct process *p = process_new(s, PROCESS_SPARE, 0);
	const struct ending none = { 0 };
	struct err e;

	if (!p)
		return;
	if (sandboxed_make(s, p, &anybody, &e) == 0) {
		give_way(p, true);
		return;
	}
	process_set_reason(p, e.text, strlen(e.text));
	spares_ended(s, p, &none);
	process_forget(s, p);
}

static int
tell(struct spawn *s, struct err *e)
{
	const struct spares now = { (uint32_t)count(s, true) };

	if (now.n == s->spares.n_told)
		return 0;
	s->spares.n_told = now.n;
	return outbox_post(s, MSG_SPARES_WAIT, &now, sizeof now, -1, e);
}

/* One at a time: two would take both processors. */
int
spares_tend(struct spawn *s, struct err *e)
{
	uint64_t now = clock_now_us();

	if (count(s, false) < s->spares.n_wanted && count(s, false) == count(s, true) &&
	    now >= s->spares.due_us && process_count(s) < PROCESSES_MAX) {
		make_one(s);
		spares_pause(s);
	}
	return tell(s, e);
}

int
spares_patience(const struct spawn *s)
{
	uint64_t now = clock_now_us();

	if (count(s, false) >= s->spares.n_wanted || count(s, false) > count(s, true))
		return -1;
	return now >= s->spares.due_us ? 0 : (int)((s->spares.due_us - now + 999) / 1000);
}
