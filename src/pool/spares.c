/* spares.c - how many sandboxes wait for a function, and what that was good for. */
#include "pool/spares.h"

#include "base/clock.h"
#include "pool/master.h"

void
spares_tell(struct master *m)
{
	struct spares wanted = { m->phase == PHASE_SERVING ? (uint32_t)m->config->spare_sandboxes : 0 };

	channel_send(&m->spawner_channel, MSG_SPARES, &wanted, sizeof wanted, NULL, 0);
}

void
spares_count(struct master *m, uint64_t since_us, bool was_spare)
{
	struct cold_starts *c = was_spare ? &m->spares.with : &m->spares.without;
	uint64_t took_us = clock_now_us() - since_us;

	if (was_spare)
		m->spares.n_taken++;
	else if (m->config->spare_sandboxes > 0)
		m->spares.n_missed++;
	if (since_us == 0)
		return;
	c->n++;
	c->total_us += took_us;
	if (took_us > c->longest_us)
		c->longest_us = took_us;
}
