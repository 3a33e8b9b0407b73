/* run.c - the life of one run: it waits, has a slot, is begun once more when its keeper dies, and ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/hex.h"
#include "base/log.h"
#include "runner/front_parts.h"

struct run *
run_new(struct front *f, const struct run_kind *kind, const char *id)
{
	unsigned char bytes[ID_BYTES];
	struct run *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->front = f;
	r->kind = kind;
	r->created_ms = clock_wall_ms();
	r->timer.owner = r;
	buf_init(&r->out, 0);
	if (id) {
		snprintf(r->id, sizeof r->id, "%s", id);
	} else {
		random_bytes(bytes, sizeof bytes);
		hex_format(bytes, sizeof bytes, r->id);
	}
	return r;
}

void
job_free(struct run_job *job)
{
	if (job)
		run_job_done(job);
	free(job);
}

struct run_job *
job_new(const struct front *f, const char *text, size_t n, struct run_problem *problem)
{
	struct run_job *job = calloc(1, sizeof *job);

	*problem = (struct run_problem){ .status = 503, .detail = "there is no memory for it now" };
	if (job && run_request_parse(job, text, n, &f->rules.run, problem) == 0)
		return job;
	free(job);
	return NULL;
}

size_t
front_n_running(const struct front *f)
{
	const struct run *r;
	size_t n = 0;

	TAILQ_FOREACH (r, &f->running, link)
		n++;
	return n;
}

bool
front_is_full(const struct front *f)
{
	return front_n_running(f) >= f->rules.max_concurrent ||
	       maker_link_n_keepers(f->link) >= f->rules.max_concurrent;
}

static void
slot_take(struct run *r)
{
	TAILQ_INSERT_TAIL(&r->front->running, r, link);
	r->has_slot = true;
}

static void
slot_leave(struct run *r)
{
	if (r->running)
		running_cancel(r->running);
	r->running = NULL;
	run_result_free(r->result);
	r->result = NULL;
	job_free(r->job);
	r->job = NULL;
	if (r->has_slot)
		TAILQ_REMOVE(&r->front->running, r, link);
	r->has_slot = false;
}

void
run_free(struct run *r)
{
	slot_leave(r);
	queue_remove(&r->front->queue, &r->waiting);
	table_remove(&r->front->runs, &r->node);
	timer_cancel(r->front->loop, &r->timer);
	if (r->lane)
		lane_set_owner(r->lane, NULL);
	buf_done(&r->out);
	free(r);
}

/* ---- its end ---- */

static void
count_done(struct front *f, enum run_status status)
{
	f->counters.done[status].n++;
}

/* Tells whoever waits, and gives the slot back. */
static void
run_end(struct run *r, enum run_status status, json_t *document)
{
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	static const char none[] = "{\"status\":\"internal_error\",\"message\":\"out of memory\"}";

	json_decref(document);
	count_done(r->front, text ? status : RUN_INTERNAL_ERROR);
	timer_cancel(r->front->loop, &r->timer);
	slot_leave(r);
	r->has_ended = true;
	if (r->kind->ended(r, text ? text : none, text ? strlen(text) : sizeof none - 1))
		run_free(r);
	free(text);
}

static void
run_end_by_result(struct run *r)
{
	const struct run_facts facts = {
		.id = r->kind == &run_kind_async ? r->id : NULL, /* nobody can ask for the others again */
		.created_us = (uint64_t)r->created_ms * 1000,
		.started_us = (uint64_t)r->started_ms * 1000,
		.finished_us = (uint64_t)clock_wall_ms() * 1000,
		.isolation = r->front->rules.isolation,
	};

	run_end(r, run_result_status(r->result), run_result_json(r->result, &facts));
}

/* One that could not be begun at all. */
static void
run_end_by_failure(struct run *r, const char *message)
{
	run_end(r, RUN_INTERNAL_ERROR,
	        json_pack("{s:s, s:s, s:s}", "id", r->id, "status", run_status_word(RUN_INTERNAL_ERROR),
	                  "message", message));
}

/* ---- its begin ---- */

static bool run_begin(struct run *r);

