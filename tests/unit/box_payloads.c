/* box_payloads.c - tests of boxes: what their payloads do. */
#include "box_payloads.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"

/* Never changed: an endless loop is one to every compiler. */
static volatile int is_on = 1;

static int
run_exit(void)
{
	return 3;
}

static int
run_crash(void)
{
	signal(SIGSEGV, SIG_DFL); /* sanitizers catch it */
	raise(SIGSEGV);
	return 0;
}

static void
hold(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(errno);
	memset(p, 1, size);
}

/* More than the limit in one process. */
static int
run_memory_one(void)
{
	hold(2 * PAYLOAD_MEMORY);
	return 0;
}

/* Together more than the limit, each within it. */
static int
run_memory_many(void)
{
	for (int i = 0; i < PAYLOAD_PROCESSES - 2; i++)
		if (fork() == 0) {
			hold(PAYLOAD_MEMORY / 4);
			pause();
		}
	pause();
	return 0;
}

static void *
hold_and_stay(void *unused)
{
	hold(PAYLOAD_MEMORY / 5 * 2);
	pause();
	return unused;
}

/* As above, by threads whose process's first one has ended. */
static int
run_memory_leaderless(void)
{
	pthread_t thread;

	for (int i = 0; i < PAYLOAD_PROCESSES / 2 - 1; i++)
		if (fork() == 0) {
			pthread_create(&thread, NULL, hold_and_stay, NULL);
			syscall(SYS_exit, 0);
		}
	pause();
	return 0;
}

/* Addresses that are only read cost nothing but the tables of them. */
static int
run_memory_tables(void)
{
	const size_t size = (size_t)PAYLOAD_MEMORY * 640, step = 2 << 20;
	volatile char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return errno;
	for (size_t at = 0; at < size; at += step)
		(void)p[at];
	pause();
	return 0;
}

