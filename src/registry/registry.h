/* registry.h - functions, versions, routes and blobs in one SQLite file.  The only module that sees sqlite3.
 *
 * Everything read is checked again: names, paths, digests, ranges; a row that fails is -EBADMSG, never a
 * crash. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "audit/record.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/signature.h"
#include "config/policy.h"
#include "route/snapshot.h"
#include "secret/secret.h"
#include "token/scope.h"

enum {
	REGISTRY_SCHEMA = 4, /* user_version */
	REGISTRY_BLOB_MAX = 64 << 20,
	REGISTRY_ROUTES_MAX = 256,       /* of one version */
	REGISTRY_LOCK_REASON_SIZE = 201, /* bytes, with NUL */
};

/* The largest number of an activation: JSON's readers keep it exact. */
#define REGISTRY_NUMBER_MAX ((UINT64_C(1) << 53) - 1)

enum registry_mode {
	REGISTRY_READ, /* opened read-write, query_only: a read-only open cannot roll a journal back */
	REGISTRY_WRITE,
	REGISTRY_CREATE, /* makes the file (0660 by umask) and the schema; an existing registry is left as it
	                    is */
};

struct registry;

/* Errors and their meaning for an exit status: -ENOENT no file; -EINVAL not a registry; -EPROTO schema newer
 * than ours; -EACCES / -EROFS; -EBUSY locked for longer than 5 s; -ENOSPC; -EIO. */
int registry_open(const char *path, enum registry_mode mode, struct registry **r, struct err *e);
void registry_close(struct registry *r);

/* How long a call waits for another process's lock, in ms; 5,000 unless set. */
void registry_set_patience(struct registry *r, int ms);

/* Grows with every committed change of what is active; 2 µs when nothing changed. */
int registry_generation(struct registry *r, uint64_t *generation, struct err *e);

struct registry_route {
	unsigned methods; /* bits of http.h */
	uint32_t index;   /* row of the artifact's table, 0 for a plain entry */
	char pattern[ROUTE_PATTERN_MAX];
};

/* A signed activation: its form was checked, its signature was not. */
struct registry_activation {
	uint64_t number;  /* grows with each of the function; 0: there is none */
	uint32_t version; /* number of the version; 0: the function was removed */
	bool is_enabled;
	struct key_id key;
	struct signature signature;
};

struct registry_version {
	int64_t id;
	int64_t function_id;
	uint32_t number; /* 1, 2, 3 ... of the function */
	bool is_active, is_enabled;
	char function[NAME_MAX_SIZE];
	char entry[SYMBOL_MAX_SIZE];           /* empty: the artifact's route table */
	struct digest artifact, source, debug; /* blobs */
	struct function_policy policy;
	struct digest policy_text;             /* of the text that policy was read from */
	struct registry_activation activation; /* the newest of this version */
	char compiler[256];                    /* its version line */
	char flags[512];
	char source_name[256];
	char author[64];    /* user name of who deployed */
	int64_t created_at; /* seconds since 1970 */
	size_t n_routes;
	struct registry_route routes[REGISTRY_ROUTES_MAX];
};

/* What a reading of all that is active was of. */
struct registry_mark {
	uint64_t generation;
	uint64_t audit; /* number of the last audit row; 0: none */
};

/* Calls each for every active version, by function name, in one read transaction; *mark is what was read.  A
 * non-zero return of each ends it and is returned. */
int registry_each_active(struct registry *r, struct registry_mark *mark,
                         int (*each)(void *context, const struct registry_version *), void *context,
                         struct err *e);

enum { REGISTRY_CHANGES_MAX = 64 };

/* What has become of functions since *mark, by the audit rows behind it: each is called for those with an
 * active version, gone for those without (a: the removal that was signed, number 0: it was not).  *mark moves
 * on.  -ESTALE: the rows do not tell all that has changed, or there are more than REGISTRY_CHANGES_MAX; then
 * all has to be read.  What is changed by other means and does not count as a change is found by that alone.
 */
struct registry_changes {
	int (*each)(void *context, const struct registry_version *);
	int (*gone)(void *context, const char *function, const struct registry_activation *a);
	void *context;
};
int registry_each_changed(struct registry *r, struct registry_mark *mark, const struct registry_changes *to,
                          struct err *e);

