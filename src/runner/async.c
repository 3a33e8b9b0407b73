/* async.c - runs that nobody waits for: accepted into the store, asked for by id. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "runner/front_parts.h"

enum { SWEEP_S = 30, REOPEN_S = 1 };

static const char no_store[] = "there is no store of runs now";

static uint64_t
id_key(const char *id)
{
	uint64_t key = 0;
	char half[2 * sizeof key + 1] = "";

	memcpy(half, id, sizeof half - 1);
	hex_parse(half, &key, sizeof key);
	return key;
}

static struct run *
live_find(const struct front *f, const char *id)
{
	struct node *node = table_find(&f->runs, id_key(id));

	while (node && strcmp(CONTAINER_OF(node, struct run, node)->id, id) != 0)
		node = table_find_next(node);
	return node ? CONTAINER_OF(node, struct run, node) : NULL;
}

/* NULL: no memory. */
static struct run *
live_new(struct front *f, const char *id)
{
	struct run *r = run_new(f, &run_kind_async, id);

	if (!r || table_put(&f->runs, &r->node, id_key(r->id)) == 0)
		return r;
	run_free(r);
	return NULL;
}

/* ---- the end of one ---- */

/* A result that does not fit is one that could not be kept: better than one that is run again. */
static bool
async_ended(struct run *r, const char *document, size_t n)
{
	static const char lost[] =
	    "{\"status\":\"internal_error\",\"message\":\"its result could not be kept\"}";
	struct front *f = r->front;
	int64_t now = clock_wall_ms();
	struct err e = { 0 };

	if (!f->store || store_finish(f->store, r->id, document, n, now, &e) == 0)
		return true;
	log_line(LOG_ERR, "run %s: %s", r->id, e.text);
	if (store_finish(f->store, r->id, lost, sizeof lost - 1, now, &e) < 0)
		log_line(LOG_ERR, "run %s: %s", r->id, e.text);
	return true;
}

const struct run_kind run_kind_async = { .ended = async_ended, .is_kept_over_drain = true };

/* ---- POST ---- */

static int
accept_run(struct front *f, const struct run *r, const struct lane_request *q, const char *client,
           struct err *e)
{
	struct store_run run = {
		.created_ms = r->created_ms,
		.document = (char *)(uintptr_t)q->body,
		.n = q->n_body,
	};

	memcpy(run.id, r->id, sizeof run.id);
	snprintf(run.client, sizeof run.client, "%s", client);
	return store_add(f->store, &run, e);
}

static void
say_accepted(struct front *f, struct lane *l, const char *id)
{
	const struct run *r = live_find(f, id);
	size_t position = r ? queue_position(&f->queue, &r->waiting) : 0;
	char fields[PROBLEM_FIELDS_SIZE + RUN_LOCATION_SIZE];

	snprintf(fields, sizeof fields, "Location: %s/%s\r\n", f->rules.path, id);
	reply_json(l, 202, fields,
	           json_pack("{s:s, s:s, s:o*}", "id", id, "status", position > 0 ? "queued" : "running",
	                     "position", position > 0 ? json_integer((json_int_t)position) : NULL));
}

void
async_post(struct front *f, struct lane *l, const struct lane_request *q, const char *client)
{
	struct run *r = f->store ? live_new(f, NULL) : NULL;
	char id[STORE_ID_SIZE];
	struct err e = { 0 };

	if (!r || accept_run(f, r, q, client, &e) < 0) {
		if (r)
			run_free(r);
		if (e.code != 0)
			log_line(LOG_ERR, "%s", e.text);
		reply_later(l, 503, e.code == ENOSPC ? "the store of runs is full" : no_store, RETRY_FULL_S);
		return;
	}
	memcpy(id, r->id, sizeof id);
	if (run_enqueue(r, client) < 0)
		run_free(r); /* its turn comes with the next runner */
	say_accepted(f, l, id);
}

/* ---- GET, DELETE ---- */

static json_t *
live_json(const struct front *f, const struct run *r)
{
	size_t position = queue_position(&f->queue, &r->waiting);
	char created[CLOCK_TEXT_SIZE], started[CLOCK_TEXT_SIZE];

	clock_format(r->created_ms, created);
	if (position > 0)
		return json_pack("{s:s, s:s, s:s, s:I}", "id", r->id, "status", "queued", "created_at",
		                 created, "position", (json_int_t)position);
	clock_format(r->started_ms, started);
	return json_pack("{s:s, s:s, s:s, s:s, s:o*}", "id", r->id, "status", "running", "created_at",
	                 created, "started_at", started, "usage",
	                 r->usage.wall_us > 0 ? run_usage_json(&r->usage) : NULL);
}

