/* init.c - pid 1 of a function's sandbox: waits, and says how the payload ended.  In fresh mode it also is
 * the parent of each request's process: ends it when the router asks for that, says how it ended, and lets
 * nothing begin before /tmp is empty. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/scratch.h"
#include "ipc/start.h"
#include "worker/worker.h"

enum {
	WORDS_MAX = 8, /* of the zygote's processes at a time; an honest one has said one at most */
};

static uint64_t
microseconds(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

/* Waits for a child.  Its pid; 0: none has ended yet; -1: there is none. */
static pid_t
reap(int options, struct ending *ending)
{
	siginfo_t info = { 0 };
	struct rusage usage = { 0 };
	long rc;

	/* The system call, because waitid(3) has no usage. */
	do
		rc = syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | options, &usage);
	while (rc < 0 && errno == EINTR);
	*ending = (struct ending){ .code = info.si_code,
		                   .status = info.si_status,
		                   .cpu_us = microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime),
		                   .max_rss_kb = (uint64_t)usage.ru_maxrss };
	return rc < 0 ? -1 : info.si_pid;
}

/* The payload's end is init's: the kernel kills whatever is left here when pid 1 is gone. */
_Noreturn static void
end(const struct ending *ending)
{
	fd_write_all(WORKER_FD_ENDING, ending, sizeof *ending);
	_exit(0);
}

void
init_wait(void)
{
	struct ending ending;

	reap(0, &ending);
	end(&ending);
}

/* ---- fresh mode ---- */

struct init {
	const struct fresh *fresh;
	int signals;
	pid_t zygote;
	bool is_loaded; /* the zygote is: its processes may be made */
	pid_t running;  /* who has taken a request; 0: nobody */
	uint32_t number;
	int router; /* -1: its end is closed */
};

/* A sandbox that is not as it should be is replaced. */
_Noreturn static void
give_up(void)
{
	end(&(struct ending){ .code = CLD_EXITED, .status = 1 });
}

static void
empty_tmp(const struct init *i)
{
	struct stat now;

	if (fstat(i->fresh->tmp, &now) < 0 || (!scratch_is_clean(&i->fresh->scratch, &now) &&
	                                       scratch_empty(&i->fresh->scratch, i->fresh->tmp) < 0))
		give_up();
}

/* One byte, one process. */
static void
let_fork(const struct init *i)
{
	if (write(i->fresh->init, "", 1) < 0 && errno != EPIPE)
		give_up();
}

/* What cfn_init left in /tmp goes before the first request: no later one would find it. */
static void
loaded(struct init *i)
{
	i->is_loaded = true;
	empty_tmp(i);
	let_fork(i);
}

/* The sender's pid is the kernel's word. */
static pid_t
word_sender(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct ucred who;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
		return -1;
	memcpy(&who, CMSG_DATA(c), sizeof who);
	return who.pid;
}

/* False when there is none, or will be none any more. */
static bool
word_read(struct init *i)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct fresh_request word;
	struct iovec part = { &word, sizeof word };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	ssize_t n = recvmsg(i->fresh->init, &m, MSG_DONTWAIT);
	pid_t sender = n == sizeof word ? word_sender(&m) : -1;

	if (n <= 0)
		return false;
	if (sender == i->zygote && word.number == 0 && !i->is_loaded) {
		loaded(i);
	} else if (sender > 1 && word.number != 0) {
		i->running = sender;
		i->number = word.number;
	} else {
		give_up();
	}
	return true;
}

/* What they have said, in their order: who has ended below had said so before. */
static void
words_read(struct init *i)
{
	int n = 0;

	while (word_read(i))
		if (++n > WORDS_MAX)
			give_up();
}

static void
request_ended(struct init *i, const struct ending *ending)
{
	const struct fresh_ended told = { .number = i->number, .ending = *ending };

	i->running = 0;
	empty_tmp(i);
	/* One at a time: a request's process finds nobody whom it could hold up, and nobody finds it. */
	let_fork(i);
	if (i->router >= 0 && write(i->router, &told, sizeof told) < 0 && errno != EPIPE)
		give_up();
}

/* One that ends well without a request has seen the end of the requests, as the zygote will. */
static void
children_reap(struct init *i)
{
	struct ending ending;
	pid_t pid;

	while ((pid = reap(WNOHANG, &ending)) > 0) {
		words_read(i);
		if (pid == i->running)
			request_ended(i, &ending);
		else if (pid == i->zygote || ending.code != CLD_EXITED || ending.status != 0)
			end(&ending);
	}
	if (pid < 0)
		give_up();
}

/* The router asks only after the process has spoken to it, and it speaks to us first. */
static void
router_read(struct init *i)
{
	struct fresh_kill kill_it;
	ssize_t n = read(i->router, &kill_it, sizeof kill_it);

	if (n == 0)
		fd_close(&i->router);
	if (n != sizeof kill_it)
		return;
	words_read(i);
	if (i->running > 0 && i->number == kill_it.number)
		kill(i->running, SIGKILL);
}

static void
turn(struct init *i)
{
	struct pollfd fds[] = {
		{ i->signals, POLLIN, 0 },
		{ i->router, POLLIN, 0 },
		/* Later on its words are read when they matter: nobody is woken for them. */
		{ i->is_loaded ? -1 : i->fresh->init, POLLIN, 0 },
	};
	struct signalfd_siginfo info;

	if (poll(fds, sizeof fds / sizeof *fds, -1) < 0)
		return;
	if (fds[2].revents != 0)
		words_read(i);
	if (fds[1].revents != 0)
		router_read(i);
	if (fds[0].revents == 0 || read(i->signals, &info, sizeof info) < 0)
		return;
	children_reap(i);
}

int
init_signals(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

void
init_serve(const struct fresh *f, pid_t zygote)
{
	struct init i = { .fresh = f, .zygote = zygote, .router = WORKER_FD_ROUTER, .signals = f->signals };

	children_reap(&i);
	for (;;)
		turn(&i);
}
