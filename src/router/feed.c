/* feed.c - the web server's FastCGI records, in whatever pieces they come.  Section 3 of the specification.
 */
#include <string.h>

#include "router/router.h"

/* What is done with a record's content as it comes, and at its end.  take() returns how many bytes it took;
 * fewer than all of them: the rest has to wait. */
struct record_kind {
	size_t (*take)(struct router *r, struct front *f, const unsigned char *p, size_t n);
	void (*end)(struct router *r, struct front *f);
};

/* A record with 8 bytes of content, the only kind that we send of ourselves. */
static void
send_short(struct router *r, struct front *f, enum fcgi_type type, uint16_t id,
           const unsigned char content[8])
{
	struct fcgi_header h = { .version = FCGI_VERSION_1, .type = (uint8_t)type, .id = id, .content = 8 };
	unsigned char record[FCGI_HEADER_SIZE + 8];

	fcgi_header_write(record, &h);
	memcpy(record + FCGI_HEADER_SIZE, content, 8);
	front_send_aside(r, f, record, sizeof record);
}

static void
send_end(struct router *r, struct front *f, uint16_t id, enum fcgi_protocol_status status)
{
	unsigned char content[8];

	fcgi_end_write(content, &(struct fcgi_end){ .protocol_status = (uint8_t)status });
	send_short(r, f, FCGI_END_REQUEST, id, content);
}

/* For records that are judged as a whole.  One that is longer than it may be ends the connection. */
static size_t
collect_take(struct router *r, struct front *f, const unsigned char *p, size_t n)
{
	if (buffers_append(r, &f->collect, p, n) < 0)
		front_close(r, f);
	return n;
}

/* ---- BEGIN_REQUEST: section 5.1 ---- */

static bool
is_pipelined(const struct front *f)
{
	return f->stage == FRONT_WRITING || (f->stage == FRONT_BUSY && f->record.id == f->id);
}

static size_t
begin_take(struct router *r, struct front *f, const unsigned char *p, size_t n)
{
	if (!is_pipelined(f))
		return collect_take(r, f, p, n);
	f->is_waiting = true;
	return 0;
}

static void
begin_refuse(struct router *r, struct front *f, enum fcgi_protocol_status status, bool keeps)
{
	send_end(r, f, f->record.id, status);
	if (keeps)
		return;
	/* It asked for the connection's end; a request that is on its way still gets its answer. */
	f->keeps = false;
	if (!f->request)
		front_answered(r, f);
}

static void
begin_end(struct router *r, struct front *f)
{
	struct fcgi_begin b = { 0 };
	bool is_whole = f->record.content == 8 && fcgi_begin_read((unsigned char *)buf_head(&f->collect),
	                                                          buf_used(&f->collect), &b) == 0;
	bool keeps = b.flags & FCGI_KEEP_CONN;

	buf_clear(&f->collect);
	if (!is_whole || (f->request && f->record.id == f->id)) {
		front_close(r, f);
		return;
	}
	if (f->request) {
		begin_refuse(r, f, FCGI_CANT_MPX_CONN, keeps);
		return;
	}
	f->has_input_end = false;
	f->ignored = 0;
	if (b.role != FCGI_RESPONDER) {
		begin_refuse(r, f, FCGI_UNKNOWN_ROLE, keeps);
		return;
	}
	f->request = request_new(r, f);
	if (!f->request) {
		front_close(r, f);
		return;
	}
	f->id = f->record.id;
	f->keeps = keeps;
	front_enter(r, f, FRONT_PARAMS);
}

/* ---- streams of a request: sections 5.2 to 5.4 ---- */

static size_t
params_take(struct router *r, struct front *f, const unsigned char *p, size_t n)
{
	if (f->stage == FRONT_PARAMS)
		request_params(r, f->request, p, n);
	else
		front_close(r, f);
	return n;
}

static void
params_end(struct router *r, struct front *f)
{
	if (f->record.content > 0 || !f->request)
		return;
	if (f->stage == FRONT_PARAMS)
		request_params_end(r, f->request);
	else
		front_close(r, f);
}

static size_t
stdin_take(struct router *r, struct front *f, const unsigned char *p, size_t n)
{
	size_t took;

	if (f->stage != FRONT_BODY) {
		front_close(r, f);
		return n;
	}
	took = request_body(r, f->request, p, n);
	f->is_waiting = took < n && f->request != NULL;
	return f->request ? took : n;
}

static void
stdin_end(struct router *r, struct front *f)
{
	if (f->record.content > 0 || !f->request)
		return;
	if (f->stage != FRONT_BODY) {
		front_close(r, f);
		return;
	}
	f->has_input_end = true;
	front_enter(r, f, FRONT_BUSY);
	request_body_end(r, f->request);
}

static void
abort_end(struct router *r, struct front *f)
{
	struct request *q = f->request;

	if (q->is_stream) {
		/* Half of an answer cannot be taken back on this connection. */
		front_close(r, f);
		return;
	}
	f->request = NULL;
	request_cancel(r, q);
	send_end(r, f, f->id, FCGI_REQUEST_COMPLETE);
	f->has_input_end = true;
	front_answered(r, f);
}

