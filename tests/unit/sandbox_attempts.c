/* sandbox_attempts.c - acts tried inside of a function's sandbox, and the errno that each must meet. */
#include "sandbox_attempts.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

static int
met(long rc)
{
	return rc < 0 ? errno : 0;
}

static int
try_opening(const char *path, int flags)
{
	AUTO_FD fd = open(path, flags | O_CLOEXEC, 0600);

	return met(fd);
}

/* One line an act: TRY(name, expression that is negative with errno when refused). */
#define TRY(name, expression)                                                                                \
	static int try_##name(void)                                                                          \
	{                                                                                                    \
		return met(expression);                                                                      \
	}

static char buffer[4096];

TRY(getpid, getpid())
TRY(socket_inet, socket(AF_INET, SOCK_STREAM, 0))
TRY(socket_unix, socket(AF_UNIX, SOCK_STREAM, 0))
TRY(socket_netlink, socket(AF_NETLINK, SOCK_RAW, 0))
TRY(socket_raw_number, syscall(SYS_socket, AF_INET | (1UL << 40), SOCK_STREAM, 0))
TRY(connect, connect(0, (struct sockaddr *)buffer, 16))
TRY(vfork, syscall(SYS_vfork))
TRY(execve, syscall(SYS_execve, "/bin/sh", NULL, NULL))
TRY(execveat, syscall(SYS_execveat, AT_FDCWD, "/bin/sh", NULL, NULL, 0))
TRY(clone_namespace, syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0))
TRY(clone_thread_namespace,
    syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWNS, 0, 0, 0, 0))
TRY(clone3, syscall(SYS_clone3, buffer, 88))
TRY(unshare, unshare(CLONE_NEWUSER))
TRY(setns, setns(0, 0))
TRY(mount, syscall(SYS_mount, "x", "/tmp", "tmpfs", 0, 0))
TRY(umount, syscall(SYS_umount2, "/tmp", 2))
TRY(pivot_root, syscall(SYS_pivot_root, ".", "."))
TRY(chroot, chroot("/tmp"))
TRY(open_tree, syscall(SYS_open_tree, AT_FDCWD, "/", 1))
TRY(ptrace, syscall(SYS_ptrace, 0, 0, 0, 0))
TRY(process_vm_readv, syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0))
TRY(kcmp, syscall(SYS_kcmp, 1, 2, 0, 0, 0))
TRY(pidfd_getfd, syscall(SYS_pidfd_getfd, 0, 0, 0))
TRY(pidfd_open, syscall(SYS_pidfd_open, 1, 0))
TRY(bpf, syscall(SYS_bpf, 0, 0, 0))
TRY(perf, syscall(SYS_perf_event_open, 0, 0, 0, 0, 0))
TRY(userfaultfd, syscall(SYS_userfaultfd, 0))
TRY(io_uring, syscall(SYS_io_uring_setup, 1, buffer))
TRY(keyctl, syscall(SYS_keyctl, 0, 0, 0, 0, 0))
TRY(add_key, syscall(SYS_add_key, "user", "x", "y", 1, -2))
TRY(memfd, memfd_create("x", 0))
TRY(memfd_secret, syscall(SYS_memfd_secret, 0))
TRY(shmget, syscall(SYS_shmget, 0, 4096, 0600))
TRY(semget, syscall(SYS_semget, 0, 1, 0600))
TRY(msgget, syscall(SYS_msgget, 0, 0600))
TRY(mq_open, syscall(SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, 0))
TRY(inotify, syscall(SYS_inotify_init1, 0))
TRY(fanotify, syscall(SYS_fanotify_init, 0, 0))
TRY(mlock, syscall(SYS_mlock, buffer, 4096))
TRY(vmsplice, syscall(SYS_vmsplice, 0, 0, 0, 0))
TRY(splice, syscall(SYS_splice, 0, 0, 0, 0, 0, 0))
TRY(setuid, syscall(SYS_setuid, 0))
TRY(setgroups, syscall(SYS_setgroups, 0, 0))
TRY(capset, syscall(SYS_capset, buffer, buffer))
TRY(sethostname, sethostname("x", 1))
TRY(mknod, mknod("/tmp/n", S_IFCHR | 0600, 0x103))
TRY(mkfifo, mkfifo("/tmp/f", 0600))
TRY(chown, chown("/tmp", 0, 0))
TRY(setpriority, setpriority(PRIO_PROCESS, 0, -5))
TRY(setaffinity, syscall(SYS_sched_setaffinity, 0, 8, buffer))
TRY(personality_ask, personality(0xffffffff))
TRY(personality_set, personality(ADDR_NO_RANDOMIZE))
TRY(dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
TRY(pdeathsig, prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0))
TRY(prctl_seccomp, prctl(PR_SET_SECCOMP, 2, buffer, 0, 0))
TRY(prctl_name, prctl(PR_SET_NAME, "x", 0, 0, 0))
TRY(seccomp, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, buffer))
TRY(seccomp_listener, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, buffer))
TRY(sendmsg, sendmsg(0, (struct msghdr *)buffer, 0))
TRY(recvmsg, recvmsg(0, (struct msghdr *)buffer, 0))
TRY(sendto, send(0, buffer, 1, 0))
TRY(tiocsti, ioctl(0, TIOCSTI, "x"))
TRY(tiocsti_high_bit, syscall(SYS_ioctl, 0, TIOCSTI | (1UL << 32), "x"))
TRY(set_owner, fcntl(0, F_SETOWN, 1))
TRY(set_signal, fcntl(0, F_SETSIG, 10))
TRY(set_lease, fcntl(0, F_SETLEASE, 0))
TRY(notify, fcntl(0, F_NOTIFY, 1))
TRY(pkey_mprotect, syscall(SYS_pkey_mprotect, buffer, 4096, PROT_READ, -1))
TRY(unknown_call, syscall(999))
TRY(openat2, syscall(SYS_openat2, AT_FDCWD, "/", buffer, 24))
TRY(password_file, try_opening("/etc/passwd", O_RDONLY) ? -1 : 0)
TRY(climb, try_opening("/tmp/../../../../etc/passwd", O_RDONLY) ? -1 : 0)
TRY(proc, try_opening("/proc/self/status", O_RDONLY) ? -1 : 0)
TRY(sys, try_opening("/sys", O_RDONLY) ? -1 : 0)
TRY(dev_null, try_opening("/dev/null", O_RDWR) ? -1 : 0)
TRY(usr, try_opening("/usr/lib", O_RDONLY) ? -1 : 0)
TRY(artifact, try_opening("./fn.so", O_RDONLY) ? -1 : 0)
TRY(artifact_write, try_opening("./fn.so", O_RDWR) ? -1 : 0)
TRY(root_write, try_opening("/new", O_CREAT | O_WRONLY) ? -1 : 0)
TRY(tmp_write, try_opening("/tmp/new", O_CREAT | O_WRONLY) ? -1 : 0)
TRY(relative_write, try_opening("new", O_CREAT | O_WRONLY) ? -1 : 0)
TRY(rename_tmp, rename("/tmp", "/other"))
TRY(remove_tmp, rmdir("/tmp"))
TRY(socket_file, mknod("/tmp/s", S_IFSOCK | 0600, 0))

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return met(pid);
}

