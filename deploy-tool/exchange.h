/* exchange.h - one request to a worker and what it says to that: hostile bytes, judged as a router does.
 * Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ending.h"
#include "deploy-tool/session_relay.h"
#include "fcgi/fcgi.h"
#include "http/http.h"

/* What becomes of the bytes. */
struct exchange_sink {
	void *context;
	/* The head of the answer has come, and it is a stream; then its body, piece by piece. */
	void (*stream)(void *context, const struct http_answer_head *head);
	void (*body)(void *context, const char *p, size_t n);
	/* STDERR: what the function logs. */
	void (*log)(void *context, const char *p, size_t n);
};

struct exchange {
	struct fcgi_request request; /* its spans are the caller's */
	struct fcgi_progress sent;
	const struct exchange_sink *sink;
	struct session_relay *session; /* NULL: there are no sessions */
	struct buf answer;             /* head and body, but of a stream the head alone */
	bool drops_body;               /* HEAD */
	bool has_head, is_stream, has_stdout_end, is_over;
};

/* id is random, so that no earlier word of the worker can be meant for it.  output_max: bytes of a body that
 * is not a stream. */
void exchange_init(struct exchange *x, uint16_t id, uint64_t output_max, const struct exchange_sink *sink);
void exchange_done(struct exchange *x);

/* One message of the worker: CAUSE_NONE, or why it is to be killed.  After is_over exchange_answer() has it.
 */
enum cause exchange_message(struct exchange *x, const unsigned char *p, size_t n);

/* The whole answer: its head, and the body of one that is no stream.  CAUSE_NONE or CAUSE_BAD_RESPONSE. */
enum cause exchange_answer(const struct exchange *x, struct http_answer_head *head, const char **body,
                           size_t *n_body);
