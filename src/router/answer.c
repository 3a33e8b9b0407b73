/* answer.c - the answer to a request: a function's, checked and framed anew, or our own.
 *
 * A function's answer waits in request.out until it is complete, so that a crash is a whole problem answer
 * and nothing half leaves. */
#include "router/answer.h"

#include <string.h>

/* ---- the end of a request ---- */

void
answer_conclude(struct router *r, struct request *q)
{
	struct front *f = q->front;

	q->front = NULL;
	if (!q->is_logged)
		logs_request(r, q);
	if (q->stage == REQUEST_SENT && !worker_withdraw(r, q)) {
		/* Its worker has it still; what comes from there goes nowhere. */
		cached_forget(r, q);
		q->is_logged = true;
		worker_abort(r, q);
	} else {
		if (q->stage == REQUEST_QUEUED)
			dispatch_forget(r, q);
		request_free(r, q);
	}
	if (f)
		front_answered(r, f);
}

/* Bytes of the answer have left: the client must see it cut short.  The end of the connection alone would not
 * do: a web server that passes a stream on unbuffered takes that for the end of the answer.  A record of no
 * known version is an error to all of them. */
static void
truncate_answer(struct router *r, struct request *q)
{
	static const unsigned char nonsense[FCGI_HEADER_SIZE];

	q->front->keeps = false;
	front_send(r, q->front, nonsense, sizeof nonsense, NULL);
	answer_conclude(r, q);
}

/* ---- our own answers ---- */

/* scratch holds one STDOUT record of n bytes behind its header; sent with the end of the answer. */
static void
send_whole(struct router *r, struct request *q, size_t n)
{
	record_put(r->scratch, FCGI_STDOUT, q->front->id, n);
	record_ends_put(r->scratch + FCGI_HEADER_SIZE + n, q->front->id);
	front_send(r, q->front, r->scratch, FCGI_HEADER_SIZE + n + ENDS_SIZE, NULL);
}

static void
send_problem(struct router *r, struct request *q, struct http_problem *problem)
{
	char fields[CORS_FIELDS_SIZE];

	q->cause = problem->cause;
	if (q->is_stream) {
		truncate_answer(r, q);
		return;
	}
	q->status = cause_status(problem->cause);
	problem->fields = cors_problem_fields(q, fields);
	buf_clear(&r->text);
	if (http_problem_write(&r->text, problem) < 0) {
		truncate_answer(r, q);
		return;
	}
	memcpy(r->scratch + FCGI_HEADER_SIZE, buf_head(&r->text), buf_used(&r->text));
	q->answered_bytes = 0;
	send_whole(r, q, buf_used(&r->text));
	answer_conclude(r, q);
}

static unsigned
retry_after(enum cause cause)
{
	switch (cause) {
	case CAUSE_OVERLOADED:
		return 1;
	case CAUSE_UNAVAILABLE:
		return 2;
	case CAUSE_DISABLED:
		return 30;
	default:
		return 0;
	}
}

/* Whoever asks for a run reads JSON, whatever its field Accept leaves open. */
static struct http_problem
problem_of(const struct request *q, enum cause cause, bool is_of_lane)
{
	return (struct http_problem){ .cause = cause,
		                      .request_id = q->id,
		                      .is_json = q->wants_json || is_of_lane,
		                      .is_of_lane = is_of_lane,
		                      .is_head = q->is_head,
		                      .retry_after_s = retry_after(cause) };
}

static bool
is_of_lane(const struct request *q)
{
	return q->pool && q->pool->function.is_run;
}

void
answer_problem(struct router *r, struct request *q, enum cause cause, const struct verdict *v)
{
	struct http_problem problem = problem_of(q, cause, is_of_lane(q) || (v && v->is_of_lane));
	char allow[HTTP_METHODS_TEXT_SIZE], challenge[AUTH_CHALLENGE_SIZE];

	if (q->pool && (cause == CAUSE_UNAUTHORIZED || cause == CAUSE_FORBIDDEN))
		problem.challenge = auth_challenge(q, challenge);
	if (cause == CAUSE_METHOD_NOT_ALLOWED && v) {
		http_methods_format(v->methods | HTTP_OPTIONS, allow);
		problem.allow = allow;
	}
	send_problem(r, q, &problem);
}

