/* repeats.h - what the log says of a version again and again: at once, then one line a second. */
#pragma once
#include "base/macros.h"

struct master;
struct pool;
struct repeats;

enum {
	REPEATS_HOLD_MS = 1000, /* between two lines that are alike */
	REPEATS_TEXT_SIZE = 768,
};

/* The line, with function and version in front: fmt is what follows them, ": ..." or " ...".  One that is
 * alike, by what and level, to the last one of less than REPEATS_HOLD_MS ago is held; when the time is over
 * the last one held is written, and how many more there were. */
void pool_say(struct master *m, struct pool *pool, int level, const char *what, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

/* What is held is written. */
void repeats_free(struct master *m, struct pool *pool);
