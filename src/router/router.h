/* router.h - the router's context and its four things: connections, requests, pools, workers. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/ending.h"
#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"
#include "fcgi/fcgi.h"
#include "http/http.h"
#include "ipc/message.h"
#include "ipc/protocol.h"
#include "route/snapshot.h"
#include "router/cache.h"
#include "router/limits.h"
#include "scoreboard/scoreboard.h"
#include "session/session.h"
#include "token/sealed.h"

struct router;

/* A descriptor in the event loop, edge-triggered.  Part of what ready() finds with container_of. */
struct source {
	int fd; /* -1: closed; an event of the same turn may still name it */
	uint32_t events;
	void (*ready)(struct router *r, struct source *s, uint32_t events);
};

/* Bytes that live as long as the buffer they lie in. */
struct span {
	const char *p;
	size_t n;
};

/* ---- connections from web servers ---- */

/* Where a connection is; each has a list with the longest there first, and maybe a deadline (deadline.c). */
enum front_stage {
	FRONT_IDLE,       /* no request; also before the first */
	FRONT_PARAMS,     /* from BEGIN_REQUEST to the end of PARAMS */
	FRONT_BODY,       /* to the end of STDIN */
	FRONT_BUSY,       /* the request is complete and not yet answered */
	FRONT_WRITING,    /* answered; the web server has not taken all of it */
	FRONT_DISCARDING, /* answered and shut down; unread input is read away */
	FRONT_CLOSED,     /* freed at the end of the turn */
	FRONT_STAGES
};

struct front {
	struct source source;
	TAILQ_ENTRY(front) link; /* in router.fronts[stage] */
	TAILQ_ENTRY(front) todo_link;
	enum front_stage stage;
	uint64_t since_us; /* in this stage; of the last progress in BODY and WRITING */
	struct request *request;
	bool is_todo;
	bool is_readable; /* the kernel may hold bytes: edge-triggered, so nobody says it twice */
	bool has_eof;     /* the web server's last byte is in sight */
	bool is_waiting;  /* the rest of the input has to wait; it is in stash */
	bool is_broken;   /* writing failed: closed as soon as nobody is at work on it */
	bool keeps;       /* FCGI_KEEP_CONN */
	bool is_closing;  /* when the output is written */
	bool is_given;    /* accepted by another pool: others may hold it as well */

	/* The record that is being read. */
	unsigned char header_bytes[FCGI_HEADER_SIZE];
	size_t n_header;
	struct fcgi_header record;
	bool has_record;
	size_t content_left, padding_left;
	struct buf collect; /* content of a record that is judged as a whole */

	uint16_t id;         /* of the request being read or answered; 0: none */
	bool has_input_end;  /* its STDIN has ended */
	size_t ignored;      /* bytes that belonged to no request, since the last one */
	size_t aside;        /* bytes that answer no request, since the output was last empty */
	struct buf stash;    /* read and not yet fed */
	struct buf out;      /* to be written */
	struct buf out_head; /* before it */
};

/* ---- requests ---- */

enum request_stage {
	REQUEST_READING,
	REQUEST_QUEUED, /* waits for a worker, in its pool's queue */
	REQUEST_JOINED, /* waits for the answer to another, in its entry's list or in router.released */
	REQUEST_SENT,   /* in its worker's list, maybe partly */
	REQUEST_ENDING, /* its worker is gone; waits for the verdict, in the worker's list */
};

/* Refused system calls, those of one kind counted together. */
struct denied_call {
	int32_t nr; /* number of the call */
	unsigned n;
};

struct denials {
	unsigned n;   /* all */
	int32_t last; /* number of the last one */
	size_t n_calls;
	struct denied_call calls[DENIED_CALLS_MAX]; /* the first kinds; later ones are in n alone */
};

/* A page as it is answered. */
struct page_text {
	int status;
	const char *type, *p;
	size_t n;
};

/* Somebody who wants one. */
struct page_wait {
	TAILQ_ENTRY(page_wait) link; /* in router.pages[page].waiting */
	bool is_waiting;
	enum page page;
	void (*serve)(struct router *r, struct page_wait *w, const struct page_text *text);
};

enum cache_use { CACHE_NONE, CACHE_MISS, CACHE_HIT };

/* Why a request may not call a function that asks for a token. */
enum auth_fault {
	AUTH_MISSING, /* nothing is shown, or by another scheme */
	AUTH_INVALID,
	AUTH_SCOPE, /* the token is not good for this function */
};

