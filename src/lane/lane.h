/* lane.h - a lane: FastCGI from one router, as to a worker, one request at a time.
 *
 * Everything in a request is a client's: texts are whole and end with NUL, nothing else of them was checked.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "fcgi/fcgi.h"

enum {
	LANES_MAX = 512,
	LANE_PARAMS_MAX = 96 << 10,  /* bytes of a request's PARAMS */
	LANE_BODY_MAX = 8 << 20,     /* bytes of its body; above: 413 */
	LANE_ANSWER_MAX = 64 << 20,  /* bytes of a whole answer */
	LANE_STREAM_MAX = 256 << 10, /* bytes of a stream that its client has not taken */
	LANE_FIELDS_MAX = 4 << 10,   /* bytes of an answer's header fields */
	LANE_BODY_MS = 120 * 1000,   /* from a request's first record to its last; then: 408 */
};

struct lane;
struct lanes;

struct lane_request {
	const char *method;
	const char *path; /* below the path of the lanes: "", "/ID" */
	const char *query, *content_type, *accept;
	const char *client; /* its address */
	const char *user;   /* of its token; "": none */
	const char *request_id;
	const char *body;
	size_t n_body;
};

/* Who answers.  Of a request either the lane is ended (lane_answer, lane_end) or `gone` is called, once. */
struct lane_rules {
	/* NULL, or: all of it but its body is here, of which nothing is said yet.  False: it was answered,
	 * and its body is nobody's; true: it may come, and from now on `gone` may be called. */
	bool (*begun)(void *context, struct lane *l, const struct lane_request *q);
	/* q lives until the answer is complete or the lane is gone. */
	void (*request)(void *context, struct lane *l, const struct lane_request *q);
	/* Its client left, or its router went: nothing may be said to it any more. */
	void (*gone)(void *context, struct lane *l);
};

/* A header field of the client's request by its name as in HTTP ("X-Forwarded-For"), in any case; NULL: it is
 * not there, or there is more than one that CGI calls so ("X_Forwarded_For"), of which nobody knows whose
 * they are. */
const char *lane_header(const struct lane *l, const char *name);

/* ---- the answer ----
 *
 * fields are lines "Name: value\r\n" of the caller's own making, at most LANE_FIELDS_MAX bytes of them; type
 * may be NULL: no body.  None of these calls back into rules; what follows on the lane comes from the loop.
 */

/* A whole one; to HEAD without its body, which is not looked at.  Without memory for it the client gets 500.
 */
void lane_answer(struct lane *l, int status, const char *fields, const char *type, const void *body,
                 size_t n);

/* One of unknown length: its beginning, pieces, its end. */
void lane_stream(struct lane *l, int status, const char *fields, const char *type);
/* Bytes that lane_say takes now. */
size_t lane_room(const struct lane *l);
/* More than there is room for breaks the stream off: `gone` is not called. */
void lane_say(struct lane *l, const void *data, size_t n);
void lane_end(struct lane *l);

/* Called when there is room again after lane_room() was too small; NULL: not at all.  Once each time. */
void lane_await_room(struct lane *l, void (*room)(void *context, struct lane *l));

/* The caller's own, of the present request; NULL at its begin. */
void *lane_owner(const struct lane *l);
void lane_set_owner(struct lane *l, void *owner);

/* ---- all of them ---- */

/* path: where they serve, which is taken off.  context: what loop_turn is called with, and given to the
 * rules. */
int lanes_open(struct lanes **lanes, struct loop *loop, const char *path, const struct lane_rules *rules,
               struct err *e);
void lanes_set_context(struct lanes *lanes, void *context);
/* Instead of LANE_BODY_MS. */
void lanes_set_body_time(struct lanes *lanes, uint64_t us);
/* Calls nothing. */
void lanes_close(struct lanes *lanes);

/* A new one; takes the descriptor, whatever happens.  -EMFILE: LANES_MAX are open. */
int lane_open(struct lanes *lanes, int fd, struct err *e);

size_t lanes_count(const struct lanes *lanes);
/* Lanes with a request that is being read or answered. */
size_t lanes_busy(const struct lanes *lanes);
