/* cache.h - programs that were compiled before: files in a folder that nobody but this process's user may
 * write, shared by any number of its processes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "run/job.h"
#include "run/language.h"

enum {
	RUN_CACHE_ENTRIES_MAX = 1024,
	RUN_CACHE_DIAGNOSTICS_MAX = 1 << 20, /* bytes of each stream of a compiler */
	RUN_CACHE_PROGRAM_MAX = 64 << 20,
	RUN_CACHE_PART = 4, /* of the whole size: a larger entry is not kept */
};

struct run_cache {
	int folder;   /* -1: there is none, and nothing is found or kept */
	uint64_t max; /* bytes of all entries together */
};

/* What a compiler that accepted left, and said. */
struct run_cached {
	const void *program;
	size_t n_program;
	const char *out, *err;
	size_t n_out, n_err;
	void *mapped; /* what the others point into, when it came from run_cache_get */
	size_t n_mapped;
};

/* Makes the folder below another one, or takes the one that is there.  -EPERM when others may write it. */
int run_cache_open(struct run_cache *cache, int folder, const char *name, uint64_t max, struct err *e);
void run_cache_close(struct run_cache *cache);

/* All that decides what the compiler makes: the language's row, its tool, what that says of its version,
 * options, names and bytes of all files. */
void run_cache_key(const struct run_language *language, const char *version, const struct run_job *job,
                   struct digest *key);

/* True when there is one that is whole; it is then the most recently used one.  One that is damaged is
 * removed. */
bool run_cache_get(const struct run_cache *cache, const struct digest *key, struct run_cached *found);
void run_cached_done(struct run_cached *found);

/* Keeps it, and takes the least recently used ones away until all have room.  That it could not be kept is
 * nobody's trouble. */
void run_cache_put(const struct run_cache *cache, const struct digest *key, const struct run_cached *what);

/* Inside: by modification time, which every use renews. */
void run_cache_trim(const struct run_cache *cache);
