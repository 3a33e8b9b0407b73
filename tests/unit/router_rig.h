/* router_rig.h - a router in the test's own process: the test is its web servers, its master and its workers,
 * and turns its loop by hand, so that nothing depends on time. */
#pragma once
#include "router/router.h"

/* An id of a session. */
#define RIG_SESSION "00112233445566778899aabbccddeeff"

enum {
	RIG_FAST =
	    1, /* ids of versions: GET and POST /fast, bodies and answers of 1,000,000 bytes, queue of 2 */
	RIG_SMALL,     /* POST /small/:name: bodies of 10 bytes, answers of 100, max_requests 2 */
	RIG_DISABLED,  /* GET /disabled */
	RIG_FAST_NEXT, /* what /fast becomes with rig_swap */
	RIG_KEPT,      /* GET /kept: answers are kept for a minute */
	RIG_KEPT_NEXT, /* what it becomes with rig_swap */
	RIG_GATED,     /* GET and POST /gated, with rig_gate */
	RIG_MESSAGES_MAX = 64,
};

struct rig_message {
	uint32_t type;
	union {
		struct want want;
		struct overrun overrun;
		struct process_ref ref;
		struct request_failed failed;
		struct denied_report denied;
		struct stream_ended stream_ended;
		struct tokens_serial tokens;
		struct page_ref page;
		struct version_ref version;
	};
};

struct rig {
	struct router router;
	int master;  /* the test's end */
	int logs[2]; /* memory files: access, function */
	_Alignas(8) char address[128];
	size_t n_address;
	struct rig_message messages[RIG_MESSAGES_MAX]; /* from the router, not yet taken */
	size_t n_messages;
	uint32_t next_id;
	bool holds_streams; /* whoever asks for a stream waits for the test's answer; else it is granted */
};

/* NULL when something failed.  With a snapshot unless is_bare. */
struct rig *rig_new(bool is_bare);
struct rig *rig_new_tcp(const char *allowed_clients); /* listens on 127.0.0.1 */
void rig_free(struct rig *g);

/* Whoever connects from now on is a client of the metrics' own address. */
void rig_plain(struct rig *g);
void rig_page(struct rig *g, enum page page, int status, const char *text); /* the master's, made */

void rig_swap(struct rig *g, bool has_fast); /* /fast is RIG_FAST_NEXT's now, or gone */
struct snapshot_function rig_gated(enum call_auth auth);
void rig_gate(struct rig *g, const struct snapshot_function *gated); /* a snapshot with /gated, too */
void rig_tokens(struct rig *g, uint64_t serial, const struct token_row *rows, size_t n,
                const struct token_grant *grants, size_t n_grants);
void rig_run(struct rig *g);  /* turns until nothing happens any more */
void rig_tick(struct rig *g); /* the next tick is due now */
void rig_say(struct rig *g, uint32_t type, const void *body, size_t n);

/* The first message of this type that the router has said; NULL: none.  It is gone then. */
const struct rig_message *rig_said(struct rig *g, uint32_t type);

/* ---- a web server ---- */
int rig_connect(struct rig *g);
size_t rig_send(struct rig *g, int fd, const void *p, size_t n); /* bytes that the socket took */

struct rig_request {
	const char *method, *path;
	uint16_t id;
	bool keeps;
	const char *length; /* CONTENT_LENGTH; NULL: none */
	const char *cookie; /* HTTP_COOKIE; NULL: none */
	const char *scheme; /* REQUEST_SCHEME; NULL: none */
	const char *https;  /* HTTPS; NULL: none */
	bool is_cookie_twice;
	const char *body;
	size_t n_body;             /* bytes of it */
	bool is_open;              /* STDIN does not end */
	const char *const *params; /* names and values in turn, NULL at the end; or NULL */
};
void rig_request_put(struct buf *bytes, const struct rig_request *q);
void rig_request(struct rig *g, int fd, const struct rig_request *q);
void rig_get(struct rig *g, int fd, const char *path); /* id 1, without KEEP_CONN */
void rig_record(struct buf *to, uint8_t type, uint16_t id, const void *content, size_t n);

struct rig_answer {
	struct buf text; /* of all STDOUT records */
	int ended;       /* protocolStatus of END_REQUEST; -1: none came */
	uint16_t end_id;
	uint8_t other;  /* type of the last record that was neither */
	bool is_closed; /* end of the stream */
	bool is_broken; /* not FastCGI */
};

/* Reads what is there, and through END_REQUEST at most. */
void rig_answer(int fd, struct rig_answer *a);

/* True when the connection's answer has this status and all of its text holds `part`; frees the answer. */
bool rig_answers(int fd, int status, const char *part);

/* ---- a worker ---- */
struct rig_worker {
	uint32_t id;
	int requests, output; /* the worker's ends */
	uint16_t request;     /* id of the request that came last */
	unsigned char message[FCGI_MESSAGE_MAX + 1];
	size_t n_message;
	unsigned char rest[FCGI_MESSAGE_MAX]; /* requests behind it in the message that came */
	size_t n_rest;
};
void rig_lease(struct rig *g, struct rig_worker *w, uint64_t version);

/* With the listener of its seccomp filter, which is the router's from then on. */
void rig_lease_listened(struct rig *g, struct rig_worker *w, uint64_t version, int listener);
void rig_worker_done(struct rig_worker *w);

/* The next message of the router, or of one with several requests what is of the next; false: none.  Sets
 * request when it begins one. */
bool rig_receive(struct rig_worker *w);
bool rig_message_has(const struct rig_worker *w, const char *text);

/* Sends STDOUT with the text, its end and END_REQUEST for the request, as one message. */
void rig_reply(struct rig *g, struct rig_worker *w, const char *text);
void rig_reply_id(struct rig *g, struct rig_worker *w, uint16_t id, const char *text);
void rig_write(struct rig *g, struct rig_worker *w, const void *p, size_t n);
/* STDOUT in records of 60,000 bytes until n bytes were written. */
void rig_flood(struct rig *g, struct rig_worker *w, char fill, size_t n);
void rig_ended(struct rig *g, const struct rig_worker *w, enum cause cause);

/* ---- what most tests begin with ---- */
int rig_setup(void **state); /* rig_new(false) */
int rig_teardown(void **state);
int rig_asked(struct rig *g);         /* a connection with a GET of /fast on it */
struct pool *rig_fast(struct rig *g); /* the pool of /fast */
/* Its first request began this long ago. */
void rig_age(struct rig *g, const struct rig_worker *w, unsigned ms);
/* The master was asked to end it for this. */
bool rig_killed_for(struct rig *g, const struct rig_worker *w, enum cause cause);
