/* spawn_pool.h - a test as the master and the router: a spawner of the build tree, workers, hand-made
 * records. */
#pragma once
#include "unit.h"

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "ipc/message.h"
#include "ipc/protocol.h"
#include "ipc/spawner.h"

enum { TEST_UID_RANGE = 300000, TEST_N_UIDS = 3000, TEST_SLOT = 8, ANSWER_SIZE = 64 * 1024, COPY_MAX = 4096 };

struct pool {
	char folder[64]; /* of the test; the shared directory is in it */
	char shared[96];
	char libexec[128];
	struct spawner_options options;
	struct spawner spawner;
	struct message m; /* the last one of the spawner */
	uint32_t last_id;
};

/* The test's ends of a worker's descriptors. */
struct worker {
	struct start_worker start;
	int requests, output, listener;
	int init;  /* fresh: the router's end */
	pid_t pid; /* in the pool's namespace */
};

/* Fixtures of cmocka: *state is a struct pool with a spawner that is ready. */
int pool_setup(void **state);
int pool_teardown(void **state);

/* The parts of them, for tests of the start itself. */
void pool_prepare(struct pool *p);
void pool_clean(struct pool *p);

/* A worker of tests/functions/FILE.fn that is asked for and not yet waited for. */
void worker_init(struct pool *p, struct worker *w, const char *entry);
void worker_ask(struct pool *p, struct worker *w, const char *file);

/* Both in one, and READY waited for. */
void worker_start(struct pool *p, struct worker *w, const char *file, const char *entry);
void worker_done(struct worker *w);

/* Fresh mode.  The process that takes the request of this number: requests is its socket, pid its pid. */
void fresh_begin(const struct worker *zygote, struct worker *request, uint32_t number);

/* What init says next. */
struct fresh_ended fresh_expect_ended(const struct worker *zygote);

/* The spawner's next message; it is of this type. */
void pool_expect(struct pool *p, enum message_type type);
const struct process_ended *pool_expect_ended(struct pool *p, uint32_t id);
/* READY may come before it. */
const struct process_ended *pool_expect_ended_maybe_ready(struct pool *p, uint32_t id);

/* Sends a request for / with this query, id as the FastCGI request's; a body follows in messages of its own.
 */
void request_send(const struct worker *w, uint16_t id, const char *query, const char *body);

/* The body of the answer to that request; NULL when the worker closed instead. */
const char *answer_read(const struct worker *w, uint16_t id);

/* What came on its error stream; NULL when nothing did. */
const char *answer_errors(void);

/* Both. */
const char *ask(const struct worker *w, const char *query);

/* A copy: data is given and stays the caller's.  Its end. */
const struct process_ended *copy(struct pool *p, uint32_t direction, const char *shared, const char *path,
                                 int data);

/* This program as the pool's router: says what it found, ends with 5. */
int router_main(void);

bool test_is_root(void);