struct request {
	TAILQ_ENTRY(request) link;
	enum request_stage stage;
	struct front *front; /* NULL: nobody waits for the answer */
	struct pool *pool;   /* NULL until the gate found it */
	struct worker *worker;
	uint64_t begun_us, queued_us, dispatched_us;

	char id[REQUEST_ID_MAX + 1];
	unsigned method;
	bool is_head, wants_json;
	bool is_large;    /* its body streams: never packed, never sent twice */
	bool is_complete; /* the body is */
	bool is_asking;   /* its answer is a stream, which the master has not yet allowed */
	bool is_stream;   /* the head of the answer has left */
	bool is_aborted;  /* nobody waits, and the worker is to be told */
	bool is_abort_said;
	bool is_logged; /* answered before its worker was done with it */
	bool is_page;   /* what it wants is no function's */
	struct page_wait page;
	int64_t announced; /* CONTENT_LENGTH; -1: none */
	uint64_t received; /* bytes of the body */

	struct buf path_text;     /* normalised */
	struct buf params;        /* as the web server sent them, less those that we drop */
	struct buf authorization; /* the params that show a token, which not every function may see */
	struct buf extra;         /* ours */
	struct buf body;          /* a large one: what is not yet sent */
	struct span method_text, path, remote, query; /* into params and path_text */
	struct span cookie;                           /* the same */
	struct span origin;                           /* the same; p is NULL: there is none */
	struct span asked_method, asked_fields;       /* the same: what a preflight asks for */
	bool is_secure;                               /* the client speaks HTTPS */
	const char *below; /* the path without the mount prefix; in path_text, ends with NUL */
	struct fcgi_progress sent;
	bool has_session;
	struct session session;                                                /* as it came */
	char session_function[sizeof((struct snapshot_function *)NULL)->name]; /* whose it is */
	bool session_is_secure;
	uint16_t dispatch; /* the id towards the worker */
	uint32_t route;    /* row of the artifact's table */
	unsigned n_again;  /* how often its worker failed before it began */

	/* The cache (cached.c). */
	enum cache_use cache;
	bool is_shared;      /* the function gets shared instead of params */
	unsigned n_joined;   /* how often it has waited for another */
	struct entry *entry; /* that it leads or, while JOINED, waits for */
	struct buf shared;
	uint64_t age_s;   /* of a hit */
	int64_t stored_s; /* of a hit, since 1970 */

	/* The answer, already in records: every SEGMENT_SIZE bytes begin with room for a header. */
	struct buf out;
	uint64_t out_bytes; /* content */
	bool has_head, drops_body, has_stdout_end;
	uint64_t answered_bytes; /* of the body that the client gets */
	int64_t stream_left;     /* bytes of a stream that announced its length; -1: it did not */

	uint64_t tokens_serial; /* of the list that was asked */
	enum auth_fault fault;
	char user[TOKEN_NAME_SIZE]; /* the name of the token that is shown; empty: none is asked for */

	/* For the log. */
	int status;
	enum cause cause;
	struct ending ending;
	int64_t cpu_us;     /* -1: not measured */
	uint32_t memory_kb; /* what its worker said; 0: nothing */
	enum cause said;    /* why its answer is a problem, as its worker said */
	size_t n_logged;
	bool is_log_cut;
	bool is_slow_said;
	struct denials denials;
};

/* ---- workers and their pools ---- */

enum { STREAM_ROUTES = 256 }; /* rows of an artifact's table whose answers are remembered */

enum worker_stage {
	WORKER_IDLE,
	WORKER_BUSY,
	WORKER_RENEWING, /* fresh mode: the process of its last request is not yet known to be gone */
	WORKER_GONE,     /* its descriptors are closed, or it is to be killed; waits for MSG_WORKER_ENDED */
	WORKER_FREED
};

