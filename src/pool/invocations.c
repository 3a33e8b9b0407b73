/* invocations.c - workers that serve one cfn-deploy each: started, handed over, told of their end.
 *
 * They are no workers of a pool: never leased, counted by no limit but their own, and a crash holds nobody
 * back. What of the version is needed is copied, so that it may go while they run. */
#include "pool/invocations.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/pools.h"
#include "pool/workers.h"

/* The worker's ends, in the order of MSG_START_WORKER. */
enum { FD_ARTIFACT, FD_ENVIRONMENT, FD_REQUESTS, FD_OUTPUT, N_START_FDS };

struct invocation *
invocation_find(struct master *m, uint32_t id)
{
	for (size_t i = 0; id != 0 && i < INVOCATIONS_MAX; i++)
		if (m->invocations[i].id == id)
			return &m->invocations[i];
	return NULL;
}

bool
invocations_are_running(const struct master *m)
{
	for (size_t i = 0; i < INVOCATIONS_MAX; i++)
		if (m->invocations[i].id != 0)
			return true;
	return false;
}

static struct invocation *
find_free(struct master *m)
{
	for (size_t i = 0; i < INVOCATIONS_MAX; i++)
		if (m->invocations[i].id == 0)
			return &m->invocations[i];
	return NULL;
}

static void
invocation_free(struct master *m, struct invocation *i)
{
	timer_cancel(&m->loop, &i->timer);
	fd_close(&i->requests);
	fd_close(&i->output);
	i->id = 0;
	i->caller = NULL;
}

static void
is_not_ready_in_time(void *context, void *owner)
{
	struct master *m = context;
	struct invocation *i = owner;

	i->is_late = true;
	spawner_kill(m, i->id);
}

/* The worker's ends go with the message; the asker's are kept until it is ready. */
static int
send_start(struct master *m, struct invocation *i, struct pool *pool, bool is_explained, struct err *e)
{
	struct start_worker start = pool->start;
	int fds[N_START_FDS] = { pool->artifact, pool->environment, -1, -1 };
	int mine[2];

	if (worker_channels(mine, &fds[FD_REQUESTS], e) < 0)
		return -e->code;
	i->requests = mine[0];
	i->output = mine[1];
	start.id = i->id;
	start.is_fresh = 0; /* it serves one request, and is a new process for it anyway */
	start.is_invoked = 1;
	start.is_explained = is_explained;
	start.cpu_ms = pool->public.cpu_ms;
	channel_send(&m->spawner_channel, MSG_START_WORKER, &start, sizeof start, fds, N_START_FDS);
	fd_close(&fds[FD_REQUESTS]);
	fd_close(&fds[FD_OUTPUT]);
	return 0;
}

int
invocation_start(struct master *m, struct control_connection *c, struct pool *pool, bool is_explained,
                 struct err *e)
{
	struct invocation *i = find_free(m);
	int rc;

	if (!i)
		return err_set(e, -EBUSY, "%d invocations are running already; try again", INVOCATIONS_MAX);
	rc = artifacts_open(m, pool, e);
	if (rc < 0)
		return rc;
	*i = (struct invocation){ .id = master_next_id(m),
		                  .caller = c,
		                  .requests = -1,
		                  .output = -1,
		                  .function = pool->public,
		                  .peer = c->peer,
		                  .timer = { .fire = is_not_ready_in_time, .owner = i } };
	rc = send_start(m, i, pool, is_explained, e);
	if (rc < 0) {
		invocation_free(m, i);
		return rc;
	}
	timer_arm(&m->loop, &i->timer, START_TIMEOUT_MS * UINT64_C(1000));
	c->wait = CONTROL_INVOKE;
	c->invocation = i;
	timer_arm(&m->loop, &c->timer, (i->function.wall_ms + (uint64_t)CONTROL_INVOKE_MS) * 1000);
	return 0;
}

void
invocation_stop(struct master *m, struct invocation *i)
{
	i->is_stopped = true;
	spawner_kill(m, i->id);
}

void
invocation_abandon(struct master *m, struct invocation *i)
{
	i->caller = NULL;
	invocation_stop(m, i);
}

void
invocation_is_ready(struct master *m, struct invocation *i)
{
	const struct snapshot_function *f = &i->function;
	const int fds[CONTROL_FDS_MAX] = { i->requests, i->output };

	timer_cancel(&m->loop, &i->timer);
	i->is_ready = true;
	if (i->caller)
		control_tell(i->caller,
		             json_pack("{s:b,s:s,s:I,s:I,s:I,s:I}", "ok", 1, "event", "ready", "wall_ms",
		                       (json_int_t)f->wall_ms, "stream_idle_ms",
		                       (json_int_t)f->stream_idle_ms, "body_max", (json_int_t)f->body_max,
		                       "output_max", (json_int_t)f->output_max),
		             fds, CONTROL_FDS_MAX);
	/* The asker's alone: that he closes them is how the worker is told to end. */
	fd_close(&i->requests);
	fd_close(&i->output);
}