/* By id (the master's way), or by name and number (number 0: the active one, else the newest).  -ENOENT. */
int registry_version_by_id(struct registry *r, int64_t id, struct registry_version *v, struct err *e);
int registry_version_find(struct registry *r, const char *function, uint32_t number,
                          struct registry_version *v, struct err *e);

/* The blob, its digest verified, in memory that the caller frees. */
int registry_blob(struct registry *r, const struct digest *d, char **data, size_t *n, struct err *e);

/* What a deploy wants to add. */
struct registry_candidate {
	char function[NAME_MAX_SIZE];
	char entry[SYMBOL_MAX_SIZE];
	const void *source, *artifact, *debug;
	size_t source_size, artifact_size, debug_size;
	const struct function_policy *policy;
	const char *compiler, *flags, *source_name, *author;
	size_t n_routes;
	const struct registry_route *routes;
	bool routes_from_options; /* --route: a later deploy without any keeps them */
	bool defers_routes;       /* they may be another function's until this one is activated */
	/* Of one that comes from another registry; 0 and NULL: made here and now. */
	const char *policy_text; /* what policy was read from, which its signature is over */
	uint32_t number;         /* as it was there, if that is higher than what the function has had here */
	int64_t created_at;
	bool is_disabled; /* its function, when that is new */
};

/* Adds a version that is not active, and the function when it is new, in one transaction.  An equal newest
 * version of the function (source, flags, compiler, entry, policy, routes) is not added again: *is_new is
 * false and *version_id is that one's.  -EEXIST when an active version of another function has one of the
 * routes (*e names the function and the route). */
int registry_add(struct registry *r, const struct registry_candidate *c, int64_t *version_id, bool *is_new,
                 struct err *e);

enum registry_routes {
	REGISTRY_KEEP_ROUTES, /* -ENOTEMPTY when a route of the active version would be lost (*e names it) */
	REGISTRY_REPLACE_ROUTES,
};

/* The number of the function's newest signed activation; 0 when it has none. */
int registry_last_activation(struct registry *r, const char *function, uint64_t *number, struct err *e);

/* The changes below keep the signed activation beside what they do when a is not NULL.  -EAGAIN: another
 * change came in between, and a says what is not true any more; sign again. */

/* Makes a version the active one of its function, in one transaction that checks the routes of all functions
 * again.  -EEXIST, -ENOTEMPTY as above, -ENOENT. */
int registry_activate(struct registry *r, int64_t version_id, enum registry_routes how,
                      const struct registry_activation *a, struct err *e);

/* One of several changes that are one: a version is activated, or a function removed. */
struct registry_change {
	int64_t version_id;
	enum registry_routes how;
	const char *removed; /* NULL: the version is activated */
	const struct registry_activation *a;
};

/* All of them in one transaction: a route may go from one function to another.  is_trial: whether they would
 * succeed, and nothing is changed.  *failed is the one that did not.  Errors as above. */
int registry_apply(struct registry *r, const struct registry_change *changes, size_t n, bool is_trial,
                   size_t *failed, struct err *e);

/* -ENOENT when there is no such function. */
int registry_set_enabled(struct registry *r, const char *function, bool is_enabled,
                         const struct registry_activation *a, struct err *e);
int registry_remove(struct registry *r, const char *function, const struct registry_activation *a,
                    struct err *e);

/* A locked function refuses every change above that is not gc, and every one of its secrets: -EPERM, *e names
 * who, when and the reason.  A word among deployers: who writes the file itself is not held up by it. */
struct registry_lock {
	int64_t time; /* seconds since 1970 */
	char actor[AUDIT_NAME_SIZE];
	char reason[REGISTRY_LOCK_REASON_SIZE];
};

/* -EINVAL for a reason that is not one line of UTF-8 of 1 to REGISTRY_LOCK_REASON_SIZE - 1 bytes, -EPERM when
 * it is locked, -ENOENT when there is no such function, or unlock finds no lock. */
int registry_lock(struct registry *r, const char *function, const char *reason, struct err *e);
int registry_unlock(struct registry *r, const char *function, struct err *e);

/* 1 with *lock, 0 when it is not locked. */
int registry_lock_find(struct registry *r, const char *function, struct registry_lock *lock, struct err *e);

/* 0, or -EPERM as the changes above would say it, and -EACCES or -ENOENT as an agent would hear it: before
 * work that would be in vain. */
int registry_lock_check(struct registry *r, const char *function, struct err *e);

