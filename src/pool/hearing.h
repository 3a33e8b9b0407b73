/* hearing.h - what processes below the master write to their standard error: heard, named, bounded and logged
 * as its own lines are, wherever those go. */
#pragma once
#include "base/err.h"
#include "base/loop.h"

struct master;

/* Each has a socket of its own, whose other end is its standard error and that of what it starts: nobody
 * writes in another's name.  The pid in a line is the kernel's word. */
enum heard { HEARD_SPAWNER, HEARD_RUNNER, HEARD_MANAGEMENT, HEARD_N };

enum {
	HEARING_LINES_MAX = 64, /* of each, a second; the others wait, and are lost when the socket is full */
	HEARING_BYTES = 1024,   /* of a line; the rest is cut off */
};

struct hearing {
	struct watch watch; /* -1: nobody speaks */
	struct timer pause;
	uint64_t second_us; /* when this second began */
	unsigned n;         /* lines in it */
};

void hearing_init(struct master *m);

/* A new socket in place of the one before, of which what is left is logged.  The writer's end, which is the
 * caller's; -errno.  A record is a line, with "<level>" in front or not (log_to_starter of base/log.h). */
int hearing_open(struct master *m, enum heard who, struct err *e);

/* From here on the loop hears it. */
int hearing_watch(struct master *m, enum heard who, struct err *e);

/* Logs what there is now, so that somebody's last words stand before the word about his end. */
void hearing_take(struct master *m, enum heard who);

/* The same for all, and no more comes. */
void hearing_close(struct master *m);
