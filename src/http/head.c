/* head.c - the header block of a responder's answer: RFC 3875 section 6, read from untrusted bytes.
 *
 * One pass over the bytes, no copies: every answer goes through here. */
#include <errno.h>
#include <string.h>

#include "http/chars.h"
#include "http/http.h"

enum {
	STATUS_MIN = 200, /* 1xx are the web server's own */
	STATUS_MAX = 599,
	CONTENT_LENGTH_DIGITS = 18, /* fits in 63 bits */
};

/* Where in the block we are. */
struct reader {
	const char *at, *end;
	size_t n_lines;
	bool has_status;
	size_t location; /* index into fields + 1; 0: none */
};

enum field_kind {
	FIELD_OTHER,
	FIELD_DROPPED, /* obeyed by some web server, or about one connection, or ours to set */
	FIELD_STATUS,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_TYPE,
	FIELD_LOCATION,
	FIELD_STREAM,
	FIELD_SESSION,
	FIELD_SET_COOKIE,
};

struct rule {
	const char *name; /* lower case; one that ends in '*' stands for every name with that start */
	enum field_kind kind;
};

enum { RULES_PER_LETTER = 7 };

/* By first letter, so that most names meet no rule at all. */
static const struct rule rules[26][RULES_PER_LETTER] = {
	['c' - 'a'] = { { "content-type", FIELD_CONTENT_TYPE },
	                { "content-length", FIELD_CONTENT_LENGTH },
	                { "connection", FIELD_DROPPED } },
	['k' - 'a'] = { { "keep-alive", FIELD_DROPPED } },
	['l' - 'a'] = { { "location", FIELD_LOCATION } },
	['p' - 'a'] = { { "proxy-*", FIELD_DROPPED } },
	['s' - 'a'] = { { "status", FIELD_STATUS }, { "set-cookie", FIELD_SET_COOKIE } },
	['t' - 'a'] = { { "te", FIELD_DROPPED },
	                { "trailer", FIELD_DROPPED },
	                { "transfer-encoding", FIELD_DROPPED } },
	['u' - 'a'] = { { "upgrade", FIELD_DROPPED } },
	['x' - 'a'] = { { "x-request-id", FIELD_DROPPED },
	                { "x-accel-*", FIELD_DROPPED },
	                { "x-sendfile*", FIELD_DROPPED },
	                { "x-lighttpd-*", FIELD_DROPPED },
	                { "x-cfn-stream", FIELD_STREAM },
	                { "x-cfn-session", FIELD_SESSION },
	                { "x-cfn-*", FIELD_DROPPED } },
};

static bool
rule_matches(const char *rule, const struct http_field *f)
{
	size_t i = 0;

	while (i < f->name_length && rule[i] != '*' && rule[i] == http_fold(f->name[i]))
		i++;
	return rule[i] == '*' || (i == f->name_length && rule[i] == '\0');
}

static enum field_kind
kind_of(const struct http_field *f)
{
	unsigned letter = (unsigned char)http_fold(f->name[0]) - (unsigned)'a';

	if (letter >= 26)
		return FIELD_OTHER;
	for (size_t i = 0; i < RULES_PER_LETTER && rules[letter][i].name; i++)
		if (rule_matches(rules[letter][i].name, f))
			return rules[letter][i].kind;
	return FIELD_OTHER;
}

/* 1 and *next behind the CRLF or LF at p; 0 when it may yet come; -EBADMSG for any other byte, so for a bare
 * CR and for control bytes. */