/* The same before a version is added; -ENOTUNIQ: the function is there, and none that the agent may touch. */
int registry_name_check(struct registry *r, const char *function, struct err *e);

/* Whether a change was refused because its function is locked. */
bool registry_has_met_lock(const struct registry *r);

/* Calls each for every function whose newest signed activation is its removal. */
int registry_each_removed(struct registry *r,
                          int (*each)(void *context, const char *function,
                                      const struct registry_activation *),
                          void *context, struct err *e);

/* Routes that the newest version got from options, for a deploy that names none; 0 of them when it had none.
 */
int registry_option_routes(struct registry *r, const char *function, struct registry_route *routes, size_t *n,
                           struct err *e);

/* Every function by name: its active version, or its newest when none is active. */
int registry_each_function(struct registry *r, int (*each)(void *context, const struct registry_version *),
                           void *context, struct err *e);

/* Every version of a function, newest first.  -ENOENT. */
int registry_each_version(struct registry *r, const char *function,
                          int (*each)(void *context, const struct registry_version *), void *context,
                          struct err *e);

/* What SQLite itself finds wrong with the file, in words of at most size bytes; "" is nothing. */
int registry_integrity(struct registry *r, char *fault, size_t size, struct err *e);

/* The same by tables: one call a fault, at most 10 a table.  table is NULL for what is no table's. */
typedef int registry_fault(void *context, const char *table, const char *fault);
int registry_each_fault(struct registry *r, registry_fault *each, void *context, struct err *e);

/* Calls each for the id of every version, and for the digest of every blob. */
int registry_each_id(struct registry *r, int (*each)(void *context, int64_t id), void *context,
                     struct err *e);
int registry_each_blob(struct registry *r, int (*each)(void *context, const struct digest *d), void *context,
                       struct err *e);

/* What a sweep may take: inactive versions that are both older and beyond the newest. */
struct registry_retention {
	uint32_t keep;  /* so many of the newest of each function stay */
	int64_t before; /* what was made at this time or later stays (seconds since 1970); INT64_MAX: age is
	                   no reason to stay */
	size_t n_functions; /* of these alone; 0: of all */
	const char *const *functions;
	/* Whether this one, which would go, stays all the same: a pool may serve it; asked by growing id.
	 * NULL: none does.
	 */
	bool (*is_needed)(void *context, int64_t id, const char *function, uint32_t number);
	void *context;
	bool is_trial; /* nothing is changed */
};

struct registry_swept {
	uint64_t versions, blobs, bytes;
};

/* Deletes inactive versions, but never the one before the active one, which is the way back; then signed
 * activations that say nothing any more and blobs that nothing refers to.  -ENOENT: there is no such
 * function. */
int registry_sweep(struct registry *r, const struct registry_retention *what, struct registry_swept *swept,
                   struct err *e);

/* Gives the space of what was deleted back to the file system, in steps between which others may write; a
 * file from before that could be has to be written anew once, for which the disk must have room.  *bytes is
 * by how much the file became smaller. */
int registry_shrink(struct registry *r, uint64_t *bytes, struct err *e);

/* ---- copies ---- */

/* All of it, with tokens' hashes and sealed secrets, as it was at one moment, into the empty file at path.  A
 * registry that others write all the time is held once, for as long as the copy takes. */
int registry_backup(struct registry *r, const char *path, struct err *e);

/* Which versions travel to another registry. */
struct registry_selection {
	bool is_active_only;
	size_t n_functions; /* 0: all of them */
	const char *const *functions;
};

struct registry_moved {
	size_t functions, versions;
};

/* Copies these versions into the new registry to, as they were at one moment: sources, artifacts, policies,
 * which are active, and how those are signed; no secret, token, lock or audit row.  The same versions are the
 * same bytes.  -ENOENT: there is no such function, or it has no active version. */
int registry_export(struct registry *r, struct registry *to, const struct registry_selection *what,
                    struct registry_moved *moved, struct err *e);

/* -EBADMSG unless the tables are just those that a registry of this schema has: what a stranger made. */
int registry_check_tables(struct registry *r, struct err *e);

/* One version of another registry. */
struct registry_arrival {
	int64_t there; /* its id in that one */
	int64_t id;    /* out: here */
	bool is_new;   /* out: no version of the function here was of the same source, compiler, policy ... */
};

