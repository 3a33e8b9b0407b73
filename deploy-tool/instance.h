/* instance.h - a worker of one version for us alone: a pool's, or without one a spawner's of our own. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "deploy-tool/local.h"
#include "deploy-tool/pools.h"
#include "deploy-tool/subject.h"
#include "deploy-tool/tool.h"

enum { INSTANCE_WORD_SIZE = 64 };

/* How it ended. */
struct instance_end {
	char cause[INSTANCE_WORD_SIZE]; /* "crash" ...; empty: as it was asked to */
	char how[INSTANCE_WORD_SIZE];   /* "signal SEGV" */
	char reason[REASON_SIZE];       /* a sentence, or empty */
	uint64_t cpu_us, memory_kb;     /* since it was ready; at most */
	uint64_t n_refused;             /* calls */
	size_t n_kinds;
	struct refused_call kinds[REFUSED_KINDS_MAX];
};

struct instance_how {
	bool is_explained;
	pid_t pool; /* of a version: this one alone; 0: any, or none */
};

struct instance {
	bool is_local, lacks_folder, has_end;
	struct pools pools;
	pid_t pool; /* 0 when it is local */
	struct local local;
	int requests, output; /* our ends; -1 */
	uint64_t wall_ms, stream_idle_ms, body_max, output_max;
	uint64_t memory; /* bytes; known when it is local */
	struct instance_end end;
};

/* Starts it and waits until it is ready: a version's at a pool when there is one, a file's here.  -ENOEXEC
 * when it cannot be loaded: *e says why, its output is in output, and end has what it was refused; -EBUSY
 * when the pool runs too many; or why it could not be asked for. Whatever comes of it, instance_done() leaves
 * nothing. */
int instance_start(struct tool *t, const struct subject *s, const struct instance_how *how,
                   struct instance *in, struct err *e);

/* Before each request but the first: the CPU time of a local one is bounded for each.  A pool bounds all of
 * them together. */
void instance_begin_request(struct instance *in);

/* What becomes readable when it ends. */
int instance_channel(const struct instance *in);

/* Takes the word about its end.  0, -ETIMEDOUT, or why there will be none. */
int instance_await_end(struct instance *in, int timeout_ms, struct err *e);

/* Kills it; the word about its end still comes. */
void instance_stop(struct instance *in);
void instance_done(struct instance *in);
