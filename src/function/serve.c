/* serve.c - one request after the other through a loaded function. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "function/bounds.h"
#include "function/exchange.h"
#include "function/loaded.h"
#include "http/http.h"

enum {
	OUTPUT_FIRST = 4 << 10,
	WIRE_MAX = HTTP_HEADER_BLOCK_MAX + ANSWER_JOINED,
};

/* Head and wire get all their memory here: an answer must not fail for want of it. */
int
exchange_init(struct exchange *x)
{
	*x = (struct exchange){ 0 };
	buf_init(&x->response.head, ANSWER_HEAD_MAX);
	buf_init(&x->response.wire, WIRE_MAX);
	buf_init(&x->response.output, ANSWER_OUTPUT_MAX);
	buf_init(&x->request.body, REQUEST_BODY_MAX);
	if (arena_init(&x->request.arena) < 0 || !buf_reserve(&x->response.head, ANSWER_HEAD_MAX) ||
	    !buf_reserve(&x->response.wire, WIRE_MAX) || !buf_reserve(&x->response.output, OUTPUT_FIRST))
		return -ENOMEM;
	return 0;
}

void
exchange_done(struct exchange *x)
{
	if (x->request.arena.chunks)
		arena_done(&x->request.arena);
	buf_done(&x->request.body);
	buf_done(&x->response.head);
	buf_done(&x->response.wire);
	buf_done(&x->response.output);
}

/* Memory stays; what one request left must not be seen by the next. */
static void
exchange_begin(struct exchange *x, const struct function_io *io)
{
	x->request = (struct cfn_request){
		.io = io,
		.response = &x->response,
		.arena = x->request.arena,
		.body = x->request.body,
		.length = -1,
		.body_max = REQUEST_BODY_MAX,
		.output_max = ANSWER_OUTPUT_MAX,
	};
	x->response = (struct cfn_response){
		.request = &x->request,
		.head = x->response.head,
		.output = x->response.output,
		.wire = x->response.wire,
	};
}

/* A worker that once had a large body or answer does not keep its memory for ever. */
static void
buffer_end(struct buf *b)
{
	buf_clear(b);
	if (b->size > KEPT_BUFFER)
		buf_done(b);
}

static void
exchange_end(struct exchange *x)
{
	deferred_run(&x->request);
	arena_reset(&x->request.arena);
	buffer_end(&x->request.body);
	buffer_end(&x->response.output);
	buf_clear(&x->response.head);
	buf_clear(&x->response.wire);
}

static int
exchange_run(struct function *f, char **params)
{
	struct cfn_request *q = &f->exchange.request;
	struct cfn_response *r = &f->exchange.response;
	const char *what = "";
	enum cause refusal = request_open(q, params, &what);

	r->output.max = q->output_max;
	if (refusal == CAUSE_NONE && q->route >= f->n_handlers) {
		what = "CFN_ROUTE";
		refusal = CAUSE_BAD_REQUEST;
	}
	if (refusal != CAUSE_NONE) {
		cfn_log(q, CFN_INFO, "%s: %.200s", cause_word(refusal), what);
		answer_problem(r, refusal);
		return 0;
	}
	return answer_finish(r, function_handler(f, q->route)(q, r));
}

enum cause
function_cause(const struct function *f)
{
	return f->exchange.response.said;
}

int
function_serve(struct function *f, const struct function_io *io, char **params)
{
	int rc;

	exchange_begin(&f->exchange, io);
	rc = exchange_run(f, params);
	exchange_end(&f->exchange);
	/* What the handler printed belongs to this request, not to the next one. */
	fflush(stdout);
	return rc;
}
