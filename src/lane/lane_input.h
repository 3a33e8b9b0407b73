/* lane_input.h - a request out of the messages of a lane.  Pure: no input or output. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	LANE_PAIRS_MAX = 512, /* params of one request */
};

struct lane_pair {
	const char *name, *value;
};

struct lane_input {
	uint16_t id; /* the router's for this dispatch; stands in every record of the answer */
	bool has_begun, has_params, is_complete;
	struct buf params, body;
	char *texts; /* names and values, a NUL behind each */
	size_t n_pairs;
	struct lane_pair *pairs; /* in their order */
};

enum lane_progress {
	LANE_MORE,    /* of this request, or before the first */
	LANE_REQUEST, /* it is complete */
	LANE_ABORTED, /* its client is gone */
	LANE_LARGE,   /* the body is over its maximum: nothing more can be read here */
};

void lane_input_init(struct lane_input *in, size_t params_max, size_t body_max);
/* Forgets the request; small buffers stay. */
void lane_input_clear(struct lane_input *in);
void lane_input_done(struct lane_input *in);

/* One message.  -EBADMSG: it is not what a router says; -ENOMEM. */
int lane_input_message(struct lane_input *in, const unsigned char *p, size_t n);

/* The first param of that name; NULL: there is none. */
const char *lane_input_param(const struct lane_input *in, const char *name);

/* The value of a client's field "Name-Of-It", whatever the case; NULL. */
const char *lane_input_field(const struct lane_input *in, const char *name);
