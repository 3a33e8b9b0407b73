/* chains.c - both audit chains, read and checked. */
#include "deploy-tool/chains.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "deploy-tool/pools.h"

/* Entries may be younger than the last signature by as much: the pool signs a few seconds behind. */
enum { UNSIGNED_MS = 60 * 1000, WITNESSES_MAX = CONTROL_POOLS_MAX + 1, SIGHTINGS_MAX = 1 << 20 };

const char *const chain_words[CHAINS] = { [CHAIN_REGISTRY] = "registry", [CHAIN_POOL] = "pool" };

static void fault(struct chains *c, enum chain_name name, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void
fault(struct chains *c, enum chain_name name, const char *fmt, ...)
{
	char text[CHAINS_FAULT_SIZE - 16];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (c->n_faults++ < CHAINS_FAULTS_MAX)
		snprintf(c->faults[c->n_faults - 1], CHAINS_FAULT_SIZE, "%s: %s", chain_words[name], text);
}

/* ---- what is kept ---- */

size_t
chain_n_kept(const struct chain *chain)
{
	return chain->n_wanted < CHAINS_KEPT_MAX ? chain->n_wanted : CHAINS_KEPT_MAX;
}

const struct audit_record *
chain_kept(const struct chain *chain, size_t i)
{
	size_t first = chain->n_wanted > CHAINS_KEPT_MAX ? chain->n_wanted % CHAINS_KEPT_MAX : 0;

	return &chain->kept[(first + i) % CHAINS_KEPT_MAX];
}

static void
keep(struct chains *c, enum chain_name name, const struct audit_record *r)
{
	struct chain *chain = &c->chain[name];
	size_t at = chain->n_wanted % CHAINS_KEPT_MAX;

	if (r->time_ms < c->since_ms || (c->function && strcmp(r->function, c->function) != 0))
		return;
	if (at >= chain->n_allocated) {
		size_t size = chain->n_allocated ? chain->n_allocated * 2 : 256;
		struct audit_record *grown = reallocarray(chain->kept, size, sizeof *grown);

		if (!grown) {
			c->has_no_memory = true;
			return;
		}
		chain->kept = grown;
		chain->n_allocated = size;
	}
	chain->kept[at] = *r;
	chain->n_wanted++;
}

/* ---- the pool's log ---- */

static void
keep_sighting(struct chains *c, const struct audit_record *r)
{
	struct sighting s = { .entry = r->number, .row = r->count, .time_ms = r->time_ms };

	if (s.row == 0 || hex_parse(r->detail, s.hash.bytes, DIGEST_SIZE) < 0)
		return;
	if (c->n_sightings == c->n_sightings_allocated) {
		size_t size = c->n_sightings ? c->n_sightings * 2 : 256;
		struct sighting *grown =
		    size <= SIGHTINGS_MAX ? reallocarray(c->sightings, size, sizeof *grown) : NULL;

		if (!grown) {
			c->has_no_memory = true;
			return;
		}
		c->sightings = grown;
		c->n_sightings_allocated = size;
	}
	c->sightings[c->n_sightings++] = s;
}

static void
take_entry(void *context, const struct audit_record *r)
{
	struct chains *c = context;

	if (strcmp(r->event, audit_event_word(AUDIT_REGISTRY)) == 0)
		keep_sighting(c, r);
	keep(c, CHAIN_POOL, r);
}

static void
take_fault(void *context, const char *text)
{
	fault(context, CHAIN_POOL, "%s", text);
}

static int
read_key(const struct tool *t, const struct chains *c, struct public_key *k, struct err *e)
{
	char path[PATH_MAX];

	if (c->key)
		return audit_key_read_public(c->key, k, e);
	snprintf(path, sizeof path, "%s/%s", t->config.state_dir, AUDIT_PUBLIC_NAME);
	return audit_key_read_public(path, k, e);
}

/* The signed head becomes a witness when its signature is good. */
static void
check_head(const struct tool *t, struct chains *c, int folder, struct audit_witness *w)
{
	char id[KEY_ID_TEXT_SIZE], when[CLOCK_TEXT_SIZE];
	struct audit_signed_head head;
	struct public_key key;
	struct key_id key_id;
	struct err e;
	int rc = audit_walk_head(folder, &head, &e);

	if (rc == -ENOENT)
		return;
	if (rc == 0)
		rc = read_key(t, c, &key, &e);
	if (rc == 0)
		rc = key_id_of(&key, &key_id, &e);
	if (rc < 0) {
		fault(c, CHAIN_POOL, "the signed head: %s", e.text);
		return;
	}
	key_id_format(&key_id, id);
	clock_format(head.time_ms, when);
	if (audit_head_check(&head, &key, &e) < 0) {
		fault(c, CHAIN_POOL, "the head is not signed with key %s", id);
		return;
	}
	*w = (struct audit_witness){ .head = head.head, .who = "the signed head" };
	snprintf(c->chain[CHAIN_POOL].note, CHAINS_NOTE_SIZE, "entry %" PRIu64 " signed at %s with key %s",
	         head.head.number, when, id);
}

static size_t
ask_pools(struct tool *t, struct audit_witness *witnesses)
{
	AUTO_POOLS struct pools pools = { 0 };
	size_t n = 0;
	struct err e;

	if (pools_connect(t, &pools, &e) < 0)
		return 0;
	for (size_t i = 0; i < pools.n; i++) {
		AUTO_JSON json_t *status = NULL;
		const json_t *audit;
		const char *hash, *folder;
		struct audit_witness w = { .who = "the pool that runs" };

		if (pools_ask(&pools, i, json_pack("{s:s}", "command", "status"), -1, POOLS_ASK_MS, &status,
		              &e) < 0)
			continue;
		audit = json_object_get(status, "audit");
		hash = json_string_value(json_object_get(audit, "hash"));
		folder = json_string_value(json_object_get(audit, "folder"));
		w.head.number = (uint64_t)json_integer_value(json_object_get(audit, "number"));
		/* One of another configuration may keep another log. */
		if (!folder || strcmp(folder, t->config.state_dir) != 0)
			continue;
		if (hash && w.head.number > 0 && hex_parse(hash, w.head.hash.bytes, DIGEST_SIZE) == 0)
			witnesses[n++] = w;
	}
	return n;
}

static void
check_unsigned(struct chains *c, const struct audit_walk *w)
{
	const struct chain *chain = &c->chain[CHAIN_POOL];

	if (chain->note[0] == '\0' && w->n_entries > 0 && w->last_ms + UNSIGNED_MS < clock_wall_ms())
		fault(c, CHAIN_POOL, "no good signature of the head is there, although it should be");
}

static void
read_log(struct tool *t, struct chains *c, int folder)
{
	struct audit_witness witnesses[WITNESSES_MAX] = { 0 };
	struct chain *chain = &c->chain[CHAIN_POOL];
	struct audit_walk w = { .entry = take_entry, .fault = take_fault, .context = c };
	struct err e;

	/* Before the log is read: what they know must be there then. */
	w.witnesses = witnesses;
	w.n_witnesses = 1 + ask_pools(t, witnesses + 1);
	check_head(t, c, folder, &witnesses[0]);
	if (audit_walk(&w, folder, &e) < 0) {
		fault(c, CHAIN_POOL, "%s", e.text);
		return;
	}
	check_unsigned(c, &w);
	chain->is_read = true;
	chain->first = w.first;
	chain->last = w.last.number;
	chain->n = w.n_entries;
}

static void
read_pool(struct tool *t, struct chains *c)
{
	struct chain *chain = &c->chain[CHAIN_POOL];
	AUTO_FD folder = open(t->config.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder >= 0) {
		read_log(t, c, folder);
		return;
	}
	c->is_denied = errno == EACCES || errno == EPERM;
	snprintf(chain->note, sizeof chain->note, "%s: %s", t->config.state_dir,
	         errno == ENOENT ? "no pool has run yet" : strerror(errno));
}

/* ---- the registry's rows ---- */

struct rows {
	struct chains *c;
	uint64_t last;
	size_t n_seen; /* sightings that were compared */
};

static int
by_row(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;

	return x->row != y->row ? (x->row > y->row) - (x->row < y->row)
	                        : (x->entry > y->entry) - (x->entry < y->entry);
}

static void
fault_rows(struct chains *c, uint64_t from, uint64_t to, const char *where)
{
	if (from == to)
		fault(c, CHAIN_REGISTRY, "row %" PRIu64 " is missing%s", from, where);
	else
		fault(c, CHAIN_REGISTRY, "rows %" PRIu64 " to %" PRIu64 " are missing%s", from, to, where);
}

static void
compare_sightings(struct rows *rows, const struct registry_audit_row *row)
{
	struct chains *c = rows->c;
	char when[CLOCK_TEXT_SIZE];

	for (; rows->n_seen < c->n_sightings && c->sightings[rows->n_seen].row <= row->record.number;
	     rows->n_seen++) {
		const struct sighting *s = &c->sightings[rows->n_seen];

		if (s->row != row->record.number || !row->is_good ||
		    memcmp(&s->hash, &row->hash, sizeof s->hash) == 0)
			continue;
		clock_format(s->time_ms, when);
		fault(c, CHAIN_REGISTRY,
		      "row %" PRIu64 " is not the one that the pool saw at %s (entry %" PRIu64 ")", s->row,
		      when, s->entry);
	}
}

static int
take_row(void *context, const struct registry_audit_row *row)
{
	struct rows *rows = context;
	struct chains *c = rows->c;
	struct chain *chain = &c->chain[CHAIN_REGISTRY];
	uint64_t number = row->record.number;

	if (number > rows->last + 1)
		fault_rows(c, rows->last + 1, number - 1, "");
	else if (!row->is_good)
		fault(c, CHAIN_REGISTRY, "row %" PRIu64 " is damaged", number);
	else if (!row->follows)
		fault(c, CHAIN_REGISTRY,
		      "row %" PRIu64 " is not what was written, or the one before it is not", number);
	compare_sightings(rows, row);
	chain->first = chain->n++ == 0 ? number : chain->first;
	chain->last = rows->last = number;
	if (row->is_good)
		keep(c, CHAIN_REGISTRY, &row->record);
	return 0;
}

/* What the pool saw behind the last row. */
static void
check_end(struct rows *rows, uint64_t last)
{
	const struct chains *c = rows->c;
	const struct sighting *s = c->n_sightings ? &c->sightings[c->n_sightings - 1] : NULL;
	char where[128], when[CLOCK_TEXT_SIZE];

	if (s && s->row > rows->last && s->row >= last) {
		clock_format(s->time_ms, when);
		snprintf(where, sizeof where, " at the end: the pool saw them at %s (entry %" PRIu64 ")",
		         when, s->entry);
		fault_rows(rows->c, rows->last + 1, s->row, where);
	} else if (last > rows->last) {
		fault_rows(rows->c, rows->last + 1, last, " at the end");
	} else if (last < rows->last) {
		fault(rows->c, CHAIN_REGISTRY, "there are more rows than were written, which is %" PRIu64,
		      last);
	}
}

static int
read_registry(struct tool *t, struct chains *c)
{
	struct rows rows = { .c = c };
	uint64_t last = 0;
	struct err e;
	int rc;

	if (c->n_sightings > 0)
		qsort(c->sightings, c->n_sightings, sizeof *c->sightings, by_row);
	rc = registry_each_audit(t->registry, take_row, &rows, &last, &e);
	if (rc < 0)
		return tool_fail(&e);
	check_end(&rows, last);
	c->chain[CHAIN_REGISTRY].is_read = true;
	return 0;
}

int
chains_read(struct tool *t, struct chains *c)
{
	int rc;

	read_pool(t, c);
	rc = read_registry(t, c);
	if (rc == 0 && c->has_no_memory)
		return tool_fail_as(EX_OSERR, "audit: out of memory");
	return rc;
}

void
chains_done(struct chains *c)
{
	for (size_t i = 0; i < CHAINS; i++)
		free(c->chain[i].kept);
	free(c->sightings);
}