static void
on_event(void *owner, const struct run_event *event)
{
	struct run *r = owner;
	struct front *f = r->front;

	if (event->type == RUN_EVENT_USAGE)
		r->usage = event->usage;
	if (run_result_take(r->result, event) < 0) {
		running_cancel(r->running);
		r->running = NULL;
		run_result_fail(r->result, "what watches the program said something that makes no sense");
		run_end_by_result(r);
		front_dispatch(f);
		return;
	}
	if (r->kind->event)
		r->kind->event(r, event);
}

static void
on_ended(void *owner, int rc)
{
	struct run *r = owner;
	struct front *f = r->front;

	r->running = NULL;
	if (rc < 0 && r->attempts < STORE_ATTEMPTS) {
		log_line(LOG_WARNING, "run %s: its keeper ended (%s); it is begun once more", r->id,
		         strerror(-rc));
		run_begin(r);
	} else {
		if (rc < 0)
			run_result_fail(r->result, "what watches the program has ended twice");
		run_end_by_result(r);
	}
	front_dispatch(f);
}

static void
on_keeper_gone(void *context)
{
	front_dispatch(context);
}

static const struct running_rules watched = {
	.event = on_event,
	.ended = on_ended,
	.gone = on_keeper_gone,
};

/* The request of one that the store has. */
static int
job_from_store(struct run *r, struct run_problem *problem)
{
	struct front *f = r->front;
	struct store_run run;
	struct err e = { 0 };

	if (!f->store || store_read(f->store, r->id, &run, &e) < 0) {
		snprintf(problem->detail, sizeof problem->detail, "its request could not be read");
		log_line(LOG_ERR, "run %s: %s", r->id, e.text);
		return -EIO;
	}
	r->job = job_new(f, run.document, run.n, problem);
	store_run_done(&run);
	return r->job ? 0 : -EINVAL;
}

static int
job_prepare(struct run *r, struct run_problem *problem)
{
	if (r->job)
		return 0;
	if (!r->text)
		return job_from_store(r, problem);
	r->job = job_new(r->front, r->text, r->n_text, problem);
	return r->job ? 0 : -EINVAL;
}

/* An attempt begins in the store before it does in a box: one that kills the runner each time must not be
 * begun for ever. */
static int
attempt_note(struct run *r)
{
	struct err e;

	r->attempts++;
	r->started_ms = clock_wall_ms();
	if (r->lane || !r->front->store || store_begin(r->front->store, r->id, r->started_ms, &e) == 0)
		return 0;
	log_line(LOG_ERR, "run %s: %s", r->id, e.text);
	return -e.code;
}

/* False: it has ended, and may be gone. */
static bool
run_begin(struct run *r)
{
	struct run_problem problem = { .detail = "" };
	struct err e = { 0 };

	run_result_free(r->result);
	r->result = NULL;
	r->usage = (struct run_usage){ 0 };
	if (r->attempts >= STORE_ATTEMPTS)
		snprintf(problem.detail, sizeof problem.detail, "it was interrupted twice");
	else if (job_prepare(r, &problem) == 0 && attempt_note(r) == 0)
		r->result = run_result_new(r->job);
	if (r->result)
		r->running = running_start(r->front->link, r->job, &watched, r, &e);
	if (!r->running) {
		if (e.code != 0)
			log_line(LOG_ERR, "run %s: %s", r->id, e.text);
		run_end_by_failure(r, problem.detail[0] ? problem.detail : "it could not be begun");
		return false;
	}
	if (r->kind->begun)
		r->kind->begun(r);
	return true;
}

/* While nothing waits there may be a slot, and while there is one nothing waits. */
int
run_enqueue(struct run *r, const char *client)
{
	struct front *f = r->front;
	bool waits = front_is_full(f);

	if (queue_put(&f->queue, &r->waiting, client) < 0)
		return -ENOMEM;
	f->counters.accepted++;
	if (waits) {
		job_free(r->job);
		r->job = NULL;
		if (r->kind->queued)
			r->kind->queued(r);
	} else {
		front_dispatch(f);
	}
	return 0;
}

void
front_dispatch(struct front *f)
{
	struct queue_entry *entry;

	while (!front_is_full(f) && (entry = queue_take(&f->queue))) {
		struct run *r = CONTAINER_OF(entry, struct run, waiting);

		slot_take(r);
		timer_cancel(f->loop, &r->timer);
		run_begin(r);
	}
}
