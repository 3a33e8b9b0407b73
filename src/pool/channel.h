/* channel.h - the master's end of a channel to the spawner or a router: it never blocks the master. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "ipc/message.h"

struct master;

enum { CHANNEL_QUEUE_MAX = 8192 }; /* messages; a peer that leaves so many unread is taken for dead */

struct channel_message;
TAILQ_HEAD(channel_queue, channel_message);

struct channel {
	struct watch watch;         /* its fd is the channel's; -1: closed */
	struct channel_queue queue; /* what did not fit into the socket yet */
	size_t n_queued;
	bool is_broken; /* said to on_end already */
	struct loop *loop;
	void *owner;
	void (*on_message)(struct master *m, void *owner, struct message *message);
	void (*on_end)(struct master *m, void *owner, const struct err *why);
};

/* sock, owner and both handlers are set; takes the socket over.  A handler may close the channel. */
int channel_open(struct channel *c, struct loop *loop, int sock, struct err *e);
void channel_close(struct channel *c);

/* Sends what waits, for at most so long, and closes it. */
void channel_finish(struct channel *c, int timeout_ms);

/* Sends now or, in order, when the peer has read; descriptors stay the caller's.  A failure shows as
 * on_end. */
void channel_send(struct channel *c, uint32_t type, const void *body, size_t length, const int *fds,
                  size_t n_fds);
