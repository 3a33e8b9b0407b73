/* filter_calls.c - which system calls each kind of process may make: data alone. */
#include "sandbox/filter_calls.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

/* Every process: ends, memory, time, its own signals and descriptors. */
static const char core_calls[] =
    "read write readv writev close fstat poll ppoll munmap mremap madvise brk "
    "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack "
    "restart_syscall nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time "
    "getpid getppid gettid getuid geteuid getgid getegid getrusage futex sched_yield "
    "getrandom getcpu rseq exit exit_group";

/* Files below the root that the process has been given. */
static const char file_calls[] =
    "lseek pread64 pwrite64 preadv pwritev preadv2 pwritev2 newfstatat stat lstat statx statfs "
    "fstatfs access faccessat faccessat2 open openat creat readlink readlinkat getdents64 "
    "getcwd chdir fchdir umask rename renameat renameat2 mkdir mkdirat rmdir unlink unlinkat "
    "symlink symlinkat link linkat chmod fchmod fchmodat utimensat truncate ftruncate "
    "fallocate fadvise64 fsync fdatasync copy_file_range sendfile flock dup dup2 dup3 pipe "
    "pipe2 close_range";

/* What the C library and ordinary programs use beside that. */
static const char common_calls[] =
    "select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 "
    "eventfd2 timerfd_create timerfd_settime timerfd_gettime msync mincore membarrier "
    "rt_sigsuspend pause kill tkill tgkill alarm getitimer setitimer timer_create "
    "timer_settime timer_gettime timer_getoverrun timer_delete times getpgrp getpgid getsid "
    "getresuid getresgid getgroups capget getpriority getrlimit setrlimit prlimit64 sysinfo "
    "uname sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max "
    "sched_get_priority_min set_robust_list get_robust_list set_tid_address arch_prctl wait4 "
    "waitid setpgid setsid";

/* A function's FastCGI descriptor is a socket, which the worker shuts down. */
static const char function_calls[] = "shutdown getsockopt getsockname getpeername";

/* For the listener's handover; the next program takes them away. */
static const char handover_calls[] = "sendmsg recvmsg";

/* A process with a system root: makes processes, runs programs (Landlock says which). */
static const char program_calls[] =
    "fork vfork execve execveat sendmsg recvmsg sendto recvfrom shutdown getsockopt "
    "getsockname getpeername";

static const char init_calls[] = "wait4 waitid";
static const char box_init_calls[] = "kill openat2 sendmsg getdents64";
static const char fresh_init_calls[] =
    "kill recvmsg openat getdents64 lseek unlinkat renameat2 fchmod fchmodat utimensat newfstatat";
static const char copy_calls[] = "openat2";

/* What it opens before it is confined, it need not be able to open again. */
static const char router_calls[] =
    "accept4 recvmsg sendmsg recvmmsg sendmmsg shutdown epoll_ctl epoll_wait epoll_pwait";

/* SQLite in its own folder, lanes, and jobs as sealed memory with a socket. */
static const char runner_calls[] =
    "lseek pread64 pwrite64 newfstatat stat lstat statx access faccessat faccessat2 open openat getdents64 "
    "getcwd readlink readlinkat unlink unlinkat ftruncate fallocate fsync fdatasync uname sysinfo "
    "recvmsg sendmsg recvfrom sendto shutdown epoll_ctl epoll_wait epoll_pwait memfd_create";

/* Lanes, lists of tokens to map, and jobs as sealed memory. */
static const char manage_calls[] =
    "lseek pread64 recvmsg sendmsg recvfrom sendto shutdown epoll_ctl epoll_wait epoll_pwait memfd_create";

/* What it needs beside these and has not asked for before it would be refused: memory, files, signals. */
static const char tracer_calls[] =
    "read write newfstatat wait4 nanosleep clock_nanosleep restart_syscall exit_group";

/* What address and undefined-behaviour sanitizers call by themselves; only such a build allows it. */
#ifdef CFN_SANITIZERS
static const char sanitizer_calls[] =
    "sigaltstack readlink readlinkat prlimit64 getrlimit sched_getaffinity sysinfo tgkill "
    "uname";
