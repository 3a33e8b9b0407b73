/* predecessors.c - the pools before this one that still drain. */
#include "pool/predecessors.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/connections.h"
#include "pool/master.h"
#include "pool/runner.h"

static const struct message_rule rules[] = {
	{ HERITAGE_CONNECTION, 0, 0, 1, 1 },
	{ HERITAGE_POOL, 0, 0, 1, 2 },
};

void
predecessors_init(struct master *m)
{
	for (size_t i = 0; i < PREDECESSORS_MAX; i++)
		m->predecessors[i].channel.watch.fd = m->predecessors[i].ended.fd = -1;
}

static struct predecessor *
find_free(struct master *m)
{
	for (size_t i = 0; i < PREDECESSORS_MAX; i++)
		if (m->predecessors[i].ended.fd < 0)
			return &m->predecessors[i];
	return NULL;
}

bool
predecessors_are_full(struct master *m)
{
	return find_free(m) == NULL;
}

bool
predecessors_are_running(const struct master *m)
{
	for (size_t i = 0; i < PREDECESSORS_MAX; i++)
		if (m->predecessors[i].ended.fd >= 0 && !m->predecessors[i].has_ended)
			return true;
	return false;
}

/* What it has sent until its end lies in the channel, which is read to its own end. */
static void
settle(struct predecessor *p)
{
	if (p->has_ended && p->channel.watch.fd < 0)
		fd_close(&p->ended.fd);
}

static void
on_end(struct master *m, void *owner, const struct err *why)
{
	struct predecessor *p = owner;

	(void)m;
	(void)why;
	channel_close(&p->channel);
	settle(p);
}

static void
on_ended(void *context, void *owner, uint32_t events)
{
	struct master *m = context;
	struct predecessor *p = owner;

	(void)events;
	loop_forget(&m->loop, &p->ended);
	p->has_ended = true;
	settle(p);
	runner_follow(m);
}

/* It had predecessors itself. */
static void
take_pool(struct master *m, struct message *message)
{
	int process = message_take_fd(message, 0), channel = message_take_fd(message, 1);
	struct err e;

	if (predecessors_add(m, process, channel, &e) < 0)
		log_line(LOG_WARNING, "connections of a pool before this one are closed: %s", e.text);
}

static void
on_message(struct master *m, void *owner, struct message *message)
{
	struct err e;

	if (!message_check(rules, ARRAY_SIZE(rules), message, &e))
		on_end(m, owner, &e);
	else if (message->type == HERITAGE_POOL)
		take_pool(m, message);
	else if (m->phase == PHASE_SERVING)
		connections_take(m, message->fds[0]);
	else
		connections_leave(m, message->fds[0]);
}

static int
watch(struct master *m, struct predecessor *p, int *process, int *channel, struct err *e)
{
	p->channel = (struct channel){ .owner = p, .on_message = on_message, .on_end = on_end };
	p->channel.watch.fd = -1;
	p->ended = (struct watch){ .fd = *process, .serve = on_ended, .owner = p };
	p->has_ended = false;
	if (loop_watch(&m->loop, &p->ended, EPOLLIN, e) < 0) {
		p->ended.fd = -1;
		return -e->code;
	}
	*process = -1;
	if (*channel < 0)
		return 0;
	if (channel_open(&p->channel, &m->loop, *channel, e) < 0) {
		p->channel.watch.fd = -1;
		return -e->code;
	}
	*channel = -1;
	return 0;
}

int
predecessors_add(struct master *m, int process, int channel, struct err *e)
{
	struct predecessor *p = find_free(m);
	int rc = p ? watch(m, p, &process, &channel, e)
	           : err_set(e, ENOSPC, "%d pools drain already", PREDECESSORS_MAX);

	fd_close(&process);
	fd_close(&channel);
	return rc;
}

void
predecessors_bequeath(struct master *m, struct channel *heir)
{
	for (size_t i = 0; i < PREDECESSORS_MAX; i++) {
		struct predecessor *p = &m->predecessors[i];
		bool gives = p->channel.watch.fd >= 0;

		if (p->ended.fd < 0)
			continue;
		channel_send(heir, HERITAGE_POOL, NULL, 0, (int[]){ p->ended.fd, p->channel.watch.fd },
		             gives ? 2 : 1);
		channel_close(&p->channel);
		settle(p);
	}
}
