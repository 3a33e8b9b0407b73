/* master.h - the master's state: functions, the pools of their versions, workers, routers.
 *
 * A function has at most two pools that matter: the one that the published snapshot names (serving), and the
 * one that the registry says is active (wanted).  They differ while a new version is being started, or cannot
 * be. Other pools are left from earlier versions until their workers have ended, or were made by a vote. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "base/table.h"
#include "cgroup/cgroup.h"
#include "config/config.h"
#include "ipc/protocol.h"
#include "ipc/spawner.h"
#include "pool/audit.h"
#include "pool/backoff.h"
#include "pool/channel.h"
#include "pool/control_server.h"
#include "pool/crashes.h"
#include "pool/hearing.h"
#include "pool/listener.h"
#include "pool/logs.h"
#include "pool/options.h"
#include "pool/predecessors.h"
#include "pool/privileges.h"
#include "pool/secrets.h"
#include "pool/session_keys.h"
#include "pool/slow.h"
#include "pool/spares.h"
#include "pool/storms.h"
#include "pool/takeover.h"
#include "pool/uids.h"
#include "pool/watchdog.h"
#include "pool/watcher.h"
#include "registry/registry.h"
#include "route/snapshot.h"
#include "scoreboard/scoreboard.h"
#include "trust/keys.h"
#include "trust/numbers.h"

enum {
	START_TIMEOUT_MS = 15 * 1000, /* from START_WORKER to READY; a router likewise */
	END_TIMEOUT_MS = 5 * 1000,    /* from the end of its requests to the end of the worker: cfn_fini */
	VOTE_KEEP_MS = 60 * 1000,     /* a candidate's worker waits so long to be activated */
	LEASE_HOLD_MS = 50,           /* a lease is not moved to another router before */
	REGISTRY_PATIENCE_MS = 100,
	INVOCATIONS_MAX = 4, /* at a time, beside process.max */
	ARTIFACTS_MAX = 512, /* pools whose artifact stays open; those with workers come on top */
	ARTIFACTS_MAX_BYTES = 64 << 20,
};

enum worker_stage {
	WORKER_STARTING,
	WORKER_READY, /* belongs to no router yet */
	WORKER_LEASED,
	WORKER_MOVING,   /* RETIRE was said; next_router gets it after RELEASED */
	WORKER_RETIRING, /* RETIRE was said; waits for RELEASED */
	WORKER_ENDING,   /* its requests were closed, or it was killed; waits for its end */
};

struct worker {
	struct node by_id;
	TAILQ_ENTRY(worker) link; /* of its pool, oldest first */
	struct pool *pool;
	enum worker_stage stage;
	struct router *router;          /* holds the lease: LEASED, MOVING and RETIRING */
	struct router *next_router;     /* gets it after RELEASED; NULL: the worker ends */
	int32_t pid;                    /* in the pool's pid namespace */
	int requests, output, listener; /* the router's ends, kept to move the lease; closing them ends it */
	int init;                       /* too, in fresh mode; else -1 */
	uint64_t awaited_us;            /* requests waited for it when it was started, then; 0: none did */
	uint64_t started_us, leased_us;
	uint64_t ready_us;  /* 0: it is not yet */
	uint32_t n_served;  /* requests, by earlier leases */
	bool is_shown;      /* while a page is made */
	bool was_leased;    /* it may be executing a request until it has ended */
	bool is_stream;     /* its request is one: none of pm.max_children */
	enum cause cause;   /* why it was killed */
	bool is_stopping;   /* its end was asked for */
	bool is_looked_at;  /* to be killed when its stack is known, or LAST_LOOK_MS are over (slow.h) */
	struct timer timer; /* the limit of its stage */
};

TAILQ_HEAD(worker_list, worker);

enum approval { APPROVAL_UNKNOWN, APPROVAL_GIVEN, APPROVAL_REFUSED };

/* What a version is signed as (approvals.h). */
struct approval_claim {
	struct registry_activation activation;
	struct digest contents; /* of all that is signed but the activation */
	struct digest document; /* what the signature is over */
};

struct pool {
	struct node by_version; /* key: the registry's id of the version */
	struct function *function;
	struct start_worker start;       /* what each of its workers is started with */
	struct snapshot_function public; /* what the routers know */
	struct registry_route *routes;
	size_t n_routes;
	struct digest digest;  /* of the artifact */
	struct digest secrets; /* of the function's, as they are sealed */
	uint32_t min_workers;  /* kept without being asked for */
	uint32_t streams;      /* open at once */
	uint32_t concurrency;  /* workers of the function, whichever version, that may be executing */
	enum process_manager manager;

