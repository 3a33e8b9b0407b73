/* record.c - FastCGI records: the header, and the bodies of fixed form.  Section 3.3 of the specification. */
#include "fcgi/fcgi.h"

#include <errno.h>
#include <string.h>

enum { FCGI_BODY_SIZE = 8 }; /* of BEGIN_REQUEST and END_REQUEST: sections 5.1 and 5.5 */

void
fcgi_header_read(const unsigned char *p, struct fcgi_header *h)
{
	h->version = p[0];
	h->type = p[1];
	h->id = (uint16_t)(p[2] << 8 | p[3]);
	h->content = (uint16_t)(p[4] << 8 | p[5]);
	h->padding = p[6];
}

void
fcgi_header_write(unsigned char *p, const struct fcgi_header *h)
{
	p[0] = h->version;
	p[1] = h->type;
	p[2] = (unsigned char)(h->id >> 8);
	p[3] = (unsigned char)h->id;
	p[4] = (unsigned char)(h->content >> 8);
	p[5] = (unsigned char)h->content;
	p[6] = h->padding;
	p[7] = 0;
}

size_t
fcgi_record_read(const unsigned char *p, size_t n, struct fcgi_header *h, const unsigned char **content)
{
	struct fcgi_header got;
	size_t size;

	if (n < FCGI_HEADER_SIZE)
		return 0;
	fcgi_header_read(p, &got);
	size = FCGI_HEADER_SIZE + (size_t)got.content + got.padding;
	if (n < size)
		return 0;
	*h = got;
	*content = p + FCGI_HEADER_SIZE;
	return size;
}

int
fcgi_begin_read(const unsigned char *content, size_t n, struct fcgi_begin *b)
{
	if (n < FCGI_BODY_SIZE)
		return -EBADMSG;
	b->role = (uint16_t)(content[0] << 8 | content[1]);
	b->flags = content[2];
	return 0;
}

void
fcgi_begin_write(unsigned char content[8], const struct fcgi_begin *b)
{
	memset(content, 0, FCGI_BODY_SIZE);
	content[0] = (unsigned char)(b->role >> 8);
	content[1] = (unsigned char)b->role;
	content[2] = b->flags;
}

int
fcgi_end_read(const unsigned char *content, size_t n, struct fcgi_end *end)
{
	if (n < FCGI_BODY_SIZE)
		return -EBADMSG;
	end->app_status =
	    (uint32_t)content[0] << 24 | (uint32_t)content[1] << 16 | (uint32_t)content[2] << 8 | content[3];
	end->protocol_status = content[4];
	end->memory_kb = (uint32_t)content[5] << 16 | (uint32_t)content[6] << 8 | content[7];
	return 0;
}

bool
fcgi_end_is_whole(const struct fcgi_end *end)
{
	return end->app_status == 0 || end->app_status > FCGI_SAID_CAUSE;
}

void
fcgi_end_write(unsigned char content[8], const struct fcgi_end *end)
{
	uint32_t kb = end->memory_kb < FCGI_MEMORY_KB_MAX ? end->memory_kb : FCGI_MEMORY_KB_MAX;

	for (size_t i = 0; i < 4; i++)
		content[i] = (unsigned char)(end->app_status >> (24 - 8 * i));
	content[4] = end->protocol_status;
	for (size_t i = 0; i < 3; i++)
		content[5 + i] = (unsigned char)(kb >> (16 - 8 * i));
}
