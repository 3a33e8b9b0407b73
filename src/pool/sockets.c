/* sockets.c - the sockets that functions were granted.  A service that is started anew makes its socket anew,
 * and who was given the old one finds nobody behind it: such workers are replaced. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/words.h"
#include "pool/pools.h"

enum { LOOK_MS = 1000 };

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * UINT64_C(0x100000001b3);
}

/* Which sockets these are; 0: one is not there, or cannot be seen from here. */
static uint64_t
look(const char *sockets)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char path[SOCKET_PATH_SIZE];
	const char *one;
	struct stat st;
	size_t n;

	while ((one = words_next(&sockets, &n))) {
		snprintf(path, sizeof path, "%.*s", (int)n, one);
		if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
			return 0;
		hash = mix(mix(hash, st.st_dev), st.st_ino);
		hash = mix(mix(hash, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
	}
	return hash;
}

static void
look_again(void *context, void *owner)
{
	struct master *m = context;
	struct pool *pool = owner;
	uint64_t seen = look(pool->start.sockets);

	if (pool_count(pool, STAGES_LIVE) == 0)
		return;
	if (seen != 0 && seen != pool->sockets_seen) {
		log_line(LOG_NOTICE,
		         "function '%s' version %u: a socket was made anew; its workers are replaced",
		         pool->start.function, pool->start.version);
		pool->sockets_seen = seen;
		pool_drain(m, pool);
	}
	timer_arm(&m->loop, &pool->sockets, LOOK_MS * UINT64_C(1000));
}

void
sockets_init(struct pool *pool)
{
	pool->sockets = (struct timer){ .fire = look_again, .owner = pool };
}

void
sockets_watch(struct master *m, struct pool *pool)
{
	if (pool->start.sockets[0] == '\0' || pool->sockets.due_us != 0)
		return;
	pool->sockets_seen = look(pool->start.sockets);
	timer_arm(&m->loop, &pool->sockets, LOOK_MS * UINT64_C(1000));
}
