/* output.c - the bytes that a handler writes, and the finishers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "function/bounds.h"
#include "function/exchange.h"
#include "http/http.h"

static void
output_discard(struct cfn_response *r)
{
	buf_clear(&r->output);
	r->failure = CAUSE_NONE;
}

/* An answer that is not whole must not look whole: answer_finish sees the mark, and so does whatever is
 * written later, so that a handler may look at its last write alone. */
static int
output_failed(struct cfn_response *r, int rc)
{
	r->failure = rc == -ENOSPC ? CAUSE_OUTPUT_LIMIT : CAUSE_MEMORY_LIMIT;
	return rc == -ENOSPC ? -EFBIG : rc;
}

/* What an earlier write has come to. */
static int
output_error(const struct cfn_response *r)
{
	if (r->stream_error < 0 || r->failure == CAUSE_NONE)
		return r->stream_error;
	return r->failure == CAUSE_OUTPUT_LIMIT ? -EFBIG : -ENOMEM;
}

int
cfn_write(cfn_response *r, const void *data, size_t size)
{
	int rc = output_error(r);

	if (rc < 0)
		return rc;
	if (r->is_stream)
		return stream_put(r, data, size);
	rc = buf_append(&r->output, data, size);
	return rc < 0 ? output_failed(r, rc) : 0;
}

/* n bytes of text and the NUL that vsnprintf puts behind them; the NUL does not count. */
static char *
output_reserve(struct cfn_response *r, size_t n)
{
	char *to;

	r->output.max++;
	to = buf_reserve(&r->output, n + 1);
	r->output.max--;
	return to;
}

/* Formats into what is free in the buffer, which mostly is enough, else again into more. */
static int CFN_PRINTF(2, 0) output_vprintf(struct cfn_response *r, const char *format, va_list args)
{
	size_t room = buf_room(&r->output);
	size_t size = size_min(r->output.size - r->output.end, room + 1);
	char *to = size > 0 ? r->output.data + r->output.end : NULL;
	va_list again;
	int need;

	va_copy(again, args);
	need = vsnprintf(to, size, format, again);
	va_end(again);
	if (need < 0)
		return -EINVAL;
	if ((size_t)need > room)
		return output_failed(r, -ENOSPC);
	if ((size_t)need >= size) {
		to = output_reserve(r, (size_t)need);
		if (!to)
			return output_failed(r, -ENOMEM);
		vsnprintf(to, (size_t)need + 1, format, args);
	}
	buf_commit(&r->output, (size_t)need);
	return r->is_stream && buf_used(&r->output) >= STREAM_CHUNK ? stream_push(r) : 0;
}

int
cfn_printf(cfn_response *r, const char *format, ...)
{
	int rc = output_error(r);
	va_list args;

	if (rc < 0)
		return rc;
	va_start(args, format);
	rc = output_vprintf(r, format, args);
	va_end(args);
	return rc;
}

static const char *
entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

int
cfn_escape(cfn_response *r, const char *text)
{
	int rc = 0;

	while (rc == 0 && *text) {
		size_t plain = strcspn(text, "&<>\"'");
		const char *entity = entity_of(text[plain]);

		if (plain > 0)
			rc = cfn_write(r, text, plain);
		if (rc == 0 && entity)
			rc = cfn_write(r, entity, strlen(entity));
		text += plain + (entity ? 1 : 0);
	}
	return rc;
}

int
output_begin(struct cfn_response *r, int status)
{
	int rc = cfn_status(r, status);

	if (rc == 0)
		output_discard(r);
	return rc;
}

int
cfn_send(cfn_response *r, int status, const char *type, const char *format, ...)
{
	int rc = output_begin(r, status);
	va_list args;

	if (rc == 0)
		rc = header_set_type(r, type);
	if (rc < 0)
		return rc;
	va_start(args, format);
	rc = output_vprintf(r, format, args);
	va_end(args);
	return rc < 0 ? rc : status;
}

/* RFC 9457; the members are those of the pool's own problem documents. */
static int
problem_put_json(struct cfn_response *r, int status, const char *detail, size_t n)
{
	char escaped[ANSWER_DETAIL_MAX * 6 + 1];

	log_escape_json(escaped, sizeof escaped, detail, n);
	header_set(r, "Content-Type", "application/problem+json");
	cfn_printf(r,
	           "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\","
	           "\"request_id\":\"%s\"}\n",
	           http_status_text(status), status, escaped, r->request->id);
	return status;
}

int
cfn_error(cfn_response *r, int status, const char *format, ...)
{
	const char *accept = r->request->accept;
	char detail[ANSWER_DETAIL_MAX + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	if (status < 400 || status > 599)
		status = 500;
	if (output_begin(r, status) < 0) {
		cfn_log(r->request, CFN_ERROR, "stream broken off: %d %s", status, detail);
		return -EALREADY;
	}
	/* It names this request: nobody else's answer. */
	if (!header_is_set(r, "Cache-Control"))
		header_set(r, "Cache-Control", "no-store");
	if (accept && http_prefers_json(accept, strlen(accept)))
		return problem_put_json(r, status, detail, strlen(detail));
	header_set(r, "Content-Type", "text/plain; charset=utf-8");
	cfn_printf(r, "%d %s\n%s\nRequest %s\n", status, http_status_text(status), detail, r->request->id);
	return status;
}

static bool
is_redirect(int status)
{
	return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

int
cfn_redirect(cfn_response *r, int status, const char *to)
{
	int rc = -EINVAL;

	if (is_redirect(status) && to && *to)
		rc = output_begin(r, status);
	for (const char *p = to; rc == 0 && *p; p++)
		if (*p <= ' ' || *p > '~')
			rc = -EINVAL;
	if (rc == 0)
		rc = cfn_set(r, "Location", to);
	return rc < 0 ? rc : status;
}
