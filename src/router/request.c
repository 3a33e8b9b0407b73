/* request.c - a request from its first byte to its dispatch. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "router/pages.h"

/* A system call for each id would cost more than the id. */
void
request_random(struct router *r, void *p, size_t n)
{
	if (r->entropy_used + n > ENTROPY_SIZE) {
		random_bytes(r->entropy, ENTROPY_SIZE);
		r->entropy_used = 0;
	}
	memcpy(p, r->entropy + r->entropy_used, n);
	r->entropy_used += n;
}

static bool
is_id(struct span text)
{
	if (text.n < REQUEST_ID_MIN || text.n > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i], letter = c | 0x20;

		if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

void
request_name(struct router *r, struct request *q, struct span given)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[16];

	if (is_id(given)) {
		memcpy(q->id, given.p, given.n);
		q->id[given.n] = '\0';
		return;
	}
	request_random(r, bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++) {
		q->id[2 * i] = hex[bytes[i] >> 4];
		q->id[2 * i + 1] = hex[bytes[i] & 15];
	}
	q->id[2 * sizeof bytes] = '\0';
}

struct request *
request_new(struct router *r, struct front *f)
{
	struct request *q = TAILQ_FIRST(&r->free_requests);

	if (q) {
		TAILQ_REMOVE(&r->free_requests, q, link);
	} else {
		q = calloc(1, sizeof *q);
		if (!q)
			return NULL;
		buf_init(&q->path_text, HTTP_PATH_MAX);
		buf_init(&q->params, PARAMS_MAX);
		buf_init(&q->authorization, PARAMS_MAX);
		buf_init(&q->extra, 2 * PARAMS_MAX);
		buf_init(&q->body, BODY_SMALL_MAX);
		buf_init(&q->shared, CACHE_KEY_MAX + 64);
		buf_init(&q->out, SIZE_MAX / 2); /* bounded by the function's limit */
	}
	q->front = f;
	q->begun_us = r->now_us;
	q->announced = -1;
	q->cpu_us = -1;
	q->memory_kb = 0;
	q->said = CAUSE_NONE;
	r->counters.requests_active++;
	return q;
}

void
request_free(struct router *r, struct request *q)
{
	struct buf path = q->path_text, params = q->params, authorization = q->authorization;
	struct buf extra = q->extra, body = q->body, out = q->out, shared = q->shared;

	if (q->entry || q->stage == REQUEST_JOINED)
		cached_forget(r, q);
	pages_forget(r, &q->page);
	denied_log(r, q->pool, q, &q->denials);
	request_set_pool(r, q, NULL);
	buffers_release(r, &path);
	buffers_release(r, &params);
	buffers_release(r, &authorization);
	buffers_release(r, &extra);
	buffers_release(r, &body);
	buffers_release(r, &out);
	buffers_release(r, &shared);
	/* The small buffers keep their memory for the next request. */
	memset(q, 0, sizeof *q);
	q->path_text = path;
	q->params = params;
	q->authorization = authorization;
	q->extra = extra;
	q->body = body;
	q->out = out;
	q->shared = shared;
	TAILQ_INSERT_HEAD(&r->free_requests, q, link);
	r->counters.requests_active--;
}

void
request_done(struct request *q)
{
	buf_done(&q->path_text);
	buf_done(&q->params);
	buf_done(&q->authorization);
	buf_done(&q->extra);
	buf_done(&q->body);
	buf_done(&q->out);
	buf_done(&q->shared);
	free(q);
}

void
request_set_pool(struct router *r, struct request *q, struct pool *pool)
{
	struct pool *old = q->pool;

	if (pool)
		pool->n_requests++;
	q->pool = pool;
	if (!old)
		return;
	old->n_requests--;
	pool_release(r, old);
}

void
request_params(struct router *r, struct request *q, const unsigned char *p, size_t n)
{
	enum cause cause = CAUSE_NONE;

	if (n > buf_room(&q->params))
		cause = CAUSE_PARAMS_TOO_LARGE;
	else if (buffers_append(r, &q->params, p, n) < 0)
		cause = CAUSE_OVERLOADED;
	if (cause == CAUSE_NONE)
		return;
	request_name(r, q, (struct span){ 0 });
	answer_problem(r, q, cause, NULL);
}

void
request_params_end(struct router *r, struct request *q)
{
	struct front *f = q->front;
	enum cause cause = gate_params(r, q);

	if (cause != CAUSE_NONE) {
		answer_problem(r, q, cause, NULL);
		return;
	}
	if (gate_passes(r, q))
		front_enter(r, f, FRONT_BODY);
}

static void
make_large(struct router *r, struct request *q)
{
	if (q->is_large)
		return;
	q->is_large = true;
	dispatch_request(r, q);
}

/* A worker is woken for a piece that is worth it. */
static void
pass_on(struct router *r, const struct request *q)
{
	if (buf_used(&q->body) >= BODY_PIECE)
		loop_todo_worker(r, q->worker);
	else
		loop_hold_worker(r, q->worker);
}

size_t
request_body(struct router *r, struct request *q, const unsigned char *p, size_t n)
{
	struct front *f = q->front;
	size_t took = n;

	/* Not a difference: a new snapshot may have lowered the limit below what is here. */
	if (q->is_page || q->received + n > q->pool->function.body_max) {
		answer_problem(r, q, CAUSE_BODY_TOO_LARGE, NULL);
		return n;
	}
	front_enter(r, f, FRONT_BODY);
	if (took > buf_room(&q->body))
		took = buf_room(&q->body);
	if (buffers_append(r, &q->body, p, took) < 0) {
		answer_problem(r, q, CAUSE_OVERLOADED, NULL);
		return n;
	}
	q->received += took;
	if (q->is_large && q->worker)
		pass_on(r, q);
	if (took < n)
		make_large(r, q);
	return took;
}

void
request_body_end(struct router *r, struct request *q)
{
	/* Section 6.2 of the FastCGI specification has the application judge this; here it never sees it. */
	if (q->announced >= 0 && (uint64_t)q->announced != q->received) {
		answer_problem(r, q, CAUSE_BAD_REQUEST, NULL);
		return;
	}
	q->is_complete = true;
	if (q->is_page)
		pages_answer(r, q);
	else if (!q->is_large)
		dispatch_request(r, q);
	else if (q->worker)
		loop_todo_worker(r, q->worker);
}

void
request_cancel(struct router *r, struct request *q)
{
	q->front = NULL;
	q->cause = CAUSE_CLIENT_GONE;
	if (q->stage == REQUEST_SENT && !worker_withdraw(r, q)) {
		/* A function ends soon by itself; a program that somebody sent may have half a minute. */
		if (q->is_large || q->is_stream || q->is_asking || q->worker->pool->function.is_run)
			worker_abort(r, q);
		return;
	}
	/* With a worker it waits for the verdict on that one. */
	if (q->stage == REQUEST_ENDING && q->worker)
		return;
	if (q->stage == REQUEST_QUEUED)
		dispatch_forget(r, q);
	if (q->id[0] != '\0')
		logs_request(r, q);
	request_free(r, q);
}