#else
static const char sanitizer_calls[] = "";
#endif

const char filter_never[] =
    "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise bpf "
    "perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register keyctl "
    "add_key request_key mount umount2 pivot_root chroot setns unshare fsopen fsmount "
    "fsconfig fspick open_tree move_mount mount_setattr open_by_handle_at name_to_handle_at "
    "init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff "
    "acct quotactl quotactl_fd syslog iopl ioperm modify_ldt settimeofday clock_settime "
    "clock_adjtime adjtimex sethostname setdomainname mknod mknodat memfd_secret setuid "
    "setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset chown "
    "fchown lchown fchownat shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop "
    "semtimedop semctl mq_open mq_unlink memfd_create fanotify_init inotify_init "
    "inotify_init1 vmsplice splice tee mlock mlock2 mlockall sched_setscheduler sched_setattr "
    "sched_setparam setpriority ioprio_set sched_setaffinity vhangup lookup_dcookie mbind "
    "set_mempolicy migrate_pages move_pages";

/* What ordinary programs do not even try; the others of the never-list are what runtimes ask for and do
 * without. */
static const char run_reported[] =
    "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd bpf perf_event_open userfaultfd keyctl "
    "add_key "
    "request_key mount umount2 pivot_root chroot setns unshare fsopen fsmount fsconfig fspick open_tree "
    "move_mount mount_setattr open_by_handle_at init_module finit_module delete_module kexec_load "
    "kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd syslog iopl ioperm modify_ldt "
    "settimeofday "
    "clock_settime sethostname setdomainname setuid setgid setreuid setregid setresuid setresgid setgroups "
    "setfsuid setfsgid capset vhangup";

const char filter_never_code[] = "fork vfork execve execveat socketpair listen bind accept accept4";

#define IS(argument, value)                                                                                  \
	{                                                                                                    \
		.arg = argument, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)(value)                         \
	}
#define BITS(argument, mask, value)                                                                          \
	{                                                                                                    \
		.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = (scmp_datum_t)(mask),                  \
		.datum_b = (scmp_datum_t)(value)                                                             \
	}
#define ALLOW_IS(name, argument, value)                                                                      \
	{                                                                                                    \
		name, VERDICT_ALLOW, 1,                                                                      \
		{                                                                                            \
			IS(argument, value)                                                                  \
		}                                                                                            \
	}

/* An allow-list: F_SETPIPE_SZ takes from what all processes of a host uid share, F_SETOWN and F_SETSIG make
 * signals, F_SETLEASE and F_NOTIFY reach other processes. */
static const struct call_rule fcntl_rules[] = { ALLOW_IS("fcntl", 1, F_DUPFD),
	                                        ALLOW_IS("fcntl", 1, F_DUPFD_CLOEXEC),
	                                        ALLOW_IS("fcntl", 1, F_GETFD),
	                                        ALLOW_IS("fcntl", 1, F_SETFD),
	                                        ALLOW_IS("fcntl", 1, F_GETFL),
	                                        ALLOW_IS("fcntl", 1, F_SETFL),
	                                        ALLOW_IS("fcntl", 1, F_GETLK),
	                                        ALLOW_IS("fcntl", 1, F_SETLK),
	                                        ALLOW_IS("fcntl", 1, F_SETLKW),
	                                        ALLOW_IS("fcntl", 1, F_OFD_GETLK),
	                                        ALLOW_IS("fcntl", 1, F_OFD_SETLK),
	                                        ALLOW_IS("fcntl", 1, F_OFD_SETLKW),
	                                        ALLOW_IS("fcntl", 1, F_GETPIPE_SZ),
	                                        ALLOW_IS("fcntl", 1, F_GET_SEALS),
	                                        { NULL } };

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
static const struct call_rule prctl_rules[] = {
	ALLOW_IS("prctl", 0, PR_SET_NAME),
	ALLOW_IS("prctl", 0, PR_GET_NAME),
	ALLOW_IS("prctl", 0, PR_GET_DUMPABLE),
	ALLOW_IS("prctl", 0, PR_GET_PDEATHSIG),
	ALLOW_IS("prctl", 0, PR_GET_NO_NEW_PRIVS),
	ALLOW_IS("prctl", 0, PR_SET_NO_NEW_PRIVS),
	ALLOW_IS("prctl", 0, PR_GET_SECCOMP),
	ALLOW_IS("prctl", 0, PR_CAPBSET_READ),
	ALLOW_IS("prctl", 0, PR_GET_SECUREBITS),
	ALLOW_IS("prctl", 0, PR_SET_VMA),
	{ "prctl", VERDICT_ALLOW, 2, { IS(0, PR_CAP_AMBIENT), IS(1, PR_CAP_AMBIENT_IS_SET) } },
	{ NULL }
};

