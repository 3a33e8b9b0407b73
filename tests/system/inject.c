/* inject.c - makes a running process execute system calls of our choice: what could somebody who has taken it
 * over do?  "inject PID router|spawner [PATH NUMBER]" tries the table's calls in PID, with a path and a pid
 * that some of them are about, and says which met something else than they must; "inject PID list" lists the
 * calls that its filter lets through; "inject PID attach" only attaches. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/macros.h"

enum {
	SCRATCH_BELOW = 8192,
	TEXT_SIZE = 1024,
	ARGUMENTS = 6,
	LAST_CALL = 470,
	SYSCALL_SIZE = 2,
	SANDBOX_UID = 1000
};

/* Arguments that stand for something else: places in the process (a row's text, room of zeros), what the row
 * before returned, the number of the command line. */
#define TEXT   0x7e570001L
#define BUFFER 0x7e570002L
#define LAST   0x7e570003L
#define NUMBER 0x7e570004L

/* As text: the path of the command line, an address of 127.0.0.1. */
static const char path_given[] = "PATH";
static const char local_address[] = "\x02\x00\x00\x50\x7f\x00\x00\x01";

/* As a result: any descriptor. */
#define A_DESCRIPTOR (-1000)

struct call {
	const char *name;
	long number, arguments[ARGUMENTS];
	const char *text;
	int want; /* errno; 0 or more than any errno: what it returns */
};

