/* queue.c - runs that wait: a ring of clients, each with a list of its own. */
#include "runner/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

TAILQ_HEAD(queue_entries, queue_entry);

struct queue_client {
	struct node node; /* in the table */
	TAILQ_ENTRY(queue_client) link;
	struct queue_entries entries; /* never empty between two calls */
	size_t n, n_bytes;
	char name[];
};

void
queue_init(struct queue *q, const struct siphash_key *key, size_t max, size_t share)
{
	*q = (struct queue){ .key = *key, .max = max, .share = share };
	TAILQ_INIT(&q->ring);
}

void
queue_done(struct queue *q)
{
	table_done(&q->table);
}

static struct queue_client *
client_find(const struct queue *q, const char *name, uint64_t key)
{
	struct node *node = table_find(&q->table, key);

	while (node && strcmp(CONTAINER_OF(node, struct queue_client, node)->name, name) != 0)
		node = table_find_next(node);
	return node ? CONTAINER_OF(node, struct queue_client, node) : NULL;
}

static uint64_t
key_of(const struct queue *q, const char *name)
{
	return siphash(&q->key, name, strlen(name));
}

int
queue_admits(const struct queue *q, const char *client, size_t n_bytes)
{
	const struct queue_client *c = client_find(q, client, key_of(q, client));

	if ((c ? c->n : 0) >= q->share || (c && c->n_bytes + n_bytes > QUEUE_SHARE_BYTES))
		return -EDQUOT;
	return q->n < q->max ? 0 : -ENOSPC;
}

/* A client that begins to wait comes last in the ring. */
static struct queue_client *
client_new(struct queue *q, const char *name, uint64_t key)
{
	size_t size = strlen(name) + 1;
	struct queue_client *c = calloc(1, sizeof *c + size);

	if (!c)
		return NULL;
	memcpy(c->name, name, size);
	TAILQ_INIT(&c->entries);
	if (table_put(&q->table, &c->node, key) < 0) {
		free(c);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&q->ring, c, link);
	return c;
}

int
queue_put(struct queue *q, struct queue_entry *entry, const char *client)
{
	uint64_t key = key_of(q, client);
	struct queue_client *c = client_find(q, client, key);

	if (!c)
		c = client_new(q, client, key);
	if (!c)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&c->entries, entry, link);
	entry->client = c;
	c->n++;
	c->n_bytes += entry->n_bytes;
	q->n++;
	return 0;
}

void
queue_remove(struct queue *q, struct queue_entry *entry)
{
	struct queue_client *c = entry->client;

	if (!c)
		return;
	TAILQ_REMOVE(&c->entries, entry, link);
	entry->client = NULL;
	c->n--;
	c->n_bytes -= entry->n_bytes;
	q->n--;
	if (c->n > 0)
		return;
	TAILQ_REMOVE(&q->ring, c, link);
	table_remove(&q->table, &c->node);
	free(c);
}

struct queue_entry *
queue_take(struct queue *q)
{
	struct queue_client *c = TAILQ_FIRST(&q->ring);
	struct queue_entry *entry;

	if (!c)
		return NULL;
	TAILQ_REMOVE(&q->ring, c, link);
	TAILQ_INSERT_TAIL(&q->ring, c, link);
	entry = TAILQ_FIRST(&c->entries);
	queue_remove(q, entry);
	return entry;
}

/* Those before it in its own list, so many whole rounds of the others, and in the last round those of the
 * ring that come first. */
size_t
queue_position(const struct queue *q, const struct queue_entry *entry)
{
	const struct queue_entry *at;
	const struct queue_client *c;
	size_t rounds = 0, position;
	bool is_before = true;

	if (!entry->client)
		return 0;
	for (at = TAILQ_FIRST(&entry->client->entries); at != entry; at = TAILQ_NEXT(at, link))
		rounds++;
	position = rounds + 1;
	TAILQ_FOREACH (c, &q->ring, link) {
		if (c == entry->client)
			is_before = false;
		else
			position += c->n <= rounds ? c->n : rounds + is_before;
	}
	return position;
}
