/* repeats.c - what the log says of a version again and again: at once, then one line a second. */
#include "pool/repeats.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "pool/master.h"

/* Of a version that is quiet there is none. */
struct repeats {
	struct timer timer;
	int level;
	uint32_t n_held;
	char what[REPEATS_TEXT_SIZE];
	char held[REPEATS_TEXT_SIZE]; /* the last one */
};

static void
say(const struct pool *pool, int level, const char *text, uint32_t n_more)
{
	char more[48] = "";

	if (n_more > 0)
		snprintf(more, sizeof more, "; and %u more within a second", n_more);
	log_line(level, "function '%s' version %u%s%s", pool->start.function, pool->start.version, text,
	         more);
}

static void
say_held(const struct pool *pool, struct repeats *r)
{
	if (r->n_held > 0)
		say(pool, r->level, r->held, r->n_held - 1);
	r->n_held = 0;
}

static void
hold_is_over(void *context, void *owner)
{
	struct master *m = context;
	struct pool *pool = owner;
	struct repeats *r = pool->repeats;

	if (r->n_held == 0) {
		repeats_free(m, pool);
		return;
	}
	say_held(pool, r);
	timer_arm(&m->loop, &r->timer, REPEATS_HOLD_MS * UINT64_C(1000));
}

static bool
is_alike(const struct repeats *r, int level, const char *what)
{
	return r->level == level && strncmp(r->what, what, sizeof r->what - 1) == 0;
}

/* Without memory for that every line is written. */
static void
begin_hold(struct master *m, struct pool *pool, int level, const char *what)
{
	if (!pool->repeats)
		pool->repeats = calloc(1, sizeof *pool->repeats);
	if (!pool->repeats)
		return;
	pool->repeats->level = level;
	snprintf(pool->repeats->what, sizeof pool->repeats->what, "%s", what);
	pool->repeats->timer.fire = hold_is_over;
	pool->repeats->timer.owner = pool;
	timer_arm(&m->loop, &pool->repeats->timer, REPEATS_HOLD_MS * UINT64_C(1000));
}

void
pool_say(struct master *m, struct pool *pool, int level, const char *what, const char *fmt, ...)
{
	struct repeats *r = pool->repeats;
	char text[REPEATS_TEXT_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (r && is_alike(r, level, what)) {
		memcpy(r->held, text, sizeof r->held);
		r->n_held++;
		return;
	}
	if (r)
		say_held(pool, r);
	say(pool, level, text, 0);
	begin_hold(m, pool, level, what);
}

void
repeats_free(struct master *m, struct pool *pool)
{
	if (!pool->repeats)
		return;
	say_held(pool, pool->repeats);
	timer_cancel(&m->loop, &pool->repeats->timer);
	free(pool->repeats);
	pool->repeats = NULL;
}
