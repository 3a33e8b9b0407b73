/* table.h - a hash table of nodes that live in what they name. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct node {
	struct node *next;
	uint64_t key;
};

struct table {
	struct node **buckets;
	size_t n_buckets; /* a power of two, or 0 */
	size_t n;
};

void table_done(struct table *t); /* the nodes stay the caller's */

/* Several nodes may have one key.  0 or -ENOMEM. */
int table_put(struct table *t, struct node *node, uint64_t key);
void table_remove(struct table *t, struct node *node);

/* The first node with the key, and the next one with the same key; NULL when there is none. */
struct node *table_find(const struct table *t, uint64_t key);
struct node *table_find_next(const struct node *node);

/* Walks all: begins with NULL; the node that was returned may be removed before the next call only when the
 * next one was asked for already. */
struct node *table_next(const struct table *t, const struct node *node);

/* The key of a text. */
uint64_t table_key_of(const char *text);
