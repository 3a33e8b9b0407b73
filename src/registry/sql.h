/* sql.h - what the files of this module share: the registry's connection, its rows, its audit. */
#pragma once
#include "registry/registry.h"
#include "sql/sql.h"

struct registry {
	struct database base;
	uint64_t generation; /* as last read */
	int data_version;    /* SQLite's own, for which generation was read; 0: not yet */
	struct agent *agent; /* who acts; NULL: the user of this process */
	bool has_met_lock;   /* a change was refused for one */
};

/* Runs change inside one write transaction: all of it or nothing. */
typedef int registry_change(struct registry *r, void *context, struct err *e);
int registry_transact(struct registry *r, registry_change *change, void *context, struct err *e);

/* Fills v from the version row of this id, inside the caller's transaction; every column checked. */
int version_read(struct registry *r, int64_t id, struct registry_version *v, struct err *e);

/* read.c: a column into its place, -EBADMSG when it does not fit there: plain text of one line, a number up
 * to max, a digest. */
int take_text(sqlite3_stmt *row, int column, char *to, size_t size);
int take_number(sqlite3_stmt *row, int column, uint32_t max, uint32_t *value);
int take_digest(sqlite3_stmt *row, int column, struct digest *d);
int take_bytes(sqlite3_stmt *row, int column, void *to, size_t size);
int take_activation(sqlite3_stmt *row, int first, struct registry_activation *a);

/* read.c: the registry's schema now: a reader takes an older one as it is, and a writer brings it up to date
 * meanwhile. */
int read_schema(struct registry *r, int64_t *schema, struct err *e);

/* audit.c: what a change does, for the row that its transaction adds.  What is NULL or 0 is left out. */
struct audit_change {
	enum audit_event event;
	const char *function;
	uint32_t version;
	const char *detail; /* one line of plain text */
	const struct registry_activation *signed_as;
};
int audit_add(struct registry *r, const struct audit_change *change, struct err *e);

/* Who runs this program; root's sudo is root. */
void audit_actor(char actor[AUDIT_NAME_SIZE]);

/* read.c: -ENOENT. */
int no_function(const struct registry *r, const char *function, struct err *e);

/* agent.c: 0 unless a token acts.  -EACCES: it is not good any more; -ENOENT: this function has a route that
 * is not within its scopes; before a change, and for a function that may not be there yet. */
int agent_check(struct registry *r, const char *function, struct err *e);
/* The same when the change has been made and its row is to be added; -EACCES: it is none of a token's. */
int agent_check_change(struct registry *r, enum audit_event event, const char *function, struct err *e);
/* Whether who acts may read of the function. */
bool agent_sees(struct registry *r, const char *function);

/* tokens.c: the token with this hash.  -ENOENT. */
int token_find(struct registry *r, const struct digest *hash, struct registry_token *t, struct err *e);

/* write.c: what is active has changed; pools read it anew. */
int generation_bump(struct registry *r, struct err *e);

/* write.c: changes within the caller's transaction. */
struct activation {
	int64_t version_id;
	enum registry_routes how;
	const struct registry_activation *signed_as; /* NULL: it is not */
	struct registry_version candidate, current;  /* filled in; current: the active one before, if its
	                                                routes were compared */
};

/* Activates it, whatever routes others have: routes_check() behind it. */
int activation_change(struct registry *r, struct activation *a, struct err *e);
int removal_change(struct registry *r, const char *function, const struct registry_activation *signed_as,
                   struct err *e);

/* write.c: adds a version within the caller's transaction, with a row of the audit or without.  is_any: one
 * that is equal to any version of the function is not added again, not only to the newest. */
struct version_addition {
	const struct registry_candidate *candidate;
	bool is_any, is_recorded;
	int64_t id;  /* out */
	bool is_new; /* out */
};
int version_add(struct registry *r, struct version_addition *a, struct err *e);

/* routes.c: fails when a route of another function's active version is equal to one of these. */
int routes_check(struct registry *r, const char *function, const struct registry_route *routes, size_t n,
                 struct err *e);

/* The same for the routes of all active versions, in one walk; it does not say which they are. */
int routes_check_all(struct registry *r, struct err *e);

/* read.c: runs a statement that begins with the columns of version_column, inside the caller's transaction.
 */
enum { SELECTION_MAX = 1024 };
int select_versions(struct registry *r, const char *rest, char sql[SELECTION_MAX], struct err *e);
int visit_rows(struct registry *r, sqlite3_stmt *row,
               int (*each)(void *context, const struct registry_version *), void *context, struct err *e);

/* activations.c: the newest signed activation of a function if that is its removal, or number 0. */
int removal_read(struct registry *r, const char *function, struct registry_activation *a, struct err *e);

/* changes.c: where the registry stands now, inside the caller's transaction. */
int mark_read(struct registry *r, struct registry_mark *mark, struct err *e);
