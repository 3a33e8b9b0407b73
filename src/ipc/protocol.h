/* protocol.h - what master, spawner and routers say to each other.
 *
 * Same machine, same build: structs travel as they are.  Every receiver checks type, length and number of
 * descriptors by a table of message_rule, every id and every text by itself; texts end with NUL within
 * their array.  All channels are SOCK_SEQPACKET. */
#pragma once
#include <stdint.h>

#include "base/ending.h"

enum {
	NAME_MAX_SIZE = 65, /* a function's or a shared folder's name: ^[a-z0-9][a-z0-9_-]{0,63}$ and NUL */
	SYMBOL_MAX_SIZE = 128, /* a C symbol and NUL */
	REASON_SIZE = 512,     /* one line for people, and NUL */
	ROUTERS_MAX = 16,
	REQUEST_ID_SIZE = 65,   /* a request's id: [A-Za-z0-9-] and NUL */
	CALL_NAME_SIZE = 32,    /* a system call: [a-z0-9_], or "syscall N", and NUL */
	DENIED_KINDS_MAX = 8,   /* that are named */
	LINKS_MAX = 8,          /* libraries that a function is linked with */
	LIBRARY_FILE_SIZE = 49, /* "libjansson.so.4" and NUL: [A-Za-z0-9._+-] */
	LIBRARIES_TEXT_SIZE = LINKS_MAX * LIBRARY_FILE_SIZE,
	SOCKETS_MAX = 4,        /* of the host, that a function may connect to */
	SOCKET_PATH_SIZE = 108, /* sun_path of unix(7) */
	SOCKETS_TEXT_SIZE = SOCKETS_MAX * SOCKET_PATH_SIZE,
	SPARES_MAX = 64,               /* sandboxes that wait for a function */
	RUN_PATH_SIZE = 128,           /* of the runner's requests, and NUL */
	RUN_LOCATION_SIZE = 256,       /* with the mount prefix */
	RUN_FOLDER_SIZE = 1024,        /* an absolute path, and NUL */
	RUN_CLIENT_SIZE = 64,          /* whose share it is, and NUL */
	RUN_STATUS_SIZE = 24,          /* a word for how a run ended, and NUL */
	RUN_STATUSES_MAX = 16,         /* of them */
	RUN_CONCURRENT_MAX = 256,      /* runs at a time */
	RUN_QUEUE_MAX = 4096,          /* runs that wait */
	RUN_LANES_ASIDE = 16,          /* lanes for questions, beside one for each run */
	RUN_BODY_MAX = 8 << 20,        /* bytes of one request */
	MANAGE_BODY_MAX = 8 << 20,     /* bytes of one request of the management */
	MANAGE_CONCURRENT_MAX = 16,    /* of them at once */
	MANAGE_QUEUE = 32,             /* of them that wait */
	MANAGE_WALL_MS = 180 * 1000,   /* of one: compilers and loads have limits below it */
	RUN_ANSWER_MAX = 64 << 20,     /* bytes of one answer */
	FAILURE_OUTPUT_MAX = 6 * 1024, /* last lines of a function that failed */
	RUN_WALL_MARGIN_MS = 5000,     /* that a request may take longer than its run */
	RUN_CPU_SHARE_MAX = 10000,     /* percent of one processor; a share of more is none */
};

enum message_type {
	/* master → spawner */
	MSG_START_ROUTER = 1, /* struct start_router; listener, channel, access log, function log, error log,
	                         scoreboard; listener of metrics or none */
	MSG_START_WORKER, /* struct start_worker; artifact, environment, requests, output (worker's ends); of
	                     a fresh one that is no trial also init's end */
	MSG_START_COPY,   /* struct start_copy; data: read from it (in) or written to it (out) */
	MSG_KILL,         /* struct process_ref */
	MSG_REQUEST_BEGINS, /* struct process_ref: an invoked worker gets its next request, and a whole cpu_ms
	                       for it */
	MSG_START_RUNNER,   /* struct start_runner; channel, folder of its runs, standard error */
	MSG_SPARES,         /* struct spares: so many are to wait from now on; none without it */
	MSG_ASK_ALIVE,      /* nothing */
	MSG_STACKS, /* struct stacks_of; a pipe, which gets lines about its threads (spawn/stacks.c) */

