/* lane_input.c - FastCGI records of one request after the other, as a worker gets them. */
#include "lane/lane_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "fcgi/fcgi.h"

enum { KEEP_SIZE = 16 << 10 };

void
lane_input_init(struct lane_input *in, size_t params_max, size_t body_max)
{
	*in = (struct lane_input){ 0 };
	buf_init(&in->params, params_max);
	buf_init(&in->body, body_max);
}

static void
buf_forget(struct buf *b)
{
	buf_clear(b);
	if (b->size > KEEP_SIZE)
		buf_done(b);
}

void
lane_input_clear(struct lane_input *in)
{
	buf_forget(&in->params);
	buf_forget(&in->body);
	free_pointer(&in->texts);
	free_pointer(&in->pairs);
	in->n_pairs = 0;
	in->has_begun = in->has_params = in->is_complete = false;
}

void
lane_input_done(struct lane_input *in)
{
	lane_input_clear(in);
	buf_done(&in->params);
	buf_done(&in->body);
}

/* ---- params ---- */

/* A NUL inside of it would make two texts of one. */
static char *
text_put(char *to, const char *from, size_t n)
{
	if (n > 0 && memchr(from, '\0', n))
		return NULL;
	if (n > 0)
		memcpy(to, from, n);
	to[n] = '\0';
	return to + n + 1;
}

/* How many, and the bytes of their texts. */
static int
params_measure(const struct lane_input *in, size_t *count, size_t *bytes)
{
	const unsigned char *p = (const unsigned char *)buf_head(&in->params);
	size_t n = buf_used(&in->params);
	struct fcgi_pair pair;
	int rc;

	*count = *bytes = 0;
	while ((rc = fcgi_pair_next(&p, &n, &pair)) > 0) {
		if (++*count > LANE_PAIRS_MAX)
			return -EBADMSG;
		*bytes += pair.name_length + pair.value_length + 2;
	}
	return rc;
}

static int
params_fill(struct lane_input *in)
{
	const unsigned char *p = (const unsigned char *)buf_head(&in->params);
	size_t n = buf_used(&in->params);
	char *to = in->texts;
	struct fcgi_pair pair;

	while (fcgi_pair_next(&p, &n, &pair) > 0) {
		char *name = to, *value = text_put(name, pair.name, pair.name_length);

		to = value ? text_put(value, pair.value, pair.value_length) : NULL;
		if (!to)
			return -EBADMSG;
		in->pairs[in->n_pairs++] = (struct lane_pair){ name, value };
	}
	return 0;
}

static int
params_end(struct lane_input *in)
{
	size_t count, bytes;
	int rc = params_measure(in, &count, &bytes);

	if (rc < 0)
		return rc;
	in->texts = malloc(bytes + 1);
	in->pairs = calloc(count + 1, sizeof *in->pairs);
	if (!in->texts || !in->pairs)
		return -ENOMEM;
	in->has_params = true;
	return params_fill(in);
}

const char *
lane_input_param(const struct lane_input *in, const char *name)
{
	for (size_t i = 0; i < in->n_pairs; i++)
		if (strcmp(in->pairs[i].name, name) == 0)
			return in->pairs[i].value;
	return NULL;
}

/* As CGI makes a param's name of a field's: RFC 3875 section 4.1.18. */
static bool
is_field(const char *param, const char *name)
{
	if (strncmp(param, "HTTP_", 5) != 0)
		return false;
	for (param += 5; *param && *name; param++, name++) {
		char c = *name == '-' ? '_' : *name;

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (*param != c)
			return false;
	}
	return *param == *name;
}

const char *
lane_input_field(const struct lane_input *in, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < in->n_pairs; i++) {
		if (!is_field(in->pairs[i].name, name))
			continue;
		if (value)
			return NULL;
		value = in->pairs[i].value;
	}
	return value;
}

/* ---- records ---- */

static int
begin_read(struct lane_input *in, const struct fcgi_header *h, const unsigned char *content)
{
	struct fcgi_begin begin;

	if (in->has_begun || h->id == 0 || fcgi_begin_read(content, h->content, &begin) < 0 ||
	    begin.role != FCGI_RESPONDER)
		return -EBADMSG;
	in->id = h->id;
	in->has_begun = true;
	return LANE_MORE;
}

static int
params_read(struct lane_input *in, const unsigned char *content, size_t n)
{
	int rc;

	if (in->has_params)
		return -EBADMSG;
	if (n == 0)
		return params_end(in);
	rc = buf_append(&in->params, content, n);
	return rc == -ENOSPC ? -EBADMSG : rc;
}

static int
stdin_read(struct lane_input *in, const unsigned char *content, size_t n)
{
	int rc;

	if (!in->has_params || in->is_complete)
		return -EBADMSG;
	if (n == 0) {
		in->is_complete = true;
		return LANE_REQUEST;
	}
	rc = buf_append(&in->body, content, n);
	return rc == -ENOSPC ? LANE_LARGE : rc;
}

static int
record_read(struct lane_input *in, const struct fcgi_header *h, const unsigned char *content)
{
	if (h->version != FCGI_VERSION_1)
		return -EBADMSG;
	if (h->type == FCGI_BEGIN_REQUEST)
		return begin_read(in, h, content);
	/* A request that is answered already may be taken back. */
	if (h->type == FCGI_ABORT_REQUEST)
		return in->has_begun && h->id == in->id ? LANE_ABORTED : LANE_MORE;
	if (!in->has_begun || h->id != in->id)
		return -EBADMSG;
	if (h->type == FCGI_PARAMS)
		return params_read(in, content, h->content);
	return h->type == FCGI_STDIN ? stdin_read(in, content, h->content) : -EBADMSG;
}

int
lane_input_message(struct lane_input *in, const unsigned char *p, size_t n)
{
	int progress = LANE_MORE;

	for (bool is_first = true; n > 0; is_first = false) {
		const unsigned char *content;
		struct fcgi_header h;
		size_t size = fcgi_record_read(p, n, &h, &content);

		/* What follows the end of a request, or a second one in a message, is nobody's. */
		if (size == 0 || progress != LANE_MORE || (!is_first && h.type == FCGI_BEGIN_REQUEST))
			return -EBADMSG;
		progress = record_read(in, &h, content);
		if (progress < 0 || progress == LANE_LARGE)
			return progress;
		p += size;
		n -= size;
	}
	return progress;
}
