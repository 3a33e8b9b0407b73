/* exchange.c - one request to a worker and what it says to that: hostile bytes, judged as a router does. */
#include "deploy-tool/exchange.h"

#include <string.h>

void
exchange_init(struct exchange *x, uint16_t id, uint64_t output_max, const struct exchange_sink *sink)
{
	*x = (struct exchange){ .request = { .id = id, .is_complete = true }, .sink = sink };
	buf_init(&x->answer, (size_t)output_max + HTTP_HEADER_BLOCK_MAX);
}

void
exchange_done(struct exchange *x)
{
	buf_done(&x->answer);
}

static bool
has_no_body(const struct exchange *x, const struct http_answer_head *head)
{
	return x->drops_body || head->status == 204 || head->status == 304;
}

static enum cause
stdout_read(struct exchange *x, const char *p, size_t n)
{
	if (x->has_stdout_end)
		return CAUSE_BAD_RESPONSE;
	x->has_stdout_end = n == 0;
	if (n == 0)
		return CAUSE_NONE;
	if (x->is_stream) {
		if (!x->drops_body)
			x->sink->body(x->sink->context, p, n);
		return CAUSE_NONE;
	}
	return buf_append(&x->answer, p, n) < 0 ? CAUSE_OUTPUT_LIMIT : CAUSE_NONE;
}

static enum cause
end_read(struct exchange *x, const unsigned char *content, size_t n)
{
	struct fcgi_end end;

	/* Else the function broke its stream off. */
	if (fcgi_end_read(content, n, &end) < 0 || end.protocol_status != FCGI_REQUEST_COMPLETE ||
	    !fcgi_end_is_whole(&end))
		return CAUSE_BAD_RESPONSE;
	x->is_over = true;
	return CAUSE_NONE;
}

static enum cause
record_read(struct exchange *x, const struct fcgi_header *h, const unsigned char *content)
{
	if (h->version != FCGI_VERSION_1 || h->id != x->request.id)
		return CAUSE_BAD_RESPONSE;
	switch (h->type) {
	case FCGI_STDOUT:
		return stdout_read(x, (const char *)content, h->content);
	case FCGI_STDERR:
		x->sink->log(x->sink->context, (const char *)content, h->content);
		return CAUSE_NONE;
	case FCGI_END_REQUEST:
		return end_read(x, content, h->content);
	default:
		return CAUSE_BAD_RESPONSE;
	}
}

/* A head that is malformed shows before the answer is complete; one of a stream opens it. */
static enum cause
head_read(struct exchange *x)
{
	struct http_answer_head head;
	int rc;

	if (x->has_head || buf_used(&x->answer) == 0)
		return CAUSE_NONE;
	rc = http_answer_head_read(buf_head(&x->answer), buf_used(&x->answer), &head);
	if (rc <= 0)
		return rc < 0 ? CAUSE_BAD_RESPONSE : CAUSE_NONE;
	x->has_head = true;
	if (!head.is_stream)
		return CAUSE_NONE;
	if (x->session != NULL && session_relay_answer(x->session, &head) != CAUSE_NONE)
		return CAUSE_BAD_RESPONSE;
	x->is_stream = true;
	x->drops_body = has_no_body(x, &head);
	x->sink->stream(x->sink->context, &head);
	if (!x->drops_body && buf_used(&x->answer) > head.size)
		x->sink->body(x->sink->context, buf_head(&x->answer) + head.size,
		              buf_used(&x->answer) - head.size);
	x->answer.end = x->answer.start + head.size;
	return CAUSE_NONE;
}

enum cause
exchange_message(struct exchange *x, const unsigned char *p, size_t n)
{
	/* What it says of a request that it has not seen is made up. */
	if (!x->sent.has_begun || x->is_over)
		return CAUSE_BAD_RESPONSE;
	while (n > 0) {
		const unsigned char *content;
		struct fcgi_header h;
		size_t size = fcgi_record_read(p, n, &h, &content);
		enum cause cause = size > 0 && !x->is_over ? record_read(x, &h, content) : CAUSE_BAD_RESPONSE;

		if (cause != CAUSE_NONE)
			return cause;
		p += size;
		n -= size;
	}
	return head_read(x);
}

enum cause
exchange_answer(const struct exchange *x, struct http_answer_head *head, const char **body, size_t *n_body)
{
	const char *p = buf_head(&x->answer);
	size_t n = buf_used(&x->answer);

	if (n == 0 || http_answer_head_read(p, n, head) != 1)
		return CAUSE_BAD_RESPONSE;
	if (x->session != NULL && session_relay_answer(x->session, head) != CAUSE_NONE)
		return CAUSE_BAD_RESPONSE;
	*body = p + head->size;
	*n_body = has_no_body(x, head) ? 0 : n - head->size;
	return CAUSE_NONE;
}