	/* spawner → master */
	MSG_SPAWNER_READY = 20, /* struct spawner_ready */
	MSG_PROCESS_READY,  /* struct process_ready, then for a trial its routes; seccomp listener or none */
	MSG_PROCESS_ENDED,  /* struct process_ended: once for each start that was asked for; of an invoked
	                       worker its refused calls behind it */
	MSG_SPAWNER_FAILED, /* struct spawner_failed: the last word, instead of MSG_SPAWNER_READY */
	MSG_SPARES_WAIT,    /* struct spares: so many do; when the number has changed */
	MSG_ALIVE,          /* nothing: to MSG_ASK_ALIVE */

	/* master → router */
	MSG_SNAPSHOT = 40, /* nothing; sealed snapshot */
	MSG_LEASE, /* struct lease; requests, output, of a fresh one init (router's ends), seccomp listener if
	              there is one */
	MSG_RETIRE,        /* struct process_ref: no new request; RELEASED when the last one is answered */
	MSG_REPLACED,      /* struct version_ref: nothing that its workers until now have answered is kept */
	MSG_WORKER_ENDED,  /* struct worker_ended: of a worker leased to this router and not yet released */
	MSG_START_REFUSED, /* struct start_refused: nothing to wait for, answer the queue */
	MSG_STREAM_ANSWER, /* struct stream_answer: to MSG_STREAM */
	MSG_LOGS,          /* struct log_kinds; access log, function log, error log, reopened */
	MSG_DRAIN,         /* nothing: take no new connection, finish, say DRAINED */
	MSG_ASK_COUNTERS,  /* nothing */
	MSG_SESSION_KEYS,  /* struct session_keys of session/session.h, before any MSG_SNAPSHOT */
	MSG_TOKENS,        /* struct tokens_serial; sealed list of tokens */
	MSG_HAND_OVER,     /* nothing: as DRAIN, but connections between two requests are given back */
	MSG_GIVEN, /* nothing; a connection that another pool's router gave back, between two requests */
	MSG_PAGE,  /* struct page_made; sealed text */
	MSG_FUNCTION_LOG, /* struct version_ref; its function's log, or none: to MSG_ASK_LOG */

	/* router → master */
	MSG_ROUTER_READY = 60, /* nothing */
	MSG_WANT,              /* struct want: requests wait for a worker of this version */
	MSG_OVERRUN,           /* struct overrun: kill this worker, for this cause */
	MSG_IDLE,     /* struct process_ref: idle for the function's idle timeout; said once each time */
	MSG_RELEASED, /* struct process_ref: nothing in flight, its descriptors closed here */
	MSG_DRAINED,  /* nothing */
	MSG_COUNTERS, /* nothing: its scoreboard says all of this moment */
	MSG_REQUEST_FAILED, /* struct request_failed */
	MSG_DENIED,         /* struct denied_report: at most one for a version and a tick */
	MSG_STREAM,         /* struct process_ref: its answer is a stream; may it be? */
	MSG_STREAM_ENDED,   /* struct stream_ended: as RELEASED, but it may serve on */
	MSG_TOKENS_TAKEN,   /* struct tokens_serial: no other list is asked any more */
	MSG_SLOW,           /* struct slow_report, and the last lines of the function behind it */
	MSG_FAILURE,        /* struct failure_report, and the last lines of the function behind it */
	MSG_CONNECTION,     /* nothing; a connection between two requests: after HAND_OVER alone */
	MSG_ASK_PAGE,       /* struct page_ref: answered with MSG_PAGE, soon and once */
	MSG_ASK_LOG,        /* struct version_ref: answered with MSG_FUNCTION_LOG, at once */

	/* master → runner; also MSG_DRAIN: start nothing more from what is kept, and end when the lanes are
	   closed and what runs has ended */
	MSG_LANE = 100, /* struct process_ref; its end of a lane */

	/* runner → master */
	MSG_RUN_COUNTERS = 110, /* struct run_counters: when they changed, about once a second */

	/* master → management's front: MSG_LANE, MSG_TOKENS, MSG_DRAIN */
	/* management's front → master */
	MSG_MANAGE_READY = 120, /* nothing */
	MSG_MANAGE_COUNTERS,    /* struct manage_counters: when they changed, about once a second */
};

/* What a function asks of its clients. */
enum call_auth { AUTH_NONE, AUTH_BEARER, AUTH_BASIC };

