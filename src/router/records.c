/* records.c - an answer as it travels: text that is put together, and FastCGI records around it.
 *
 * A function's answer lies in request.out as it will travel: every SEGMENT_SIZE bytes begin with the room of
 * a record's header, which is written when the lengths are known. */
#include <string.h>

#include "base/decimal.h"
#include "router/answer.h"

void
text_put(struct text *t, const char *p, size_t n)
{
	if (n > 0)
		memcpy(t->p + t->n, p, n);
	t->n += n;
}

void
text_line(struct text *t, const char *line)
{
	text_put(t, line, strlen(line));
}

void
text_number(struct text *t, uint64_t n)
{
	char digits[DECIMAL_MAX];

	text_put(t, digits, decimal_write(digits, n));
}

void
record_put(unsigned char *p, enum fcgi_type type, uint16_t id, size_t content)
{
	struct fcgi_header h = {
		.version = FCGI_VERSION_1, .type = (uint8_t)type, .id = id, .content = (uint16_t)content
	};

	fcgi_header_write(p, &h);
}

void
record_ends_put(unsigned char p[ENDS_SIZE], uint16_t id)
{
	record_put(p, FCGI_STDOUT, id, 0);
	record_put(p + FCGI_HEADER_SIZE, FCGI_END_REQUEST, id, 8);
	fcgi_end_write(p + 2 * FCGI_HEADER_SIZE,
	               &(struct fcgi_end){ .protocol_status = FCGI_REQUEST_COMPLETE });
}

/* The first segment may begin later because the head was taken off it. */
void
segments_close(struct request *q, uint16_t id)
{
	size_t at = q->out.start, next = SEGMENT_SIZE;

	while (at < q->out.end) {
		size_t end = next < q->out.end ? next : q->out.end;

		record_put((unsigned char *)q->out.data + at, FCGI_STDOUT, id, end - at - FCGI_HEADER_SIZE);
		at = end;
		next += SEGMENT_SIZE;
	}
}

enum cause
segments_add(struct router *r, struct request *q, const unsigned char *p, size_t n)
{
	static const unsigned char header[FCGI_HEADER_SIZE];

	while (n > 0) {
		size_t used = q->out.end % SEGMENT_SIZE, part;

		if (used == 0 && buffers_append(r, &q->out, header, sizeof header) < 0)
			return CAUSE_OVERLOADED;
		used = q->out.end % SEGMENT_SIZE;
		part = n < SEGMENT_SIZE - used ? n : SEGMENT_SIZE - used;
		if (buffers_append(r, &q->out, p, part) < 0)
			return CAUSE_OVERLOADED;
		p += part;
		n -= part;
	}
	return CAUSE_NONE;
}
