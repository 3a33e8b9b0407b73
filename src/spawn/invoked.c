/* invoked.c - workers whose listener stays here: what they are refused is counted by kind, and their CPU time
 * is bounded, because nobody else may answer for them or can read their clock. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "spawn/spawn.h"

enum { CHECK_MS = 50 };

struct invoked {
	bool is_explained;
	uint32_t cpu_ms;
	int64_t cpu_ready_us; /* of its clock when it was ready */
	int64_t cpu_begun_us; /* and when its request began */
	enum cause cause;
	unsigned n_since; /* calls refused since it was started, or since it was ready */
	uint64_t n_refused;
	size_t n_kinds;
	struct kind {
		int32_t nr, error;
		uint32_t n;
	} kinds[REFUSED_KINDS_MAX];
};

_Static_assert((int)CALL_NAME_SIZE >= (int)SYSCALL_NAME_SIZE, "a name fits");

int
invoked_start(struct process *p, const struct start_worker *w, struct err *e)
{
	struct invoked *i = calloc(1, sizeof *i);

	if (!i)
		return err_set(e, ENOMEM, "start");
	p->invoked = i;
	i->is_explained = w->is_explained;
	i->cpu_ms = w->cpu_ms;
	return 0;
}

void
invoked_ready(struct process *p)
{
	struct invoked *i = p->invoked;

	i->cpu_ready_us = i->cpu_begun_us = clock_cpu_us(p->worker);
	/* An explained one makes so many calls for a start that it has one budget for all. */
	if (!i->is_explained)
		i->n_since = 0;
}

void
invoked_request_begins(struct process *p)
{
	if (p->invoked && p->was_ready)
		p->invoked->cpu_begun_us = clock_cpu_us(p->worker);
}

static void
count(struct invoked *i, int32_t nr, int32_t error)
{
	size_t k = 0;

	i->n_refused++;
	while (k < i->n_kinds && (i->kinds[k].nr != nr || i->kinds[k].error != error))
		k++;
	if (k == REFUSED_KINDS_MAX)
		return;
	if (k == i->n_kinds)
		i->kinds[i->n_kinds++] = (struct kind){ nr, error, 0 };
	i->kinds[k].n++;
}

static void
stop(struct process *p, enum cause cause)
{
	if (p->invoked->cause == CAUSE_NONE)
		p->invoked->cause = cause;
	process_kill(p);
}

static void
stop_refused(struct process *p, unsigned max, int32_t nr)
{
	char name[SYSCALL_NAME_SIZE], text[REASON_SIZE];
	int n;

	sandbox_syscall_name(nr, name);
	n = snprintf(text, sizeof text, "more than %u refused system calls%s, the last one: %s", max,
	             p->was_ready ? "" : " while it was loaded", name);
	process_set_reason(p, text, (size_t)n);
	stop(p, CAUSE_SYSCALL_DENIED);
}

int
invoked_refuse(const struct spawn *s, struct process *p, const struct sandbox_denied *denied)
{
	struct invoked *i = p->invoked;
	unsigned max = i->is_explained ? EXPLAINED_REFUSED_MAX : INVOKED_REFUSED_MAX;
	int error = sandbox_service_errno(s->filters, denied);

	count(i, denied->nr, error);
	if (i->n_since++ < max)
		return error;
	stop_refused(p, max, denied->nr);
	return 0;
}

static bool
is_over(const struct process *p)
{
	const struct invoked *i = p->invoked;
	int64_t now = clock_cpu_us(p->worker);

	return i->cpu_ms > 0 && now >= 0 && now - i->cpu_begun_us > i->cpu_ms * INT64_C(1000);
}

int
invoked_check(struct spawn *s)
{
	int wait_ms = -1;

	for (struct process *p = s->processes; p; p = p->next) {
		if (!p->invoked || !p->was_ready)
			continue;
		wait_ms = CHECK_MS;
		if (is_over(p))
			stop(p, CAUSE_CPU_TIME_LIMIT);
	}
	return wait_ms;
}

size_t
invoked_tell(const struct process *p, struct process_ended *ended, struct refused_call *calls)
{
	const struct invoked *i = p->invoked;
	uint64_t before = i->cpu_ready_us > 0 ? (uint64_t)i->cpu_ready_us : 0;

	ended->cause = i->cause;
	ended->n_kinds = (uint32_t)i->n_kinds;
	ended->n_refused = i->n_refused;
	if (p->was_ready && ended->ending.cpu_us > before)
		ended->cpu_us = ended->ending.cpu_us - before;
	for (size_t k = 0; k < i->n_kinds; k++) {
		calls[k] = (struct refused_call){ .error = i->kinds[k].error, .n = i->kinds[k].n };
		sandbox_syscall_name(i->kinds[k].nr, calls[k].name);
	}
	return sizeof *ended + i->n_kinds * sizeof *calls;
}
