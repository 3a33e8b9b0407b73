/* advice.c - what to do about a system call that a function was refused: data alone. */
#include "deploy-tool/advice.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/macros.h"

static const struct {
	const char *calls; /* with a space between them */
	const char *sentence;
} rows[] = {
	{ "socket connect bind listen accept accept4 setsockopt sendto recvfrom sendmsg recvmsg sendmmsg "
	  "recvmmsg",
	  "A function has no network; let the caller fetch what it needs and pass it in." },
	{ "fork vfork clone execve execveat socketpair",
	  "A function starts no process; use a thread, or a second function." },
	{ "clone3", "Harmless: the C library goes on with clone." },
	{ "rseq set_mempolicy sched_setaffinity sched_setscheduler sched_setattr sched_setparam setpriority "
	  "ioprio_set mbind migrate_pages move_pages",
	  "Where and when a function runs is the pool's to say." },
	{ "mmap mprotect pkey_mprotect",
	  "No memory that can be executed: switch the just-in-time compiler of a library off." },
	{ "memfd_create memfd_secret shmget shmat shmctl",
	  "Memory that no limit counts: use malloc, or a file in /tmp." },
	{ "mlock mlock2 mlockall", "Memory is not locked here; go on without." },
	{ "mq_open mq_unlink msgget msgsnd msgrcv msgctl semget semop semtimedop semctl",
	  "Nobody is there to talk to; keep state in the shared folder." },
	{ "inotify_init inotify_init1 fanotify_init", "Watch no files; look when a request comes." },
	{ "chown fchown lchown fchownat setuid setgid setreuid setregid setresuid setresgid setgroups "
	  "setfsuid "
	  "setfsgid capset",
	  "There is one user here, and no privilege to give up." },
	{ "mknod mknodat", "Make plain files and folders only." },
	{ "fcntl ioctl prctl personality", "Refused for this argument only; others are allowed." },
	{ "splice tee vmsplice", "Copy with read and write, or with sendfile." },
	{ "io_uring_setup io_uring_enter io_uring_register io_setup io_submit",
	  "Use read and write; a request has a worker of its own." },
	{ "pidfd_open pidfd_getfd pidfd_send_signal ptrace process_vm_readv process_vm_writev "
	  "process_madvise kcmp",
	  "There is no other process to look at." },
	{ "mount umount2 pivot_root chroot setns unshare fsopen fsmount fsconfig fspick open_tree move_mount "
	  "mount_setattr open_by_handle_at name_to_handle_at bpf perf_event_open userfaultfd keyctl add_key "
	  "request_key init_module finit_module delete_module kexec_load kexec_file_load reboot swapon "
	  "swapoff acct "
	  "quotactl quotactl_fd syslog iopl ioperm modify_ldt settimeofday clock_settime clock_adjtime "
	  "adjtimex "
	  "sethostname setdomainname vhangup lookup_dcookie seccomp",
	  "A function has no business with it: find out who calls it." },
	{ "xattr getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr",
	  "Extended attributes are not kept; go on without." },
};

static bool
has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; (at = strstr(at, word)) != NULL; at += n)
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

const char *
advice_for(const char *call)
{
	if (*call == '\0' || strchr(call, ' ') != NULL)
		return "";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (has_word(rows[i].calls, call))
			return rows[i].sentence;
	return "";
}