/* All 64 bits are compared: the kernel looks at 32, so a number with a high bit set would pass a list of what
 * is forbidden. */
static const struct call_rule ioctl_rules[] = { ALLOW_IS("ioctl", 1, TCGETS),
	                                        ALLOW_IS("ioctl", 1, TIOCGWINSZ),
	                                        ALLOW_IS("ioctl", 1, FIONREAD),
	                                        ALLOW_IS("ioctl", 1, FIONBIO),
	                                        ALLOW_IS("ioctl", 1, FIOCLEX),
	                                        ALLOW_IS("ioctl", 1, FIONCLEX),
	                                        { NULL } };

static const struct call_rule personality_rules[] = { ALLOW_IS("personality", 0, 0xffffffff), { NULL } };

static const struct call_rule socket_rules[] = { { "socket", VERDICT_NO_SOCKET }, { NULL } };
/* The C library looks for the sockets of its name service by itself: that is nobody's attack. */
static const struct call_rule socket_run_rules[] = {
	{ "socket", VERDICT_NO_SOCKET, 1, { IS(0, AF_UNIX) } },
	{ "socket", VERDICT_REPORT, 1, { { .arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX } } },
	{ NULL }
};
static const struct call_rule socket_report_rules[] = { { "socket", VERDICT_REPORT },
	                                                { "connect", VERDICT_REPORT },
	                                                { NULL } };

/* By value: clone3 has its flags in memory.  EPERM instead of ENOSYS breaks the C library's threads. */
#define CLONE_NEW_ANY                                                                                        \
	(CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |       \
	 CLONE_NEWPID | CLONE_NEWNET)
static const struct call_rule thread_rules[] = {
	{ "clone", VERDICT_ALLOW, 1, { BITS(0, CLONE_NEW_ANY | CLONE_THREAD, CLONE_THREAD) } },
	{ "clone", VERDICT_REPORT, 1, { BITS(0, CLONE_THREAD, 0) } },
	{ "clone3", VERDICT_UNKNOWN },
	{ NULL }
};

/* A function in fresh mode makes processes of exactly one kind: children of its own parent, which is init and
 * reaps them, with nothing shared. */
#define FRESH_CLONE (CLONE_PARENT | SIGCHLD)
static const struct call_rule fresh_thread_rules[] = {
	{ "clone", VERDICT_ALLOW, 1, { BITS(0, CLONE_NEW_ANY | CLONE_THREAD, CLONE_THREAD) } },
	ALLOW_IS("clone", 0, FRESH_CLONE),
	{ "clone", VERDICT_REPORT, 1, { BITS(0, CLONE_THREAD | CLONE_PARENT, 0) } },
	{ "clone3", VERDICT_UNKNOWN },
	{ NULL }
};
static const struct call_rule process_rules[] = {
	{ "clone", VERDICT_ALLOW, 1, { BITS(0, CLONE_NEW_ANY, 0) } }, { "clone3", VERDICT_UNKNOWN }, { NULL }
};

/* Linkers start with pairs of connected sockets; not SOCK_DGRAM, whose sendto could name another socket. */
#define SOCKET_TYPE_BITS 0xf
static const struct call_rule socketpair_rules[] = {
	{ "socketpair", VERDICT_ALLOW, 2, { IS(0, AF_UNIX), BITS(1, SOCKET_TYPE_BITS, SOCK_STREAM) } },
	{ "socketpair", VERDICT_ALLOW, 2, { IS(0, AF_UNIX), BITS(1, SOCKET_TYPE_BITS, SOCK_SEQPACKET) } },
	{ NULL }
};

