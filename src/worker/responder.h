/* responder.h - requests from the router, one after the other, and what is answered: FastCGI on one socket.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "fcgi/fcgi.h"

struct responder {
	int fd;         /* -1: closed */
	bool is_broken; /* the other side is gone or has taken the request back: no further one */
	uint16_t id;    /* of the request at hand */
	bool tells_memory;

	/* The message that is being read.  The params of the request at hand stay where they lie, so what
	 * comes after them goes to the other one. */
	unsigned char messages[2][FCGI_MESSAGE_MAX];
	unsigned n_current, n_params; /* which of them */
	const unsigned char *at;
	size_t left;

	const unsigned char *input; /* what is not read of a STDIN record */
	size_t n_input;
	bool has_input_end;

	struct buf pairs; /* params that did not come in one message */
	char **params;    /* "NAME=value", NULL at the end */
	size_t n_room;    /* of params */

	size_t n_out; /* 0, or the header's size and what is behind it */
	unsigned char out[FCGI_MESSAGE_MAX];
};

void responder_open(struct responder *s, int fd);

/* Waits for the next request; its params are in s->params until its end.  0, or -errno: there is none, and
 * the socket is closed. */
int responder_next(struct responder *s);

/* What there is of the body, at most n bytes; 0 at its end.  -ECONNRESET: the rest will not come. */
ssize_t responder_read(struct responder *s, void *data, size_t n);

/* STDOUT, gathered into messages.  0 or -EPIPE. */
int responder_write(struct responder *s, const void *data, size_t n);
int responder_flush(struct responder *s);

/* A line of STDERR, which leaves at once. */
void responder_log(struct responder *s, const char *line, size_t n);

/* The rest of the answer leaves with its end, behind what the handler left of the body. */
void responder_end(struct responder *s, uint32_t app_status);
