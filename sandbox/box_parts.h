/* box_parts.h - inside of the library: what the parts of a box share. */
#pragma once
#include "sandbox/box.h"
#include "sandbox/sandbox.h"

/* Pipes and the socket pair between keeper (its ends) and init with the payload (theirs). */
struct box_ends {
	int out, err; /* what the payload writes */
	int failure;  /* struct err of a stage or of the exec that failed; closed when the payload proper
	                 starts */
	int life;     /* the keeper's end closes with the keeper: init ends, and everything with it */
	int report;   /* SOCK_SEQPACKET, from init: how the payload ended, files; to it: BOX_GO */
};

enum box_message {
	BOX_ENDED = 1, /* struct ending */
	BOX_FILE,      /* uint32_t index; the opened file */
	BOX_LISTENER,  /* of refused calls; from the payload, before its exec */
	BOX_MATCH,     /* name without NUL; the opened file */
	BOX_MISSED,    /* uint32_t: so many more there are, or may be */

	/* keeper → init of a box that waits */
	BOX_GO, /* nothing: the plan is there */
};

/* Where a box that is made ahead finds what it is for. */
struct box_wait {
	const struct box_plan *plan; /* memory shared with the keeper; whole when BOX_GO comes */
	int input;                   /* a memory file, written and sealed by then */
};

/* The host ids of the plan's box.  -EINVAL: root, and no other id is given. */
int box_ids_choose(const struct box_plan *plan, uid_t *uid, gid_t *gid, struct err *e);

/* What a plan says of them. */
void box_limits_fill(const struct box_plan *plan, struct sandbox_limits *limits);

/* Child: never returns.  With wait the plan is only a shape, until BOX_GO. */
_Noreturn void box_init_run(const struct box_plan *plan, const struct box_wait *wait, struct sandbox *s,
                            struct sandbox_process *process, const struct box_ends *ends);

/* Of one stream. */
struct box_output {
	struct buf *kept;
	char *ring; /* the last bytes, once the first ones are kept */
	size_t ring_size, n_ring, at;
	uint64_t n_came;
};

/* Keeps max bytes, the last `end` of them from the end of what comes, in *kept.  0, or -1 without memory. */
int box_output_init(struct box_output *o, struct buf *kept, uint64_t max, uint64_t end);
/* How many of the n bytes, its first ones, are of the head. */
size_t box_output_add(struct box_output *o, const char *data, size_t n);
/* All of it is in *kept now; frees the rest. */
void box_output_finish(struct box_output *o);

/* Writes the plan's files below /work and /program, which then is read-only. */
int box_files_write(const struct box_plan *plan, struct err *e);

/* Sends the files below the working folder that a pattern names, in no order, as BOX_MATCH: at most
 * BOX_MATCHES_MAX, nothing deeper than BOX_MATCH_DEPTH, no link followed; then what is more, as BOX_MISSED.
 */
void box_matches_send(const char *const *patterns, int report);

/* Opens a file below /work, following nothing; -1 when that cannot be. */
int box_file_open(const char *path);

/* Copies what init opened to a sealed memory file; -1 unless it is a regular file with one name and at most
 * max bytes. */
int box_file_take(int fd, uint64_t max);

/* The same into memory that the caller frees. */
int box_file_read(int fd, uint64_t max, char **data, size_t *n);

/* What everything below init uses now.  A payload that is a copy of init, and never an exec, has only what it
 * has beyond it.  -ESRCH when init cannot be seen,
 * -ENOENT when the kernel does not list children (CONFIG_PROC_CHILDREN). */
int box_usage_read(pid_t init, bool is_copy, uint64_t memory_limit, struct box_usage *usage);
