/* compose.c - a request as messages for its responder: records, none across two messages. */
#include "fcgi/fcgi.h"

#include <string.h>

struct message_writer {
	unsigned char *to;
	size_t n;
	uint16_t id;
};

static size_t
room(const struct message_writer *w)
{
	return FCGI_MESSAGE_MAX - w->n;
}

static void
header_put(struct message_writer *w, enum fcgi_type type, size_t content)
{
	struct fcgi_header h = {
		.version = FCGI_VERSION_1, .type = (uint8_t)type, .id = w->id, .content = (uint16_t)content
	};

	fcgi_header_write(w->to + w->n, &h);
	w->n += FCGI_HEADER_SIZE;
}

static void
begin_put(struct message_writer *w, const struct fcgi_request *q)
{
	const uint8_t flags = q->tells_memory ? FCGI_KEEP_CONN | FCGI_TELL_MEMORY : FCGI_KEEP_CONN;

	header_put(w, FCGI_BEGIN_REQUEST, 8);
	fcgi_begin_write(w->to + w->n, &(struct fcgi_begin){ FCGI_RESPONDER, flags });
	w->n += 8;
}

/* Bytes at..at+n of the two parts as if they were one. */
static void
params_copy(const struct fcgi_request *q, size_t at, size_t n, unsigned char *to)
{
	size_t first = q->params[0].n, part = 0;

	if (at < first) {
		part = n < first - at ? n : first - at;
		memcpy(to, q->params[0].p + at, part);
	}
	if (part < n)
		memcpy(to + part, q->params[1].p + (at + part - first), n - part);
}

/* A record with as much as fits of what is left; the bytes that it took. */
static size_t
part_size(const struct message_writer *w, size_t left)
{
	size_t most = room(w) - FCGI_HEADER_SIZE;

	return left < most ? left : most;
}

static void
params_put(struct message_writer *w, const struct fcgi_request *q, struct fcgi_progress *next)
{
	size_t total = q->params[0].n + q->params[1].n;

	if (next->params < total && room(w) > FCGI_HEADER_SIZE) {
		size_t n = part_size(w, total - next->params);

		header_put(w, FCGI_PARAMS, n);
		params_copy(q, next->params, n, w->to + w->n);
		w->n += n;
		next->params += n;
	}
	if (next->params == total && room(w) >= FCGI_HEADER_SIZE) {
		header_put(w, FCGI_PARAMS, 0);
		next->has_params = true;
	}
}

static void
body_put(struct message_writer *w, const struct fcgi_request *q, struct fcgi_progress *next)
{
	size_t left = q->n_body - next->body;

	if (left > 0 && room(w) > FCGI_HEADER_SIZE) {
		size_t n = part_size(w, left);

		header_put(w, FCGI_STDIN, n);
		memcpy(w->to + w->n, q->body + next->body, n);
		w->n += n;
		next->body += n;
		left -= n;
	}
	if (left == 0 && q->is_complete && room(w) >= FCGI_HEADER_SIZE) {
		header_put(w, FCGI_STDIN, 0);
		next->is_done = true;
	}
}

size_t
fcgi_request_size(const struct fcgi_request *q)
{
	size_t params = q->params[0].n + q->params[1].n;
	size_t size = FCGI_HEADER_SIZE + 8 + params + FCGI_HEADER_SIZE + q->n_body + FCGI_HEADER_SIZE;

	size += params > 0 ? FCGI_HEADER_SIZE : 0;
	size += q->n_body > 0 ? FCGI_HEADER_SIZE : 0;
	return q->is_complete && size <= FCGI_MESSAGE_MAX ? size : 0;
}

size_t
fcgi_request_message(const struct fcgi_request *q, const struct fcgi_progress *at,
                     unsigned char to[FCGI_MESSAGE_MAX], struct fcgi_progress *next)
{
	struct message_writer w = { to, 0, q->id };

	*next = *at;
	if (next->is_done)
		return 0;
	if (!next->has_begun)
		begin_put(&w, q);
	next->has_begun = true;
	if (!next->has_params)
		params_put(&w, q, next);
	if (next->has_params)
		body_put(&w, q, next);
	return w.n;
}

size_t
fcgi_abort_message(uint16_t id, unsigned char to[FCGI_MESSAGE_MAX])
{
	struct message_writer w = { to, 0, id };

	header_put(&w, FCGI_ABORT_REQUEST, 0);
	return w.n;
}
