/* sandbox.h - a sandbox as a value: filled in, then entered part by part, for good.
 *
 * The parent:  sandbox_clone → sandbox_release (maps, go) or sandbox_process_done.
 * The child:   sandbox_await → sandbox_enter(PREPARE, IDENTITY) → [exec] → sandbox_enter(ROOT) → fork:
 *   init:      sandbox_enter(INIT), reaps
 *   payload:   sandbox_enter(PAYLOAD); a function's worker then hands s->listener over and closes it,
 *              sandbox_enter(CLOSE), loads SANDBOX_ARTIFACT, sandbox_enter(SERVE).  In fresh mode it then
 *              forks, and each child, once it has taken its request, sandbox_enter(REQUEST).
 * A process that is alone in its sandbox (the router) enters PAYLOAD directly after ROOT.
 * PREPARE needs neither maps nor anything else that depends on what will run.  So cfn-worker is made without
 * sandbox_await: PREPARE → exec → it waits, for nothing or for long, until the parent has called sandbox_map
 * and says whom it is for → IDENTITY, ROOT and the rest.
 *
 * Everything returns 0 or -errno with *e naming sandbox, stage and cause.  After a failure the process is
 * half confined: report and _exit. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "ipc/protocol.h"
#include "sandbox/filter.h"

enum {
	SANDBOX_ID = 1000,      /* uid and gid inside, whatever they are outside */
	SANDBOX_SYSTEM_MAX = 32 /* paths of the host in one box */
};

/* Path of the artifact from CLOSE (which makes its folder the working one) until SERVE (which leaves it). */
#define SANDBOX_ARTIFACT "./fn.so"

/* Where a box has the program that it was given to run. */
#define SANDBOX_PROGRAM "/program"

/* What a process of this kind may do: const data in profiles.c. */
struct sandbox_profile;
extern const struct sandbox_profile sandbox_function;    /* a worker: cloned by the spawner */
extern const struct sandbox_profile sandbox_fresh;       /* the same in fresh mode */
extern const struct sandbox_profile sandbox_fresh_alone; /* and where .processes is 1, and binds */
extern const struct sandbox_profile sandbox_router;      /* cloned by the spawner; no pid namespace */
extern const struct sandbox_profile sandbox_runner;      /* the front of the runner: cloned by the maker */
extern const struct sandbox_profile sandbox_manage; /* the front of the management: cloned by its executor */
extern const struct sandbox_profile sandbox_tracer; /* of confine_tracer */
extern const struct sandbox_profile sandbox_copy; /* cp in and out of a folder: a function's root, no code */
extern const struct sandbox_profile sandbox_compiler; /* a box: cloned anywhere, own network namespace */
extern const struct sandbox_profile sandbox_check;
extern const struct sandbox_profile sandbox_run; /* as sandbox_compiler, with SANDBOX_PROGRAM */

struct sandbox_limits {
	uint64_t memory; /* bytes; a function's address space beyond what it has at ROOT, and its artifact */
	uint64_t tmp_size;     /* bytes of /tmp (function), of /work and /tmp together (box) */
	uint64_t tmp_inodes;   /* of the same */
	uint64_t program_size; /* bytes of SANDBOX_PROGRAM; 0: there is none */
	uint64_t file_size;    /* bytes of one file */
	uint64_t processes;    /* processes and threads; init is not counted */
	uint64_t files;        /* descriptors */
	uint64_t cpu_s;        /* RLIMIT_CPU, the last net of a box; 0: none */
};

struct sandbox_socket {
	int mount;
	char place[112];
};

struct sandbox {
	const struct sandbox_profile *profile;
	const char *name;             /* for error texts: "function 'hello'" */
	struct sandbox_limits limits; /* rows that the profile does not use may be 0 */
	const struct sandbox_filters *filters;
	const int *keep; /* descriptors that stay open in PAYLOAD or INIT, all others are closed; any order */
	size_t n_keep;
	int folder; /* sandbox_folder_open's mount to be the root; -1: an empty read-only root */
	bool is_folder_read_only;
	/* Of sandbox_socket_open, each at its place below the root ("run/..."); then programs of a sealing
	 * with FILTERS_GRANTED are needed. */
	const struct sandbox_socket *sockets;
	size_t n_sockets;
	int artifact;              /* sealed memory file; -1: none */
	const char *const *system; /* box: paths seen read-only; absent ones left out; NULL: none */
	const char *system_root;   /* box: the folder that they are below; NULL: / */
	const char
	    *proc_self_exe; /* box: a program's path for that link, the one thing in /proc; NULL: no /proc */

