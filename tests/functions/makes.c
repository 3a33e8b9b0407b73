/* makes.c - tries to make a thread and a process, and to reach other ones; the answer is what it met, by
 * name. It names nothing that makes threads: what it needs for that it finds at run time. */
#define _GNU_SOURCE
#include <cfn.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

CFN_EXPORT cfn_handler makes;

enum { LOADED = 2 }; /* pid of whoever was loaded: init is 1 */

/* The first byte of the name is another one in the file. */
static void *
find(const char *hidden)
{
	char name[32];

	strcpy(name, hidden);
	name[0]++;
	return dlsym(RTLD_DEFAULT, name);
}

static long
by_number(long number, long a, long b, long c)
{
	long (*call)(long, ...);
	void *found = find("ryscall");

	memcpy(&call, &found, sizeof call);
	return call(number, a, b, c, 0, 0) < 0 ? errno : 0;
}

static void *
nothing(void *argument)
{
	return argument;
}

static long
thread(void)
{
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void *found = find("othread_create");
	pthread_t made;
	int rc;

	memcpy(&create, &found, sizeof create);
	rc = create(&made, NULL, nothing, NULL);
	if (rc == 0)
		pthread_join(made, NULL);
	return rc;
}

static long
sibling(void)
{
	pid_t me = getpid();
	long rc = by_number(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0);

	if (getpid() != me)
		_exit(0);
	return rc;
}

static long
signal_to(pid_t pid)
{
	return kill(pid, SIGUSR1) < 0 ? errno : 0;
}

static long
limit_of_loaded(void)
{
	const struct rlimit limit = { 17, 17 };

	return prlimit(LOADED, RLIMIT_SIGPENDING, &limit, NULL) < 0 ? errno : 0;
}

static long
own_limit(void)
{
	const struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	return setrlimit(RLIMIT_NPROC, &limit) < 0 ? errno : 0;
}

static long
message(void)
{
	struct msghdr m = { 0 };

	return recvmsg(1, &m, 0) < 0 ? errno : 0;
}

int
makes(cfn_request *q, cfn_response *r)
{
	const struct {
		const char *name;
		long met;
	} acts[] = {
		{ "own_limit", own_limit() },
		{ "thread", thread() },
		{ "sibling", sibling() },
		{ "loaded", signal_to(LOADED) },
		{ "init", signal_to(1) },
		{ "group", signal_to(0) },
		{ "all", signal_to(-1) },
		{ "thread_of_loaded", by_number(SYS_tgkill, LOADED, LOADED, SIGUSR1) },
		{ "any_thread", by_number(SYS_tkill, LOADED, SIGUSR1, 0) },
		{ "high_bits", by_number(SYS_kill, (long)(1ULL << 32 | LOADED), SIGUSR1, 0) },
		{ "own", signal(SIGUSR1, SIG_IGN) == SIG_ERR ? errno : signal_to(getpid()) },
		{ "limit", limit_of_loaded() },
		{ "program", by_number(SYS_seccomp, 1, 0, 0) },
		{ "message", message() },
	};

	(void)q;
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		cfn_printf(r, "%s %s\n", acts[i].name, acts[i].met ? strerrorname_np((int)acts[i].met) : "-");
	return 200;
}
