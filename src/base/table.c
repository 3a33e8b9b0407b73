/* table.c - a hash table of nodes that live in what they name. */
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_BUCKETS = 64 };

/* Ids count up: multiplied by the golden ratio they spread over the high bits. */
static size_t
bucket_of(const struct table *t, uint64_t key)
{
	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (t->n_buckets - 1);
}

void
table_done(struct table *t)
{
	free(t->buckets);
	*t = (struct table){ 0 };
}

static void
push(struct table *t, struct node *node)
{
	struct node **head = &t->buckets[bucket_of(t, node->key)];

	node->next = *head;
	*head = node;
}

static int
grow(struct table *t)
{
	struct table larger = { .n_buckets = t->n_buckets ? t->n_buckets * 2 : FIRST_BUCKETS, .n = t->n };

	larger.buckets = calloc(larger.n_buckets, sizeof(struct node *));
	if (!larger.buckets)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct node *next;

		for (struct node *node = t->buckets[i]; node; node = next) {
			next = node->next;
			push(&larger, node);
		}
	}
	free(t->buckets);
	*t = larger;
	return 0;
}

int
table_put(struct table *t, struct node *node, uint64_t key)
{
	if (t->n >= t->n_buckets && grow(t) < 0)
		return -ENOMEM;
	node->key = key;
	push(t, node);
	t->n++;
	return 0;
}

void
table_remove(struct table *t, struct node *node)
{
	if (t->n_buckets == 0)
		return;
	for (struct node **p = &t->buckets[bucket_of(t, node->key)]; *p; p = &(*p)->next) {
		if (*p != node)
			continue;
		*p = node->next;
		t->n--;
		return;
	}
}

struct node *
table_find_next(const struct node *node)
{
	struct node *next = node->next;

	while (next && next->key != node->key)
		next = next->next;
	return next;
}

struct node *
table_find(const struct table *t, uint64_t key)
{
	struct node *node = t->n_buckets ? t->buckets[bucket_of(t, key)] : NULL;

	while (node && node->key != key)
		node = node->next;
	return node;
}

struct node *
table_next(const struct table *t, const struct node *node)
{
	size_t bucket = 0;

	if (node) {
		if (node->next)
			return node->next;
		bucket = bucket_of(t, node->key) + 1;
	}
	for (; bucket < t->n_buckets; bucket++)
		if (t->buckets[bucket])
			return t->buckets[bucket];
	return NULL;
}

/* FNV-1a: the names are short and were checked when they were deployed. */
uint64_t
table_key_of(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}