	/* Filled in by the stages. */
	int artifact_folder; /* ROOT: mounted nowhere, read-only, holds SANDBOX_ARTIFACT; kept in PAYLOAD */
	int listener;        /* PAYLOAD of a function: refused calls; -1 in other profiles */
	uint64_t artifact_size; /* bytes */
	uint64_t address_space; /* ROOT: bytes of this process then, so preload libraries before it */
};

/* All descriptors -1, everything else 0. */
void sandbox_init(struct sandbox *s, const struct sandbox_profile *profile, const char *name);

enum sandbox_part {
	SANDBOX_PREPARE = 1 << 0,  /* no further user namespace, capabilities kept over exec */
	SANDBOX_IDENTITY = 1 << 1, /* ids: once they are mapped */
	SANDBOX_ROOT =
	    1 << 2, /* mounts, pivot_root, host name, environment; working folder /tmp, /work or / */
	SANDBOX_INIT = 1 << 3, /* pid 1 after its fork: only reads, writes, waits and ends */
	SANDBOX_PAYLOAD =
	    1 << 4, /* limits, descriptors, capabilities, no new privileges, Landlock, seccomp */
	SANDBOX_CLOSE =
	    1 << 5, /* limit of files; nothing is sent or received any more; into the artifact's folder */
	SANDBOX_SERVE =
	    1 << 6, /* out of the artifact's folder into /tmp; no executable memory, no filter any more */
	SANDBOX_REQUEST =
	    1 << 7,             /* fresh mode: no further process, no signal to another, no filter any more */
	SANDBOX_RUN = 1 << 8,   /* a program's box, after the listener's handover: the limits of its plan */
	SANDBOX_WAIT = 1 << 9,  /* pid 1 of a box that waits for its plan: descriptors, the keeper's end
	                           of its life among them */
	SANDBOX_SIZE = 1 << 10, /* a box whose plan came after ROOT: its files get the room of that plan */
};

/* Walks the table of stages (stages.c) and enters those of the parts that the profile has. */
int sandbox_enter(struct sandbox *s, unsigned parts, struct err *e);

/* A cloned process.  Descriptors are CLOEXEC. */
struct sandbox_process {
	pid_t pid; /* 0 in the child */
	int pidfd; /* -1 in the child */
	int start; /* the parent's end wakes the child; closing it unwoken makes sandbox_await fail */
};

/* clone3 with the profile's namespaces and a pidfd, in that cgroup (-1: in the caller's).  The pid in the
 * parent, 0 in the child, -errno: -EPERM, -ENOSPC, -EUSERS when there are no user namespaces (the text says
 * what to do).  In a single-threaded process only. */
pid_t sandbox_clone(const struct sandbox_profile *profile, int cgroup, struct sandbox_process *p,
                    struct err *e);

/* Parent: writes the maps "1000 OUTSIDE 1" of the child and wakes it.  The ids are those of the caller's own
 * user namespace.  proc is a descriptor of a /proc that shows p->pid, or -1 for "/proc". */
int sandbox_release(struct sandbox_process *p, int proc, uid_t outside_uid, gid_t outside_gid, struct err *e);

/* The first half of it: the maps. */
int sandbox_map(pid_t pid, int proc, uid_t outside_uid, gid_t outside_gid, struct err *e);

/* Child: waits for that.  -ECANCELED when the parent gave up or died. */
int sandbox_await(struct sandbox_process *p, struct err *e);

/* Closes its descriptors; does not reap. */
void sandbox_process_done(struct sandbox_process *p);

/* A detached mount of the folder `name` below the folder dirfd (opened in this mount namespace), nosuid,
 * nodev, noexec, nosymfollow, maybe read-only: for struct sandbox.folder, may travel by SCM_RIGHTS.  The
 * folder must hold a plain folder "tmp" where /tmp will be mounted (-ENOTDIR, -ENOENT else).  Needs
 * CAP_SYS_ADMIN in the mount namespace's owner. */
int sandbox_folder_open(int dirfd, const char *name, bool is_read_only, struct err *e);

/* The same of a socket, by its path on the host, on which no link may lie.  -ENOTSOCK when it is something
 * else.
 */
int sandbox_socket_open(const char *path, struct err *e);

/* Proves the isolation by a whole function sandbox with a probe as its payload, below the caller's own
 * namespaces, the empty network namespace among them.  outside_uid (also the gid) and proc as for
 * sandbox_release; filters has FILTERS_OF_SPAWNER.  0 with level and layers filled in; -errno when a layer
 * other than Landlock does not hold: *e says which and what to do. */
int sandbox_probe(int proc, uid_t outside_uid, const struct sandbox_filters *filters,
                  struct spawner_ready *ready, struct err *e);
