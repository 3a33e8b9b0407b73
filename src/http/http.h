/* http.h - the HTTP that a FastCGI responder needs: methods, path, header block, problem documents.
 * Pure: no input or output. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ending.h"

/* Methods as bits, so that a set of them is a number.  RFC 9110 section 9, RFC 5789. */
enum http_method {
	HTTP_GET = 1 << 0,
	HTTP_HEAD = 1 << 1,
	HTTP_POST = 1 << 2,
	HTTP_PUT = 1 << 3,
	HTTP_PATCH = 1 << 4,
	HTTP_DELETE = 1 << 5,
	HTTP_OPTIONS = 1 << 6,
};

/* The bit, or 0 for a method that we do not serve. */
unsigned http_method_parse(const char *text, size_t n);

enum { HTTP_METHODS_TEXT_SIZE = 64 };
/* "GET, HEAD, POST" */
void http_methods_format(unsigned methods, char text[HTTP_METHODS_TEXT_SIZE]);
/* "GET POST" or "GET,POST" → bits; -EINVAL for an unknown or an empty list. */
int http_methods_parse(const char *text, unsigned *methods);

/* "OK", "Not Found" ...; "" when the code has no name. */
const char *http_status_text(int status);

enum { HTTP_PATH_MAX = 4096 };

/* Normalises a path that the web server has already percent-decoded: it must begin with '/', hold no
 * control byte, no NUL, and be UTF-8; "//" becomes "/", "." and ".." are resolved (".." above the root:
 * -EINVAL). A trailing slash stays.  from is at most HTTP_PATH_MAX - 1 bytes, and is not to; to gets a NUL.
 * The length, or -EINVAL, or -ENAMETOOLONG. */
int http_path_normalise(const char *from, size_t n, char to[HTTP_PATH_MAX]);

/* Percent-decodes n bytes ("%2f" → "/", '+' stays).  The length, or -EINVAL for "%" without two digits or
 * for %00.  to has n + 1 bytes and gets a NUL; it may be from. */
int http_percent_decode(const char *from, size_t n, char *to);

/* Removes "/prefix" from a normalised path, at a '/' or the end only ("/" is what remains then); the path
 * itself when it has another start or prefix is empty. */
const char *http_path_below(const char *path, const char *prefix);

enum { HTTP_HEADER_BLOCK_MAX = 16 * 1024, HTTP_HEADERS_MAX = 100 };

struct http_field {
	const char *name, *value; /* not NUL-terminated; value without the white space around it */
	size_t name_length, value_length;
};

struct http_answer_head {
	int status;             /* without a Status field 302 when there is a Location, else 200 */
	int64_t content_length; /* -1 when there is none */
	bool has_content_type;
	bool is_stream; /* X-CFN-Stream: 1, which is not kept */
	bool has_set_cookie;
	struct http_field
	    session; /* X-CFN-Session, which is not kept; its value is NULL when there is none */
	size_t n_fields;
	struct http_field fields[HTTP_HEADERS_MAX]; /* to be forwarded, Content-Length among them; Status,
	                                               X-Accel-*, X-Sendfile*, X-LIGHTTPD-*, X-CFN-*,
	                                               hop-by-hop fields, X-Request-Id and a Location with
	                                               status 200 are left out */
	size_t size;                                /* bytes of the block, the empty line included */
};

/* Reads a responder's header block (RFC 3875 section 6.3: "Name: value" lines ended by CRLF or LF, then an
 * empty line) from untrusted bytes.  Names are tokens, values hold no control byte but HTAB; Status is
 * 200..599; at least one line.  1; 0 when the empty line has not come yet; -EBADMSG when malformed (as soon
 * as it shows, before the empty line); -EMSGSIZE over the limits.  head is of use after 1 only; its texts
 * point into p. */
int http_answer_head_read(const char *p, size_t n, struct http_answer_head *head);

bool http_is_token(const char *p, size_t n);                      /* RFC 9110 section 5.6.2 */
bool http_is_field_value(const char *p, size_t n);                /* no control byte but HTAB */
bool http_field_is(const struct http_field *f, const char *name); /* name compared without case */

/* True when the Accept value prefers JSON to text and HTML: RFC 9110 section 12.5.1.  At equal q the type
 * that is named more exactly wins, then the one named first; text when nothing tells them apart. */
bool http_prefers_json(const char *accept, size_t n);

/* How much the Accept value wants this type, by the same order: of two types the greater is preferred; 0 when
 * it is not acceptable. */
unsigned http_accept_rank(const char *accept, size_t n, const char *type);

enum { HTTP_DATE_SIZE = 30 };
#define HTTP_DATE_MAX INT64_C(253402300799) /* the end of the year 9999 */
/* "Sun, 06 Nov 1994 08:49:37 GMT" of seconds since 1970; those that no such date can say become 1970. */
void http_date_format(int64_t seconds, char text[HTTP_DATE_SIZE]);

/* True for an entity tag, "\"x\"" or "W/\"x\"": RFC 9110 section 8.8.3. */
bool http_is_etag(const char *text);

/* Strong: both are, and are the same.  Weak: whether or not one begins with "W/".  Section 8.8.3.2. */
enum http_comparison { HTTP_STRONG, HTTP_WEAK };
/* Whether the value of If-Match or If-None-Match is "*" or names this entity tag; it is read up to what is no
 * entity tag. */
bool http_etag_is_listed(const char *field, const char *etag, enum http_comparison how);

struct http_range {
	uint64_t first, last; /* bytes, both included */
};
/* The value of Range for a representation of so many bytes (section 14.2).  1: one range; -ERANGE: none of it
 * is there, which is a 416; 0: another unit, several ranges, or malformed: to be ignored. */
int http_range_read(const char *field, uint64_t size, struct http_range *range);

#define HTTP_AGE_MAX (INT64_C(1) << 31) /* seconds that stand for ever: RFC 9111 section 1.2.2 */

/* What the fields Cache-Control of a message say; -1: nothing. */
struct http_cache_control {
	bool no_store, no_cache, is_private;
	int64_t max_age, s_maxage; /* seconds, at most HTTP_AGE_MAX */
};

/* Adds the directives of one field.  Of two times the shorter counts, a time that is none is 0, and what
 * cannot be read is no_store. */
void http_cache_control_init(struct http_cache_control *c);
void http_cache_control_read(struct http_cache_control *c, const char *p, size_t n);

enum { HTTP_REQUEST_ID_MAX = 128 };

struct http_problem {
	enum cause cause;
	const char *request_id; /* a token of at most HTTP_REQUEST_ID_MAX bytes */
	bool is_json, is_head;
	bool is_of_lane;        /* what was asked for is no function */
	unsigned retry_after_s; /* 0: no Retry-After */
	const char *allow;      /* NULL or the value of Allow */
	const char *challenge;  /* NULL or the value of WWW-Authenticate */
	const char *fields;     /* NULL or whole lines of the caller's, each with its end */
};

/* Appends a whole CGI answer for this cause, all or nothing: Status, Content-Type, Content-Length,
 * X-Content-Type-Options, Cache-Control, X-Request-Id, Retry-After, Allow, WWW-Authenticate and fields if
 * given, an empty line, the body: application/problem+json (RFC 9457) or two lines of text.  The body is left
 * out when is_head. -EINVAL for a cause without an answer, a request id, allow or challenge that could end
 * its line; errors of buf.h. */
int http_problem_write(struct buf *to, const struct http_problem *problem);