/* For a function that has been granted a socket: streams of this family alone, which it connects by path; all
 * others are reported as without a grant.  No message that could carry descriptors, and no out-of-band byte.
 */
#define NOT_FLAGS(flags) (~(uint64_t)(flags))
static const struct call_rule socket_granted_rules[] = {
	{ "socket", VERDICT_ALLOW, 2, { IS(0, AF_UNIX), BITS(1, SOCKET_TYPE_BITS, SOCK_STREAM) } },
	{ "socket", VERDICT_REPORT, 1, { { .arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX } } },
	{ "socket", VERDICT_REPORT, 2, { IS(0, AF_UNIX), BITS(1, 1, 0) } },
	{ "socket", VERDICT_REPORT, 2, { IS(0, AF_UNIX), BITS(1, 2, 2) } },
	{ "socket", VERDICT_REPORT, 2, { IS(0, AF_UNIX), BITS(1, 4, 4) } },
	{ "socket", VERDICT_REPORT, 2, { IS(0, AF_UNIX), BITS(1, 8, 8) } },
	{ "connect", VERDICT_ALLOW },
	{ "sendto",
	  VERDICT_ALLOW,
	  2,
	  { IS(4, 0), BITS(3, NOT_FLAGS(MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE), 0) } },
	{ "recvfrom",
	  VERDICT_ALLOW,
	  1,
	  { BITS(3, NOT_FLAGS(MSG_NOSIGNAL | MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL), 0) } },
	{ NULL }
};

#define CODE_OF_A_FILE                                                                                       \
	{                                                                                                    \
		BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), BITS(3, MAP_ANONYMOUS, 0)                        \
	}

/* Of memory that processes share without a file, what none of them shows any more is still there, and only a
 * cgroup knows. */
#define SHARED_MEMORY (MAP_SHARED | MAP_ANONYMOUS)

/* Executable memory comes from files alone and never changes: what a constructor maps before the last program
 * is loaded would stay. */
static const struct call_rule executable_file_rules[] = {
	{ "mmap", VERDICT_ALLOW, 2, { BITS(2, PROT_EXEC, 0), BITS(3, MAP_SHARED | MAP_HUGETLB, 0) } },
	{ "mmap",
	  VERDICT_ALLOW,
	  2,
	  { BITS(2, PROT_EXEC, 0), BITS(3, SHARED_MEMORY | MAP_HUGETLB, MAP_SHARED) } },
	{ "mmap", VERDICT_REFUSE, 2, { BITS(2, PROT_EXEC, 0), BITS(3, SHARED_MEMORY, SHARED_MEMORY) } },
	{ "mmap", VERDICT_REFUSE, 2, { BITS(2, PROT_EXEC, 0), BITS(3, MAP_HUGETLB, MAP_HUGETLB) } },
	{ "mmap", VERDICT_ALLOW, 2, CODE_OF_A_FILE },
	{ "mmap",
	  VERDICT_REFUSE,
	  2,
	  { BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), BITS(3, MAP_ANONYMOUS, MAP_ANONYMOUS) } },
	{ "mmap", VERDICT_REFUSE, 1, { BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE) } },
	{ "mprotect", VERDICT_ALLOW, 1, { BITS(2, PROT_EXEC, 0) } },
	{ "mprotect", VERDICT_REFUSE, 1, { BITS(2, PROT_EXEC, PROT_EXEC) } },
	{ "pkey_mprotect", VERDICT_REFUSE },
	{ NULL }
};

/* For processes that run our own code alone. */
static const struct call_rule no_executable_rules[] = {
	{ "mmap", VERDICT_ALLOW, 1, { BITS(2, PROT_EXEC, 0) } },
	{ "mmap", VERDICT_REFUSE, 1, { BITS(2, PROT_EXEC, PROT_EXEC) } },
	{ "mprotect", VERDICT_ALLOW, 1, { BITS(2, PROT_EXEC, 0) } },
	{ "mprotect", VERDICT_REFUSE, 1, { BITS(2, PROT_EXEC, PROT_EXEC) } },
	{ "pkey_mprotect", VERDICT_REFUSE },
	{ NULL }
};