/* What a pool says of itself.  The first two a router says alone. */
enum page {
	PAGE_PING,
	PAGE_HEALTHZ,
	PAGE_READYZ,
	PAGE_STATUS,
	PAGE_STATUS_JSON,
	PAGE_STATUS_FULL, /* each worker, too */
	PAGE_STATUS_FULL_JSON,
	PAGE_PROMETHEUS, /* metrics as Prometheus has them since 0.0.4 */
	PAGE_OPENMETRICS,
	PAGES
};

/* Where web servers find them; the empty path: nowhere. */
enum page_path { PAGE_PATH_STATUS, PAGE_PATH_PING, PAGE_PATH_HEALTHZ, PAGE_PATH_READYZ, PAGE_PATHS };

enum { PAGE_PATH_SIZE = 128, PING_SIZE = 64, PAGE_TEXT_MAX = 32 << 20 };

/* Requests of the management, since it was started. */
struct manage_counters {
	uint64_t done;
	uint64_t unauthorized; /* without a token that is good */
	uint64_t forbidden;    /* whose token may not, or from a page of another site */
	uint64_t limited;      /* of an address that has failed too often */
};

/* Ids are the master's, unique for its life and never 0. */
struct process_ref {
	uint32_t id;
};

struct version_ref {
	uint64_t id;
};

/* The router finds it in a sealed memory file at ROUTER_FD_START (start.h). */
struct start_router {
	uint32_t id;
	uint32_t n_connections;    /* at most so many from web servers at once */
	uint64_t cache_size;       /* bytes of answers that are kept; 0: none */
	uint32_t has_metrics;      /* a listener of their own */
	char allowed_clients[256]; /* of a TCP listener: addresses separated by commas; empty: any */
	char mount_prefix[128];    /* removed from the path; empty or "/x" */
	struct log_kinds {
		uint32_t access, function, error; /* enum log_target of base/log.h */
		uint32_t is_each;                 /* function has a file of its own, which is asked for */
		int32_t facility;
		char ident[32];
	} syslog;
	char access_format[256];                     /* "json", or php-fpm's letters */
	char page_paths[PAGE_PATHS][PAGE_PATH_SIZE]; /* below the prefix */
	char ping_response[PING_SIZE];
};

struct start_worker {
	uint32_t id;
	uint32_t slot;      /* which host uid of the range; equal for functions that share a folder */
	uint64_t memory;    /* bytes */
	uint64_t tmp_size;  /* bytes of /tmp */
	uint64_t file_size; /* bytes, RLIMIT_FSIZE */
	uint32_t tmp_inodes;
	uint32_t threads;   /* the worker's own included */
	uint32_t cpu_share; /* percent of one processor, where there is a cgroup; 0: no bound */
	uint32_t files;     /* open descriptors */
	uint32_t is_trial;  /* load, report the routes, end */
	/* For a caller that is less trusted than a router: the spawner keeps the seccomp listener, whose
	 * holder could let calls through, and tells what it refused with the end. */
	uint32_t is_invoked;
	uint32_t has_sanitizers; /* of a trial or an invoked one: the artifact was built so */
	uint32_t is_explained; /* of an invoked one: every refused call, not only those that are dangerous */
	uint32_t cpu_ms;       /* of an invoked one, from READY or the last REQUEST_BEGINS on; 0: no limit */
	uint32_t version;      /* number, for texts */
	uint32_t shared_read_only;
	uint32_t is_fresh; /* a new process for every request */
	char function[NAME_MAX_SIZE];
	char shared[NAME_MAX_SIZE];          /* folder below the shared directory; empty: none */
	char entry[SYMBOL_MAX_SIZE];         /* handler's symbol; empty: the artifact's own route table */
	char libraries[LIBRARIES_TEXT_SIZE]; /* files that the artifact is linked with (grants.h) */
	char sockets[SOCKETS_TEXT_SIZE];     /* paths on the host of what it may connect to (grants.h) */
};

