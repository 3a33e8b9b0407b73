/* part.c - a multipart form for a handler: part by part, or its texts at once. */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "function/bounds.h"
#include "function/exchange.h"
#include "function/multipart.h"

static ssize_t
pull_body(void *context, void *data, size_t n)
{
	return cfn_read(context, data, n);
}

int
cfn_part_next(cfn_request *q, struct cfn_part *part)
{
	struct multipart *m = q->parts;
	int rc;

	if (!m) {
		m = arena_take(&q->arena, sizeof *m);
		rc = m ? multipart_open(m, q->type, &q->arena, pull_body, q) : -ENOMEM;
		if (rc < 0)
			return rc;
		q->parts = m;
	}
	return multipart_next(m, &q->arena, part);
}

ssize_t
cfn_part_read(cfn_request *q, void *data, size_t size)
{
	return q->parts ? multipart_read(q->parts, data, size) : -EINVAL;
}

/* ---- the texts at once ---- */

struct memory {
	const char *data;
	size_t left;
};

static ssize_t
pull_memory(void *context, void *data, size_t n)
{
	struct memory *m = context;

	n = size_min(n, m->left);
	memcpy(data, m->data, n);
	m->data += n;
	m->left -= n;
	return (ssize_t)n;
}

/* scratch has room for the whole body. */
static int
text_read(struct multipart *m, struct arena *a, char *scratch, const char **text)
{
	size_t length = 0;
	ssize_t n;

	while ((n = multipart_read(m, scratch + length, PART_WINDOW)) > 0)
		length += (size_t)n;
	if (n < 0)
		return (int)n;
	if (!utf8_is_valid(scratch, length) || memchr(scratch, '\0', length))
		return -EBADMSG;
	*text = arena_copy(a, scratch, length);
	return *text ? 0 : -ENOMEM;
}

static int
texts_read(struct cfn_request *q, struct multipart *m, char *scratch)
{
	struct cfn_part part;
	int rc;

	while ((rc = multipart_next(m, &q->arena, &part)) > 0) {
		struct pair *row = &q->form.rows[q->form.n];

		if (part.filename)
			continue;
		row->name = part.name;
		rc = text_read(m, &q->arena, scratch, &row->value);
		if (rc < 0)
			return rc;
		q->form.n++;
	}
	return rc;
}

int
parts_read_texts(struct cfn_request *q, const char *body, size_t n)
{
	struct memory memory = { body, n };
	struct multipart *m = arena_take(&q->arena, sizeof *m);
	char *scratch = arena_take(&q->arena, n + PART_WINDOW);
	int rc;

	q->form.n = 0;
	q->form.rows = arena_take(&q->arena, PARTS_MAX * sizeof *q->form.rows);
	if (!m || !scratch || !q->form.rows)
		return -ENOMEM;
	rc = multipart_open(m, q->type, &q->arena, pull_memory, &memory);
	if (rc == 0)
		rc = texts_read(q, m, scratch);
	q->form.is_read = rc == 0;
	return rc;
}