/* Records of no active request are ignored (section 3.3), as many as a web server could mean. */
static size_t
ignored_take(struct router *r, struct front *f, const unsigned char *p, size_t n)
{
	(void)p;
	f->ignored += n;
	if (f->ignored <= DISCARD_MAX)
		return n;
	/* Reading on would go on for ever, and closing would be an error to a web server that writes before
	 * it reads: its own answer would be a 502.  A full socket makes it read ours. */
	if (f->stage == FRONT_IDLE)
		front_discard(r, f);
	else if (f->stage == FRONT_WRITING)
		f->is_closing = true;
	else if (f->stage != FRONT_DISCARDING) {
		front_close(r, f);
		return n;
	}
	f->is_waiting = true;
	return n;
}

static void
ignored_end(struct router *r, struct front *f)
{
	(void)r;
	if (f->record.type == FCGI_STDIN && f->record.content == 0)
		f->has_input_end = true;
}

/* ---- management: section 4 ---- */

static void
values_end(struct router *r, struct front *f)
{
	struct fcgi_values values = { r->start.n_connections, r->start.n_connections };
	unsigned char record[256];
	int n = fcgi_get_values((unsigned char *)buf_head(&f->collect), buf_used(&f->collect), &values,
	                        record, sizeof record);

	buf_clear(&f->collect);
	if (n < 0)
		front_close(r, f);
	else
		front_send_aside(r, f, record, (size_t)n);
}

static void
unknown_end(struct router *r, struct front *f)
{
	unsigned char content[8] = { f->record.type };

	send_short(r, f, FCGI_UNKNOWN_TYPE, 0, content);
}

static const struct record_kind kinds[] = {
	[FCGI_BEGIN_REQUEST] = { begin_take, begin_end },
	[FCGI_ABORT_REQUEST] = { ignored_take, abort_end },
	[FCGI_PARAMS] = { params_take, params_end },
	[FCGI_STDIN] = { stdin_take, stdin_end },
	[FCGI_DATA] = { ignored_take, NULL },
};
static const struct record_kind kind_ignored = { ignored_take, ignored_end };
static const struct record_kind kind_values = { collect_take, values_end };
static const struct record_kind kind_unknown = { ignored_take, unknown_end };

/* What this record is at this moment: its request may have been answered while it was read.  NULL: it breaks
 * the protocol. */
static const struct record_kind *
kind_of(const struct front *f)
{
	const struct fcgi_header *h = &f->record;

	if (h->version != FCGI_VERSION_1)
		return NULL;
	if (h->id == 0 && h->type == FCGI_GET_VALUES)
		return &kind_values;
	if (h->id == 0)
		return h->type == 0 || h->type > FCGI_GET_VALUES ? &kind_unknown : NULL;
	if (h->type >= sizeof kinds / sizeof kinds[0] || !kinds[h->type].take)
		return NULL;
	if (h->type != FCGI_BEGIN_REQUEST && (!f->request || h->id != f->id))
		return &kind_ignored;
	return &kinds[h->type];
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
header_take(struct front *f, const unsigned char *p, size_t n)
{
	size_t took = smaller(sizeof f->header_bytes - f->n_header, n);

	memcpy(f->header_bytes + f->n_header, p, took);
	f->n_header += took;
	if (f->n_header < sizeof f->header_bytes)
		return took;
	fcgi_header_read(f->header_bytes, &f->record);
	f->n_header = 0;
	f->has_record = true;
	f->content_left = f->record.content;
	f->padding_left = f->record.padding;
	return took;
}

/* One step through a record whose header is known. */
static size_t
record_take(struct router *r, struct front *f, const unsigned char *p, size_t n)
{
	const struct record_kind *kind = kind_of(f);
	size_t took;

	if (!kind) {
		front_close(r, f);
		return n;
	}
	if (f->content_left > 0) {
		took = kind->take(r, f, p, smaller(f->content_left, n));
		f->content_left -= took;
		return took;
	}
	took = smaller(f->padding_left, n);
	f->padding_left -= took;
	if (f->padding_left > 0)
		return took;
	f->has_record = false;
	if (kind->end)
		kind->end(r, f);
	return took;
}

static bool
is_stuck(const struct front *f, size_t left)
{
	if (f->stage == FRONT_CLOSED || f->is_waiting)
		return true;
	return left == 0 && (!f->has_record || f->content_left + f->padding_left > 0);
}

size_t
front_feed(struct router *r, struct front *f, const unsigned char *p, size_t n)
{
	size_t used = 0;

	while (!is_stuck(f, n - used)) {
		if (f->stage == FRONT_DISCARDING) {
			ignored_take(r, f, p, n - used);
			return n;
		}
		if (f->has_record)
			used += record_take(r, f, p + used, n - used);
		else
			used += header_take(f, p + used, n - used);
	}
	return used;
}
