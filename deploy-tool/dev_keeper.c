/* dev_keeper.c - a process that owns the others of `cfn-deploy dev`.
 *
 * A parent that is killed tells nobody, but its end of a pipe closes.  The keeper is in a session of its own,
 * so that what ends dev from the terminal does not end it. */
#include "deploy-tool/dev_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "deploy-tool/folder.h"

enum { STOP_MS = 5000, POLL_MS = 20, FIRST_FD = 3 };

/* In the child: the program, or the end. */
static void
execute(const struct keeper_program *p)
{
	const int fds[] = { 0, p->output, p->output };
	sigset_t none;
	int nothing;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (p->uid != geteuid() && (setgroups(1, &p->gid) < 0 || setresgid(p->gid, p->gid, p->gid) < 0 ||
	                            setresuid(p->uid, p->uid, p->uid) < 0))
		_exit(EXIT_FAILURE);
	/* The second line, should the keeper be killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	nothing = open("/dev/null", O_RDWR);
	if (nothing != 0 && (nothing < 0 || dup2(nothing, 0) < 0))
		_exit(EXIT_FAILURE);
	if (chdir(p->folder) < 0 || fd_place(fds, 3, 0) < 0 || close_range(FIRST_FD, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	execv(p->argv[0], (char *const *)p->argv);
	_exit(EXIT_FAILURE);
}

static void
start_all(const struct keeper_plan *plan, pid_t pids[KEEPER_CHILDREN])
{
	for (int i = 0; i < KEEPER_CHILDREN; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			execute(&plan->programs[i]);
	}
}

/* Takes what has ended; tells of our own children, the first time. */
static bool
reap(pid_t pids[KEEPER_CHILDREN], int report)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		for (unsigned char i = 0; i < KEEPER_CHILDREN; i++) {
			if (pids[i] != pid)
				continue;
			pids[i] = -1;
			(void)!write(report, &i, 1);
		}
	}
	return pid == 0;
}

static void
signal_all(const pid_t pids[KEEPER_CHILDREN], int number)
{
	for (int i = 0; i < KEEPER_CHILDREN; i++)
		if (pids[i] > 0)
			kill(pids[i], number);
}

static void
stop_all(pid_t pids[KEEPER_CHILDREN], int report)
{
	uint64_t end = clock_now_us() + STOP_MS * 1000;

	signal_all(pids, SIGTERM);
	while (reap(pids, report)) {
		if (clock_now_us() > end)
			signal_all(pids, SIGKILL);
		poll(NULL, 0, POLL_MS);
	}
}

void
keeper_remove(const char *path)
{
	struct folder folder;
	struct err ignored;

	snprintf(folder.path, sizeof folder.path, "%s", path);
	(void)folder_remove(&folder, &ignored);
}

static void
keep(const struct keeper_plan *plan, int hold, int report)
{
	struct pollfd p = { .fd = hold, .events = POLLIN };
	pid_t pids[KEEPER_CHILDREN];

	start_all(plan, pids);
	while (poll(&p, 1, POLL_MS) <= 0)
		reap(pids, report);
	stop_all(pids, report);
	keeper_remove(plan->folder);
	_exit(EXIT_SUCCESS);
}

int
keeper_start(const struct keeper_plan *plan, struct keeper *k, struct err *e)
{
	int hold[2] = { -1, -1 }, report[2] = { -1, -1 };

	if (pipe2(hold, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	k->pid = fork();
	if (k->pid == 0) {
		fd_close(&hold[1]);
		fd_close(&report[0]);
		setsid();
		signal(SIGHUP, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		prctl(PR_SET_NAME, "cfn-dev-keeper");
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		keep(plan, hold[0], report[1]);
	}
	fd_close(&hold[0]);
	fd_close(&report[1]);
	k->hold = hold[1];
	k->ended = report[0];
	return k->pid < 0 ? err_set(e, errno, "fork") : 0;
}

void
keeper_stop(struct keeper *k)
{
	fd_close(&k->hold);
	while (k->pid > 0 && waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	k->pid = -1;
	fd_close(&k->ended);
}
