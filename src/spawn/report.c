/* report.c - what a starting process says, and the calls that it is refused.  Nothing of it is believed: the
 * author's code may be the one that speaks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "ipc/start.h"
#include "spawn/spawn.h"

static const struct message_rule rules[] = {
	{ REPORT_WAITING, 0, 0, 0, 0 },
	{ REPORT_LISTENER, 0, 0, 1, 1 },
	{ REPORT_READY, sizeof(struct process_ready), MESSAGE_BODY_MAX, 0, 0 },
	{ REPORT_FAILED, 1, REASON_SIZE - 1, 0, 0 },
	{ REPORT_NOT_LOADED, 1, REASON_SIZE - 1, 0, 0 },
};

static void
break_off(const struct spawn *s, struct process *p, const char *why)
{
	process_set_reason(p, why, strlen(why));
	process_close_report(s, p);
	process_kill(p);
}

/* What cannot be watched ends; the others go on. */
static void
take_listener(struct spawn *s, struct process *p)
{
	struct err e;

	if (p->kind != PROCESS_WORKER || p->listener >= 0) {
		break_off(s, p, "the worker sent a second listener");
		return;
	}
	p->listener = message_take_fd(&s->in, 0);
	if (process_watch(s, p, SOURCE_LISTENER, &e) < 0)
		break_off(s, p, e.text);
	else
		p->was_confined = true;
}

/* It may cross with what it waits for; once, and before any code of others. */
static void
take_waiting(struct spawn *s, struct process *p)
{
	if (p->is_waiting || p->was_confined || p->kind == PROCESS_RUNNER || p->kind == PROCESS_ROUTER)
		break_off(s, p, "it waits twice");
	else
		spares_waits(s, p);
}

static int
take_runner_ready(struct spawn *s, struct process *p, struct err *e)
{
	const struct process_ready ready = { .id = p->id, .pid = p->pid };

	p->was_ready = true;
	process_close_report(s, p);
	return outbox_post(s, MSG_PROCESS_READY, &ready, sizeof ready, -1, e);
}

/* The pid is the kernel's word about the sender, not the sender's. */
static int
take_ready(struct spawn *s, struct process *p, struct err *e)
{
	struct process_ready *ready = (struct process_ready *)s->in.body;

	if (p->kind == PROCESS_RUNNER)
		return take_runner_ready(s, p, e);
	if (p->kind != PROCESS_WORKER || p->listener < 0 || s->in.pid <= 0) {
		break_off(s, p, "the worker said it was ready before it could be");
		return 0;
	}
	p->was_ready = true;
	process_close_report(s, p);
	ready->id = p->id;
	ready->pid = p->worker = s->in.pid;
	ready->was_spare = p->was_spare;
	if (p->invoked)
		invoked_ready(p);
	return outbox_post(s, MSG_PROCESS_READY, s->in.body, s->in.length,
	                   p->invoked ? -1 : process_unwatch(s, &p->listener), e);
}

static int
take_report(struct spawn *s, struct process *p, struct err *e)
{
	struct err broken;

	if (!message_check(rules, ARRAY_SIZE(rules), &s->in, &broken)) {
		break_off(s, p, "the worker broke the protocol while it started");
		return 0;
	}
	if (s->in.type == REPORT_READY)
		return take_ready(s, p, e);
	if (s->in.type == REPORT_LISTENER)
		take_listener(s, p);
	if (s->in.type == REPORT_WAITING)
		take_waiting(s, p);
	if (s->in.type == REPORT_LISTENER || s->in.type == REPORT_WAITING)
		return 0;
	if (s->in.type == REPORT_FAILED)
		p->was_confined = false;
	process_set_reason(p, (const char *)s->in.body, s->in.length);
	process_close_report(s, p);
	return 0;
}

int
report_read(struct spawn *s, struct process *p, struct err *e)
{
	struct err broken;
	int rc = message_receive(p->report, &s->in, &broken);

	if (rc == -EAGAIN)
		return rc;
	if (rc == 0)
		process_close_report(s, p);
	if (rc < 0)
		break_off(s, p, broken.text);
	if (rc <= 0)
		return 0;
	rc = take_report(s, p, e);
	message_done(&s->in);
	return rc;
}

static void
stop_denied(const struct spawn *s, struct process *p, const struct sandbox_denied *denied)
{
	char name[SYSCALL_NAME_SIZE], text[REASON_SIZE];

	sandbox_syscall_name(denied->nr, name);
	snprintf(text, sizeof text, "more than %d refused system calls while it was loaded, the last one: %s",
	         DENIED_MAX, name);
	break_off(s, p, text);
}

/* The errno to answer with; 0: it is one too many. */
static int
judge_denied(const struct spawn *s, struct process *p, const struct sandbox_denied *denied)
{
	if (p->invoked)
		return invoked_refuse(s, p, denied);
	if (p->n_denied++ < DENIED_MAX)
		return sandbox_service_errno(s->filters, denied);
	stop_denied(s, p, denied);
	return 0;
}

/* Without a call to be read the kernel has said that the last thread is gone.  Before Linux 6.11 reading
 * would then wait for ever, and the whole pool with it.  It stays open: READY may be on its way yet. */
void
report_denied(const struct spawn *s, struct process *p, uint32_t events)
{
	struct sandbox_denied denied;
	int rc, error;

	if (!(events & EPOLLIN)) {
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, p->listener, NULL);
		return;
	}
	rc = sandbox_denied_receive(p->listener, &denied);
	error = rc == 1 ? judge_denied(s, p, &denied) : 0;
	if (error > 0)
		rc = sandbox_denied_answer_with(p->listener, &denied, error);
	if (rc < 0)
		process_close_listener(s, p);
}
