/* box_init.c - pid 1 of a box and its payload. */
#include "sandbox/box_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"

enum { NET_MS = 1000 }; /* beyond its time: the keeper is first, and this is for one that is held up */

struct payload {
	const struct box_plan *plan;
	struct sandbox *sandbox;
	int failure;
	uint64_t end_us;             /* of all; monotonic */
	const struct box_wait *wait; /* NULL: the plan is there */
	int go;                      /* of wait: a byte for the payload when the plan's files are there */
};

static _Noreturn void
fail(int failure, const struct err *e)
{
	_exit(fd_write_all(failure, e, sizeof *e) < 0 ? 126 : 125);
}

/* Nothing that the keeper blocked or ignored reaches the payload. */
static int
signals_reset(struct err *e)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? err_set(e, errno, "signal mask") : 0;
}

/* Above the standard ones, before those are replaced; -1 stays -1. */
static int
above_standard(int fd, int *above, struct err *e)
{
	*above = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return fd >= 0 && *above < 0 ? err_set(e, errno, "duplicate a descriptor") : 0;
}

/* 0, 1 and 2, whatever numbers they have.  Without input there is an empty one. */
static int
standard_place(int input, int out, int err, struct err *e)
{
	AUTO_FD in = input >= 0 ? fcntl(input, F_DUPFD_CLOEXEC, 3) : open("/dev/null", O_RDONLY | O_CLOEXEC);
	int three[3] = { in, out, err };
	int rc;

	if (in < 0)
		return err_set(e, errno, "standard input");
	rc = fd_place(three, ARRAY_SIZE(three), 0);
	return rc < 0 ? err_set(e, -rc, "standard descriptors") : 0;
}

static int
standard_input(const struct payload *p)
{
	if (p->wait)
		return p->wait->input;
	return p->plan->run ? -1 : p->plan->input;
}

/* Payload: the plan in place of its shape.  Who gives it up has ended. */
static int
plan_await(struct payload *p, int go, struct err *e)
{
	char byte;

	if (fd_read_all(go, &byte, 1) != 1)
		_exit(125);
	p->plan = p->wait->plan;
	box_limits_fill(p->plan, &p->sandbox->limits);
	return standard_place(p->plan->input < 0 ? -1 : 0, 1, p->plan->is_merged ? 1 : 2, e);
}

/* Under the program's filter already, while all code is ours: exec closes the descriptors, so that nobody in
 * the box can answer its own calls. */
static int
program_prepare(struct payload *p, int report, int go, struct err *e)
{
	int rc = p->wait ? plan_await(p, go, e) : 0;

	if (rc == 0)
		rc = message_send(report, BOX_LISTENER, "", 0, &p->sandbox->listener, 1, e);
	return rc < 0 ? rc : sandbox_enter(p->sandbox, SANDBOX_RUN, e);
}

static _Noreturn void
program_exec(const struct box_plan *plan, int failure)
{
	struct err e;

	execve(plan->argv[0], (char *const *)plan->argv, (char *const *)plan->env);
	err_set(&e, errno, "box '%s': exec '%s'", plan->name, plan->argv[0]);
	fail(failure, &e);
}

static _Noreturn void
payload_run(struct payload *p, const struct box_ends *ends)
{
	const struct box_plan *plan = p->plan;
	enum { FAILURE = 3, INPUT, REPORT, GO };
	int keep[] = { 0, 1, 2, [FAILURE] = -1, [INPUT] = -1, [REPORT] = -1, [GO] = -1 };
	struct err e = { 0 };
	int failure;

	if (above_standard(p->failure, &keep[FAILURE], &e) < 0)
		fail(p->failure, &e);
	failure = keep[FAILURE];
	if (above_standard(plan->run ? plan->input : -1, &keep[INPUT], &e) < 0 ||
	    above_standard(plan->profile == BOX_RUN ? ends->report : -1, &keep[REPORT], &e) < 0 ||
	    above_standard(p->go, &keep[GO], &e) < 0 || signals_reset(&e) < 0 ||
	    standard_place(standard_input(p), ends->out, plan->is_merged ? ends->out : ends->err, &e) < 0)
		fail(failure, &e);
	p->sandbox->keep = keep;
	p->sandbox->n_keep = ARRAY_SIZE(keep);
	if (sandbox_enter(p->sandbox, SANDBOX_PAYLOAD, &e) < 0)
		fail(failure, &e);
	if (plan->run) {
		close(failure);
		_exit(plan->run(keep[INPUT], 1, plan->context));
	}
	if (plan->profile == BOX_RUN && program_prepare(p, keep[REPORT], keep[GO], &e) < 0)
		fail(failure, &e);
	program_exec(p->plan, failure);
}

