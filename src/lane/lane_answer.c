/* lane_answer.c - the answer on a lane: a head, a body or pieces of one, as records. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/macros.h"
#include "http/http.h"
#include "lane/lane_parts.h"

enum { CONTENT_MAX = FCGI_MESSAGE_MAX - FCGI_HEADER_SIZE };

/* ---- to the router ---- */

/* 0; -EAGAIN; anything else: it is gone. */
static int
message_put(const struct lane *l, const struct iovec *parts, size_t n)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = n };
	ssize_t rc;

	do
		rc = sendmsg(l->watch.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

static void
header_put(unsigned char *to, const struct lane *l, enum fcgi_type type, size_t n)
{
	const struct fcgi_header h = {
		.version = FCGI_VERSION_1, .type = (uint8_t)type, .id = l->in.id, .content = (uint16_t)n
	};

	fcgi_header_write(to, &h);
}

static int
content_put(struct lane *l)
{
	size_t most = l->n_first > 0 ? l->n_first : CONTENT_MAX, used = buf_used(&l->out);
	size_t n = used < most ? used : most;
	unsigned char header[FCGI_HEADER_SIZE];
	const struct iovec parts[] = { { header, sizeof header }, { buf_head(&l->out), n } };
	int rc;

	header_put(header, l, FCGI_STDOUT, n);
	rc = message_put(l, parts, ARRAY_SIZE(parts));
	if (rc < 0)
		return rc;
	buf_consume(&l->out, n);
	l->n_first = 0;
	return 0;
}

static int
end_put(const struct lane *l)
{
	unsigned char records[2 * FCGI_HEADER_SIZE + 8];
	const struct iovec part = { records, sizeof records };

	header_put(records, l, FCGI_STDOUT, 0);
	header_put(records + FCGI_HEADER_SIZE, l, FCGI_END_REQUEST, 8);
	fcgi_end_write(records + 2 * FCGI_HEADER_SIZE,
	               &(struct fcgi_end){ .protocol_status = FCGI_REQUEST_COMPLETE });
	return message_put(l, &part, 1);
}

void
lane_flush(struct lane *l)
{
	int rc = 0;

	while (rc == 0 && buf_used(&l->out) > 0)
		rc = content_put(l);
	if (rc == 0 && l->stage == LANE_STAGE_REPLYING) {
		rc = end_put(l);
		if (rc == 0)
			lane_next(l);
	}
	if (rc == 0 || rc == -EAGAIN)
		lane_watch(l, rc == -EAGAIN);
	else if (l->stage == LANE_STAGE_REPLYING)
		lane_die(l);
	else
		lane_watch(l, true); /* that it is gone is found there, outside of the front */
}

/* ---- the answer ---- */

const char *
lane_header(const struct lane *l, const char *name)
{
	return lane_input_field(&l->in, name);
}

void *
lane_owner(const struct lane *l)
{
	return l->owner;
}

void
lane_set_owner(struct lane *l, void *owner)
{
	l->owner = owner;
}

/* The head up to the fields that say how long the body is.  0 or an error of buf.h. */
static int
head_put(struct lane *l, int status, const char *fields, const char *type)
{
	int rc = buf_printf(&l->out, "Status: %d %s\r\n%.*s", status, http_status_text(status),
	                    LANE_FIELDS_MAX, fields);

	if (rc == 0 && type)
		rc = buf_printf(&l->out, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", type);
	return rc;
}

static int
whole_put(struct lane *l, int status, const char *fields, const char *type, size_t n)
{
	int rc = head_put(l, status, fields, type);

	if (rc < 0)
		return rc;
	return type ? buf_printf(&l->out, "Content-Length: %zu\r\n\r\n", n) : buf_printf(&l->out, "\r\n");
}

void
lane_answer(struct lane *l, int status, const char *fields, const char *type, const void *body, size_t n)
{
	int rc;

	if (l->stage != LANE_STAGE_SERVING)
		return;
	l->out.max = LANE_ANSWER_MAX + LANE_HEAD_MAX;
	rc = whole_put(l, status, fields, type, n);
	if (rc == 0 && type && !l->is_head)
		rc = buf_append(&l->out, body, n);
	if (rc < 0) {
		buf_done(&l->out);
		rc = whole_put(l, 500, "", "text/plain; charset=utf-8", 0);
	}
	l->stage = LANE_STAGE_REPLYING;
	if (rc < 0)
		lane_die(l);
	else
		lane_flush(l);
}

void
lane_stream(struct lane *l, int status, const char *fields, const char *type)
{
	int rc;

	if (l->stage != LANE_STAGE_SERVING)
		return;
	l->out.max = LANE_STREAM_MAX + LANE_HEAD_MAX;
	rc = head_put(l, status, fields, type);
	if (rc == 0)
		rc = buf_printf(&l->out, "X-CFN-Stream: 1\r\n\r\n");
	l->n_first = buf_used(&l->out);
	l->stage = LANE_STAGE_STREAMING;
	if (rc < 0)
		lane_die(l);
	else
		lane_flush(l);
}

size_t
lane_room(const struct lane *l)
{
	size_t used = buf_used(&l->out);

	if (l->stage != LANE_STAGE_STREAMING)
		return 0;
	return used < LANE_STREAM_MAX ? LANE_STREAM_MAX - used : 0;
}

void
lane_say(struct lane *l, const void *data, size_t n)
{
	if (l->stage != LANE_STAGE_STREAMING || n == 0 || l->is_head)
		return;
	if (n > lane_room(l) || buf_append(&l->out, data, n) < 0)
		lane_die(l);
	else
		lane_flush(l);
}

void
lane_end(struct lane *l)
{
	if (l->stage != LANE_STAGE_STREAMING)
		return;
	l->stage = LANE_STAGE_REPLYING;
	lane_flush(l);
}

void
lane_await_room(struct lane *l, void (*room)(void *context, struct lane *l))
{
	l->room = room;
}
