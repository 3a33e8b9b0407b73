/* responder.c - requests from the router, one after the other, and what is answered: FastCGI on one socket.
 *
 * Each message is whole records.  Several short requests may come in one, and each has its answer for itself:
 * what the router has of an answer must never be of a request that may be done again. */
#include "worker/responder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	ENDS_SIZE = 3 * FCGI_HEADER_SIZE, /* the end of STDOUT, END_REQUEST */
	OUT_MAX = FCGI_MESSAGE_MAX - ENDS_SIZE,
	PAIRS_KEPT = 16 * 1024, /* bytes of params that came in pieces, whose memory is kept */
	PARAMS_FIRST = 64,
};

void
responder_open(struct responder *s, int fd)
{
	s->fd = fd;
	buf_init(&s->pairs, SIZE_MAX / 2); /* the router's limits hold */
}

/* As libfcgi did it: the other end must see it, whoever else holds a copy of this one. */
static int
hang_up(struct responder *s, int error)
{
	s->is_broken = true;
	if (s->fd >= 0) {
		shutdown(s->fd, SHUT_WR);
		close(s->fd);
	}
	s->fd = -1;
	return error;
}

/* ---- records in ---- */

static int
message_read(struct responder *s)
{
	ssize_t n;

	s->n_current = 1 - s->n_params;
	do
		n = read(s->fd, s->messages[s->n_current], FCGI_MESSAGE_MAX);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	s->at = s->messages[s->n_current];
	s->left = (size_t)n;
	return 0;
}

static int
record_next(struct responder *s, struct fcgi_header *h, const unsigned char **content)
{
	size_t size;
	int rc = s->left == 0 ? message_read(s) : 0;

	if (rc < 0)
		return rc;
	size = fcgi_record_read(s->at, s->left, h, content);
	if (size == 0 || h->version != FCGI_VERSION_1)
		return -EBADMSG;
	s->at += size;
	s->left -= size;
	return 0;
}

static int
record_of(struct responder *s, enum fcgi_type type, const unsigned char **content, size_t *n)
{
	struct fcgi_header h;
	int rc = record_next(s, &h, content);

	if (rc < 0)
		return rc;
	if (h.type != type || h.id != s->id)
		return -EBADMSG; /* ABORT_REQUEST too */
	*n = h.content;
	return 0;
}

static int
begin_read(struct responder *s)
{
	const unsigned char *content;
	struct fcgi_header h;
	struct fcgi_begin b;
	int rc = record_next(s, &h, &content);

	if (rc == 0 && (h.type != FCGI_BEGIN_REQUEST || fcgi_begin_read(content, h.content, &b) < 0 ||
	                b.role != FCGI_RESPONDER))
		rc = -EBADMSG;
	if (rc < 0)
		return rc;
	s->id = h.id;
	s->tells_memory = b.flags & FCGI_TELL_MEMORY;
	return 0;
}

/* The pairs, in place where they lie together. */
static int
pairs_read(struct responder *s, unsigned char **pairs, size_t *n)
{
	const unsigned char *first = NULL, *content;
	size_t n_first = 0, size;
	int rc;

	buf_clear(&s->pairs);
	for (;;) {
		/* The next message may come to where the first part is. */
		if (s->left == 0 && n_first > 0) {
			rc = buf_append(&s->pairs, first, n_first);
			if (rc < 0)
				return rc;
			n_first = 0;
		}
		rc = record_of(s, FCGI_PARAMS, &content, &size);
		if (rc < 0)
			return rc;
		if (size == 0)
			break;
		if (n_first == 0 && buf_used(&s->pairs) == 0) {
			first = content;
			n_first = size;
			continue;
		}
		if (buf_append(&s->pairs, first, n_first) < 0 || buf_append(&s->pairs, content, size) < 0)
			return -ENOMEM;
		n_first = 0;
	}
	*pairs = n_first > 0 ? (unsigned char *)(uintptr_t)first : (unsigned char *)buf_head(&s->pairs);
	*n = n_first > 0 ? n_first : buf_used(&s->pairs);
	s->n_params = s->n_current;
	return 0;
}

static int
params_put(struct responder *s, size_t i, char *text)
{
	if (i == s->n_room) {
		size_t room = s->n_room ? 2 * s->n_room : PARAMS_FIRST;
		char **params = realloc(s->params, room * sizeof *params);

		if (!params)
			return -ENOMEM;
		s->params = params;
		s->n_room = room;
	}
	s->params[i] = text;
	return 0;
}

static int
params_read(struct responder *s)
{
	unsigned char *pairs;
	size_t n, i = 0;
	char *text;
	int rc = pairs_read(s, &pairs, &n), got;

	if (rc < 0)
		return rc;
	while ((got = fcgi_pair_to_text(&pairs, &n, &text)) > 0)
		if (params_put(s, i++, text) < 0)
			return -ENOMEM;
	return got < 0 ? got : params_put(s, i, NULL);
}

int
responder_next(struct responder *s)
{
	int rc = begin_read(s);

	s->n_input = 0;
	s->has_input_end = false;
	if (rc == 0)
		rc = params_read(s);
	return rc < 0 ? hang_up(s, rc) : 0;
}