void
answer_refused(struct router *r, struct request *q, enum cause cause, unsigned retry_after_s)
{
	struct http_problem problem = problem_of(q, cause, is_of_lane(q));

	if (retry_after_s > 0)
		problem.retry_after_s = retry_after_s;
	send_problem(r, q, &problem);
}

static void
send_options(struct router *r, struct request *q, unsigned methods, const struct preflight *p)
{
	struct text t = { (char *)r->scratch + FCGI_HEADER_SIZE, 0 };
	char allow[HTTP_METHODS_TEXT_SIZE];

	http_methods_format(methods | HTTP_OPTIONS, allow);
	text_line(&t, "Status: 204 No Content\r\nAllow: ");
	text_line(&t, allow);
	text_line(&t, "\r\nX-Request-Id: ");
	text_line(&t, q->id);
	text_line(&t, "\r\n");
	if (p)
		cors_preflight_put(&t, q, methods, p);
	text_line(&t, "\r\n");
	q->status = 204;
	send_whole(r, q, t.n);
	answer_conclude(r, q);
}

void
answer_options(struct router *r, struct request *q, unsigned methods)
{
	send_options(r, q, methods, NULL);
}

void
answer_preflight(struct router *r, struct request *q, unsigned methods, const struct preflight *p)
{
	send_options(r, q, methods, p);
}

void
answer_failed(struct router *r, struct request *q, enum cause cause)
{
	if (q->front)
		answer_problem(r, q, cause, NULL);
	else
		answer_conclude(r, q);
}

/* ---- a function's answer ---- */

/* What is sent as Content-Length; -1: nothing. */
static int64_t
length_of(const struct request *q, const struct http_answer_head *head, uint64_t n_body)
{
	if (head->status == 204 || head->status == 304)
		return -1;
	if (!q->is_head)
		return (int64_t)n_body;
	if (head->content_length >= 0)
		return head->content_length;
	return n_body > 0 ? (int64_t)n_body : -1;
}

/* Status comes first, always: some web servers make a 200 of an answer without. */
void
answer_head_put(struct text *t, const struct router *r, const struct request *q,
                const struct http_answer_head *head, int64_t length)
{
	text_line(t, "Status: ");
	text_number(t, (unsigned)head->status);
	text_line(t, " ");
	text_line(t, http_status_text(head->status));
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		if ((head->content_length >= 0 && http_field_is(f, "Content-Length")) ||
		    cached_replaces(q, f) || cors_drops(q, f))
			continue;
		if ((head->has_set_cookie || r->n_session > 0) && session_drops(r, f))
			continue;
		text_line(t, "\r\n");
		text_put(t, f->name, f->name_length);
		text_line(t, ": ");
		text_put(t, f->value, f->value_length);
	}
	cached_head_put(t, q, head);
	if (!head->has_content_type && length > 0)
		text_line(t, "\r\nContent-Type: application/octet-stream");
	if (length >= 0) {
		text_line(t, "\r\nContent-Length: ");
		text_number(t, (uint64_t)length);
	}
	session_head_put(t, r, head);
	text_line(t, "\r\nX-Request-Id: ");
	text_line(t, q->id);
	text_line(t, "\r\n");
	cors_head_put(t, q, head);
}

/* 1, 0 when more must come, -1 malformed. */
int
answer_head_read(const struct request *q, struct http_answer_head *head)
{
	size_t n = q->out_bytes < SEGMENT_CONTENT ? (size_t)q->out_bytes : SEGMENT_CONTENT;
	int rc;

	if (n == 0)
		return 0;
	rc = http_answer_head_read(q->out.data + FCGI_HEADER_SIZE, n, head);
	return rc < 0 ? -1 : rc;
}

/* The body goes out from where it lies; the head before it, in a record of its own. */
static void
send_parts(struct router *r, struct request *q, const struct http_answer_head *head, size_t n_head)
{
	unsigned char ends[ENDS_SIZE];

	buf_consume(&q->out, head->size);
	segments_close(q, q->front->id);
	record_ends_put(ends, q->front->id);
	record_put(r->scratch, FCGI_STDOUT, q->front->id, n_head);
	if (buffers_append(r, &q->out, ends, sizeof ends) < 0) {
		q->cause = CAUSE_OVERLOADED;
		truncate_answer(r, q);
		return;
	}
	front_send(r, q->front, r->scratch, FCGI_HEADER_SIZE + n_head, &q->out);
	answer_conclude(r, q);
}

