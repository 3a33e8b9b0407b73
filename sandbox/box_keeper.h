/* box_keeper.h - inside of the library: the keeper of one box, and its watch. */
#pragma once
#include "cgroup/cgroup.h"
#include "sandbox/box_parts.h"
#include "sandbox/profile.h"

enum { BOX_SAMPLE_MS = 20 }; /* between two looks at what it uses, the first after as long */

struct keeper {
	const struct box_plan *plan;
	struct sandbox_profile profile;
	struct box_result *result;
	struct sandbox_process process;
	struct box_ends ends;
	struct cgroup_leaf leaf;
	uint64_t started_us, next_sample_us, next_usage_us;
	int listener; /* of refused calls; -1: none, or not yet */
	unsigned n_matches;
	uint64_t matched; /* bytes of them */
	struct box_output out, err;
	struct box_usage now; /* the last sample */
	uint64_t cpu_us;      /* of it */
	uint64_t max_memory;  /* of all samples */
	bool is_reported;     /* init said how the payload ended */
	bool is_running;      /* the stages are behind it: until then its memory is ours */
	bool has_failed;
	struct err failure; /* of a stage or the exec */
};

/* Ends all of it, for that reason unless there is one already. */
void box_kill(struct keeper *k, enum cause cause);

/* Until init has ended: never until a stream has, which the payload may have given to somebody. */
int box_watch(struct keeper *k, struct err *e);

/* What was written before the end and not yet read. */
void box_drain(struct keeper *k);

/* Microseconds of CPU time that it may use: cpu_ms, or the budget of cpu_share where nothing else keeps it.
 */
uint64_t box_cpu_limit(const struct keeper *k, bool *is_budget);
