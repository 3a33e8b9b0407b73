/* main.c - cfn-manage: parts into the front, which reads clients, and the executor, which runs cfn-deploy. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "ipc/message.h"
#include "ipc/start.h"
#include "manage/executor.h"
#include "manage/front.h"
#include "manage/job.h"
#include "sandbox/sandbox.h"

/* In the order of enum manage_argument. */
struct arguments {
	const char *const *all;
	unsigned concurrent;
};

static int
read_arguments(int argc, char **argv, struct arguments *a, struct err *e)
{
	if (argc != MANAGE_ARGUMENTS)
		return err_set(e, -EINVAL, "cfn-manage is started by cfn-pool");
	a->all = (const char *const *)argv;
	a->concurrent = (unsigned)strtoul(argv[MANAGE_ARGUMENT_CONCURRENT], NULL, 10);
	return a->concurrent >= 1 && a->concurrent <= JOB_CONCURRENT_MAX
	           ? 0
	           : err_set(e, -EINVAL, "how many at once is not said");
}

static _Noreturn void
front_main(const struct arguments *a, struct sandbox_process *p, int executor)
{
	const struct front_rules rules = { .path = a->all[MANAGE_ARGUMENT_PATH],
		                           .concurrent = a->concurrent };
	struct err e;

	if (sandbox_await(p, &e) < 0 || front_run(&rules, MANAGE_FD_MASTER, executor, &e) < 0) {
		log_line(LOG_ERR, "management: %s", e.text);
		_exit(EXIT_FAILURE);
	}
	_exit(EXIT_SUCCESS);
}

static pid_t
start_front(const struct arguments *a, const int pair[2], struct err *e)
{
	struct sandbox_process p;
	pid_t pid = sandbox_clone(&sandbox_manage, -1, &p, e);
	int rc;

	if (pid == 0)
		front_main(a, &p, pair[1]);
	if (pid < 0)
		return pid;
	rc = sandbox_release(&p, -1, geteuid(), getegid(), e);
	sandbox_process_done(&p);
	return rc < 0 ? rc : pid;
}

static int
execute(const struct arguments *a, int front, struct err *e)
{
	const struct executor_rules rules = { .config = a->all[MANAGE_ARGUMENT_CONFIG],
		                              .registry = a->all[MANAGE_ARGUMENT_REGISTRY],
		                              .key = a->all[MANAGE_ARGUMENT_KEY],
		                              .concurrent = a->concurrent };

	return executor_run(&rules, front, MANAGE_FD_LIFE, e);
}

int
main(int argc, char **argv)
{
	struct arguments a = { 0 };
	struct err e = { 0 };
	int pair[2] = { -1, -1 }, rc;
	pid_t front = -1;

	log_init("cfn-manage", STDERR_FILENO);
	log_to_starter();
	signal(SIGPIPE, SIG_IGN);
	rc = read_arguments(argc, argv, &a, &e);
	for (int fd = MANAGE_FD_MASTER; rc == 0 && fd < MANAGE_FD_END; fd++)
		rc = fd_set_cloexec(fd, 1);
	if (rc == 0)
		rc = message_pair(pair, &e);
	if (rc == 0)
		front = start_front(&a, pair, &e);
	if (front < 0) {
		log_line(LOG_ERR, "management: %s", e.text);
		return EXIT_FAILURE;
	}
	close(MANAGE_FD_MASTER);
	close(pair[1]);
	rc = execute(&a, pair[0], &e);
	if (rc < 0)
		log_line(LOG_ERR, "management: %s", e.text);
	kill(front, SIGKILL);
	waitpid(front, NULL, 0);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
