/* storms.h - functions that this pool has disabled for a storm of refused system calls.
 *
 * The pool never writes the registry, so what it has disabled is kept in files of its state folder,
 * storms/VERSION, where VERSION is the registry's id: another version of the function serves.  An audit row
 * "enable" of the function that is younger than the storm ends it, whether a pool ran when it was written or
 * not. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "ipc/protocol.h"

struct master;
struct pool;

enum { STORM_SLICES = 8, STORMS_MAX = 4096 };

/* Events of the last window, by eighths of it. */
struct storm_count {
	uint64_t slice; /* number of the newest one */
	uint32_t slices[STORM_SLICES];
};

/* Adds n events at now_us and gives the sum of the window that ends there. */
uint64_t storm_add(struct storm_count *c, uint64_t now_us, uint64_t window_ms, uint32_t n);

struct storm {
	TAILQ_ENTRY(storm) link;
	uint64_t version_id;
	uint32_t version;
	uint64_t audit; /* number of the registry's last audit row when it began */
	int64_t time_ms;
	char function[NAME_MAX_SIZE];
};

TAILQ_HEAD(storm_list, storm);

struct storms {
	int folder; /* -1: there is none, and nothing survives the pool */
	size_t n;
	struct storm_list list;
};

/* Reads what an earlier pool has left below the state folder.  A file that is none of ours is skipped. */
void storms_open(struct master *m);
void storms_close(struct master *m);

bool storms_has(const struct master *m, uint64_t version_id);

/* Before active versions are read: ends those that were enabled since, forgets those whose version is gone.
 */
void storms_check(struct master *m);

/* Refused system calls of a pool, and a worker of it that was ended for them: may disable the function. */
void storm_calls(struct master *m, struct pool *pool, uint32_t n);
void storm_kill(struct master *m, struct pool *pool);
