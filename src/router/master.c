/* master.c - messages from and to the master. */
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "router/pages.h"

enum { TO_MASTER_MAX = 4 * 1024 * 1024 };

/* A message that waits, before its body. */
struct pending {
	uint32_t type, length;
};

/* The master reads always; when it is slow, what we say waits in order. */
static void
pending_add(struct router *r, uint32_t type, const void *body, size_t n)
{
	struct pending head = { type, (uint32_t)n };

	if (buf_room(&r->to_master) < sizeof head + n || buf_append(&r->to_master, &head, sizeof head) < 0 ||
	    buf_append(&r->to_master, body, n) < 0) {
		log_line(LOG_ERR, "the master does not read: ending");
		r->is_done = true;
		return;
	}
	loop_watch(r, &r->master, EPOLLIN | EPOLLOUT);
}

void
master_say(struct router *r, uint32_t type, const void *body, size_t n)
{
	struct err e = { 0 };
	int rc = -EAGAIN;

	if (buf_used(&r->to_master) == 0)
		rc = message_send(r->master.fd, type, body, n, NULL, 0, &e);
	if (rc == -EAGAIN)
		pending_add(r, type, body, n);
	else if (rc < 0)
		r->is_done = true;
}

int
master_give(struct router *r, int fd)
{
	struct err e = { 0 };
	int rc = -EAGAIN;

	if (buf_used(&r->to_master) == 0)
		rc = message_send(r->master.fd, MSG_CONNECTION, "", 0, &fd, 1, &e);
	if (rc == -EAGAIN)
		loop_watch(r, &r->master, EPOLLIN | EPOLLOUT);
	return rc;
}

static void
pending_send(struct router *r)
{
	struct err e = { 0 };

	while (buf_used(&r->to_master) > 0) {
		struct pending head;
		int rc;

		memcpy(&head, buf_head(&r->to_master), sizeof head);
		rc = message_send(r->master.fd, head.type, buf_head(&r->to_master) + sizeof head, head.length,
		                  NULL, 0, &e);
		if (rc == -EAGAIN)
			return;
		if (rc < 0) {
			r->is_done = true;
			return;
		}
		buf_consume(&r->to_master, sizeof head + head.length);
	}
	loop_watch(r, &r->master, EPOLLIN);
}

/* ---- what the master says ---- */

static void
snapshot_take(struct router *r, struct message *m)
{
	AUTO_FD fd = message_take_fd(m, 0);
	struct snapshot *next;
	struct err e;

	if (snapshot_map(fd, &next, &e) < 0)
		log_line(LOG_ERR, "snapshot refused: %s", e.text);
	else
		pools_swap(r, next);
}

/* They come before the first snapshot, so before anything can be routed. */
static void
keys_take(struct router *r, struct message *m)
{
	memcpy(&r->sessions.keys, m->body, sizeof r->sessions.keys);
	OPENSSL_cleanse(m->body, sizeof r->sessions.keys);
}

/* A list that cannot be read leaves none: what was revoked must not go on. */
static void
tokens_take(struct router *r, struct message *m)
{
	AUTO_FD fd = message_take_fd(m, 0);
	struct tokens_serial serial;
	struct tokens *next = NULL;
	struct err e;

	memcpy(&serial, m->body, sizeof serial);
	if (tokens_map(fd, &next, &e) < 0)
		log_line(LOG_ERR, "tokens refused, and nobody is let in by one: %s", e.text);
	auth_take(r, next, serial.serial);
	master_say(r, MSG_TOKENS_TAKEN, &serial, sizeof serial);
}

static void
lease_take(struct router *r, struct message *m)
{
	struct lease_fds fds = { message_take_fd(m, 0), message_take_fd(m, 1), -1, -1 };
	struct lease lease;

	memcpy(&lease, m->body, sizeof lease);
	if (lease.is_fresh)
		fds.init = message_take_fd(m, 2);
	fds.denied = message_take_fd(m, lease.is_fresh ? 3 : 2);
	worker_lease(r, &lease, &fds);
}

static void
retire_take(struct router *r, struct message *m)
{
	struct process_ref ref;
	struct worker *w;

	memcpy(&ref, m->body, sizeof ref);
	w = worker_find(r, ref.id);
	if (w && w->stage < WORKER_GONE)
		worker_retire(r, w);
}

static void
replaced_take(struct router *r, struct message *m)
{
	struct version_ref ref;
	struct pool *p;

	memcpy(&ref, m->body, sizeof ref);
	p = pool_find(r, ref.id);
	if (p && p->has_cached)
		cached_purge(r, ref.id);
}

static void
ended_take(struct router *r, struct message *m)
{
	struct worker_ended ended;
	struct worker *w;

	memcpy(&ended, m->body, sizeof ended);
	w = worker_find(r, ended.worker);
	if (w)
		worker_ended(r, w, &ended);
}

static void
refused_take(struct router *r, struct message *m)
{
	struct start_refused refused;
	struct pool *p;

	memcpy(&refused, m->body, sizeof refused);
	p = pool_find(r, refused.version);
	if (p && refused.cause > CAUSE_NONE && refused.cause < CAUSE_COUNT)
		dispatch_refuse(r, p, refused.cause, refused.retry_after_s);
}

