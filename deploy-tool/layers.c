/* layers.c - the layers of a sandbox, each tried by itself in a process of its own, as the pool would. */
#include "deploy-tool/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "deploy-tool/attempts.h"

enum {
	LAYER_MS = 10000,
	WHOLE_MS = 40000, /* more than the spawner itself has for its probe */
};

#define APPARMOR                                                                                             \
	"as root: cfn-deploy doctor --apparmor >/etc/apparmor.d/cfn && apparmor_parser -r "                  \
	"/etc/apparmor.d/cfn"
#define CONTAINER "in a container: docker run --security-opt seccomp=unconfined"

static const struct layer_advice to_clone[] = {
	{ ENOSPC,
	  "as root: sysctl -w user.max_user_namespaces=10000 (and the same line in /etc/sysctl.d/cfn.conf)" },
	{ EUSERS, "start it outside: 32 user namespaces are nested here already" },
	{ EPERM, "as root: sysctl -w kernel.unprivileged_userns_clone=1 where that exists; " APPARMOR },
	{ EACCES, APPARMOR },
	{ ENOSYS, CONTAINER },
	{ EINVAL, "a kernel with CONFIG_USER_NS and CONFIG_PID_NS" },
	{ 0, "see user_namespaces(7)" },
};

static const struct layer_advice to_map[] = {
	{ EACCES, APPARMOR },
	{ 0,
	  "set uid_range in cfn.conf to ids that exist here (/proc/self/uid_map), or start it as an ordinary "
	  "user" },
};

static const struct layer_advice to_limit_namespaces[] = {
	{ EROFS, "make /proc/sys writable (docker run --security-opt systempaths=unconfined; systemd: "
	         "ProtectKernelTunables=no)" },
	{ EACCES, APPARMOR },
	{ 0, "a kernel with the sysctl user.max_user_namespaces (CONFIG_SYSCTL), and /proc mounted" },
};

static const struct layer_advice to_mount[] = {
	{ EACCES, APPARMOR },
	{ EPERM, APPARMOR "; " CONTAINER },
	{ ENOSYS, CONTAINER },
	{ 0, "see mount_namespaces(7)" },
};

static const struct layer_advice to_mount_proc[] = {
	{ EACCES, APPARMOR },
	{ EPERM, "do not mask /proc (docker run --security-opt systempaths=unconfined; systemd: leave out "
	         "ProtectProc, ProcSubset and ProtectKernelTunables)" },
	{ ENOSPC, "as root: sysctl -w user.max_pid_namespaces=10000" },
	{ 0, "a kernel with CONFIG_PID_NS; see pid_namespaces(7)" },
};

static const struct layer_advice to_unshare[] = {
	{ EACCES, APPARMOR },
	{ EPERM, APPARMOR "; " CONTAINER },
	{ ENOSPC, "as root: sysctl -w user.max_ipc_namespaces=10000, and so for uts, cgroup, net and mnt" },
	{ 0, "a kernel with this namespace (CONFIG_NAMESPACES); see namespaces(7)" },
};

static const struct layer_advice to_confine[] = {
	{ EACCES, APPARMOR },
	{ 0, "look for what forbids it: a seccomp filter, securebits or a security module of the starter" },
};

static const struct layer_advice to_landlock[] = {
	{ EOPNOTSUPP, "boot with landlock in the kernel's lsm= parameter" },
	{ ENOSYS, "a kernel with CONFIG_SECURITY_LANDLOCK=y and landlock in its lsm= parameter; " CONTAINER },
	{ 0, "see landlock(7)" },
};

static const struct layer_advice to_filter[] = {
	{ EBUSY, "start it outside of what listens to its system calls by seccomp already" },
	{ 0, "a kernel with CONFIG_SECCOMP_FILTER=y; " CONTAINER },
};

static const struct layer_advice to_refuse_gain[] = {
	{ 0, "nothing: the filter refuses it alone; Linux 6.3 and later refuse it twice" },
};

static const struct layer_advice to_delegate[] = {
	{ 0, "give it a cgroup v2 of its own with the controllers memory and pids (systemd: Delegate=yes); "
	     "until then "
	     "rlimits keep memory within its limits" },
};

static const struct layer_advice to_run_whole[] = {
	{ ENOENT, "install it completely (make install), or set CFN_LIBEXECDIR to the build tree" },
	{ EACCES, APPARMOR },
	{ 0, "see the first layer that fails" },
};

