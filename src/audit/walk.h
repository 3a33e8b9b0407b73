/* walk.h - reading an audit chain from its files, oldest entry first, and finding what is not as it was
 * written. */
#pragma once
#include "audit/head.h"

enum { AUDIT_TAIL_MAX = 1 << 20 }; /* bytes past AUDIT_FILE_MAX that a file may have */

/* An entry that somebody else knows to be in the chain: a signature, or a pool that runs. */
struct audit_witness {
	struct audit_head head;
	const char *who; /* "the signed head" */
	bool is_met;
};

struct audit_walk {
	/* What to do with each good entry, and with each fault, one line for people. */
	void (*entry)(void *context, const struct audit_record *record);
	void (*fault)(void *context, const char *text);
	void *context;
	struct audit_witness *witnesses;
	size_t n_witnesses;
	off_t max_size; /* of a file */
	/* Results */
	uint64_t first;         /* number of the oldest entry; 0: there is none */
	struct audit_head last; /* the newest */
	int64_t last_ms;
	uint64_t n_entries;
};

/* Reads it all while no pool writes.  -EAGAIN: one wrote all the time; -ENOENT: there is no log. Faults of
 * the chain are no errors of this. */
int audit_walk(struct audit_walk *w, int folder, struct err *e);

/* -EAGAIN as above, -ENOENT: nothing is signed; -EBADMSG: it is no head. */
int audit_walk_head(int folder, struct audit_signed_head *head, struct err *e);