struct worker {
	struct source requests, output, denied;
	TAILQ_ENTRY(worker) link;     /* in its pool's idle or busy list, or in router.gone */
	TAILQ_ENTRY(worker) all_link; /* in router.workers */
	TAILQ_ENTRY(worker) todo_link;
	struct pool *pool;
	uint32_t id;
	int32_t pid;
	enum worker_stage stage;
	bool is_todo, is_held; /* in router.todo_workers, in router.held_workers */
	bool is_readable;
	bool is_paused;  /* its client is slower than its stream */
	bool is_blocked; /* its socket takes no message now */
	bool is_last;    /* no further request: retiring, or out of step */
	bool is_retiring;
	bool has_asked;     /* the master for a stream: it goes back to him after its request */
	bool is_stream;     /* granted: none of the pool's max_workers */
	bool is_to_be_told; /* that its stream is to end: no request may follow */
	bool is_told;
	bool is_cut;               /* it takes no more messages */
	bool is_overrun;           /* the master was asked to kill it */
	bool is_idle_said;         /* MSG_IDLE was sent */
	struct requests in_flight; /* in the order of dispatch */
	unsigned n_in_flight;
	struct request *unsent; /* the first that has not travelled completely */
	uint64_t n_served;
	uint64_t since_us;      /* idle, or its first request is executing, or gone */
	uint64_t active_us;     /* last byte of a stream in either direction */
	int64_t cpu_start_us;   /* CPU clock when the first request began; -1: not yet read */
	int64_t cpu_last_us;    /* at the last look */
	int64_t cpu_mark_us;    /* at the last measurement of the service time; -1: none */
	unsigned n_unmeasured;  /* requests since */
	struct denials denials; /* while idle */
	struct buf line;        /* output without its end of line yet */

	/* Fresh mode: requests is the socket of one request, -1 between them.  These are the lease's. */
	bool is_fresh;
	struct source zygote, init;
	uint32_t number;   /* of the request, between init and us */
	int32_t child;     /* its process; 0: it has not spoken yet */
	bool has_hello;    /* it has: the request is begun */
	bool has_ended;    /* init has said so, and how: */
	bool is_kill_said; /* init was asked to end it */
	bool is_looked_at; /* its end waits for LOOK_WAIT_MS: its stack is taken */
	struct ending ending;
	enum cause cause; /* why the request failed */

	/* failure.c */
	struct buf said;  /* its last lines */
	uint16_t said_of; /* while it was at which request (dispatch); 0: at none */
	bool has_failure; /* to be told when it is known how it ended */
	struct failure_report failure;
};

TAILQ_HEAD(workers, worker);

/* The workers of one function version. */
struct pool {
	TAILQ_ENTRY(pool) link;      /* hash chain */
	TAILQ_ENTRY(pool) wait_link; /* in router.waiting */
	struct snapshot_function function;
	struct score_row *score; /* NULL until a snapshot has said its name */
	bool is_current;         /* the snapshot in use has it */
	bool was_current;        /* a lease may come before its snapshot */
	bool is_waiting;
	bool is_at_most; /* requests wait, and max_workers have been there since the first of them */
	bool has_cached; /* its answers may be in the cache */
	struct workers idle, busy; /* the most recently used first */
	struct workers renewing;
	unsigned n_workers, n_held; /* n_held: those that are gone and not yet ended too */
	unsigned n_streams;         /* of n_workers */
	unsigned char stream_routes[STREAM_ROUTES / 8]; /* bits: an answer of this route was one */
	struct requests queue;
	unsigned n_queued, n_requests; /* n_requests: all that name this pool */
	uint64_t service_ns;           /* what a request takes, by the two below (service.c) */
	uint64_t cpu_ns, wall_ns;      /* of one request; wall: from the worker's being free to the answer */
	unsigned n_apart;              /* so many more are not packed, as one has slept */
	unsigned wanted;               /* of the last MSG_WANT */
	uint64_t want_us;
	uint64_t failed_us;  /* of the last MSG_REQUEST_FAILED */
	uint32_t n_failed;   /* since */
	uint64_t failure_us; /* of the last MSG_FAILURE */
	uint32_t n_failures; /* since */
	uint64_t memory_kb;  /* the highest of its processes that have ended; 0: none has */
	bool is_denied;      /* in router.denied: there is something to report */
	TAILQ_ENTRY(pool) denied_link;
	struct denials denials;                  /* since the last report */
	char denied_request[REQUEST_ID_MAX + 1]; /* the last one with any */
	uint64_t log_minute;                     /* budget of the function's log */
	size_t n_logged;
};

TAILQ_HEAD(pools, pool);
TAILQ_HEAD(fronts, front);

/* A page of the master's. */
struct page_kept {
	TAILQ_HEAD(, page_wait) waiting;
	uint64_t asked_us; /* 0: he was not asked */
	uint64_t taken_us; /* 0: none is here */
	int status;
	struct buf text;
};

enum { PLAINS_MAX = 32, PLAIN_HEAD_MAX = 4096 };

