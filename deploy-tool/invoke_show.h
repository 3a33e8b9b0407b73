/* invoke_show.h - what `cfn-deploy invoke` prints: a function's bytes made fit for a terminal, and what
 * happened. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "deploy-tool/instance.h"
#include "deploy-tool/stack.h"
#include "http/http.h"

enum { SHOW_LINE_MAX = 4096, SHOW_OUTPUT_MAX = 64 * 1024 }; /* as much as a pool logs of a request */

/* Lines of one source that a function writes to. */
struct show_lines {
	struct show *show;
	struct buf line; /* without its end yet */
};

struct show {
	bool is_json, is_terminal; /* standard output is one */
	bool has_head;             /* --include */
	struct show_lines log, output;
	size_t n_shown; /* bytes of lines */
	bool is_cut;
	json_t *lines, *head; /* of is_json */
	struct buf body;      /* of is_json: of a stream */
	bool is_body_cut;
	int status;       /* 0: there was no answer */
	bool keeps_lines; /* what is written beside goes to kept: a report, to be translated */
	struct buf kept;
	bool has_stack;
	struct stack stack; /* what the last line of that form said */
};

/* What became of it, for the last line or the JSON object. */
struct show_result {
	const struct subject *subject;
	const struct instance *instance;
	const char *cause, *how;  /* empty: it answered */
	const struct buf *frames; /* lines: where it crashed; NULL: it did not, or did not say */
	uint64_t wall_us;
	bool is_explained;
};

void show_init(struct show *s, bool is_json, bool has_head, size_t body_max);
void show_done(struct show *s);

void show_head(struct show *s, const struct http_answer_head *head);
void show_body(struct show *s, const char *p, size_t n);

/* Bytes of lines; the end of them. */
void show_text(struct show_lines *l, const char *p, size_t n);
void show_text_end(struct show_lines *l);

/* Lines as the function wrote them, at once. */
void show_lines(struct show *s, const struct buf *lines);

/* Refused calls, and in one line how it went.  0 or EX_IOERR. */
int show_result(struct show *s, const struct show_result *r);

/* The refused calls alone, of a worker that did not get ready. */
void show_refused(const struct instance_end *end, bool is_explained);
