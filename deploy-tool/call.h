/* call.h - one request to a worker of our own, as a router makes it: sent, its answer judged, its wall time
 * held.
 *
 * The CPU time is the spawner's to hold, which alone can read the worker's clock. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "deploy-tool/exchange.h"
#include "deploy-tool/instance.h"

/* What becomes of the bytes while they come. */
struct call_sink {
	struct exchange_sink exchange;
	/* Of the worker's standard output and error. */
	void (*output)(void *context, const char *p, size_t n);
	/* Nobody reads what is still to come. */
	bool (*is_unwanted)(const void *context);
};

struct call {
	struct instance *instance;
	const struct call_sink *sink;
	struct exchange_sink own; /* in front of the caller's */
	struct exchange exchange;
	uint64_t begun_us, active_us, done_us; /* sent; last byte of a stream; over */
	enum cause cause;                      /* why we gave it up */
	bool is_closed;                        /* the worker's end of the requests is */
};

/* The params and the body stay the caller's, until call_done(); nor does it move in memory. */
void call_init(struct call *c, struct instance *in, const struct call_sink *sink);
void call_set_request(struct call *c, const struct buf *params, const struct buf *body, bool drops_body);
void call_done(struct call *c);

/* Until the answer is whole, or there will be none.  The worker then waits for another request, unless cause
 * or is_closed say that it is no good any more. */
void call_run(struct call *c);

/* Ends the worker, and waits for the word about its end. */
void call_finish(struct call *c);

/* What the worker has printed meanwhile; the last of it, when it is gone or was never ready. */
void call_read_output(struct call *c);
void call_read_last_output(struct call *c);