/* A client of the metrics' own address. */
struct plain {
	struct source source; /* fd -1: free */
	uint64_t since_us;    /* accepted, or took something of its answer */
	struct page_wait page;
	bool is_asking, is_answered, is_head;
	struct buf out;
	size_t n_head;
	char head[PLAIN_HEAD_MAX + 1];
};

enum { POOL_BUCKETS = 1024, EVENTS_MAX = 128, SLOTS = 16, ENTROPY_SIZE = 4096, ALLOWED_MAX = 16 };

/* A log that is written in batches of whole lines. */
struct log_file {
	int fd;
	struct buf buf;
	uint64_t since_us;    /* of the oldest byte */
	struct log_name name; /* within router.start */
	uint64_t n_dropped;   /* lines that the system's log did not take, and nobody was told */
};

enum { FUNCTION_LOGS_MAX = 64 }; /* files of single functions that are open at a time */

/* One of them (function_logs.c). */
struct function_log {
	enum {
		FUNCTION_LOG_FREE,
		FUNCTION_LOG_ASKED, /* lines wait for the file */
		FUNCTION_LOG_OPEN,
		FUNCTION_LOG_REFUSED, /* the master could not open it */
	} stage;
	struct log_file file;
	uint64_t version, used; /* the one that the file was asked for by; turn of the last line */
	char name[sizeof((struct snapshot_function *)0)->name];
};

struct address {
	unsigned char bytes[16]; /* IPv6, or IPv4 mapped into it */
};

struct router {
	int epoll;
	uint64_t now_us;
	struct source listener, master;
	struct start_router start;
	bool is_tcp, is_draining, is_drained, is_done;
	bool is_handing_over; /* while draining: connections between two requests are another pool's */
	bool is_accepting;
	uint64_t accept_again_us; /* 0: not paused by time */
	struct address allowed[ALLOWED_MAX];
	size_t n_allowed;

	struct fronts fronts[FRONT_STAGES], todo_fronts, free_fronts;
	struct requests free_requests;
	struct workers workers, gone, todo_workers, held_workers, dead_workers;
	uint64_t held_us; /* since when the first of held_workers is there */
	struct pools buckets[POOL_BUCKETS], waiting, denied;
	struct pool **by_function; /* by index into the snapshot's functions */
	struct snapshot *snapshot;
	struct tokens *tokens;  /* NULL: nobody is let in where a token is asked for */
	uint64_t tokens_serial; /* the master's number of them */
	size_t n_fronts;
	size_t n_renewing;
	size_t buffers; /* bytes of large buffers */

	struct page_kept pages[PAGES];
	struct source plain_listener;
	struct plain plains[PLAINS_MAX];
	size_t n_plain;
	bool has_pages; /* some web servers may ask for */
	struct cache cache;
	struct requests released; /* that waited for another one's answer */
	struct sessions sessions;
	char session[SESSION_FIELD_SIZE]; /* Set-Cookie of the answer that is being sent */
	size_t n_session;                 /* 0: it has none */
	struct buf text;                  /* a problem document */
	struct buf to_master;             /* messages that the channel did not take yet */
	struct log_file access, function;
	struct function_log function_logs[FUNCTION_LOGS_MAX];
	uint64_t function_logs_used; /* lines for them */
	bool has_function_lines;     /* not written yet */
	int error_log;
	struct log_name error_name; /* within start */
	bool is_json;               /* the access log */
	bool tells_memory;          /* its format asks workers for it */
	char log_time[48];          /* of log_ms */
	uint64_t log_ms;
	uint64_t tick_us, slow_tick_us; /* when the next ones are due */
	bool is_late;                   /* the last one was */
	struct scoreboard *board;
	struct router_counters counters; /* on the board at the end of each turn */

	unsigned char entropy[ENTROPY_SIZE];
	size_t entropy_used;
	struct epoll_event events[EVENTS_MAX];
	unsigned char input[READ_SIZE];
	unsigned char scratch[READ_SIZE];
	unsigned char slots[SLOTS][FCGI_MESSAGE_MAX]; /* messages of a worker, one way or the other */
	struct iovec slot_parts[SLOTS];
	struct message message;
};

/* ---- loop.c ---- */

struct router_fds {
	int listener, master, access_log, function_log, error_log;
	int metrics;    /* listener; -1: none */
	int scoreboard; /* closed when it is mapped; -1: nobody reads it */
};
int router_open(struct router *r, const struct start_router *start, const struct router_fds *fds,
                struct err *e);
