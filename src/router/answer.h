/* answer.h - what the files that answer share: text and records, the head, the end of a request. */
#pragma once
#include "router/router.h"

enum {
	SEGMENT_CONTENT = 65528, /* the largest content that is a multiple of 8, so that none needs padding */
	SEGMENT_SIZE = FCGI_HEADER_SIZE + SEGMENT_CONTENT,
	ENDS_SIZE = 3 * FCGI_HEADER_SIZE, /* end of STDOUT, END_REQUEST */
	COPY_MAX = 16 * 1024,             /* a body that is copied behind its head instead of sent apart */
};

/* ---- records.c ---- */

/* Text that is put together in memory that holds it for certain: an answer's head is bounded. */
struct text {
	char *p;
	size_t n;
};
void text_put(struct text *t, const char *p, size_t n);
void text_line(struct text *t, const char *line);
void text_number(struct text *t, uint64_t n);

/* A record's header, and the records that end an answer. */
void record_put(unsigned char *p, enum fcgi_type type, uint16_t id, size_t content);
void record_ends_put(unsigned char p[ENDS_SIZE], uint16_t id);

/* More of an answer into q->out; the headers of all its segments, when it is complete. */
enum cause segments_add(struct router *r, struct request *q, const unsigned char *p, size_t n);
void segments_close(struct request *q, uint16_t id);

/* ---- cached.c ---- */
void cached_head_put(struct text *t, const struct request *q, const struct http_answer_head *head);

/* ---- session.c ---- */
void session_head_put(struct text *t, const struct router *r, const struct http_answer_head *head);

/* ---- cors.c ---- */
enum { CORS_FIELDS_SIZE = 768 };

/* Behind the fields of the function's answer, whose Vary was left out. */
void cors_head_put(struct text *t, const struct request *q, const struct http_answer_head *head);

/* For an answer of our own; NULL: nothing. */
const char *cors_problem_fields(const struct request *q, char text[CORS_FIELDS_SIZE]);
void cors_preflight_put(struct text *t, const struct request *q, unsigned methods, const struct preflight *p);

/* ---- answer.c ---- */

/* 1, 0 when more must come, -1 malformed. */
int answer_head_read(const struct request *q, struct http_answer_head *head);

/* Status and fields, each line with its end; the caller adds what ends the block. */
void answer_head_put(struct text *t, const struct router *r, const struct request *q,
                     const struct http_answer_head *head, int64_t length);

/* The request is over: logged, its worker told when it is still at work on it, the connection freed. */
void answer_conclude(struct router *r, struct request *q);