/* Programs of the system start under their own loader. */
static const struct call_rule any_memory_rules[] = {
	{ "mmap", VERDICT_ALLOW, 1, { BITS(3, MAP_HUGETLB, 0) } },
	{ "mmap", VERDICT_REFUSE, 1, { BITS(3, MAP_HUGETLB, MAP_HUGETLB) } },
	{ "mprotect", VERDICT_ALLOW },
	{ NULL }
};

static const struct call_rule uncounted_rules[] = {
	{ "mmap", VERDICT_REFUSE, 1, { BITS(3, SHARED_MEMORY, SHARED_MEMORY) } }, { NULL }
};

/* The programs that come over this one, without a listener. */
static const struct call_rule further_filter_rules[] = {
	{ "seccomp", VERDICT_ALLOW, 2, { IS(0, SECCOMP_SET_MODE_FILTER), IS(1, 0) } },
	{ "seccomp", VERDICT_ALLOW, 2, { IS(0, SECCOMP_SET_MODE_FILTER), IS(1, SECCOMP_FILTER_FLAG_TSYNC) } },
	{ NULL }
};

static const struct call_rule close_rules[] = { { "sendmsg", VERDICT_REFUSE },
	                                        { "recvmsg", VERDICT_REFUSE },
	                                        { NULL } };

static const struct call_rule serve_rules[] = {
	{ "mmap", VERDICT_REFUSE, 1, { BITS(2, PROT_EXEC, PROT_EXEC) } },
	{ "seccomp", VERDICT_REFUSE },
	{ NULL }
};

/* Memory that is shared before the fork would be shared by all requests; MAP_SHARED_VALIDATE has the same
 * bit. */
static const struct call_rule fresh_close_rules[] = {
	{ "sendmsg", VERDICT_REFUSE },
	{ "mmap", VERDICT_REFUSE, 1, { BITS(3, MAP_SHARED, MAP_SHARED) } },
	{ NULL }
};

static const struct call_rule fresh_serve_rules[] = {
	{ "mmap", VERDICT_REFUSE, 1, { BITS(2, PROT_EXEC, PROT_EXEC) } }, { NULL }
};

/* The process that was loaded lives in the same pid namespace, has the same uid, and is the next request's
 * parent: nothing that takes a pid takes another's.  Calls that only read are not named. */
#define REFUSE_UNLESS(name, argument, value)                                                                 \
	{                                                                                                    \
		name, VERDICT_REFUSE, 1,                                                                     \
		{                                                                                            \
			{                                                                                    \
				.arg = argument, .op = SCMP_CMP_NE, .datum_a = value                         \
			}                                                                                    \
		}                                                                                            \
	}
static const struct call_rule fresh_request_rules[] = {
	{ "clone", VERDICT_REFUSE, 1, { BITS(0, CLONE_PARENT, CLONE_PARENT) } },
	{ "recvmsg", VERDICT_REFUSE },
	{ "seccomp", VERDICT_REFUSE },
	REFUSE_UNLESS("kill", 0, FILTER_OWN_PID),
	REFUSE_UNLESS("tgkill", 0, FILTER_OWN_PID),
	{ "tkill", VERDICT_REFUSE },
	REFUSE_UNLESS("prlimit64", 0, 0),
	{ NULL }
};

/* Beside a request's process that can make no other one there are init and the one that was loaded, who loads
 * this program: one for all requests, as it need not know theirs.  The kernel looks at 32 bits of a pid. */
#define REFUSE_PID(name, bits, value)                                                                        \
	{                                                                                                    \
		name, VERDICT_REFUSE, 1,                                                                     \
		{                                                                                            \
			BITS(0, bits, value)                                                                 \
		}                                                                                            \
	}
#define REFUSE_ALL_PIDS_BEFORE(name)                                                                         \
	REFUSE_PID(name, 0xffffffff, 0), REFUSE_PID(name, 0xffffffff, 1),                                    \
	    REFUSE_PID(name, 0x80000000, 0x80000000), REFUSE_PID(name, 0xffffffff, FILTER_OWN_PID)
