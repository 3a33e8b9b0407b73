/* streams.h - how many streams there may be, and how many requests of a function at once. */
#pragma once
#include "pool/master.h"

/* The worker's router asks whether its answer may be a stream; it is told. */
void stream_ask(struct master *m, struct worker *w);

/* Workers of the pool that may be started beside those with a stream. */
size_t streams_max_workers(const struct pool *pool);

/* True when the worker may be handed a request: its function's concurrency holds over all of its versions. */
bool stream_turn(const struct master *m, const struct worker *w);
