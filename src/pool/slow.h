/* slow.h - requests that run for longer than request_slowlog_timeout: where their worker is, into the slow
 * log and the records of failures. */
#pragma once
#include <stddef.h>

#include "base/loop.h"
#include "ipc/protocol.h"

struct master;
struct worker;

enum {
	SLOW_OPEN_MAX = 8, /* stacks that are being taken */
	SLOW_WAIT_MS = 2000,
};

/* One that is being taken; of no worker, who may end meanwhile. */
struct slow {
	struct watch watch; /* the pipe; -1: free */
	struct timer timer;
	uint64_t version;
	struct failure_report request;
	size_t n_lines, n;
	char lines[FAILURE_OUTPUT_MAX];
	char text[STACKS_TEXT_MAX];
};

struct slow_log {
	struct slow *open[SLOW_OPEN_MAX];
};

/* A router's word about a worker that it has, with the last lines of the request. */
void slow_request(struct master *m, struct worker *w, const struct slow_report *report, const char *lines,
                  size_t n);
void slow_close(struct master *m);
