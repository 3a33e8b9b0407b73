/* probe.c - what isolation this host gives, by entering a whole sandbox and trying to get out of it. */
#include "sandbox/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"

enum { PROBE_TIMEOUT_MS = 10000, PROBE_TMP = 64 * 1024, PROBE_LISTENER = 1 };

/* Each returns 0 or the errno that it met. */
static int
try_ids(void)
{
	return getuid() == SANDBOX_ID && geteuid() == SANDBOX_ID && getgid() == SANDBOX_ID ? 0 : EPERM;
}

static int
try_nested_namespace(void)
{
	return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

/* Nothing but an interface "lo" that is not up. */
static int
try_network(void)
{
	AUTO_FD sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in somewhere = { .sin_family = AF_INET, .sin_port = 9, .sin_addr = { 0x01020304 } };

	if (sock < 0)
		return errno;
	return connect(sock, (struct sockaddr *)&somewhere, sizeof somewhere) < 0 ? errno : 0;
}

static int
try_capabilities(void)
{
	cap_t have = cap_get_proc(), none = cap_init();
	int differ = have && none ? cap_compare(have, none) : -1;

	cap_free(have);
	cap_free(none);
	return differ == 0 && cap_get_bound(CAP_SYS_ADMIN) == 0 ? 0 : EPERM;
}

static int
try_no_new_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : EPERM;
}

static int
try_seccomp(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? 0 : EPERM;
}

static int
try_not_dumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : EPERM;
}

static int
try_host_name(void)
{
	struct utsname name;

	return uname(&name) == 0 && strcmp(name.nodename, "cfn") == 0 ? 0 : EPERM;
}

static int
try_open(const char *path, int flags)
{
	AUTO_FD fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : 0;
}

static int
try_password_file(void)
{
	return try_open("/etc/passwd", O_RDONLY);
}

static int
try_proc(void)
{
	return try_open("/proc", O_RDONLY);
}

static int
try_root_write(void)
{
	int met = try_open("/x", O_WRONLY | O_CREAT);

	return met == EACCES ? EROFS : met; /* Landlock is asked first where it is */
}

static int
try_tmp_write(void)
{
	return try_open("/tmp/x", O_WRONLY | O_CREAT);
}

static int
try_socket(void)
{
	AUTO_FD sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return sock < 0 ? errno : 0;
}

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int
try_executable_memory(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (page == MAP_FAILED)
		return 0;
	rc = mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
	munmap(page, 4096);
	return rc;
}

struct attempt {
	const char *layer;
	int (*attempt)(void);
	int want;
};

/* What seccomp would hide: tried before it. */
static const struct attempt before_filter[] = {
	{ "user namespace", try_ids, 0 },
	{ "nested user namespaces", try_nested_namespace, ENOSPC },
	{ "empty network namespace", try_network, ENETUNREACH },
	{ "host name", try_host_name, 0 },
};

static const struct attempt inside[] = {
	{ "ids", try_ids, 0 },
	{ "capabilities", try_capabilities, 0 },
	{ "no new privileges", try_no_new_privileges, 0 },
	{ "seccomp", try_seccomp, 0 },
	{ "not dumpable", try_not_dumpable, 0 },
	{ "files of the host", try_password_file, ENOENT },
	{ "no /proc", try_proc, ENOENT },
	{ "read-only root", try_root_write, EROFS },
	{ "private /tmp", try_tmp_write, 0 },
	{ "no sockets", try_socket, EACCES },
	{ "no processes", try_fork, EPERM },
	{ "no executable memory", try_executable_memory, EPERM },
};

static int
attempts_run(const struct attempt *attempts, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int met = attempts[i].attempt();

		if (met != attempts[i].want)
			return err_set(e, -EPERM, "probe '%s': met '%s' instead of '%s'", attempts[i].layer,
			               strerrordesc_np(met), strerrordesc_np(attempts[i].want));
	}
	return 0;
}

struct probe {
	struct sandbox sandbox;
	int channel; /* for the listener */
	int report;  /* pipe: struct err, code 0 when all is well */
	int init[2]; /* pipe: one byte of init when it is confined */
};

