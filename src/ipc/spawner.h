/* spawner.h - starting cfn-spawn and its namespaces, for the master and for a trial load by cfn-deploy. */
#pragma once
#include <sys/types.h>

#include "base/err.h"
#include "cgroup/cgroup.h"
#include "ipc/protocol.h"

struct spawner_options {
	const char *libexec_dir; /* of cfn-spawn, cfn-router, cfn-worker and the function library */
	const char *shared_dir;  /* absolute path of the folder of shared folders, made when it is missing;
	                            NULL:  nobody has one */
	uid_t uid_range;         /* first host uid when started as root */
	unsigned n_uids;         /* size of the range, at least 2,000 */
	int errors;              /* what its standard error becomes; 0: the caller's stays */
	const struct cgroup *cgroup; /* opened for spawner_uid(); NULL or not open: none */
};

struct spawner {
	int channel; /* SOCK_SEQPACKET to cfn-spawn; its end is the end of everything below it */
	int pidfd;
	pid_t pid;
	struct spawner_ready ready;
};

/* The host uid that the spawner of this caller has. */
uid_t spawner_uid(uid_t uid_range);

/* Makes the base namespaces, runs cfn-spawn in them as pid 1 and waits until it has proved what isolation
 * there is.  Must be called while still root when started as root, before any thread.
 * Errors: -EPERM, -ENOSPC, -EACCES: no user namespaces here (the text says what to do); -ENOENT: a binary is
 * missing. */
int spawner_start(const struct spawner_options *options, struct spawner *s, struct err *e);

/* The same in two steps: it proves what it has to beside what the caller does between them. */
int spawner_begin(const struct spawner_options *options, struct spawner *s, struct err *e);
int spawner_await(struct spawner *s, struct err *e);

/* Writes the id maps of the base, as this caller starts it, for a process in a new user namespace. */
int spawner_write_maps(const struct spawner_options *options, pid_t pid, struct err *e);

/* Closes the channel and waits: the kernel has killed all below when this returns. */
void spawner_stop(struct spawner *s);