void router_done(struct router *r);

/* Serves until the master's channel ends. */
int router_run(struct router *r, struct err *e);

/* One turn: waits at most timeout_ms (-1: for ever) for events, and does all that follows from them. */
int router_turn(struct router *r, int timeout_ms, struct err *e);

int loop_watch(struct router *r, struct source *s, uint32_t events);
void loop_forget(struct router *r, struct source *s); /* and closes it */
void loop_todo_front(struct router *r, struct front *f);
void loop_todo_worker(struct router *r, struct worker *w);
void loop_hold_worker(struct router *r, struct worker *w); /* the same, HOLD_US later at the latest */

/* ---- buffers.c: appends that count against BUFFERS_MAX; 0, -ENOMEM, -ENOSPC ---- */
int buffers_append(struct router *r, struct buf *b, const void *data, size_t n);
void buffers_release(struct router *r, struct buf *b); /* empties it; a large one is freed */
void buffers_done(struct router *r, struct buf *b);

/* ---- accept.c ---- */
int accept_open(struct router *r, int listener, struct err *e);
void accept_resume(struct router *r);
void accept_stop(struct router *r); /* for good */
/* A connection that another pool's router accepted; taken over, and closed when there is no room for it. */
void accept_given(struct router *r, int given);

/* ---- front.c ---- */
struct front *front_new(struct router *r, int fd);
void front_close(struct router *r, struct front *f);

/* Gives the master all connections between two requests, or as many as it takes now. */
void fronts_give(struct router *r);
void front_discard(struct router *r,
                   struct front *f); /* no more from us; its input is read away, then closed */
void front_free(struct router *r, struct front *f);
void front_enter(struct router *r, struct front *f, enum front_stage stage);
void front_resume(struct router *r, struct front *f); /* what could not be read before may be now */

/* Writes head and body, or keeps what does not fit; body's memory is taken over then. */
void front_send(struct router *r, struct front *f, const void *head, size_t n, struct buf *body);

/* Bytes of a stream that it may still be given before its worker has to wait. */
size_t front_room(const struct front *f);

/* What answers no request: a connection that lets too much of it wait is closed. */
void front_send_aside(struct router *r, struct front *f, const void *record, size_t n);

/* The answer is complete: the connection is free for the next request, or is closed. */
void front_answered(struct router *r, struct front *f);

/* ---- feed.c: the web server's records ---- */

/* Takes bytes of the connection; how many.  Fewer than n: the rest has to wait, or it was closed. */
size_t front_feed(struct router *r, struct front *f, const unsigned char *p, size_t n);

/* ---- request.c ---- */
struct request *request_new(struct router *r, struct front *f);
void request_free(struct router *r, struct request *q);
void request_done(struct request *q); /* gives its memory back for good */
void request_set_pool(struct router *r, struct request *q, struct pool *pool);
void request_name(struct router *r, struct request *q, struct span given);
void request_random(struct router *r, void *p, size_t n);

/* The web server's input, in this order.  Each may answer the request, which then is gone. */
void request_params(struct router *r, struct request *q, const unsigned char *p, size_t n);
void request_params_end(struct router *r, struct request *q);
size_t request_body(struct router *r, struct request *q, const unsigned char *p, size_t n); /* bytes taken */
void request_body_end(struct router *r, struct request *q);

/* The web server no longer waits.  The request is forgotten, or its worker's output goes nowhere. */
void request_cancel(struct router *r, struct request *q);

/* ---- gate.c ---- */

/* What a preflight is told. */
struct preflight {
	unsigned methods; /* that pages of its origin may use */
	const struct snapshot_function *function;
};

/* What to answer instead of running anything. */
struct verdict {
	enum cause cause;
	unsigned methods; /* for Allow */
	bool is_of_lane;  /* with CAUSE_METHOD_NOT_ALLOWED: the path is the runner's */
	bool is_options;  /* nothing to run: answer OPTIONS */
	bool is_preflight;
	struct preflight preflight; /* to be answered */
};

/* Params of the web server, once: bounds, what we drop, what we need.  CAUSE_NONE, or why it is refused. */
enum cause gate_params(struct router *r, struct request *q);

/* Asks and answers what is not to run; true when the request may go to a worker. */
bool gate_passes(struct router *r, struct request *q);

