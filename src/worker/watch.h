/* watch.h - what a function has changed of its process since it was last put back. */
#pragma once
#include <stddef.h>
#include <time.h>

enum touched {
	TOUCHED_TIMERS = 1 << 0,   /* alarm, setitimer */
	TOUCHED_MASK = 1 << 1,     /* blocked signals */
	TOUCHED_HANDLERS = 1 << 2, /* signal, sigaction */
	TOUCHED_FOLDER = 1 << 3,   /* chdir, fchdir */
	TOUCHED_UMASK = 1 << 4,
	TOUCHED_POSIX_TIMERS = 1 << 5, /* timer_create */
};

enum { WATCH_TIMERS_MAX = 32 };

/* The set of enum touched since the last time. */
unsigned watch_take(void);

/* Deletes the timers that were made after the first n. */
size_t watch_n_timers(void);
void watch_delete_timers(size_t n);
