/* queue.h - runs that wait: bounded, and fair between the clients that they are of.  Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/siphash.h"
#include "base/table.h"

enum { QUEUE_SHARE_BYTES = 32 << 20 }; /* of one client's requests that wait */

struct queue_client;

/* Lives in what waits. */
struct queue_entry {
	TAILQ_ENTRY(queue_entry) link;
	struct queue_client *client; /* NULL: it does not wait */
	size_t n_bytes;              /* held in memory while it waits; stays as it is then */
};

TAILQ_HEAD(queue_clients, queue_client);

struct queue {
	struct siphash_key key; /* clients' names are chosen by strangers */
	struct table table;     /* of clients that have something here, by name */
	struct queue_clients ring;
	size_t n, max, share; /* entries here; at most, of all and of one client */
};

void queue_init(struct queue *q, const struct siphash_key *key, size_t max, size_t share);

/* Only when nothing waits any more. */
void queue_done(struct queue *q);

/* 0: one more of this client, of so many bytes, may wait; -EDQUOT: it has its share here; -ENOSPC: the queue
 * is full. */
int queue_admits(const struct queue *q, const char *client, size_t n_bytes);

/* Behind the client's others, whether it is admitted or not: what was accepted by an earlier runner is not
 * refused now.  0 or -ENOMEM. */
int queue_put(struct queue *q, struct queue_entry *entry, const char *client);

/* The next one: one of each client in turn, the first that came of each.  NULL: nothing waits. */
struct queue_entry *queue_take(struct queue *q);

/* Takes this one out wherever it stands; nothing when it does not wait. */
void queue_remove(struct queue *q, struct queue_entry *entry);

static inline bool
queue_holds(const struct queue_entry *entry)
{
	return entry->client != NULL;
}

/* 1 for the one that is taken next, as things stand; 0 when it does not wait. */
size_t queue_position(const struct queue *q, const struct queue_entry *entry);
