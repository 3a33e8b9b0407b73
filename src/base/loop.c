/* loop.c - an event loop: descriptors and timers. */
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

int
loop_init(struct loop *l, struct err *e)
{
	TAILQ_INIT(&l->timers);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll < 0 ? err_set(e, errno, "epoll") : 0;
}

void
loop_done(struct loop *l)
{
	fd_close(&l->epoll);
}

int
loop_watch(struct loop *l, struct watch *w, uint32_t events, struct err *e)
{
	struct epoll_event event = { .events = events, .data.ptr = w };

	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &event) == 0)
		return 0;
	if (errno == ENOENT && epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &event) == 0)
		return 0;
	return err_set(e, errno, "watch descriptor %d", w->fd);
}

void
loop_forget(struct loop *l, struct watch *w)
{
	if (w->fd >= 0)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
}

void
timer_cancel(struct loop *l, struct timer *t)
{
	if (t->due_us == 0)
		return;
	TAILQ_REMOVE(&l->timers, t, link);
	t->due_us = 0;
}

/* Most delays are of few kinds, so the place is nearly always found near the end. */
void
timer_arm(struct loop *l, struct timer *t, uint64_t delay_us)
{
	struct timer *before;

	timer_cancel(l, t);
	t->due_us = clock_now_us() + delay_us;
	TAILQ_FOREACH_REVERSE(before, &l->timers, timer_list, link)
	if (before->due_us <= t->due_us)
		break;
	if (before)
		TAILQ_INSERT_AFTER(&l->timers, before, t, link);
	else
		TAILQ_INSERT_HEAD(&l->timers, t, link);
}

static int
wait_ms(const struct loop *l)
{
	const struct timer *first = TAILQ_FIRST(&l->timers);
	uint64_t now, ms;

	if (!first)
		return -1;
	now = clock_now_us();
	if (first->due_us <= now)
		return 0;
	ms = (first->due_us - now + 999) / 1000;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void
fire_due(struct loop *l, void *context)
{
	uint64_t now = clock_now_us();
	struct timer *t;

	while ((t = TAILQ_FIRST(&l->timers)) && t->due_us <= now) {
		timer_cancel(l, t);
		t->fire(context, t->owner);
	}
}

/* One event a call: whatever its handler closes or frees, no later event of the same batch can name it. */
int
loop_turn(struct loop *l, void *context, struct err *e)
{
	struct epoll_event event;
	int n = epoll_wait(l->epoll, &event, 1, wait_ms(l));

	if (n < 0 && errno != EINTR)
		return err_set(e, errno, "epoll_wait");
	if (n > 0) {
		struct watch *w = event.data.ptr;

		w->serve(context, w->owner, event.events);
	}
	fire_due(l, context);
	return 0;
}
