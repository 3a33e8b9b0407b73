/* attempts.c - one attempt a layer: the calls of the spawner and of the sandbox's stages, one kind at a time.
 */
#include "deploy-tool/attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/profile.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

enum { PAGE = 4096 };

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPROTO;
}

/* ---- the base user namespace ---- */

/* As the spawner is cloned. */
ATTEMPT(attempt_user)
{
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD | CLONE_NEWUSER | CLONE_NEWPID,
		                   .pidfd = (uintptr_t)&pidfd,
		                   .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	(void)options;
	(void)result;
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return err_set(e, errno, "clone3");
	close(pidfd);
	return wait_for((pid_t)pid) < 0 ? err_set(e, -EPROTO, "its first process was killed") : 0;
}

struct mapper {
	pid_t pid;
	int ask;    /* the end wakes it */
	int answer; /* struct err */
};

/* Stays outside, where the ranges of ids may be given. */
static _Noreturn void
mapper_run(const struct spawner_options *options, pid_t target, const int ask[2], int answer)
{
	struct err e = { 0 };
	char byte;

	close(ask[1]);
	if (fd_read_all(ask[0], &byte, 1) == 1 && spawner_write_maps(options, target, &e) == 0)
		e.code = 0;
	_exit(fd_write_all(answer, &e, sizeof e) < 0);
}

