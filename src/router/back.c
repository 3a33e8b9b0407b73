/* back.c - the worker's FastCGI records: hostile bytes, judged one message at a time. */
#include "base/clock.h"
#include "router/router.h"

static enum cause
stdout_read(struct router *r, struct request *q, unsigned char *content, size_t n)
{
	if (q->has_stdout_end)
		return CAUSE_BAD_RESPONSE;
	if (n == 0) {
		q->has_stdout_end = true;
		return CAUSE_NONE;
	}
	return answer_content(r, q, content, n);
}

/* For log and metrics alone: the worker's word. */
static enum cause
said_cause(const struct fcgi_end *end)
{
	uint32_t cause = end->app_status - FCGI_SAID_CAUSE;

	return end->app_status > FCGI_SAID_CAUSE && cause < CAUSE_COUNT ? (enum cause)cause : CAUSE_NONE;
}

/* Takes the first request out of the worker's list and answers it. */
static enum cause
end_read(struct router *r, struct worker *w, const unsigned char *content, size_t n)
{
	struct request *q = TAILQ_FIRST(&w->in_flight);
	struct fcgi_end end;
	enum cause cause;

	if (fcgi_end_read(content, n, &end) < 0 || end.protocol_status != FCGI_REQUEST_COMPLETE)
		return CAUSE_BAD_RESPONSE;
	q->memory_kb = end.memory_kb;
	q->said = said_cause(&end);
	/* It answered before it had read all: what is still to come would be taken for the next request. */
	if (!q->sent.is_done) {
		worker_spoil(w);
		if (w->unsent == q)
			w->unsent = TAILQ_NEXT(q, link);
	}
	if (w->cpu_start_us >= 0)
		q->cpu_us = worker_cpu_us(w) - w->cpu_start_us;
	TAILQ_REMOVE(&w->in_flight, q, link);
	q->stage = REQUEST_ENDING;
	/* The function broke a stream off, whose head may not have left yet. */
	cause = CAUSE_NONE;
	if (!fcgi_end_is_whole(&end))
		answer_failed(r, q, CAUSE_BAD_RESPONSE);
	else
		cause = answer_end(r, q);
	if (cause == CAUSE_NONE) {
		w->n_in_flight--;
		return cause;
	}
	/* Still the culprit. */
	TAILQ_INSERT_HEAD(&w->in_flight, q, link);
	q->stage = REQUEST_SENT;
	return cause;
}

static enum cause
record_read(struct router *r, struct worker *w, const struct fcgi_header *h, unsigned char *content)
{
	struct request *q = TAILQ_FIRST(&w->in_flight);

	if (h->version != FCGI_VERSION_1 || !q || h->id != q->dispatch)
		return CAUSE_BAD_RESPONSE;
	switch (h->type) {
	case FCGI_STDOUT:
		return stdout_read(r, q, content, h->content);
	case FCGI_STDERR:
		output_stderr(r, q, content, h->content);
		return CAUSE_NONE;
	case FCGI_END_REQUEST:
		return end_read(r, w, content, h->content);
	default:
		return CAUSE_BAD_RESPONSE;
	}
}

enum cause
back_message(struct router *r, struct worker *w, unsigned char *p, size_t n, unsigned *n_ended)
{
	struct request *q = TAILQ_FIRST(&w->in_flight);

	/* What it says of a request that it was not given, or only in part, is made up. */
	if (!q || !q->sent.has_begun)
		return CAUSE_BAD_RESPONSE;
	while (n > 0) {
		const unsigned char *content;
		struct fcgi_header h;
		size_t size = fcgi_record_read(p, n, &h, &content);
		enum cause cause =
		    size > 0 ? record_read(r, w, &h, p + FCGI_HEADER_SIZE) : CAUSE_BAD_RESPONSE;

		if (cause != CAUSE_NONE)
			return cause;
		p += size;
		n -= size;
		if (h.type != FCGI_END_REQUEST)
			continue;
		(*n_ended)++;
		return n == 0 ? CAUSE_NONE : CAUSE_BAD_RESPONSE;
	}
	return answer_progress(r, q);
}
