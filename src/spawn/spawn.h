/* spawn.h - cfn-spawn's state: one context, the processes that it started, what it has yet to say. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cgroup/cgroup.h"
#include "ipc/message.h"
#include "ipc/protocol.h"
#include "sandbox/sandbox.h"

enum {
	PROCESSES_MAX = 4096,
	DENIED_MAX = 64,      /* refused calls that a worker may make until it is ready */
	BASE_FIRST_ID = 1000, /* slot 0's uid and gid in the base namespace */
	RETRY_MS = 50, /* until what the kernel refused is tried again: a leaf it holds, who has ended */
};

enum process_kind { PROCESS_ROUTER, PROCESS_WORKER, PROCESS_COPY, PROCESS_RUNNER, PROCESS_SPARE };

enum source { SOURCE_MASTER, SOURCE_REPORT, SOURCE_LISTENER, SOURCE_CHILDREN };

struct process;
struct invoked;

/* What epoll gives back. */
struct watch {
	enum source source;
	struct process *process; /* NULL unless it is a process's */
};

struct process {
	struct process *next;
	enum process_kind kind;
	uint32_t id; /* 0: a spare's */
	pid_t pid;   /* of its init, or its own */
	int pidfd;
	int report;      /* its words until it is ready; -1 then */
	int ending;      /* init's only word */
	int listener;    /* refused calls until it is ready; the master's then */
	pid_t worker;    /* init's payload, as the pool sees it; 0 until it is ready */
	int64_t cpu_us;  /* of the payload when it was killed; 0: it was not */
	bool is_waiting; /* it said that it was ready for anybody */
	bool was_spare;
	bool was_killed;
	bool was_ready;
	bool was_confined; /* the listener came, and no word after it that the sandbox failed */
	unsigned n_denied;
	struct invoked *invoked; /* NULL: a router gets it */
	struct cgroup_leaf leaf;
	struct watch on_report, on_listener;
	bool is_missing; /* of a copy: what it was to read or where to write */
	char reason[REASON_SIZE];
};

struct outgoing;

struct spares_kept {
	unsigned n_wanted;
	unsigned n_told;   /* to the master: that wait */
	unsigned n_failed; /* one after the other, without one that came up */
	uint64_t due_us;   /* none is made before */
};

struct spawn {
	int master; /* non-blocking */
	int epoll, children;
	int shared; /* the folder of shared folders; -1: none */
	int cgroup; /* the folder of leaves; -1: rlimits alone */
	int runner; /* its program; -1: it is not installed */
	int filters_fd;
	int other_fds[3]; /* programs of other workers (programs.c); -1 before the first of them */
	const struct sandbox_filters *filters;
	unsigned n_slots;  /* 0: all sandboxes are uid 0 of the base */
	unsigned n_leaves; /* that were made */
	struct spares_kept spares;
	struct watch on_master, on_children;
	struct process *processes;
	struct process *ended; /* freed at the end of the loop's turn, or when its leaf can be removed */
	bool is_reaping;       /* the kernel did not say who has ended: to be asked again */
	struct outgoing *first, *last;
	struct message in; /* too large for the stack */
};

/* outbox.c: says it to the master, in order, now or as soon as the master reads.  fd (or -1) is taken over.
 */
int outbox_post(struct spawn *s, uint32_t type, const void *body, size_t length, int fd, struct err *e);
int outbox_flush(struct spawn *s, struct err *e);