static const struct call_rule fresh_alone_rules[] = { REFUSE_ALL_PIDS_BEFORE("kill"),
	                                              REFUSE_ALL_PIDS_BEFORE("tgkill"),
	                                              { "tkill", VERDICT_REFUSE },
	                                              REFUSE_UNLESS("prlimit64", 0, 0),
	                                              REFUSE_UNLESS("recvmsg", 0, FILTER_REQUESTS_FD),
	                                              { "seccomp", VERDICT_REFUSE },
	                                              { NULL } };

/* What service allows and takes away later, as narrowly as the worker itself needs it: an error number of a
 * later program would hide the report of an earlier one.  The handover is a sendmsg of message_send; the
 * artifact is a file, and its code is not written to. */
static const struct call_rule explaining_handover_rules[] = { ALLOW_IS("sendmsg", 2, MSG_NOSIGNAL),
	                                                      { NULL } };
static const struct call_rule explaining_close_rules[] = {
	{ "sendmsg", VERDICT_REFUSE, 1, { IS(2, MSG_NOSIGNAL) } }, { NULL }
};
static const struct call_rule explaining_serve_rules[] = { { "mmap", VERDICT_REFUSE, 2, CODE_OF_A_FILE },
	                                                   { "seccomp", VERDICT_REFUSE },
	                                                   { NULL } };

/* Accepted connections and the descriptors that the master hands over; the listeners of workers. */
static const struct call_rule router_rules[] = {
	ALLOW_IS("fcntl", 1, F_GETFL),
	ALLOW_IS("fcntl", 1, F_SETFL),
	ALLOW_IS("fcntl", 1, F_GET_SEALS),
	/* The C library's fstat. */
	ALLOW_IS("newfstatat", 3, AT_EMPTY_PATH),
	ALLOW_IS("ioctl", 1, SECCOMP_IOCTL_NOTIF_RECV),
	ALLOW_IS("ioctl", 1, SECCOMP_IOCTL_NOTIF_SEND),
	/* The socket of a request in fresh mode, one end of which is sent away. */
	{ "setsockopt", VERDICT_ALLOW, 2, { IS(1, SOL_SOCKET), IS(2, SO_PASSCRED) } },
	{ "socketpair", VERDICT_ALLOW, 2, { IS(0, AF_UNIX), BITS(1, SOCKET_TYPE_BITS, SOCK_SEQPACKET) } },
	{ NULL }
};

/* The front of the runner: locks of a database, seals of a job, a pair of sockets for its events. */
static const struct call_rule runner_rules[] = {
	ALLOW_IS("fcntl", 1, F_GETFD),
	ALLOW_IS("fcntl", 1, F_SETFD),
	ALLOW_IS("fcntl", 1, F_GETFL),
	ALLOW_IS("fcntl", 1, F_SETFL),
	ALLOW_IS("fcntl", 1, F_GETLK),
	ALLOW_IS("fcntl", 1, F_SETLK),
	ALLOW_IS("fcntl", 1, F_GET_SEALS),
	ALLOW_IS("fcntl", 1, F_ADD_SEALS),
	ALLOW_IS("fcntl", 1, F_DUPFD_CLOEXEC),
	{ "socketpair", VERDICT_ALLOW, 2, { IS(0, AF_UNIX), BITS(1, SOCKET_TYPE_BITS, SOCK_STREAM) } },
	{ NULL }
};

static const struct call_rule manage_rules[] = { ALLOW_IS("fcntl", 1, F_GETFL),
	                                         ALLOW_IS("fcntl", 1, F_SETFL),
	                                         ALLOW_IS("fcntl", 1, F_GET_SEALS),
	                                         ALLOW_IS("fcntl", 1, F_ADD_SEALS),
	                                         /* The C library's fstat. */
	                                         ALLOW_IS("newfstatat", 3, AT_EMPTY_PATH),
	                                         { NULL } };

/* It stops, reads and lets go; what it lets go with is a signal, of one of these threads.  The kernel looks
 * at 32 bits of a pid, and all are compared. */
