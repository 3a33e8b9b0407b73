/* answer.c - the function's input and output: a body in memory, an answer to a descriptor, its log to
 * standard error. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "standalone/standalone.h"

static ssize_t
body_read(void *context, void *data, size_t n)
{
	struct answer *a = context;

	if (n > a->n_body)
		n = a->n_body;
	memcpy(data, a->body, n);
	a->body += n;
	a->n_body -= n;
	return (ssize_t)n;
}

static int
write_out(struct answer *a, const void *data, size_t n)
{
	return fd_write_all(a->fd, data, n) < 0 ? -EPIPE : 0;
}

/* What is said to the router alone ends here, as it would there. */
static bool
is_private(const char *line)
{
	return strncasecmp(line, "X-CFN-", strlen("X-CFN-")) == 0;
}

/* n bytes of whole lines.  A terminal would hide the CRs, and whoever compares texts would not. */
static int
write_head(struct answer *a, size_t n)
{
	const char *line = buf_head(&a->head), *end = line + n, *next;
	int rc = 0;

	for (; line < end && rc == 0; line = next) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)(newline - line);

		next = newline + 1;
		if (is_private(line))
			continue;
		if (!a->is_raw && length > 0 && line[length - 1] == '\r')
			rc = write_out(a, line, length - 1) < 0 ? -EPIPE : write_out(a, "\n", 1);
		else
			rc = write_out(a, line, length + 1);
	}
	return rc;
}

/* The head is looked at when all of it is there; what came behind it leaves with it. */
static int
take_head(struct answer *a, const void *data, size_t n)
{
	struct http_answer_head head;
	int rc = buf_append(&a->head, data, n);

	if (rc == 0)
		rc = http_answer_head_read(buf_head(&a->head), buf_used(&a->head), &head);
	if (rc <= 0)
		return rc < 0 ? -EPIPE : 0;
	a->has_head = true;
	a->status = head.status;
	if (write_head(a, head.size) < 0)
		return -EPIPE;
	rc = write_out(a, buf_head(&a->head) + head.size, buf_used(&a->head) - head.size);
	buf_done(&a->head);
	return rc;
}

static ssize_t
answer_write(void *context, const void *data, size_t n)
{
	struct answer *a = context;
	int rc = a->has_head ? write_out(a, data, n) : take_head(a, data, n);

	return rc < 0 ? rc : (ssize_t)n;
}

/* Nothing is held back. */
static int
answer_flush(void *context)
{
	(void)context;
	return 0;
}

static void
log_write(void *context, const char *line, size_t n)
{
	(void)context;
	fd_write_all(STDERR_FILENO, line, n);
	fd_write_all(STDERR_FILENO, "\n", 1);
}

void
answer_begin(struct answer *a, const char *body, size_t n_body)
{
	buf_done(&a->head);
	/* Head and body of a small answer come in one piece. */
	buf_init(&a->head, HTTP_HEADER_BLOCK_MAX + STANDALONE_BODY_MAX);
	a->has_head = false;
	a->status = 0;
	a->body = body;
	a->n_body = n_body;
}

struct function_io
answer_io(struct answer *a)
{
	return (struct function_io){ a, body_read, answer_write, answer_flush, log_write, NULL };
}

int
answer_refuse(struct answer *a, const struct http_problem *problem)
{
	struct buf text;
	int rc;

	buf_init(&text, HTTP_HEADER_BLOCK_MAX);
	rc = http_problem_write(&text, problem);
	if (rc == 0)
		rc = take_head(a, buf_head(&text), buf_used(&text));
	buf_done(&text);
	return rc;
}
