/* attack.c - one function that tries what a function must not get, one act a request: ?act=NAME is answered
 * by "NAME OUTCOME", where the outcome is the name of the error, or what else the act is about.  What each
 * must be stands in containment.bats. */
#define _GNU_SOURCE
#include <cfn.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REQUESTS_FD = 3, DESCRIPTORS = 2048, THREADS = 64, ARGUMENTS = 6, HIGH_BIT = 32 };

extern char **environ;

static char bytes[4096] __attribute__((aligned(4096)));
static struct iovec part = { bytes, sizeof bytes };
static struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
static struct sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static struct sock_fprog filter = { 1, &allow_all };
static const char *const shell[] = { "/bin/sh", NULL };

#define P(pointer) ((long)(pointer))

/* A system call with its arguments: what it gives is the outcome. */
static const struct {
	const char *name;
	long number, arguments[ARGUMENTS];
} calls[] = {
	/* processes and programs */
	{ "fork", SYS_clone, { SIGCHLD } },
	{ "clone-user", SYS_clone, { CLONE_NEWUSER | SIGCHLD } },
	{ "clone-thread-user", SYS_clone, { CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWUSER } },
	{ "clone3", SYS_clone3, { P(bytes), 88 } },
	{ "execve", SYS_execve, { P("/bin/sh"), P(shell), P(&shell[1]) } },
	{ "execveat", SYS_execveat, { REQUESTS_FD, P(""), P(shell), P(&shell[1]), AT_EMPTY_PATH } },
	{ "ptrace-traceme", SYS_ptrace, { PTRACE_TRACEME } },
	{ "ptrace-init", SYS_ptrace, { PTRACE_SEIZE, 1 } },
	{ "process_vm_readv", SYS_process_vm_readv, { 1, P(&part), 1, P(&part), 1 } },
	{ "process_vm_writev", SYS_process_vm_writev, { 1, P(&part), 1, P(&part), 1 } },
	{ "pidfd_open", SYS_pidfd_open, { 1 } },
	{ "pidfd_getfd", SYS_pidfd_getfd, { REQUESTS_FD, 0, 0 } },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, { REQUESTS_FD, SIGKILL } },
	{ "kcmp", SYS_kcmp, { 1, 1, 0, 0, 0 } },
	{ "kill-stranger", SYS_kill, { 4000, SIGKILL } },
	{ "setscheduler", SYS_sched_setscheduler, { 0, SCHED_FIFO, P(bytes) } },
	{ "setpriority", SYS_setpriority, { PRIO_PROCESS, 0, -10 } },
	/* namespaces and mounts */
	{ "unshare-user", SYS_unshare, { CLONE_NEWUSER } },
	{ "setns", SYS_setns, { REQUESTS_FD, 0 } },
	{ "mount", SYS_mount, { P("none"), P("/tmp"), P("tmpfs"), 0, 0 } },
	{ "umount2", SYS_umount2, { P("/tmp"), 2 } },
	{ "chroot", SYS_chroot, { P("/tmp") } },
	{ "pivot_root", SYS_pivot_root, { P("/tmp"), P("/tmp") } },
	{ "open_tree", SYS_open_tree, { AT_FDCWD, P("/"), 1 } },
	{ "move_mount", SYS_move_mount, { AT_FDCWD, P("/tmp"), AT_FDCWD, P("/"), 0 } },
	{ "fsopen", SYS_fsopen, { P("tmpfs"), 0 } },
	{ "mount_setattr", SYS_mount_setattr, { AT_FDCWD, P("/tmp"), 0, P(bytes), 32 } },
	{ "sethostname", SYS_sethostname, { P("escaped"), 7 } },
	/* who one is */
	{ "setuid", SYS_setuid, { 0 } },
	{ "setresuid", SYS_setresuid, { 0, 0, 0 } },
	{ "setgroups", SYS_setgroups, { 0, 0 } },
	{ "capset", SYS_capset, { P(bytes), P(bytes) } },
	{ "dumpable", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "ptracer", SYS_prctl, { PR_SET_PTRACER, -1 } },
	{ "keep-capabilities", SYS_prctl, { PR_SET_KEEPCAPS, 1 } },
	{ "personality", SYS_personality, { 0x0040000 } },
	/* sockets */
	{ "socket-inet", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "socket-unix", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "socket-netlink", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, P(bytes) } },
	{ "connect", SYS_connect, { REQUESTS_FD, P(bytes), 16 } },
	{ "accept4", SYS_accept4, { REQUESTS_FD, 0, 0, 0 } },
	{ "sendmsg", SYS_sendmsg, { REQUESTS_FD, P(&message), 0 } },
	{ "recvmsg", SYS_recvmsg, { REQUESTS_FD, P(&message), MSG_DONTWAIT } },
	{ "sendmmsg", SYS_sendmmsg, { REQUESTS_FD, P(&message), 1, 0 } },
	{ "sendto", SYS_sendto, { REQUESTS_FD, P(bytes), 1, 0, 0, 0 } },
	{ "setsockopt", SYS_setsockopt, { REQUESTS_FD, SOL_SOCKET, SO_PASSCRED, P(bytes), 4 } },
	/* memory that can be run, or that nobody counts */
	{ "map-rwx",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "map-rx", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "protect-exec", SYS_mprotect, { P(bytes), 4096, PROT_READ | PROT_EXEC } },
	{ "pkey_mprotect", SYS_pkey_mprotect, { P(bytes), 4096, PROT_READ, -1 } },
	{ "memfd_create", SYS_memfd_create, { P("x"), 0 } },
	{ "memfd_secret", SYS_memfd_secret, { 0 } },
	{ "shmget", SYS_shmget, { 0, 4096, 01600 } },
	{ "mlock", SYS_mlock, { P(bytes), 4096 } },
	/* the kernel itself */
	{ "seccomp", SYS_seccomp, { SECCOMP_SET_MODE_FILTER, 0, P(&filter) } },
	{ "seccomp-prctl", SYS_prctl, { PR_SET_SECCOMP, SECCOMP_MODE_FILTER, P(&filter) } },
	{ "bpf", SYS_bpf, { 0, P(bytes), 64 } },
	{ "io_uring", SYS_io_uring_setup, { 1, P(bytes) } },
	{ "perf", SYS_perf_event_open, { P(bytes), 0, -1, -1, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 0 } },
	{ "keyctl", SYS_keyctl, { 0, -3, 1 } },
	{ "add_key", SYS_add_key, { P("user"), P("x"), P("y"), 1, -3 } },
	{ "request_key", SYS_request_key, { P("user"), P("x"), 0, -3 } },
	{ "syslog", SYS_syslog, { 3, P(bytes), 100 } },
	{ "init_module", SYS_init_module, { P(bytes), 4, P("") } },
	{ "reboot", SYS_reboot, { 0, 0, 0 } },
	{ "open_by_handle", SYS_open_by_handle_at, { AT_FDCWD, P(bytes), O_RDONLY } },
	{ "name_to_handle", SYS_name_to_handle_at, { AT_FDCWD, P("/"), P(bytes), P(bytes), 0 } },
	{ "inotify", SYS_inotify_init1, { 0 } },
	{ "fanotify", SYS_fanotify_init, { 0, 0 } },
	{ "vmsplice", SYS_vmsplice, { 1, P(&part), 1, 0 } },
	{ "unknown", 1999, { 0 } },
	/* descriptors: what all processes of a user share, and what tricks a list of numbers */
	{ "pipe-size", SYS_fcntl, { 1, F_SETPIPE_SZ, 4096 } },
	{ "set-owner", SYS_fcntl, { REQUESTS_FD, F_SETOWN, 1 } },
	{ "notify", SYS_fcntl, { 0, F_NOTIFY, 0 } },
	{ "tiocsti", SYS_ioctl, { 0, TIOCSTI, P(bytes) } },
	{ "tiocsti-high", SYS_ioctl, { 0, TIOCSTI | 1L << HIGH_BIT, P(bytes) } },
	/* files */
	{ "proc", SYS_openat, { AT_FDCWD, P("/proc/self/maps"), O_RDONLY } },
	{ "proc-parent", SYS_openat, { AT_FDCWD, P("/proc/1/environ"), O_RDONLY } },
	{ "dev", SYS_openat, { AT_FDCWD, P("/dev/null"), O_RDONLY } },
	{ "passwd", SYS_openat, { AT_FDCWD, P("/etc/passwd"), O_RDONLY } },
	{ "library", SYS_openat, { AT_FDCWD, P("/usr/lib/os-release"), O_RDONLY } },
	{ "above", SYS_openat, { AT_FDCWD, P("/../../../etc/passwd"), O_RDONLY } },
	{ "write-root", SYS_mkdirat, { AT_FDCWD, P("/escaped"), 0700 } },
	{ "rename-tmp", SYS_renameat2, { AT_FDCWD, P("/tmp"), AT_FDCWD, P("/other"), 0 } },
	{ "remove-tmp", SYS_unlinkat, { AT_FDCWD, P("/tmp"), AT_REMOVEDIR } },
	{ "make-fifo", SYS_mknodat, { AT_FDCWD, P("/tmp/fifo"), S_IFIFO | 0600, 0 } },
	{ "make-device", SYS_mknodat, { AT_FDCWD, P("/tmp/null"), S_IFCHR | 0600, 0x103 } },
	{ "chown", SYS_fchownat, { AT_FDCWD, P("/tmp"), 0, 0, 0 } },
};