static json_t *
refused_json(const struct process_ended *ended, const struct refused_call *calls)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < ended->n_kinds; i++)
		json_array_append_new(list, json_pack("{s:s,s:I,s:i}", "call", calls[i].name, "n",
		                                      (json_int_t)calls[i].n, "errno", calls[i].error));
	return list;
}

/* Not a word of the cause of what was asked for: the end of its requests, or of the asker's patience. */
static enum cause
cause_of(const struct invocation *i, const struct process_ended *ended)
{
	const struct ending *ending = &ended->ending;

	if (ended->cause != CAUSE_NONE)
		return ended->cause < CAUSE_COUNT ? (enum cause)ended->cause : CAUSE_CRASH;
	if (i->is_stopped || (ending->code == CLD_EXITED && ending->status == 0))
		return CAUSE_NONE;
	return ending_cause(ending, i->function.memory);
}

static void
log_end(const struct invocation *i, const struct process_ended *ended, const char *how, enum cause cause)
{
	log_line(LOG_NOTICE,
	         "function '%s' version %u: invoked by uid %u: %s%s%s%s%s%s; cpu %" PRIu64
	         " ms, memory %" PRIu64 " KiB, %" PRIu64 " calls refused",
	         i->function.name, i->function.version, (unsigned)i->peer,
	         i->is_ready ? "" : "not ready: ", how, cause != CAUSE_NONE ? ", " : "", cause_word(cause),
	         ended->reason[0] ? "; " : "", ended->reason, ended->ending.cpu_us / 1000,
	         ended->ending.max_rss_kb, ended->n_refused);
}

/* What an invocation does to a shared folder is as lasting as what a deploy does.  Equal ones are counted. */
static void
record_end(struct master *m, const struct invocation *i, enum cause cause)
{
	char detail[AUDIT_TEXT_SIZE];

	snprintf(detail, sizeof detail, "by uid %u", (unsigned)i->peer);
	audit_note(m, &(struct audit_note){ .event = AUDIT_INVOKE,
	                                    .function = i->function.name,
	                                    .version = i->function.version,
	                                    .cause = cause != CAUSE_NONE ? cause_word(cause) : NULL,
	                                    .detail = detail });
}

/* It never got ready: the only answer, with what it printed. */
static void
tell_failure(struct master *m, struct invocation *i, const struct process_ended *ended, const char *how,
             json_t *refused)
{
	json_t *answer;

	if (i->is_late)
		answer = control_error("it was not ready within %d s", START_TIMEOUT_MS / 1000);
	else if (ended->reason[0])
		answer = control_error("%s", ended->reason);
	else
		answer = control_error("it ended while it was loaded: %s", how);
	json_object_set_new(answer, "refused", refused);
	json_object_set_new(answer, "n_refused", json_integer((json_int_t)ended->n_refused));
	control_tell(i->caller, answer, &i->output, 1);
	control_done(m, i->caller);
}

static void
tell_end(struct master *m, struct invocation *i, const struct process_ended *ended, const char *how,
         enum cause cause, json_t *refused)
{
	control_answer(m, i->caller,
	               json_pack("{s:b,s:s,s:s,s:s,s:s,s:I,s:I,s:o,s:I}", "ok", 1, "event", "ended", "cause",
	                         cause_word(cause), "how", how, "reason", ended->reason, "cpu_us",
	                         (json_int_t)ended->cpu_us, "memory_kb", (json_int_t)ended->ending.max_rss_kb,
	                         "refused", refused, "n_refused", (json_int_t)ended->n_refused));
}

void
invocation_has_ended(struct master *m, struct invocation *i, const struct process_ended *ended,
                     const struct refused_call *calls)
{
	enum cause cause = cause_of(i, ended);
	char how[ENDING_TEXT_SIZE];

	ending_format(&ended->ending, how);
	log_end(i, ended, how, cause);
	record_end(m, i, cause);
	if (i->caller && i->is_ready)
		tell_end(m, i, ended, how, cause, refused_json(ended, calls));
	else if (i->caller)
		tell_failure(m, i, ended, how, refused_json(ended, calls));
	invocation_free(m, i);
	drain_check(m);
}
