/* predecessors.h - the pools before this one that still drain: each gives the connections that it has left,
 * and what two pools may not do at once waits until all of them have ended.
 *
 * When this pool is replaced in turn they become its heir's, so that a chain of any length loses nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "pool/channel.h"

struct master;

enum { PREDECESSORS_MAX = 32 };

/* What a pool says to the one after it.  The two may be of different builds: a number that was given stays.
 */
enum heritage {
	HERITAGE_CONNECTION = 74, /* nothing; a connection between two requests */
	HERITAGE_POOL = 75, /* nothing; pidfd of a pool before both, what it gives on, if it still does */
};

struct predecessor {
	struct channel channel; /* what it gives; fd -1: nothing more comes */
	struct watch ended;     /* its pidfd, until the channel is closed too; -1: the row is free */
	bool has_ended;
};

void predecessors_init(struct master *m);
bool predecessors_are_full(struct master *m);
bool predecessors_are_running(const struct master *m);

/* One more, with its pidfd, and the channel on which it gives, or -1; takes both over, on failure too. */
int predecessors_add(struct master *m, int process, int channel, struct err *e);

/* They give to the pool after this one from now on. */
void predecessors_bequeath(struct master *m, struct channel *heir);