/* A param of ours, behind those of the web server. */
enum cause gate_add(struct router *r, struct request *q, const char *name, struct span value);

/* ---- session.c ---- */

/* Hides all sessions of the request and gives its function the one that is its own. */
enum cause session_take(struct router *r, struct request *q, const struct snapshot_function *f);

/* Seals what the function wants its session to be, for head_put().  CAUSE_BAD_RESPONSE: it is none. */
enum cause session_make(struct router *r, const struct request *q, const struct http_answer_head *head);

/* Whether a field of the function's answer is left out: it would set somebody's session, or have the answer
 * stored that sets this one. */
bool session_drops(const struct router *r, const struct http_field *f);

/* ---- auth.c: who calls ---- */

/* Whether the request may call f, by what it shows: CAUSE_NONE with its user, CAUSE_UNAUTHORIZED or
 * CAUSE_FORBIDDEN with its fault. */
enum cause auth_check(struct router *r, struct request *q, const struct snapshot_function *f);

/* Before a request is begun: the tokens may be others than when it came.  False: it is answered. */
bool auth_holds(struct router *r, struct request *q);

enum { AUTH_CHALLENGE_SIZE = 256 };
/* The value of WWW-Authenticate for a request with a fault; NULL: there is none. */
const char *auth_challenge(const struct request *q, char text[AUTH_CHALLENGE_SIZE]);

/* From now on these tokens count, for requests that wait as well; NULL: none. */
void auth_take(struct router *r, struct tokens *tokens, uint64_t serial);

/* ---- cors.c: whose pages may read an answer ---- */

/* Whether the request asks, before another one, what a page may do here, and it may do that. */
bool cors_is_preflight(const struct router *r, const struct request *q, struct preflight *p);

/* Whether a field of the function's answer is left out: the deployer says whose pages may read it. */
bool cors_drops(const struct request *q, const struct http_field *f);

/* ---- answer.c ---- */
void answer_problem(struct router *r, struct request *q, enum cause cause, const struct verdict *v);
void answer_refused(struct router *r, struct request *q, enum cause cause, unsigned retry_after_s);
void answer_options(struct router *r, struct request *q, unsigned methods);
void answer_preflight(struct router *r, struct request *q, unsigned methods, const struct preflight *p);

/* The worker's content, behind room for a record's header, and its end.  CAUSE_NONE, or why the worker is to
 * be killed. */
enum cause answer_content(struct router *r, struct request *q, unsigned char *p, size_t n);
enum cause answer_progress(struct router *r, struct request *q); /* after a message without END */
enum cause answer_end(struct router *r, struct request *q);

/* The worker failed: a problem answer, or a truncated one when bytes have left.  Frees the request. */
void answer_failed(struct router *r, struct request *q, enum cause cause);

/* ---- cached.c ---- */

/* True: it was answered, or waits for the answer to another.  Else it goes on, and may lead others. */
bool cached_takes(struct router *r, struct request *q);
void cached_forget(struct router *r, struct request *q);  /* it leads and waits no more */
void cached_purge(struct router *r, uint64_t version_id); /* nothing of the version stays */
void cached_serve_released(struct router *r);
void cached_check(struct router *r); /* who has waited for too long asks by himself */

/* The answer to one that leads: kept, or it may not be. */
void cached_store(struct router *r, struct request *q, const struct http_answer_head *head);
void cached_pass(struct router *r, struct request *q);
bool cached_is_known(const struct request *q, const struct http_answer_head *head); /* by its client: a 304 */
bool cached_replaces(const struct request *q, const struct http_field *f);          /* a field that is ours */

/* ---- streams.c ---- */
enum cause stream_start(struct router *r, struct request *q, const struct http_answer_head *head);
enum cause stream_send(struct router *r, struct request *q, unsigned char *p,
                       size_t n);               /* as answer_content */
bool stream_is_likely(const struct request *q); /* its route has streamed before */

/* Asks the master whether q, whose head is there, may begin; what he said, and that a worker's is over. */
void stream_ask(struct router *r, struct request *q);
void stream_answered(struct router *r, const struct stream_answer *answer);
void stream_is_over(struct router *r, struct worker *w);

/* The worker's stream is to end; all of them are. */
void stream_tell(struct router *r, struct worker *w);
void stream_tell_now(struct worker *w); /* when what was to be sent before has left */
void stream_tell_all(struct router *r);
bool stream_holds_others(const struct router *r, const struct worker *w); /* for too long */