static int
line_end(const char *p, const char *end, const char **next)
{
	if (p < end && *p == '\r')
		p++;
	if (p == end)
		return 0;
	if (*p != '\n')
		return -EBADMSG;
	*next = p + 1;
	return 1;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One line "Name: value"; 1, 0 when it is not whole yet, or -EBADMSG.  A continued line (obs-fold) begins
 * with a blank, which is no name. */
static int
field_read(struct reader *r, struct http_field *f)
{
	const char *p = r->at, *end = r->end;
	int rc;

	while (p < end && http_chars[(unsigned char)*p] & CHAR_TOKEN)
		p++;
	if (p == end)
		return 0;
	if (*p != ':' || p == r->at)
		return -EBADMSG;
	f->name = r->at;
	f->name_length = (size_t)(p++ - r->at);
	while (p < end && is_blank(*p))
		p++;
	f->value = p;
	while (p < end && http_chars[(unsigned char)*p] & CHAR_VALUE)
		p++;
	rc = line_end(p, end, &r->at);
	while (p > f->value && is_blank(p[-1]))
		p--;
	f->value_length = (size_t)(p - f->value);
	return rc;
}

/* The digits at the start of the value; -1 when there are none or more than max. */
static int64_t
number_read(const struct http_field *f, size_t max, size_t *n_digits)
{
	int64_t number = 0;
	size_t i;

	for (i = 0; i < f->value_length && f->value[i] >= '0' && f->value[i] <= '9'; i++) {
		if (i == max)
			return -1;
		number = number * 10 + (f->value[i] - '0');
	}
	*n_digits = i;
	return i > 0 ? number : -1;
}

/* "404" or "404 Not Found". */
static int
status_read(struct reader *r, const struct http_field *f, struct http_answer_head *head)
{
	size_t n = 0;
	int64_t status = number_read(f, 3, &n);

	if (r->has_status || n != 3 || status < STATUS_MIN || status > STATUS_MAX)
		return -EBADMSG;
	if (f->value_length > n && f->value[n] != ' ')
		return -EBADMSG;
	r->has_status = true;
	head->status = (int)status;
	return 0;
}

static int
content_length_read(const struct http_field *f, struct http_answer_head *head)
{
	size_t n = 0;
	int64_t length = number_read(f, CONTENT_LENGTH_DIGITS, &n);

	if (head->content_length >= 0 || length < 0 || n != f->value_length)
		return -EBADMSG;
	head->content_length = length;
	return 0;
}

/* What the field means to us; 1 when it is to be kept, 0 when not, or -EBADMSG. */
static int
field_judge(struct reader *r, const struct http_field *f, struct http_answer_head *head)
{
	switch (kind_of(f)) {
	case FIELD_DROPPED:
		return 0;
	case FIELD_STATUS:
		return status_read(r, f, head);
	case FIELD_STREAM:
		head->is_stream = f->value_length == 1 && f->value[0] == '1';
		return 0;
	case FIELD_SESSION:
		if (head->session.value)
			return -EBADMSG;
		head->session = *f;
		return 0;
	case FIELD_SET_COOKIE:
		head->has_set_cookie = true;
		return 1;
	case FIELD_CONTENT_LENGTH:
		return content_length_read(f, head) < 0 ? -EBADMSG : 1;
	case FIELD_CONTENT_TYPE:
		head->has_content_type = true;
		return 1;
	case FIELD_LOCATION:
		if (r->location) /* no CGI field may come twice (section 6.3), and one could hide behind the
		                    other */
			return -EBADMSG;
		r->location = head->n_fields + 1;
		return 1;
	default:
		return 1;
	}
}

/* A Location alone is a redirect (RFC 3875 section 6.2.3).  With status 200 it would make some web servers
 * fetch that path on their own authority (section 6.2.2), as X-Accel-Redirect does: left out. */
static void
location_settle(const struct reader *r, struct http_answer_head *head)
{
	size_t i = r->location;

	if (i == 0)
		return;
	if (!r->has_status)
		head->status = 302;
	if (head->status != 200)
		return;
	memmove(&head->fields[i - 1], &head->fields[i], (head->n_fields - i) * sizeof head->fields[0]);
	head->n_fields--;
}

/* 1 at the empty line, which is then behind us; 0 when more bytes are needed; -EBADMSG; -EMSGSIZE. */
static int
lines_read(struct reader *r, struct http_answer_head *head)
{
	while (r->at < r->end) {
		struct http_field *f = &head->fields[head->n_fields];
		int rc;

		if (*r->at == '\n' || *r->at == '\r')
			return r->n_lines > 0 ? line_end(r->at, r->end, &r->at) : -EBADMSG;
		if (r->n_lines++ == HTTP_HEADERS_MAX)
			return -EMSGSIZE;
		rc = field_read(r, f);
		if (rc <= 0)
			return rc;
		rc = field_judge(r, f, head);
		if (rc < 0)
			return rc;
		head->n_fields += (size_t)rc;
	}
	return 0;
}

int
http_answer_head_read(const char *p, size_t n, struct http_answer_head *head)
{
	bool is_cut = n >= HTTP_HEADER_BLOCK_MAX;
	struct reader r = { .at = p, .end = p + (is_cut ? HTTP_HEADER_BLOCK_MAX : n) };
	int rc;

	head->status = 200;
	head->content_length = -1;
	head->has_content_type = head->is_stream = head->has_set_cookie = false;
	head->session = (struct http_field){ 0 };
	head->n_fields = 0;
	rc = lines_read(&r, head);
	if (rc == 0 && is_cut)
		return -EMSGSIZE;
	if (rc <= 0)
		return rc;
	location_settle(&r, head);
	head->size = (size_t)(r.at - p);
	return 1;
}
