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
	bool is_ahead;        /* it was given its plan by BOX_GO */
	bool is_unheard;      /* init ended while it waited: nothing of the plan was begun */
	bool has_failed;
	struct err failure; /* of a stage or the exec */
};

/* Nothing is open. */
void box_keeper_init(struct keeper *k, const struct box_plan *plan);

/* Starts it, up to where it needs more than wait says, or all of it where that is NULL.  Also after a failure
 * box_keeper_done() is to be called. */
int box_start(struct keeper *k, const struct box_wait *wait, struct err *e);

/* Ends what was started and reaps it. */
void box_end(struct keeper *k);
void box_keeper_done(struct keeper *k);

/* The limits of its leaf. */
struct cgroup_limits box_leaf_limits(const struct box_plan *plan);

/* Hands the plan to its box_ahead, which then is *k's; false: there is none that fits. */
bool box_ahead_take(struct keeper *k);

/* Ends all of it, for that reason unless there is one already. */
void box_kill(struct keeper *k, enum cause cause);

/* Until init has ended: never until a stream has, which the payload may have given to somebody. */
int box_watch(struct keeper *k, struct err *e);

/* What was written before the end and not yet read. */
void box_drain(struct keeper *k);

/* Microseconds of CPU time that it may use: cpu_ms, or the budget of cpu_share where nothing else keeps it.
 */
uint64_t box_cpu_limit(const struct keeper *k, bool *is_budget);
