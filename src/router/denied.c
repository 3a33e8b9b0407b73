/* denied.c - system calls that a function tries and that are refused: counted, one line a call in its log. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/fd.h"
#include "router/router.h"
#include "sandbox/filter.h"

_Static_assert((int)DENIED_CALLS_MAX <= (int)DENIED_KINDS_MAX &&
                   (int)SYSCALL_NAME_SIZE <= (int)CALL_NAME_SIZE &&
                   (int)REQUEST_ID_MAX < (int)REQUEST_ID_SIZE,
               "a report holds what is counted");

static void
count(struct denials *d, int32_t nr, unsigned n)
{
	size_t i = 0;

	d->n += n;
	d->last = nr;
	while (i < d->n_calls && d->calls[i].nr != nr)
		i++;
	if (i == DENIED_CALLS_MAX)
		return;
	if (i == d->n_calls)
		d->calls[d->n_calls++] = (struct denied_call){ nr, 0 };
	d->calls[i].n += n;
}

/* Outside the budgets of what it prints: nobody hides a refusal behind much output, and these are bounded. */
static void
line_say(struct router *r, const struct pool *p, const struct request *q, const char *what, unsigned n)
{
	char text[SYSCALL_NAME_SIZE + 64];
	int length = n > 1 ? snprintf(text, sizeof text, "system call refused: %s, %u times", what, n)
	                   : snprintf(text, sizeof text, "system call refused: %s", what);

	logs_function(r, p, q, LOG_WARNING, (struct span){ text, (size_t)length });
}

/* For the master, who hears of them once a tick, whatever number of requests there is. */
static void
report_later(struct router *r, struct pool *p, const struct request *q, const struct denials *d)
{
	unsigned named = 0;

	for (size_t i = 0; i < d->n_calls; i++) {
		count(&p->denials, d->calls[i].nr, d->calls[i].n);
		named += d->calls[i].n;
	}
	p->denials.n += d->n - named;
	if (q)
		memcpy(p->denied_request, q->id, sizeof q->id);
	if (!p->is_denied)
		TAILQ_INSERT_TAIL(&r->denied, p, denied_link);
	p->is_denied = true;
}

void
denied_report(struct router *r, struct pool *p)
{
	struct denied_report report = { .version = p->function.version_id, .n = p->denials.n };

	if (!p->is_denied)
		return;
	for (size_t i = 0; i < p->denials.n_calls; i++) {
		sandbox_syscall_name(p->denials.calls[i].nr, report.kinds[i].name);
		report.kinds[i].n = p->denials.calls[i].n;
	}
	report.n_kinds = (uint32_t)p->denials.n_calls;
	memcpy(report.request, p->denied_request, sizeof p->denied_request);
	master_say(r, MSG_DENIED, &report, sizeof report);
	TAILQ_REMOVE(&r->denied, p, denied_link);
	p->is_denied = false;
	memset(&p->denials, 0, sizeof p->denials);
	p->denied_request[0] = '\0';
}

void
denied_check(struct router *r)
{
	while (!TAILQ_EMPTY(&r->denied))
		denied_report(r, TAILQ_FIRST(&r->denied));
}

void
denied_log(struct router *r, struct pool *p, const struct request *q, struct denials *d)
{
	char name[SYSCALL_NAME_SIZE];
	unsigned others = d->n;

	if (d->n == 0)
		return;
	for (size_t i = 0; i < d->n_calls; i++) {
		sandbox_syscall_name(d->calls[i].nr, name);
		line_say(r, p, q, name, d->calls[i].n);
		others -= d->calls[i].n;
	}
	if (others > 0)
		line_say(r, p, q, "others", others);
	report_later(r, p, q, d);
	memset(d, 0, sizeof *d);
}

/* A worker may come before the snapshot that knows its version. */
static unsigned
most_of(const struct pool *p)
{
	return p->was_current ? p->function.denied_max : DENIED_MAX;
}

static void
denied_ready(struct router *r, struct source *s, uint32_t events)
{
	struct worker *w = CONTAINER_OF(s, struct worker, denied);
	struct request *q = TAILQ_FIRST(&w->in_flight);
	struct denials *denials = q ? &q->denials : &w->denials;
	struct sandbox_denied d;
	int rc = events & EPOLLIN ? sandbox_denied_receive(s->fd, &d) : -EPIPE;

	if (rc < 0)
		loop_forget(r, s);
	if (rc <= 0)
		return;
	count(denials, d.nr, 1);
	if (denials->n > most_of(w->pool)) {
		worker_kill(r, w, CAUSE_SYSCALL_DENIED);
		return;
	}
	if (sandbox_denied_answer(s->fd, &d) < 0)
		loop_forget(r, s);
}

void
denied_watch(struct router *r, struct worker *w, int listener)
{
	w->denied = (struct source){ .fd = listener, .ready = denied_ready };
	/* Level-triggered: one call is read at a time, more may wait. */
	if (listener >= 0 && loop_watch(r, &w->denied, EPOLLIN) < 0)
		fd_close(&w->denied.fd);
}
