/* calls.c - the attempts that are one system call each: "REFUSED NAME ERRNO" or "ALLOWED NAME". */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Nothing is open there in a box; in a function it is the descriptor of the requests. */
enum { REQUESTS_FD = 3, CALL_ARGUMENTS = 6, HIGH_BIT = 32, NO_FD = 999, STRANGER = 4000 };

static char call_bytes[4096] __attribute__((aligned(4096)));
static struct iovec call_part = { call_bytes, sizeof call_bytes };
static struct msghdr call_message = { .msg_iov = &call_part, .msg_iovlen = 1 };
static struct sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static struct sock_fprog call_filter = { 1, &allow_all };
static const char *const call_shell[] = { "sh", "-c", "echo ALLOWED proc_execve it", NULL };

#define P(pointer) ((long)(pointer))

static const struct {
	const char *name;
	long number, arguments[CALL_ARGUMENTS];
} calls[] = {
	/* processes and programs */
	{ "proc_clone", SYS_clone, { SIGCHLD } },
	{ "proc_clone3", SYS_clone3, { P(call_bytes), 88 } },
	{ "proc_vfork", SYS_clone, { CLONE_VFORK | SIGCHLD } },
	{ "proc_execve", SYS_execve, { P("/bin/sh"), P(call_shell), P(&call_shell[3]) } },
	{ "proc_execveat",
	  SYS_execveat,
	  { REQUESTS_FD, P(""), P(call_shell), P(&call_shell[3]), AT_EMPTY_PATH } },
	{ "proc_ptrace_traceme", SYS_ptrace, { PTRACE_TRACEME } },
	{ "proc_ptrace_init", SYS_ptrace, { PTRACE_SEIZE, 1 } },
	{ "proc_vm_readv", SYS_process_vm_readv, { 1, P(&call_part), 1, P(&call_part), 1 } },
	{ "proc_vm_writev", SYS_process_vm_writev, { 1, P(&call_part), 1, P(&call_part), 1 } },
	{ "proc_madvise", SYS_process_madvise, { REQUESTS_FD, P(&call_part), 1, MADV_COLD } },
	{ "proc_pidfd_open", SYS_pidfd_open, { 1 } },
	{ "proc_pidfd_getfd", SYS_pidfd_getfd, { REQUESTS_FD, 0, 0 } },
	{ "proc_pidfd_send_signal", SYS_pidfd_send_signal, { REQUESTS_FD, SIGKILL } },
	{ "proc_kcmp", SYS_kcmp, { 1, 1, 0, 0, 0 } },
	{ "sig_stranger", SYS_kill, { STRANGER, SIGKILL } },
	{ "sig_init_queue", SYS_rt_sigqueueinfo, { 1, SIGTERM, P(call_bytes) } },
	/* namespaces and mounts */
	{ "ns_clone_user", SYS_clone, { CLONE_NEWUSER | SIGCHLD } },
	{ "ns_clone_thread_user", SYS_clone, { CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWUSER } },
	{ "ns_unshare_user", SYS_unshare, { CLONE_NEWUSER } },
	{ "ns_unshare_mount", SYS_unshare, { CLONE_NEWNS } },
	{ "ns_unshare_pid", SYS_unshare, { CLONE_NEWPID } },
	{ "ns_unshare_net", SYS_unshare, { CLONE_NEWNET } },
	{ "ns_unshare_files", SYS_unshare, { CLONE_FILES } },
	{ "ns_setns", SYS_setns, { REQUESTS_FD, 0 } },
	{ "ns_sethostname", SYS_sethostname, { P("escaped"), 7 } },
	{ "ns_setdomainname", SYS_setdomainname, { P("escaped"), 7 } },
	{ "fs_mount_tmpfs", SYS_mount, { P("none"), P("/tmp"), P("tmpfs"), 0, 0 } },
	{ "fs_remount", SYS_mount, { P("none"), P("/"), 0, 0x20, 0 } },
	{ "fs_umount2", SYS_umount2, { P("/tmp"), 2 } },
	{ "fs_chroot", SYS_chroot, { P("/tmp") } },
	{ "fs_pivot_root", SYS_pivot_root, { P("/tmp"), P("/tmp") } },
	{ "fs_open_tree", SYS_open_tree, { AT_FDCWD, P("/"), 1 } },
	{ "fs_move_mount", SYS_move_mount, { AT_FDCWD, P("/tmp"), AT_FDCWD, P("/"), 0 } },
	{ "fs_fsopen", SYS_fsopen, { P("tmpfs"), 0 } },
	{ "fs_fspick", SYS_fspick, { AT_FDCWD, P("/"), 0 } },
	{ "fs_mount_setattr", SYS_mount_setattr, { AT_FDCWD, P("/tmp"), 0, P(call_bytes), 32 } },
	{ "fs_quotactl", SYS_quotactl, { 0x800000, P("/"), 0, 0 } },
	{ "fs_swapon", SYS_swapon, { P("/tmp"), 0 } },
	{ "fs_acct", SYS_acct, { P("/tmp/accounts") } },
	/* who one is */
	{ "priv_setuid", SYS_setuid, { 0 } },
	{ "priv_setreuid", SYS_setreuid, { 0, 0 } },
	{ "priv_setresuid", SYS_setresuid, { 0, 0, 0 } },
	{ "priv_setresgid", SYS_setresgid, { 0, 0, 0 } },
	{ "priv_setfsuid", SYS_setfsuid, { 0 } },
	{ "priv_setgroups", SYS_setgroups, { 0, 0 } },
	{ "priv_capset", SYS_capset, { P(call_bytes), P(call_bytes) } },
	{ "priv_dumpable", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "priv_ptracer", SYS_prctl, { PR_SET_PTRACER, -1 } },
	{ "priv_keep_capabilities", SYS_prctl, { PR_SET_KEEPCAPS, 1 } },
	{ "priv_securebits", SYS_prctl, { PR_SET_SECUREBITS, 0 } },
	{ "priv_personality", SYS_personality, { 0x0040000 } },
	/* sockets: net_families tries the others; what the last ones use may be there */
	{ "net_socket_inet", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "net_socketpair_dgram", SYS_socketpair, { AF_UNIX, SOCK_DGRAM, 0, P(call_bytes) } },
	{ "net_socketpair_stream", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, P(call_bytes) } },
	{ "net_bind", SYS_bind, { REQUESTS_FD, P(call_bytes), 16 } },
	{ "net_listen", SYS_listen, { REQUESTS_FD, 1 } },
	{ "net_connect", SYS_connect, { REQUESTS_FD, P(call_bytes), 16 } },
	{ "net_accept4", SYS_accept4, { REQUESTS_FD, 0, 0, 0 } },
	{ "net_sendmsg", SYS_sendmsg, { REQUESTS_FD, P(&call_message), 0 } },
	{ "net_recvmsg", SYS_recvmsg, { REQUESTS_FD, P(&call_message), MSG_DONTWAIT } },
	{ "net_sendmmsg", SYS_sendmmsg, { REQUESTS_FD, P(&call_message), 1, 0 } },
	{ "net_sendto", SYS_sendto, { REQUESTS_FD, P(call_bytes), 1, 0, 0, 0 } },
	{ "net_setsockopt", SYS_setsockopt, { REQUESTS_FD, SOL_SOCKET, SO_PASSCRED, P(call_bytes), 4 } },
	/* memory that can be run, or that nobody counts */
	{ "mem_map_rwx",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "mem_map_rx", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "mem_protect_exec", SYS_mprotect, { P(call_bytes), 4096, PROT_READ | PROT_EXEC } },
	{ "mem_pkey_mprotect", SYS_pkey_mprotect, { P(call_bytes), 4096, PROT_READ, -1 } },
	{ "mem_memfd_create", SYS_memfd_create, { P("x"), 0 } },
	{ "mem_memfd_secret", SYS_memfd_secret, { 0 } },
	{ "mem_shmget", SYS_shmget, { 0, 4096, 01600 } },
	{ "mem_semget", SYS_semget, { 0, 1, 01600 } },
	{ "mem_msgget", SYS_msgget, { 0, 01600 } },
	{ "mem_mq_open", SYS_mq_open, { P("cfn"), O_CREAT | O_RDWR, 0600, 0 } },
	{ "mem_mlock", SYS_mlock, { P(call_bytes), 4096 } },
	{ "mem_mlockall", SYS_mlockall, { 1 } },
	{ "mem_mbind", SYS_mbind, { P(call_bytes), 4096, 0, 0, 0, 0 } },
	{ "mem_move_pages", SYS_move_pages, { 0, 0, 0, 0, 0, 0 } },
	/* the kernel itself */
	{ "sys_seccomp", SYS_seccomp, { SECCOMP_SET_MODE_FILTER, 0, P(&call_filter) } },
	{ "sys_seccomp_prctl", SYS_prctl, { PR_SET_SECCOMP, SECCOMP_MODE_FILTER, P(&call_filter) } },
	{ "sys_bpf", SYS_bpf, { 0, P(call_bytes), 64 } },
	{ "sys_io_uring", SYS_io_uring_setup, { 1, P(call_bytes) } },
	{ "sys_io_uring_enter", SYS_io_uring_enter, { NO_FD, 1, 0, 0, 0 } },
	{ "sys_io_uring_register", SYS_io_uring_register, { NO_FD, 0, 0, 0 } },
	{ "sys_perf", SYS_perf_event_open, { P(call_bytes), 0, -1, -1, 0 } },
	{ "sys_userfaultfd", SYS_userfaultfd, { 0 } },
	{ "sys_keyctl", SYS_keyctl, { 0, -3, 1 } },
	{ "sys_add_key", SYS_add_key, { P("user"), P("x"), P("y"), 1, -3 } },
	{ "sys_request_key", SYS_request_key, { P("user"), P("x"), 0, -3 } },
	{ "sys_syslog", SYS_syslog, { 3, P(call_bytes), 100 } },
	{ "sys_init_module", SYS_init_module, { P(call_bytes), 4, P("") } },
	{ "sys_finit_module", SYS_finit_module, { NO_FD, P(""), 0 } },
	{ "sys_delete_module", SYS_delete_module, { P("none of this name"), 0 } },
	{ "sys_kexec_load", SYS_kexec_load, { 0, 99, 0, ~0L } },
	{ "sys_kexec_file_load", SYS_kexec_file_load, { NO_FD, NO_FD, 0, 0, ~0L } },
	{ "sys_reboot", SYS_reboot, { 0, 0, 0 } },
	{ "sys_open_by_handle_at", SYS_open_by_handle_at, { AT_FDCWD, P(call_bytes), O_RDONLY } },
	{ "sys_inotify", SYS_inotify_init1, { 0 } },
	{ "sys_fanotify", SYS_fanotify_init, { 0, 0 } },
	{ "sys_splice", SYS_splice, { NO_FD, 0, NO_FD, 0, 1, 0 } },
	{ "sys_tee", SYS_tee, { NO_FD, NO_FD, 1, 0 } },
	{ "sys_vmsplice", SYS_vmsplice, { NO_FD, P(&call_part), 1, 0 } },
	{ "sys_openat2", SYS_openat2, { AT_FDCWD, P("/"), P(call_bytes), 24 } },
	{ "sys_landlock", SYS_landlock_create_ruleset, { 0, 0, 1 } },
	{ "sys_unknown", 1999, { 0 } },
