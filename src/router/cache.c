/* cache.c - answers that are kept: a bounded table by what their functions were asked. */
#include "router/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
hash_of(const struct cache *c, const struct cache_key *key)
{
	const struct siphash_key seed = { { c->seed.k[0] ^ key->version_id, c->seed.k[1] } };

	return siphash(&seed, key->p, key->n);
}

static struct entries *
bucket_of(const struct cache *c, uint64_t hash)
{
	return &c->buckets[hash % CACHE_BUCKETS];
}

static size_t
size_of(const struct entry *e)
{
	return sizeof *e + e->n_key + e->n_answer;
}

int
cache_open(struct cache *c, size_t max, const struct siphash_key *seed)
{
	*c = (struct cache){ .max = max, .seed = *seed };
	TAILQ_INIT(&c->recent);
	TAILQ_INIT(&c->filling);
	if (max == 0)
		return 0;
	c->buckets = calloc(CACHE_BUCKETS, sizeof *c->buckets);
	if (!c->buckets)
		return -ENOMEM;
	for (size_t i = 0; i < CACHE_BUCKETS; i++)
		TAILQ_INIT(&c->buckets[i]);
	return 0;
}

void
cache_drop(struct cache *c, struct entry *e)
{
	TAILQ_REMOVE(bucket_of(c, e->hash), e, link);
	TAILQ_REMOVE(e->stage == ENTRY_FILLING ? &c->filling : &c->recent, e, use_link);
	c->used -= size_of(e);
	c->n_entries--;
	free(e->key);
	free(e->answer);
	free(e);
}

void
cache_done(struct cache *c)
{
	struct entry *e;

	for (size_t i = 0; c->buckets && i < CACHE_BUCKETS; i++)
		while ((e = TAILQ_FIRST(&c->buckets[i])))
			cache_drop(c, e);
	free(c->buckets);
	c->buckets = NULL;
}

struct entry *
cache_find(struct cache *c, const struct cache_key *key, uint64_t now_us)
{
	uint64_t hash = hash_of(c, key);
	struct entry *e;

	TAILQ_FOREACH (e, bucket_of(c, hash), link)
		if (e->hash == hash && e->version_id == key->version_id && e->n_key == key->n &&
		    memcmp(e->key, key->p, key->n) == 0)
			break;
	if (!e || e->stage == ENTRY_FILLING || now_us < e->until_us)
		return e;
	cache_drop(c, e);
	return NULL;
}

/* What is being filled stays, whatever its age. */
static bool
make_room(struct cache *c, size_t n)
{
	struct entry *last;

	while ((c->used + n > c->max || c->n_entries >= CACHE_ENTRIES_MAX) &&
	       (last = TAILQ_LAST(&c->recent, entries)))
		cache_drop(c, last);
	return c->used + n <= c->max && c->n_entries < CACHE_ENTRIES_MAX;
}

struct entry *
cache_add(struct cache *c, const struct cache_key *key)
{
	struct entry *e;

	if (key->n > CACHE_KEY_MAX || !make_room(c, sizeof *e + key->n))
		return NULL;
	e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	e->key = malloc(key->n + 1);
	if (!e->key) {
		free(e);
		return NULL;
	}
	memcpy(e->key, key->p, key->n);
	e->n_key = key->n;
	e->version_id = key->version_id;
	e->hash = hash_of(c, key);
	TAILQ_INIT(&e->waiting);
	TAILQ_INSERT_HEAD(bucket_of(c, e->hash), e, link);
	TAILQ_INSERT_TAIL(&c->filling, e, use_link);
	c->used += size_of(e);
	c->n_entries++;
	return e;
}

char *
cache_reserve(struct cache *c, struct entry *e, size_t n)
{
	if (n > CACHE_ANSWER_MAX || n > c->max / 4)
		return NULL;
	while (c->used + n > c->max && !TAILQ_EMPTY(&c->recent))
		cache_drop(c, TAILQ_LAST(&c->recent, entries));
	if (c->used + n > c->max)
		return NULL;
	e->answer = malloc(n + 1);
	if (!e->answer)
		return NULL;
	e->n_answer = n;
	c->used += n;
	return e->answer;
}

void
cache_keep(struct cache *c, struct entry *e, enum entry_stage stage, uint64_t until_us)
{
	TAILQ_REMOVE(&c->filling, e, use_link);
	e->stage = stage;
	e->until_us = until_us;
	e->leader = NULL;
	TAILQ_INSERT_HEAD(&c->recent, e, use_link);
}

void
cache_touch(struct cache *c, struct entry *e)
{
	TAILQ_REMOVE(&c->recent, e, use_link);
	TAILQ_INSERT_HEAD(&c->recent, e, use_link);
}
