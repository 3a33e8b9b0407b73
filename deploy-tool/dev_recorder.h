/* dev_recorder.h - `cfn-deploy dev --record`: exchanges as tests, in the format of `cfn-deploy test`. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	RECORDER_LITERAL_MAX = 4096, /* bytes of an answer that are compared word for word */
	RECORDER_TOKENS_MAX = 64,    /* values of hidden fields that later requests may send back */
	RECORDER_TOKEN_SIZE = 512,
	RECORDER_NAME_SIZE = 64,
};

/* What went through: FastCGI's params, and a CGI answer. */
struct exchange_copy {
	const struct buf *params; /* whole name-value pairs */
	const struct buf *body;
	const struct buf *answer; /* header fields, an empty line, the body */
	bool is_cut;              /* one of them is not whole */
};

struct recorder_token {
	char name[RECORDER_NAME_SIZE], value[RECORDER_TOKEN_SIZE];
};

struct recorder {
	int fd, folder; /* of the file and its folder; -1: nothing is recorded */
	char stem[128]; /* the file's name without its suffix, for bodies beside it */
	unsigned n_exchanges, n_bodies;
	size_t n_tokens;
	struct recorder_token tokens[RECORDER_TOKENS_MAX];
};

/* Makes the file; one that is there is not written over: -EEXIST. */
int recorder_open(struct recorder *r, const char *path, struct err *e);
void recorder_close(struct recorder *r);

/* Writes one more exchange.  0; 1 when it is none for a test; -errno. */
int recorder_add(struct recorder *r, const struct exchange_copy *x, struct err *e);

/* Whether a text is likely to be another one the next time: it has the request's id, a time of day, a date of
 * today, the seconds since 1970, or a long random word.  Pure. */
bool recorder_varies(const char *text, size_t n, const char *request_id, int64_t now);
