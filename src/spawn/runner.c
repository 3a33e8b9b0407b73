/* runner.c - starting cfn-runner: what runs anybody's programs, in namespaces of its own below the pool's. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "spawn/plan.h"

enum { RUNNER_FIRST_FD = RUNNER_FD_MASTER };
_Static_assert((int)RUNNER_FIRST_FD == (int)PLAN_FIRST_FD, "the plan's first descriptor");

/* Child: it stays uid 0 of the base, because it makes boxes; the first thing that it does is to split into a
 * part that may and a part that is confined. */
static _Noreturn void
child_main(struct plan *plan)
{
	struct err e;

	if (plan_prepare(plan, &e) == 0)
		plan_exec(plan, &e);
	plan_say_failed(plan, &e);
	_exit(1);
}

static int
launch(struct process *p, struct plan *plan, struct err *e)
{
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS,
		                   .pidfd = (uintptr_t)&pidfd,
		                   .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid < 0)
		return err_set(e, errno, "namespaces of the runner");
	if (pid == 0)
		child_main(plan);
	p->pid = (pid_t)pid;
	p->pidfd = pidfd;
	return 0;
}

static bool
is_terminated(const struct start_runner *r)
{
	return memchr(r->languages_dir, '\0', sizeof r->languages_dir) &&
	       memchr(r->path, '\0', sizeof r->path) && memchr(r->location, '\0', sizeof r->location) &&
	       memchr(r->client, '\0', sizeof r->client);
}

/* What it is started with, and the ids that only this process knows. */
static int
seal_start(const struct spawn *s, struct err *e)
{
	struct start_runner r;

	memcpy(&r, s->in.body, sizeof r);
	if (!is_terminated(&r))
		return err_set(e, -EINVAL, "malformed text");
	if (s->n_slots > 0 && s->n_slots <= RUNNER_SLOT_COMPILER)
		return err_set(e, -ERANGE, "the uid range is too small");
	r.front_uid = slot_id(s, RUNNER_SLOT_FRONT);
	r.box_uid = slot_id(s, RUNNER_SLOT_BOX);
	r.compiler_uid = slot_id(s, RUNNER_SLOT_COMPILER);
	r.has_cgroup = s->cgroup >= 0;
	return fd_sealed_memory("start", &r, sizeof r, e);
}

/* Its leaves lie in a folder of its own: when it has died, they are removed with that. */
static int
open_group(const struct spawn *s, struct process *p, struct err *e)
{
	char name[CGROUP_NAME_SIZE];

	snprintf(name, sizeof name, "runner-%u", p->id);
	return cgroup_group_open(s->cgroup, name, &p->leaf, e);
}

int
start_runner(struct spawn *s, struct process *p, struct err *e)
{
	struct plan plan = { .name = "runner",
		             .title = "cfn-runner",
		             .program = s->runner,
		             .n_fds = RUNNER_FD_END - RUNNER_FIRST_FD };
	AUTO_FD start = -1;
	AUTO_FD channel = -1;

	if (s->runner < 0)
		return err_set(e, -ENOENT, "cfn-runner is not installed");
	start = seal_start(s, e);
	if (start < 0 || plan_report(s, p, &channel, e) < 0 || open_group(s, p, e) < 0)
		return -e->code;
	plan.fds[RUNNER_FD_MASTER - RUNNER_FIRST_FD] = s->in.fds[0];
	plan.fds[RUNNER_FD_START - RUNNER_FIRST_FD] = start;
	plan.fds[RUNNER_FD_REPORT - RUNNER_FIRST_FD] = plan.report = channel;
	plan.fds[RUNNER_FD_FOLDER - RUNNER_FIRST_FD] = s->in.fds[1];
	plan.fds[RUNNER_FD_CGROUP - RUNNER_FIRST_FD] = p->leaf.fd;
	/* 0 and 1 of the spawner are /dev/null. */
	plan.in = 0;
	plan.out = 1;
	plan.err = s->in.fds[2];
	return launch(p, &plan, e);
}