/* Each is counted by its parent with all whose parent it was: init's are all of them. */
static void
cpu_add(struct ending *ending, const struct rusage *usage)
{
	const struct timeval *u = &usage->ru_utime, *s = &usage->ru_stime;

	ending->cpu_us += (uint64_t)(u->tv_sec + s->tv_sec) * 1000000 + (uint64_t)(u->tv_usec + s->tv_usec);
}

static void
ending_set(struct ending *ending, int status, const struct rusage *usage)
{
	if (WIFEXITED(status)) {
		ending->code = CLD_EXITED;
		ending->status = WEXITSTATUS(status);
	} else {
		ending->code = WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
		ending->status = WTERMSIG(status);
	}
	ending->max_rss_kb = (uint64_t)usage->ru_maxrss;
}

/* Reaps whoever has ended, the payload's orphans too: zombies count against its processes.  True when the
 * payload was among them. */
static bool
children_reap(pid_t payload, struct ending *ending)
{
	struct rusage usage;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
		cpu_add(ending, &usage);
		if (pid != payload)
			continue;
		ending_set(ending, status, &usage);
		return true;
	}
	return false;
}

static int
ms_until(uint64_t end_us)
{
	uint64_t now = clock_now_us();

	return now < end_us ? (int)((end_us - now) / 1000 + 1) : 0;
}

/* Until the payload has ended.  The keeper's death is ours, and with us everything goes. */
static void
payload_await(pid_t payload, uint64_t end_us, int life, int signals, struct ending *ending)
{
	struct pollfd polled[] = { { life, POLLIN, 0 }, { signals, POLLIN, 0 } };
	struct signalfd_siginfo info;
	int left;

	while (!children_reap(payload, ending)) {
		left = ms_until(end_us);
		if (poll(polled, ARRAY_SIZE(polled), left) < 0 && errno != EINTR)
			_exit(125);
		if (polled[0].revents || left == 0)
			_exit(0);
		if (polled[1].revents && read(signals, &info, sizeof info) < 0)
			_exit(125);
	}
}

/* What the payload left running must not change the files while they are brought out. */
static void
others_end(struct ending *ending)
{
	struct rusage usage;
	pid_t pid;

	kill(-1, SIGKILL);
	while ((pid = wait4(-1, NULL, 0, &usage)) > 0 || errno == EINTR)
		if (pid > 0)
			cpu_add(ending, &usage);
}

static void
files_send(const struct box_plan *plan, int report)
{
	struct err e;

	for (uint32_t i = 0; plan->collect && plan->collect[i]; i++) {
		AUTO_FD fd = box_file_open(plan->collect[i]);

		if (fd >= 0 && message_send(report, BOX_FILE, &i, sizeof i, &fd, 1, &e) < 0)
			return;
	}
}

static _Noreturn void
init_run(struct payload *p, const struct box_ends *ends, pid_t payload, int signals)
{
	struct ending ending = { 0 };
	struct err e = { 0 };

	close(ends->failure);
	payload_await(payload, p->end_us, ends->life, signals, &ending);
	others_end(&ending);
	files_send(p->plan, ends->report);
	if (p->plan->patterns)
		box_matches_send(p->plan->patterns, ends->report);
	_exit(message_send(ends->report, BOX_ENDED, &ending, sizeof ending, NULL, 0, &e) < 0);
}

/* ---- with a plan, or before there is one ---- */

/* What is the same for all plans of a shape. */
static int
prepare(struct sandbox *s, struct sandbox_process *process, struct err *e)
{
	int rc = sandbox_await(process, e);

	if (rc == 0)
		rc = sandbox_enter(s, SANDBOX_PREPARE | SANDBOX_IDENTITY, e);
	return rc == 0 ? sandbox_enter(s, SANDBOX_ROOT, e) : rc;
}

static void
end_set(struct payload *p)
{
	p->end_us = clock_now_us() + (p->plan->limits.wall_ms + NET_MS) * 1000;
}

