/* fresh.c - a new process for every request: the zygote has loaded the function and forks; each child takes
 * one request, which it shares nothing with, and ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/message.h"
#include "ipc/start.h"
#include "worker/worker.h"

enum {
	FORK_AGAIN_MS = 20,          /* after EAGAIN: the last request's threads are still there */
	FD_LINK = WORKER_FD_CHANNEL, /* the zygote's end, after the report channel is closed */
	FDS_SHARED = 3,              /* 0 to 2: open files of all the children */
};

_Static_assert((int)FILTER_REQUESTS_FD == (int)WORKER_FD_REQUESTS, "recvmsg is for requests alone");

/* How they looked before any request: started by an ordinary user, a function owns their pipes, and could
 * write to the next one with mode and times. */
static struct {
	struct stat st;
	bool is_own;
} shared[FDS_SHARED];

/* What the C library tells the kernel about a new process in fork(3), which cannot name its parent. */
static struct {
	int *tid;
	void *robust;
	size_t robust_size;
} library;

static void
library_remember(void)
{
	int *tid = NULL;

	/* Where it is not known, nothing but locks shared between processes would notice. */
	if (prctl(PR_GET_TID_ADDRESS, &tid) == 0 && tid && *tid == gettid())
		library.tid = tid;
	if (syscall(SYS_get_robust_list, 0, &library.robust, &library.robust_size) < 0)
		library.robust = NULL;
}

pid_t
fork_sibling(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid != 0)
		return pid;
	if (library.tid)
		*library.tid = (int)syscall(SYS_set_tid_address, library.tid);
	if (library.robust)
		syscall(SYS_set_robust_list, library.robust, library.robust_size);
	return 0;
}

static int
make_link(struct fresh *f, struct err *e)
{
	const int on = 1;
	int pair[2], rc = message_pair(pair, e);

	if (rc < 0)
		return rc;
	f->init = pair[0];
	f->zygote = pair[1];
	if (setsockopt(f->init, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
		return err_set(e, errno, "SO_PASSCRED");
	return 0;
}

int
fresh_prepare(struct fresh *f, uint64_t tmp_inodes, struct err *e)
{
	int rc = make_link(f, e);

	if (rc < 0)
		return rc;
	f->tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->tmp < 0)
		return err_set(e, errno, "open '/tmp'");
	rc = scratch_init(&f->scratch, f->tmp, tmp_inodes);
	if (rc == 0)
		rc = fd_set_blocking(WORKER_FD_ROUTER, 0);
	library_remember();
	return rc < 0 ? err_set(e, -rc, "prepare /tmp") : 0;
}

/* ---- a request's process ---- */

/* Its socket; -1 at the end of the requests. */
static int
take_request(struct fresh_request *request)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { request, sizeof *request };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do
		n = recvmsg(WORKER_FD_REQUESTS, &m, 0);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		_exit(0);
	c = CMSG_FIRSTHDR(&m);
	if (n != sizeof *request || !c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		_exit(1);
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

static void
remember_shared(void)
{
	for (int fd = 0; fd < FDS_SHARED; fd++) {
		if (fstat(fd, &shared[fd].st) < 0)
			_exit(1);
		shared[fd].is_own = shared[fd].st.st_uid == geteuid();
	}
}

/* What an earlier one set of them or locked is still there.  Who does not own a pipe could not change its
 * mode and times either. */
static void
restore_shared(void)
{
	struct flock none = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	for (int fd = 0; fd < FDS_SHARED; fd++) {
		const struct timespec times[] = { shared[fd].st.st_atim, shared[fd].st.st_mtim };

		fcntl(fd, F_SETFL, 0);
		fcntl(fd, F_OFD_SETLK, &none);
		if (shared[fd].is_own && fchmod(fd, shared[fd].st.st_mode & 07777) == 0)
			futimens(fd, times);
	}
}

/* Init hears of it first: it has to know whom to end when the router has heard of it. */
static void
say_taken(const struct fresh_request *request, int requests)
{
	if (write(FD_LINK, request, sizeof *request) < 0 ||
	    write(WORKER_FD_REQUESTS, request, sizeof *request) < 0 || dup2(requests, WORKER_FD_REQUESTS) < 0)
		_exit(1);
	close_range(FD_LINK, ~0U, 0);
}

_Noreturn static void
be_request(struct worker *w, struct function *f)
{
	struct fresh_request request;
	struct err e;

	say_taken(&request, take_request(&request));
	restore_shared();
	if (!w->is_alone && sandbox_enter(w->sandbox, SANDBOX_REQUEST, &e) < 0)
		_exit(1);
	serve_one(f, WORKER_FD_REQUESTS);
	_exit(0);
}

/* ---- the zygote ---- */

/* Only memory is handed on: an open file would be one for all requests. */
static void
close_all(const struct worker *w)
{
	fflush(NULL);
	if (dup2(w->fresh.zygote, FD_LINK) < 0)
		_exit(1);
	close_range(FD_LINK + 1, ~0U, 0);
}

/* More processes asked for; -1 at the end of the requests. */
static int
wait_word(int timeout_ms)
{
	struct pollfd fds[] = { { FD_LINK, POLLIN, 0 }, { WORKER_FD_REQUESTS, 0, 0 } };
	char byte;

	if (poll(fds, sizeof fds / sizeof *fds, timeout_ms) <= 0)
		return 0;
	if (fds[1].revents != 0 || read(FD_LINK, &byte, 1) != 1)
		return -1;
	return 1;
}

void
fresh_serve(struct worker *w, struct function *f)
{
	const struct fresh_request is_loaded = { 0 };
	int n_wanted = 0, more;

	close_all(w);
	remember_shared();
	if (write(FD_LINK, &is_loaded, sizeof is_loaded) < 0)
		return;
	while ((more = wait_word(n_wanted > 0 ? FORK_AGAIN_MS : -1)) >= 0) {
		pid_t pid = 1;

		n_wanted += more;
		while (n_wanted > 0 && (pid = fork_sibling()) > 0)
			n_wanted--;
		if (pid == 0)
			be_request(w, f);
	}
}
