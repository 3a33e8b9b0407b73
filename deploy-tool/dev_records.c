/* dev_records.c - FastCGI records out of bytes as they pass by. */
#include "deploy-tool/dev_records.h"

#include <string.h>

static size_t
take_head(struct records *r, const unsigned char *p, size_t n)
{
	size_t left = sizeof r->head - r->n_head;

	if (n > left)
		n = left;
	memcpy(r->head + r->n_head, p, n);
	r->n_head += n;
	return n;
}

static void
begin(struct records *r, records_sink *sink, void *context)
{
	fcgi_header_read(r->head, &r->header);
	r->content = r->header.content;
	r->padding = r->header.padding;
	if (r->content == 0)
		sink(context, &r->header, "", 0);
}

void
records_feed(struct records *r, const void *bytes, size_t n, records_sink *sink, void *context)
{
	const unsigned char *p = bytes;

	while (n > 0) {
		size_t taken;

		if (r->n_head < sizeof r->head) {
			taken = take_head(r, p, n);
			if (r->n_head == sizeof r->head)
				begin(r, sink, context);
		} else if (r->content > 0) {
			taken = n < r->content ? n : r->content;
			sink(context, &r->header, (const char *)p, taken);
			r->content -= taken;
		} else {
			taken = n < r->padding ? n : r->padding;
			r->padding -= taken;
		}
		if (r->n_head == sizeof r->head && r->content == 0 && r->padding == 0)
			r->n_head = 0;
		p += taken;
		n -= taken;
	}
}

static int
put(struct buf *to, enum fcgi_type type, unsigned id, const void *content, size_t n)
{
	const struct fcgi_header h = {
		.version = FCGI_VERSION_1, .type = (uint8_t)type, .id = (uint16_t)id, .content = (uint16_t)n
	};
	unsigned char head[FCGI_HEADER_SIZE];
	int rc;

	fcgi_header_write(head, &h);
	rc = buf_append(to, head, sizeof head);
	return rc == 0 && n > 0 ? buf_append(to, content, n) : rc;
}

int
records_write(struct buf *to, enum fcgi_type type, unsigned id, const struct buf *content, bool is_end)
{
	size_t left = buf_used(content), n;
	int rc = 0;

	for (; rc == 0 && left > 0; left -= n) {
		n = left < FCGI_CONTENT_MAX ? left : FCGI_CONTENT_MAX;
		rc = put(to, type, id, buf_head(content) + buf_used(content) - left, n);
	}
	return rc == 0 && is_end ? put(to, type, id, NULL, 0) : rc;
}

int
records_end(struct buf *to, unsigned id)
{
	unsigned char content[8];

	fcgi_end_write(content, &(struct fcgi_end){ 0, FCGI_REQUEST_COMPLETE });
	return put(to, FCGI_END_REQUEST, id, content, sizeof content);
}

long
records_param(const struct buf *params, const char *name, const char **value)
{
	const unsigned char *p = (const unsigned char *)buf_head(params);
	size_t n = buf_used(params), length = strlen(name);
	struct fcgi_pair pair;

	while (n > 0 && fcgi_pair_next(&p, &n, &pair) == 1) {
		if (pair.name_length != length || memcmp(pair.name, name, length) != 0)
			continue;
		*value = pair.value;
		return (long)pair.value_length;
	}
	return -1;
}