#define TRACES(request, at)                                                                                  \
	{                                                                                                    \
		"ptrace", VERDICT_ALLOW, 2,                                                                  \
		{                                                                                            \
			IS(0, request), IS(1, FILTER_PIDS + (at))                                            \
		}                                                                                            \
	}
#define TRACES_ONE(at)                                                                                       \
	TRACES(PTRACE_SEIZE, at), TRACES(PTRACE_INTERRUPT, at), TRACES(PTRACE_GETREGSET, at),                \
	    TRACES(PTRACE_DETACH, at)
#define TRACES_FOUR(at) TRACES_ONE(at), TRACES_ONE(at + 1), TRACES_ONE(at + 2), TRACES_ONE(at + 3)
static const struct call_rule tracer_rules[] = {
	TRACES_ONE(0),  TRACES_FOUR(1),  TRACES_FOUR(5),
	TRACES_FOUR(9), TRACES_FOUR(13), ALLOW_IS("process_vm_readv", 0, FILTER_PIDS),
	{ NULL }
};
_Static_assert(FILTER_PIDS_MAX == 17, "the rules name as many");

const struct filter_calls filter_calls[FILTER_COUNT] = {
	[FILTER_FUNCTION_LOAD] = {
		"function", VERDICT_UNKNOWN, VERDICT_REPORT, NULL,
		{ core_calls, file_calls, common_calls, function_calls, handover_calls, sanitizer_calls },
		{ fcntl_rules, prctl_rules, ioctl_rules, personality_rules, socket_report_rules, thread_rules,
	          executable_file_rules, further_filter_rules },
	},
	/* The next two name nothing that has to be reported: an error number would hide the report. */
	[FILTER_FUNCTION_CLOSE] = { "function, loading", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL }, { close_rules } },
	[FILTER_FUNCTION_SERVE] = { "function, serving", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL }, { serve_rules } },
	[FILTER_FRESH_LOAD] = {
		"fresh function", VERDICT_UNKNOWN, VERDICT_REPORT, NULL,
		{ core_calls, file_calls, common_calls, function_calls, handover_calls, sanitizer_calls },
		{ fcntl_rules, prctl_rules, ioctl_rules, personality_rules, socket_report_rules,
	          fresh_thread_rules, executable_file_rules, further_filter_rules },
	},
	[FILTER_FRESH_CLOSE] = {
		"fresh function, loading", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL }, { fresh_close_rules },
	},
	[FILTER_FRESH_SERVE] = {
		"fresh function, loaded", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL }, { fresh_serve_rules },
	},
	[FILTER_FRESH_REQUEST] = {
		"fresh function, serving", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL }, { fresh_request_rules },
	},
	[FILTER_FRESH_ALONE_SERVE] = {
		"fresh function, alone, loaded", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL },
		{ fresh_serve_rules, fresh_alone_rules },
	},
	[FILTER_FRESH_INIT] = {
		"init of a fresh function", VERDICT_UNKNOWN, VERDICT_REFUSE, NULL,
		{ core_calls, init_calls, fresh_init_calls, sanitizer_calls },
		{ no_executable_rules, socket_rules },
	},
	[FILTER_INIT] = {
		"init", VERDICT_UNKNOWN, VERDICT_REFUSE, NULL,
		{ core_calls, init_calls, sanitizer_calls },
		{ no_executable_rules, socket_rules },
	},
	[FILTER_BOX_INIT] = {
		"init of a box", VERDICT_UNKNOWN, VERDICT_REFUSE, NULL,
		{ core_calls, init_calls, box_init_calls, sanitizer_calls },
		{ no_executable_rules, socket_rules },
	},
	[FILTER_COPY] = {
		"copy", VERDICT_UNKNOWN, VERDICT_REFUSE, NULL,
		{ core_calls, file_calls, copy_calls, sanitizer_calls },
		{ fcntl_rules, no_executable_rules, socket_rules },
	},
	[FILTER_ROUTER] = {
		"router", VERDICT_UNKNOWN, VERDICT_REFUSE, NULL,
		{ core_calls, router_calls, sanitizer_calls },
		{ router_rules, no_executable_rules, socket_rules },
	},
	/* One call of the never-list is its own, and to name it twice would be an error: so all of them are
	 * unknown here. */
	[FILTER_RUNNER] = {
		"runner", VERDICT_UNKNOWN, VERDICT_NONE, NULL,
		{ core_calls, runner_calls, sanitizer_calls },
		{ runner_rules, no_executable_rules, socket_rules },
	},
	[FILTER_MANAGE] = {
		"manage", VERDICT_UNKNOWN, VERDICT_NONE, NULL,
		{ core_calls, manage_calls, sanitizer_calls },
		{ manage_rules, no_executable_rules, socket_rules },
	},
	[FILTER_COMPILER] = {
		"compiler", VERDICT_UNKNOWN, VERDICT_REFUSE, NULL,
		{ core_calls, file_calls, common_calls, program_calls, sanitizer_calls },
		{ fcntl_rules, prctl_rules, ioctl_rules, personality_rules, socket_rules, process_rules,
	          socketpair_rules, any_memory_rules },
	},
	[FILTER_RUN] = {
		"run", VERDICT_UNKNOWN, VERDICT_REFUSE, run_reported,
		{ core_calls, file_calls, common_calls, program_calls, sanitizer_calls },
		{ fcntl_rules, prctl_rules, ioctl_rules, personality_rules, socket_run_rules, process_rules,
	          socketpair_rules, any_memory_rules },
	},
	[FILTER_CHECK] = {
		"check", VERDICT_UNKNOWN, VERDICT_REFUSE, NULL,
		{ core_calls, sanitizer_calls },
		{ no_executable_rules, socket_rules },
	},
	[FILTER_UNCOUNTED] = { "box, uncounted", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL }, { uncounted_rules } },
	/* Calls of the never-list are its own, as the runner's. */
	[FILTER_TRACER] = {
		"tracer", VERDICT_UNKNOWN, VERDICT_NONE, NULL, { tracer_calls, sanitizer_calls }, { tracer_rules },
	},
};