/* ---- acts that take more than one call; 0 or -errno, or they write their outcome ---- */

static int
open_descriptors(char *outcome, size_t size)
{
	size_t used = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0)
			used += (size_t)snprintf(outcome + used, size - used, "%s%d%s", used ? "," : "", fd,
			                         S_ISSOCK(st.st_mode)   ? "s"
			                         : S_ISFIFO(st.st_mode) ? "p"
			                         : S_ISDIR(st.st_mode)  ? "d"
			                                                : "f");
	}
	return 0;
}

static int
identity(char *outcome, size_t size)
{
	uid_t ids[3];
	gid_t groups[3];

	getresuid(&ids[0], &ids[1], &ids[2]);
	getresgid(&groups[0], &groups[1], &groups[2]);
	snprintf(outcome, size, "%u,%u,%u:%u,%u,%u:pid%d,parent%d", ids[0], ids[1], ids[2], groups[0],
	         groups[1], groups[2], (int)getpid(), (int)getppid());
	return 0;
}

static int
environment(char *outcome, size_t size)
{
	size_t used = 0;

	for (char **line = environ; *line; line++)
		used += (size_t)snprintf(outcome + used, size - used, "%s%.*s", used ? "," : "",
		                         (int)strcspn(*line, "="), *line);
	return 0;
}