/* ---- pool.c ---- */
struct pool *pool_find(struct router *r, uint64_t version_id);
struct pool *pool_of(struct router *r, const struct snapshot_function *function); /* NULL: no memory */
/* For a worker of this version; NULL: the version was replaced, or no memory. */
struct pool *pool_leased(struct router *r, uint64_t version_id);
void pool_learn_memory(struct pool *p, const struct ending *ending); /* of a process of it */
void pool_release(struct router *r, struct pool *p);                 /* frees it when nothing needs it */
void pools_swap(struct router *r, struct snapshot *next);
void pools_review(struct router *r); /* the requests that wait where a token is asked for are judged anew */

/* ---- dispatch.c ---- */
void dispatch_request(struct router *r, struct request *q); /* to a worker, or into the queue, or 503 */
void dispatch_again(struct router *r, struct request *q);   /* its worker failed before it began */
void dispatch_pump(struct router *r, struct pool *p);       /* a worker may take more */
void dispatch_forget(struct router *r, struct request *q);  /* out of the queue */
void dispatch_review(struct router *r);                     /* asks for workers where requests wait */
void dispatch_refuse(struct router *r, struct pool *p, enum cause cause, unsigned retry_after_s);

/* ---- service.c: n requests took so long together ---- */
void service_learn_wall(struct pool *p, uint64_t us, unsigned n);
void service_learn_cpu(struct pool *p, uint64_t us, unsigned n);
void service_slept(struct pool *p); /* one of them, for more than a tick */

/* ---- exchange.c ---- */
enum { WORKER_EVENTS = EPOLLIN | EPOLLET };
void exchange_send(struct router *r, struct worker *w);                       /* all that it takes */
bool exchange_abort(struct router *r, const struct request *q);               /* false: it has no room */
void exchange_receive(struct router *r, struct worker *w, unsigned *n_ended); /* some of what it says */

/* ---- worker_lease.c ---- */
struct lease_fds {
	int requests, output;
	int init;   /* of a fresh worker; else -1 */
	int denied; /* -1: there is none */
};
void worker_lease(struct router *r, const struct lease *lease, const struct lease_fds *fds);
struct worker *worker_find(struct router *r, uint32_t id);
void worker_enter(struct router *r, struct worker *w, enum worker_stage stage);
void worker_close_descriptors(struct router *r, struct worker *w);
void worker_release(struct router *r, struct worker *w);       /* the master ends it */
void worker_give_up_lease(struct router *r, struct worker *w); /* as good as before: for whoever needs it */
void worker_leave(struct router *r,
                  struct worker *w); /* the lease is over: it lives until the end of the turn */
void worker_free(struct router *r, struct worker *w);

/* ---- worker.c ---- */
void worker_assign(struct router *r, struct worker *w, struct request *q);
void worker_abort(struct router *r, struct request *q); /* tells it that nobody waits */
bool worker_withdraw(struct router *r,
                     struct request *q); /* takes back what it has not seen; false: too late */
void worker_retire(struct router *r, struct worker *w);
void worker_closed(struct router *r, struct worker *w); /* its end of the connection is gone */
/* In fresh mode the request's process, when there is one; else the worker. */
void worker_kill(struct router *r, struct worker *w, enum cause cause);
void worker_kill_all(struct router *r, struct worker *w, enum cause cause);
void worker_spoil(struct worker *w);                /* out of step with its connection: no further request */
int64_t worker_cpu_us(const struct worker *w);      /* clock of whoever serves its request; -1: not known */
int64_t worker_idle_cpu_us(const struct worker *w); /* of itself */
void worker_ready(struct router *r, struct source *s, uint32_t events); /* of requests */

/* For fresh.c. */
void worker_lose(struct router *r, struct worker *w); /* it takes no request, through no fault of this one */
void worker_vanished(struct router *r, struct worker *w); /* all of it; its end will tell how */
bool worker_has_begun(const struct worker *w, const struct request *q);
void worker_give_back(struct router *r, struct worker *w, struct request *q); /* others serve it */
void worker_blame(struct router *r, struct worker *w, enum cause cause);      /* the first request */
void worker_renewing(struct router *r, struct worker *w);
void worker_renewed(struct router *r, struct worker *w); /* idle, or its last request was this */
void worker_ended(struct router *r, struct worker *w, const struct worker_ended *how);
void worker_resume(struct router *r, struct worker *w);  /* reads and sends what it can */
void worker_hang_up(struct router *r, struct worker *w); /* it closed its end and lives on: to be killed */

