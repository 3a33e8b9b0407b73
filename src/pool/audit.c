/* audit.c - the pool's audit log: a bounded queue in front of the chain, the signed head, the system's log.
 */
#include "pool/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "pool/master.h"
#include "pool/supervisor.h"

enum { CLOSE_TRIES = 20 };

static void
failed(struct auditor *a, const struct err *e)
{
	if (!a->is_failing)
		log_line(LOG_ERR, "audit log: %s; serving goes on, what is to be recorded waits", e->text);
	a->is_failing = true;
}

static void
recovered(struct auditor *a)
{
	if (a->is_failing)
		log_line(LOG_NOTICE, "audit log: written again, entry %" PRIu64, a->log.last.number);
	a->is_failing = false;
}

static int
open_log(struct master *m, struct err *e)
{
	struct auditor *a = &m->auditor;
	int rc;

	if (a->is_open)
		return 0;
	rc = audit_key_open(m->config->state_dir, &a->key, e);
	if (rc == 0)
		rc = audit_log_open(&a->log, m->uids.folder, e);
	a->is_open = rc == 0;
	return rc;
}

/* What did not fit is an entry of its own, behind those that did. */
static size_t
fill_batch(const struct auditor *a, struct audit_record *batch)
{
	size_t n = a->n_queued;

	memcpy(batch, a->queue, n * sizeof *batch);
	if (a->n_dropped == 0)
		return n;
	batch[n] = (struct audit_record){ .time_ms = clock_wall_ms(), .count = a->n_dropped };
	snprintf(batch[n].event, sizeof batch[n].event, "%s", audit_event_word(AUDIT_DROPPED));
	return n + 1;
}

static int
write_queue(struct master *m, struct err *e)
{
	struct audit_record batch[AUDIT_QUEUE_MAX + 1];
	struct auditor *a = &m->auditor;
	int rc = open_log(m, e);

	if (rc == 0)
		rc = audit_log_append(&a->log, batch, fill_batch(a, batch), e);
	if (rc < 0)
		return rc;
	a->n_queued = 0;
	a->n_dropped = 0;
	a->flushed_us = clock_now_us();
	return 0;
}

static void
flush(void *context, void *owner)
{
	struct master *m = context;
	struct auditor *a = owner;
	struct err e;
	int rc = write_queue(m, &e);

	if (rc < 0) {
		if (rc != -EAGAIN)
			failed(a, &e);
		timer_arm(&m->loop, &a->flush,
		          (rc == -EAGAIN ? AUDIT_LOCKED_MS : AUDIT_RETRY_MS) * UINT64_C(1000));
		return;
	}
	recovered(a);
	if (a->sign.due_us == 0)
		timer_arm(&m->loop, &a->sign, AUDIT_SIGN_MS * UINT64_C(1000));
}

/* Where nobody who gets at this folder can take it back. */
static void
say_head(void *context, void *owner)
{
	struct master *m = context;
	struct auditor *a = owner;
	char hash[DIGEST_TEXT_SIZE], text[CONFIG_PATH_MAX + 256];

	if (a->syslogged_number == a->log.signed_number)
		return;
	digest_format(&a->log.last.hash, hash);
	snprintf(text, sizeof text, "audit log of %s: entry %" PRIu64 ", hash %s", m->config->registry,
	         a->log.last.number, hash);
	supervisor_syslog(LOG_AUTHPRIV | LOG_NOTICE, text);
	a->syslogged_number = a->log.signed_number;
	a->syslogged_us = clock_now_us();
}

static void
say_head_later(struct master *m, struct auditor *a)
{
	uint64_t now = clock_now_us(), again_us = a->syslogged_us + AUDIT_SYSLOG_MS * UINT64_C(1000);

	if (a->syslogged_number == 0 || now >= again_us)
		say_head(m, a);
	else if (a->syslog.due_us == 0)
		timer_arm(&m->loop, &a->syslog, again_us - now);
}

static void
sign(void *context, void *owner)
{
	struct master *m = context;
	struct auditor *a = owner;
	struct err e;
	int rc = audit_head_sign(&a->log, &a->key, &e);

	if (rc == 0) {
		say_head_later(m, a);
		return;
	}
	if (rc != -EAGAIN)
		failed(a, &e);
	timer_arm(&m->loop, &a->sign, (rc == -EAGAIN ? AUDIT_LOCKED_MS : AUDIT_RETRY_MS) * UINT64_C(1000));
}

/* ---- the queue ---- */

static void
put_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