/* In the order of need: the first one that fails is the one to care about. */
const struct layer layers[] = {
	{ "user namespaces", attempt_user, to_clone, true, LAYER_BASE, LAYER_MS },
	{ "id maps", attempt_maps, to_map, true, LAYER_BASE, LAYER_MS },
	{ "max_user_namespaces", attempt_nested, to_limit_namespaces, true, LAYER_INSIDE, LAYER_MS },
	{ "mount namespace", attempt_mount, to_mount, true, LAYER_INSIDE, LAYER_MS },
	{ "pid namespace", attempt_pid, to_mount_proc, true, LAYER_INSIDE, LAYER_MS },
	{ "ipc namespace", attempt_ipc, to_unshare, true, LAYER_INSIDE, LAYER_MS },
	{ "uts namespace", attempt_uts, to_unshare, true, LAYER_INSIDE, LAYER_MS },
	{ "cgroup namespace", attempt_cgroup, to_unshare, true, LAYER_INSIDE, LAYER_MS },
	{ "network namespace", attempt_network, to_unshare, true, LAYER_INSIDE, LAYER_MS },
	{ "root", attempt_root, to_mount, true, LAYER_INSIDE, LAYER_MS },
	{ "capabilities", attempt_capabilities, to_confine, true, LAYER_INSIDE, LAYER_MS },
	{ "no_new_privs", attempt_no_new_privileges, to_confine, true, LAYER_OUTSIDE, LAYER_MS },
	{ "seccomp", attempt_seccomp, to_filter, true, LAYER_OUTSIDE, LAYER_MS },
	{ "whole sandbox", attempt_whole, to_run_whole, true, LAYER_OUTSIDE, WHOLE_MS },
	{ "Landlock", attempt_landlock, to_landlock, false, LAYER_OUTSIDE, LAYER_MS },
	{ "executable memory", attempt_executable_memory, to_refuse_gain, false, LAYER_OUTSIDE, LAYER_MS },
	{ "cgroup delegation", attempt_delegation, to_delegate, false, LAYER_OUTSIDE, LAYER_MS },
	{ "memory accounting", attempt_accounting, to_delegate, false, LAYER_OUTSIDE, LAYER_MS },
};
const size_t n_layers = ARRAY_SIZE(layers);

_Static_assert(ARRAY_SIZE(layers) <= LAYERS_MAX, "results have a place for each layer");

const struct layer *
layer_find_cgroup(void)
{
	size_t i = 0;

	while (layers[i].attempt != attempt_delegation)
		i++;
	return &layers[i];
}

static _Noreturn void
attempt_run(const struct layer *layer, const struct spawner_options *options, int report)
{
	struct layer_result result = { .state = LAYER_WORKS };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (layer->attempt(options, &result, &result.why) < 0)
		result.state = LAYER_FAILS;
	_exit(fd_write_all(report, &result, sizeof result) < 0);
}

/* The report is smaller than a pipe takes at once, so it is there as a whole or not at all. */
static void
report_read(int report, int timeout_ms, struct layer_result *result)
{
	struct pollfd polled = { report, POLLIN, 0 };
	uint64_t until = clock_now_us() + (uint64_t)timeout_ms * 1000, now;
	int n = 0;

	result->state = LAYER_FAILS;
	while (n <= 0 && (now = clock_now_us()) < until)
		n = poll(&polled, 1, (int)((until - now) / 1000) + 1);
	if (n <= 0)
		err_set(&result->why, -ETIMEDOUT, "no answer within %d ms", timeout_ms);
	else if (fd_read_all(report, result, sizeof *result) != (ssize_t)sizeof *result)
		err_set(&result->why, -EPROTO, "the attempt was killed");
}

static void
layer_try(const struct layer *layer, const struct spawner_options *options, struct layer_result *result)
{
	int ends[2];
	pid_t pid;

	*result = (struct layer_result){ .state = LAYER_FAILS };
	if (pipe2(ends, O_CLOEXEC) < 0) {
		err_set(&result->why, errno, "pipe");
		return;
	}
	pid = fork();
	if (pid == 0)
		attempt_run(layer, options, ends[1]);
	fd_close(&ends[1]);
	if (pid < 0)
		err_set(&result->why, errno, "fork");
	else
		report_read(ends[0], layer->timeout_ms, result);
	fd_close(&ends[0]);
	if (pid < 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* A layer above the row that it needs and that does not work; NULL: none. */
static const struct layer *
find_missing(const struct layer *rows, size_t row, const struct layer_result *results)
{
	for (size_t i = 0; rows[row].place != LAYER_OUTSIDE && i < row; i++)
		if (rows[i].place == LAYER_BASE && results[i].state != LAYER_WORKS)
			return &rows[i];
	return NULL;
}

void
layers_try(const struct layer *rows, size_t n, const struct spawner_options *options,
           struct layer_result *results)
{
	for (size_t i = 0; i < n; i++) {
		const struct layer *missing = find_missing(rows, i, results);

		if (!missing) {
			layer_try(&rows[i], options, &results[i]);
			continue;
		}
		results[i] = (struct layer_result){ .state = LAYER_UNTRIED };
		err_set(&results[i].why, -ENOTSUP, "not tried: it needs %s", missing->name);
	}
}

const char *
layer_advise(const struct layer *layer, const struct layer_result *result)
{
	const struct layer_advice *advice = layer->advice;

	if (result->state != LAYER_FAILS)
		return "";
	while (advice->code != 0 && advice->code != result->why.code)
		advice++;
	return advice->text;
}
