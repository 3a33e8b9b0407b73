/* answer.c - a whole answer from what the handler left behind. */
#include <errno.h>
#include <string.h>

#include "base/decimal.h"
#include "function/bounds.h"
#include "function/exchange.h"
#include "http/http.h"

static const char default_fields[] = "Content-Type: text/plain; charset=utf-8\r\n";
static const char nosniff_field[] = "X-Content-Type-Options: nosniff\r\n";

static bool
status_is_valid(int status)
{
	return status >= 200 && status <= 599;
}

bool
request_is_head(const struct cfn_request *q)
{
	return strcmp(q->method, "HEAD") == 0;
}

int
cfn_status(cfn_response *r, int status)
{
	if (r->is_stream)
		return -EALREADY;
	if (!status_is_valid(status))
		return -EINVAL;
	r->status = status;
	return 0;
}

/* RFC 9110 sections 15.3.5 and 15.4.5: these have no body, whatever was written. */
static bool
status_has_body(int status)
{
	return status != 204 && status != 304;
}

static void
put(struct cfn_response *r, const char *text)
{
	buf_append(&r->wire, text, strlen(text));
}

/* Every answer has two of them: printf would take longer than all else here. */
static void
put_number(struct cfn_response *r, uint64_t n)
{
	char digits[DECIMAL_MAX];

	buf_append(&r->wire, digits, decimal_write(digits, n));
}

/* wire has room for the largest head from the start: nothing here fails. */
void
answer_put_head(struct cfn_response *r, int status)
{
	buf_clear(&r->wire);
	put(r, "Status: ");
	put_number(r, (unsigned)status);
	put(r, " ");
	put(r, http_status_text(status));
	put(r, "\r\n");
	buf_append(&r->wire, buf_head(&r->head), buf_used(&r->head));
	session_put_head(r);
	if (!status_has_body(status))
		return;
	if (!header_is_set(r, "Content-Type"))
		buf_append(&r->wire, default_fields, sizeof default_fields - 1);
	if (!header_is_set(r, "X-Content-Type-Options"))
		buf_append(&r->wire, nosniff_field, sizeof nosniff_field - 1);
}

int
answer_write(struct cfn_response *r, const void *data, size_t n)
{
	const struct function_io *io = r->request->io;

	for (const char *p = data; n > 0;) {
		ssize_t done = io->write(io->context, p, n);

		if (done <= 0)
			return -EPIPE;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* A small answer is one write; a large one is not copied again. */
static void
answer_send(struct cfn_response *r, int status)
{
	size_t n = status_has_body(status) ? buf_used(&r->output) : 0;

	answer_put_head(r, status);
	if (status_has_body(status)) {
		put(r, "Content-Length: ");
		put_number(r, n);
		put(r, "\r\n");
	}
	put(r, "\r\n");
	if (request_is_head(r->request))
		n = 0;
	if (n <= ANSWER_JOINED) {
		buf_append(&r->wire, buf_head(&r->output), n);
		n = 0;
	}
	if (answer_write(r, buf_head(&r->wire), buf_used(&r->wire)) == 0 && n > 0)
		answer_write(r, buf_head(&r->output), n);
}

void
answer_problem(struct cfn_response *r, enum cause cause)
{
	const struct cfn_request *q = r->request;
	struct http_problem problem = {
		.cause = cause,
		.request_id = q->id,
		.is_json = q->accept && http_prefers_json(q->accept, strlen(q->accept)),
		.is_head = q->method && request_is_head(q),
	};

	r->said = cause;
	buf_clear(&r->wire);
	if (http_problem_write(&r->wire, &problem) == 0)
		answer_write(r, buf_head(&r->wire), buf_used(&r->wire));
}

/* Nobody may take a stream for whole whose handler says that it failed, or that lacks a piece. */
static int
stream_finish(struct cfn_response *r, int result)
{
	if (r->stream_error < 0)
		return 0;
	stream_push(r);
	return result < 0 || r->failure != CAUSE_NONE ? -ECANCELED : 0;
}

int
answer_finish(struct cfn_response *r, int result)
{
	int status = result ? result : r->status ? r->status : 200;

	if (r->is_stream)
		return stream_finish(r, result);
	if (r->failure != CAUSE_NONE) {
		answer_problem(r, r->failure);
		return 0;
	}
	if (result < 0) {
		session_forget(r->request);
		cfn_log(r->request, CFN_ERROR, "the handler returned %d", result);
		status = cfn_error(r, 500, "The function failed.");
	}
	if (!status_is_valid(status)) {
		cfn_log(r->request, CFN_ERROR, "the handler returned %d, which is no status", result);
		answer_problem(r, CAUSE_BAD_RESPONSE);
		return 0;
	}
	answer_send(r, status);
	return 0;
}
