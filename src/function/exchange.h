/* exchange.h - one request and its answer, as the parts of this folder share them. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/ending.h"
#include "function/arena.h"
#include "function/cfn.h"
#include "function/function.h"
#include "function/text.h"
#include "session/limits.h"

struct multipart;

/* The session of a request; session.c. */
struct session_state {
	bool is_read, is_used;
	char id[SESSION_ID_SIZE + 1]; /* empty: there is none */
	struct pairs pairs;
	const char *changed_text; /* what it is to be; NULL: as it came */
};

enum body_stage { BODY_UNREAD, BODY_STREAMED, BODY_WHOLE };

struct cfn_request {
	const struct function_io *io;
	struct cfn_response *response;
	char **params;
	const char *method, *path, *id;                        /* never NULL while a handler runs */
	const char *query_text, *cookie_field, *type, *accept; /* NULL where the client sent none */
	const char *session_text, *session_due;                /* NULL: there is none; it is not */
	const char *user;                                      /* NULL: the gate asks nobody */
	int64_t length;                                        /* -1: not announced */
	uint64_t body_max, output_max;
	size_t n_headers;
	size_t route;

	struct arena arena;
	struct deferred *deferred; /* in the arena, the last one first */
	struct pairs query, cookies, form;
	int form_error;
	struct session_state session;

	enum body_stage body_stage;
	int body_error; /* what ended the body before its end; it stays */
	uint64_t body_received;
	size_t body_taken; /* bytes of the whole body that cfn_read gave out */
	struct buf body;
	struct multipart *parts; /* in the arena; NULL until the first part is asked for */
};

struct cfn_response {
	struct cfn_request *request;
	int status; /* 0: none set */
	bool is_stream;
	enum cause said;    /* the problem that the client was answered instead */
	enum cause failure; /* why the output is not whole: CAUSE_OUTPUT_LIMIT, CAUSE_MEMORY_LIMIT */
	int stream_error;
	size_t n_headers;
	struct buf head;   /* "Name: value\r\n" of what the handler set */
	struct buf output; /* body; of a stream, what has not left */
	struct buf wire;   /* what is put together to leave by one write */
};

struct exchange {
	struct cfn_request request;
	struct cfn_response response;
};

/* defer.c: calls what was deferred; the arena is there until then. */
void deferred_run(struct cfn_request *q);

/* params.c: makes the request of params.  CAUSE_NONE, or why the handler must not see it, with *what for the
 * log. */
enum cause request_open(struct cfn_request *q, char **params, const char **what);

/* Whether the first n bytes of param, which end before its '=', are this name. */
static inline bool
param_is(const char *param, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(param, name, n) == 0;
}

/* The value of a param, or NULL. */
const char *param_find(const struct cfn_request *q, const char *name);

/* part.c: the texts of a multipart form that is there as a whole, into q->form; files are left out. -EBADMSG,
 * -EMSGSIZE, -ENOMEM. */
int parts_read_texts(struct cfn_request *q, const char *body, size_t n);

/* body.c: takes a form apart, once.  A request that has none has no pairs.  -EBADMSG, -EMSGSIZE,
 * or as cfn_body. */
int form_read(struct cfn_request *q);

/* header.c: the fields that a handler sets. */
int header_set(struct cfn_response *r, const char *name, const char *value);
int header_set_type(struct cfn_response *r, const char *type);
bool header_is_set(const struct cfn_response *r, const char *name);

/* session.c: its fields, behind the handler's; what the handler did to it is forgotten. */
void session_put_head(struct cfn_response *r);
void session_forget(struct cfn_request *q);

/* answer.c */
bool request_is_head(const struct cfn_request *q);
/* Status line and fields into wire, emptied before.  The caller adds what ends the block. */
void answer_put_head(struct cfn_response *r, int status);
/* 0 or -EPIPE. */
int answer_write(struct cfn_response *r, const void *data, size_t n);
/* A whole answer of ours for this cause, in place of the handler's. */
void answer_problem(struct cfn_response *r, enum cause cause);
/* What leaves once the handler has returned result.  0, or -ECANCELED for a stream that was broken off. */
int answer_finish(struct cfn_response *r, int result);

/* output.c: what the finishers have in common: a status that is one, and an empty output. */
int output_begin(struct cfn_response *r, int status);

/* stream.c: status and fields leave, with the length of what follows; -1: it is not known.  The answer to
 * HEAD ends there. */
int stream_begin(struct cfn_response *r, int status, int64_t length);
/* What has gathered leaves; 0 or what broke the stream. */
int stream_push(struct cfn_response *r);
int stream_put(struct cfn_response *r, const void *data, size_t n);

static inline size_t
size_min(size_t a, size_t b)
{
	return a < b ? a : b;
}
