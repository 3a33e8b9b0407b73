/* fcgi.h - FastCGI 1.0 records and name-value pairs as bytes.  Pure: no input or output, no allocation. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FCGI_HEADER_SIZE = 8,
	FCGI_CONTENT_MAX = 65535,
	FCGI_PADDING_MAX = 255,
	FCGI_RECORD_MAX = FCGI_HEADER_SIZE + FCGI_CONTENT_MAX + FCGI_PADDING_MAX,
};

/* Section 8 of the specification. */
enum fcgi_type {
	FCGI_BEGIN_REQUEST = 1,
	FCGI_ABORT_REQUEST,
	FCGI_END_REQUEST,
	FCGI_PARAMS,
	FCGI_STDIN,
	FCGI_STDOUT,
	FCGI_STDERR,
	FCGI_DATA,
	FCGI_GET_VALUES,
	FCGI_GET_VALUES_RESULT,
	FCGI_UNKNOWN_TYPE,
};

enum { FCGI_VERSION_1 = 1, FCGI_RESPONDER = 1, FCGI_KEEP_CONN = 1 };
enum fcgi_protocol_status { FCGI_REQUEST_COMPLETE, FCGI_CANT_MPX_CONN, FCGI_OVERLOADED, FCGI_UNKNOWN_ROLE };

struct fcgi_header {
	uint8_t version, type;
	uint16_t id;
	uint16_t content;
	uint8_t padding;
};

/* The header in the first FCGI_HEADER_SIZE bytes of p. */
void fcgi_header_read(const unsigned char *p, struct fcgi_header *h);
void fcgi_header_write(unsigned char *p, const struct fcgi_header *h);

/* One record at the start of the n bytes at p.  The whole record's length, 0 when more bytes are needed.
 * *content points into p.  Any version, type and id pass: the caller judges. */
size_t fcgi_record_read(const unsigned char *p, size_t n, struct fcgi_header *h,
                        const unsigned char **content);

struct fcgi_pair {
	const char *name, *value; /* not NUL-terminated */
	size_t name_length, value_length;
};

/* The next name-value pair of the n bytes at *p, which moves behind it.
 * 1; 0 at the end; -EBADMSG when a length reaches past the end. */
int fcgi_pair_next(const unsigned char **p, size_t *n, struct fcgi_pair *pair);

/* The next pair of the n bytes at *p, which are overwritten, as a text "NAME=value" with its NUL: that takes
 * no more room.  As fcgi_pair_next. */
int fcgi_pair_to_text(unsigned char **p, size_t *n, char **text);

/* Bytes that the pair takes; 0 when a length is over 2^31-1. */
size_t fcgi_pair_size(size_t name_length, size_t value_length);

/* Writes the pair to p, which has fcgi_pair_size bytes; the bytes written. */
size_t fcgi_pair_write(unsigned char *p, const struct fcgi_pair *pair);

/* Body of BEGIN_REQUEST (8 bytes) and END_REQUEST (8 bytes). */
struct fcgi_begin {
	uint16_t role;
	uint8_t flags;
};
int fcgi_begin_read(const unsigned char *content, size_t n, struct fcgi_begin *b); /* -EBADMSG when short */
void fcgi_begin_write(unsigned char content[8], const struct fcgi_begin *b);

/* Between a router and a worker alone: appStatus, and what the specification reserves. */
enum {
	FCGI_BROKEN_OFF = 1,           /* a stream that is not whole */
	FCGI_SAID_CAUSE = 0x100,       /* and an enum cause: the answer is a problem that the library found */
	FCGI_TELL_MEMORY = 0x80,       /* flag of BEGIN_REQUEST: the end is to say memory_kb */
	FCGI_MEMORY_KB_MAX = 0xffffff, /* more is told as this */
};
struct fcgi_end {
	uint32_t app_status;
	uint8_t protocol_status;
	uint32_t memory_kb; /* highest resident size of the process; 0: not said */
};
int fcgi_end_read(const unsigned char *content, size_t n, struct fcgi_end *end);
bool fcgi_end_is_whole(const struct fcgi_end *end); /* the answer is all there, whatever it says */
void fcgi_end_write(unsigned char content[8], const struct fcgi_end *end);

/* The answer to GET_VALUES with these contents: a whole GET_VALUES_RESULT record with those of
 * FCGI_MAX_CONNS, FCGI_MAX_REQS and FCGI_MPXS_CONNS that were asked for, each once.  Its length, or -EBADMSG,
 * or -ENOSPC. */
struct fcgi_values {
	unsigned max_conns, max_reqs;
};
int fcgi_get_values(const unsigned char *content, size_t n, const struct fcgi_values *values,
                    unsigned char *record, size_t size);

/* Bytes of one message between a router and a worker.  One record may fill it; two lie in a socket's buffer
 * of the default size together, so that one is written while the other is read. */
enum { FCGI_MESSAGE_MAX = 64 * 1024 };

/* A request for a responder, as much of it as there is. */
struct fcgi_request {
	uint16_t id;
	bool is_complete; /* the body is */
	bool tells_memory;
	struct {
		const char *p; /* NULL when n is 0 */
		size_t n;
	} params[2]; /* name-value pairs, one part behind the other */
	const char *body;
	size_t n_body;
};

/* How far it travelled. */
struct fcgi_progress {
	size_t params, body; /* bytes */
	bool has_begun, has_params, is_done;
};

/* The message that follows what was sent at that point, whole records; its length, 0 when there is nothing to
 * send now.  *next is where the request will be then. */
size_t fcgi_request_message(const struct fcgi_request *q, const struct fcgi_progress *at,
                            unsigned char to[FCGI_MESSAGE_MAX], struct fcgi_progress *next);

/* Bytes of the message with all of a request that nothing was sent of; 0 when one message does not hold it.
 */
size_t fcgi_request_size(const struct fcgi_request *q);

/* The message that takes it back; its length. */
size_t fcgi_abort_message(uint16_t id, unsigned char to[FCGI_MESSAGE_MAX]);
