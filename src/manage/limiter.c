/* limiter.c - how often a client may fail to show a token. */
#include "manage/limiter.h"

#include <stdio.h>
#include <string.h>

static bool
is_over(const struct limiter_count *c, uint64_t now_s)
{
	return c->begun_s == 0 || now_s >= c->begun_s + LIMITER_WINDOW_S;
}

static unsigned
left(const struct limiter_count *c, uint32_t most, uint64_t now_s)
{
	return is_over(c, now_s) || c->n <= most ? 0 : (unsigned)(c->begun_s + LIMITER_WINDOW_S - now_s);
}

static void
count(struct limiter_count *c, uint64_t now_s)
{
	if (is_over(c, now_s))
		*c = (struct limiter_count){ .begun_s = now_s };
	if (c->n < UINT32_MAX)
		c->n++;
}

/* The row of the address; n: there is none. */
static size_t
find(const struct limiter *l, const char *address)
{
	size_t i = 0;

	while (i < l->n && strncmp(l->rows[i].address, address, LIMITER_ADDRESS_SIZE - 1) != 0)
		i++;
	return i;
}

static size_t
oldest(const struct limiter *l)
{
	size_t found = 0;

	for (size_t i = 1; i < l->n; i++)
		if (l->rows[i].failed.begun_s < l->rows[found].failed.begun_s)
			found = i;
	return found;
}

unsigned
limiter_blocks(const struct limiter *l, const char *address, uint64_t now_s)
{
	size_t i = find(l, address);

	/* The one failure more than it may has been answered already. */
	return i < l->n && l->rows[i].failed.n >= LIMITER_OF_ADDRESS
	           ? left(&l->rows[i].failed, LIMITER_OF_ADDRESS - 1, now_s)
	           : 0;
}

unsigned
limiter_failed(struct limiter *l, const char *address, uint64_t now_s)
{
	size_t i = find(l, address);

	if (i == l->n && l->n < LIMITER_ADDRESSES)
		l->n++;
	else if (i == l->n)
		i = oldest(l);
	if (strncmp(l->rows[i].address, address, LIMITER_ADDRESS_SIZE - 1) != 0) {
		memset(&l->rows[i], 0, sizeof l->rows[i]);
		snprintf(l->rows[i].address, LIMITER_ADDRESS_SIZE, "%s", address);
	}
	count(&l->rows[i].failed, now_s);
	count(&l->all, now_s);
	return left(&l->all, LIMITER_OF_ALL, now_s);
}