static int
fill_descriptors(char *outcome, size_t size)
{
	int fd;

	(void)outcome;
	(void)size;
	while ((fd = dup(0)) >= 0 && fd < DESCRIPTORS)
		;
	return fd < 0 ? -errno : 0;
}

static int
more_descriptors(char *outcome, size_t size)
{
	struct rlimit more = { DESCRIPTORS, DESCRIPTORS };

	(void)outcome;
	(void)size;
	return setrlimit(RLIMIT_NOFILE, &more) < 0 ? -errno : 0;
}

static int
fill_bytes(char *outcome, size_t size)
{
	int fd = open("/tmp/fill", O_CREAT | O_WRONLY, 0600), error = 0;

	(void)outcome;
	(void)size;
	while (error == 0 && lseek(fd, 0, SEEK_CUR) < 1 << 30)
		if (write(fd, bytes, sizeof bytes) < 0)
			error = errno;
	close(fd);
	unlink("/tmp/fill");
	return -error;
}

static int
fill_inodes(char *outcome, size_t size)
{
	char name[32];
	int n = 0, error = 0;

	(void)outcome;
	(void)size;
	while (error == 0 && n < 100000) {
		snprintf(name, sizeof name, "/tmp/i%d", n++);
		if (mkdir(name, 0700) < 0)
			error = errno;
	}
	while (n-- > 0) {
		snprintf(name, sizeof name, "/tmp/i%d", n);
		rmdir(name);
	}
	return -error;
}

