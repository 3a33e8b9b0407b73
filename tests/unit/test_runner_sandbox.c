/* test_runner_sandbox.c - the sandbox of the runner's front: what a process in it may do, tried one by one.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/confine.h"
#include "sandbox/sandbox.h"
#include "sandbox_base.h"

static int
errno_of(long rc)
{
	return rc < 0 ? errno : 0;
}

static int
try_memory_file(void)
{
	struct err e;
	AUTO_FD fd = fd_sealed_memory("job", "x", 1, &e);

	return fd < 0 ? -fd : fd_check_sealed(fd) < 0 ? EPERM : 0;
}

static int
try_pair(void)
{
	int pair[2], rc = errno_of(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));

	if (rc == 0) {
		close(pair[0]);
		close(pair[1]);
	}
	return rc;
}

static int
try_datagram_pair(void)
{
	int pair[2];

	return errno_of(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int
try_database(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	AUTO_FD fd = open("/runs.db", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO_FD folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || folder < 0 || fcntl(fd, F_SETLK, &lock) < 0 || pwrite(fd, "x", 1, 100) != 1 ||
	    ftruncate(fd, 10) < 0 || fdatasync(fd) < 0 || fsync(folder) < 0)
		return errno;
	return errno_of(unlink("/runs.db"));
}

static int
try_temporary(void)
{
	AUTO_FD fd = open("/tmp/x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? errno : 0;
}

static int
try_epoll(void)
{
	struct epoll_event event;

	return errno_of(epoll_wait(3, &event, 1, 0));
}

static int
try_open(const char *path)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

static int
try_host_file(void)
{
	return try_open("/etc/passwd");
}

static int
try_above(void)
{
	return try_open("../../../../etc/passwd");
}

static int
try_proc(void)
{
	return try_open("/proc/self/status");
}

static int
try_exec(void)
{
	char *const argv[] = { NULL };

	return errno_of(execve("/bin/true", argv, argv));
}

static int
try_fork(void)
{
	return errno_of(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int
try_clone3(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	return errno_of(syscall(SYS_clone3, &args, sizeof args));
}

static int
try_socket(void)
{
	return errno_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
try_network(void)
{
	return errno_of(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_namespace(void)
{
	return errno_of(unshare(CLONE_NEWUSER));
}

static int
try_mount(void)
{
	return errno_of(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int
try_trace(void)
{
	return errno_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
try_signal(void)
{
	return errno_of(kill(1, 0));
}

static int
try_executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	               MAP_FAILED
	           ? errno
	           : 0;
}

static int
try_link(void)
{
	return errno_of(symlink("/", "/x"));
}

static int
try_mode(void)
{
	return errno_of(chmod("/tmp", 0777));
}

static int
try_filter(void)
{
	return errno_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static const struct {
	const char *name;
	int (*attempt)(void);
	int want;
} cases[] = {
	{ "makes a sealed memory file", try_memory_file, 0 },
	{ "makes a pair of streams", try_pair, 0 },
	{ "locks, writes and removes a file of its folder", try_database, 0 },
	{ "writes to /tmp", try_temporary, 0 },
	{ "waits for events", try_epoll, 0 },
	{ "makes no pair of datagrams", try_datagram_pair, ENOSYS },
	{ "opens no file of the host", try_host_file, ENOENT },
	{ "opens nothing above its folder", try_above, ENOENT },
	{ "has no /proc", try_proc, ENOENT },
	{ "executes nothing", try_exec, ENOSYS },
	{ "forks no process", try_fork, ENOSYS },
	{ "clones no process", try_clone3, ENOSYS },
	{ "makes no socket", try_socket, EACCES },
	{ "makes no socket of the network", try_network, EACCES },
	{ "makes no namespace", try_namespace, ENOSYS },
	{ "mounts nothing", try_mount, ENOSYS },
	{ "is traced by nobody", try_trace, ENOSYS },
	{ "signals nobody", try_signal, ENOSYS },
	{ "makes no memory executable", try_executable_memory, EPERM },
	{ "makes no link", try_link, ENOSYS },
	{ "changes no mode", try_mode, ENOSYS },
	{ "stays not dumpable", try_filter, ENOSYS },
};

static int folder;

/* Child: its exit status is the number of cases that went otherwise. */
static int
front_run(struct sandbox_process *p)
{
	const int keep[] = { STDOUT_FILENO, STDERR_FILENO, 3 };
	const struct confine_runner c = {
		.folder = folder, .keep = keep, .n_keep = ARRAY_SIZE(keep), .files = 64, .memory = 256 << 20
	};
	struct err e;
	int wrong = 0;

	if (dup2(epoll_create1(0), 3) != 3 || sandbox_await(p, &e) < 0)
		return 98;
	if (confine_runner(&c, &e) < 0) {
		dprintf(STDERR_FILENO, "# %s\n", e.text);
		return 97;
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int got = cases[i].attempt();

		if (got == cases[i].want)
			continue;
		dprintf(STDOUT_FILENO, "not ok - %s: %d instead of %d\n", cases[i].name, got, cases[i].want);
		wrong++;
	}
	return wrong;
}

static int
folder_open(char path[], struct err *e)
{
	char below[128];
	AUTO_FD above = -1;
	const uid_t uid = base_outside_id();

	snprintf(below, sizeof below, "%s/store", path);
	if (mkdir(below, 0700) < 0 || chown(below, uid, uid) < 0)
		return err_set(e, errno, "%s", below);
	above = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	strcat(below, "/tmp");
	if (above < 0 || mkdir(below, 0700) < 0)
		return err_set(e, errno, "%s", below);
	folder = sandbox_folder_open(above, "store", false, e);
	return folder;
}

static int
front_try(void)
{
	char path[] = "/tmp/cfn-runner-XXXXXX", command[64];
	struct sandbox_process p;
	struct err e = { 0 };
	int status = -1;
	pid_t pid;

	if (!mkdtemp(path) || folder_open(path, &e) < 0) {
		printf("# %s: %s\n", path, e.text);
		return 99;
	}
	fflush(NULL);
	pid = sandbox_clone(&sandbox_runner, -1, &p, &e);
	if (pid == 0)
		_exit(front_run(&p));
	if (pid > 0 && sandbox_release(&p, -1, base_outside_id(), base_outside_id(), &e) == 0)
		waitpid(pid, &status, 0);
	sandbox_process_done(&p);
	snprintf(command, sizeof command, "rm -rf '%s'", path);
	if (system(command) != 0 || status != 0)
		printf("# 0x%x %s\n", status, e.text);
	return status == 0 ? 0 : 1;
}

static int
all(void)
{
	return base_run(front_try);
}

static void
the_front_does_what_it_needs_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(base_as_everybody(all), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_front_does_what_it_needs_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