/* The runner finds it in a sealed memory file at RUNNER_FD_START (start.h).  The spawner fills in the ids. */
struct start_runner {
	uint32_t id;
	uint32_t front_uid, box_uid, compiler_uid; /* and gids, of the base namespace; 0: it has but one id */
	uint32_t has_cgroup;                       /* RUNNER_FD_CGROUP is open */
	uint32_t level;                            /* enum isolation */
	uint32_t max_concurrent;                   /* runs at a time */
	uint32_t queue;                            /* runs that wait */
	uint32_t queue_share;                      /* of them, of one client */
	uint32_t cpu_share; /* percent of one processor that a run has unless it asks for another share */
	uint64_t total_ms;  /* of a request, with its compiler and all its cases */
	/* The most that a request may ask for. */
	struct run_maxima {
		uint64_t memory, cpu_ms, wall_ms, cpu_share, processes, files, disk, output;
	} most, compile_most;
	uint64_t retention_s; /* a result is kept so long */
	uint64_t store_size;  /* bytes of all of them */
	uint64_t cache_size;  /* bytes of compiled programs; 0: none are kept */
	uint64_t languages;   /* another number when the files of the folder are others */
	char languages_dir[RUN_FOLDER_SIZE];
	char path[RUN_PATH_SIZE];         /* "/api/run": without the mount prefix */
	char location[RUN_LOCATION_SIZE]; /* "/x/api/run": as clients ask for it */
	char client[RUN_CLIENT_SIZE];     /* "address", "user", or the name of a header field */
};

/* Texts end with NUL; of rows without a word nothing is shown. */
struct run_counters {
	uint64_t queued, running;
	uint64_t accepted;                    /* since it started */
	uint64_t refused_share, refused_full; /* 429 and 503 */
	uint64_t cancelled;
	uint64_t cache_hits, cache_misses, cache_bytes;
	uint64_t store_bytes;
	struct {
		char status[RUN_STATUS_SIZE];
		uint64_t n;
	} done[RUN_STATUSES_MAX];
};

enum { COPY_PATH_SIZE = 1024 };

/* A file in or out of a shared folder, by a process confined as the folder's functions are. */
struct start_copy {
	uint32_t id;
	uint32_t slot;
	uint32_t is_in; /* 1: data → folder, atomically; 0: folder → data; 2: list the folder to data: lines
	                   "SIZE NAME\n", NAME as log_escape writes it, a folder with '/' behind it */
	uint64_t max_size; /* bytes */
	char shared[NAME_MAX_SIZE];
	char path[COPY_PATH_SIZE]; /* inside the folder, without a leading '/' */
};

struct spawner_ready {
	uint32_t level;      /* enum isolation */
	char layers[256];    /* what is active, for people: "user mount pid ... landlock-7 seccomp" */
	char no_cgroup[240]; /* why the cgroup that was given is not used; empty: it is, or none was given */
};

struct spawner_failed {
	int32_t code; /* errno value */
	char text[REASON_SIZE];
};

/* Isolation that was proved by doing it when the spawner started. */
enum isolation { ISOLATION_NONE, ISOLATION_STRONG, ISOLATION_FULL };

/* For a trial, lines "METHODS PATH\n" follow, one for each row of the artifact's table in its order, at most
 * MESSAGE_BODY_MAX in all.  The artifact's own words: to be checked. */
struct process_ready {
	uint32_t id;
	int32_t pid; /* of the worker, in the pool's pid namespace (the router's) */
	uint32_t n_routes;
	uint32_t was_spare; /* its sandbox had been waiting for somebody */
};

/* Sandboxes that are ready for any function. */
struct spares {
	uint32_t n; /* at most SPARES_MAX */
};

struct process_ended {
	uint32_t id;
	uint32_t was_ready;
	uint32_t was_confined; /* when it was never ready: the sandbox stood, the function is at fault */
	uint32_t cause;        /* enum cause: why the spawner killed it; CAUSE_NONE: it did not */
	uint32_t is_missing;   /* of a copy: the file, or a folder on the way to it, is not there */
	uint32_t is_lost;   /* it had waited as a spare, and was killed from outside before it did anything */
	uint32_t n_kinds;   /* of struct refused_call behind this one, at most REFUSED_KINDS_MAX */
	uint64_t n_refused; /* all calls that were refused, those of further kinds too */
	uint64_t cpu_us;    /* of an invoked worker since it was ready */
	struct ending ending;
	char reason[REASON_SIZE]; /* why it could not start: sandbox stage, or the loader's words; else empty
	                           */
};

enum {
	REFUSED_KINDS_MAX = 64,   /* kinds of calls that are told apart */
	INVOKED_REFUSED_MAX = 64, /* calls that an invoked worker may be refused, loading and then serving, */
	EXPLAINED_REFUSED_MAX = 10000, /* and an explained one in all */
};