/* Shared pages are nobody's: they stay when no process shows them any more. */
static int
run_memory_shared(void)
{
	void *p = mmap(NULL, PAYLOAD_MEMORY / 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

/* Pages that an administrator set aside, and that memory's cgroup does not count either. */
static int
run_memory_huge(void)
{
	void *p = mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

/* Shared memory by another door. */
static int
run_memory_zero(void)
{
	return open("/dev/zero", O_RDWR) < 0 ? errno : 0;
}

static int
run_fork_bomb(void)
{
	while (is_on)
		fork();
	return 0;
}

static int
run_count_forks(void)
{
	int n = 1;

	while (fork() > 0)
		n++;
	if (n > 1 && errno == EAGAIN)
		return n;
	pause();
	return 0;
}

static int
run_loop(void)
{
	while (is_on)
		;
	return 0;
}

static int
run_loop_in_children(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			run_loop();
	while (is_on)
		pause();
	return 0;
}

static int
run_sleep(void)
{
	while (is_on)
		pause();
	return 0;
}

static int
run_stop(void)
{
	raise(SIGSTOP);
	return 0;
}

static int
write_out(size_t n)
{
	static char data[PAYLOAD_OUTPUT + 1];

	memset(data, 'x', sizeof data);
	return write(1, data, n) == (ssize_t)n ? 0 : 1;
}

static int
run_output_at_limit(void)
{
	return write_out(PAYLOAD_OUTPUT);
}

static int
run_output_past_limit(void)
{
	return write_out(PAYLOAD_OUTPUT + 1);
}

static int
run_flood(void)
{
	while (write_out(PAYLOAD_OUTPUT) == 0)
		;
	return 0;
}

static int
run_fill_disk(void)
{
	char data[4096] = "";
	int fd = open("big", O_CREAT | O_WRONLY, 0600), other = open("/tmp/big", O_CREAT | O_WRONLY, 0600);
	size_t sum = 0;

	signal(SIGXFSZ, SIG_IGN);
	while (write(fd, data, sizeof data) > 0)
		sum += sizeof data;
	while (write(other, data, sizeof data) > 0)
		sum += sizeof data;
	return sum <= PAYLOAD_DISK ? errno : 1;
}

static int
run_fill_inodes(void)
{
	char name[32];

	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof name, "%d", i);
		if (mkdir(name, 0700) < 0)
			return errno;
	}
	return 0;
}

/* A grandchild that has left the session, ignores what it can, is stopped, and holds the output. */
static int
run_leave_stopped(void)
{
	if (fork() == 0) {
		setsid();
		for (int sig = 1; sig < NSIG; sig++)
			signal(sig, SIG_IGN);
		raise(SIGSTOP);
		while (is_on)
			pause();
	}
	usleep(20000);
	return 0;
}

static int
run_close_all(void)
{
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	return 4;
}

static int
run_kill_all(void)
{
	kill(-1, SIGKILL);
	kill(1, SIGKILL);
	kill(1, SIGSTOP);
	return 5;
}

static int
run_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int
run_host_file(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int
run_system_write(void)
{
	return open("/usr/lib/x", O_CREAT | O_WRONLY, 0600) < 0 ? errno : 0;
}

static int
run_own_program(void)
{
	int fd = open("program", O_CREAT | O_WRONLY, 0700);

	if (fd < 0 || write(fd, "#!/bin/sh\n", 10) != 10)
		return 1;
	close(fd);
	execl("/work/program", "program", (char *)NULL);
	return errno;
}

static int
run_unshare(void)
{
	return syscall(SYS_unshare, 0x10000000) < 0 ? errno : 0;
}

static int
run_identity(void)
{
	char folder[64];

	return getuid() == 1000 && getgid() == 1000 && getpid() == 2 && getcwd(folder, sizeof folder) &&
	               strcmp(folder, "/work") == 0 && getenv("ONLY") && !getenv("HOME")
	           ? 0
	           : 1;
}

static int
run_copy_file(void)
{
	char data[64];
	int fd = open("a/b.txt", O_RDONLY);
	ssize_t n = read(fd, data, sizeof data);

	return n < 0 || write(1, data, (size_t)n) != n;
}

static int
put(const char *path, size_t n)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	int rc = fd < 0 || write(fd, "content", 7) != 7 || (n > 7 && ftruncate(fd, (off_t)n) < 0);

	close(fd);
	return rc;
}

/* All but the first two must not come out: "at" has exactly the size allowed, "past" one more. */
static int
run_make_files(void)
{
	return put("plain", 7) || put("at", 1000) || put("past", 1001) || symlink("plain", "link") ||
	       put("other", 7) || link("other", "hard") || mkdir("folder", 0700) || put("folder/in", 7) ||
	       symlink("folder", "way") || symlink("/usr/lib", "host");
}

/* Files that change after the payload ended are a race that the collector must not run. */
static int
run_leave_writer(void)
{
	if (fork() == 0)
		while (is_on) {
			unlink("plain");
			if (symlink("/dev/urandom", "plain") == 0)
				unlink("plain");
			put("plain", 7);
		}
	usleep(20000);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} payloads[] = {
	{ "exit", run_exit },
	{ "crash", run_crash },
	{ "memory_one", run_memory_one },
	{ "memory_many", run_memory_many },
	{ "memory_leaderless", run_memory_leaderless },
	{ "memory_tables", run_memory_tables },
	{ "memory_shared", run_memory_shared },
	{ "memory_zero", run_memory_zero },
	{ "memory_huge", run_memory_huge },
	{ "fork_bomb", run_fork_bomb },
	{ "count_forks", run_count_forks },
	{ "loop", run_loop },
	{ "loop_in_children", run_loop_in_children },
	{ "sleep", run_sleep },
	{ "stop", run_stop },
	{ "output_at_limit", run_output_at_limit },
	{ "output_past_limit", run_output_past_limit },
	{ "flood", run_flood },
	{ "fill_disk", run_fill_disk },
	{ "fill_inodes", run_fill_inodes },
	{ "leave_stopped", run_leave_stopped },
	{ "close_all", run_close_all },
	{ "kill_all", run_kill_all },
	{ "socket", run_socket },
	{ "host_file", run_host_file },
	{ "system_write", run_system_write },
	{ "own_program", run_own_program },
	{ "unshare", run_unshare },
	{ "identity", run_identity },
	{ "copy_file", run_copy_file },
	{ "make_files", run_make_files },
	{ "leave_writer", run_leave_writer },
};

int
payload_main(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++)
		if (strcmp(payloads[i].name, name) == 0)
			return payloads[i].run();
	return 90;
}
