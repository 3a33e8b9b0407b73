/* confine.h - the face of the sandbox for processes that confine themselves. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "sandbox/filter.h"

/* The router's sandbox, entered for good after its descriptors were handed over: an empty root, no
 * capability, Landlock, and a seccomp filter that allows serving accepted connections and nothing else. */
int confine_router(struct err *e);

struct confine_runner {
	int folder;      /* of sandbox_folder_open: all that it sees of files; "/", with an empty /tmp */
	const int *keep; /* descriptors that stay open; -1 counts as none */
	size_t n_keep;
	uint64_t files;  /* descriptors at most */
	uint64_t memory; /* bytes of address space beyond what it has */
};

/* The runner's front, which was cloned with sandbox_runner and released: the folder, no capability, Landlock,
 * and a seccomp filter without exec, new processes and new sockets. */
int confine_runner(const struct confine_runner *c, struct err *e);

/* The front of the management, which was cloned with sandbox_manage and released: no file at all, no
 * capability, Landlock, and a seccomp filter without exec, open, new processes and new sockets.  keep:
 * descriptors that stay open. */
int confine_manage(const int *keep, size_t n_keep, struct err *e);

/* The runner's maker, uid 0 of its user namespace: of all capabilities it keeps those that write
 * id maps.  has_one_id: 0 is the only id there. */
int confine_maker(bool has_one_id, struct err *e);

struct confine_tracer {
	const struct sandbox_filters *filters; /* with FILTER_TRACER */
	int folder;                            /* that of the threads in /proc: all that it sees of files */
	const int *keep;                       /* descriptors that stay open */
	size_t n_keep;
	const pid_t *pids; /* the process, then its threads; FILTER_PIDS_MAX at most */
	size_t n_pids;
};

/* Who reads where a hostile process is: of all capabilities it keeps the one to trace, and a seccomp filter
 * says whom.  It opens nothing, makes nothing, gets no memory, and has a second of CPU time. */
int confine_tracer(const struct confine_tracer *c, struct err *e);
