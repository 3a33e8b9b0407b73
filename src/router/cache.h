/* cache.h - answers that are kept: a bounded table by what their functions were asked, least recently used
 * last. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/siphash.h"

enum {
	CACHE_BUCKETS = 4096,
	CACHE_ENTRIES_MAX = 16384,
	CACHE_KEY_MAX = 8 * 1024, /* bytes of what a function is asked; a longer question is not kept */
	CACHE_ANSWER_MAX =
	    1024 * 1024,      /* bytes of an answer with its head; at most a quarter of the cache, too */
	CACHE_PASS_MS = 1000, /* for which an answer that may not be kept is not waited for */
};

enum entry_stage {
	ENTRY_FILLING, /* its leader is on the way; others wait for it */
	ENTRY_KEPT,
	ENTRY_PASSES, /* what is asked gets answers that may not be kept */
};

TAILQ_HEAD(requests, request);

struct entry {
	TAILQ_ENTRY(entry) link;     /* of its bucket */
	TAILQ_ENTRY(entry) use_link; /* of cache.recent, or of cache.filling */
	enum entry_stage stage;
	uint64_t version_id;
	uint64_t hash;
	uint64_t stored_us, until_us;
	int64_t stored_s; /* since 1970 */
	struct request *leader;
	struct requests waiting;
	char *key;
	char *answer; /* head and body as the function gave them */
	size_t n_key, n_answer;
};

TAILQ_HEAD(entries, entry);

struct cache {
	size_t max, used; /* bytes of all entries */
	size_t n_entries;
	struct siphash_key seed;
	struct entries *buckets; /* NULL: there is no cache */
	struct entries recent;   /* most recently used first */
	struct entries filling;
};

/* For max bytes; 0: none.  -ENOMEM. */
int cache_open(struct cache *c, size_t max, const struct siphash_key *seed);
void cache_done(struct cache *c); /* nobody leads or waits any more */

struct cache_key {
	uint64_t version_id;
	const char *p;
	size_t n;
};

/* The entry, or NULL; one whose time is over is freed. */
struct entry *cache_find(struct cache *c, const struct cache_key *key, uint64_t now_us);

/* A new one, to be filled.  NULL when there is no room for it. */
struct entry *cache_add(struct cache *c, const struct cache_key *key);

/* Room for an answer of n bytes, in place of what was used longest ago; NULL: there cannot be any. */
char *cache_reserve(struct cache *c, struct entry *e, size_t n);
void cache_keep(struct cache *c, struct entry *e, enum entry_stage stage,
                uint64_t until_us); /* no more FILLING */
void cache_touch(struct cache *c, struct entry *e);
void cache_drop(struct cache *c, struct entry *e);
