/* limiter.h - how often a client may fail to show a token: of one address, and of all together.  Pure.
 *
 * An address that has failed too often is refused whatever it shows, or it could go on guessing.  What all
 * together have failed refuses nobody who shows a good token: strangers cannot lock deployers out. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LIMITER_ADDRESSES = 256, /* remembered; of more the one that failed longest ago is forgotten */
	LIMITER_ADDRESS_SIZE = 64,
	LIMITER_WINDOW_S = 60,
	LIMITER_OF_ADDRESS = 10, /* failures in a window */
	LIMITER_OF_ALL = 100,
};

struct limiter_count {
	uint64_t begun_s; /* of its window; 0: none */
	uint32_t n;
};

struct limiter {
	struct limiter_count all;
	size_t n;
	struct {
		char address[LIMITER_ADDRESS_SIZE];
		struct limiter_count failed;
	} rows[LIMITER_ADDRESSES];
};

/* Seconds until the address may try again; 0: it may now. */
unsigned limiter_blocks(const struct limiter *l, const char *address, uint64_t now_s);

/* It failed.  Seconds to tell it to wait; 0: it has not failed too often, nor have all. */
unsigned limiter_failed(struct limiter *l, const char *address, uint64_t now_s);
