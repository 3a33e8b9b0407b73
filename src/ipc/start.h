/* start.h - what a program that the spawner starts finds: its descriptors at fixed numbers, its arguments;
 * and what a worker says back on its report channel. */
#pragma once
#include <stdint.h>

#include "ipc/protocol.h"

/* cfn-spawn: argv is its name, the shared directory (empty: none), the size of the uid range (0: one mapped
 * uid), "cgroup" when it was given one, else "". */
enum spawner_fd {
	SPAWNER_FD_MASTER = 3, /* channel */
	SPAWNER_FD_ROUTER,     /* program */
	SPAWNER_FD_WORKER,     /* program */
	SPAWNER_FD_LIBRARY,    /* libcfn.so.1 */
	SPAWNER_FD_RUNNER,     /* program; not there where it is not installed */
	SPAWNER_FD_CGROUP,     /* folder of the leaves; only with a cgroup */
	SPAWNER_FD_END
};

/* cfn-router.  0 and 1 are /dev/null, 2 is the error log.  It has the capabilities for confine_router. */
enum router_fd {
	ROUTER_FD_LISTENER = 3,
	ROUTER_FD_MASTER, /* channel */
	ROUTER_FD_ACCESS_LOG,
	ROUTER_FD_FUNCTION_LOG,
	ROUTER_FD_ERROR_LOG,
	ROUTER_FD_SCOREBOARD, /* memory file: struct scoreboard; mapped, and closed */
	ROUTER_FD_METRICS,    /* only where metrics have a listening address of their own */
	ROUTER_FD_START,      /* sealed memory file: struct start_router */
	ROUTER_FD_REPORT,     /* why it cannot serve; closed when it does */
	ROUTER_FD_END
};

/* cfn-runner: pid 1 of a pid namespace of its own, in a mount namespace of its own, uid 0 of the base user
 * namespace with all capabilities there; no network but the empty one.  0 and 1 are /dev/null, 2 is heard
 * by the master (log_to_starter).  When it ends, the kernel ends everything below it, and the spawner removes
 * what is in its cgroup.
 *
 * A lane is one end of a SOCK_SEQPACKET pair.  It carries what a worker's requests carry: FastCGI records, at
 * most 64 KiB a message, each request begins a new message, one request at a time.  ABORT_REQUEST: its
 * client is gone; the lane ends the request or is closed.  An end of the stream without it, while a request
 * is served: no other will follow; the answer is still read. */
enum runner_fd {
	RUNNER_FD_MASTER = 3, /* channel */
	RUNNER_FD_START,      /* sealed memory file: struct start_runner */
	RUNNER_FD_REPORT,     /* REPORT_READY or REPORT_FAILED; from any process below it */
	RUNNER_FD_FOLDER,     /* O_PATH, of the front's uid: what it keeps */
	RUNNER_FD_CGROUP,     /* folder for leaves, of the runner alone; only with a cgroup */
	RUNNER_FD_END
};

/* cfn-manage, started by the master after it gave its rights up: argv, and its descriptors.  0 and 1 are
 * /dev/null, 2 is heard by the master (log_to_starter). */
enum manage_argument {
	MANAGE_ARGUMENT_NAME,
	MANAGE_ARGUMENT_PATH,       /* where it serves */
	MANAGE_ARGUMENT_CONCURRENT, /* cfn-deploys at once */
	MANAGE_ARGUMENT_CONFIG,     /* --config of cfn-deploy; "" */
	MANAGE_ARGUMENT_REGISTRY,
	MANAGE_ARGUMENT_KEY, /* "" */
	MANAGE_ARGUMENTS
};
enum manage_fd {
	MANAGE_FD_MASTER = 3, /* channel, of its front */
	MANAGE_FD_LIFE,       /* of its executor: ends with the master */
	MANAGE_FD_END
};

/* Slots of the uid range, below those of functions and beside those of cfn-deploy's boxes. */
enum runner_slot { RUNNER_SLOT_FRONT = 4, RUNNER_SLOT_BOX, RUNNER_SLOT_COMPILER };

/* cfn-worker is started before it is known whom it will serve: pid 1 of its namespaces, of no uid there, with
 * an empty pipe as 0, /dev/null as 1, the spawner's 2, and CHANNEL, ENDING and LIBRARY.  argv[0] is as long
 * as a title may be.  On its channel comes one message, MSG_START_WORKER or MSG_START_COPY, when the ids have
 * been mapped: struct worker_places, the start's struct behind it, and the other descriptors. */
enum worker_fd {
	WORKER_FD_OUTPUT = 1, /* and 2; a copy keeps what it has */
	WORKER_FD_REQUESTS = 3,
	WORKER_FD_CHANNEL,
	WORKER_FD_FILTERS, /* of sandbox_filters_seal */
	WORKER_FD_ENDING,  /* init writes one struct ending to it: how its payload ended */
	WORKER_FD_ARTIFACT,
	WORKER_FD_ENVIRONMENT,
	WORKER_FD_LIBRARY,
	WORKER_FD_ROUTER,  /* init's, in fresh mode: struct fresh_kill, struct fresh_ended */
	WORKER_FD_FOLDER,  /* only with a shared folder */
	WORKER_FD_SOCKETS, /* mounts of what it was granted, in their order; from here on SOCKETS_MAX */
	WORKER_FD_END = WORKER_FD_SOCKETS + SOCKETS_MAX,

	WORKER_FD_COPY_DATA = WORKER_FD_REQUESTS,
	WORKER_FD_COPY_FOLDER = WORKER_FD_ARTIFACT,
};

enum { WORKER_TITLE_SIZE = 112 }; /* "cfn-worker NAME vN" and NUL */

/* Where the descriptors of the message belong: bits 1 << enum worker_fd, in the order of their numbers. */
struct worker_places {
	uint64_t places;
};

/* What a worker with sanitizers is started with, in front of all other libraries, as words and for the
 * loader. */
#define SANITIZER_LIBRARIES "libasan.so.8 libubsan.so.1"
#define SANITIZER_PRELOAD   "libasan.so.8:libubsan.so.1"

/* The last line on the output of a worker that crashes: this, the signal's name, " at 0xADDRESS" for a wrong
 * access, and behind a colon its frames, " FILE+0xOFFSET" or " 0xADDRESS", innermost first.  The function may
 * write such a line, too.
 */
#define CRASH_LINE_START "cfn: crashed by "
enum { CRASH_LINE_MAX = 4000, CRASH_FRAMES_MAX = 48 };

/* How a copy exits; beside a reason for people, on its report. */
enum copy_exit { COPY_DONE, COPY_FAILED, COPY_NO_FILE };

/* Worker, router and runner → spawner.  After REPORT_LISTENER the author's code may be what speaks here. */
enum report_type {
	REPORT_WAITING =
	    79, /* nothing: a sandbox for anybody; said once, where nobody waits for it already */
	REPORT_LISTENER = 80, /* nothing; seccomp listener */
	REPORT_READY,         /* struct process_ready (n_routes alone counts), for a trial its routes */
	REPORT_FAILED,        /* the sandbox could not be set up: text without NUL, below REASON_SIZE bytes */
	REPORT_NOT_LOADED,    /* it stands, and the function could not be loaded: the same */
};
