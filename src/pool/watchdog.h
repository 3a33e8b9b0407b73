/* watchdog.h - the pings that a supervisor waits for (sd_watchdog_enabled(3)). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct master;

struct watchdog {
	struct timer timer;
	uint64_t period_us; /* between two looks; 0: nobody waits */
	bool is_spawner_asked, is_late;
};

/* When WATCHDOG_USEC is set for this process: pings from now on, as long as this loop turns and the spawner
 * and all routers that serve have answered since the look before. */
void watchdog_open(struct master *m);

/* The spawner has answered. */
void watchdog_spawner_lives(struct master *m);
