/* backoff.h - how long to wait before something that failed is started again. */
#pragma once
#include <stdint.h>

enum {
	BACKOFF_FREE = 3,          /* failures in a row that cost no delay */
	BACKOFF_FIRST_MS = 100,    /* the first delay; each further failure doubles it */
	BACKOFF_MAX_MS = 5000,     /* and it never is longer */
	BACKOFF_FORGIVE_MS = 1000, /* every such time without a failure takes one back */
};

struct backoff {
	uint32_t n_failures; /* that still count */
	uint64_t until_us;   /* nothing is started before */
};

/* Counts a failure at now. */
void backoff_failed(struct backoff *b, uint64_t now_us);

/* Microseconds that are still to be waited; 0: start. */
uint64_t backoff_left(const struct backoff *b, uint64_t now_us);
