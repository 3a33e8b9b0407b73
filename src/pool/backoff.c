/* backoff.c - how long to wait before something that failed is started again. */
#include "pool/backoff.h"

static uint64_t
us(uint64_t ms)
{
	return ms * 1000;
}

static uint64_t
owed_us(const struct backoff *b, uint64_t now_us)
{
	return b->paid_us > now_us ? b->paid_us - now_us : 0;
}

static void
charge(struct backoff *b, uint64_t now_us, uint64_t price_us)
{
	uint64_t owed = owed_us(b, now_us) + price_us;
	const uint64_t most = us(BACKOFF_CREDIT_MS + BACKOFF_MAX_MS);

	b->paid_us = now_us + (owed < most ? owed : most);
	b->failed_us = now_us;
}

void
backoff_failed(struct backoff *b, uint64_t now_us, uint64_t ready_us)
{
	bool has_served = ready_us > 0 && now_us >= ready_us + us(BACKOFF_LIFE_MS);

	charge(b, now_us, us(has_served ? BACKOFF_SERVED_MS : BACKOFF_USELESS_MS));
}

void
backoff_failed_among(struct backoff *b, struct backoff *all, uint64_t now_us, uint64_t ready_us)
{
	bool is_again = b->failed_us > 0 && now_us < b->failed_us + us(BACKOFF_CREDIT_MS);

	backoff_failed(b, now_us, ready_us);
	if (!is_again)
		return;
	charge(all, now_us, us(BACKOFF_SHARED_MS));
	if (backoff_left(all, now_us) > 0 && b->paid_us < all->paid_us)
		b->paid_us = all->paid_us;
}

uint64_t
backoff_left(const struct backoff *b, uint64_t now_us)
{
	uint64_t owed = owed_us(b, now_us);

	return owed > us(BACKOFF_CREDIT_MS) ? owed - us(BACKOFF_CREDIT_MS) : 0;
}

bool
backoff_is_wary(const struct backoff *b, uint64_t now_us)
{
	return owed_us(b, now_us) + us(BACKOFF_USELESS_MS) > us(BACKOFF_CREDIT_MS);
}