static void
say_stored(struct lane *l, const struct store_run *run)
{
	if (run->state == STORE_DONE)
		lane_answer(l, 200, "Cache-Control: no-store\r\n", "application/json", run->document, run->n);
	else
		reply_json(l, 200, "", json_pack("{s:s, s:s}", "id", run->id, "status", "queued"));
}

static void
say_no_run(struct lane *l)
{
	reply_refusal(l, 404, "there is no such run, or its result was not kept any longer", "");
}

/* The lane leaves a body out for HEAD: of a result that may be large nothing else is looked at than its size.
 */
void
async_get(struct front *f, struct lane *l, const char *id, bool is_head)
{
	int (*find)(struct store *, const char *, struct store_run *, struct err *) =
	    is_head ? store_look : store_read;
	const struct run *r = live_find(f, id);
	struct store_run run;
	struct err e = { 0 };
	int rc;

	if (r) {
		reply_json(l, 200, "", live_json(f, r));
		return;
	}
	rc = f->store ? find(f->store, id, &run, &e) : -EAGAIN;
	if (rc == 0) {
		say_stored(l, &run);
		store_run_done(&run);
	} else if (rc == -ENOENT) {
		say_no_run(l);
	} else {
		if (e.code != 0)
			log_line(LOG_ERR, "%s", e.text);
		reply_later(l, 503, no_store, RETRY_FULL_S);
	}
}

void
async_delete(struct front *f, struct lane *l, const char *id)
{
	struct run *r = live_find(f, id);
	struct err e = { 0 };
	int rc;

	if (r) {
		run_free(r);
		f->counters.cancelled++;
	}
	rc = f->store ? store_remove(f->store, id, &e) : -EAGAIN;
	if (rc == 0)
		lane_answer(l, 204, "Cache-Control: no-store\r\n", NULL, NULL, 0);
	else if (rc == -ENOENT)
		say_no_run(l);
	else
		reply_later(l, 503, no_store, RETRY_FULL_S);
	front_dispatch(f);
}

/* ---- the store ---- */

static int
take_open(void *context, const struct store_run *run)
{
	struct front *f = context;
	struct run *r;

	if (live_find(f, run->id))
		return 0;
	r = live_new(f, run->id);
	if (!r)
		return -ENOMEM;
	r->created_ms = run->created_ms;
	r->attempts = run->attempts;
	if (queue_put(&f->queue, &r->waiting, run->client) < 0) {
		run_free(r);
		return -ENOMEM;
	}
	return 0;
}

static void
sweep(void *context, void *owner)
{
	struct front *f = owner;
	struct err e;

	(void)context;
	if (store_sweep(f->store, clock_wall_ms(), &e) < 0)
		log_line(LOG_ERR, "%s", e.text);
	timer_arm(f->loop, &f->store_timer, (uint64_t)SWEEP_S * 1000000);
}

static void
open_again(void *context, void *owner)
{
	(void)context;
	async_open(owner);
}

void
async_begin(struct front *f)
{
	struct err e;

	if (!f->has_begun || !f->store || f->is_draining)
		return;
	if (store_each_open(f->store, take_open, f, &e) < 0)
		log_line(LOG_ERR, "store: %s", e.text);
	front_dispatch(f);
}

/* A runner that is ending may have it still. */
void
async_open(struct front *f)
{
	const struct store_rules rules = { .retention_s = f->rules.retention_s, .size = f->rules.store_size };
	struct err damage, e = { 0 };

	f->store_timer.owner = f;
	f->store_timer.fire = sweep;
	if (store_open(f->rules.folder, &rules, &f->store, &damage, &e) < 0) {
		if (!f->has_said_store)
			log_line(e.code == EBUSY ? LOG_INFO : LOG_ERR, "%s; it is tried again", e.text);
		f->has_said_store = true;
		f->store_timer.fire = open_again;
		timer_arm(f->loop, &f->store_timer, (uint64_t)REOPEN_S * 1000000);
		return;
	}
	if (damage.code != 0)
		log_line(LOG_ERR, "%s", damage.text);
	async_begin(f);
	sweep(NULL, f);
}

void
async_leave(struct front *f)
{
	struct node *next, *node = table_next(&f->runs, NULL);

	for (; node; node = next) {
		struct run *r = CONTAINER_OF(node, struct run, node);

		next = table_next(&f->runs, node);
		if (queue_holds(&r->waiting))
			run_free(r);
	}
}
