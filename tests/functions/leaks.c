/* leaks.c - every way in which one request could leave something that the next one finds.
 *
 * ?leave=1 leaves it all; without it the names of what is found are the answer.  What cfn_init made is there
 * for all requests to meet in. */
#define _GNU_SOURCE
#include <cfn.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

CFN_EXPORT cfn_handler leaks;

enum { LOADED = 2, DESCRIPTOR = 40, SIZE = 4096 }; /* pid of whoever was loaded: init is 1 */

static volatile sig_atomic_t n_signals;
static int number, pipe_ends[2] = { -1, -1 }, event = -1, file = -1;
static char *heap, *shared, *shared_file, *private_file;

static void
on_signal(int signal_number)
{
	(void)signal_number;
	n_signals++;
}

static char *
map(int flags, int fd)
{
	char *p = mmap(NULL, SIZE, PROT_READ | (flags & MAP_SHARED ? PROT_WRITE : 0), flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int
cfn_init(void)
{
	heap = calloc(1, SIZE);
	event = eventfd(0, EFD_NONBLOCK);
	file = open("/tmp/kept", O_RDWR | O_CREAT, 0600);
	if (!heap || event < 0 || file < 0 || ftruncate(file, SIZE) < 0 || pipe2(pipe_ends, O_NONBLOCK) < 0)
		return -1;
	shared = map(MAP_SHARED | MAP_ANONYMOUS, -1);
	shared_file = map(MAP_SHARED, file);
	private_file = map(MAP_PRIVATE, file);
	signal(SIGUSR1, on_signal);
	return 0;
}

/* Each pair: leave it; is it there? */
static void
leave_static(void)
{
	number = 1;
}

static bool
find_static(void)
{
	return number != 0;
}

static void
leave_heap(void)
{
	heap[0] = 'x';
}

static bool
find_heap(void)
{
	return heap[0] != 0;
}

static void
leave_environment(void)
{
	setenv("LEFT", "1", 1);
}

static bool
find_environment(void)
{
	return getenv("LEFT") != NULL;
}

static void
leave_tmp(void)
{
	close(open("/tmp/left", O_WRONLY | O_CREAT, 0600));
	mkdir("/tmp/folder", 0);
}

static bool
find_tmp(void)
{
	return access("/tmp/left", F_OK) == 0 || access("/tmp/folder", F_OK) == 0 ||
	       access("/tmp/kept", F_OK) == 0;
}

static void
leave_tmp_mode(void)
{
	chmod("/tmp", 0711);
}

static bool
find_tmp_mode(void)
{
	struct stat st;

	return stat("/tmp", &st) < 0 || (st.st_mode & 07777) != 0700;
}

static void
leave_tmp_time(void)
{
	const struct timespec times[] = { { 1000, 0 }, { 1000, 0 } };

	utimensat(AT_FDCWD, "/tmp", times, 0);
}

static bool
find_tmp_time(void)
{
	struct stat st;

	return stat("/tmp", &st) < 0 || st.st_mtim.tv_sec == 1000 || st.st_atim.tv_sec == 1000;
}

static void
leave_descriptor(void)
{
	dup2(1, DESCRIPTOR);
}

static bool
find_descriptor(void)
{
	return fcntl(DESCRIPTOR, F_GETFD) >= 0;
}

static void
leave_folder(void)
{
	(void)!chdir("/");
}

static bool
find_folder(void)
{
	char path[64];

	return !getcwd(path, sizeof path) || strcmp(path, "/tmp") != 0;
}

static void
leave_umask(void)
{
	umask(0);
}

static bool
find_umask(void)
{
	return umask(077) != 077;
}

static void
leave_handler(void)
{
	signal(SIGUSR2, on_signal);
}

static bool
find_handler(void)
{
	struct sigaction action;

	return sigaction(SIGUSR2, NULL, &action) < 0 || action.sa_handler == on_signal;
}

static void
leave_mask(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool
find_mask(void)
{
	sigset_t set;

	return sigprocmask(SIG_SETMASK, NULL, &set) < 0 || sigismember(&set, SIGWINCH);
}

static void
leave_timer(void)
{
	const struct itimerval later = { .it_value = { .tv_sec = 1000 } };

	setitimer(ITIMER_REAL, &later, NULL);
}

static bool
find_timer(void)
{
	struct itimerval timer;

	return getitimer(ITIMER_REAL, &timer) < 0 || timer.it_value.tv_sec != 0;
}

static void
leave_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 4321;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static bool
find_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == 4321;
}

static void
leave_limit_of_loaded(void)
{
	const struct rlimit limit = { 17, 17 };

	prlimit(LOADED, RLIMIT_SIGPENDING, &limit, NULL);
}

static bool
find_limit_of_loaded(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_SIGPENDING, &limit) < 0 || limit.rlim_max == 17;
}

static void
leave_signal_to_loaded(void)
{
	kill(LOADED, SIGUSR1);
	tgkill(LOADED, LOADED, SIGUSR1);
}

static bool
find_signal_to_loaded(void)
{
	return n_signals > 0;
}

static void
leave_flags(void)
{
	fcntl(1, F_SETFL, O_NONBLOCK);
}

static bool
find_flags(void)
{
	return (fcntl(1, F_GETFL) & O_NONBLOCK) != 0;
}

static void
leave_lock(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10 };

	fcntl(2, F_OFD_SETLK, &lock);
}

