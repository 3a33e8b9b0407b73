/* approvals.h - which versions may run: their signatures against the trusted keys and the numbers seen
 * before.
 *
 * Verified lazily, for a pool may have 10,000 functions: before an artifact is handed out, and a few at a
 * time after the registry was read.  Without a trusted key everything may run. */
#pragma once
#include "pool/master.h"

/* Reads the keys.  Errors are those of keys_read.  The numbers are opened with the rest of the state
 * (numbers_open), and closed here. */
int approvals_open(struct master *m, struct err *e);
void approvals_close(struct master *m);

/* -EPERM: who replaced the state folder, and with it the numbers, could put back what is older. */
int approvals_check_state(const struct master *m, struct err *e);

/* Reads the keys again when they may be others, or in any case, and forgets what it found out by them; what
 * they no longer approve of is drained.  A fault in them is said, and those that were read last hold. */
void approvals_look(struct master *m);
void approvals_reload(struct master *m);

bool approvals_are_required(const struct master *m);

/* What is signed of a version: contents without an activation, document with it. */
int approval_claim(const struct registry_version *v, const struct registry_activation *a,
                   struct approval_claim *claim, struct err *e);
bool approval_is_same(const struct approval_claim *a, const struct approval_claim *b);

/* 0 when a worker of the pool may be made; else the refusal, which is logged when it is found. */
int approval_check(struct master *m, struct pool *pool, struct err *e);

/* A version that is voted on: the same for the claim that it will have, which the pool gets unless it serves.
 */
int approval_vote(struct master *m, struct pool *pool, const struct approval_claim *claim, struct err *e);

/* Before a pool takes over what fresh says: false when it must not, because fresh is refused and the pool is
 * not. */
bool approval_may_follow(struct master *m, struct pool *pool, struct pool *fresh);

/* The pool is what the registry says is active: if that is news it is verified soon, and its number kept. */
void approval_settle(struct master *m, struct pool *pool);
/* A function was removed, by a signed activation. */
void approval_remove(struct master *m, const char *function, const struct registry_activation *a);
/* After a reading: works on those that wait, all of them when they are few. */
void approvals_go_on(struct master *m);

/* Before a pool is freed. */
void approval_forget(struct master *m, struct pool *pool);