static void
fill_record(struct audit_record *r, const struct audit_note *note)
{
	*r = (struct audit_record){ .time_ms = clock_wall_ms(),
		                    .version = note->version,
		                    .count = note->count };
	if (r->count == 0 && audit_event_is_bounded(note->event))
		r->count = 1;
	put_text(r->event, sizeof r->event, audit_event_word(note->event));
	put_text(r->function, sizeof r->function, note->function);
	put_text(r->cause, sizeof r->cause, note->cause);
	put_text(r->syscall, sizeof r->syscall, note->syscall);
	put_text(r->request, sizeof r->request, note->request);
	put_text(r->detail, sizeof r->detail, note->detail);
}

/* The same but for time, request, count and the first one's detail. */
static bool
is_alike(const struct audit_record *a, const struct audit_record *b)
{
	return strcmp(a->event, b->event) == 0 && strcmp(a->function, b->function) == 0 &&
	       a->version == b->version && strcmp(a->cause, b->cause) == 0 &&
	       strcmp(a->syscall, b->syscall) == 0;
}

static struct audit_record *
find_alike(struct auditor *a, const struct audit_record *r)
{
	for (size_t i = 0; i < a->n_queued; i++)
		if (is_alike(&a->queue[i], r))
			return &a->queue[i];
	return NULL;
}

static bool
has_room(const struct auditor *a, const struct audit_record *r, bool is_bounded)
{
	size_t n_of_function = 0;

	if (!is_bounded)
		return a->n_queued < AUDIT_QUEUE_MAX;
	for (size_t i = 0; i < a->n_queued; i++)
		n_of_function += strcmp(a->queue[i].function, r->function) == 0;
	return a->n_queued < AUDIT_QUEUE_BOUNDED && n_of_function < AUDIT_QUEUE_OF_FUNCTION;
}

static void
flush_soon(struct master *m)
{
	struct auditor *a = &m->auditor;
	uint64_t now = clock_now_us(), due_us = a->flushed_us + AUDIT_FLUSH_MS * UINT64_C(1000);

	if (a->flush.fire && a->flush.due_us == 0)
		timer_arm(&m->loop, &a->flush, a->flushed_us > 0 && due_us > now ? due_us - now : 0);
}

void
audit_note(struct master *m, const struct audit_note *note)
{
	bool is_bounded = audit_event_is_bounded(note->event);
	struct auditor *a = &m->auditor;
	struct audit_record r, *alike;

	fill_record(&r, note);
	alike = is_bounded ? find_alike(a, &r) : NULL;
	if (alike)
		alike->count += r.count;
	else if (has_room(a, &r, is_bounded))
		a->queue[a->n_queued++] = r;
	else
		a->n_dropped++;
	flush_soon(m);
}

void
audit_registry(struct master *m)
{
	struct auditor *a = &m->auditor;
	struct audit_head head = { 0 };
	char hash[DIGEST_TEXT_SIZE];
	struct err e;
	int rc = registry_audit_head(m->registry, &head, &e);

	if (rc < 0 && rc != -EBUSY && !a->is_registry_failing)
		log_line(LOG_ERR, "audit log: %s", e.text);
	if (rc != -EBUSY)
		a->is_registry_failing = rc < 0;
	if (rc < 0 || memcmp(&head, &a->registry, sizeof head) == 0)
		return;
	if (head.number <= a->registry.number)
		log_line(LOG_WARNING,
		         "the registry's audit rows end with %" PRIu64 ", and had %" PRIu64
		         " before: it was replaced, or they were changed",
		         head.number, a->registry.number);
	a->registry = head;
	digest_format(&head.hash, hash);
	audit_note(m, &(struct audit_note){ .event = AUDIT_REGISTRY, .count = head.number, .detail = hash });
}

void
audit_open(struct master *m)
{
	struct auditor *a = &m->auditor;

	a->flush = (struct timer){ .fire = flush, .owner = a };
	a->sign = (struct timer){ .fire = sign, .owner = a };
	a->syslog = (struct timer){ .fire = say_head, .owner = a };
	flush(m, a);
}

/* Another pool may be writing just now, but not for long. */
static int
finish(struct master *m, struct err *e)
{
	struct auditor *a = &m->auditor;
	int rc = -EAGAIN;

	for (int i = 0; i < CLOSE_TRIES && rc == -EAGAIN; i++) {
		if (i > 0)
			usleep(AUDIT_LOCKED_MS * 1000);
		rc = write_queue(m, e);
		if (rc == 0)
			rc = audit_head_sign(&a->log, &a->key, e);
	}
	return rc;
}

void
audit_close(struct master *m)
{
	struct auditor *a = &m->auditor;
	struct err e;

	if (!a->flush.fire)
		return;
	timer_cancel(&m->loop, &a->flush);
	timer_cancel(&m->loop, &a->sign);
	timer_cancel(&m->loop, &a->syslog);
	if (finish(m, &e) < 0)
		failed(a, &e);
	else
		say_head(m, a);
	if (a->is_open)
		audit_log_close(&a->log);
	key_forget(&a->key);
	*a = (struct auditor){ 0 };
}