#if defined(__x86_64__)
	{ "sys_modify_ldt", SYS_modify_ldt, { 0, P(call_bytes), 16 } },
	{ "sys_iopl", SYS_iopl, { 3 } },
	{ "sys_ioperm", SYS_ioperm, { 0x80, 1, 1 } },
	{ "sys_x32", 0x40000000L | SYS_getpid, { 0 } },
#endif
	/* the clock and the scheduler */
	{ "time_settimeofday", SYS_settimeofday, { P(call_bytes), P(call_bytes) } },
	{ "time_clock_settime", SYS_clock_settime, { 0, P(call_bytes) } },
	{ "time_adjtimex", SYS_adjtimex, { P(call_bytes) } },
	{ "sched_setscheduler", SYS_sched_setscheduler, { 0, SCHED_FIFO, P("\1\0\0") } },
	{ "sched_setattr", SYS_sched_setattr, { 0, P(call_bytes), 0 } },
	{ "sched_setaffinity", SYS_sched_setaffinity, { 0, 8, P("\1\0\0\0\0\0\0") } },
	{ "sched_setpriority", SYS_setpriority, { PRIO_PROCESS, 0, -10 } },
	{ "sched_ioprio", SYS_ioprio_set, { 1, 0, 1 << 13 } },
	/* descriptors: what all processes of a user share, and what tricks a list of numbers */
	{ "fd_pipe_size", SYS_fcntl, { 1, F_SETPIPE_SZ, 4096 } },
	{ "fd_set_owner", SYS_fcntl, { 1, F_SETOWN, 1 } },
	{ "fd_set_signal", SYS_fcntl, { 1, F_SETSIG, SIGKILL } },
	{ "fd_notify", SYS_fcntl, { 0, F_NOTIFY, 0 } },
	{ "fd_lease", SYS_fcntl, { 0, F_SETLEASE, F_RDLCK } },
	{ "fd_tiocsti", SYS_ioctl, { 0, TIOCSTI, P(call_bytes) } },
	{ "fd_tiocsti_high", SYS_ioctl, { 0, TIOCSTI | 1L << HIGH_BIT, P(call_bytes) } },
	{ "fd_tioclinux", SYS_ioctl, { 0, TIOCLINUX, P(call_bytes) } },
	/* files */
	{ "fs_proc", SYS_openat, { AT_FDCWD, P("/proc/self/maps"), O_RDONLY } },
	{ "fs_sys", SYS_openat, { AT_FDCWD, P("/sys/kernel"), O_RDONLY } },
	{ "fs_passwd", SYS_openat, { AT_FDCWD, P("/etc/passwd"), O_RDONLY } },
	{ "fs_library", SYS_openat, { AT_FDCWD, P("/usr/lib/os-release"), O_RDONLY } },
	{ "fs_write_root", SYS_mkdirat, { AT_FDCWD, P("/cfn_attempt"), 0700 } },
	{ "fs_rename_tmp", SYS_renameat2, { AT_FDCWD, P("/tmp"), AT_FDCWD, P("/cfn_other"), 0 } },
	{ "fs_remove_tmp", SYS_unlinkat, { AT_FDCWD, P("/tmp"), AT_REMOVEDIR } },
	{ "fs_make_fifo", SYS_mknodat, { AT_FDCWD, P("/tmp/cfn_fifo"), S_IFIFO | 0600, 0 } },
	{ "fs_make_device", SYS_mknodat, { AT_FDCWD, P("/tmp/cfn_null"), S_IFCHR | 0600, 0x103 } },
	{ "fs_chown", SYS_fchownat, { AT_FDCWD, P("/tmp"), 0, 0, 0 } },
	{ "fs_set_attribute", SYS_setxattr, { P("/tmp"), P("user.cfn"), P("x"), 1, 0 } },
};

/* As attempt_run. */
static int
call_run(const char *name)
{
	pid_t self = getpid();

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		const long *a = calls[i].arguments;
		long rc;

		if (strcmp(calls[i].name, name) != 0)
			continue;
		rc = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (getpid() != self)
			_exit(0);
		return rc < 0 ? attempt_say("REFUSED", "%s", attempt_error()) : attempt_say("ALLOWED", "it");
	}
	return -1;
}
