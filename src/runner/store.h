/* store.h - asynchronous runs that were accepted, and their results, in a database that outlives the runner.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	STORE_ID_SIZE = 33, /* 128 random bits in hexadecimal, and NUL */
	STORE_CLIENT_SIZE = 256,
	STORE_REQUEST_MAX = 8 << 20,
	STORE_RESULT_MAX = 64 << 20,
	STORE_ROWS_MAX = 10000,
	STORE_ATTEMPTS = 2, /* a run that was interrupted is begun so often */
};

enum store_state { STORE_QUEUED, STORE_RUNNING, STORE_DONE, STORE_STATES };

struct store_rules {
	uint64_t retention_s; /* results are kept so long */
	uint64_t size;        /* bytes of it all; the oldest results go first */
};

struct store_run {
	char id[STORE_ID_SIZE];
	char client[STORE_CLIENT_SIZE]; /* whose share of the queue it takes */
	enum store_state state;
	uint32_t attempts;                           /* how often it was begun */
	int64_t created_ms, started_ms, finished_ms; /* since 1970; 0: not yet */
	char *document; /* the request of one that is not done, else its result; NUL-terminated */
	size_t n;
};
void store_run_done(struct store_run *run);

struct store;

/* Opens the store of a folder or begins one; it is this process's alone until it is closed: -EBUSY while
 * another one has it.  What is there and is no store, or a damaged one, is set aside: *damage says where and
 * why, its code is 0 else.  -EACCES, -EROFS, -ENOSPC, -EIO ... */
int store_open(const char *folder, const struct store_rules *rules, struct store **store, struct err *damage,
               struct err *e);
void store_close(struct store *s);

/* Takes over one more run; when this returned 0, it is on the disk.  -ENOSPC: the store is full of runs that
 * are not done, or the disk is; -EEXIST. */
int store_add(struct store *s, const struct store_run *run, struct err *e);

/* Begins an attempt.  -ENOENT: there is no such run, or it is done. */
int store_begin(struct store *s, const char *id, int64_t now_ms, struct err *e);

/* Its result in place of its request.  -ENOENT; -ENOSPC: also without the older results there is no room. */
int store_finish(struct store *s, const char *id, const char *result, size_t n, int64_t now_ms,
                 struct err *e);

/* -ENOENT. */
int store_remove(struct store *s, const char *id, struct err *e);
int store_read(struct store *s, const char *id, struct store_run *run, struct err *e);
/* The same without the document, which is not read: NULL, and how many bytes it has. */
int store_look(struct store *s, const char *id, struct store_run *run, struct err *e);

/* Those that are not done, oldest first, without their documents, until take returns what is not 0, which is
 * returned then.  take changes nothing in the store. */
int store_each_open(struct store *s, int (*take)(void *context, const struct store_run *run), void *context,
                    struct err *e);

/* Forgets results that are older than they have to be, and what is over size.  How many went, or -errno. */
int store_sweep(struct store *s, int64_t now_ms, struct err *e);

/* Whether this may be an id: its form alone. */
bool store_is_id(const char *text);
