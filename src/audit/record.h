/* record.h - one entry of an audit chain: what it says, the line it is written as, and its hash.
 *
 * A line is one JSON object, the number first, the hash of the entry before it and its own last.  The hash is
 * SHA-256 of the line's bytes before its last member, so that whoever has the lines needs nothing else to
 * check them: each vouches for all before it.  The registry keeps the members in columns and hashes the same
 * line. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

enum {
	AUDIT_WORD_SIZE = 32,   /* an event, a cause, a system call, and NUL */
	AUDIT_NAME_SIZE = 65,   /* a function, a user, a request's id, and NUL */
	AUDIT_TEXT_SIZE = 256,  /* what else there is to say, and NUL */
	AUDIT_LINE_SIZE = 4096, /* longer than any line, with its newline and NUL */
};

/* What is recorded: one row each in the table of record.c. */
enum audit_event {
	/* In the registry, by who changes it. */
	AUDIT_DEPLOY,
	AUDIT_ACTIVATE,
	AUDIT_ROLLBACK,
	AUDIT_ENABLE,
	AUDIT_DISABLE,
	AUDIT_REMOVE,
	AUDIT_GC,
	AUDIT_LOCK, /* detail: the reason */
	AUDIT_UNLOCK,
	AUDIT_TOKEN_CREATE, /* detail begins with its name */
	AUDIT_TOKEN_REVOKE,
	AUDIT_SECRET_SET, /* detail is its name */
	AUDIT_SECRET_REMOVE,
	/* In the pool's log. */
	AUDIT_START, /* of the pool */
	AUDIT_STOP,
	AUDIT_KILL,              /* a worker, for a limit: cause */
	AUDIT_CRASH,             /* a worker ended by itself */
	AUDIT_DENIED,            /* refused system calls */
	AUDIT_START_REFUSED,     /* a worker could not be started */
	AUDIT_INVOKE,            /* cfn-deploy invoke: detail is the uid */
	AUDIT_SIGNATURE_REFUSED, /* an activation */
	AUDIT_KEYS,              /* the trusted keys are others than before */
	AUDIT_STORM,             /* a function is disabled for its refused calls */
	AUDIT_STORM_END,
	AUDIT_MANAGE_REFUSED, /* requests of the management: count, and why */
	AUDIT_REGISTRY,       /* the last audit row of the registry: count is its number, detail its hash */
	AUDIT_REPAIRED,       /* the log was damaged */
	AUDIT_ROTATED,        /* a new file: count is the number of the oldest entry that is kept */
	AUDIT_DROPPED,        /* count entries came too fast */
	AUDIT_EVENTS
};

/* "deploy", "start_refused" ... */
const char *audit_event_word(enum audit_event event);

/* True for what a function or its clients cause, as often as they like. */
bool audit_event_is_bounded(enum audit_event event);

/* Texts end with NUL; what is empty or 0 is not in the line. */
struct audit_record {
	uint64_t number;  /* 1, 2, 3 ... of the chain */
	int64_t time_ms;  /* since 1970 */
	uint64_t uid;     /* of the actor; only with one */
	uint32_t version; /* of the function */
	uint64_t count;
	char event[AUDIT_WORD_SIZE];
	char actor[AUDIT_NAME_SIZE]; /* user name */
	char function[AUDIT_NAME_SIZE];
	char cause[AUDIT_WORD_SIZE];
	char syscall[AUDIT_WORD_SIZE];
	char request[AUDIT_NAME_SIZE]; /* id, as in the access log */
	char detail[AUDIT_TEXT_SIZE];
};

/* Where a chain ends. */
struct audit_head {
	uint64_t number; /* 0: nothing yet */
	struct digest hash;
};

/* Writes the line of a record that follows previous, with its newline, and its hash.  The line's length or
 * -errno. */
int audit_format(const struct audit_record *r, const struct digest *previous, char line[AUDIT_LINE_SIZE],
                 struct digest *hash, struct err *e);

/* Reads n bytes of a line, without its newline.  Everything is checked: the form, every length and range, and
 * that the hash is the line's.  -EBADMSG with *e saying what is wrong. */
int audit_parse(const char *line, size_t n, struct audit_record *r, struct digest *previous,
                struct digest *hash, struct err *e);