	struct worker_list workers;
	uint32_t waiting[ROUTERS_MAX];   /* requests, as each router said last */
	uint64_t leased_us[ROUTERS_MAX]; /* when each router got a worker of it last */
	struct backoff backoff;
	enum cause start_failure; /* the last start failed, and why: nothing to wait for; or CAUSE_NONE */
	struct timer retry;       /* end of the back-off, or of a lease's hold */
	struct timer vote;        /* armed: a vote keeps it */
	uint64_t n_starts, n_crashes;
	uint64_t memory_peak_kb; /* the highest of its workers that have ended; 0: none has */

	struct {
		uint64_t max_calls, max_kills, window_ms;
		struct storm_count calls, kills;
	} denied; /* refused system calls */

	struct crash_rate crash_rate;
	struct repeats *repeats; /* lines that are held; NULL: none were written lately */

	bool has_said_lost; /* that routes of it are the runner's */

	bool is_hungry; /* wants a worker, but process.max run */
	TAILQ_ENTRY(pool) hungry_link;

	struct approval_claim claim;
	struct approval_claim refused; /* what last wanted to take its place and may not */
	struct digest policy_text;
	enum approval approval;
	bool is_settled; /* its number is the function's, and kept */
	char *refusal;   /* why it may not run */
	bool is_unsettled;
	TAILQ_ENTRY(pool) unsettled_link; /* of those that wait to be approved and kept */

	struct timer sockets;          /* until they are looked at again */
	uint64_t sockets_seen;         /* which they were */
	const struct lane_kind *lanes; /* its workers are lanes (lanes.h), to whom; NULL: they are not */
	struct start_runner *runner;   /* of the runner's function: its values; NULL */
	char *forbidden; /* a library or a socket is not this server's to give: why; NULL: all are */

	int artifact, environment; /* sealed memory; -1: not open */
	size_t artifact_size;
	TAILQ_ENTRY(pool) artifact_link; /* of those that are open, most recently used last */
};

TAILQ_HEAD(pool_list, pool);

/* Of all its versions, since the pool started. */
struct function_counts {
	uint64_t n_starts, n_crashes, n_denied;
	struct score_histogram memory_kb; /* peaks of workers that have ended */
};

struct function {
	struct node by_name;
	struct pool *serving, *wanted;
	struct pool *next; /* while a snapshot is made: what it says of this function */
	bool is_seen;      /* while the registry is read */
	bool is_changed;   /* since the last snapshot: it was read, or its storm has begun */
	char name[NAME_MAX_SIZE];
	struct function_counts counts;
};

enum runner_stage {
	RUNNER_DOWN,
	RUNNER_STARTING,
	RUNNER_READY,
	RUNNER_DRAINING, /* told to end, or killed before it was ready */
};

/* What runs anybody's programs (runner.h). */
struct runner {
	enum runner_stage stage;
	struct function function; /* in no table */
	uint32_t id;              /* of its process; 0: none */
	uint64_t version;         /* whose values it was started with */
	struct channel channel;
	struct backoff backoff;
	uint64_t ready_us;                    /* when it was, last */
	struct timer timer;                   /* the limit of its stage, or the end of its back-off */
	struct run_counters counters, before; /* of its process; and those of all that have ended */
	uint64_t n_starts, n_crashes;
	int folder;         /* of its runs, O_PATH; -1: not open */
	uint64_t languages; /* changes with the files of their folder, when it is looked at */
};

/* What serves the management (manager.h). */
struct manager {
	enum runner_stage stage;
	struct function function; /* in no table */
	pid_t pid;                /* 0: none; it may be ending */
	struct watch process;     /* its pidfd; -1 */
	uint64_t version;         /* whose values it was started with */
	int life;                 /* ends its executor when it is closed; -1 */
	struct channel channel;
	struct backoff backoff;
	uint64_t ready_us;  /* when it was, last */
	struct timer timer; /* the limit of its stage, or the end of its back-off */
	struct config_management settled;
	struct manage_counters counters, heard,
	    noted; /* of all fronts; of this one; as the audit log has it */
	struct timer note;
	uint64_t n_starts, n_crashes;
};

enum router_stage { ROUTER_DOWN, ROUTER_STARTING, ROUTER_SERVING, ROUTER_DRAINED };