static int
try_socketpair(void)
{
	int pair[2];

	return met(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static int
try_pipe_size(void)
{
	int ends[2];

	if (pipe(ends) < 0)
		return -1;
	return met(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20));
}

static int
try_mapping(int prot, int flags, int fd)
{
	return mmap(NULL, 4096, prot, flags, fd, 0) == MAP_FAILED ? errno : 0;
}

static int
try_map_write_execute(void)
{
	return try_mapping(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int
try_map_execute(void)
{
	return try_mapping(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int
try_map_data(void)
{
	return try_mapping(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int
try_map_own_file(void)
{
	AUTO_FD fd = open("/tmp/code", O_CREAT | O_RDWR | O_CLOEXEC, 0700);

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return -1;
	return try_mapping(PROT_READ | PROT_EXEC, MAP_PRIVATE, fd);
}

static int
try_mprotect_execute(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return met(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static void *
thread_run(void *unused)
{
	return unused;
}

static int
try_thread(void)
{
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, thread_run, NULL);

	if (rc == 0)
		pthread_join(thread, NULL);
	return rc;
}

static void *
thread_wait(void *unused)
{
	pause();
	return unused;
}

static int
try_threads_to_the_limit(void)
{
	pthread_attr_t small;
	pthread_t thread;
	int rc = 0, n = 1; /* this one */

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	while (n <= ATTEMPT_THREADS && rc == 0) {
		rc = pthread_create(&thread, &small, thread_wait, NULL);
		n += rc == 0;
	}
	return n == ATTEMPT_THREADS ? rc : -1;
}

static int
try_tmp_fill(void)
{
	AUTO_FD first = open("/tmp/first", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	AUTO_FD second = open("/tmp/second", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fallocate(first, 0, 0, ATTEMPT_FILE) < 0)
		return -1;
	if (fallocate(second, 0, 0, ATTEMPT_TMP - ATTEMPT_FILE) < 0)
		return -1;
	return met(write(second, buffer, 1) < 0 ? -1 : pwrite(second, buffer, 1, ATTEMPT_TMP - ATTEMPT_FILE));
}

static int
try_tmp_inodes(void)
{
	char path[64];
	int rc = 0;

	for (int i = 0; i <= ATTEMPT_INODES && rc == 0; i++) {
		snprintf(path, sizeof path, "/tmp/%d", i);
		rc = met(mkdir(path, 0700));
	}
	return rc;
}

static int
try_file_size(void)
{
	AUTO_FD fd = open("/tmp/hole", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	signal(SIGXFSZ, SIG_IGN);
	return met(ftruncate(fd, ATTEMPT_FILE + 1));
}

static int
try_files(void)
{
	int rc = 0, fd = 0;

	for (int i = 0; i <= ATTEMPT_FILES && rc == 0; i++) {
		fd = dup(0);
		rc = met(fd);
	}
	return rc;
}

static int
try_limit_raise(void)
{
	struct rlimit limit = { ATTEMPT_FILES * 2, ATTEMPT_FILES * 2 };

	return met(setrlimit(RLIMIT_NOFILE, &limit));
}

#ifndef CFN_SANITIZERS
static int
try_memory(void)
{
	return try_mapping(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1) == 0 &&
	               mmap(NULL, ATTEMPT_MEMORY + (1 << 20), PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
	           ? errno
	           : 0;
}
#endif

static int
try_core_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 1 ? 0 : -1;
}

static int
try_descriptors(void)
{
	/* 0 and the pipe of the report, whatever its number: nothing else is open. */
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int
try_environment(void)
{
	return getenv("HOME") && strcmp(getenv("HOME"), "/tmp") == 0 && !getenv("CFN_TEST_SECRET") ? 0 : -1;
}

static int
try_host_name(void)
{
	struct utsname name;

	return uname(&name) == 0 && strcmp(name.nodename, "cfn") == 0 ? 0 : -1;
}

static int
try_ids(void)
{
	return getuid() == 1000 && getegid() == 1000 && getpid() == 2 && getppid() == 1 ? 0 : -1;
}

static int
try_symlink_out(void)
{
	if (symlink("/etc/passwd", "/link") < 0)
		return -1;
	return try_opening("/link", O_RDONLY);
}

static int
try_rename_across(void)
{
	if (try_opening("/own", O_CREAT | O_WRONLY) != 0)
		return -1;
	return met(rename("/own", "/tmp/own"));
}

#ifdef __x86_64__
static int
try_i386_call(void)
{
	long rc;

	/* getpid by int 0x80 */
	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory");
	return (int)rc;
}

static int
try_x32_call(void)
{
	return met(syscall(SYS_getpid | 0x40000000));
}
#endif

const struct attempt_case attempt_cases[] = {
	{ "a_function_may_ask_its_pid", try_getpid, 0 },
	{ "it_is_uid_1000_and_pid_2", try_ids, 0 },
	{ "it_may_make_a_thread", try_thread, 0 },
	{ "it_makes_no_more_threads_than_allowed", try_threads_to_the_limit, EAGAIN },
	{ "it_sees_the_sandbox_host_name", try_host_name, 0 },
	{ "it_gets_a_built_environment", try_environment, 0 },
	{ "it_has_two_descriptors", try_descriptors, 2 },
	{ "core_is_limited_to_1", try_core_limit, 0 },
	{ "socket_inet_is_EACCES", try_socket_inet, EACCES, "socket" },
	{ "socket_unix_is_EACCES", try_socket_unix, EACCES, "socket" },
	{ "socket_netlink_is_EACCES", try_socket_netlink, EACCES, "socket" },
	{ "socket_with_high_bits_is_EACCES", try_socket_raw_number, EACCES, "socket" },
	{ "socketpair_is_refused", try_socketpair, EPERM, "socketpair" },
	{ "connect_is_refused", try_connect, EPERM, "connect" },
	{ "fork_is_refused", try_fork, EPERM, "clone" },
	{ "vfork_is_refused", try_vfork, EPERM, "vfork" },
	{ "execve_is_refused", try_execve, EPERM, "execve" },
	{ "execveat_is_refused", try_execveat, EPERM, "execveat" },
	{ "clone_of_a_namespace_is_refused", try_clone_namespace, EPERM, "clone" },
	{ "clone_of_a_thread_with_a_namespace_is_unknown", try_clone_thread_namespace, ENOSYS },
	{ "clone3_is_unknown", try_clone3, ENOSYS },
	{ "unshare_is_refused", try_unshare, EPERM, "unshare" },
	{ "setns_is_refused", try_setns, EPERM, "setns" },
	{ "mount_is_refused", try_mount, EPERM, "mount" },
	{ "umount_is_refused", try_umount, EPERM, "umount2" },
	{ "pivot_root_is_refused", try_pivot_root, EPERM, "pivot_root" },
	{ "chroot_is_refused", try_chroot, EPERM, "chroot" },
	{ "open_tree_is_refused", try_open_tree, EPERM, "open_tree" },
	{ "ptrace_is_refused", try_ptrace, EPERM, "ptrace" },
	{ "process_vm_readv_is_refused", try_process_vm_readv, EPERM, "process_vm_readv" },
	{ "kcmp_is_refused", try_kcmp, EPERM, "kcmp" },
	{ "pidfd_getfd_is_refused", try_pidfd_getfd, EPERM, "pidfd_getfd" },
	{ "pidfd_open_is_unknown", try_pidfd_open, ENOSYS },
	{ "bpf_is_refused", try_bpf, EPERM, "bpf" },
	{ "perf_is_refused", try_perf, EPERM, "perf_event_open" },
	{ "userfaultfd_is_refused", try_userfaultfd, EPERM, "userfaultfd" },
	{ "io_uring_is_refused", try_io_uring, EPERM, "io_uring_setup" },
	{ "keyctl_is_refused", try_keyctl, EPERM, "keyctl" },
	{ "add_key_is_refused", try_add_key, EPERM, "add_key" },
	{ "memfd_is_refused", try_memfd, EPERM, "memfd_create" },
	{ "memfd_secret_is_refused", try_memfd_secret, EPERM, "memfd_secret" },
	{ "shmget_is_refused", try_shmget, EPERM, "shmget" },
	{ "semget_is_refused", try_semget, EPERM, "semget" },
	{ "msgget_is_refused", try_msgget, EPERM, "msgget" },
	{ "mq_open_is_refused", try_mq_open, EPERM, "mq_open" },
	{ "inotify_is_refused", try_inotify, EPERM, "inotify_init1" },
	{ "fanotify_is_refused", try_fanotify, EPERM, "fanotify_init" },
	{ "mlock_is_refused", try_mlock, EPERM, "mlock" },
	{ "splice_is_refused", try_splice, EPERM, "splice" },
	{ "vmsplice_is_refused", try_vmsplice, EPERM, "vmsplice" },
	{ "setuid_is_refused", try_setuid, EPERM, "setuid" },
	{ "setgroups_is_refused", try_setgroups, EPERM, "setgroups" },
	{ "capset_is_refused", try_capset, EPERM, "capset" },
	{ "sethostname_is_refused", try_sethostname, EPERM, "sethostname" },
	{ "a_device_is_refused", try_mknod, EPERM, "mknodat" },
	{ "a_fifo_is_refused", try_mkfifo, EPERM, "mknodat" },
	{ "a_socket_file_is_refused", try_socket_file, EPERM, "mknodat" },
	{ "chown_is_refused", try_chown, EPERM, "chown" },
	{ "setpriority_is_refused", try_setpriority, EPERM, "setpriority" },
	{ "setaffinity_is_refused", try_setaffinity, EPERM, "sched_setaffinity" },
	{ "personality_may_be_asked", try_personality_ask, 0 },
	{ "personality_is_not_changed", try_personality_set, ENOSYS },
	{ "it_does_not_become_dumpable", try_dumpable, ENOSYS },
	{ "it_sets_no_death_signal", try_pdeathsig, ENOSYS },
	{ "prctl_loads_no_filter", try_prctl_seccomp, ENOSYS },
	{ "a_thread_may_be_named", try_prctl_name, 0 },
	{ "seccomp_is_refused_when_serving", try_seccomp, EPERM },
	{ "a_listener_is_refused", try_seccomp_listener, ENOSYS, .phase = PHASE_LOAD },
	{ "sendmsg_is_refused", try_sendmsg, EPERM },
	{ "recvmsg_is_refused", try_recvmsg, EPERM },
	{ "sendmsg_is_refused_when_loading", try_sendmsg, EPERM, .phase = PHASE_LOAD },
	{ "recvmsg_is_refused_when_loading", try_recvmsg, EPERM, .phase = PHASE_LOAD },
	{ "sendto_is_unknown", try_sendto, ENOSYS },
	{ "terminal_input_is_not_forged", try_tiocsti, ENOSYS },
	{ "terminal_input_is_not_forged_by_a_long_number", try_tiocsti_high_bit, ENOSYS },
	{ "pipe_sizes_are_not_changed", try_pipe_size, ENOSYS },
	{ "a_descriptor_gets_no_owner", try_set_owner, ENOSYS },
	{ "a_descriptor_gets_no_signal", try_set_signal, ENOSYS },
	{ "a_file_gets_no_lease", try_set_lease, ENOSYS },
	{ "a_folder_is_not_watched", try_notify, ENOSYS },
	{ "memory_may_be_mapped", try_map_data, 0 },
	{ "writable_code_is_refused", try_map_write_execute, EPERM },
	{ "anonymous_code_is_refused", try_map_execute, EPERM },
	{ "code_of_an_own_file_is_refused", try_map_own_file, EPERM },
	{ "data_does_not_become_code", try_mprotect_execute, EPERM },
	{ "writable_code_is_refused_when_loading", try_map_write_execute, EPERM, .phase = PHASE_LOAD },
	{ "anonymous_code_is_refused_when_loading", try_map_execute, EPERM, .phase = PHASE_LOAD },
	{ "code_of_an_own_file_is_refused_when_loading", try_map_own_file, EPERM, .phase = PHASE_LOAD },
	{ "data_does_not_become_code_when_loading", try_mprotect_execute, EPERM, .phase = PHASE_LOAD },
	{ "protection_keys_are_refused", try_pkey_mprotect, EPERM },
	{ "an_unknown_call_is_unknown", try_unknown_call, ENOSYS },
	{ "openat2_is_unknown", try_openat2, ENOSYS },
	{ "no_file_of_the_host", try_password_file, ENOENT },
	{ "no_file_of_the_host_by_climbing", try_climb, ENOENT },
	{ "no_proc", try_proc, ENOENT },
	{ "no_sys", try_sys, ENOENT },
	{ "no_devices", try_dev_null, ENOENT },
	{ "no_system_libraries", try_usr, ENOENT },
	{ "the_artifact_is_there_when_loading", try_artifact, 0, .phase = PHASE_LOAD },
	{ "the_artifact_is_not_written", try_artifact_write, EACCES, .phase = PHASE_LOAD },
	{ "the_artifact_is_gone_when_serving", try_artifact, ENOENT },
	{ "an_empty_root_is_not_written", try_root_write, EROFS },
	{ "tmp_is_written", try_tmp_write, 0 },
	{ "tmp_is_the_working_folder", try_relative_write, 0 },
	{ "tmp_has_a_size", try_tmp_fill, ENOSPC },
	{ "tmp_has_a_number_of_inodes", try_tmp_inodes, ENOSPC },
	{ "a_file_has_a_largest_size", try_file_size, EFBIG },
	{ "descriptors_are_limited", try_files, EMFILE },
	{ "a_limit_is_not_raised", try_limit_raise, EPERM },
#ifndef CFN_SANITIZERS
	{ "memory_is_limited", try_memory, ENOMEM },
#endif
	{ "a_shared_folder_is_written", try_root_write, 0, .world = WORLD_FOLDER },
	{ "a_read_only_folder_is_not", try_root_write, EROFS, .world = WORLD_READ_ONLY },
	{ "tmp_over_a_read_only_folder_is_written", try_tmp_write, 0, .world = WORLD_READ_ONLY },
	{ "a_folder_shows_no_file_of_the_host", try_password_file, ENOENT, .world = WORLD_FOLDER },
	{ "the_mount_of_tmp_is_not_renamed", try_rename_tmp, EBUSY, .world = WORLD_FOLDER },
	{ "the_mount_of_tmp_is_not_removed", try_remove_tmp, EBUSY, .world = WORLD_FOLDER },
	{ "a_link_in_a_folder_is_not_followed", try_symlink_out, ELOOP, .world = WORLD_FOLDER },
	{ "a_file_is_not_renamed_across_mounts", try_rename_across, EXDEV, .world = WORLD_FOLDER },
	{ "a_folder_gives_no_code", try_map_own_file, EPERM, .world = WORLD_FOLDER, .phase = PHASE_LOAD },
#ifdef __x86_64__
	{ "a_call_of_another_architecture_kills", try_i386_call, ENDED_BY_SIGNAL + SIGSYS },
	{ "an_x32_call_kills", try_x32_call, ENDED_BY_SIGNAL + SIGSYS },
#endif
};

const size_t attempt_n_cases = ARRAY_SIZE(attempt_cases);
