/* backoff.h - how long to wait before something that failed is started again. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* A failure costs time, which passing time pays, and nothing is started while more is owed than the credit.
 * What had served for a while before is cheap, since it may have been killed from outside; what failed while
 * it started or just after is dear, since the next one will as well.  In the long run one of the first kind
 * is started in each BACKOFF_SERVED_MS, one of the second in each BACKOFF_USELESS_MS. */
enum {
	BACKOFF_CREDIT_MS = 8000,  /* that may be owed without a delay */
	BACKOFF_SERVED_MS = 250,   /* what the failure costs of one that had served */
	BACKOFF_USELESS_MS = 2000, /* and of one that had not */
	BACKOFF_LIFE_MS = 100,     /* to have served is to have lived so long after it was ready */
	BACKOFF_MAX_MS = 5000,     /* no delay is longer, whatever has failed at once */
	BACKOFF_SHARED_MS = 100,   /* what all that fail together owe for each that fails again */
};

struct backoff {
	uint64_t paid_us;   /* when nothing is owed any more */
	uint64_t failed_us; /* the last time; 0: it never has */
};

/* What failed at now_us was ready at ready_us; 0: it never was. */
void backoff_failed(struct backoff *b, uint64_t now_us, uint64_t ready_us);

/* The same of one among many that share a machine, where each alone would be few and all are not.  What fails
 * again before its credit would be whole costs them all, too; while they owe more than the credit it waits
 * for a turn behind the others, so that one is started in each BACKOFF_SHARED_MS.  What fails for the first
 * time in so long neither pays nor waits for the others' loops. */
void backoff_failed_among(struct backoff *b, struct backoff *all, uint64_t now_us, uint64_t ready_us);

/* Microseconds that are still to be waited; 0: start. */
uint64_t backoff_left(const struct backoff *b, uint64_t now_us);

/* Whether one more failure may cost a delay: then one at a time is started, to see. */
bool backoff_is_wary(const struct backoff *b, uint64_t now_us);
