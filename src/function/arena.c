/* arena.c - the memory of one request. */
#include "function/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "function/bounds.h"

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	max_align_t data[];
};

enum { ALIGNMENT = _Alignof(max_align_t) };

static int
arena_grow(struct arena *a, size_t n)
{
	size_t size = n > ARENA_CHUNK ? n : ARENA_CHUNK;
	struct arena_chunk *chunk;

	if (size > ARENA_MAX - a->total)
		return -ENOMEM;
	chunk = malloc(sizeof *chunk + size);
	if (!chunk)
		return -ENOMEM;
	*chunk = (struct arena_chunk){ .next = a->chunks, .size = size };
	a->chunks = chunk;
	a->total += size;
	return 0;
}

int
arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
	return arena_grow(a, 0);
}

/* Frees down to the chunk that the worker keeps. */
void
arena_reset(struct arena *a)
{
	while (a->chunks->next) {
		struct arena_chunk *next = a->chunks->next;

		a->total -= a->chunks->size;
		free(a->chunks);
		a->chunks = next;
	}
	a->chunks->used = 0;
}

void
arena_done(struct arena *a)
{
	arena_reset(a);
	free(a->chunks);
	*a = (struct arena){ 0 };
}

void *
arena_take(struct arena *a, size_t n)
{
	struct arena_chunk *chunk = a->chunks;
	void *p;

	if (n > ARENA_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	n = (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (n > chunk->size - chunk->used) {
		if (arena_grow(a, n) < 0) {
			errno = ENOMEM;
			return NULL;
		}
		chunk = a->chunks;
	}
	p = (char *)chunk->data + chunk->used;
	chunk->used += n;
	return p;
}

char *
arena_copy(struct arena *a, const char *text, size_t n)
{
	char *copy = arena_take(a, n + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}