const struct filter_calls filter_calls_explaining[FILTER_COUNT] = {
	[FILTER_FUNCTION_LOAD] = {
		"function, explained", VERDICT_REPORT, VERDICT_NONE, NULL,
		{ core_calls, file_calls, common_calls, function_calls, sanitizer_calls },
		{ fcntl_rules, prctl_rules, ioctl_rules, personality_rules, thread_rules,
	          executable_file_rules, further_filter_rules, explaining_handover_rules },
	},
	[FILTER_FUNCTION_CLOSE] = {
		"function, loading, explained", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL }, { explaining_close_rules },
	},
	[FILTER_FUNCTION_SERVE] = {
		"function, serving, explained", VERDICT_ALLOW, VERDICT_NONE, NULL, { NULL }, { explaining_serve_rules },
	},
};

const struct filter_calls filter_calls_granted[FILTER_COUNT] = {
	[FILTER_FUNCTION_LOAD] = {
		"function with a socket", VERDICT_UNKNOWN, VERDICT_REPORT, NULL,
		{ core_calls, file_calls, common_calls, function_calls, handover_calls, sanitizer_calls },
		{ fcntl_rules, prctl_rules, ioctl_rules, personality_rules, socket_granted_rules, thread_rules,
	          executable_file_rules, further_filter_rules },
	},
	[FILTER_FRESH_LOAD] = {
		"fresh function with a socket", VERDICT_UNKNOWN, VERDICT_REPORT, NULL,
		{ core_calls, file_calls, common_calls, function_calls, handover_calls, sanitizer_calls },
		{ fcntl_rules, prctl_rules, ioctl_rules, personality_rules, socket_granted_rules,
	          fresh_thread_rules, executable_file_rules, further_filter_rules },
	},
};

const struct filter_calls filter_calls_explaining_granted[FILTER_COUNT] = {
	[FILTER_FUNCTION_LOAD] = {
		"function with a socket, explained", VERDICT_REPORT, VERDICT_NONE, NULL,
		{ core_calls, file_calls, common_calls, function_calls, sanitizer_calls },
		{ socket_granted_rules, fcntl_rules, prctl_rules, ioctl_rules, personality_rules, thread_rules,
	          executable_file_rules, further_filter_rules, explaining_handover_rules },
	},
};
