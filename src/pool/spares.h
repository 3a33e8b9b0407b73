/* spares.h - sandboxes that wait for any function, at the spawner; and how long requests without a worker
 * have waited for one. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct master;

/* Starts of workers that requests waited for, from START_WORKER to READY. */
struct cold_starts {
	uint64_t n, total_us, longest_us;
};

struct spares_seen {
	uint32_t n_waiting; /* as the spawner said last */
	uint64_t n_taken;   /* workers that were made of one */
	uint64_t n_missed;  /* and that were not, although there were to be some */
	struct cold_starts with, without;
};

/* Tells the spawner how many there are to be: after a start, a reload, and when the pool ends. */
void spares_tell(struct master *m);

/* A worker is ready; since_us: when requests began to wait for it, 0: none did. */
void spares_count(struct master *m, uint64_t since_us, bool was_spare);
