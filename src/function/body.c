/* body.c - the body of a request: streamed, whole, or as a form. */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "function/bounds.h"
#include "function/exchange.h"
#include "function/multipart.h"

enum { BODY_PIECE = 8 << 10 };

static const char form_type[] = "application/x-www-form-urlencoded";

int64_t
cfn_length(cfn_request *q)
{
	return q->length;
}

/* read(2) from the client: short counts, 0 at the announced end only. */
static ssize_t
body_pull(cfn_request *q, void *data, size_t n)
{
	ssize_t got;

	if (q->body_error < 0)
		return q->body_error;
	if (q->length >= 0 && (uint64_t)q->length > q->body_max)
		return q->body_error = -EFBIG;
	got = q->io->read(q->io->context, data, n);
	if (got < 0 || (got == 0 && q->length >= 0 && q->body_received < (uint64_t)q->length))
		return q->body_error = -ECONNRESET;
	q->body_received += (uint64_t)got;
	if (q->body_received > q->body_max)
		return q->body_error = -EFBIG;
	return got;
}

static ssize_t
body_take(cfn_request *q, void *data, size_t size)
{
	size_t left = buf_used(&q->body) - q->body_taken;
	size_t n = size_min(size, left);

	if (n > 0)
		memcpy(data, buf_head(&q->body) + q->body_taken, n);
	q->body_taken += n;
	return (ssize_t)n;
}

ssize_t
cfn_read(cfn_request *q, void *data, size_t size)
{
	if (q->body_stage == BODY_WHOLE)
		return q->body_error < 0 ? q->body_error : body_take(q, data, size);
	q->body_stage = BODY_STREAMED;
	return size > 0 ? body_pull(q, data, size) : 0;
}

/* Everything into the buffer, which always keeps a byte for the NUL behind. */
static int
body_gather(cfn_request *q)
{
	size_t n = q->length > 0 ? (size_t)q->length + 1 : BODY_PIECE;
	ssize_t got = 1;

	while (got > 0) {
		char *to = buf_reserve(&q->body, size_min(n, buf_room(&q->body)));

		if (!to)
			return q->body_error = -ENOMEM;
		got = body_pull(q, to, size_min(q->body.size - q->body.end, buf_room(&q->body)));
		if (got > 0)
			buf_commit(&q->body, (size_t)got);
		n = q->length >= 0 ? 1 : BODY_PIECE;
	}
	return (int)got;
}

const void *
cfn_body(cfn_request *q, size_t *size)
{
	int rc = q->body_error;

	if (q->body_stage == BODY_STREAMED)
		rc = -EALREADY;
	if (q->body_stage == BODY_UNREAD) {
		q->body_stage = BODY_WHOLE;
		q->body.max = q->body_max + 2;
		rc = body_gather(q);
	}
	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	buf_head(&q->body)[buf_used(&q->body)] = '\0';
	if (size)
		*size = buf_used(&q->body);
	return buf_head(&q->body);
}

bool
cfn_utf8_ok(const void *data, size_t size)
{
	return utf8_is_valid(data, size) && !memchr(data, '\0', size);
}

/* The type, whatever parameters follow it. */
static bool
is_urlencoded(const cfn_request *q)
{
	size_t n = sizeof form_type - 1;

	return q->type && strncasecmp(q->type, form_type, n) == 0 && strchr(" \t;", q->type[n]);
}

int
form_read(cfn_request *q)
{
	bool is_multipart = multipart_is_type(q->type);
	const char *body;
	size_t n;

	if (q->form.is_read || q->form_error < 0 || (!is_multipart && !is_urlencoded(q)))
		return q->form_error;
	if (q->length > REQUEST_FORM_MAX)
		return q->form_error = -EMSGSIZE;
	body = cfn_body(q, &n);
	if (!body)
		return q->form_error = -errno;
	if (n > REQUEST_FORM_MAX)
		return q->form_error = -EMSGSIZE;
	return q->form_error = is_multipart ? parts_read_texts(q, body, n)
	                                    : pairs_read_urlencoded(&q->form, body, n, &q->arena);
}
