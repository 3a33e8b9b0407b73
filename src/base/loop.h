/* loop.h - an event loop: descriptors and timers, one event a turn.  Handlers get the context that loop_turn
 * was given: the one struct of the program. */
#pragma once
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"

struct watch {
	int fd;
	void (*serve)(void *context, void *owner, uint32_t events);
	void *owner;
};

struct timer {
	uint64_t due_us; /* of CLOCK_MONOTONIC; 0: not armed */
	TAILQ_ENTRY(timer) link;
	void (*fire)(void *context, void *owner);
	void *owner;
};

TAILQ_HEAD(timer_list, timer);

struct loop {
	int epoll;
	struct timer_list timers; /* the one that is due first is the first */
};

int loop_init(struct loop *l, struct err *e);
void loop_done(struct loop *l);

/* Watches w->fd for these events of epoll(7), level-triggered; again: for others. */
int loop_watch(struct loop *l, struct watch *w, uint32_t events, struct err *e);

/* Before the descriptor is closed; it stays open. */
void loop_forget(struct loop *l, struct watch *w);

/* Once, after so many microseconds; an armed timer is armed anew. */
void timer_arm(struct loop *l, struct timer *t, uint64_t delay_us);
void timer_cancel(struct loop *l, struct timer *t);

/* Waits for one event or the first timer and serves what is due.  0 or -errno. */
int loop_turn(struct loop *l, void *context, struct err *e);
