/* listener.h - the socket that web servers connect to: handed over, or made. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum {
	LISTENER_TEXT_SIZE = 300,
	LISTENER_KEPT_FD = 4,      /* the first connection that the supervisor has kept for us */
	LISTENER_KEPT_MAX = 16384, /* of them */
};

/* Their name in LISTEN_FDNAMES, where they are behind the listening socket, and in FDSTORE=1. */
#define LISTENER_KEPT_NAME "connection"

struct listener_options {
	const char *address; /* "unix:PATH" or "tcp:HOST:PORT"; empty: only a socket that was handed over */
	const char *owner, *group; /* of a unix socket, name or number; empty: as made */
	unsigned mode;             /* of a unix socket */
	int backlog;
};

struct listener {
	int fd;
	bool is_tcp;
	int n_kept;                    /* connections from LISTENER_KEPT_FD on */
	char text[LISTENER_TEXT_SIZE]; /* what it is, for people: "unix:/run/x.sock" with the real port */
	char path[108];                /* of a unix socket that was made here, to be removed; empty: none */
};

/* Descriptor 0 when it is a listening socket, else LISTEN_FDS (sd_listen_fds(3)), else the address.
 * -EADDRINUSE: a live socket is there; -ENOENT: none was given at all; -EINVAL: not an address. */
int listener_open(const struct listener_options *options, struct listener *l, struct err *e);

/* One that another pool serves, taken over; is_made: that pool made it, and this one removes it at the end.
 * -EINVAL: it is no listening stream socket. */
int listener_adopt(int fd, bool is_made, struct listener *l, struct err *e);

/* Whether a listener of this text is where an address of a configuration is; names are looked up. */
bool listener_is_at(const char *text, const char *address);

/* The address alone, whatever was handed over. */
int listener_open_address(const struct listener_options *options, struct listener *l, struct err *e);

/* Closes it and removes the unix socket that was made here, if it still is that one and we may. */
void listener_close(struct listener *l);
