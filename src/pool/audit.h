/* audit.h - the pool's audit log: what the master records of itself, of workers and of functions.
 *
 * A record waits in a queue and is written with what else has come, at most once a second, so that nobody can
 * make the master write without end: equal ones are counted together, and what a function or its clients
 * cause has a share of the queue; what does not fit is counted and said.  The disk may be full or gone: the
 * queue keeps what it holds, and the pool goes on serving. */
#pragma once
#include "audit/head.h"
#include "base/loop.h"

struct master;

enum {
	AUDIT_QUEUE_MAX = 48,
	AUDIT_QUEUE_BOUNDED = 36,     /* of events that a function or its clients cause */
	AUDIT_QUEUE_OF_FUNCTION = 12, /* of these, one function's */
	AUDIT_FLUSH_MS = 1000,        /* between two writes */
	AUDIT_RETRY_MS = 2000,        /* after one that failed */
	AUDIT_LOCKED_MS = 10,         /* while another pool writes */
	AUDIT_SIGN_MS = 5 * 1000,     /* from an entry to its signature */
	AUDIT_SYSLOG_MS = 60 * 1000,  /* between two lines in the system's log */
};

/* One event; what is NULL or 0 is left out. */
struct audit_note {
	enum audit_event event;
	const char *function;
	uint32_t version;
	const char *cause, *syscall, *request;
	uint64_t count;     /* of bounded events; 0 is 1 */
	const char *detail; /* one line for people, any bytes, cut at AUDIT_TEXT_SIZE */
};

struct auditor {
	struct audit_log log;
	bool is_open;
	struct private_key key;
	struct timer flush, sign, syslog;
	struct audit_record queue[AUDIT_QUEUE_MAX];
	size_t n_queued;
	uint64_t n_dropped;
	uint64_t flushed_us, syslogged_us;
	uint64_t syslogged_number;  /* of the entry that was said last */
	struct audit_head registry; /* as recorded last */
	bool is_registry_failing;
	bool is_failing; /* said once in the error log */
};

/* Opens the log in the state folder.  Failing is no reason not to serve: it is said in the error log, and
 * tried again. */
void audit_open(struct master *m);

/* Records an event.  Before audit_open it waits. */
void audit_note(struct master *m, const struct audit_note *note);

/* Records where the registry's own audit rows end, when that is not where they ended last: who changes or
 * removes rows afterwards cannot change what is written here. */
void audit_registry(struct master *m);

/* Writes what waits, signs the head. */
void audit_close(struct master *m);
