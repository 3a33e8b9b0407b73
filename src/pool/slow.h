/* slow.h - requests that run for longer than request_slowlog_timeout: where their worker is, into the slow
 * log and the records of failures. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "ipc/protocol.h"

struct master;
struct worker;

enum {
	SLOW_OPEN_MAX = 8, /* stacks that are being taken */
	SLOW_WAIT_MS = 2000,
	LAST_LOOK_MS = 500, /* that whose time is over lives on, at most */
};

/* One that is being taken; of no worker, who may end meanwhile. */
struct slow {
	struct watch watch; /* the pipe; -1: free */
	struct timer timer;
	uint32_t worker;
	bool is_last;
	uint64_t version;
	struct failure_report request;
	size_t n_lines, n;
	char lines[FAILURE_OUTPUT_MAX];
	char text[STACKS_TEXT_MAX];
};

/* Stacks of requests that were ended for their time, until it is told how they ended; the oldest make room.
 */
struct last_look {
	uint64_t version;
	char request[REQUEST_ID_SIZE];
	json_t *threads;
};

struct slow_log {
	struct slow *open[SLOW_OPEN_MAX];
	struct last_look looks[SLOW_OPEN_MAX];
	unsigned next_look;
};

/* A router's word about a worker that it has, with the last lines of the request. */
void slow_request(struct master *m, struct worker *w, const struct slow_report *report, const char *lines,
                  size_t n);
/* The stacks of a request that has failed, which are the caller's then; NULL: none were taken. */
json_t *slow_last_look(struct master *m, uint64_t version, const char *request);
void slow_close(struct master *m);
