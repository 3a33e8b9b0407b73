/* siphash.h - SipHash-2-4: a hash with a key, for tables whose keys a stranger chooses. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k[2];
};

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t n);
