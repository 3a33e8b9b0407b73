/* scoreboard.h - what one router counts: a memory file that it writes and the master reads.
 *
 * The master makes the file and keeps it, so that counts outlive a router; it maps it for reading alone, and
 * the seals keep its size.  A router may write anything there, whoever it is by then: the master copies a row
 * before it looks at it, bounds every number, checks every text, and follows nothing but its own constants.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ending.h"
#include "base/err.h"
#include "ipc/protocol.h"

enum {
	SCORE_ROWS = 2048,    /* functions; the requests of more are counted together */
	SCORE_ANSWERS = 24,   /* pairs of status and cause of one function; the last row is all others */
	SCORE_BOUNDS = 16,    /* of a histogram, which has one cell more */
	SCORE_WORKERS = 1024, /* that are told of */
	SCORE_METHOD_SIZE = 16,
	SCORE_PATH_SIZE = 192,
	SCORE_USER_SIZE = 72,
};

/* No number of a router counts for more than this, so that sums of them stay numbers (below 2^53, too). */
#define SCORE_NUMBER_MAX (UINT64_C(1) << 48)

#define SCORE_OTHERS     "_others" /* the row of functions that have none: no function's name */

extern const uint64_t score_time_bounds_us[SCORE_BOUNDS];
extern const uint64_t score_memory_bounds_kb[SCORE_BOUNDS];

struct score_histogram {
	uint64_t n[SCORE_BOUNDS + 1]; /* up to and with each bound, beyond the one before; the last: more */
	uint64_t sum;
};

struct score_answers {
	uint32_t status, cause;
	uint64_t n;
};

/* Of a function, whatever its version; the first row, without a name, is what no function was found for. */
struct score_row {
	char function[NAME_MAX_SIZE + 7];
	struct score_answers answers[SCORE_ANSWERS];
	struct score_histogram duration_us, queue_us, cpu_us;
	uint64_t cold_starts; /* requests that found no worker */
	uint64_t cache_hits, cache_misses;
};

struct router_counters {
	uint64_t connections_accepted;
	uint64_t requests;   /* answered, whatever the answer */
	uint64_t answers[6]; /* by class: [2] 2xx ... [5] 5xx; [0] none, the client was gone */
	uint64_t cache_hits, cache_misses;
	uint64_t requests_queued_max, workers_busy_max;
	uint64_t max_children_reached; /* times that requests had to wait for that */
	uint64_t slow_requests;
	uint64_t access_log_errors, function_log_errors; /* lines or batches of lines that were not taken */

	/* As they are now: from here on nothing of an ended router counts. */
	uint64_t connections_active;
	uint64_t requests_active;
	uint64_t requests_queued;
	uint64_t workers_busy;
	uint64_t streams_active;
	uint64_t cache_bytes, cache_entries;
	uint64_t generation; /* of the snapshot in use */
};

/* A worker that the router has, as it was when the master asked. */
struct score_worker {
	uint32_t id;
	uint32_t is_running;
	uint64_t n_served;
	uint64_t duration_us; /* of the request that it executes, or of the last one */
	uint64_t content_length;
	uint64_t cpu_us; /* all of it */
	char function[NAME_MAX_SIZE + 7];
	char method[SCORE_METHOD_SIZE], path[SCORE_PATH_SIZE], user[SCORE_USER_SIZE];
};

struct scoreboard {
	struct router_counters counters;
	uint32_t n_rows, n_workers;
	struct score_row rows[SCORE_ROWS];
	struct score_worker workers[SCORE_WORKERS];
};

/* ---- the router ---- */

/* The file behind fd for writing, which goes on where the last router stopped.  With -1 a board that nobody
 * reads. */
int scoreboard_write(int fd, struct scoreboard **board, struct err *e);
void scoreboard_done(struct scoreboard *board);

/* The function's row, made when it is the first request; of more than SCORE_ROWS the one that they share. */
struct score_row *scoreboard_row(struct scoreboard *board, const char *function);

void score_observe(struct score_histogram *h, const uint64_t bounds[SCORE_BOUNDS], uint64_t value,
                   uint64_t n);
void score_answer(struct score_row *row, unsigned status, enum cause cause);

/* ---- the master ---- */

/* Makes the file: a descriptor, and the same mapped for reading. */
int scoreboard_make(const struct scoreboard **board, struct err *e);

/* What it says, with every number bounded and every text checked. */
void scoreboard_counters(const struct scoreboard *board, struct router_counters *counters);
size_t scoreboard_n_workers(const struct scoreboard *board);
void scoreboard_worker(const struct scoreboard *board, size_t i, struct score_worker *worker);

/* The rows of several boards, one for each function, sorted by name.  Their number or -ENOMEM; *rows is the
 * caller's to free. */
int scoreboard_sum(const struct scoreboard *const *boards, size_t n, struct score_row **rows, struct err *e);

/* Those alone that no function has, or one that is known: a router may have made up the others.  Their
 * number. */
size_t scoreboard_keep(struct score_row *rows, size_t n,
                       bool (*is_known)(const void *context, const char *name), const void *context);

/* All requests of a row; of a histogram all that was observed. */
uint64_t score_requests(const struct score_row *row);
uint64_t score_errors(const struct score_row *row); /* of them, those of 5xx */
uint64_t score_count(const struct score_histogram *h);
/* An estimate of the value below which `part` of 1 lies: the bound of its cell. */
uint64_t score_quantile(const struct score_histogram *h, const uint64_t bounds[SCORE_BOUNDS], double part);