static int
signals_open(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	return sigprocmask(SIG_SETMASK, &child, NULL) < 0 ? -1 : signalfd(-1, &child, SFD_CLOEXEC);
}

/* What comes to its exec need not be copied for that: we go on when it has, or has ended.  But one that
 * waits. */
static pid_t
payload_start(struct payload *p, const struct box_ends *ends, struct err *e)
{
	pid_t pid = p->plan->run || p->wait ? fork() : vfork();

	if (pid == 0)
		payload_run(p, ends);
	if (pid < 0)
		err_set(e, errno, "box '%s': start the payload", p->plan->name);
	return pid;
}

/* Init: until the keeper has said BOX_GO.  Keeper and payload are needed for that: with either this ends. */
static void
go_await(const struct box_ends *ends, int signals)
{
	enum { LIFE, SIGNALS, REPORT };
	struct pollfd polled[] = { [LIFE] = { ends->life, POLLIN, 0 },
		                   [SIGNALS] = { signals, POLLIN, 0 },
		                   [REPORT] = { ends->report, POLLIN, 0 } };
	struct message m;
	struct err ignored;

	while (poll(polled, ARRAY_SIZE(polled), -1) < 0)
		if (errno != EINTR)
			_exit(125);
	if (polled[LIFE].revents || polled[SIGNALS].revents ||
	    message_receive(ends->report, &m, &ignored) <= 0 || m.type != BOX_GO)
		_exit(0);
	message_done(&m);
}

/* go: -1: none. */
static int
init_enter(struct payload *p, enum sandbox_part part, const struct box_ends *ends, int signals, int go,
           struct err *e)
{
	const int keep[] = { ends->failure, ends->life, ends->report, signals, go };

	p->sandbox->keep = keep;
	p->sandbox->n_keep = ARRAY_SIZE(keep);
	return sandbox_enter(p->sandbox, part, e);
}

static pid_t
payload_start_now(struct payload *p, const struct box_ends *ends, int signals, struct err *e)
{
	pid_t pid = box_files_write(p->plan, e) < 0 ? -1 : payload_start(p, ends, e);

	return pid < 0 || init_enter(p, SANDBOX_INIT, ends, signals, -1, e) < 0 ? -1 : pid;
}

static pid_t
payload_start_waiting(struct payload *p, const struct box_ends *ends, int signals, struct err *e)
{
	int pipe_ends[2];
	pid_t pid;

	if (pipe2(pipe_ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	p->go = pipe_ends[0];
	pid = payload_start(p, ends, e);
	close(pipe_ends[0]);
	if (pid < 0)
		return pid;
	if (init_enter(p, SANDBOX_WAIT, ends, signals, pipe_ends[1], e) < 0)
		return -1;
	go_await(ends, signals);
	p->plan = p->wait->plan;
	end_set(p);
	box_limits_fill(p->plan, &p->sandbox->limits);
	if (sandbox_enter(p->sandbox, SANDBOX_SIZE, e) < 0 || box_files_write(p->plan, e) < 0)
		return -1;
	/* Before the program: what failed after that would have run it, and it runs once. */
	if (init_enter(p, SANDBOX_INIT, ends, signals, pipe_ends[1], e) < 0)
		return -1;
	if (fd_write_all(pipe_ends[1], "g", 1) < 0)
		return err_set(e, errno, "wake the payload");
	close(pipe_ends[1]);
	return pid;
}

void
box_init_run(const struct box_plan *plan, const struct box_wait *wait, struct sandbox *s,
             struct sandbox_process *process, const struct box_ends *ends)
{
	struct payload p = { .plan = plan, .sandbox = s, .failure = ends->failure, .wait = wait, .go = -1 };
	struct err e = { 0 };
	pid_t pid = -1;
	int signals;

	end_set(&p);
	if (prepare(s, process, &e) < 0)
		fail(ends->failure, &e);
	signals = signals_open();
	if (signals < 0)
		err_set(&e, errno, "box '%s': signals", plan->name);
	else
		pid = wait ? payload_start_waiting(&p, ends, signals, &e)
		           : payload_start_now(&p, ends, signals, &e);
	if (pid < 0)
		fail(ends->failure, &e);
	init_run(&p, ends, pid, signals);
}
