/* sandboxed.c - a cfn-worker in its own namespaces: made before it is known whom it will serve, assigned when
 * that is known.  There is no other way to start one, whether it has waited in between or not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "spawn/plan.h"

/* Init's only word. */
static int
make_ending(struct process *p, int *ending, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(e, errno, "pipe");
	p->ending = ends[0];
	*ending = ends[1];
	return 0;
}

/* A pipe that nobody writes to: reads as empty, and belongs to one sandbox alone. */
static int
empty_input(struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	close(ends[1]);
	return ends[0];
}

/* Room for a program of ours alone; what it will be allowed is written when it is assigned. */
static int
open_leaf(struct spawn *s, struct process *p, struct err *e)
{
	static const struct cgroup_limits before = { .memory = 16 << 20, .processes = 2 };
	char name[CGROUP_NAME_SIZE];

	snprintf(name, sizeof name, "worker-%u", ++s->n_leaves);
	return cgroup_leaf_open(s->cgroup, name, &before, &p->leaf, e);
}

int
sandboxed_make(struct spawn *s, struct process *p, const struct sandboxed *what, struct err *e)
{
	struct plan plan = { .profile = what->profile,
		             .name = what->name,
		             .program = SPAWNER_FD_WORKER,
		             .has_sanitizers = what->has_sanitizers,
		             .out = 1,
		             .err = 2,
		             .n_fds = WORKER_FD_LIBRARY - PLAN_FIRST_FD + 1 };
	struct sandbox_process child;
	AUTO_FD channel = -1;
	AUTO_FD ending = -1;
	AUTO_FD input = empty_input(e);

	if (input < 0 || plan_report(s, p, &channel, e) < 0 || make_ending(p, &ending, e) < 0 ||
	    (what->limits && open_leaf(s, p, e) < 0))
		return -e->code;
	snprintf(plan.title, sizeof plan.title, "%-*s", (int)sizeof plan.title - 1, "cfn-spare");
	plan.in = input;
	memset(plan.fds, -1, sizeof plan.fds);
	plan.report = plan.fds[WORKER_FD_CHANNEL - PLAN_FIRST_FD] = channel;
	plan.fds[WORKER_FD_ENDING - PLAN_FIRST_FD] = ending;
	plan.fds[WORKER_FD_LIBRARY - PLAN_FIRST_FD] = SPAWNER_FD_LIBRARY;
	if (plan_launch(&plan, p, &child, e) < 0)
		return -e->code;
	/* It waits for nothing but its assignment. */
	sandbox_process_done(&child);
	return 0;
}

/* The message of the master, with what is missing in it. */
static int
send_start(const struct spawn *s, const struct process *p, const struct sandboxed *what, struct err *e)
{
	static struct {
		struct worker_places where;
		unsigned char start[sizeof(struct start_worker) + sizeof(struct start_copy)];
	} body;
	int fds[MESSAGE_FDS_MAX];
	size_t n = 0;

	body.where.places = 0;
	for (int fd = 0; fd < WORKER_FD_END; fd++) {
		if (what->fds[fd] < 0)
			continue;
		body.where.places |= UINT64_C(1) << fd;
		fds[n++] = what->fds[fd];
	}
	memcpy(body.start, s->in.body, s->in.length);
	return message_send(p->report, s->in.type, &body, sizeof body.where + s->in.length, fds, n, e);
}

int
sandboxed_assign(const struct spawn *s, const struct process *p, const struct sandboxed *what, struct err *e)
{
	uid_t id = slot_id(s, what->slot);

	if (p->leaf.fd >= 0 && cgroup_leaf_limit(&p->leaf, what->limits, e) < 0)
		return -e->code;
	if (sandbox_map(p->pid, -1, id, id, e) < 0)
		return -e->code;
	return send_start(s, p, what, e);
}

/* One that has ended cannot be told, and has said why.  Nothing else needs the master's message now. */
static void
give_up(struct spawn *s, struct process *p, const struct err *why)
{
	struct err e;

	message_done(&s->in);
	while (p->report >= 0 && report_read(s, p, &e) == 0)
		;
	process_set_reason(p, why->text, strlen(why->text));
	process_kill(p);
}

int
sandboxed_start(struct spawn *s, struct process *p, const struct sandboxed *what, struct err *e)
{
	spares_pause(s);
	if (spares_take(s, p, what))
		return 0;
	if (sandboxed_make(s, p, what, e) < 0)
		return -e->code;
	if (sandboxed_assign(s, p, what, e) < 0)
		give_up(s, p, e);
	return 0;
}