static enum cause
send_answer(struct router *r, struct request *q, struct http_answer_head *head)
{
	struct text t = { (char *)r->scratch + FCGI_HEADER_SIZE, 0 };
	uint64_t n_body = q->out_bytes - head->size;
	int64_t length;

	if (!q->is_head && head->status != 304 && head->content_length >= 0 &&
	    (uint64_t)head->content_length != n_body)
		return CAUSE_BAD_RESPONSE;
	if (q->entry)
		cached_store(r, q, head);
	if (!q->front) {
		answer_conclude(r, q);
		return CAUSE_NONE;
	}
	if (q->cache != CACHE_NONE && cached_is_known(q, head))
		head->status = 304;
	length = length_of(q, head, n_body);
	if (session_make(r, q, head) != CAUSE_NONE)
		return CAUSE_BAD_RESPONSE;
	q->status = head->status;
	if (q->said != CAUSE_NONE && cause_status(q->said) == q->status)
		q->cause = q->said;
	if (q->is_head || head->status == 204 || head->status == 304)
		n_body = 0;
	q->answered_bytes = n_body;
	answer_head_put(&t, r, q, head, length);
	text_line(&t, "\r\n");
	if (n_body > COPY_MAX) {
		send_parts(r, q, head, t.n);
		return CAUSE_NONE;
	}
	text_put(&t, q->out.data + FCGI_HEADER_SIZE + head->size, (size_t)n_body);
	send_whole(r, q, t.n);
	answer_conclude(r, q);
	return CAUSE_NONE;
}

static void
send_stream_end(struct router *r, struct request *q)
{
	unsigned char ends[ENDS_SIZE];

	record_ends_put(ends, q->front->id);
	front_send(r, q->front, ends, sizeof ends, NULL);
	answer_conclude(r, q);
}

enum cause
answer_end(struct router *r, struct request *q)
{
	struct http_answer_head head;

	if (!q->front && !q->entry) {
		answer_conclude(r, q);
		return CAUSE_NONE;
	}
	if (q->is_stream) {
		/* Shorter than announced: broken off, as after a crash. */
		if (q->stream_left > 0)
			return CAUSE_BAD_RESPONSE;
		send_stream_end(r, q);
		return CAUSE_NONE;
	}
	if (answer_head_read(q, &head) != 1)
		return CAUSE_BAD_RESPONSE;
	return send_answer(r, q, &head);
}

/* ---- piece by piece ---- */

enum cause
answer_content(struct router *r, struct request *q, unsigned char *p, size_t n)
{
	if (!q->front && !q->entry)
		return CAUSE_NONE;
	if (q->is_stream)
		return stream_send(r, q, p, n);
	q->out_bytes += n;
	/* What of a stream came at one time with its head is no whole answer. */
	if (q->out_bytes >
	    q->pool->function.output_max + HTTP_HEADER_BLOCK_MAX + (q->is_asking ? sizeof r->slots : 0))
		return CAUSE_OUTPUT_LIMIT;
	return segments_add(r, q, p, n);
}

enum cause
answer_progress(struct router *r, struct request *q)
{
	struct http_answer_head head;
	int rc;

	if ((!q->front && !q->entry) || q->is_stream || q->has_head)
		return CAUSE_NONE;
	rc = answer_head_read(q, &head);
	if (rc < 0)
		return CAUSE_BAD_RESPONSE;
	if (rc == 0)
		return CAUSE_NONE;
	q->has_head = true;
	if (!head.is_stream)
		return CAUSE_NONE;
	if (q->entry)
		cached_pass(r, q);
	if (!q->front)
		return CAUSE_NONE;
	/* One that ends by itself is a long answer, and counts as one. */
	if (head.content_length >= 0 || q->is_head)
		return stream_start(r, q, &head);
	stream_ask(r, q);
	return CAUSE_NONE;
}