/* fd 3 is the listener, 4 the master's channel. */
static const struct call router_calls[] = {
	{ "execve", SYS_execve, { TEXT, 0, 0 }, "/bin/sh", ENOSYS },
	{ "execveat of a descriptor", SYS_execveat, { 3, TEXT, 0, 0, AT_EMPTY_PATH }, "", ENOSYS },
	{ "open to read", SYS_open, { TEXT, O_RDONLY }, "/etc/passwd", ENOSYS },
	{ "openat to read", SYS_openat, { AT_FDCWD, TEXT, O_RDONLY }, "/etc/passwd", ENOSYS },
	{ "openat of /proc", SYS_openat, { AT_FDCWD, TEXT, O_RDONLY }, "/proc/self/maps", ENOSYS },
	{ "openat to write", SYS_openat, { AT_FDCWD, TEXT, O_WRONLY | O_CREAT, 0600 }, "/x", ENOSYS },
	{ "openat2", SYS_openat2, { AT_FDCWD, TEXT, BUFFER, 24 }, "/etc/passwd", ENOSYS },
	{ "creat", SYS_creat, { TEXT, 0600 }, "/x", ENOSYS },
	{ "open_by_handle_at", SYS_open_by_handle_at, { AT_FDCWD, BUFFER, 0 }, NULL, EPERM },
	{ "socket, unix", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, NULL, EACCES },
	{ "socket, inet", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, NULL, EACCES },
	{ "socket, inet6", SYS_socket, { AF_INET6, SOCK_DGRAM, 0 }, NULL, EACCES },
	{ "socket, netlink", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 }, NULL, EACCES },
	{ "socket, packet", SYS_socket, { AF_PACKET, SOCK_RAW, 0 }, NULL, EACCES },
	{ "socket, vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 }, NULL, EACCES },
	{ "socket, alg", SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 }, NULL, EACCES },
	{ "socketpair, datagrams", SYS_socketpair, { AF_UNIX, SOCK_DGRAM, 0, BUFFER }, NULL, ENOSYS },
	{ "socketpair, another family",
	  SYS_socketpair,
	  { AF_INET, SOCK_SEQPACKET, 0, BUFFER },
	  NULL,
	  ENOSYS },
	{ "connect", SYS_connect, { 3, BUFFER, 16 }, NULL, ENOSYS },
	{ "bind", SYS_bind, { 3, BUFFER, 16 }, NULL, ENOSYS },
	{ "listen", SYS_listen, { 3, 1 }, NULL, ENOSYS },
	{ "sendto an address", SYS_sendto, { 3, BUFFER, 1, 0, BUFFER, 16 }, NULL, ENOSYS },
	{ "recvfrom", SYS_recvfrom, { 3, BUFFER, 1, 0, 0, 0 }, NULL, ENOSYS },
	{ "a larger buffer", SYS_setsockopt, { 4, SOL_SOCKET, SO_SNDBUF, BUFFER, 4 }, NULL, ENOSYS },
	{ "who is at the other end",
	  SYS_getsockopt,
	  { 4, SOL_SOCKET, SO_PEERCRED, BUFFER, BUFFER },
	  NULL,
	  ENOSYS },
	{ "another event loop", SYS_epoll_create1, { 0 }, NULL, ENOSYS },
	{ "kill everybody", SYS_kill, { -1, SIGKILL }, NULL, ENOSYS },
	{ "kill the spawner", SYS_kill, { 1, SIGKILL }, NULL, ENOSYS },
	{ "kill a neighbour", SYS_kill, { 3, 0 }, NULL, ENOSYS },
	{ "tkill", SYS_tkill, { 1, SIGKILL }, NULL, ENOSYS },
	{ "tgkill", SYS_tgkill, { 1, 1, SIGKILL }, NULL, ENOSYS },
	{ "rt_sigqueueinfo", SYS_rt_sigqueueinfo, { 1, SIGKILL, BUFFER }, NULL, ENOSYS },
	{ "pidfd_open", SYS_pidfd_open, { 1, 0 }, NULL, ENOSYS },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, { 4, SIGKILL, 0, 0 }, NULL, ENOSYS },
	{ "pidfd_getfd", SYS_pidfd_getfd, { 4, 0, 0 }, NULL, EPERM },
	{ "ptrace", SYS_ptrace, { PTRACE_SEIZE, 1, 0, 0 }, NULL, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, { 1, BUFFER, 1, BUFFER, 1, 0 }, NULL, EPERM },
	{ "process_vm_writev", SYS_process_vm_writev, { 1, BUFFER, 1, BUFFER, 1, 0 }, NULL, EPERM },
	{ "kcmp", SYS_kcmp, { 1, 1, 0, 0, 0 }, NULL, EPERM },
	{ "fork", SYS_fork, { 0 }, NULL, ENOSYS },
	{ "vfork", SYS_vfork, { 0 }, NULL, ENOSYS },
	{ "clone", SYS_clone, { SIGCHLD }, NULL, ENOSYS },
	{ "clone3", SYS_clone3, { BUFFER, 88 }, NULL, ENOSYS },
	{ "mount", SYS_mount, { TEXT, TEXT, TEXT, 0, 0 }, "/", EPERM },
	{ "umount2", SYS_umount2, { TEXT, 2 }, "/", EPERM },
	{ "pivot_root", SYS_pivot_root, { TEXT, TEXT }, "/", EPERM },
	{ "chroot", SYS_chroot, { TEXT }, "/", EPERM },
	{ "open_tree", SYS_open_tree, { AT_FDCWD, TEXT, 1 }, "/", EPERM },
	{ "fsopen", SYS_fsopen, { TEXT, 0 }, "tmpfs", EPERM },
	{ "unshare", SYS_unshare, { CLONE_NEWUSER }, NULL, EPERM },
	{ "setns", SYS_setns, { 4, 0 }, NULL, EPERM },
	{ "setuid", SYS_setuid, { 0 }, NULL, EPERM },
	{ "setresuid", SYS_setresuid, { 0, 0, 0 }, NULL, EPERM },
	{ "setgroups", SYS_setgroups, { 0, 0 }, NULL, EPERM },
	{ "capset", SYS_capset, { BUFFER, BUFFER }, NULL, EPERM },
	{ "mprotect to run", SYS_mprotect, { 0, 4096, PROT_READ | PROT_EXEC }, NULL, EPERM },
	{ "mmap to run",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 },
	  NULL,
	  EPERM },
	{ "mmap a file to run",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 5, 0 },
	  NULL,
	  EPERM },
	{ "pkey_mprotect", SYS_pkey_mprotect, { 0, 4096, PROT_READ, -1 }, NULL, EPERM },
	{ "memfd_create", SYS_memfd_create, { TEXT, 0 }, "x", EPERM },
	{ "memfd_secret", SYS_memfd_secret, { 0 }, NULL, EPERM },
	{ "shmget", SYS_shmget, { 0, 4096, 01600 }, NULL, EPERM },
	{ "prctl to be traced", SYS_prctl, { PR_SET_DUMPABLE, 1 }, NULL, ENOSYS },
	{ "prctl to keep capabilities", SYS_prctl, { PR_SET_KEEPCAPS, 1 }, NULL, ENOSYS },
	{ "seccomp", SYS_seccomp, { 1, 0, BUFFER }, NULL, ENOSYS },
	{ "bpf", SYS_bpf, { BPF_MAP_CREATE, BUFFER, 48 }, NULL, EPERM },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, BUFFER }, NULL, EPERM },
	{ "perf_event_open", SYS_perf_event_open, { BUFFER, 0, -1, -1, 0 }, NULL, EPERM },
	{ "userfaultfd", SYS_userfaultfd, { 0 }, NULL, EPERM },
	{ "keyctl", SYS_keyctl, { 0, -3, 1 }, NULL, EPERM },
	{ "add_key", SYS_add_key, { TEXT, TEXT, BUFFER, 1, -3 }, "user", EPERM },
	{ "unlink", SYS_unlink, { TEXT }, "/x", ENOSYS },
	{ "unlinkat", SYS_unlinkat, { AT_FDCWD, TEXT, 0 }, "/x", ENOSYS },
	{ "rename", SYS_rename, { TEXT, TEXT }, "/x", ENOSYS },
	{ "renameat2", SYS_renameat2, { AT_FDCWD, TEXT, AT_FDCWD, TEXT, 0 }, "/x", ENOSYS },
	{ "mkdir", SYS_mkdir, { TEXT, 0700 }, "/x", ENOSYS },
	{ "link", SYS_link, { TEXT, TEXT }, "/x", ENOSYS },
	{ "symlink", SYS_symlink, { TEXT, TEXT }, "/x", ENOSYS },
	{ "chmod", SYS_chmod, { TEXT, 0777 }, "/", ENOSYS },
	{ "fchmod a log", SYS_fchmod, { 5, 0777 }, NULL, ENOSYS },
	{ "fchown a log", SYS_fchown, { 5, 0, 0 }, NULL, EPERM },
	{ "truncate a log", SYS_ftruncate, { 5, 0 }, NULL, ENOSYS },
	{ "read a log back", SYS_pread64, { 5, BUFFER, 64, 0 }, NULL, ENOSYS },
	{ "overwrite a log", SYS_pwrite64, { 5, BUFFER, 64, 0 }, NULL, ENOSYS },
	{ "seek in a log", SYS_lseek, { 5, 0, SEEK_SET }, NULL, ENOSYS },
	{ "chdir", SYS_chdir, { TEXT }, "/", ENOSYS },
	{ "stat", SYS_stat, { TEXT, BUFFER }, "/etc/passwd", ENOSYS },
	{ "readlink", SYS_readlink, { TEXT, BUFFER, 64 }, "/proc/self/exe", ENOSYS },
	{ "prlimit of another", SYS_prlimit64, { 1, 7, 0, BUFFER }, NULL, ENOSYS },
	{ "sched_setscheduler", SYS_sched_setscheduler, { 0, SCHED_FIFO, BUFFER }, NULL, EPERM },
	{ "fcntl to make signals", SYS_fcntl, { 4, F_SETOWN, 1 }, NULL, ENOSYS },
	{ "its own id", SYS_getuid, { 0 }, NULL, SANDBOX_UID },
	{ NULL },
};

