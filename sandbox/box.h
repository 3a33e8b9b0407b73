/* box.h - a one-shot jail for a compiler, a check or a stranger's program: made, watched, ended, emptied. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/ending.h"
#include "base/err.h"
#include "cgroup/cgroup.h"
#include "sandbox/filter.h"

enum {
	BOX_COLLECT_MAX = 8,
	BOX_MATCHES_MAX = 64, /* files that patterns bring out of one box */
	BOX_NAMES_MAX = 4096, /* names in it that are looked at for that */
	BOX_MATCH_NAME_SIZE = 256,
	BOX_MATCH_DEPTH = 8,  /* folders within each other where patterns look */
	BOX_DENIALS_MAX = 64, /* refused calls that are reported; with the next it is killed */
};

enum box_profile {
	BOX_COMPILER, /* runs programs of the mounted system, makes processes */
	BOX_CHECK,    /* runs a function of ours on hostile bytes: no exec, no processes */
	BOX_RUN,      /* runs a stranger's program: as BOX_COMPILER, and what is in /program */
};

struct box_file {
	const char *path; /* below the working folder, "src/hello.c"; folders are made */
	const void *data;
	size_t size;
};

struct box_limits {
	uint64_t memory;        /* bytes, of all its processes together; its files come on top */
	uint64_t address_space; /* bytes of one process, for runtimes that reserve what they never use; 0:
	                           memory */
	uint64_t cpu_ms, wall_ms;
	uint64_t cpu_share; /* percent of one processor; 0: no bound.  Without a cgroup it is a budget: that
	                       part of wall_ms, used up whenever it likes */
	uint64_t processes;
	uint64_t files;
	uint64_t disk;   /* bytes of its working folder */
	uint64_t output; /* bytes kept of standard output and of standard error each; 16 times it: killed */
	uint64_t output_end; /* so many of them are the last ones that came, when more came */
};

/* What many boxes of one process and of its children share: to make it takes longer than a box. */
struct box_base {
	const struct sandbox_filters *filters; /* of all profiles */
	bool is_offline; /* the caller's network namespace has no network: boxes need none of their own */
};

/* is_offline: the caller is in a network namespace that stays without a network, as the spawner's does;
 * -EINVAL when an interface is up in it. */
int box_base_open(struct box_base *base, bool is_offline, struct err *e);
/* The same for boxes of these profiles alone, which make network namespaces of their own. */
#define BOX_PROFILE_BIT(profile) (1U << (profile))
int box_base_open_for(struct box_base *base, unsigned profiles, struct err *e);
void box_base_close(struct box_base *base);

/* A box that is made before anybody knows what runs in it, waits for that, and is used once. */
struct box_ahead;

/* The one layer of a box that a kernel may be without: then boxes are made all the same, and their isolation
 * is called strong, not full. */
bool box_has_landlock(void);

struct box_usage {
	uint64_t memory; /* bytes of all processes but init together; shared pages once */
	uint64_t cpu_us;
	uint64_t processes; /* and threads, but init */
};

/* Who wants to know while it runs.  What these functions do holds up the watch: the limits of time are kept
 * as well as they return. */
struct box_watcher {
	void (*output)(void *context, unsigned stream /* 1, 2 */, const char *data,
	               size_t n);                                    /* of the head that is kept */
	void (*usage)(void *context, const struct box_usage *usage); /* about 4 a second */
	/* One that a pattern named, once it is over: at most max bytes, a regular file with one name. */
	void (*file)(void *context, const char *name, const char *data, size_t n);
	void *context;
	int cancel; /* a hang-up on it ends the box at once; -1: none */
};

struct box_plan {
	const char *name; /* for error texts: "compiler" */
	enum box_profile profile;
	const char *const *argv; /* absolute program path first; the working folder is /work */
	const char *const *env;  /* NULL-terminated; everything else is unset */
	int (*run)(int input, int output,
	           void *context); /* BOX_CHECK: instead of argv; its return is the exit status */
	void *context;
	int input;      /* run's input descriptor; a program's standard input; -1: none, or an empty one */
	bool is_merged; /* standard error goes where standard output goes, in its order */
	const char *const *system; /* paths to be seen read-only, absent ones left out; NULL-terminated */
	const char *system_root;   /* the folder that they are below, read by everybody; NULL: the host's / */
	bool has_proc_self_exe;    /* /proc/self/exe is a link to argv[0], and all that is in /proc */
	const struct box_file *files; /* written to /work before it starts */
	size_t n_files;
	const struct box_file *program; /* BOX_RUN: written to /program, which then is read-only */
	size_t n_program;
	const char *const *collect;  /* paths below /work to be brought out; NULL-terminated */
	uint64_t collect_max;        /* bytes of one */
	const char *const *patterns; /* fnmatch(3) of paths below /work, for watcher->file; NULL-terminated */
	uint64_t match_max, matches_max;   /* bytes of one, of all */
	const struct box_watcher *watcher; /* NULL: nobody */
	uid_t uid_range;                   /* host uid to use when started as root; not needed where 0 is an
	                                    * ordinary user's one id */
	const struct cgroup *cgroup; /* opened for this caller; NULL or not open: rlimits, and a look at /proc
	                                every 20 ms */
	const struct box_base *base; /* NULL: everything is made for this box alone */
	struct box_ahead *ahead; /* to be used, when it is of this plan's shape and still there; NULL: none */
	struct box_limits limits;
};

struct box_result {
	struct ending ending;
	bool has_cgroup;  /* what kept its memory: its leaf, or else rlimits and looking */
	enum cause cause; /* CAUSE_NONE; or CAUSE_WALL_TIME_LIMIT, _CPU_TIME_LIMIT, _MEMORY_LIMIT,
	                     _OUTPUT_LIMIT, _SYSCALL_DENIED */
	bool is_cancelled;
	bool has_met_budget;   /* CAUSE_CPU_TIME_LIMIT: of cpu_share, not of cpu_ms */
	uint32_t n_denied;     /* BOX_RUN: calls refused that only an attack makes */
	int32_t denied;        /* the last of them */
	uint32_t n_left_out;   /* files that a pattern named and that did not fit */
	struct buf out, err;   /* what it wrote; raw bytes */
	uint64_t n_out, n_err; /* bytes that it wrote: more than are kept when something is left out */
	uint64_t wall_us;
	uint64_t memory_peak;           /* bytes of all its processes; 0: it was over before anybody looked */
	uint64_t processes_peak;        /* processes and threads at once, as far as they were seen */
	bool has_met_processes;         /* a further one was refused, as far as that was seen */
	int collected[BOX_COLLECT_MAX]; /* sealed memory files, -1 where the file is missing or not a plain
	                                   one */
};

/* Runs it to its end.  0 when the box itself worked, however the payload ended; else -errno, the stage in *e.
 */
int box_run(const struct box_plan *plan, struct box_result *result, struct err *e);
void box_result_done(struct box_result *result);

/* Makes what depends on the shape of a plan alone: profile, argv[0] where it has_proc_self_exe, system,
 * system_root, whether there are programs, uid_range, cgroup and base, which must outlive it.  Of a BOX_RUN
 * with a base.  It goes on after this returned; one that fails then is not used. */
int box_ahead_open(struct box_ahead **ahead, const struct box_plan *shape, struct err *e);

/* Ends it, unless box_run() has.  NULL: none. */
void box_ahead_close(struct box_ahead *ahead);