/* When it is not confined its own report, which came first, says why. */
static int
init_await(int init, struct err *e)
{
	char byte;
	ssize_t n = fd_read_all(init, &byte, 1);

	if (n < 0)
		return err_set(e, (int)-n, "probe: wait for its init");
	return n == 1 ? 0 : err_set(e, -ECANCELED, "probe: its init is not confined");
}

static int
payload_run(struct probe *p, struct err *e)
{
	struct sandbox *s = &p->sandbox;
	int rc = attempts_run(before_filter, ARRAY_SIZE(before_filter), e);

	if (rc == 0)
		rc = sandbox_enter(s, SANDBOX_PAYLOAD, e);
	if (rc == 0)
		rc = message_send(p->channel, PROBE_LISTENER, NULL, 0, &s->listener, 1, e);
	fd_close(&s->listener);
	if (rc == 0)
		rc = sandbox_enter(s, SANDBOX_CLOSE, e);
	if (rc == 0)
		rc = sandbox_enter(s, SANDBOX_SERVE, e);
	if (rc == 0)
		rc = attempts_run(inside, ARRAY_SIZE(inside), e);
	return rc == 0 ? init_await(p->init[0], e) : rc;
}

static _Noreturn void
report_and_end(const struct probe *p, const struct err *e)
{
	_exit(fd_write_all(p->report, e, sizeof *e) < 0);
}

static _Noreturn void
init_run(struct probe *p, pid_t payload)
{
	const int keep[] = { p->report, p->init[1] };
	struct err e = { 0 };
	int rc;

	p->sandbox.keep = keep;
	p->sandbox.n_keep = ARRAY_SIZE(keep);
	if (sandbox_enter(&p->sandbox, SANDBOX_INIT, &e) < 0)
		report_and_end(p, &e);
	rc = fd_write_all(p->init[1], "i", 1);
	if (rc < 0) {
		err_set(&e, -rc, "probe: tell the payload");
		report_and_end(p, &e);
	}
	while (waitpid(payload, NULL, 0) < 0 && errno == EINTR)
		;
	_exit(0);
}

static _Noreturn void
child_run(struct probe *p, struct sandbox_process *process)
{
	struct err e = { 0 };
	pid_t payload;
	int keep[4];

	if (sandbox_await(process, &e) < 0 ||
	    sandbox_enter(&p->sandbox, SANDBOX_PREPARE | SANDBOX_IDENTITY, &e) < 0 ||
	    sandbox_enter(&p->sandbox, SANDBOX_ROOT, &e) < 0)
		report_and_end(p, &e);
	payload = pipe2(p->init, O_CLOEXEC) < 0 ? -1 : fork();
	if (payload < 0) {
		err_set(&e, errno, "fork");
		report_and_end(p, &e);
	}
	if (payload > 0)
		init_run(p, payload);
	keep[0] = p->channel;
	keep[1] = p->report;
	keep[2] = p->init[0];
	keep[3] = 2;
	p->sandbox.keep = keep;
	p->sandbox.n_keep = ARRAY_SIZE(keep);
	payload_run(p, &e);
	report_and_end(p, &e);
}

static int
listener_take(int channel, int *listener, struct err *e)
{
	struct message m;
	int rc = message_receive(channel, &m, e);

	if (rc <= 0)
		return rc;
	*listener = message_take_fd(&m, 0);
	message_done(&m);
	return 1;
}

static int
listener_serve(int listener, struct err *e)
{
	struct sandbox_denied d;
	int rc = sandbox_denied_receive(listener, &d);

	if (rc > 0)
		rc = sandbox_denied_answer(listener, &d);
	return rc < 0 ? err_set(e, -rc, "probe: refuse a call") : 0;
}

/* The listener, when there is word on the channel; 0 at its end. */
static int
channel_serve(int channel, struct pollfd *listening, int *listener, struct err *e)
{
	int rc = listener_take(channel, listener, e);

	if (rc < 0)
		return err_wrap(e, "probe");
	listening->fd = *listener;
	return 0;
}