static void *
wait_for_ever(void *nothing)
{
	pause();
	return nothing;
}

static int
fill_threads(char *outcome, size_t size)
{
	pthread_t thread;
	int n = 1, error = 0;

	while (n < THREADS && (error = pthread_create(&thread, NULL, wait_for_ever, NULL)) == 0)
		n++;
	snprintf(outcome, size, "%d,%s", n, error ? strerrorname_np(error) : "none");
	return 0;
}

static int
kill_everybody(char *outcome, size_t size)
{
	kill(1, SIGKILL);
	kill(1, SIGSTOP);
	kill(1, SIGTERM);
	kill(-1, SIGKILL);
	snprintf(outcome, size, "alive");
	return 0;
}

/* An executable file of one's own: whatever it holds, it cannot be mapped to be run. */
static int
map_own_file(char *outcome, size_t size)
{
	int fd = open("/tmp/code", O_CREAT | O_RDWR, 0700), error;
	void *code;

	(void)outcome;
	(void)size;
	if (fd < 0 || write(fd, bytes, sizeof bytes) < 0)
		return -errno;
	code = mmap(NULL, sizeof bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	error = errno;
	close(fd);
	unlink("/tmp/code");
	return code == MAP_FAILED ? -error : 0;
}

static int
core_pattern(char *outcome, size_t size)
{
	struct rlimit core;

	getrlimit(RLIMIT_CORE, &core);
	snprintf(outcome, size, "%lu", (unsigned long)core.rlim_max);
	return 0;
}

/* Killed, not refused: the numbers of another architecture mean other calls. */
static int
foreign_call(char *outcome, size_t size)
{
#if defined(__x86_64__)
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory");
	snprintf(outcome, size, "%ld", rc);
	return 0;
#else
	(void)outcome;
	(void)size;
	raise(SIGSYS);
	return 0;
#endif
}

static int
stop(char *outcome, size_t size)
{
	(void)outcome;
	(void)size;
	return kill(getpid(), SIGSTOP) < 0 ? -errno : 0;
}

static const struct {
	const char *name;
	int (*run)(char *outcome, size_t size);
} acts[] = {
	{ "descriptors", open_descriptors },
	{ "identity", identity },
	{ "environment", environment },
	{ "fill-descriptors", fill_descriptors },
	{ "more-descriptors", more_descriptors },
	{ "fill-bytes", fill_bytes },
	{ "fill-inodes", fill_inodes },
	{ "fill-threads", fill_threads },
	{ "kill-everybody", kill_everybody },
	{ "map-own-file", map_own_file },
	{ "core", core_pattern },
	{ "foreign-call", foreign_call },
	{ "stop", stop },
};

static int
answer(cfn_response *r, const char *name, int error, const char *outcome)
{
	return cfn_send(r, 200, "text/plain", "%s %s\n", name,
	                error        ? strerrorname_np(error)
	                : outcome[0] ? outcome
	                             : "DONE");
}

int attack(cfn_request *q, cfn_response *r);
int
attack(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_query(q, "act");
	char outcome[512] = "";

	for (size_t i = 0; name && i < sizeof acts / sizeof *acts; i++)
		if (strcmp(acts[i].name, name) == 0)
			return answer(r, name, -acts[i].run(outcome, sizeof outcome), outcome);
	for (size_t i = 0; name && i < sizeof calls / sizeof *calls; i++) {
		const long *a = calls[i].arguments;

		if (strcmp(calls[i].name, name) == 0)
			return answer(r, name,
			              syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno
			                                                                               : 0,
			              outcome);
	}
	return cfn_error(r, 404, "no such act\n");
}
