/* front.h - what is behind the run path: resources, the queue, runs under way, and the store.
 *
 * struct front is the context of the front process: what loop_turn is called with, and lanes_set_context.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "ipc/protocol.h"
#include "lane/lane.h"
#include "run/request.h"
#include "runner/running.h"

struct front;

struct front_rules {
	const char *folder; /* of the store; NULL: none, and no asynchronous run */
	const char *path;   /* as clients see it: "/api/run" */
	const char *client; /* whose share a run takes: "address", "user", or a header's name */
	size_t max_concurrent, queue, queue_share;
	uint64_t retention_s, store_size;
	const char *isolation; /* the level's word */
	struct run_rules run;
};

/* What rules point to has to outlive it. */
int front_new(struct front **front, struct loop *loop, struct maker_link *link,
              const struct front_rules *rules, struct err *e);

/* Opens the store.  One that cannot be opened is tried again, and the log says why. */
void front_open(struct front *f);

/* Once it is known which versions of languages there are: from now on what the store has is run. */
void front_begin(struct front *f);

/* Cancels what runs; asynchronous runs stay in the store. */
void front_free(struct front *f);

extern const struct lane_rules front_lane_rules;

/* Takes nothing more; begins no asynchronous run any more: they are the next runner's. */
void front_drain(struct front *f);

/* Nothing runs and nobody waits. */
bool front_is_idle(const struct front *f);

void front_count(const struct front *f, struct run_counters *counters);