struct router {
	unsigned index;
	uint32_t id; /* of its process; 0: none */
	enum router_stage stage;
	bool was_serving; /* once */
	struct channel channel;
	struct backoff backoff;
	uint64_t ready_us;  /* 0: it is not yet */
	struct timer timer; /* start limit, or end of the back-off */
	int scoreboard;     /* its memory file, which outlives its process; -1: not made yet */
	const struct scoreboard *board;
	bool has_counters; /* since they were asked for */
	bool is_asked;     /* by the watchdog, and has not answered */
	uint64_t tokens;   /* serial of the list that it asks */
};

/* A worker that serves one cfn-deploy (invocations.h). */
struct invocation {
	uint32_t id;                       /* of its process; 0: free */
	struct control_connection *caller; /* NULL: has hung up */
	struct snapshot_function function; /* what is to hold for it */
	uid_t peer;
	int requests, output; /* the caller's ends, until it is ready */
	bool is_ready, is_late, is_stopped;
	struct timer timer; /* until it is ready */
};

struct approvals {
	struct keys keys;
	uint64_t stamp; /* of their folder, when it was read last */
	struct numbers numbers;
	struct pool_list unsettled;
	struct timer turn;
	bool is_save_failing;
};

/* What clients may show (tokens.h). */
struct token_list {
	int fd;                  /* sealed memory, as the routers have it; -1: none yet */
	uint64_t serial;         /* of it */
	uint64_t stamp;          /* of the registry's tokens when they were read last */
	bool is_read;            /* they were, and nothing says that they are others now */
	struct pool_token *rows; /* by name */
	size_t n;
	size_t n_unchecked; /* whose signature is still to be looked at */
	struct timer turn;
};

/* One that was made. */
struct page_sent {
	int fd; /* sealed memory; -1: none */
	struct page_made made;
	uint64_t made_us;
	uint32_t waiting; /* bits of routers that wait for a new one */
};

enum phase { PHASE_STARTING, PHASE_SERVING, PHASE_DRAINING, PHASE_STOPPED };

struct master {
	enum phase phase;
	int exit_code;
	uint64_t started_us;
	struct pool_options options;
	struct config *config;
	struct identity identity;
	struct listener listener;
	struct takeover takeover;
	struct channel heir; /* the pool after this one; fd -1: none */
	struct predecessor predecessors[PREDECESSORS_MAX];
	struct listener metrics; /* of their own; fd -1: none */
	struct logs logs;
	struct hearing hearing[HEARD_N];
	struct timer logs_timer; /* until a system's log is connected to again */
	struct loop loop;
	struct watchdog watchdog;
	struct watch signals;
	struct timer drain; /* the end of a graceful stop */
	uint32_t last_id;   /* of workers, routers, copies and invocations */

	struct cgroup cgroup;
	struct spawner spawner;
	struct channel spawner_channel;
	struct spares_seen spares;
	struct uids uids;
	struct auditor auditor;
	struct approvals approvals;
	struct token_list tokens;
	struct storms storms;
	struct crashes crashes;
	struct slow_log slow;
	struct session_keys session_keys;
	struct secret_keys secret_keys;

	struct registry *registry;
	struct watcher watcher;
	struct registry_mark mark; /* of what was read last; generation 0: nothing yet */
	bool is_load_forced;       /* the configuration changed: read all again */

	struct table functions, pools, workers;
	struct backoff failing; /* of all pools together */
	size_t n_lanes;         /* of the workers */
	uint32_t n_lane_versions;
	struct runner runner;
	struct manager manager;
	struct pool_list hungry, artifacts;
	size_t n_artifacts, artifact_bytes;
	int snapshot;       /* sealed memory; -1 before the first */
	uint64_t published; /* generation of it */
	bool is_publish_failing;
	bool is_publish_short; /* and it is tried again: memory, descriptors, not two routes of one pattern */
	struct timer publish;

	struct router routers[ROUTERS_MAX];
	size_t n_routers;
	struct page_sent pages[PAGES];
	struct control_server control;
	struct invocation invocations[INVOCATIONS_MAX];
};

/* process.c: messages of the spawner. */
int spawner_open(struct master *m, struct err *e);
uint32_t master_next_id(struct master *m);
void spawner_kill(struct master *m, uint32_t id);

/* Ends the master with this exit code after this turn of the loop. */
void master_stop(struct master *m, int exit_code);

/* signals.c */
int signals_open(struct master *m, struct err *e);
/* Lines of the master go to its logs from now on. */
void logs_use(struct master *m);
/* Begins a graceful stop; a second time it ends at once. */
void master_drain(struct master *m);
/* A graceful stop goes on: nothing is left to wait for, perhaps. */
void drain_check(struct master *m);
