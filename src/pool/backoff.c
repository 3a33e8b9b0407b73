/* backoff.c - how long to wait before something that failed is started again. */
#include "pool/backoff.h"

static uint64_t
delay_ms(uint32_t n_failures)
{
	uint64_t ms = BACKOFF_FIRST_MS;

	if (n_failures <= BACKOFF_FREE)
		return 0;
	for (uint32_t i = BACKOFF_FREE + 1; i < n_failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

void
backoff_failed(struct backoff *b, uint64_t now_us)
{
	/* Only the time after the delay was good time. */
	uint64_t good_us = now_us > b->until_us ? now_us - b->until_us : 0;
	uint64_t forgiven = good_us / (BACKOFF_FORGIVE_MS * UINT64_C(1000));

	b->n_failures = forgiven < b->n_failures ? b->n_failures - (uint32_t)forgiven : 0;
	/* Counting further would only be more to be forgiven. */
	if (delay_ms(b->n_failures) < BACKOFF_MAX_MS)
		b->n_failures++;
	b->until_us = now_us + delay_ms(b->n_failures) * 1000;
}

uint64_t
backoff_left(const struct backoff *b, uint64_t now_us)
{
	return b->until_us > now_us ? b->until_us - now_us : 0;
}