/* Of a pool that root has started; an ordinary user's spawner may open what is its user's. */
static const struct call spawner_calls[] = {
	{ "open the registry", SYS_openat, { AT_FDCWD, TEXT, O_RDONLY }, path_given, EACCES },
	{ "write the registry", SYS_openat, { AT_FDCWD, TEXT, O_RDWR }, path_given, EACCES },
	{ "open a secret of root", SYS_openat, { AT_FDCWD, TEXT, O_RDONLY }, "/etc/shadow", EACCES },
	{ NULL },
};

static const struct call spawner_of_user_calls[] = {
	{ "signal the master", SYS_kill, { NUMBER, SIGTERM }, NULL, ESRCH },
	{ "trace the master", SYS_ptrace, { PTRACE_SEIZE, NUMBER, 0, 0 }, NULL, ESRCH },
	{ "a socket", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, NULL, A_DESCRIPTOR },
	{ "connect it to this machine", SYS_connect, { LAST, TEXT, 16 }, local_address, ENETUNREACH },
	{ "mount a disk", SYS_mount, { TEXT, TEXT, TEXT, 0, 0 }, "/tmp", ENODEV },
	{ "set the clock", SYS_clock_settime, { 0, BUFFER }, NULL, EPERM },
	{ "read the kernel's log", SYS_syslog, { 3, BUFFER, 64 }, NULL, EPERM },
	{ "make a device", SYS_mknodat, { AT_FDCWD, TEXT, 0020600, 0x103 }, "/tmp/cfn-device", EPERM },
	{ NULL },
};

static const struct {
	const char *name;
	const struct call *calls;
} tables[] = {
	{ "router", router_calls },
	{ "spawner", spawner_of_user_calls },
	{ "spawner-of-root", spawner_calls },
};

struct victim {
	pid_t pid;
	struct user_regs_struct saved;
	const char *path;
	long number, last;
};

static int
complain(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	return EX_OSERR;
}

/* Stopped behind a system call, most likely the one in which it waited. */
static int
victim_attach(struct victim *v, pid_t pid)
{
	long code;
	int status;

	v->pid = pid;
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0)
		return complain("attach");
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, &status, __WALL) < 0 ||
	    ptrace(PTRACE_GETREGS, pid, NULL, &v->saved) < 0)
		return complain("stop");
	errno = 0;
	code = ptrace(PTRACE_PEEKTEXT, pid, v->saved.rip - SYSCALL_SIZE, NULL);
	if (errno != 0 || (code & 0xffff) != 0x050f)
		return complain("it is not in a system call");
	return 0;
}

