/* filter.h - seccomp programs: made by libseccomp when this is built, loaded as BPF wherever they are needed,
 * and answering what they refuse. */
#pragma once
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum filter_kind {
	FILTER_FUNCTION_LOAD,  /* the allow-list of a function; the only one with a listener */
	FILTER_FUNCTION_CLOSE, /* over it, after the listener left: no sendmsg, no recvmsg */
	FILTER_FUNCTION_SERVE, /* over both, after loading: no executable mapping, no seccomp */
	FILTER_FRESH_LOAD,  /* the same three for a function in fresh mode: it makes processes of its own */
	FILTER_FRESH_CLOSE, /* kind, which take their requests by recvmsg, and shares no memory with them */
	FILTER_FRESH_SERVE,
	FILTER_FRESH_REQUEST,     /* over these, in such a process: all that the others had to leave it */
	FILTER_FRESH_ALONE_SERVE, /* instead of both last, where a request's process can make nothing */
	FILTER_INIT,              /* waits, reports, ends */
	FILTER_FRESH_INIT,        /* also kills, tells the router, empties /tmp */
	FILTER_BOX_INIT,          /* also kills what is left and brings files out */
	FILTER_COPY,
	FILTER_ROUTER,
	FILTER_RUNNER,
	FILTER_MANAGE,
	FILTER_COMPILER,
	FILTER_RUN, /* as FILTER_COMPILER; what only an attack asks for is reported */
	FILTER_CHECK,
	FILTER_UNCOUNTED, /* under these three where no cgroup counts: no memory that may be there unseen */
	FILTER_TRACER,    /* reads where the threads of one process are, which are named when it is loaded */
	FILTER_COUNT
};

enum {
	FILTER_CODE_MAX = 1023,
	FILTER_OWN_PID = 0x7fffcf11, /* in a program: the pid of whoever loads it; no pid is so large */
	FILTER_REQUESTS_FD = 3,      /* where processes in fresh mode take their requests by recvmsg */
	FILTER_PIDS = 0x7fffcf40,    /* the same of FILTER_TRACER: the process, and behind it its threads */
	FILTER_PIDS_MAX = 17,
};

struct sandbox_filter {
	uint32_t n; /* 0: not built */
	uint32_t reserved;
	struct sock_filter code[FILTER_CODE_MAX];
};

/* Flat, so that it travels in a memory file. */
struct sandbox_filters {
	struct sandbox_filter of[FILTER_COUNT];
};

#define FILTER_BIT(kind) (1U << (kind))
#define FILTERS_OF_SPAWNER                                                                                   \
	(FILTER_BIT(FILTER_FUNCTION_LOAD) | FILTER_BIT(FILTER_FUNCTION_CLOSE) |                              \
	 FILTER_BIT(FILTER_FUNCTION_SERVE) | FILTER_BIT(FILTER_FRESH_LOAD) |                                 \
	 FILTER_BIT(FILTER_FRESH_CLOSE) | FILTER_BIT(FILTER_FRESH_SERVE) |                                   \
	 FILTER_BIT(FILTER_FRESH_REQUEST) | FILTER_BIT(FILTER_FRESH_ALONE_SERVE) | FILTER_BIT(FILTER_INIT) | \
	 FILTER_BIT(FILTER_FRESH_INIT) | FILTER_BIT(FILTER_COPY) | FILTER_BIT(FILTER_TRACER))

/* The programs whose bits are set, in a sealed memory file: a descriptor (CLOEXEC) or -errno. */
int sandbox_filters_seal(unsigned kinds, struct err *e);

/* The programs of a function for whom every refused call is to be explained, in such a file and under the
 * same kinds: they allow and refuse what service allows and refuses, but nearly all that is refused goes to
 * the listener, and sandbox_service_errno() says with what to answer it.  Refused without a report are,
 * because the worker itself needs them until it serves: sendmsg with the flags of message_send, and from
 * SERVE on seccomp and mapping a file to be executed. */
int sandbox_filters_seal_explaining(struct err *e);

/* Both for a function that has been granted a socket: it may make streams of AF_UNIX and connect them. */
int sandbox_filters_seal_granted(bool is_explaining, struct err *e);

/* Maps such a file read-only; the descriptor stays the caller's.
 * -EPERM not sealed, -EBADMSG not such a file. */
int sandbox_filters_map(int fd, const struct sandbox_filters **filters, struct err *e);

void sandbox_filters_unmap(const struct sandbox_filters *filters);

/* Loads one program; no_new_privs must be set.  0, or the listener's descriptor (CLOEXEC) for
 * FILTER_FUNCTION_LOAD, FILTER_FRESH_LOAD and FILTER_RUN, or -errno: -ESRCH when a thread cannot be brought
 * under FILTER_FUNCTION_SERVE or its two kinds of fresh mode. */
int sandbox_filter_load(const struct sandbox_filters *filters, enum filter_kind kind, struct err *e);

/* FILTER_TRACER, for the process pids[0] and its threads behind it; there is at least that one. */
int sandbox_filter_load_tracer(const struct sandbox_filters *filters, const pid_t *pids, size_t n,
                               struct err *e);

/* A call that a listener reports. */
struct sandbox_denied {
	uint64_t id;
	int32_t nr; /* number of the call */
	pid_t pid;  /* of the thread, in the reader's pid namespace; 0 when it is not visible there */
	uint32_t arch;
	uint64_t arguments[6];
};

/* After poll(2) said POLLIN.  1; 0 when the caller has died meanwhile; -errno. */
int sandbox_denied_receive(int listener, struct sandbox_denied *d);

/* Refuses it: EPERM, socket EACCES.  0, also when the caller has died meanwhile; -errno. */
int sandbox_denied_answer(int listener, const struct sandbox_denied *d);

/* Refuses it with this errno. */
int sandbox_denied_answer_with(int listener, const struct sandbox_denied *d, int error);

/* What one program says of a call, without making it: SECCOMP_RET_... and its data. */
uint32_t sandbox_filter_run(const struct sandbox_filter *f, const struct seccomp_data *call);

/* The errno that a function gets in service for a call that an explaining program reported: that of the
 * programs of sandbox_filters_seal themselves.  Never 0: what they would allow is refused all the same. */
int sandbox_service_errno(const struct sandbox_filters *service, const struct sandbox_denied *d);

enum { SYSCALL_NAME_SIZE = 32 };

/* "ptrace"; "syscall 9999" for a number without a name.  No system call but for memory: usable when confined.
 */
void sandbox_syscall_name(int nr, char name[SYSCALL_NAME_SIZE]);
