/* front_parts.h - what the files of the front share: a run, who waits for it, how it is answered. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/table.h"
#include "run/result.h"
#include "runner/front.h"
#include "runner/queue.h"
#include "runner/store.h"

enum {
	RETRY_SHARE_S = 2, /* Retry-After of a refusal */
	RETRY_FULL_S = 5,
	RETRY_DRAIN_S = 5,
	ID_BYTES = 16,
	PROBLEM_FIELDS_SIZE = 128,
};

struct run;

/* Who waits for a run, and is told how.  What is NULL is not told. */
struct run_kind {
	void (*queued)(struct run *r); /* it has to wait */
	void (*begun)(struct run *r);  /* once more, when attempts is not 1 */
	void (*event)(struct run *r, const struct run_event *event);
	/* The last call: the run gives its slot back after it.  document: compact JSON; false: the run is
	 * kept by this kind until run_free(). */
	bool (*ended)(struct run *r, const char *document, size_t n);
	bool is_kept_over_drain; /* the store has it: it need not be begun here */
};

TAILQ_HEAD(runs, run);

struct run {
	TAILQ_ENTRY(run) link; /* in front.running while it has a slot */
	struct node node;      /* asynchronous ones: by id */
	struct queue_entry waiting;
	struct front *front;
	const struct run_kind *kind;
	struct lane *lane; /* NULL: asynchronous */
	char id[STORE_ID_SIZE];
	uint32_t attempts;
	int64_t created_ms, started_ms;
	bool has_slot;
	struct run_job *job; /* NULL while it waits: a request is small beside what it becomes */
	struct run_result *result;
	struct running *running;
	struct run_usage usage; /* as last told; wall_us is 0 before */
	struct timer timer;
	struct buf out;         /* of a stream: what its client has not taken */
	struct run_voice voice; /* and what of its output is half a character */
	size_t n_heard;         /* bytes of its output so far */
	bool has_ended;
	const char *text; /* of the lane's request; NULL: in the store */
	size_t n_text;
};

struct front {
	struct loop *loop;
	struct maker_link *link;
	struct front_rules rules;
	struct queue queue;
	struct runs running; /* each has a slot: how many are used is how many are here */
	struct table runs;   /* asynchronous ones that are not done, by id */
	struct store *store; /* NULL: not open (yet) */
	struct timer store_timer;
	bool has_begun, is_draining, has_said_store;
	struct run_counters counters;
};

/* ---- run.c ---- */

/* NULL: no memory.  An id of its own, if id is NULL. */
struct run *run_new(struct front *f, const struct run_kind *kind, const char *id);

/* Out of queue, slot and table; what runs is ended.  The store and the lane are not touched. */
void run_free(struct run *r);

/* Waits for its turn, which may be at once: it may be gone when this returns.  -ENOMEM: it is as before. */
int run_enqueue(struct run *r, const char *client);

/* Gives slots that are free to whose turn it is. */
void front_dispatch(struct front *f);
size_t front_n_running(const struct front *f);
/* No other may be begun now: of those that have ended some are still to go. */
bool front_is_full(const struct front *f);

/* Reads a request as a job on the heap.  NULL: *problem says why. */
struct run_job *job_new(const struct front *f, const char *text, size_t n, struct run_problem *problem);
void job_free(struct run_job *job);

/* ---- reply.c ---- */

void reply_json(struct lane *l, int status, const char *fields, json_t *document /* taken; NULL: 500 */);
void reply_problem(struct lane *l, const struct run_problem *problem, const char *fields);
void reply_refusal(struct lane *l, int status, const char *detail, const char *fields);
void reply_later(struct lane *l, int status, const char *detail, unsigned retry_after_s);

/* ---- sync.c, stream.c, async.c ---- */

extern const struct run_kind run_kind_sync, run_kind_stream, run_kind_async;

/* Begins the answer, before the run is put into the queue. */
void stream_open(struct run *r);

void async_post(struct front *f, struct lane *l, const struct lane_request *q, const char *client);
void async_get(struct front *f, struct lane *l, const char *id, bool is_head);
void async_delete(struct front *f, struct lane *l, const char *id);
void async_open(struct front *f);
void async_begin(struct front *f); /* what the store has, once the front has begun */
void async_leave(struct front *f); /* those that wait: to the next runner */

/* ---- languages.c ---- */

void languages_get(struct front *f, struct lane *l);

/* ---- post.c ---- */

void run_post(struct front *f, struct lane *l, const struct lane_request *q);