/* Calls of one number that got the same errno. */
struct refused_call {
	int32_t error;
	uint32_t n;
	char name[CALL_NAME_SIZE];
};

struct lease {
	uint32_t worker;
	int32_t pid;
	uint64_t version; /* the registry's id of the version, as in the snapshot */
	uint32_t is_fresh;
	uint32_t n_served; /* requests, by an earlier lease */
};

struct stream_answer {
	uint32_t worker;
	uint32_t is_granted;
};

struct stream_ended {
	uint32_t worker;
	uint32_t n_served;
};

struct worker_ended {
	uint32_t worker;
	uint32_t cause; /* enum cause: the verdict */
	struct ending ending;
};

/* In fresh mode: the process of a request did not end well, or was ended; its worker lives on.  Said so often
 * at most that the master can write all of it down. */
struct request_failed {
	uint32_t worker;
	uint32_t cause; /* enum cause: the verdict */
	struct ending ending;
	uint32_t n; /* requests of this version that failed since the last such word, this one too */
	uint32_t reserved;
};

/* ---- fresh mode ----
 *
 * The process that loaded the function, the zygote, keeps children ready.  Each reads one struct
 * fresh_request from the lease's requests, with the socket that the request then travels on, and says the
 * same struct to init and then back on the lease's requests, where the kernel adds its pid.  The number is
 * the router's; it names the request between router and init, and whoever tells a wrong one harms himself
 * alone: his ending is nobody's. */

struct fresh_request {
	uint32_t number; /* never 0 */
};

/* Router → init: end the process that has taken this request, if it still runs. */
struct fresh_kill {
	uint32_t number;
};

/* Init → router, once for each request that was taken: its process is gone, /tmp is empty. */
struct fresh_ended {
	uint32_t number;
	uint32_t reserved;
	struct ending ending;
};

/* A function has failed: for the record of it.  Lines that end with '\n' follow, at most FAILURE_OUTPUT_MAX
 * bytes: the function's own words. */
struct failure_report {
	uint64_t version;
	uint32_t cause;                /* enum cause: the verdict */
	uint32_t n;                    /* failures of this version since the last such word, this one too */
	struct ending ending;          /* of the worker or of the request's process */
	uint64_t elapsed_us;           /* from the request's dispatch to its failure */
	int64_t cpu_us;                /* of the request; -1: not measured */
	uint32_t method;               /* bit of http.h; 0 with an empty request */
	uint32_t route;                /* row of the artifact's table */
	char request[REQUEST_ID_SIZE]; /* empty: it was not at one */
};

/* A request runs for long.  Lines as behind failure_report. */
struct slow_report {
	uint32_t worker;
	int32_t pid;      /* of who serves it; 0: the worker */
	uint32_t is_last; /* its time is over: the stack is for the record of its failure */
	uint32_t reserved;
	struct failure_report request;
};

struct stacks_of {
	uint32_t id;
	int32_t pid; /* in the sandbox of this worker; 0: its own */
};

/* Of one process: what is taken of it. */
enum { STACKS_THREADS_MAX = 16, STACKS_FRAMES_MAX = 64, STACKS_TEXT_MAX = 24 * 1024 };

struct start_refused {
	uint64_t version;
	uint32_t cause; /* enum cause */
	uint32_t retry_after_s;
};

struct want {
	uint64_t version;
	uint32_t waiting; /* requests in the queue; 0 takes an earlier WANT back */
};

struct overrun {
	uint32_t worker;
	uint32_t cause; /* enum cause */
};

/* Refused system calls of a version since the last report. */
struct denied_report {
	uint64_t version;
	uint32_t n;                    /* all, also those that are not named */
	uint32_t n_kinds;              /* of kinds */
	char request[REQUEST_ID_SIZE]; /* the last one; empty: outside of any */
	struct {
		char name[CALL_NAME_SIZE];
		uint32_t n;
	} kinds[DENIED_KINDS_MAX];
};

struct page_ref {
	uint32_t page; /* enum page */
};

struct page_made {
	uint32_t page;
	uint32_t status; /* of HTTP */
	uint32_t size;   /* bytes of its text, at most PAGE_TEXT_MAX */
};

/* Lists of tokens, numbered by the master. */
struct tokens_serial {
	uint64_t serial;
};
