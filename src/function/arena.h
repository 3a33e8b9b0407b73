/* arena.h - the memory of one request: taken piece by piece, given back at once. */
#pragma once
#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the newest first; the last one is kept for the next request */
	size_t total;               /* bytes of all chunks */
};

int arena_init(struct arena *a); /* 0, -ENOMEM */
void arena_done(struct arena *a);

/* n bytes for any type, not cleared; NULL with ENOMEM past ARENA_MAX. */
void *arena_take(struct arena *a, size_t n);

/* A copy with a NUL behind it. */
char *arena_copy(struct arena *a, const char *text, size_t n);

void arena_reset(struct arena *a);