/* The next piece of the body; a request that was taken back has no end. */
static int
input_next(struct responder *s)
{
	int rc = s->is_broken ? -ECONNRESET : record_of(s, FCGI_STDIN, &s->input, &s->n_input);

	if (rc == 0) {
		s->has_input_end = s->n_input == 0;
		return 0;
	}
	s->n_input = 0;
	s->is_broken = true;
	return -ECONNRESET;
}

ssize_t
responder_read(struct responder *s, void *data, size_t n)
{
	while (n > 0 && s->n_input == 0 && !s->has_input_end)
		if (input_next(s) < 0)
			return -ECONNRESET;
	if (n > s->n_input)
		n = s->n_input;
	if (n > 0)
		memcpy(data, s->input, n);
	s->input += n;
	s->n_input -= n;
	return (ssize_t)n;
}

/* ---- records out ---- */

static void
header_put(const struct responder *s, unsigned char *to, enum fcgi_type type, size_t content)
{
	struct fcgi_header h = {
		.version = FCGI_VERSION_1, .type = (uint8_t)type, .id = s->id, .content = (uint16_t)content
	};

	fcgi_header_write(to, &h);
}

static int
sent(struct responder *s, ssize_t rc)
{
	if (rc >= 0)
		return 0;
	s->is_broken = true;
	return -EPIPE;
}

static int
out_write(struct responder *s)
{
	size_t n = s->n_out;
	ssize_t rc;

	s->n_out = 0;
	do
		rc = write(s->fd, s->out, n);
	while (rc < 0 && errno == EINTR);
	return sent(s, rc);
}

/* A full message: what is gathered, and n bytes that are not copied for it. */
static int
out_write_with(struct responder *s, const char *data, size_t n)
{
	struct iovec parts[] = { { s->out, s->n_out }, { (char *)(uintptr_t)data, n } };
	ssize_t rc;

	header_put(s, s->out, FCGI_STDOUT, s->n_out + n - FCGI_HEADER_SIZE);
	s->n_out = 0;
	do
		rc = writev(s->fd, parts, (int)(sizeof parts / sizeof *parts));
	while (rc < 0 && errno == EINTR);
	return sent(s, rc);
}

static void
out_close(struct responder *s)
{
	if (s->n_out > 0)
		header_put(s, s->out, FCGI_STDOUT, s->n_out - FCGI_HEADER_SIZE);
}

int
responder_flush(struct responder *s)
{
	if (s->n_out == 0)
		return 0;
	out_close(s);
	return out_write(s);
}

int
responder_write(struct responder *s, const void *data, size_t n)
{
	const char *from = data;

	if (n == 0)
		return 0;
	if (s->n_out == 0)
		s->n_out = FCGI_HEADER_SIZE;
	while (n > OUT_MAX - s->n_out) {
		size_t part = OUT_MAX - s->n_out;

		if (out_write_with(s, from, part) < 0)
			return -EPIPE;
		from += part;
		n -= part;
		s->n_out = FCGI_HEADER_SIZE;
	}
	memcpy(s->out + s->n_out, from, n);
	s->n_out += n;
	return 0;
}

void
responder_log(struct responder *s, const char *line, size_t n)
{
	enum { LINE_MAX_SIZE = FCGI_MESSAGE_MAX - FCGI_HEADER_SIZE - 1 };
	static const char newline[] = "\n";
	unsigned char header[FCGI_HEADER_SIZE];
	size_t end = n == 0 || line[n - 1] != '\n';
	struct iovec parts[] = { { header, sizeof header },
		                 { (char *)(uintptr_t)line, n },
		                 { (char *)(uintptr_t)newline, end } };
	ssize_t rc;

	if (n > LINE_MAX_SIZE)
		n = parts[1].iov_len = LINE_MAX_SIZE;
	header_put(s, header, FCGI_STDERR, n + end);
	do
		rc = writev(s->fd, parts, (int)(sizeof parts / sizeof *parts));
	while (rc < 0 && errno == EINTR);
	sent(s, rc);
}

/* Where the access log asks for it: a system call more. */
static uint32_t
memory_kb(const struct responder *s)
{
	struct rusage own;

	if (!s->tells_memory || getrusage(RUSAGE_SELF, &own) < 0)
		return 0;
	return own.ru_maxrss < FCGI_MEMORY_KB_MAX ? (uint32_t)own.ru_maxrss : FCGI_MEMORY_KB_MAX;
}

static void
ends_put(struct responder *s, uint32_t app_status)
{
	unsigned char *to = s->out + s->n_out;
	const struct fcgi_end end = { .app_status = app_status, .memory_kb = memory_kb(s) };

	header_put(s, to, FCGI_STDOUT, 0);
	header_put(s, to + FCGI_HEADER_SIZE, FCGI_END_REQUEST, 8);
	fcgi_end_write(to + 2 * FCGI_HEADER_SIZE, &end);
	s->n_out += ENDS_SIZE;
}

/* The next request would begin with what the handler left of the body. */
static void
skip_input(struct responder *s)
{
	s->n_input = 0;
	while (!s->has_input_end && input_next(s) == 0)
		s->n_input = 0;
}

void
responder_end(struct responder *s, uint32_t app_status)
{
	skip_input(s);
	out_close(s);
	ends_put(s, app_status);
	out_write(s);
	if (buf_used(&s->pairs) > PAIRS_KEPT)
		buf_done(&s->pairs);
	if (s->is_broken)
		hang_up(s, -EPIPE);
}