/* process.c */
struct process *process_new(struct spawn *s, enum process_kind kind, uint32_t id);
struct process *process_by_id(const struct spawn *s, uint32_t id);
size_t process_count(const struct spawn *s);
int process_watch(struct spawn *s, struct process *p, enum source source, struct err *e);
/* reason is only set the first time: what came first is the cause. */
void process_set_reason(struct process *p, const char *text, size_t n);
void process_kill(struct process *p);
/* What is closed or given away is unwatched first; the descriptor, which is the caller's then. */
int process_unwatch(const struct spawn *s, int *fd);
void process_close_report(const struct spawn *s, struct process *p);
void process_close_listener(const struct spawn *s, struct process *p);
/* A process that never ran, or whose end was told. */
void process_free(const struct spawn *s, struct process *p);
void process_forget(struct spawn *s, struct process *p); /* one that never ran, out of the list */
/* What is a spare's is p's from now on. */
int process_adopt(struct spawn *s, struct process *p, struct process *spare, struct err *e);
/* Reaps whoever ended and tells the master. */
int process_reap(struct spawn *s, struct err *e);
void process_free_ended(struct spawn *s);
/* The last act, when the master is gone: with their leaves all of them die.  What the kernel holds for longer
 * is left to the next pool. */
void process_remove_leaves(const struct spawn *s);
int process_tell_ended(struct spawn *s, const struct process *p, const struct ending *ending, struct err *e);

/* report.c: reads what there is. */
int report_read(struct spawn *s, struct process *p, struct err *e);
void report_denied(const struct spawn *s, struct process *p, uint32_t events);

/* programs.c: the descriptor of the seccomp programs of what is started; -errno. */
int programs_for(struct spawn *s, bool is_explained, bool is_granted, struct err *e);

/* spares.c: how many are to wait; -errno: too many. */
int spares_want(struct spawn *s, unsigned n);
void spares_pause(struct spawn *s); /* something else is being started */
void spares_waits(struct spawn *s, struct process *p);
void spares_ended(struct spawn *s, const struct process *p, const struct ending *ending);
/* Makes one where it is time for that; the milliseconds until it may be, -1: none is missing. */
int spares_tend(struct spawn *s, struct err *e);
int spares_patience(const struct spawn *s);

/* invoked.c: workers whose listener stays here. */
int invoked_start(struct process *p, const struct start_worker *w, struct err *e);
void invoked_ready(struct process *p);
void invoked_request_begins(struct process *p); /* any process: others are left alone */
/* Counts a refused call.  The errno to answer it with; 0: it was one too many, and the process was killed. */
int invoked_refuse(const struct spawn *s, struct process *p, const struct sandbox_denied *denied);
/* Kills those over their CPU time; the milliseconds after which to look again, -1: there is nobody. */
int invoked_check(struct spawn *s);
/* Fills in what is known of it, and the kinds of refused calls behind; the length of both. */
size_t invoked_tell(const struct process *p, struct process_ended *ended, struct refused_call *calls);

/* command.c: one message of the master.  1; 0 at the end of the channel; -EAGAIN; -errno when it is broken.
 */
int command_serve(struct spawn *s, struct err *e);

/* stacks.c: has a process write the stacks of the worker's threads, or of this process of its sandbox, to a
 * pipe.
 */
void stacks_take(const struct spawn *s, const struct process *p, pid_t pid, int pipe);

/* start.c: each takes what it needs out of s->in.  -errno: nothing was started, *e says why. */
int start_router(struct spawn *s, struct process *p, struct err *e);
int start_worker(struct spawn *s, struct process *p, struct err *e);
int start_copy(struct spawn *s, struct process *p, struct err *e);
/* runner.c: the same. */
int start_runner(struct spawn *s, struct process *p, struct err *e);

/* folder.c: makes the shared folder when there is none. */
/* And a folder "run" in it, for sockets to be mounted in. */
int folder_provide_run(const struct spawn *s, const char *name, struct err *e);
int folder_provide(const struct spawn *s, const char *name, uint32_t slot, struct err *e);
/* The shared folder as a detached mount.  -ENOENT when there is none. */
int folder_open(const struct spawn *s, const char *name, uint32_t slot, bool is_read_only, struct err *e);
/* -EACCES naming the first folder of path that this process may not pass. */
int folder_check_path(const char *path, struct err *e);
bool folder_is_name(const char *name, size_t size);

/* A slot's uid and gid in the base namespace. */
static inline uid_t
slot_id(const struct spawn *s, uint32_t slot)
{
	return s->n_slots > 0 ? BASE_FIRST_ID + slot : 0;
}