static int
mapper_start(const struct spawner_options *options, struct mapper *m, struct err *e)
{
	int ask[2], answer[2];
	pid_t target = getpid();

	if (pipe2(ask, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	m->pid = fork();
	if (m->pid == 0)
		mapper_run(options, target, ask, answer[1]);
	if (m->pid < 0)
		return err_set(e, errno, "fork");
	close(ask[0]);
	close(answer[1]);
	m->ask = ask[1];
	m->answer = answer[0];
	return 0;
}

/* This process becomes uid 0 of a base namespace, mapped as the pool's. */
static int
base_enter(const struct spawner_options *options, struct err *e)
{
	struct mapper m = { .ask = -1, .answer = -1 };
	struct err said = { .code = EPROTO };

	if (mapper_start(options, &m, e) < 0)
		return -e->code;
	if (unshare(CLONE_NEWUSER) < 0)
		return err_set(e, errno, "user namespace");
	prctl(PR_SET_DUMPABLE, 1); /* or the maps may not be written */
	if (fd_write_all(m.ask, "m", 1) < 0 ||
	    fd_read_all(m.answer, &said, sizeof said) != (ssize_t)sizeof said)
		return err_set(e, -EPROTO, "who writes the id maps was killed");
	wait_for(m.pid);
	if (said.code != 0) {
		*e = said;
		return -e->code;
	}
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_set(e, errno, "become uid 0 of the user namespace");
	return 0;
}

ATTEMPT(attempt_maps)
{
	bool is_root = geteuid() == 0;

	if (base_enter(options, e) < 0)
		return -e->code;
	if (geteuid() != 0)
		return err_set(e, -EPERM, "they have no effect");
	snprintf(result->detail, sizeof result->detail, "%s",
	         is_root ? "a host uid for each function" : "one host uid for everything");
	return 0;
}

ATTEMPT(attempt_nested)
{
	(void)result;
	if (base_enter(options, e) < 0 || nested_namespaces_enter(NULL, e) < 0)
		return -e->code;
	if (unshare(CLONE_NEWUSER) == 0)
		return err_set(e, -EPERM, "at 0 there are user namespaces all the same");
	return errno == ENOSPC ? 0 : err_set(e, errno, "the next user namespace");
}

/* ---- the other namespaces ---- */

static int
namespace_enter(const struct spawner_options *options, int which, struct err *e)
{
	if (base_enter(options, e) < 0)
		return -e->code;
	return unshare(which) < 0 ? err_set(e, errno, "unshare") : 0;
}

ATTEMPT(attempt_mount)
{
	(void)result;
	return namespace_enter(options, CLONE_NEWNS, e) < 0 ? -e->code : propagation_enter(NULL, e);
}

/* As the spawner's first process does: its own /proc, which the kernel only gives who sees a whole one. */
static int
proc_mount(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return errno;
	return 0;
}

ATTEMPT(attempt_pid)
{
	pid_t pid;
	int rc;

	(void)result;
	if (namespace_enter(options, CLONE_NEWPID | CLONE_NEWNS, e) < 0)
		return -e->code;
	pid = fork();
	if (pid == 0)
		_exit(proc_mount());
	if (pid < 0)
		return err_set(e, errno, "fork");
	rc = wait_for(pid);
	return rc < 0 ? err_set(e, -rc, "mount /proc") : 0;
}

ATTEMPT(attempt_ipc)
{
	(void)result;
	return namespace_enter(options, CLONE_NEWIPC, e);
}

ATTEMPT(attempt_uts)
{
	(void)result;
	return namespace_enter(options, CLONE_NEWUTS, e) < 0 ? -e->code : host_name_enter(NULL, e);
}

ATTEMPT(attempt_cgroup)
{
	(void)result;
	return namespace_enter(options, CLONE_NEWCGROUP, e);
}

/* Nothing but an interface "lo" that is not up. */
ATTEMPT(attempt_network)
{
	struct sockaddr_in somewhere = { .sin_family = AF_INET, .sin_port = 9, .sin_addr = { 0x01020304 } };
	AUTO_FD sock = -1;

	(void)result;
	if (namespace_enter(options, CLONE_NEWNET, e) < 0)
		return -e->code;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return err_set(e, errno, "socket");
	if (connect(sock, (struct sockaddr *)&somewhere, sizeof somewhere) == 0)
		return err_set(e, -EPERM, "it is not empty: something can be reached");
	return errno == ENETUNREACH ? 0 : err_set(e, errno, "connect");
}

/* Detached mounts and pivot_root(2), by the stages of a function's sandbox. */
ATTEMPT(attempt_root)
{
	struct sandbox s;

	(void)result;
	sandbox_init(&s, &sandbox_function, "doctor");
	s.limits.tmp_size = 16 * PAGE;
	s.limits.tmp_inodes = 16;
	if (namespace_enter(options, CLONE_NEWNS, e) < 0 || propagation_enter(&s, e) < 0)
		return -e->code;
	return root_enter(&s, e);
}

/* ---- what a process gives up ---- */

ATTEMPT(attempt_capabilities)
{
	(void)result;
	return base_enter(options, e) < 0 ? -e->code : capabilities_enter(NULL, e);
}

ATTEMPT(attempt_no_new_privileges)
{
	(void)options;
	(void)result;
	return no_new_privileges_enter(NULL, e);
}

ATTEMPT(attempt_landlock)
{
	struct sandbox s;
	int abi = landlock_abi();

	(void)options;
	if (abi <= 0)
		return err_set(e, errno, "landlock_create_ruleset");
	sandbox_init(&s, &sandbox_function, "doctor");
	if (no_new_privileges_enter(&s, e) < 0 || landlock_enter(&s, e) < 0)
		return -e->code;
	snprintf(result->detail, sizeof result->detail, "ABI %d", abi);
	return 0;
}

/* Only the last call is under the filter, which allows what is needed to report. */
ATTEMPT(attempt_seccomp)
{
	const struct sandbox_filters *filters;
	AUTO_FD sealed = sandbox_filters_seal(FILTER_BIT(FILTER_FUNCTION_LOAD), e);
	AUTO_FD listener = -1;

	(void)options;
	if (sealed < 0 || sandbox_filters_map(sealed, &filters, e) < 0 ||
	    no_new_privileges_enter(NULL, e) < 0)
		return -e->code;
	listener = sandbox_filter_load(filters, FILTER_FUNCTION_LOAD, e);
	if (listener < 0)
		return listener;
	snprintf(result->detail, sizeof result->detail, "with user notification");
	return 0;
}

ATTEMPT(attempt_executable_memory)
{
	(void)options;
	snprintf(result->detail, sizeof result->detail, "refused by the kernel and by the filter");
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0)
		return err_set(e, errno, "PR_SET_MDWE");
	return 0;
}

/* ---- cgroups ---- */

static int
check_cgroup(const struct spawner_options *options, struct err *e)
{
	if (cgroup_is_open(options->cgroup))
		return 0;
	return err_set(e, -ENOTSUP, "%s", options->cgroup ? options->cgroup->why : "not asked for");
}

/* In the subtree that a pool started here would have. */
ATTEMPT(attempt_delegation)
{
	if (check_cgroup(options, e) < 0 || cgroup_prove(options->cgroup->folder, e) < 0)
		return -e->code;
	snprintf(result->detail, sizeof result->detail, "memory and pids, in %.200s", options->cgroup->path);
	return 0;
}

ATTEMPT(attempt_accounting)
{
	const struct cgroup_limits limits = { .memory = 256 * PAGE, .processes = 1 };
	struct cgroup_usage usage;
	struct cgroup_leaf leaf;
	int rc = check_cgroup(options, e);

	if (rc == 0)
		rc = cgroup_leaf_open(options->cgroup->folder, "accounting", &limits, &leaf, e);
	if (rc < 0)
		return rc;
	rc = cgroup_leaf_usage(&leaf, &usage, e);
	cgroup_leaf_close(options->cgroup->folder, &leaf);
	snprintf(result->detail, sizeof result->detail, "memory.peak, memory.events, cpu.stat, pids.events");
	return rc;
}

/* ---- all of it ---- */

ATTEMPT(attempt_whole)
{
	struct spawner spawner;

	if (spawner_start(options, &spawner, e) < 0)
		return -e->code;
	result->level = (enum isolation)spawner.ready.level;
	snprintf(result->detail, sizeof result->detail, "%s", spawner.ready.layers);
	snprintf(result->no_cgroup, sizeof result->no_cgroup, "%s", spawner.ready.no_cgroup);
	spawner_stop(&spawner);
	return 0;
}