static void
victim_leave(const struct victim *v)
{
	ptrace(PTRACE_SETREGS, v->pid, NULL, &v->saved);
	ptrace(PTRACE_DETACH, v->pid, NULL, 0);
}

/* The text, then zeros; below the stack and what a function may use there without asking. */
static int
scratch_fill(const struct victim *v, const char *text)
{
	char bytes[SCRATCH_BELOW / 2] = "";
	struct iovec ours = { bytes, sizeof bytes };
	struct iovec theirs = { (void *)(v->saved.rsp - SCRATCH_BELOW), sizeof bytes };

	if (text == local_address)
		memcpy(bytes, local_address, sizeof local_address);
	else
		snprintf(bytes, TEXT_SIZE, "%s", text == path_given ? v->path : text ? text : "");
	return process_vm_writev(v->pid, &ours, 1, &theirs, 1, 0) == (ssize_t)sizeof bytes ? 0 : -1;
}

static unsigned long long
place_of(const struct victim *v, long argument)
{
	unsigned long long scratch = v->saved.rsp - SCRATCH_BELOW;

	switch (argument) {
	case TEXT:
		return scratch;
	case BUFFER:
		return scratch + TEXT_SIZE;
	case LAST:
		return (unsigned long long)v->last;
	case NUMBER:
		return (unsigned long long)v->number;
	default:
		return (unsigned long long)argument;
	}
}

/* What the call returns there, or -errno. */
static long
victim_call(const struct victim *v, long number, const long arguments[ARGUMENTS])
{
	struct user_regs_struct r = v->saved;
	int status;

	r.rip -= SYSCALL_SIZE;
	r.rax = (unsigned long long)number;
	r.orig_rax = (unsigned long long)-1;
	r.rdi = place_of(v, arguments[0]);
	r.rsi = place_of(v, arguments[1]);
	r.rdx = place_of(v, arguments[2]);
	r.r10 = place_of(v, arguments[3]);
	r.r8 = place_of(v, arguments[4]);
	r.r9 = place_of(v, arguments[5]);
	if (ptrace(PTRACE_SETREGS, v->pid, NULL, &r) < 0 || ptrace(PTRACE_SINGLESTEP, v->pid, NULL, 0) < 0 ||
	    waitpid(v->pid, &status, __WALL) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_GETREGS, v->pid, NULL, &r) < 0)
		exit(complain("the process did not survive the call"));
	return (long)r.rax;
}

static bool
try_call(struct victim *v, const struct call *c)
{
	long got, want = c->want > 0 && c->want < SANDBOX_UID ? -c->want : c->want;

	if (scratch_fill(v, c->text) < 0)
		exit(complain("write to its memory"));
	got = v->last = victim_call(v, c->number, c->arguments);
	if (got == want || (want == A_DESCRIPTOR && got >= 0))
		return true;
	printf("%s: %ld (%s), not %ld (%s)\n", c->name, got, got < 0 ? strerrorname_np((int)-got) : "", want,
	       want < 0 ? strerrorname_np((int)-want) : "");
	return false;
}

static int
try_table(struct victim *v, const char *name)
{
	int n_wrong = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		if (strcmp(tables[i].name, name) == 0)
			for (const struct call *c = tables[i].calls; c->name; c++)
				n_wrong += !try_call(v, c);
	return n_wrong;
}

/* These never come back, whatever the filter says. */
static bool
is_final(long number)
{
	return number == SYS_exit || number == SYS_exit_group || number == SYS_rt_sigreturn;
}

/* With arguments that no call can use: what passes the filter says something else than it. */
static void
list_allowed(const struct victim *v)
{
	static const long bad[ARGUMENTS] = { -1, -1, -1, -1, -1, -1 };

	for (long number = 0; number <= LAST_CALL; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
		long got = name && !is_final(number) ? victim_call(v, number, bad) : -ENOSYS;

		if (got != -ENOSYS && got != -EPERM && got != -EACCES)
			puts(name);
		free(name);
	}
}

int
main(int argc, char **argv)
{
	struct victim v = { .path = argc > 3 ? argv[3] : "", .number = argc > 4 ? atol(argv[4]) : 0 };
	int rc;

	if (argc < 3) {
		fprintf(stderr,
		        "usage: inject PID router|spawner|spawner-of-root|list|attach [PATH NUMBER]\n");
		return EX_USAGE;
	}
	rc = victim_attach(&v, (pid_t)atoi(argv[1]));
	if (rc != 0)
		return rc;
	if (strcmp(argv[2], "list") == 0)
		list_allowed(&v);
	else if (strcmp(argv[2], "attach") != 0)
		rc = try_table(&v, argv[2]) > 0;
	victim_leave(&v);
	return rc;
}
