/* process.c - the spawner's channel: what has started and ended. */
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/invocations.h"
#include "pool/routers.h"
#include "pool/runner.h"
#include "pool/watchdog.h"
#include "pool/workers.h"

static const struct message_rule rules[] = {
	{ MSG_PROCESS_READY, sizeof(struct process_ready), MESSAGE_BODY_MAX, 0, 1 },
	{ MSG_PROCESS_ENDED, sizeof(struct process_ended),
	  sizeof(struct process_ended) + REFUSED_KINDS_MAX * sizeof(struct refused_call), 0, 0 },
	{ MSG_SPARES_WAIT, sizeof(struct spares), sizeof(struct spares), 0, 0 },
	{ MSG_ALIVE, 0, 0, 0, 0 },
};

enum { EXIT_SPAWNER_GONE = 70 /* EX_SOFTWARE */ };

uint32_t
master_next_id(struct master *m)
{
	if (++m->last_id == 0)
		m->last_id = 1;
	return m->last_id;
}

void
master_stop(struct master *m, int exit_code)
{
	if (m->phase == PHASE_STOPPED)
		return;
	m->phase = PHASE_STOPPED;
	m->exit_code = exit_code;
}

void
spawner_kill(struct master *m, uint32_t id)
{
	struct process_ref ref = { id };

	if (id != 0)
		channel_send(&m->spawner_channel, MSG_KILL, &ref, sizeof ref, NULL, 0);
}

static void
process_is_ready(struct master *m, struct message *message)
{
	struct process_ready ready;
	struct invocation *i;
	struct worker *w;

	memcpy(&ready, message->body, sizeof ready);
	w = worker_find(m, ready.id);
	i = invocation_find(m, ready.id);
	if (runner_is(m, ready.id))
		runner_became_ready(m);
	else if (w)
		worker_became_ready(m, w, &ready, message_take_fd(message, 0));
	else if (i)
		invocation_is_ready(m, i);
}

static void
take_ended(const struct message *message, struct process_ended *ended,
           struct refused_call calls[REFUSED_KINDS_MAX])
{
	size_t n = (message->length - sizeof *ended) / sizeof *calls;

	memcpy(ended, message->body, sizeof *ended);
	ended->reason[sizeof ended->reason - 1] = '\0';
	if (ended->n_kinds > n)
		ended->n_kinds = (uint32_t)n;
	memcpy(calls, message->body + sizeof *ended, ended->n_kinds * sizeof *calls);
	for (size_t i = 0; i < ended->n_kinds; i++)
		calls[i].name[sizeof calls[i].name - 1] = '\0';
}

static void
process_has_ended(struct master *m, const struct message *message)
{
	struct process_ended ended;
	struct refused_call calls[REFUSED_KINDS_MAX];
	struct invocation *invocation;
	struct router *router;
	struct worker *w;

	take_ended(message, &ended, calls);
	w = worker_find(m, ended.id);
	router = router_find(m, ended.id);
	invocation = invocation_find(m, ended.id);
	if (runner_is(m, ended.id))
		runner_has_ended(m, &ended);
	else if (w)
		worker_has_ended(m, w, &ended);
	else if (router)
		router_has_ended(m, router, &ended);
	else if (invocation)
		invocation_has_ended(m, invocation, &ended, calls);
	else
		control_copy_ended(m, &ended);
}

/* Without it nothing can be started or killed; a supervisor starts the pool anew. */
static void
on_end(struct master *m, void *owner, const struct err *why)
{
	(void)owner;
	hearing_take(m, HEARD_SPAWNER);
	log_line(LOG_ERR, "the spawner %s; the pool ends", why->text);
	channel_close(&m->spawner_channel);
	m->spawner.channel = -1;
	master_stop(m, EXIT_SPAWNER_GONE);
}

static void
on_message(struct master *m, void *owner, struct message *message)
{
	struct err e;

	if (!message_check(rules, ARRAY_SIZE(rules), message, &e))
		on_end(m, owner, &e);
	else if (message->type == MSG_PROCESS_READY)
		process_is_ready(m, message);
	else if (message->type == MSG_SPARES_WAIT)
		m->spares.n_waiting = ((const struct spares *)message->body)->n;
	else if (message->type == MSG_PROCESS_ENDED)
		process_has_ended(m, message);
	else
		watchdog_spawner_lives(m);
}

int
spawner_open(struct master *m, struct err *e)
{
	m->spawner_channel.owner = m;
	m->spawner_channel.on_message = on_message;
	m->spawner_channel.on_end = on_end;
	if (hearing_watch(m, HEARD_SPAWNER, e) < 0)
		return -e->code;
	return channel_open(&m->spawner_channel, &m->loop, m->spawner.channel, e);
}
