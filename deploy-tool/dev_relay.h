/* dev_relay.h - what stands between the web server and the pool of `cfn-deploy dev`: one connection a
 * request, whose bytes pass through.  It answers pages itself while something is broken, and keeps copies for
 * a recorder. */
#pragma once
#include <poll.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "deploy-tool/dev_recorder.h"

enum {
	RELAY_PASSAGES_MAX = 256, /* requests at once; more wait to be accepted */
	RELAY_POLLS = 2 * RELAY_PASSAGES_MAX + 1,
	RELAY_ASK_MAX = 256 * 1024,    /* bytes of a request that are held until all its params are there */
	RELAY_PARAMS_MAX = 128 * 1024, /* what a pool takes is less */
	RELAY_ANSWER_MAX = 128 * 1024, /* bytes of an answer that the web server has not taken */
	RELAY_COPY_MAX = 8 << 20,      /* bytes of a body that are kept for the recorder */
};

struct relay_sink {
	void *context;
	/* A page of diagnostics was the answer. */
	void (*refused)(void *context, const char *method, const char *uri);
	/* NULL: nothing is recorded. */
	void (*exchanged)(void *context, const struct exchange_copy *x);
};

struct passage;
struct relay {
	int listener;
	const char *pool;       /* path of its socket */
	const struct buf *page; /* while something is broken: a whole CGI answer; else NULL */
	unsigned number;        /* what DEV_STATE_PATH says; another one whenever the page changes */
	struct relay_sink sink;
	size_t n_passages;
	struct passage *passages[RELAY_PASSAGES_MAX];
};

/* Listens on a unix socket in the current folder's file system, for its owner alone. */
int relay_open(struct relay *r, const char *path, struct err *e);
void relay_close(struct relay *r);

/* Fills in what to wait for, at most RELAY_POLLS, and does what has come of that; the number of them. */
size_t relay_watch(const struct relay *r, struct pollfd *polls);
void relay_turn(struct relay *r, const struct pollfd *polls);