static void
stream_take(struct router *r, struct message *m)
{
	struct stream_answer answer;

	memcpy(&answer, m->body, sizeof answer);
	stream_answered(r, &answer);
}

static void
logs_take(struct router *r, struct message *m)
{
	int access = message_take_fd(m, 0), function = message_take_fd(m, 1);

	struct log_kinds kinds;

	memcpy(&kinds, m->body, sizeof kinds);
	logs_replace(r, access, function, &kinds);
	fd_close(&r->error_log);
	r->error_log = message_take_fd(m, 2);
	log_set_fd(r->error_log);
}

/* Idle connections are read a last time: a request that is already there is served. */
static void
drain_take(struct router *r, struct message *m)
{
	struct front *f, *next;

	(void)m;
	r->is_draining = true;
	accept_stop(r);
	stream_tell_all(r);
	for (f = TAILQ_FIRST(&r->fronts[FRONT_IDLE]); f; f = next) {
		next = TAILQ_NEXT(f, link);
		f->is_readable = true;
		front_resume(r, f);
		if (f->stage == FRONT_IDLE)
			front_close(r, f);
	}
}

/* Nothing is closed under a web server that is about to send: who has kept it open goes on in another pool.
 */
static void
hand_over_take(struct router *r, struct message *m)
{
	(void)m;
	r->is_draining = r->is_handing_over = true;
	accept_stop(r);
	stream_tell_all(r);
}

static void
given_take(struct router *r, struct message *m)
{
	accept_given(r, message_take_fd(m, 0));
}

static void
page_take(struct router *r, struct message *m)
{
	AUTO_FD fd = message_take_fd(m, 0);
	struct page_made made;

	memcpy(&made, m->body, sizeof made);
	pages_take(r, &made, fd);
}

static void
function_log_came(struct router *r, struct message *m)
{
	struct version_ref ref;

	memcpy(&ref, m->body, sizeof ref);
	function_log_take(r, ref.id, m->n_fds > 0 ? message_take_fd(m, 0) : -1);
}

static void
counters_take(struct router *r, struct message *m)
{
	(void)m;
	score_flush(r);
	score_workers(r);
	master_say(r, MSG_COUNTERS, NULL, 0);
}

#define EXACTLY(type) sizeof(type), sizeof(type)
static const struct message_rule rules[] = {
	{ MSG_SNAPSHOT, 0, 0, 1, 1 },
	{ MSG_LEASE, EXACTLY(struct lease), 2, 4 },
	{ MSG_RETIRE, EXACTLY(struct process_ref), 0, 0 },
	{ MSG_REPLACED, EXACTLY(struct version_ref), 0, 0 },
	{ MSG_WORKER_ENDED, EXACTLY(struct worker_ended), 0, 0 },
	{ MSG_START_REFUSED, EXACTLY(struct start_refused), 0, 0 },
	{ MSG_STREAM_ANSWER, EXACTLY(struct stream_answer), 0, 0 },
	{ MSG_LOGS, EXACTLY(struct log_kinds), 3, 3 },
	{ MSG_DRAIN, 0, 0, 0, 0 },
	{ MSG_ASK_COUNTERS, 0, 0, 0, 0 },
	{ MSG_SESSION_KEYS, EXACTLY(struct session_keys), 0, 0 },
	{ MSG_TOKENS, EXACTLY(struct tokens_serial), 1, 1 },
	{ MSG_HAND_OVER, 0, 0, 0, 0 },
	{ MSG_GIVEN, 0, 0, 1, 1 },
	{ MSG_PAGE, EXACTLY(struct page_made), 1, 1 },
	{ MSG_FUNCTION_LOG, EXACTLY(struct version_ref), 0, 1 },
};
static void (*const handlers[ARRAY_SIZE(rules)])(struct router *, struct message *) = {
	snapshot_take,  lease_take, retire_take, replaced_take,     ended_take, refused_take,
	stream_take,    logs_take,  drain_take,  counters_take,     keys_take,  tokens_take,
	hand_over_take, given_take, page_take,   function_log_came,
};

/* 1 when there may be more. */
static int
receive(struct router *r)
{
	const struct message_rule *rule;
	struct err e = { 0 };
	int rc = message_receive(r->master.fd, &r->message, &e);

	if (rc == -EAGAIN)
		return 0;
	if (rc <= 0) {
		r->is_done = true;
		return 0;
	}
	rule = message_check(rules, ARRAY_SIZE(rules), &r->message, &e);
	if (rule)
		handlers[rule - rules](r, &r->message);
	else
		log_line(LOG_ERR, "from the master: %s", e.text);
	message_done(&r->message);
	return 1;
}

static void
master_ready(struct router *r, struct source *s, uint32_t events)
{
	(void)s;
	if (events & EPOLLOUT)
		pending_send(r);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	while (!r->is_done && receive(r))
		;
}

int
master_open(struct router *r, int channel, struct err *e)
{
	int rc = fd_set_blocking(channel, 0);

	r->master = (struct source){ .fd = channel, .ready = master_ready };
	buf_init(&r->to_master, TO_MASTER_MAX);
	if (rc == 0)
		rc = loop_watch(r, &r->master, EPOLLIN);
	return rc < 0 ? err_set(e, -rc, "the master's channel") : 0;
}