/* Answers the payload's refused calls until its report is there. */
static int
report_await(int channel, int report, struct err *e)
{
	uint64_t until = clock_now_us() + PROBE_TIMEOUT_MS * 1000ULL;
	AUTO_FD listener = -1;
	struct pollfd polled[3] = { { report, POLLIN, 0 }, { channel, POLLIN, 0 }, { -1, POLLIN, 0 } };
	struct err said;

	while (clock_now_us() < until) {
		if (poll(polled, ARRAY_SIZE(polled), 100) < 0 && errno != EINTR)
			return err_set(e, errno, "probe: poll");
		if (polled[2].revents & POLLIN && listener_serve(listener, e) < 0)
			return -e->code;
		if (polled[2].revents & POLLHUP)
			polled[2].fd = -1;
		if (polled[1].revents) {
			if (channel_serve(channel, &polled[2], &listener, e) < 0)
				return -e->code;
			polled[1].fd = -1;
		}
		if (!polled[0].revents)
			continue;
		if (fd_read_all(report, &said, sizeof said) != (ssize_t)sizeof said)
			return err_set(e, -EPROTO, "probe: it ended without a report");
		*e = said;
		e->text[sizeof e->text - 1] = '\0';
		return -e->code;
	}
	return err_set(e, -ETIMEDOUT, "probe: no report within %d ms", PROBE_TIMEOUT_MS);
}

static int
probe_watch(struct sandbox_process *process, int proc, uid_t outside_uid, const int ends[2], struct err *e)
{
	int rc = sandbox_release(process, proc, outside_uid, outside_uid, e);

	if (rc == 0)
		rc = report_await(ends[0], ends[1], e);
	syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
		;
	sandbox_process_done(process);
	return rc;
}

static void
probe_init(struct probe *p, const struct sandbox_filters *filters)
{
	sandbox_init(&p->sandbox, &sandbox_function, "probe");
	p->sandbox.filters = filters;
	p->sandbox.limits = (struct sandbox_limits){
		.memory = 64U << 20,
		.tmp_size = PROBE_TMP,
		.tmp_inodes = 16,
		.file_size = PROBE_TMP,
		.processes = 4,
		.files = 16,
	};
}

static int
probe_run(int proc, uid_t outside_uid, const struct sandbox_filters *filters, struct err *e)
{
	AUTO_FD channel = -1, report = -1;
	int pair[2], ends[2];
	struct sandbox_process process;
	struct probe p = { .channel = -1 };
	pid_t pid;

	probe_init(&p, filters);
	if (message_pair(pair, e) < 0)
		return -e->code;
	channel = pair[0];
	p.channel = pair[1];
	if (pipe2(ends, O_CLOEXEC) < 0) {
		close(p.channel);
		return err_set(e, errno, "probe: pipe");
	}
	report = ends[0];
	p.report = ends[1];
	pid = sandbox_clone(&sandbox_function, -1, &process, e);
	if (pid == 0)
		child_run(&p, &process);
	close(p.channel);
	close(p.report);
	if (pid < 0)
		return (int)pid;
	ends[0] = channel;
	ends[1] = report;
	return probe_watch(&process, proc, outside_uid, ends, e);
}

/* Ubuntu 23.10 and later: the namespace can be made, and then nothing is allowed in it. */
static int
probe_advise(struct err *e)
{
	char inner[sizeof e->text];

	if (e->code != EACCES && e->code != EPERM)
		return err_wrap(e, "isolation");
	memcpy(inner, e->text, sizeof inner);
	return err_set(e, -e->code,
	               "isolation: %.150s (AppArmor may forbid it: a profile with 'userns,' or sysctl "
	               "kernel.apparmor_restrict_unprivileged_userns=0)",
	               inner);
}

int
sandbox_probe(int proc, uid_t outside_uid, const struct sandbox_filters *filters, struct spawner_ready *ready,
              struct err *e)
{
	int abi = landlock_abi();
	char landlock[32] = "";

	if (abi < 0)
		return err_set(e, -abi, "isolation: ask for Landlock's ABI");
	if (probe_run(proc, outside_uid, filters, e) < 0)
		return probe_advise(e);
	ready->level = abi > 0 ? ISOLATION_FULL : ISOLATION_STRONG;
	if (abi > 0)
		snprintf(landlock, sizeof landlock, " landlock-%d", abi);
	snprintf(ready->layers, sizeof ready->layers,
	         "user mount pid ipc uts cgroup net limits capabilities seccomp%s", landlock);
	return 0;
}
