/* cgroup.h - cgroup v2: a subtree of our own where that is allowed, and in it a leaf for each sandbox.
 *
 * Everything below the subtree's folder is done by its descriptor.  The folder is locked (flock) for as long
 * as somebody who uses it lives: one that is not locked was left behind, and whoever comes next removes it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ending.h"
#include "base/err.h"

enum { CGROUP_NAME_SIZE = 32, CGROUP_PATH_SIZE = 512, CGROUP_TEXT_SIZE = 400 };

/* A subtree, or why there is none. */
struct cgroup {
	int folder;                  /* holds the leaves; locked; -1: there is none */
	int trusted;                 /* the leaf without limits, for the spawner and its routers */
	int parent;                  /* of the folder */
	char name[CGROUP_NAME_SIZE]; /* of the folder, in its parent */
	char path[CGROUP_PATH_SIZE]; /* of the folder, for people */
	char why[240];               /* there is none */
};

/* There is none, and why. */
void cgroup_none(struct cgroup *c, const char *why);

static inline bool
cgroup_is_open(const struct cgroup *c)
{
	return c && c->folder >= 0;
}

/* Makes a subtree whose leaves `owner` may make, and removes what others have left beside it.  In the own
 * cgroup when this process is alone there (systemd's Delegate=): it then moves into the leaf "main" of it.
 * Else, for root, at the top of what can be seen.  Never touches a process of others.  In a single-threaded
 * process only. Without one *c says why, and so does *e: -ENOTSUP no cgroup v2 or not its controllers; -EBUSY
 * others are in the own cgroup; -EACCES, -EROFS it is not delegated. */
int cgroup_open(struct cgroup *c, uid_t owner, struct err *e);

/* Ends whatever is left in it and removes it, as far as this process may; then there is none, for that
 * reason. */
void cgroup_close(struct cgroup *c, const char *why);

/* What keeps memory within its limits, for people; begins with "cgroup" or "rlimit".  NULL: none. */
void cgroup_describe(const struct cgroup *c, char text[CGROUP_TEXT_SIZE]);

struct cgroup_limits {
	uint64_t memory; /* bytes: all that its processes hold, files in memory and the kernel's own for them
	                    too */
	uint64_t processes; /* and threads, all of them */
	uint64_t cpu_share; /* percent of one processor, for all of them together; 0: no bound */
};

/* What memory.max has to be for so many processes and threads that may hold `memory` bytes of their own
 * together, and files in memory beside it: then it is never met before a limit that the processes are told
 * of. */
uint64_t cgroup_memory_for(uint64_t memory, uint64_t files, uint64_t processes);

struct cgroup_leaf {
	int fd; /* for clone3(2) and what is below; -1: none */
	char name[CGROUP_NAME_SIZE];
};

struct cgroup_usage {
	uint64_t memory_now, memory_peak; /* bytes */
	uint64_t cpu_us;
	uint64_t n_over_memory; /* times that its own limit left no way out */
	uint64_t n_killed;      /* processes that died of a lack of memory, whosesoever limit it was */
	uint64_t n_processes;   /* and threads, now */
	uint64_t n_refused;     /* forks over the limit of processes */
};

/* Makes a leaf in `folder`; -1 there: leaf->fd is -1.  All its limits, or no leaf. */
int cgroup_leaf_open(int folder, const char *name, const struct cgroup_limits *limits,
                     struct cgroup_leaf *leaf, struct err *e);

/* Other limits for it. */
int cgroup_leaf_limit(const struct cgroup_leaf *leaf, const struct cgroup_limits *limits, struct err *e);

/* A folder without limits, for leaves that another process makes; like a leaf it is removed, with them.  -1
 * there: group->fd is -1. */
int cgroup_group_open(int folder, const char *name, struct cgroup_leaf *group, struct err *e);

/* Removes the leaves of a group that hold no process; not while somebody makes one there. */
void cgroup_group_clear(int folder);

int cgroup_leaf_usage(const struct cgroup_leaf *leaf, struct cgroup_usage *usage, struct err *e);

/* The usage into how it ended: this is what the kernel counted, and is not to be believed of anybody else. */
void cgroup_usage_add(const struct cgroup_usage *usage, struct ending *ending);

/* Kills all in it and removes it.  0, also when it is gone already; -EBUSY while the kernel still holds a
 * process of it: call again. */
int cgroup_leaf_remove(int folder, struct cgroup_leaf *leaf);

/* The same, waiting for a moment; what then still is there is left to whoever comes next. */
void cgroup_leaf_close(int folder, struct cgroup_leaf *leaf);

/* Tries all of it with a process: start in a leaf, count, kill, remove. */
int cgroup_prove(int folder, struct err *e);