/* Adds them, none active, in one transaction, in this order; is_trial: nothing is changed.  *failed is the
 * one that could not be.  -EPERM: its function is locked.  Blobs are compared with their digests and every
 * column is checked, as for all that is read. */
int registry_import(struct registry *r, struct registry *from, struct registry_arrival *arrivals, size_t n,
                    bool is_trial, size_t *failed, struct err *e);

/* Every change above adds a row to the audit chain in its own transaction: neither is there without the
 * other. A registry of an older schema, which no writer has opened since, has no rows. */
struct registry_audit_row {
	struct audit_record record;
	struct digest hash;
	bool is_good; /* every column can be read; else record.number alone says something */
	bool follows; /* its hash is of what it says and of the row before it */
};

typedef int registry_audit_visitor(void *context, const struct registry_audit_row *);

/* Calls each for every row by number, whatever it is worth; *last is what the number of the last one should
 * be, as is kept beside the rows. */
int registry_each_audit(struct registry *r, registry_audit_visitor *each, void *context, uint64_t *last,
                        struct err *e);

/* The last row.  -EBADMSG. */
int registry_audit_head(struct registry *r, struct audit_head *head, struct err *e);

/* The number of a function's last row of this event; 0: there is none. */
int registry_audit_last(struct registry *r, const char *function, enum audit_event event, uint64_t *number,
                        struct err *e);

/* A token of clients. */
struct registry_token {
	char name[NAME_MAX_SIZE];
	struct digest hash;
	char scopes[TOKEN_SCOPES_TEXT_SIZE];
	int64_t created_at, expires_at; /* seconds since 1970; expires_at 0: never */
	char author[64];                /* user name of who made it */
	bool is_signed;
	struct key_id key;
	struct signature signature; /* its form was checked, it was not */
};

/* Adds a token.  -EEXIST: there is one of this name; -EMFILE: there are TOKENS_MAX. */
int registry_add_token(struct registry *r, const struct registry_token *t, struct err *e);

/* -ENOENT. */
int registry_remove_token(struct registry *r, const char *name, struct err *e);

/* From now on the token of this hash acts through r, and no longer the user of this process: it stands in the
 * audit's rows, changes functions alone of which every version has routes within its "deploy" scopes only,
 * what is added included, and reads of those alone; every other change is refused.  All of that is asked
 * again in the transaction of each change, and whether the token is still good.  -EACCES: it is not. */
int registry_act_as(struct registry *r, const struct digest *hash, const struct registry_token **token,
                    struct err *e);

/* -EACCES: a token acts that may not deploy this route. */
int registry_check_scope(const struct registry *r, const char *pattern, struct err *e);

/* Who acts: a user's name, or "token:NAME". */
void registry_actor(const struct registry *r, char actor[AUDIT_NAME_SIZE]);

/* Calls each for every token by name; of a row that cannot be read t is NULL, and *why says so: one damaged
 * token takes nothing from the others.  A registry of an older schema has none. */
typedef int registry_token_visitor(void *context, const struct registry_token *t, const struct err *why);
int registry_each_token(struct registry *r, registry_token_visitor *each, void *context, struct err *e);

/* Another value after every change of the tokens. */
int registry_tokens_stamp(struct registry *r, uint64_t *stamp, struct err *e);

/* A value of a function that its pool alone can open. */
struct registry_secret {
	char function[NAME_MAX_SIZE];
	char name[SECRET_NAME_SIZE];
	int64_t created_at; /* seconds since 1970 */
	char author[64];    /* user name of who set it */
	size_t n_sealed;
	unsigned char sealed[SECRET_SEALED_MAX];
};

/* Sets or replaces one: name, author and the sealed value are read.  The function need not be there yet; its
 * removal takes its secrets along.  -EMFILE: it has SECRETS_MAX others. */
int registry_set_secret(struct registry *r, const char *function, const struct registry_secret *s,
                        struct err *e);

/* -ENOENT. */
int registry_remove_secret(struct registry *r, const char *function, const char *name, struct err *e);

/* Calls each for every secret of a function, at most SECRETS_MAX, or of all (NULL), by function and name; of
 * a row that cannot be read s is NULL, and *why says so. */
typedef int registry_secret_visitor(void *context, const struct registry_secret *s, const struct err *why);
int registry_each_secret(struct registry *r, const char *function, registry_secret_visitor *each,
                         void *context, struct err *e);