/* ---- fresh.c: a process for each request ---- */
int fresh_lease(struct router *r, struct worker *w, int zygote, int init);
bool fresh_begin(struct router *r, struct worker *w); /* false: it is lost */
bool fresh_hello(struct worker *w); /* reads it, if it is there; false: it breaks the protocol */
void fresh_answered(struct router *r, struct worker *w);
void fresh_closed(struct router *r, struct worker *w);
bool fresh_stop(struct router *r, struct worker *w, enum cause cause); /* false: there is no process to end */
void fresh_check(struct router *r, struct worker *w);

/* ---- back.c: the worker's records ---- */

/* One message of a worker, which is overwritten.  CAUSE_NONE, or why it is to be killed.  *n_ended counts
 * answers. */
enum cause back_message(struct router *r, struct worker *w, unsigned char *p, size_t n, unsigned *n_ended);

/* ---- deadline.c ---- */
void deadline_check(struct router *r);
int deadline_timeout_ms(const struct router *r);

/* ---- master.c ---- */
int master_open(struct router *r, int channel, struct err *e);
void master_say(struct router *r, uint32_t type, const void *body, size_t n);

/* A connection, which stays open here.  0; -EAGAIN: again at the end of a later turn, which comes. */
int master_give(struct router *r, int fd);

/* ---- output.c: what functions write and log ---- */
void output_watch(struct router *r, struct worker *w, int output);
void output_stderr(struct router *r, struct request *q, const unsigned char *p, size_t n);
void output_end(struct router *r, struct worker *w); /* reads what is left and closes */
void output_now(struct router *r, struct worker *w); /* reads what there is */

/* ---- failure.c: what the master records of a function that failed ---- */

/* A line of its log; q is NULL while the worker was idle. */
void failure_line(struct worker *w, const struct request *q, struct span line);
/* The request has failed for this cause; how the process ended may be told later. */
void failure_note(struct router *r, struct worker *w, const struct request *q, enum cause cause);
/* The request runs for longer than is usual. */
void failure_slow(struct router *r, struct worker *w, struct request *q);
/* The first request of a worker is about to be ended for its time: where it is is to be known before. */
void failure_look(struct router *r, struct worker *w);
/* It is known how; without a request that was noted, cause is the worker's. */
void failure_tell(struct router *r, struct worker *w, enum cause cause, const struct ending *ending);

/* ---- denied.c: system calls that were refused ---- */
void denied_watch(struct router *r, struct worker *w, int listener); /* -1: there is none */

/* One line a call, and forgets them.  q: NULL while the worker was idle. */
void denied_log(struct router *r, struct pool *p, const struct request *q, struct denials *d);
void denied_report(struct router *r, struct pool *p); /* to the master, what there is of one */
void denied_check(struct router *r);                  /* of all, once a tick */

/* ---- score.c: the scoreboard ---- */
int score_open(struct router *r, int fd, struct err *e);
void score_request(struct router *r, const struct request *q); /* it was answered, or its client is gone */
void score_cpu(struct pool *p, uint64_t us, unsigned n); /* of n requests, which took so long together */
void score_queued(struct router *r, const struct pool *p);
void score_flush(struct router *r);   /* once a turn */
void score_workers(struct router *r); /* what they do at this moment */

/* Time that the request has waited for a worker. */
uint64_t request_queue_us(const struct router *r, const struct request *q);

/* ---- logs.c ---- */
void logs_open(struct router *r, const struct router_fds *fds);
void logs_request(struct router *r, const struct request *q);
void logs_function(struct router *r, const struct pool *p, const struct request *q, int level,
                   struct span text);
const char *logs_level(int level); /* the word for a level of syslog(3) */
void logs_flush(struct router *r, bool is_forced);
void logs_replace(struct router *r, int access, int function, const struct log_kinds *kinds);

/* ---- function_logs.c ---- */
void function_logs_open(struct router *r);
/* Where a line of this function goes. */
struct log_file *function_log_of(struct router *r, const struct pool *p);
/* The master's answer; fd -1: it could not.  Takes the descriptor over. */
void function_log_take(struct router *r, uint64_t version, int fd);
void function_logs_flush(struct router *r);
void function_logs_forget(struct router *r); /* they are to be opened again */
void function_logs_done(struct router *r);   /* what waits for a file is written without it */
