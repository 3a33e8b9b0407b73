/* stream.c - answers that leave piece by piece. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "function/bounds.h"
#include "function/exchange.h"

static const char stream_fields[] = "X-CFN-Stream: 1\r\n\r\n";

/* What is left of a stream that broke is of no use. */
static int
stream_break(struct cfn_response *r, int error)
{
	buf_clear(&r->output);
	return r->stream_error = error;
}

int
stream_push(struct cfn_response *r)
{
	size_t n = buf_used(&r->output);

	if (r->stream_error < 0)
		return r->stream_error;
	if (n > 0 && answer_write(r, buf_head(&r->output), n) < 0)
		return stream_break(r, -EPIPE);
	buf_clear(&r->output);
	return 0;
}

int
stream_put(struct cfn_response *r, const void *data, size_t n)
{
	int rc = r->stream_error;

	if (rc == 0 && n + buf_used(&r->output) >= STREAM_CHUNK)
		rc = stream_push(r);
	if (rc < 0)
		return rc;
	if (n >= STREAM_CHUNK)
		return answer_write(r, data, n) < 0 ? stream_break(r, -EPIPE) : 0;
	rc = buf_append(&r->output, data, n);
	if (rc < 0)
		r->failure = CAUSE_MEMORY_LIMIT;
	return rc;
}

static int
plain_sleep(int ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return 0;
}

/* Whoever is told to end may still say goodbye; to a client that is gone there is nothing to say. */
static int
stream_wait(struct cfn_response *r, int ms)
{
	const struct function_io *io = r->request->io;
	int rc = io->wait ? io->wait(io->context, ms) : plain_sleep(ms);

	return rc == -EPIPE ? stream_break(r, rc) : rc;
}

static int
stream_flush(struct cfn_response *r)
{
	const struct function_io *io = r->request->io;
	int rc = stream_push(r);

	if (rc == 0 && io->flush(io->context) < 0)
		rc = stream_break(r, -EPIPE);
	return rc;
}

static int
stream_leave(struct cfn_response *r)
{
	int rc = stream_flush(r);

	return rc == 0 && r->request->io->wait ? stream_wait(r, 0) : rc;
}

/* Nobody reads the body of an answer to HEAD: the handler hears so at once, and its loop ends. */
int
stream_begin(struct cfn_response *r, int status, int64_t length)
{
	char line[64];
	int n = snprintf(line, sizeof line, "Content-Length: %lld\r\n", (long long)length);

	answer_put_head(r, status);
	if (length >= 0)
		buf_append(&r->wire, line, (size_t)n);
	buf_append(&r->wire, stream_fields, sizeof stream_fields - 1);
	r->is_stream = true;
	/* The function's limit is on whole answers; here the longest printed piece has one. */
	r->output.max = STREAM_PIECE_MAX;
	if (answer_write(r, buf_head(&r->wire), buf_used(&r->wire)) < 0)
		return stream_break(r, -EPIPE);
	if (!request_is_head(r->request))
		return stream_flush(r);
	stream_break(r, -EPIPE);
	return 0;
}

int
cfn_stream(cfn_response *r, int status, const char *type)
{
	int rc = cfn_status(r, status);

	if (rc == 0)
		rc = header_set_type(r, type);
	return rc < 0 ? rc : stream_begin(r, status, -1);
}

int
cfn_flush(cfn_response *r)
{
	return r->is_stream ? stream_leave(r) : -EINVAL;
}

static int
event_put_line(struct cfn_response *r, const char *field, const char *text, size_t n)
{
	int rc = cfn_write(r, field, strlen(field));

	if (rc == 0)
		rc = cfn_write(r, text, n);
	return rc == 0 ? cfn_write(r, "\n", 1) : rc;
}

/* A line of data a field, whichever line end it has: HTML, section 9.2.5. */
static int
event_put_data(struct cfn_response *r, const char *data)
{
	int rc = 0;

	for (bool is_more = true; rc == 0 && is_more;) {
		size_t n = strcspn(data, "\r\n");

		rc = event_put_line(r, "data: ", data, n);
		is_more = data[n] != '\0';
		data += n + is_more + (data[n] == '\r' && data[n + 1] == '\n');
	}
	return rc == 0 ? cfn_write(r, "\n", 1) : rc;
}

int
cfn_event(cfn_response *r, const char *event, const char *data)
{
	int rc = 0;

	if (!r->is_stream || !data)
		return -EINVAL;
	if (event && (strlen(event) > EVENT_NAME_MAX || strpbrk(event, "\r\n")))
		return -EINVAL;
	if (event)
		rc = event_put_line(r, "event: ", event, strlen(event));
	if (rc == 0)
		rc = event_put_data(r, data);
	return rc == 0 ? stream_leave(r) : rc;
}

int
cfn_wait(cfn_request *q, int ms)
{
	int rc;

	if (ms < 0 || ms > WAIT_MAX_MS)
		return -EINVAL;
	if (!q->response->is_stream)
		return plain_sleep(ms);
	rc = stream_flush(q->response);
	return rc == 0 ? stream_wait(q->response, ms) : rc;
}
