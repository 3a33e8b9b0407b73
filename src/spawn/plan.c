/* plan.c - a child's way from its clone to its program: descriptors at their numbers, exec. */
#include "spawn/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

enum { SPARE_FD_MIN = PLAN_FIRST_FD + PLAN_FDS_MAX + 1 };

/* The sender's pid comes with each message. */
int
plan_report(struct spawn *s, struct process *p, int *channel, struct err *e)
{
	const int on = 1;
	int pair[2], rc;

	if (message_pair(pair, e) < 0)
		return -e->code;
	p->report = pair[0];
	*channel = pair[1];
	if (setsockopt(p->report, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
		return err_set(e, errno, "SO_PASSCRED");
	rc = fd_set_blocking(p->report, 0);
	return rc < 0 ? err_set(e, -rc, "report channel") : process_watch(s, p, SOURCE_REPORT, e);
}

void
plan_say_failed(const struct plan *plan, const struct err *failure)
{
	struct err e;

	message_send(plan->report, REPORT_FAILED, failure->text, strlen(failure->text), NULL, 0, &e);
}

/* Child: to say what fails while the descriptors are moved; closes at exec. */
static int
spare_report(struct plan *plan, struct err *e)
{
	int spare = fcntl(plan->report, F_DUPFD_CLOEXEC, SPARE_FD_MIN);

	if (spare < 0)
		return err_set(e, errno, "duplicate the report channel");
	plan->report = spare;
	return 0;
}

int
plan_prepare(struct plan *plan, struct err *e)
{
	sigset_t none;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_set(e, errno, "signal mask");
	return spare_report(plan, e);
}

/* Child: exactly the plan's descriptors; the program's own and the spare close at exec. */
static int
place_descriptors(const struct plan *plan, struct err *e)
{
	int fds[PLAN_FDS_MAX + 1];
	int program = PLAN_FIRST_FD + (int)plan->n_fds, rc;

	if (dup2(plan->in, 0) < 0 || dup2(plan->out, 1) < 0 || dup2(plan->err, 2) < 0)
		return err_set(e, errno, "place descriptors");
	memcpy(fds, plan->fds, sizeof plan->fds);
	fds[plan->n_fds] = plan->program;
	rc = fd_place(fds, plan->n_fds + 1, PLAN_FIRST_FD);
	if (rc < 0)
		return err_set(e, -rc, "place descriptors");
	rc = fd_set_cloexec(program, 1);
	if (rc == 0)
		rc = fd_close_from(program + 1, plan->report);
	return rc < 0 ? err_set(e, -rc, "close descriptors") : program;
}

int
plan_exec(struct plan *plan, struct err *e)
{
	/* The worker takes them out of its environment; its symbols are looked up elsewhere. */
	static char preload[] = "LD_PRELOAD=" SANITIZER_PRELOAD;
	static char addresses[] =
	    "ASAN_OPTIONS=abort_on_error=1:detect_leaks=0:symbolize=0:quarantine_size_mb=16:"
	    "allocator_may_return_null=1:detect_stack_use_after_return=0";
	static char behaviour[] = "UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1:symbolize=0";
	char *argv[] = { plan->title, NULL };
	char *env[] = { plan->has_sanitizers ? preload : NULL, addresses, behaviour, NULL };
	int program = place_descriptors(plan, e);

	if (program < 0)
		return program;
	execveat(program, "", argv, env, AT_EMPTY_PATH);
	return err_set(e, errno, "run");
}

static _Noreturn void
child_main(struct plan *plan, struct sandbox_process *p)
{
	unsigned parts = SANDBOX_PREPARE | (plan->awaits_maps ? SANDBOX_IDENTITY : 0U);
	struct sandbox sandbox;
	struct err e;

	sandbox_init(&sandbox, plan->profile, plan->name);
	if (plan_prepare(plan, &e) == 0 && (!plan->awaits_maps || sandbox_await(p, &e) == 0) &&
	    sandbox_enter(&sandbox, parts, &e) == 0)
		plan_exec(plan, &e);
	plan_say_failed(plan, &e);
	_exit(1);
}

int
plan_launch(struct plan *plan, struct process *p, struct sandbox_process *child, struct err *e)
{
	pid_t pid = sandbox_clone(plan->profile, p->leaf.fd, child, e);

	if (pid < 0)
		return pid;
	if (pid == 0)
		child_main(plan, child);
	/* From here on it is reaped like any other, whatever happens. */
	p->pid = child->pid;
	p->pidfd = child->pidfd;
	child->pidfd = -1;
	return 0;
}
