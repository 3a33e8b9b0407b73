/* limits.h - the limits that a request may set, as a table. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/box.h"

struct run_limit {
	const char *name; /* of the JSON field, with its unit: "memory_bytes" */
	size_t offset;    /* in struct box_limits; a uint64_t */
	uint64_t least;
	uint64_t any; /* so much is no bound; 0: every value is one */
};

/* Percent of one processor: more than any machine is asked for. */
enum { RUN_CPU_SHARE_ANY = 10000 };

extern const struct run_limit run_limits[];
extern const size_t run_n_limits;

uint64_t run_limit_get(const struct box_limits *limits, const struct run_limit *limit);
void run_limit_set(struct box_limits *limits, const struct run_limit *limit, uint64_t value);

/* As a document has them, null where there is no bound: a new object, or NULL without memory. */
json_t *run_limits_json(const struct box_limits *limits);

/* Whether no limit is above its maximum; no more of the end of an output is kept than of all of it. */
bool run_limits_are_within(const struct box_limits *limits, const struct box_limits *most);