static bool
find_lock(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10 };

	return fcntl(2, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static void
leave_name(void)
{
	prctl(PR_SET_NAME, "left");
}

static bool
find_name(void)
{
	char name[16];

	return prctl(PR_GET_NAME, name) < 0 || strcmp(name, "left") == 0;
}

static void
leave_pipe(void)
{
	(void)!write(pipe_ends[1], "x", 1);
}

static bool
find_pipe(void)
{
	int n = 0;

	return ioctl(pipe_ends[0], FIONREAD, &n) == 0 && n > 0;
}

static void
leave_event(void)
{
	eventfd_write(event, 1);
}

static bool
find_event(void)
{
	eventfd_t value;

	return eventfd_read(event, &value) == 0;
}

static void
leave_offset(void)
{
	(void)!pwrite(file, "secret", 6, 0);
	lseek(file, 3, SEEK_SET);
}

static bool
find_offset(void)
{
	return lseek(file, 0, SEEK_CUR) == 3;
}

static void
leave_shared(void)
{
	if (shared)
		shared[0] = 'x';
}

static bool
find_shared(void)
{
	return shared && shared[0] != 0;
}

static void
leave_shared_file(void)
{
	if (shared_file)
		shared_file[1000] = 'x';
}

static bool
find_shared_file(void)
{
	return shared_file && shared_file[1000] != 0;
}

static void
leave_private_file(void)
{
	int fd = open("/tmp/kept", O_WRONLY);

	(void)!pwrite(fd >= 0 ? fd : file, "x", 1, 2000);
	close(fd);
}

static bool
find_private_file(void)
{
	return private_file && private_file[2000] != 0;
}

/* Of a descriptor's pipe, which all processes of a worker have. */
static void
leave_on(int fd, mode_t mode)
{
	const struct timespec times[] = { { 1000, 0 }, { 1000, 0 } };

	fchmod(fd, mode);
	futimens(fd, times);
}

static bool
find_on(int fd, mode_t mode)
{
	struct stat st;

	return fstat(fd, &st) < 0 || (st.st_mode & 07777) == mode || st.st_mtim.tv_sec == 1000 ||
	       st.st_atim.tv_sec == 1000;
}

static void
leave_input(void)
{
	leave_on(0, 0123);
}

static bool
find_input(void)
{
	return find_on(0, 0123);
}

static void
leave_output(void)
{
	leave_on(1, 0321);
}

static bool
find_output(void)
{
	return find_on(1, 0321);
}

#define CHANNEL(name)                                                                                        \
	{                                                                                                    \
#name, leave_##name, find_##name                                                             \
	}
static const struct {
	const char *name;
	void (*leave)(void);
	bool (*find)(void);
} channels[] = {
	CHANNEL(static),
	CHANNEL(heap),
	CHANNEL(environment),
	CHANNEL(tmp),
	CHANNEL(tmp_mode),
	CHANNEL(tmp_time),
	CHANNEL(descriptor),
	CHANNEL(folder),
	CHANNEL(umask),
	CHANNEL(handler),
	CHANNEL(mask),
	CHANNEL(timer),
	CHANNEL(limit),
	CHANNEL(limit_of_loaded),
	CHANNEL(signal_to_loaded),
	CHANNEL(flags),
	CHANNEL(lock),
	CHANNEL(input),
	CHANNEL(output),
	CHANNEL(name),
	CHANNEL(pipe),
	CHANNEL(event),
	CHANNEL(offset),
	CHANNEL(shared),
	CHANNEL(shared_file),
	CHANNEL(private_file),
};

int
leaks(cfn_request *q, cfn_response *r)
{
	bool leaves = cfn_query(q, "leave") != NULL;

	for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
		if (leaves)
			channels[i].leave();
		else if (channels[i].find())
			cfn_printf(r, "%s ", channels[i].name);
	}
	return cfn_printf(r, "%s\n", leaves ? "left" : ".") < 0 ? 500 : 200;
}
